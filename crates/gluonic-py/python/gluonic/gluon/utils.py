"""Batches over several contexts, gradients made shorter, and other small things."""

import hashlib
import warnings

import numpy as _np

from .. import _gluonic, ndarray
from ..ndarray import NDArray
from ..util import is_np_array, is_np_shape

__all__ = [
    "HookHandle",
    "check_sha1",
    "clip_global_norm",
    "download",
    "shape_is_known",
    "split_and_load",
    "split_data",
]


class HookHandle:
    """A hook that was added to a block."""

    def __init__(self, block, hooks):
        self._block = block
        self._hooks = hooks
        self.id = object()

    def detach(self):
        """Takes the hook away."""
        self._hooks.pop(self.id, None)
        self._block._note_hooks()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.detach()


def split_data(data, num_slice, batch_axis=0, even_split=True):
    """An array in parts along an axis, one after another, which share its memory.

    >>> [part.shape for part in split_data(nd.ones((5, 2)), 2, even_split=False)]
    [(3, 2), (2, 2)]
    """
    return _gluonic.split_data(data, num_slice, batch_axis, bool(even_split))


def split_and_load(data, ctx_list, batch_axis=0, even_split=True):
    """An array in parts along an axis, one for each context and there."""
    if not isinstance(data, NDArray):
        data = _gluonic.array(data, None, ctx_list[0], is_np_array())
    if len(ctx_list) == 1:
        return [data.as_in_context(ctx_list[0])]
    parts = split_data(data, len(ctx_list), batch_axis, even_split)
    return [part.as_in_context(ctx) for part, ctx in zip(parts, ctx_list)]


def clip_global_norm(arrays, max_norm, check_isfinite=True):
    """Makes arrays shorter in place, all by one factor, if the norm of all together is larger than
    `max_norm`. Returns the norm that they had.

    >>> arrays = [nd.array([3.0]), nd.array([4.0])]
    >>> float(clip_global_norm(arrays, 1.0))
    5.0
    """
    if not arrays:
        raise AssertionError("\nthere is no array to clip")
    norm = _gluonic.clip_arrays(list(arrays), max_norm)
    if not check_isfinite:
        return ndarray.array([norm])
    if norm != norm or norm in (float("inf"), float("-inf")):
        warnings.warn(
            UserWarning("nan or inf is detected. Clipping results will be undefined."),
            stacklevel=2,
        )
    return _np.float32(norm)


def check_sha1(filename, sha1_hash):
    """Whether the content of a file has a SHA-1 hash."""
    sha1 = hashlib.sha1()
    with open(filename, "rb") as file:
        while chunk := file.read(1 << 20):
            sha1.update(chunk)
    return sha1.hexdigest() == sha1_hash


def download(url, path=None, overwrite=False, sha1_hash=None, retries=5, verify_ssl=True):
    """Refused: gluonic uses no network."""
    raise NotImplementedError(
        f"cannot download {url}: gluonic uses no network\nfetch the file yourself and give its path"
    )


def shape_is_known(shape):
    """Whether all sizes of a shape are known.

    >>> shape_is_known((2, 0)), shape_is_known((2, 3))
    (False, True)
    """
    if shape is None:
        return False
    unknown = -1 if is_np_shape() else 0
    if len(shape) == 0:
        return unknown == -1
    return all(size > unknown for size in shape)
