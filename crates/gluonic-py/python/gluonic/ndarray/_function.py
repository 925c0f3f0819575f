"""How functions of `mx.nd` are made of gluonic's operations."""

import numbers

from .._gluonic import NDArray, ops

__all__ = ["finish", "is_number", "named", "on_each", "on_two"]


def is_number(value):
    """Whether a value is a number of Python or NumPy."""
    return isinstance(value, numbers.Number)


def finish(result, out):
    """The result; in `out`, if there is one."""
    return result if out is None else ops.write(out, result)


def named(function, name, doc, module):
    """Gives a function that was made by another one its name, its module and its docstring."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    function.__module__ = module
    return function


def on_each(name, operation, doc, module):
    """A function of `mx.nd` that treats each element alike."""

    def function(data=None, out=None, name=None, **_):
        return operation(data) if out is None else ops.write(out, operation(data))

    return named(function, name, doc, module)


def on_two(name, operation, doc, module):
    """A function of `mx.nd` of two arrays, or of an array and a number, by an operator of Python."""

    def function(lhs, rhs):
        if not (isinstance(lhs, NDArray) or isinstance(rhs, NDArray)):
            if not (is_number(lhs) and is_number(rhs)):
                raise TypeError(f"type {type(lhs)} or {type(rhs)} not supported")
        return operation(lhs, rhs)

    return named(function, name, doc, module)


def _sizes(array):
    """The sizes as MXNet's C++ prints them."""
    return "[" + ",".join(map(str, array.shape)) + "]"


def on_arrays(name, operation, doc, module, same_shape=False):
    """A function of `mx.nd` of two arrays, by an operator of Python."""

    def function(lhs=None, rhs=None, out=None, name=None, **_):
        for argument, value in (("lhs", lhs), ("rhs", rhs)):
            if not isinstance(value, NDArray):
                raise AssertionError(
                    f"Argument {argument} must have NDArray type, but got {value}"
                )
        if same_shape and lhs.shape != rhs.shape:
            from .._gluonic import MXNetError

            raise MXNetError(
                "MXNetError: Check failed: assign(&dattr, vec.at(i)): Incompatible attr in node  at "
                f"1-th input: expected {_sizes(lhs)}, got {_sizes(rhs)}\n"
                "the broadcast_ functions take arrays of different shapes"
            )
        return finish(operation(lhs, rhs), out)

    return named(function, name, doc, module)
