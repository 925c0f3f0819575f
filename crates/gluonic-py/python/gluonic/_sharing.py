"""Arrays on memory of NumPy, PyTorch and whoever speaks DLPack, and the reverse."""

import numpy

from . import _gluonic

__all__ = ["from_dlpack", "from_numpy", "to_dlpack_for_read", "to_dlpack_for_write"]


class _Exporter:
    """A DLPack capsule, or an object that exports one, as NumPy wants it."""

    def __init__(self, exporter):
        self._exporter = exporter
        self._is_capsule = not hasattr(exporter, "__dlpack__")
        if self._is_capsule and type(exporter).__name__ != "PyCapsule":
            raise TypeError(
                f"expected a DLPack capsule or an array with __dlpack__, found {type(exporter)}"
            )
        # A capsule of version 1 says whether the memory is read-only; one of before that is not.
        self.tells = False

    def __dlpack__(self, **options):
        if self._is_capsule:
            capsule = self._exporter
        else:
            try:
                capsule = self._exporter.__dlpack__(**options)
            except TypeError:
                # It knows no options yet.
                capsule = self._exporter.__dlpack__()
        self.tells = "dltensor_versioned" in repr(capsule)
        return capsule

    def __dlpack_device__(self):
        return (1, 0) if self._is_capsule else self._exporter.__dlpack_device__()


class _Writable:
    """The memory of a NumPy array that NumPy takes for read-only because nothing told otherwise."""

    def __init__(self, values):
        self._values = values
        told = values.__array_interface__
        self.__array_interface__ = {**told, "data": (told["data"][0], False)}


def _values_of(exporter):
    """The memory of an exporter as a NumPy array."""
    if isinstance(exporter, numpy.ndarray):
        return exporter
    exporter = _Exporter(exporter)
    values = numpy.from_dlpack(exporter)
    if values.flags.writeable or exporter.tells:
        return values
    return numpy.asarray(_Writable(values))


def _shared(values, np):
    """An array on the memory of a NumPy array; a copy if that is read-only or has no place for an
    element of its own at each index."""
    if not values.flags.writeable:
        values = values.copy()
    try:
        return _gluonic._from_numpy(values, np)
    except (TypeError, ValueError, _gluonic.MXNetError):
        return _gluonic.array(values, values.dtype, None, np)


def from_dlpack(dlpack):
    """An `NDArray` on the memory of a DLPack capsule or of an array that exports one: edits by
    either side are seen by the other. Memory that is read-only is copied.

    >>> import numpy
    >>> theirs = numpy.zeros(2, dtype="float32")
    >>> ours = from_dlpack(theirs)
    >>> ours[:] = 7
    >>> theirs
    array([7., 7.], dtype=float32)
    """
    return _shared(_values_of(dlpack), np=False)


def np_from_dlpack(dlpack):
    """As `from_dlpack`, for `mx.np`."""
    return _shared(_values_of(dlpack), np=True)


def from_numpy(ndarray, zero_copy=True):
    """An `NDArray` on the memory of a NumPy array: edits by either side are seen by the other.
    With `zero_copy=False`, and where the memory is read-only, a copy.
    """
    return _from_numpy(ndarray, zero_copy, np=False)


def np_from_numpy(ndarray, zero_copy=True):
    """As `from_numpy`, for `mx.np`."""
    return _from_numpy(ndarray, zero_copy, np=True)


def _from_numpy(values, zero_copy, np):
    if not isinstance(values, numpy.ndarray):
        raise TypeError(f"expected a NumPy array, found {type(values)}")
    if not zero_copy:
        return _gluonic.array(values, values.dtype, None, np)
    if not values.flags["C_CONTIGUOUS"]:
        raise ValueError(
            "Only c-contiguous arrays are supported for zero-copy\n"
            "make one with numpy.ascontiguousarray, or pass zero_copy=False"
        )
    return _shared(values, np)


def to_dlpack_for_read(data):
    """A DLPack capsule of an array, which shares the memory."""
    return data.__dlpack__()


def to_dlpack_for_write(data):
    """A DLPack capsule of an array, which shares the memory: an edit is one of the array."""
    return data.__dlpack__()

