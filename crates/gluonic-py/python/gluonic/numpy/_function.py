"""How functions of `mx.np` are made of gluonic's operations."""

import numpy as _numpy

from .._gluonic import NDArray, ops
from ..ndarray._function import finish, is_number, named

__all__ = ["finish", "is_number", "on_each", "on_two", "refuse_options", "unsupported"]


def refuse_options(options):
    """Refuses what NumPy's functions take and MXNet's do not support."""
    for word, value in options.items():
        if word == "where" and value is True:
            continue
        if word in ("casting", "order", "dtype", "subok") and value in (
            "same_kind",
            "K",
            "C",
            None,
            True,
        ):
            continue
        raise TypeError(f"{word}={value!r} is not supported")


def unsupported(value):
    """The error for what is neither an array nor a number."""
    return TypeError(
        f"type {type(value)} not supported\nmake an array of it with np.array first"
    )


def on_each(name, operation, doc, module):
    """A function of `mx.np` that treats each element alike; of a number it is NumPy's."""
    of_number = getattr(_numpy, name, None)

    def function(x, out=None, **options):
        if options:
            refuse_options(options)
        if isinstance(x, NDArray):
            return finish(operation(x), out)
        if is_number(x) and of_number is not None:
            return of_number(x)
        raise unsupported(x)

    return named(function, name, doc, module)


def on_two(name, operation, doc, module):
    """A function of `mx.np` of two arrays or numbers; of two numbers it is NumPy's."""
    of_numbers = getattr(_numpy, name, None)

    def function(x1, x2, out=None, **options):
        if options:
            refuse_options(options)
        if isinstance(x1, NDArray) or isinstance(x2, NDArray):
            for x in (x1, x2):
                if not isinstance(x, NDArray) and not is_number(x):
                    raise unsupported(x)
            return finish(operation(x1, x2), out)
        if is_number(x1) and is_number(x2):
            return of_numbers(x1, x2)
        raise unsupported(x1 if not is_number(x1) else x2)

    return named(function, name, doc, module)
