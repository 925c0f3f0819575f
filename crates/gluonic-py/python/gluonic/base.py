"""What all of the package needs: the error that operations raise, and words for types."""

import os

import numpy as _np

from ._gluonic import MXNetError

__all__ = [
    "MXNetError",
    "NotImplementedForSymbol",
    "NotSupportedForSparseNDArray",
    "basestring",
    "classproperty",
    "data_dir",
    "integer_types",
    "long",
    "mx_real_t",
    "numeric_types",
    "py_str",
    "string_types",
]

long = int
basestring = str
string_types = (str,)
integer_types = (int, long, _np.int32, _np.int64)
numeric_types = (float, int, long, _np.generic)
mx_real_t = _np.float32


class NotImplementedForSymbol(MXNetError):
    """There is no such thing for symbols; there are no symbols at all."""


class NotSupportedForSparseNDArray(MXNetError):
    """There is no such thing for sparse arrays; there are no sparse arrays at all."""


class classproperty:
    """A property of the class itself."""

    def __init__(self, fget):
        self._fget = fget
        self.__doc__ = fget.__doc__

    def __get__(self, instance, owner=None):
        return self._fget(type(instance) if owner is None else owner)


def py_str(text):
    """The text that UTF-8 bytes hold."""
    return text.decode("utf-8")


def data_dir():
    """The folder for data that is fetched: `MXNET_HOME`, or `.mxnet` in the home folder."""
    return os.environ.get("MXNET_HOME") or os.path.join(os.path.expanduser("~"), ".mxnet")


def _as_list(value):
    return value if isinstance(value, (list, tuple)) else [value]
