"""What gives samples by number."""

from ... import _gluonic
from ...ndarray import NDArray
from .sampler import Sampler

__all__ = ["ArrayDataset", "Dataset", "RecordFileDataset", "SimpleDataset"]


class Dataset:
    """Samples by number. For your own, override `__getitem__` and `__len__`.

    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, idx):
    ...         return idx, idx * idx
    >>> list(Squares().take(3))
    [(0, 0), (1, 1), (2, 4)]
    """

    def __getitem__(self, idx):
        raise NotImplementedError

    def __len__(self):
        raise NotImplementedError

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def filter(self, fn):
        """The samples for which a function says so. All are asked for, now."""
        return _Part(self, [i for i in range(len(self)) if fn(self[i])])

    def shard(self, num_shards, index):
        """Part `index` of `num_shards` parts of neighbors: for one of several processes."""
        if index >= num_shards:
            raise AssertionError(f"Shard index of out bound: {index} out of {num_shards}")
        if num_shards <= 0:
            raise AssertionError("Number of shards must be greater than 0")
        if index < 0:
            raise AssertionError("Index must be non-negative")
        size, rest = divmod(len(self), num_shards)
        start = size * index + min(index, rest)
        return _Part(self, range(start, start + size + (index < rest)))

    def take(self, count):
        """The first samples; all without a number."""
        if count is not None and count < 0:
            raise AssertionError("count must be non-negative or None.")
        n = len(self)
        return _Part(self, range(n if count is None else min(count, n)))

    def sample(self, sampler):
        """The samples that a sampler names, in its order."""
        if not isinstance(sampler, Sampler):
            raise TypeError(
                f"Invalid sampler type: {type(sampler)}. Expected gluon.data.Sampler instead."
            )
        return _Part(self, list(sampler))

    def transform(self, fn, lazy=True):
        """Every sample changed by a function, which is given the parts of a tuple as arguments:
        when it is asked for, or with `lazy=False` all now."""
        changed = _Transformed(self, fn)
        return changed if lazy else SimpleDataset(list(changed))

    def transform_first(self, fn, lazy=True):
        """The first part of every sample changed: the image, but not its label."""
        changed = _TransformedFirst(self, fn)
        return changed if lazy else SimpleDataset(list(changed))

    def _native(self):
        """The data set of gluonic that gives the same batches, if there is one."""
        return None


class SimpleDataset(Dataset):
    """Samples in a list, or in anything with a length and items."""

    def __init__(self, data):
        self._data = data

    def __len__(self):
        return len(self._data)

    def __getitem__(self, idx):
        return self._data[idx]


class _Part(Dataset):
    """Some samples of a data set."""

    def __init__(self, dataset, indices):
        self._dataset = dataset
        self._indices = indices

    def __len__(self):
        return len(self._indices)

    def __getitem__(self, idx):
        return self._dataset[self._indices[idx]]


class _Transformed(Dataset):
    def __init__(self, dataset, fn):
        self._dataset = dataset
        self._fn = fn

    def __len__(self):
        return len(self._dataset)

    def __getitem__(self, idx):
        sample = self._dataset[idx]
        return self._fn(*sample) if isinstance(sample, tuple) else self._fn(sample)


class _TransformedFirst(_Transformed):
    def __getitem__(self, idx):
        sample = self._dataset[idx]
        if isinstance(sample, tuple):
            return (self._fn(sample[0]), *sample[1:])
        return self._fn(sample)

    def _native(self):
        transform = getattr(self._fn, "_native_transform", None)
        dataset = self._dataset._native() if isinstance(self._dataset, Dataset) else None
        if transform is None or dataset is None:
            return None
        return dataset.transform_first(transform())


class ArrayDataset(Dataset):
    """Samples that are the rows of arrays, lists or other data sets: sample i is row i of each.

    >>> ArrayDataset(nd.array([[1, 2], [3, 4]]), [7, 8])[1][1]
    8
    """

    def __init__(self, *args):
        if not args:
            raise AssertionError("Needs at least 1 arrays")
        self._length = len(args[0])
        self._data = []
        for i, data in enumerate(args):
            # MXNet counts the arrays from 1 here, but for the first.
            if len(data) != self._length:
                raise AssertionError(
                    "All arrays must have the same length; array[0] has length "
                    f"{self._length} while array[{i + 1}] has {len(data)}."
                )
            # Of one axis, so that a sample is a number.
            self._data.append(data.asnumpy() if _is_flat(data) else data)
        self._arrays = args

    def __len__(self):
        return self._length

    def __getitem__(self, idx):
        if len(self._data) == 1:
            return self._data[0][idx]
        return tuple(data[idx] for data in self._data)

    def _native(self):
        if type(self).__getitem__ is not ArrayDataset.__getitem__:
            return None
        arrays = [_array_of(data) for data in self._data]
        return None if any(array is None for array in arrays) else _gluonic._Data.rows(arrays)


def _is_flat(data):
    return isinstance(data, NDArray) and len(data.shape) == 1


def _array_of(data):
    """The array of what is one, without its history."""
    if isinstance(data, NDArray):
        return data
    kind = getattr(getattr(data, "dtype", None), "kind", "")
    if hasattr(data, "__array__") and hasattr(data, "shape") and kind in "fiu" and kind:
        return _gluonic.array(data, data.dtype, None)
    return None


class RecordFileDataset(Dataset):
    """Refused: files of MXNet's RecordIO are not read."""

    def __init__(self, filename):
        raise NotImplementedError(
            f"RecordIO files are not supported: {filename}\nread the samples into arrays, or write "
            "a Dataset of your own"
        )
