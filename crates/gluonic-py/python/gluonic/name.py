"""How blocks are counted."""

from . import _gluonic

__all__ = ["NameManager", "Prefix"]


class NameManager:
    """Inside `with NameManager():` blocks are counted from 0 again.

    >>> with NameManager():
    ...     first = gluon.nn.Dense(1).name
    >>> first
    'dense0'
    """

    def __init__(self):
        self._counters = _gluonic._Counters()
        self._outer = []

    def __enter__(self):
        self._outer.append(_gluonic.set_counters(self._counters))
        return self

    def __exit__(self, *_):
        self._counters = _gluonic.set_counters(self._outer.pop())


class Prefix:
    """Not in gluonic: every name of MXNet's `Prefix` can be given where the block is built."""

    def __init__(self, prefix):
        raise NotImplementedError(
            f"mx.name.Prefix is not in gluonic\nbuild the blocks with prefix={prefix!r}, or inside "
            "`with net.name_scope():`"
        )
