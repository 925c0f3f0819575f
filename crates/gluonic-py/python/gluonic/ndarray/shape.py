"""Functions of `mx.nd` that move elements: other sizes, parts, joins."""

import builtins

from .. import _gluonic
from .._gluonic import MXNetError, NDArray, ops
from ._function import finish

__all__ = [
    "Concat",
    "Flatten",
    "Pad",
    "Reshape",
    "SliceChannel",
    "SwapAxis",
    "broadcast_axes",
    "broadcast_axis",
    "broadcast_like",
    "broadcast_to",
    "concat",
    "concatenate",
    "depth_to_space",
    "diag",
    "expand_dims",
    "flatten",
    "flip",
    "moveaxis",
    "pad",
    "repeat",
    "reshape",
    "reshape_like",
    "reverse",
    "shape_array",
    "size_array",
    "slice",
    "slice_axis",
    "slice_like",
    "space_to_depth",
    "split",
    "split_v2",
    "squeeze",
    "stack",
    "swapaxes",
    "tile",
    "transpose",
]


def reshape(data=None, shape=None, reverse=False, out=None, name=None, **_):
    """The elements in other sizes. Among these, 0 keeps a size, -1 is inferred, -2 keeps all that are
    left, -3 makes one of two, -4 makes two of one, which follow it. With `reverse` they are read
    from the last to the first.

    >>> from gluonic import nd
    >>> reshape(nd.zeros((2, 3, 4)), shape=(0, -1)).shape
    (2, 12)
    """
    if shape is None:
        raise AssertionError("Shape must be provided.")
    return finish(ops.reshape_by(data, shape, "nd", bool(reverse)), out)


Reshape = reshape


def reshape_like(
    lhs=None,
    rhs=None,
    lhs_begin=None,
    lhs_end=None,
    rhs_begin=None,
    rhs_end=None,
    out=None,
    name=None,
    **_,
):
    """The elements in the sizes of another array; or some of the sizes in place of some."""
    own, other = lhs.shape, rhs.shape
    begin, end, _step = _range(lhs_begin, lhs_end, len(own))
    new = own[:begin] + other[rhs_begin:rhs_end] + own[end:]
    return finish(ops.reshape(lhs, new), out)


def _range(begin, end, n):
    return builtins.slice(begin, end).indices(n)


def flatten(data=None, out=None, name=None, **_):
    """All axes but the first as one."""
    rest = 1
    for size in data.shape[1:]:
        rest *= size
    return finish(ops.reshape(data, (data.shape[0], rest)), out)


Flatten = flatten


def transpose(data=None, axes=None, out=None, name=None, **_):
    """The axes in another order: in reverse, if none is given."""
    return finish(ops.transpose(data, axes), out)


def swapaxes(data=None, dim1=0, dim2=0, out=None, name=None, **_):
    """Two axes changed for each other."""
    return finish(ops.swap_axes(data, dim1, dim2), out)


SwapAxis = swapaxes


def moveaxis(tensor, source, destination):
    """Axes in other places, the others in their order."""
    return ops.transpose(tensor, moved(tensor.ndim, source, destination))


def moved(rank, source, destination):
    """The order of axes of which some are moved."""
    source = [source] if isinstance(source, int) else list(source)
    destination = [destination] if isinstance(destination, int) else list(destination)
    if len(source) != len(destination):
        raise ValueError("`source` and `destination` arguments must have the same number of elements")
    source = [axis + rank if axis < 0 else axis for axis in source]
    destination = [axis + rank if axis < 0 else axis for axis in destination]
    order = [axis for axis in range(rank) if axis not in source]
    for place, axis in sorted(zip(destination, source)):
        order.insert(place, axis)
    return order


def expand_dims(data=None, axis=None, out=None, name=None, **_):
    """With another axis of size 1, before `axis`."""
    if axis is None:
        raise MXNetError(
            "MXNetError: Required parameter axis of int is not presented, in operator expand_dims"
        )
    return finish(ops.expand_dims(data, axis), out)


def squeeze(data=None, axis=None, out=None, name=None, **_):
    """Without the axes given, or all, of size 1."""
    return finish(ops.squeeze(data, axis), out)


def broadcast_to(data=None, shape=(), out=None, name=None, **_):
    """The array repeated along its axes of size 1; 0 keeps a size."""
    return finish(ops.broadcast_to(data, shape), out)


def broadcast_like(lhs=None, rhs=None, lhs_axes=None, rhs_axes=None, out=None, name=None, **_):
    """The array repeated to the sizes of another, on all axes or some."""
    shape = list(rhs.shape)
    if lhs_axes is not None:
        shape = list(lhs.shape)
        for own, other in zip(_axes(lhs_axes), _axes(rhs_axes)):
            shape[own] = rhs.shape[other]
    return finish(ops.broadcast_to(lhs, shape), out)


def _axes(axes):
    return (axes,) if isinstance(axes, int) else tuple(axes)


def broadcast_axis(data=None, axis=(), size=(), out=None, name=None, **_):
    """The array repeated along axes of size 1."""
    shape = list(data.shape)
    for one, n in zip(_axes(axis), _axes(size)):
        if shape[one] != 1:
            raise MXNetError(
                f"MXNetError: Check failed: src.shape[axis] == 1: axis {one} of {data.shape} has "
                "more elements than one"
            )
        shape[one] = n
    return finish(ops.broadcast_to(data, shape), out)


broadcast_axes = broadcast_axis


def _at_least_one(arrays):
    if not arrays:
        raise MXNetError("MXNetError: value 0 for Parameter num_args should be greater equal to 1")
    return list(arrays)


def _list(arrays):
    if len(arrays) == 1 and isinstance(arrays[0], (list, tuple)):
        arrays = arrays[0]
    return _at_least_one(arrays)


def concat(*data, dim=1, out=None, name=None, **_):
    """Arrays one after another along an axis.

    >>> from gluonic import nd
    >>> concat(nd.zeros((2, 3)), nd.ones((2, 3)), dim=0).shape
    (4, 3)
    """
    return finish(ops.concat(_list(data), dim), out)


Concat = concat


def concatenate(arrays, axis=0, always_copy=True):
    """Arrays one after another along an axis."""
    return ops.concat(_at_least_one(arrays), axis)


def stack(*data, axis=0, out=None, name=None, **_):
    """Arrays side by side along a new axis."""
    return finish(ops.stack(_list(data), axis), out)


def split(data=None, num_outputs=None, axis=1, squeeze_axis=False, out=None, name=None, **_):
    """An array in parts of equal size along an axis, which goes if `squeeze_axis`. One part alone is
    an array, not a list."""
    parts = ops.split(data, num_outputs, axis, bool(squeeze_axis))
    return parts[0] if len(parts) == 1 else parts


SliceChannel = split


def split_v2(ary, indices_or_sections, axis=0, squeeze_axis=False):
    """An array in a number of parts of equal size, or in parts that end at the places given."""
    if isinstance(indices_or_sections, int):
        return split(ary, indices_or_sections, axis, squeeze_axis)
    return ops.split_at(ary, list(indices_or_sections), axis, bool(squeeze_axis))


def slice(data=None, begin=None, end=None, step=None, out=None, name=None, **_):
    """The part from `begin` to `end`, in steps: a number for each axis, or None."""
    return finish(ops.slice(data, list(begin), list(end), list(step or ())), out)


def slice_axis(data=None, axis=None, begin=None, end=None, out=None, name=None, **_):
    """The part from `begin` to `end` of one axis."""
    return finish(ops.slice_axis(data, axis, begin, end), out)


def slice_like(data=None, shape_like=None, axes=None, out=None, name=None, **_):
    """The first part that has the sizes of another array, on all axes or some."""
    return finish(ops.slice_like(data, shape_like, axes), out)


def tile(data=None, reps=None, out=None, name=None, **_):
    """The whole array again and again along each axis."""
    return finish(ops.tile(data, reps), out)


def repeat(data=None, repeats=None, axis=None, out=None, name=None, **_):
    """Each element `repeats` times; of all in one row without an axis."""
    return finish(ops.repeat(data, repeats, axis), out)


def pad(
    data=None, mode="constant", pad_width=None, constant_value=0.0, out=None, name=None, **_
):
    """With more elements before and after along each axis: of one value (`constant`), of the
    nearest element (`edge`), or mirrored (`reflect`). Of an array of four or five axes, as images
    are."""
    widths = list(zip(pad_width[::2], pad_width[1::2]))
    if data.ndim not in (4, 5) or len(widths) != data.ndim or any(map(any, widths[:2])):
        raise MXNetError(
            "MXNetError: Check failed: Current implementation only supports 4D or 5D arrays, padded "
            f"on the axes behind the second, found shape {data.shape} and pad_width {pad_width}\n"
            "np.pad pads any array"
        )
    return finish(ops.pad(data, widths, mode, constant_value), out)


Pad = pad


def flip(data=None, axis=None, out=None, name=None, **_):
    """The elements in reverse order along axes."""
    if axis is None:
        raise MXNetError(
            "MXNetError: Required parameter axis of Shape(tuple) is not presented, in operator "
            'reverse(name="")'
        )
    return finish(ops.flip(data, axis), out)


reverse = flip


def diag(data=None, k=0, axis1=0, axis2=1, out=None, name=None, **_):
    """The diagonal number `k` of a matrix, or the matrix that has this diagonal."""
    return finish(ops.diag(data, k, axis1, axis2), out)


def shape_array(data=None, out=None, name=None, **_):
    """The sizes as an array."""
    return finish(_gluonic.array(list(data.shape), "int64", None, _is_np(data)), out)


def size_array(data=None, out=None, name=None, **_):
    """The number of elements as an array."""
    return finish(_gluonic.array([data.size], "int64", None, _is_np(data)), out)


def _is_np(data):
    return isinstance(data, NDArray) and type(data).__name__ == "ndarray"


def depth_to_space(data=None, block_size=None, out=None, name=None, **_):
    """Channels as pixels: `(n, c, h, w)` becomes `(n, c / b², h · b, w · b)`."""
    n, c, h, w = data.shape
    b = block_size
    parts = ops.transpose(ops.reshape(data, (n, b, b, c // (b * b), h, w)), (0, 3, 4, 1, 5, 2))
    return finish(ops.reshape(parts, (n, c // (b * b), h * b, w * b)), out)


def space_to_depth(data=None, block_size=None, out=None, name=None, **_):
    """Pixels as channels: `(n, c, h, w)` becomes `(n, c · b², h / b, w / b)`."""
    n, c, h, w = data.shape
    b = block_size
    parts = ops.transpose(ops.reshape(data, (n, c, h // b, b, w // b, b)), (0, 3, 5, 1, 2, 4))
    return finish(ops.reshape(parts, (n, c * b * b, h // b, w // b)), out)
