"""Functions of `mx.np` that move elements: other sizes, parts, joins."""

import builtins

from .._gluonic import NDArray, ops
from ..ndarray.shape import moved
from ._function import finish, unsupported

__all__ = [
    "append",
    "array_split",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_arrays",
    "broadcast_to",
    "column_stack",
    "concatenate",
    "diag",
    "diagonal",
    "diff",
    "dsplit",
    "dstack",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
    "hsplit",
    "hstack",
    "may_share_memory",
    "moveaxis",
    "ndim",
    "pad",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "rollaxis",
    "rot90",
    "row_stack",
    "shape",
    "shares_memory",
    "size",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "take",
    "tile",
    "trace",
    "transpose",
    "vsplit",
    "vstack",
]


def _array(a):
    if not isinstance(a, NDArray):
        raise unsupported(a)
    return a


def reshape(a, newshape, order="C", out=None):
    """The elements in other sizes, of which one may be -1: it is inferred.

    >>> from gluonic import np
    >>> reshape(np.zeros((2, 3)), (3, -1)).shape
    (3, 2)
    """
    if order != "C":
        raise NotImplementedError(f"order {order!r} is not supported, only 'C'")
    return finish(ops.reshape_by(_array(a), newshape, "np", False), out)


def ravel(x, order="C"):
    """The elements in one row."""
    return reshape(x, -1, order)


def transpose(a, axes=None):
    """The axes in another order: in reverse, if none is given."""
    return ops.transpose(_array(a), axes)


def swapaxes(a, axis1, axis2):
    """Two axes changed for each other."""
    return ops.swap_axes(_array(a), axis1, axis2)


def moveaxis(a, source, destination):
    """Axes in other places, the others in their order."""
    return ops.transpose(_array(a), moved(a.ndim, source, destination))


def rollaxis(a, axis, start=0):
    """An axis in front of another one."""
    axis = axis + a.ndim if axis < 0 else axis
    start = start + a.ndim if start < 0 else start
    order = [one for one in range(a.ndim) if one != axis]
    order.insert(start - 1 if axis < start else start, axis)
    return ops.transpose(_array(a), order)


def expand_dims(a, axis):
    """With another axis of size 1, before `axis`."""
    return ops.expand_dims(_array(a), axis)


def squeeze(a, axis=None, out=None):
    """Without the axes given, or all, of size 1."""
    return finish(ops.squeeze(_array(a), axis), out)


def broadcast_to(array, shape):
    """The array repeated to another shape by the rule of broadcasting."""
    return ops.broadcast_to(_array(array), shape)


def broadcast_arrays(*args):
    """The arrays repeated to the shape that they broadcast to."""
    rank = builtins.max(a.ndim for a in args)
    dims = [1] * rank
    for a in args:
        for i, size in enumerate(a.shape[::-1]):
            if size != 1:
                dims[rank - 1 - i] = size
    return [ops.broadcast_to(a, dims) for a in args]


def concatenate(seq, axis=0, out=None):
    """Arrays one after another along an axis; in one row if that is None."""
    seq = list(seq)
    if axis is None:
        seq, axis = [ravel(a) for a in seq], 0
    return finish(ops.concat(seq, axis), out)


def append(arr, values, axis=None):
    """One array after another."""
    return concatenate([arr, values], axis)


def stack(arrays, axis=0, out=None):
    """Arrays side by side along a new axis."""
    return finish(ops.stack(list(arrays), axis), out)


def atleast_1d(*arys):
    """Arrays with one axis or more."""
    return _each(arys, lambda a: a if a.ndim else ops.reshape(a, (1,)))


def atleast_2d(*arys):
    """Arrays with two axes or more."""
    return _each(arys, lambda a: a if a.ndim > 1 else ops.reshape(a, (1, a.size)))


def atleast_3d(*arys):
    """Arrays with three axes or more."""

    def deep(a):
        if a.ndim > 2:
            return a
        return ops.expand_dims(a, 2) if a.ndim == 2 else ops.reshape(a, (1, a.size, 1))

    return _each(arys, deep)


def _each(arrays, function):
    results = [function(_array(a)) for a in arrays]
    return results[0] if len(results) == 1 else results


def vstack(arrays, out=None):
    """Arrays as rows, one below another."""
    return finish(ops.concat([atleast_2d(a) for a in arrays], 0), out)


row_stack = vstack


def hstack(arrays):
    """Arrays side by side."""
    arrays = [atleast_1d(a) for a in arrays]
    return ops.concat(arrays, 0 if arrays[0].ndim == 1 else 1)


def dstack(arrays):
    """Arrays one behind another."""
    return ops.concat([atleast_3d(a) for a in arrays], 2)


def column_stack(tup):
    """Arrays as columns."""
    columns = [ops.reshape(a, (a.size, 1)) if a.ndim < 2 else a for a in tup]
    return ops.concat(columns, 1)


def split(ary, indices_or_sections, axis=0):
    """An array in a number of equal parts, or in parts that end at the places given."""
    if isinstance(indices_or_sections, int):
        if ary.shape[axis] % indices_or_sections:
            raise ValueError("array split does not result in an equal division")
        return ops.split(_array(ary), indices_or_sections, axis, False)
    return _split_at(ary, indices_or_sections, axis)


def _split_at(ary, places, axis):
    n = ary.shape[axis]
    places = [builtins.min(builtins.max(p + n if p < 0 else p, 0), n) for p in places]
    return ops.split_at(_array(ary), places, axis, False)


def array_split(ary, indices_or_sections, axis=0):
    """As `split`; the first parts are longer by one where they cannot be equal."""
    if not isinstance(indices_or_sections, int):
        return _split_at(ary, indices_or_sections, axis)
    n, sections = ary.shape[axis], indices_or_sections
    each, more = divmod(n, sections)
    ends = [each * (i + 1) + builtins.min(i + 1, more) for i in range(sections - 1)]
    return _split_at(ary, ends, axis)


def hsplit(ary, indices_or_sections):
    """As `split`, along the second axis, or the only one."""
    return split(ary, indices_or_sections, 0 if ary.ndim == 1 else 1)


def vsplit(ary, indices_or_sections):
    """As `split`, along the first axis."""
    if ary.ndim < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return split(ary, indices_or_sections, 0)


def dsplit(ary, indices_or_sections):
    """As `split`, along the third axis."""
    if ary.ndim < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return split(ary, indices_or_sections, 2)


def tile(A, reps):
    """The whole array again and again along each axis."""
    return ops.tile(_array(A), reps)


def repeat(a, repeats, axis=None):
    """Each element `repeats` times; of all in one row without an axis."""
    return ops.repeat(_array(a), repeats, axis)


def flip(m, axis=None, out=None):
    """The elements in reverse order along axes, or all."""
    return finish(ops.flip(_array(m), axis), out)


def flipud(m):
    """The rows in reverse order."""
    return flip(m, 0)


def fliplr(m):
    """The columns in reverse order."""
    return flip(m, 1)


def roll(a, shift, axis=None):
    """The elements moved along axes; what goes out at the end comes in at the front."""
    if axis is None:
        return ops.reshape(roll(ravel(a), shift, 0), a.shape)
    axes = (axis,) if isinstance(axis, int) else axis
    shifts = (shift,) * len(axes) if isinstance(shift, int) else shift
    for one, by in zip(axes, shifts):
        n = a.shape[one]
        by = by % n if n else 0
        if by:
            end = ops.slice_axis(a, one, n - by, None)
            a = ops.concat([end, ops.slice_axis(a, one, 0, n - by)], one)
    return ops.identity(a)


def rot90(m, k=1, axes=(0, 1)):
    """Turned by `k` quarters in the plane of two axes."""
    first, second = axes
    k = k % 4
    if k == 0:
        return ops.identity(m)
    if k == 2:
        return flip(m, axes)
    if k == 1:
        return ops.swap_axes(flip(m, second), first, second)
    return flip(ops.swap_axes(m, first, second), second)


def take(a, indices, axis=None, mode="raise", out=None):
    """The parts of an axis at the places that `indices` names; of all elements in one row without
    one."""
    from .creation import array

    if not isinstance(indices, NDArray):
        indices = array(indices, dtype="int64")
    return finish(ops.take(_array(a), indices, axis, mode), out)


def diag(v, k=0):
    """The diagonal number `k` of a matrix, or the matrix that has this diagonal."""
    return ops.diag(_array(v), k, 0, 1)


def diagonal(a, offset=0, axis1=0, axis2=1):
    """The diagonals of the planes of two axes."""
    return ops.diag(_array(a), offset, axis1, axis2)


def trace(a, offset=0, axis1=0, axis2=1, out=None):
    """The sums of the diagonals of the planes of two axes."""
    return finish(ops.trace(_array(a), offset, axis1, axis2), out)


def diff(a, n=1, axis=-1, prepend=None, append=None):
    """The differences of neighbors along an axis, `n` times."""
    if prepend is not None or append is not None:
        raise NotImplementedError("prepend and append options are not supported yet")
    for _ in range(n):
        size = a.shape[axis]
        a = ops.slice_axis(a, axis, 1, None) - ops.slice_axis(a, axis, 0, size - 1)
    return a


def pad(x, pad_width=None, mode="constant", **options):
    """With more elements before and after along each axis: of one value (`constant`), of the
    nearest element (`edge`), or mirrored (`reflect`)."""
    if not isinstance(pad_width, (tuple, list)):
        raise TypeError("`pad_width` must be tuple.")
    if not isinstance(pad_width[0], (tuple, list)):
        pad_width = (tuple(pad_width) * 2)[:2]
        pad_width = (pad_width,) * x.ndim
    value = options.pop("constant_values", 0)
    if options:
        raise NotImplementedError(f"{', '.join(options)} is not supported")
    widths = [tuple(pair) * (2 if len(pair) == 1 else 1) for pair in pad_width]
    return ops.pad(_array(x), widths * (x.ndim if len(widths) == 1 else 1), mode, value)


def shape(a):
    """The sizes."""
    return a.shape


def size(a, axis=None):
    """The number of elements, or the size of an axis."""
    return a.size if axis is None else a.shape[axis]


def ndim(a):
    """The number of axes."""
    return a.ndim


def may_share_memory(a, b, max_work=None):
    """Whether an edit of one may be seen by the other."""
    import numpy

    return numpy.may_share_memory(a.__array__(), b.__array__())


shares_memory = may_share_memory
