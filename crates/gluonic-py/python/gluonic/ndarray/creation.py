"""New arrays of `mx.nd`."""

import numpy as _numpy

from .. import _gluonic
from .._gluonic import MXNetError, NDArray, ops
from ._function import finish

__all__ = [
    "arange",
    "array",
    "empty",
    "eye",
    "full",
    "linspace",
    "ones",
    "ones_like",
    "zeros",
    "zeros_like",
]


def array(source_array, ctx=None, dtype=None):
    """A new array of an object's values: numbers, nested lists, a NumPy array, another array.

    Its elements are `float32`, or those of `source_array` if that is an `NDArray`, unless `dtype`
    says something else.

    >>> array([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if not isinstance(source_array, NDArray):
        try:
            source_array = _numpy.array(source_array)
            if source_array.dtype == object or source_array.dtype.kind in "USV":
                raise TypeError("its elements are not numbers")
        except (TypeError, ValueError) as error:
            raise TypeError(f"source_array must be array like object\n{error}") from None
        dtype = dtype or "float32"
    return _gluonic.array(source_array, dtype, ctx)


def zeros(shape, ctx=None, dtype=None, stype=None, out=None, **_):
    """An array of zeros.

    >>> zeros((2, 3)).shape
    (2, 3)
    """
    return finish(_gluonic.full(shape, 0.0, dtype or "float32", ctx), out)


def ones(shape, ctx=None, dtype=None, out=None, **_):
    """An array of ones."""
    return finish(_gluonic.full(shape, 1.0, dtype or "float32", ctx), out)


def full(shape, val, ctx=None, dtype="float32", out=None):
    """An array of one value."""
    return finish(_gluonic.full(shape, val, dtype or "float32", ctx), out)


def empty(shape, ctx=None, dtype=None, stype=None):
    """An array that is to be filled. Its elements are 0."""
    return _gluonic.full(shape, 0.0, dtype or "float32", ctx)


def zeros_like(data=None, out=None, name=None, **_):
    """An array of zeros with the shape and type of another."""
    return finish(ops.full_like(data, 0.0, None), out)


def ones_like(data=None, out=None, name=None, **_):
    """An array of ones with the shape and type of another."""
    return finish(ops.full_like(data, 1.0, None), out)


def arange(start, stop=None, step=1.0, repeat=1, infer_range=None, ctx=None, dtype="float32"):
    """The numbers `start`, `start + step`, … below `stop`, each `repeat` times. With one bound, from
    0 to there.

    >>> arange(2, 8, 2).shape
    (3,)
    """
    if stop is None:
        start, stop = 0, start
    if infer_range is None and (start <= stop if step < 0 else start >= stop):
        sign, gap = (">", "") if step < 0 else ("<", " ")
        raise MXNetError(
            f"MXNetError: Check failed: param.start {sign} param.stop.value(): Invalid range "
            f"(start, stop, step){gap}= ({start:g},{stop:g},{step:g})"
            "\nthere is no array without elements in mx.nd"
        )
    return ops.arange(start, stop, step, repeat, dtype or "float32", ctx, False)


def linspace(start, stop, num, endpoint=True, ctx=None, dtype="float32"):
    """`num` numbers at equal distances from `start` to `stop`."""
    return ops.linspace(start, stop, num, endpoint, dtype or "float32", ctx, False)


def eye(N, M=0, k=0, ctx=None, dtype=None, out=None, **_):
    """A matrix with ones on diagonal number `k`, and zeros."""
    return finish(ops.eye(N, M or N, k, dtype or "float32", ctx, False), out)

