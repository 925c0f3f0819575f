"""Batches, epoch after epoch."""

from ... import _gluonic
from .batchify import default_batchify_fn
from .dataset import Dataset
from .sampler import BatchSampler, unknown_last_batch

__all__ = ["DataLoader", "default_batchify_fn", "default_mp_batchify_fn"]

default_mp_batchify_fn = default_batchify_fn


class DataLoader:
    """Loads a data set in batches; each iteration is an epoch.

    `num_workers` threads load ahead, without Python for gluonic's own data sets and transforms.
    The batches are the same with any number of them. `pin_memory`, `thread_pool`, `timeout` and
    `auto_reload` are accepted and change nothing.

    >>> samples = gluon.data.ArrayDataset(nd.ones((5, 2)), nd.zeros(5))
    >>> loader = DataLoader(samples, batch_size=2)
    >>> [data.shape for data, label in loader]
    [(2, 2), (2, 2), (1, 2)]
    """

    def __init__(
        self,
        dataset,
        batch_size=None,
        shuffle=False,
        sampler=None,
        last_batch=None,
        batch_sampler=None,
        batchify_fn=None,
        num_workers=0,
        pin_memory=False,
        pin_device_id=0,
        prefetch=None,
        thread_pool=False,
        timeout=120,
        auto_reload=False,
    ):
        if timeout <= 0:
            raise AssertionError(f"timeout must be positive, given {timeout}")
        self._dataset = dataset
        if batch_sampler is None:
            if batch_size is None:
                raise ValueError(
                    "batch_size must be specified unless batch_sampler is specified"
                )
            if batch_size < 1:
                raise ValueError(f"batch_size must be 1 or more, found {batch_size}")
            if sampler is not None and shuffle:
                raise ValueError("shuffle must not be specified if sampler is specified")
        elif batch_size is not None or shuffle or sampler is not None or last_batch is not None:
            raise ValueError(
                "batch_size, shuffle, sampler and last_batch must not be specified if "
                "batch_sampler is specified."
            )
        if last_batch not in (None, "keep", "discard", "rollover"):
            raise unknown_last_batch(last_batch)
        self._num_workers = num_workers if num_workers >= 0 else 0
        self._prefetch = max(0, int(prefetch)) if prefetch is not None else None
        self._batchify_fn = default_batchify_fn if batchify_fn is None else batchify_fn
        native = None
        if batchify_fn is None and isinstance(dataset, Dataset):
            native = dataset._native()
        self._source = dataset if native is None else native
        self._batch_sampler = batch_sampler
        if sampler is not None:
            self._batch_sampler = BatchSampler(sampler, batch_size, last_batch or "keep")
        self._loader = None
        if self._batch_sampler is None:
            self._loader = self._make(batch_size, bool(shuffle), last_batch or "keep", None)

    def _make(self, batch_size, shuffle, last_batch, batches):
        return _gluonic._Loader(
            self._source,
            self._batchify_fn,
            batch_size,
            shuffle,
            last_batch,
            self._num_workers,
            self._prefetch,
            batches,
        )

    def __iter__(self):
        if self._loader is not None:
            return iter(self._loader)
        if self._num_workers:
            batches = [list(batch) for batch in self._batch_sampler]
            return iter(self._make(1, False, "keep", batches))
        return self._one_by_one()

    def _one_by_one(self):
        # As lazily as the sampler is: it need not have an end.
        for batch in self._batch_sampler:
            yield self._batchify_fn([self._dataset[index] for index in batch])

    def __len__(self):
        return len(self._loader if self._loader is not None else self._batch_sampler)

    def position(self):
        """Where the loader is, as a text for `seek`: in which epoch, after how many batches."""
        return self._engine("position").position()

    def seek(self, position):
        """Lets the next iteration go on at a position, with the same batches as if nothing had
        come in between."""
        self._engine("seek").seek(position)

    def _engine(self, verb):
        if self._loader is None:
            raise NotImplementedError(
                f"{verb} needs batches that gluonic makes\ngive batch_size and shuffle, no sampler"
            )
        return self._loader
