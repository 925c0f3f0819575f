"""Other values for a while."""

__all__ = ["Swap"]


class Swap:
    """Inside `with net.swap(values):` the parameters have the values of a snapshot; afterwards their
    own, also after an exception."""

    def __init__(self, block, values):
        self._block = block
        self._values = values
        self._before = []

    def __enter__(self):
        before = self._block.snapshot()
        self._block.restore(self._values)
        self._before.append(before)
        return self._block

    def __exit__(self, *_):
        self._block.restore(self._before.pop())
