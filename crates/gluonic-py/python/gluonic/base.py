"""What all of the package needs."""

from ._gluonic import MXNetError

__all__ = ["MXNetError"]
