"""Gluon: blocks, parameters, layers."""

from . import contrib, loss, nn, rnn
from .block import Block, HybridBlock, SymbolBlock
from .parameter import Constant, DeferredInitializationError, Parameter, ParameterDict

__all__ = [
    "Block",
    "Constant",
    "DeferredInitializationError",
    "HybridBlock",
    "Parameter",
    "ParameterDict",
    "SymbolBlock",
    "contrib",
    "loss",
    "nn",
    "rnn",
]
