"""What Gluon keeps apart."""

from . import nn

__all__ = ["nn"]
