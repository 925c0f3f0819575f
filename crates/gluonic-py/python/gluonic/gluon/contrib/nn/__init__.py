"""Layers that Gluon keeps apart."""

from ...nn import (
    Concurrent,
    Embedding,
    HybridConcurrent,
    Identity,
    PixelShuffle1D,
    PixelShuffle2D,
    PixelShuffle3D,
    SyncBatchNorm,
)

__all__ = [
    "Concurrent",
    "HybridConcurrent",
    "Identity",
    "PixelShuffle1D",
    "PixelShuffle2D",
    "PixelShuffle3D",
    "SparseEmbedding",
    "SyncBatchNorm",
]


class SparseEmbedding(Embedding):
    """An `Embedding` whose gradient keeps the rows that were looked up, and no others."""

    def __init__(self, input_dim, output_dim, dtype="float32", weight_initializer=None, **kwargs):
        super().__init__(
            input_dim, output_dim, dtype, weight_initializer, sparse_grad=True, **kwargs
        )
