"""Reductions, positions and orders of `mx.np`."""

import builtins

from .._gluonic import NDArray, ops
from ._function import finish, unsupported

__all__ = [
    "all",
    "allclose",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "array_equal",
    "average",
    "cumsum",
    "max",
    "mean",
    "min",
    "nonzero",
    "prod",
    "sort",
    "std",
    "sum",
    "unique",
    "var",
]


def _array(a):
    if not isinstance(a, NDArray):
        raise unsupported(a)
    return a


def _as(a, dtype):
    return a if dtype is None else ops.cast(a, dtype)


def sum(a, axis=None, dtype=None, keepdims=False, initial=None, out=None):
    """The sums over axes, or of all elements.

    >>> from gluonic import np
    >>> sum(np.ones((2, 3)), axis=0).shape
    (3,)
    """
    result = ops.sum(_as(_array(a), dtype), axis, bool(keepdims))
    return finish(result if initial is None else result + initial, out)


def prod(a, axis=None, dtype=None, out=None, keepdims=False):
    """The products over axes, or of all elements."""
    return finish(ops.prod(_as(_array(a), dtype), axis, bool(keepdims)), out)


def mean(a, axis=None, dtype=None, out=None, keepdims=False):
    """The means over axes, or of all elements; of integers as `float32`."""
    return finish(ops.mean(_as(_array(a), dtype), axis, bool(keepdims)), out)


def max(a, axis=None, keepdims=False, out=None):
    """The largest elements over axes, or of all."""
    return finish(ops.max(_array(a), axis, bool(keepdims)), out)


def min(a, axis=None, keepdims=False, out=None):
    """The smallest elements over axes, or of all."""
    return finish(ops.min(_array(a), axis, bool(keepdims)), out)


amax, amin = max, min


def var(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    """The variances over axes, or of all elements, with `n - ddof` for their number."""
    return finish(ops.var(_as(_array(a), dtype), axis, ddof, bool(keepdims)), out)


def std(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    """The standard deviations over axes, or of all elements."""
    return finish(ops.var(_as(_array(a), dtype), axis, ddof, bool(keepdims), True), out)


def average(a, axis=None, weights=None, returned=False, out=None):
    """The means over axes, weighted; with `returned`, the sums of the weights too."""
    if weights is None:
        result = mean(a, axis)
        total = ops.full_like(result, a.size / builtins.max(result.size, 1), None)
    else:
        if weights.shape != a.shape:
            axis_of = axis if axis >= 0 else axis + a.ndim
            shape = [size if i == axis_of else 1 for i, size in enumerate(a.shape)]
            weights = ops.broadcast_to(ops.reshape(weights, shape), a.shape)
        total = ops.sum(weights, axis)
        result = ops.sum(a * weights, axis) / total
    result = finish(result, out)
    return (result, total) if returned else result


def all(a, axis=None, keepdims=False, out=None):
    """Whether all elements over axes are true."""
    return finish(ops.all(_array(a), axis, bool(keepdims)), out)


def any(a, axis=None, keepdims=False, out=None):
    """Whether any element over axes is true."""
    return finish(ops.any(_array(a), axis, bool(keepdims)), out)


def argmax(a, axis=None, out=None):
    """The position of the largest element along an axis, or among all."""
    return finish(ops.arg_best(_array(a), axis, False, True), out)


def argmin(a, axis=None, out=None):
    """The position of the smallest element along an axis, or among all."""
    return finish(ops.arg_best(_array(a), axis, False, False), out)


def argsort(a, axis=-1, kind=None, order=None):
    """The positions of the elements along an axis in their order."""
    if order is not None:
        raise NotImplementedError("order is not supported")
    return ops.argsort(_array(a), axis, True, "int64")


def sort(a, axis=-1, kind=None, order=None):
    """The elements along an axis in their order."""
    if order is not None:
        raise NotImplementedError("order is not supported")
    return ops.sort(_array(a), axis, True)


def cumsum(a, axis=None, dtype=None, out=None):
    """The sums of the elements up to each one along an axis; of all in one row without one."""
    return finish(ops.cumsum(_array(a), axis, dtype), out)


def nonzero(a):
    """For each axis the positions along it of the elements that are not 0."""
    from .elementwise import where

    return where(_array(a))


def unique(ar, return_index=False, return_inverse=False, return_counts=False, axis=None):
    """The elements in their order, each once."""
    if return_index or return_inverse or return_counts or axis is not None:
        raise NotImplementedError("np.unique is supported without options")
    return ops.unique(_array(ar))


def array_equal(a1, a2):
    """Whether two arrays have one shape and equal elements."""
    return a1.shape == a2.shape and bool(ops.all(a1 == a2))


def allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements are close, as `isclose` says."""
    from .elementwise import isclose

    return bool(ops.all(isclose(a, b, rtol, atol, equal_nan)))
