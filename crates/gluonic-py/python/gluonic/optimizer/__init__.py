"""Rules that change parameters by their gradients."""

from . import optimizer
from .native import (
    FTML,
    LAMB,
    LARS,
    NAG,
    SGD,
    SGLD,
    AdaDelta,
    Adafactor,
    AdaGrad,
    Adam,
    Adamax,
    AdamW,
    Ftrl,
    Lion,
    Nadam,
    RMSProp,
    Signum,
    ccSGD,
)
from .optimizer import Optimizer, Updater, create, get_updater, register

# Where MXNet has them: classes print, and are imported, by their modules.
for _class in tuple(Optimizer.opt_registry.values()):
    _class.__module__ = optimizer.__name__
    setattr(optimizer, _class.__name__, _class)

__all__ = [
    "FTML",
    "LAMB",
    "LARS",
    "NAG",
    "SGD",
    "SGLD",
    "AdaDelta",
    "AdaGrad",
    "Adafactor",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSProp",
    "Signum",
    "Updater",
    "ccSGD",
    "create",
    "get_updater",
    "optimizer",
    "register",
]
