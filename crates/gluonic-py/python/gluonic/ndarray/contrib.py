"""What `mx.nd` has under `contrib`."""

from .._gluonic import ops
from .._supported import attribute
from ._function import finish

__all__ = ["arange_like", "boolean_mask", "div_sqrt_dim", "isfinite", "isinf", "isnan"]


def arange_like(data, start=0.0, step=1.0, repeat=1, ctx=None, axis=None):
    """`start`, `start + step`, …: as many as `data` has elements, or as an axis is long."""
    n = data.size if axis is None else data.shape[axis]
    np = type(data).__name__ == "ndarray"
    row = ops.arange(start, start + step * (-(-n // repeat)), step, repeat, "float32", ctx, np)
    return row if axis is not None else ops.reshape(row, data.shape)


def boolean_mask(data, index, axis=0):
    """The parts of an axis where `index` is not 0."""
    return ops.rows_where(data, index, axis)


def div_sqrt_dim(data, out=None):
    """`data` divided by the square root of the last axis' size."""
    return finish(data / data.shape[-1] ** 0.5, out)


def isnan(data):
    """1 where an element is NaN, else 0."""
    return ops.isnan(data)


def isinf(data):
    """1 where an element is infinite, else 0."""
    return ops.isinf(data)


def isfinite(data):
    """1 where an element is a finite number, else 0."""
    return ops.isfinite(data)


def __getattr__(name):
    return attribute("nd.contrib", __name__, name)
