"""Rules that change parameters by their gradients."""

from . import native, optimizer
from .native import *
from .optimizer import *

__all__ = ["optimizer"] + native.__all__ + optimizer.__all__

# Where MXNet has them: classes print, and are imported, by their modules.
for _class in tuple(Optimizer.opt_registry.values()):
    _class.__module__ = optimizer.__name__
    setattr(optimizer, _class.__name__, _class)
