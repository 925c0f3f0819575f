"""New arrays of `mx.np`."""

import numpy as _numpy

from .. import _gluonic
from .._gluonic import NDArray, ops
from ._function import finish, unsupported

__all__ = [
    "arange",
    "array",
    "copy",
    "diagflat",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "identity",
    "indices",
    "linspace",
    "logspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tril",
    "zeros",
    "zeros_like",
]


def array(object, dtype=None, ctx=None):
    """A new array of an object's values: numbers, nested lists, arrays, a NumPy array.

    Its elements are `float32`, or those of `object` if that is an array, unless `dtype` says
    something else.

    >>> array([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if isinstance(object, (NDArray, _numpy.ndarray)):
        return _gluonic.array(object, dtype, ctx, True)
    if isinstance(object, (list, tuple)) and any(isinstance(one, NDArray) for one in object):
        object = [one.asnumpy() if isinstance(one, NDArray) else one for one in object]
    try:
        object = _numpy.array(object)
        if object.dtype == _numpy.object_ or object.dtype.kind in "USV":
            raise TypeError("its elements are not numbers")
    except ValueError as error:
        raise TypeError(str(error)) from None
    return _gluonic.array(object, dtype or "float32", ctx, True)


def zeros(shape, dtype=None, order="C", ctx=None):
    """An array of zeros."""
    return _gluonic.full(shape, 0.0, dtype or "float32", ctx, True)


def ones(shape, dtype="float32", order="C", ctx=None):
    """An array of ones."""
    return _gluonic.full(shape, 1.0, dtype or "float32", ctx, True)


def empty(shape, dtype="float32", order="C", ctx=None):
    """An array that is to be filled. Its elements are 0."""
    return _gluonic.full(shape, 0.0, dtype or "float32", ctx, True)


def full(shape, fill_value, dtype=None, order="C", ctx=None, out=None):
    """An array of one value."""
    if isinstance(fill_value, NDArray):
        dtype = dtype or fill_value.dtype
        value = ops.broadcast_to(fill_value, shape)
        return finish(ops.cast(value, dtype), out)
    if dtype is None:
        dtype = "bool" if isinstance(fill_value, bool) else "float32"
    return finish(_gluonic.full(shape, fill_value, dtype, ctx, True), out)


def zeros_like(a, dtype=None, order="C", ctx=None, out=None):
    """An array of zeros with the shape and type of another."""
    return finish(ops.full_like(a, 0.0, dtype), out)


def ones_like(a, dtype=None, order="C", ctx=None, out=None):
    """An array of ones with the shape and type of another."""
    return finish(ops.full_like(a, 1.0, dtype), out)


def full_like(a, fill_value, dtype=None, order="C", ctx=None, out=None):
    """An array of one value with the shape and type of another."""
    return finish(ops.full_like(a, fill_value, dtype), out)


def empty_like(prototype, dtype=None, order="C", subok=False, shape=None):
    """An array that is to be filled, with the shape and type of another."""
    return ops.full_like(prototype, 0.0, dtype)


def arange(start, stop=None, step=1, dtype=None, ctx=None):
    """The numbers `start`, `start + step`, … below `stop`. With one bound, from 0 to there.

    >>> arange(3).shape
    (3,)
    """
    if stop is None:
        start, stop = 0, start
    return ops.arange(start, stop, step or 1, 1, dtype or "float32", ctx, True)


def linspace(
    start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, ctx=None
):
    """`num` numbers at equal distances from `start` to `stop`; with `retstep`, the distance too."""
    if axis != 0 or isinstance(start, (NDArray, list)) or isinstance(stop, (NDArray, list)):
        raise NotImplementedError("start and stop only support int or float")
    result = ops.linspace(start, stop, num, endpoint, dtype or "float32", ctx, True)
    if not retstep:
        return result
    return result, (stop - start) / max(num - 1 if endpoint else num, 1)


def logspace(
    start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0, ctx=None
):
    """`base` to the powers of `linspace`."""
    powers = linspace(start, stop, num, endpoint, dtype="float64", axis=axis, ctx=ctx)
    return ops.cast(base**powers, dtype or "float32")


def eye(N, M=None, k=0, dtype="float32", ctx=None, **_):
    """A matrix with ones on diagonal number `k`, and zeros."""
    return ops.eye(N, N if M is None else M, k, dtype or "float32", ctx, True)


def identity(n, dtype=None, ctx=None):
    """The square matrix with ones on its diagonal."""
    return ops.eye(n, n, 0, dtype or "float32", ctx, True)


def diagflat(array, k=0):
    """The matrix that has all elements on its diagonal number `k`."""
    return ops.diag(ops.reshape(array, (array.size,)), k, 0, 1)


def copy(a, out=None):
    """A copy."""
    if not isinstance(a, NDArray):
        raise unsupported(a)
    return finish(ops.identity(a), out)


def indices(dimensions, dtype="int32", ctx=None):
    """For each axis of a grid an array of the positions along it."""
    rank = len(dimensions)
    grids = []
    for axis, size in enumerate(dimensions):
        row = ops.arange(0, size, 1, 1, dtype, ctx, True)
        shape = [size if one == axis else 1 for one in range(rank)]
        grids.append(ops.broadcast_to(ops.reshape(row, shape), dimensions))
    return ops.stack(grids, 0)


def meshgrid(*xi, indexing="xy", sparse=False, copy=True):
    """Coordinates of a grid from those of its axes."""
    if sparse:
        raise NotImplementedError("sparse=True is not supported")
    rank = len(xi)
    sizes = [x.size for x in xi]
    place = list(range(rank))
    if indexing == "xy" and rank > 1:
        place[:2] = [1, 0]
    dims = [sizes[place.index(axis)] for axis in range(rank)]
    grids = []
    for x, axis in zip(xi, place):
        shape = [x.size if one == axis else 1 for one in range(rank)]
        grids.append(ops.broadcast_to(ops.reshape(x, shape), dims))
    return grids


def tril(m, k=0):
    """The elements on and below diagonal number `k`, and zeros."""
    return ops.lower_triangle(m, k)
