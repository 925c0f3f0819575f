"""Exceptions whose texts Python's own would spoil."""

import builtins

__all__ = ["KeyError"]


class KeyError(builtins.KeyError):
    """A key that is not there. Its text is the key, and below it what may have been meant."""

    def __init__(self, key, told=""):
        super().__init__(key)
        self.told = told

    def __str__(self):
        first = super().__str__()
        return f"{first}\n{self.told}" if self.told else first
