"""Layers."""

from ..block import Block, HybridBlock
from .basic_layers import Dense, HybridSequential, Sequential

__all__ = ["Block", "Dense", "HybridBlock", "HybridSequential", "Sequential"]
