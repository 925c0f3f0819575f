"""In which order an epoch takes the samples."""

from ... import _gluonic

__all__ = ["BatchSampler", "FilterSampler", "RandomSampler", "Sampler", "SequentialSampler"]


class Sampler:
    """The numbers of the samples that an epoch takes. For your own, override `__iter__` and
    `__len__`."""

    def __iter__(self):
        raise NotImplementedError

    def __len__(self):
        raise NotImplementedError


class SequentialSampler(Sampler):
    """Numbers one after another.

    >>> list(SequentialSampler(3))
    [0, 1, 2]
    """

    def __init__(self, length, start=0):
        self._length = length
        self._start = start

    def __iter__(self):
        return iter(range(self._start, self._start + self._length))

    def __len__(self):
        return self._length


class RandomSampler(Sampler):
    """Numbers in a random order, another one in each epoch. It depends on `mx.random.seed`."""

    def __init__(self, length):
        self._length = length

    def __iter__(self):
        return iter(_gluonic.permutation(self._length))

    def __len__(self):
        return self._length


class FilterSampler(Sampler):
    """The numbers of the samples for which a function says so."""

    def __init__(self, fn, dataset):
        self._indices = [i for i, sample in enumerate(dataset) if fn(sample)]

    def __iter__(self):
        return iter(self._indices)

    def __len__(self):
        return len(self._indices)


class BatchSampler(Sampler):
    """The numbers of another sampler in lists. `last_batch` says what becomes of those that do not
    fill one: 'keep', 'discard', or 'rollover' into the next epoch.

    >>> list(BatchSampler(SequentialSampler(5), 2, "keep"))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler, batch_size, last_batch="keep"):
        self._sampler = sampler
        self._batch_size = batch_size
        self._last_batch = last_batch
        self._prev = []

    def __iter__(self):
        batch, self._prev = self._prev, []
        for index in self._sampler:
            batch.append(index)
            if len(batch) == self._batch_size:
                yield batch
                batch = []
        if batch:
            if self._last_batch == "keep":
                yield batch
            elif self._last_batch == "rollover":
                self._prev = batch
            elif self._last_batch != "discard":
                raise self._unknown()

    def __len__(self):
        n = len(self._sampler)
        if self._last_batch == "keep":
            return (n + self._batch_size - 1) // self._batch_size
        if self._last_batch == "discard":
            return n // self._batch_size
        if self._last_batch == "rollover":
            return (len(self._prev) + n) // self._batch_size
        raise self._unknown()

    def _unknown(self):
        return unknown_last_batch(self._last_batch)


def unknown_last_batch(word):
    """The error of a way of the last batch that there is not."""
    return ValueError(
        f"last_batch must be one of 'keep', 'discard', or 'rollover', but got {word}"
    )
