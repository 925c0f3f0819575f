"""Arrays in the dialect of `mx.nd`."""

from .. import _gluonic
from .._gluonic import NDArray
from .._sharing import from_dlpack, from_numpy, to_dlpack_for_read, to_dlpack_for_write

__all__ = ["NDArray", "array", "ones", "random", "zeros"]


def array(source_array, ctx=None, dtype=None):
    """A new array of an object's values: numbers, nested lists, a NumPy array, another array.

    >>> array([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    return _gluonic.array(source_array, dtype, ctx)


def zeros(shape, ctx=None, dtype="float32", **_):
    """An array of zeros."""
    return _gluonic.full(shape, 0.0, dtype or "float32", ctx)


def ones(shape, ctx=None, dtype="float32", **_):
    """An array of ones."""
    return _gluonic.full(shape, 1.0, dtype or "float32", ctx)
