"""Rules that change parameters by their gradients."""

from . import native, optimizer
from .native import *
from .optimizer import *

__all__ = ["optimizer"] + native.__all__ + optimizer.__all__
