"""Batches of arrays in MXNet's older form."""

from collections import namedtuple

from . import _gluonic
from .ndarray import NDArray

__all__ = ["DataBatch", "DataDesc", "DataIter", "NDArrayIter"]


class DataDesc(namedtuple("DataDesc", ["name", "shape"])):
    """The name, the shape, the element type and the layout of an array of a batch."""

    def __new__(cls, name, shape, dtype=None, layout="NCHW"):
        import numpy

        desc = super().__new__(cls, name, shape)
        desc.dtype = numpy.float32 if dtype is None else dtype
        desc.layout = layout
        return desc

    def __repr__(self):
        return f"DataDesc[{self.name},{self.shape},{self.dtype},{self.layout}]"

    @staticmethod
    def get_batch_axis(layout):
        """The axis of the samples."""
        return 0 if layout is None else layout.find("N")


class DataBatch:
    """The arrays of a batch, those of the labels, and how many samples at its end are there only
    to fill it."""

    def __init__(
        self,
        data,
        label=None,
        pad=None,
        index=None,
        bucket_key=None,
        provide_data=None,
        provide_label=None,
    ):
        for arrays in (data, label):
            if arrays is not None and not isinstance(arrays, (list, tuple)):
                raise AssertionError("Data and label must be lists of NDArrays")
        self.data = data
        self.label = label
        self.pad = pad
        self.index = index
        self.bucket_key = bucket_key
        self.provide_data = provide_data
        self.provide_label = provide_label

    def __str__(self):
        labels = [array.shape for array in self.label] if self.label else None
        shapes = [array.shape for array in self.data]
        return f"{type(self).__name__}: data shapes: {shapes} label shapes: {labels}"


class DataIter:
    """What gives batches until `reset` starts it again. For your own, override `next`."""

    def __init__(self, batch_size=0):
        self.batch_size = batch_size

    def __iter__(self):
        return self

    def __next__(self):
        return self.next()

    def reset(self):
        """Starts again."""

    def next(self):
        """The next batch, or StopIteration."""
        raise NotImplementedError


class NDArrayIter(DataIter):
    """Batches of the rows of arrays. What does not fill the last one is filled up with the first
    samples ('pad'), left out ('discard'), or comes first in the next epoch ('roll_over').

    >>> batches = NDArrayIter(nd.ones((5, 2)), nd.zeros(5), batch_size=2)
    >>> [batch.pad for batch in batches]
    [0, 0, 1]
    """

    def __init__(
        self,
        data,
        label=None,
        batch_size=1,
        shuffle=False,
        last_batch_handle="pad",
        data_name="data",
        label_name="softmax_label",
    ):
        super().__init__(batch_size)
        self.data = _named(data, data_name)
        self.label = _named(label, label_name) if label is not None else []
        self._rows = _gluonic._Data.rows([array for _, array in self.data + self.label])
        self.num_data = len(self._rows)
        self.last_batch_handle = last_batch_handle
        self.shuffle = shuffle
        self._left = []
        self._begin()

    def _begin(self):
        order = range(self.num_data)
        own = list(_gluonic.permutation(self.num_data) if self.shuffle else order)
        self._carried = len(self._left)
        self._order = self._left + own
        self._left = []
        self._at = 0

    @property
    def provide_data(self):
        """What the arrays of a batch are."""
        return self._descs(self.data)

    @property
    def provide_label(self):
        """What the labels of a batch are."""
        return self._descs(self.label)

    def _descs(self, arrays):
        size = (self.batch_size,)
        return [DataDesc(name, size + array.shape[1:], array.dtype) for name, array in arrays]

    def reset(self):
        """Starts again, with another order if it is random."""
        self._begin()

    def hard_reset(self):
        """Starts again, without what the last epoch has left."""
        self._left = []
        self._begin()

    def next(self):
        """The next batch, or StopIteration."""
        chosen = self._order[self._at : self._at + self.batch_size]
        missing = self.batch_size - len(chosen)
        if not chosen or (missing and self.last_batch_handle != "pad"):
            if self.last_batch_handle == "roll_over":
                self._left = chosen
            self._at = len(self._order)
            raise StopIteration
        pad = missing or (self._carried if self._at == 0 else 0)
        while len(chosen) < self.batch_size:
            chosen = chosen + self._order[: self.batch_size - len(chosen)]
        self._at += self.batch_size
        arrays = self._rows.batch(chosen)
        data, label = arrays[: len(self.data)], arrays[len(self.data) :]
        return DataBatch(data, label, pad, None)


def _named(arrays, default):
    if isinstance(arrays, NDArray) or hasattr(arrays, "__array__"):
        arrays = [arrays]
    if isinstance(arrays, (list, tuple)):
        single = len(arrays) == 1
        arrays = {
            default if single else f"_{i}_{default}": array for i, array in enumerate(arrays)
        }
    if not isinstance(arrays, dict):
        raise TypeError(
            "Input must be NDArray, numpy.ndarray, h5py.Dataset a list of them or dict with them "
            "as values"
        )
    found = []
    for name, array in arrays.items():
        if not isinstance(array, NDArray):
            array = _gluonic.array(array, "float32", None)
        found.append((name, array))
    return found
