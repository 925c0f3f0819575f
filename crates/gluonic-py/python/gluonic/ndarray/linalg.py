"""Linear algebra of `mx.nd`, by its short names."""

from .._supported import attribute
from .linear import linalg_gemm as gemm
from .linear import linalg_gemm2 as gemm2
from .linear import linalg_syrk as syrk

__all__ = ["gemm", "gemm2", "syrk"]


def __getattr__(name):
    return attribute("nd.linalg", __name__, name)
