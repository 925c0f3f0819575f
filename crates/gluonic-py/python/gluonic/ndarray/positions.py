"""Functions of `mx.nd` that find elements by their positions."""

from .._gluonic import NDArray, ops
from ._function import finish

__all__ = [
    "Embedding",
    "SequenceLast",
    "SequenceMask",
    "SequenceReverse",
    "batch_take",
    "gather_nd",
    "one_hot",
    "onehot_encode",
    "pick",
    "scatter_nd",
    "take",
]


def take(a=None, indices=None, axis=0, mode="clip", out=None, name=None, **_):
    """The parts of an axis at the places that `indices` names. A place that is not there is the
    nearest (`clip`), counted around (`wrap`), or an error (`raise`)."""
    return finish(ops.take(a, indices, axis, mode), out)


def pick(data=None, index=None, axis=-1, keepdims=False, mode="clip", out=None, name=None, **_):
    """For each place of the other axes, the element that `index` names along an axis."""
    return finish(ops.pick(data, index, axis, bool(keepdims), mode), out)


def batch_take(a=None, indices=None, out=None, name=None, **_):
    """The element of each row that `indices` names."""
    return finish(ops.pick(a, indices, -1, False, "clip"), out)


def one_hot(
    indices=None,
    depth=None,
    on_value=1.0,
    off_value=0.0,
    dtype="float32",
    out=None,
    name=None,
    **_,
):
    """For each class number a row of `off_value` with `on_value` at its place.

    >>> from gluonic import nd
    >>> one_hot(nd.array([1, 0]), 3).shape
    (2, 3)
    """
    return finish(ops.one_hot(indices, depth, on_value, off_value, dtype), out)


def onehot_encode(indices, out):
    """Writes the rows of `one_hot` into `out`."""
    return ops.write(out, ops.one_hot(indices, out.shape[1], 1.0, 0.0, out.dtype))


def gather_nd(data=None, indices=None, out=None, name=None, **_):
    """The elements at the places that the columns of `indices` name."""
    return finish(ops.gather_nd(data, indices), out)


def scatter_nd(data=None, indices=None, shape=None, out=None, name=None, **_):
    """An array of zeros with elements at the places that the columns of `indices` name."""
    return finish(ops.scatter_nd(data, indices, shape), out)


def Embedding(
    data=None,
    weight=None,
    input_dim=None,
    output_dim=None,
    dtype="float32",
    sparse_grad=False,
    out=None,
    name=None,
    **_,
):
    """The rows of `weight` that `data` names."""
    return finish(ops.embedding(data, weight), out)


def _lengths(lengths, use):
    return lengths if use and isinstance(lengths, NDArray) else None


def SequenceMask(
    data=None,
    sequence_length=None,
    use_sequence_length=False,
    value=0.0,
    axis=0,
    out=None,
    name=None,
    **_,
):
    """`value` in place of the steps beyond the length of each sequence. Steps are on `axis`, 0 or 1,
    sequences on the other."""
    lengths = _lengths(sequence_length, use_sequence_length)
    if lengths is None:
        return finish(ops.identity(data), out)
    return finish(ops.sequence_mask(data, lengths, value, axis), out)


def SequenceLast(
    data=None,
    sequence_length=None,
    use_sequence_length=False,
    axis=0,
    out=None,
    name=None,
    **_,
):
    """The last step of each sequence."""
    lengths = _lengths(sequence_length, use_sequence_length)
    return finish(ops.sequence_last(data, lengths, axis), out)


def SequenceReverse(
    data=None,
    sequence_length=None,
    use_sequence_length=False,
    axis=0,
    out=None,
    name=None,
    **_,
):
    """The steps of each sequence from its last to its first."""
    lengths = _lengths(sequence_length, use_sequence_length)
    return finish(ops.sequence_reverse(data, lengths), out)


