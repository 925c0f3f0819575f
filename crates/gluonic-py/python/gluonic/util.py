"""Which of MXNet's two array modules blocks and parameters speak."""

from . import _gluonic

__all__ = ["is_np_array", "is_np_shape", "reset_np", "set_np"]

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
