"""Ways to put samples together. MXNet has these names from 2.0 on, GluonNLP and GluonCV before."""

import numpy as _np

from ... import _gluonic
from ...ndarray import NDArray
from ...util import is_np_array

__all__ = ["Group", "Pad", "Stack", "Tuple"]


def _array(values, dtype=None):
    if dtype is None:
        dtype = values.dtype if hasattr(values, "dtype") else None
    return _gluonic.array(values, dtype, None, is_np_array())


class Stack:
    """The samples along a new first axis.

    >>> Stack()([nd.array([1, 2]), nd.array([3, 4])]).shape
    (2, 2)
    """

    def __call__(self, data):
        if isinstance(data[0], NDArray):
            return _gluonic.stack_samples(list(data))
        return _array(_np.asarray(data))


class Pad:
    """The samples along a new first axis, the smaller ones filled up with `val`. With `ret_length`
    their first sizes come too."""

    def __init__(self, axis=0, val=0, dtype=None, ret_length=False, pad_val=None):
        self._axis = axis
        self._val = val if pad_val is None else pad_val
        self._dtype = dtype
        self._ret_length = ret_length

    def __call__(self, data):
        arrays = [one if isinstance(one, NDArray) else _array(_np.asarray(one)) for one in data]
        padded = _gluonic.pad_samples(arrays, float(self._val))
        if self._dtype is not None:
            padded = padded.astype(self._dtype)
        if not self._ret_length:
            return padded
        lengths = _np.asarray([array.shape[self._axis] for array in arrays], "int32")
        return padded, _array(lengths)


class Group:
    """One way for each part of the samples.

    >>> images, labels = Group(Stack(), Stack())([(nd.ones((2,)), 1), (nd.ones((2,)), 0)])
    >>> images.shape, labels.shape
    ((2, 2), (2,))
    """

    def __init__(self, fn, *args):
        self._fns = list(fn) if isinstance(fn, (list, tuple)) else [fn, *args]

    def __call__(self, data):
        if len(data[0]) != len(self._fns):
            raise AssertionError(
                f"The number of attributes in each data sample should contain {len(self._fns)} "
                "elements"
            )
        return tuple(fn([sample[i] for sample in data]) for i, fn in enumerate(self._fns))


Tuple = Group


def default_batchify_fn(data):
    """Stacks arrays and numbers; of tuples each part by itself."""
    if isinstance(data[0], NDArray):
        return _gluonic.stack_samples(list(data))
    if isinstance(data[0], tuple):
        return [default_batchify_fn(part) for part in zip(*data)]
    return _array(_np.asarray(data))
