"""Reductions, positions and orders of `mx.nd`."""

from .._gluonic import MXNetError, ops
from ._function import finish, named

__all__ = [
    "argmax",
    "argmax_channel",
    "argmin",
    "argsort",
    "cumsum",
    "max",
    "max_axis",
    "mean",
    "min",
    "min_axis",
    "moments",
    "nanprod",
    "nansum",
    "norm",
    "prod",
    "sort",
    "sum",
    "sum_axis",
    "topk",
]


def _reduction(name, operation, what):
    def function(
        data=None, axis=None, keepdims=False, exclude=False, out=None, name=None, **_
    ):
        result = operation(data, axis, bool(keepdims), bool(exclude))
        return result if out is None else ops.write(out, result)

    doc = (
        f"{what} over `axis`: a number, several, or all without it; with `exclude`, over all others. "
        "The axes stay, with size 1, if `keepdims`."
    )
    return named(function, name, doc, __name__)


max = max_axis = _reduction("max", ops.max, "The largest elements")
mean = _reduction("mean", ops.mean, "The means")
min = min_axis = _reduction("min", ops.min, "The smallest elements")
nanprod = _reduction("nanprod", ops.nanprod, "The products of all elements that are not NaN")
nansum = _reduction("nansum", ops.nansum, "The sums of all elements that are not NaN")
prod = _reduction("prod", ops.prod, "The products")
sum = sum_axis = _reduction("sum", ops.sum, "The sums")


def norm(data=None, ord=2, axis=None, out_dtype=None, keepdims=False, out=None, name=None, **_):
    """The norm over `axis`, or of all elements: Euclidean with `ord=2`, of absolute values with
    `ord=1`."""
    if out_dtype is not None:
        data = ops.cast(data, out_dtype)
    return finish(ops.norm(data, ord, axis, bool(keepdims)), out)


def argmax(data=None, axis=None, keepdims=False, out=None, name=None, **_):
    """The position of the largest element along an axis, or among all, in the type of the
    elements."""
    return finish(ops.arg_best(data, axis, bool(keepdims), True), out)


def argmin(data=None, axis=None, keepdims=False, out=None, name=None, **_):
    """The position of the smallest element along an axis, or among all, in the type of the
    elements."""
    return finish(ops.arg_best(data, axis, bool(keepdims), False), out)


def argmax_channel(data=None, out=None, name=None, **_):
    """The position of the largest element along axis 1."""
    return argmax(data, 1, out=out)


def argsort(data=None, axis=-1, is_ascend=True, dtype="float32", out=None, name=None, **_):
    """The positions of the elements along an axis in their order; of all in one row if `axis` is
    None."""
    return finish(ops.argsort(data, axis, bool(is_ascend), dtype), out)


def sort(data=None, axis=-1, is_ascend=True, out=None, name=None, **_):
    """The elements along an axis in their order; of all in one row if `axis` is None."""
    return finish(ops.sort(data, axis, bool(is_ascend)), out)


def topk(
    data=None,
    axis=-1,
    k=1,
    ret_typ="indices",
    is_ascend=False,
    dtype="float32",
    out=None,
    name=None,
    **_,
):
    """The first `k` elements along an axis in an order, the largest first: their positions, their
    values, `both`, or a `mask` of where they are.

    >>> from gluonic import nd
    >>> topk(nd.array([3, 1, 2]), k=2).shape
    (2,)
    """
    if ret_typ not in ("value", "indices", "mask", "both"):
        raise MXNetError(
            f"MXNetError: Invalid Input: {ret_typ!r}, valid values are: {{'both', 'indices', "
            "'mask', 'value'}"
        )
    found = ops.topk(data, axis, k, bool(is_ascend), dtype, ret_typ == "mask")
    if ret_typ == "both":
        if out is None:
            return found
        return [ops.write(one, result) for one, result in zip(out, found)]
    return finish(found[1 if ret_typ == "indices" else 0], out)


def cumsum(a=None, axis=None, dtype=None, out=None, name=None, **_):
    """The sums of the elements up to each one along an axis; of all in one row if `axis` is None."""
    return finish(ops.cumsum(a, axis, dtype), out)


def moments(data=None, axes=None, keepdims=False, out=None, name=None, **_):
    """The means and the variances over axes."""
    return [ops.mean(data, axes, bool(keepdims)), ops.var(data, axes, 0, bool(keepdims))]
