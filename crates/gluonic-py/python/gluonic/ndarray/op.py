"""The same functions as `mx.nd`, as `mx.nd.op`."""

from .._supported import attribute
from .elementwise import *
from .layers import *
from .linear import *
from .positions import *
from .reduction import *
from .shape import *
from . import elementwise, layers, linear, positions, reduction, shape

__all__ = [
    name
    for module in (elementwise, layers, linear, positions, reduction, shape)
    for name in module.__all__
]


def __getattr__(name):
    return attribute("nd.op", __name__, name)
