"""NumPy's own functions on arrays of `mx.np`: they are those of `mx.np`, and recorded as these.

NumPy asks its arguments first: NEP 13 for its functions of elements, NEP 18 for the others.
"""

import importlib

import numpy as _numpy

from .._gluonic import is_recording, ndarray

__all__ = ["array_function", "array_ufunc"]


def _named(name, places):
    """The function of `mx.np` that NumPy's `name` is, if there is one."""
    found = importlib.import_module("gluonic.numpy")
    for place in (*places, name):
        if place not in found.__all__:
            return None
        found = getattr(found, place)
    return found


def array_ufunc(self, ufunc, method, *inputs, out=None, **kwargs):
    """What `numpy.exp(x)` and its like are for an array of `mx.np`."""
    if method != "__call__":
        return NotImplemented
    inputs = [item.item() if isinstance(item, _numpy.generic) else item for item in inputs]
    if kwargs.get("where") is True:
        del kwargs["where"]
    if out is not None:
        kwargs["out"] = out[0] if len(out) == 1 else out
    function = _named(ufunc.__name__, ())
    if function is None:
        return _fall_back(ufunc, ufunc.__name__, inputs, kwargs)
    for item in inputs:
        if isinstance(item, _numpy.ndarray):
            raise TypeError(
                f"type {_numpy.ndarray} not supported\nmake an array of mx.np of it first"
            )
    return function(*inputs, **kwargs)


def array_function(self, func, types, args, kwargs):
    """What `numpy.mean(x)` and its like are for an array of `mx.np`."""
    places = func.__module__.split(".")[1:] if func.__module__ else ()
    function = _named(func.__name__, places)
    if function is None:
        return _fall_back(func, ".".join((*places, func.__name__)), args, kwargs)
    return function(*args, **kwargs)


def _fall_back(function, name, args, kwargs):
    """NumPy computes it, on copies."""
    result = function(*_each(args, _to_numpy), **_each(kwargs, _to_numpy))
    if is_recording():
        _each(result, lambda value: _refuse_floats(value, name))
    return _each(result, _from_numpy)


def _refuse_floats(value, name):
    if getattr(getattr(value, "dtype", None), "kind", "") == "f":
        raise ValueError(
            f"Falling back to NumPy operator {name} with autograd active is not supported.\n"
            "its result would have no gradient: use a function of mx.np, or leave the record"
        )


def _each(values, change):
    """Arguments or results with every array changed, also in lists, tuples and dicts."""
    if isinstance(values, dict):
        return {name: _each(value, change) for name, value in values.items()}
    if isinstance(values, (list, tuple)):
        changed = [_each(value, change) for value in values]
        return changed if isinstance(values, list) else tuple(changed)
    return change(values)


def _to_numpy(value):
    return value.asnumpy() if isinstance(value, ndarray) else value


def _from_numpy(value):
    from .creation import array

    if isinstance(value, _numpy.ndarray) and value.dtype.kind in "fiub":
        return array(value, dtype=value.dtype)
    return value
