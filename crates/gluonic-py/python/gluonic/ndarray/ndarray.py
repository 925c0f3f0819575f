"""The class of arrays, under the module that MXNet has it in."""

from .._gluonic import NDArray

__all__ = ["NDArray"]

# Only 'default' exists here.
_STORAGE_TYPE_STR_TO_ID = {"undefined": -1, "default": 0, "row_sparse": 1, "csr": 2}
