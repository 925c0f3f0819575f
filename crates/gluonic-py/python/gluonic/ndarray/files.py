"""Arrays to and from files."""

import os

from .. import _gluonic
from .._gluonic import ops

__all__ = ["load", "save", "waitall"]


def save(fname, data):
    """Writes an array, a list of arrays, or a dictionary from names to arrays to a file, in MXNet's
    format, whatever the file is called. If that fails, the old file is as before."""
    ops.save(fname, data)


def load(fname):
    """Reads what `save` has written: a dictionary, or a list where the arrays have no names. Reads
    safetensors, NumPy's and PyTorch's files too.

    >>> import tempfile, os
    >>> from gluonic import nd
    >>> file = os.path.join(tempfile.mkdtemp(), "w.params")
    >>> save(file, {"w": nd.ones((2, 3))})
    >>> load(file)["w"].shape
    (2, 3)
    """
    if not isinstance(fname, (str, os.PathLike)):
        raise TypeError("fname required to be a string")
    return ops.load(fname, _gluonic.is_np_array())


def waitall():
    """Waits until all that was started is computed: it always is."""
