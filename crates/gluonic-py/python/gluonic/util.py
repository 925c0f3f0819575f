"""Which of MXNet's two array modules blocks and parameters speak, and small things of
`mx.util`."""

import functools
import os
import types

from . import _gluonic

__all__ = [
    "getenv",
    "is_np_array",
    "is_np_shape",
    "np_array",
    "np_shape",
    "reset_np",
    "set_module",
    "set_np",
    "set_np_shape",
    "setenv",
    "use_np",
    "use_np_array",
    "use_np_shape",
]

is_np_array = _gluonic.is_np_array
is_np_shape = _gluonic.is_np_shape


def set_np(shape=True, array=True, dtype=False):
    """Lets blocks and parameters give arrays of `mx.np`, and 0 be a size."""
    if array and not shape:
        raise ValueError("NumPy Shape semantics is required in using NumPy array semantics.")
    _gluonic.set_np(array, shape)


def reset_np():
    """Goes back to arrays of `mx.nd`."""
    _gluonic.set_np(False, False)


def set_np_shape(active):
    """Says whether 0 is a size, and returns whether it was."""
    before = is_np_shape()
    _gluonic.set_np(is_np_array(), bool(active))
    return before


class _Dialect:
    """What a `with` sets; None leaves it as it is. It may be entered again and again."""

    def __init__(self, array, shape):
        self._array = array
        self._shape = shape
        self._before = []

    def __enter__(self):
        before = (is_np_array(), is_np_shape())
        self._before.append(before)
        array, shape = self._array, self._shape
        _gluonic.set_np(before[0] if array is None else array, before[1] if shape is None else shape)
        return self

    def __exit__(self, *_):
        _gluonic.set_np(*self._before.pop())


def np_shape(active=True):
    """Inside the `with`, 0 is a size and -1 stands for one that is not known.

    >>> with np_shape():
    ...     is_np_shape()
    True
    """
    return _Dialect(None, bool(active))


def np_array(active=True):
    """Inside the `with`, blocks and parameters give arrays of `mx.np`."""
    return _Dialect(bool(active), None)


def use_np_shape(func):
    """Runs a function, or every method of a class, inside `np_shape()`."""
    return _inside(func, lambda: np_shape(True))


def use_np_array(func):
    """Runs a function, or every method of a class, inside `np_array()`."""
    return _inside(func, lambda: np_array(True))


def use_np(func):
    """Runs a function, or every method of a class, in the dialect of `mx.np`.

    >>> @use_np
    ... def speaks_np():
    ...     return is_np_array()
    >>> speaks_np(), is_np_array()
    (True, False)
    """
    return _inside(func, lambda: _Dialect(True, True))


def _inside(func, scope):
    if isinstance(func, type):
        for name, member in list(vars(func).items()):
            if isinstance(member, types.FunctionType):
                setattr(func, name, _inside(member, scope))
            elif isinstance(member, property):
                parts = (member.fget, member.fset, member.fdel)
                parts = [part and _inside(part, scope) for part in parts]
                setattr(func, name, property(*parts, doc=member.__doc__))
        return func
    if not callable(func):
        raise TypeError(f"a function or a class is to be decorated, not {func!r}")

    @functools.wraps(func)
    def inside(*args, **kwargs):
        with scope():
            return func(*args, **kwargs)

    return inside


def set_module(module):
    """A decorator that says which module a function or a class belongs to."""

    def set_it(func):
        if module is not None:
            func.__module__ = module
        return func

    return set_it


def getenv(name):
    """An environment variable, or None."""
    return os.environ.get(name)


def setenv(name, value):
    """Sets an environment variable; None takes it away."""
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
