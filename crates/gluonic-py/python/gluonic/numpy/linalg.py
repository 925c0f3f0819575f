"""Linear algebra of `mx.np`."""

import numpy as _numpy

from .._gluonic import ops
from .._supported import attribute

__all__ = ["norm"]


def norm(x, ord=None, axis=None, keepdims=False):
    """The norm over axes, or of all elements: Euclidean, or of absolute values with `ord=1` over one
    axis, or the largest with `inf`."""
    axes = axis if axis is None or isinstance(axis, int) else tuple(axis)
    one = isinstance(axes, int) or (axes is None and x.ndim <= 1)
    if _numpy.dtype(x.dtype).kind in "iub":
        x = ops.cast(x, "float32")
    if ord is None or ord == "fro" or (ord == 2 and one):
        return ops.norm(x, 2, axes, bool(keepdims))
    if one and ord == 1:
        return ops.norm(x, 1, axes, bool(keepdims))
    if one and ord in (float("inf"), "inf"):
        return ops.max(ops.abs(x), axes, bool(keepdims))
    if one and ord in (float("-inf"), "-inf"):
        return ops.min(ops.abs(x), axes, bool(keepdims))
    if one and isinstance(ord, (int, float)) and ord > 0:
        return ops.sum(ops.abs(x) ** ord, axes, bool(keepdims)) ** (1.0 / ord)
    raise NotImplementedError(
        f"ord={ord!r} of {'a vector' if one else 'a matrix'} is not supported; 'fro' is"
    )


def __getattr__(name):
    return attribute("np.linalg", __name__, name)
