"""Layers."""

from ..block import Block, HybridBlock, SymbolBlock
from . import activations, attention, basic_layers, containers, conv_layers
from .activations import *
from .attention import *
from .basic_layers import *
from .containers import *
from .conv_layers import *
from .pool_layers import *  # type checkers do not find them in conv_layers

_PARTS = (activations, attention, basic_layers, containers, conv_layers)

__all__ = ["Block", "HybridBlock", "SymbolBlock"]
__all__ += sorted({name for part in _PARTS for name in part.__all__})  # some are in two

# Where MXNet has these: classes print, and are imported, by their modules.
for _class in (
    BatchNorm,
    BatchNormReLU,
    GroupNorm,
    HybridSequential,
    InstanceNorm,
    LayerNorm,
    Sequential,
):
    _class.__module__ = basic_layers.__name__
    setattr(basic_layers, _class.__name__, _class)
