"""Gluon: blocks, parameters, layers."""

from . import contrib, data, loss, nn, rnn, utils
from .block import Block, HybridBlock, SymbolBlock
from .parameter import Constant, DeferredInitializationError, Parameter, ParameterDict
from .trainer import Trainer

__all__ = [
    "Block",
    "Constant",
    "DeferredInitializationError",
    "HybridBlock",
    "Parameter",
    "ParameterDict",
    "SymbolBlock",
    "Trainer",
    "contrib",
    "data",
    "loss",
    "nn",
    "rnn",
    "utils",
]


def __getattr__(name):
    if name == "model_zoo":
        from ..mxnet._missing import missing_below

        return missing_below(__name__, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
