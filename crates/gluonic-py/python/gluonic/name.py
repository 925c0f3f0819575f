"""How blocks are counted."""

import threading

from . import _gluonic

__all__ = ["NameManager", "Prefix"]


class _Now(threading.local):
    """What holds on this thread."""

    prefix = ""
    """What the names of blocks begin with that are made outside of every other one."""
    scopes = 0
    """How many `name_scope`s of blocks have been entered."""


now = _Now()


def hint_of(word):
    """What a block is counted by, whose kind is called by a word."""
    return now.prefix + word if now.prefix and not now.scopes else word


class NameManager:
    """Inside `with NameManager():` blocks are counted from 0 again.

    >>> with NameManager():
    ...     first = gluon.nn.Dense(1).name
    >>> first
    'dense0'
    """

    _prefix = ""

    def __init__(self):
        self._counters = _gluonic._Counters()
        self._outer = []

    def __enter__(self):
        self._outer.append((_gluonic.set_counters(self._counters), now.prefix))
        now.prefix = self._prefix
        return self

    def __exit__(self, *_):
        counters, now.prefix = self._outer.pop()
        self._counters = _gluonic.set_counters(counters)


class Prefix(NameManager):
    """As `NameManager`; the names of blocks that are made outside of every other one begin with a
    prefix.

    >>> with Prefix("mine_"):
    ...     first = gluon.nn.Dense(1).name
    >>> first
    'mine_dense0'
    """

    def __init__(self, prefix):
        super().__init__()
        self._prefix = prefix
