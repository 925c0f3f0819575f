"""What neural networks need beyond NumPy, for arrays of `mx.np`: `mx.npx`."""

from .._gluonic import ops
from .._supported import attribute
from ..context import Context, cpu, cpu_pinned, current_context, gpu, num_gpus
from ..ndarray.contrib import arange_like
from ..ndarray.elementwise import (
    Activation as activation,
    LeakyReLU as leaky_relu,
    cast,
    erf,
    erfinv,
    gamma,
    gammaln,
    hard_sigmoid,
    relu,
    sigmoid,
    smooth_l1,
    stop_gradient,
)
from ..ndarray.files import load, waitall
from ..ndarray.files import save as _save
from ..ndarray.layers import (
    BatchNorm as batch_norm,
    Convolution as convolution,
    Deconvolution as deconvolution,
    Dropout as dropout,
    FullyConnected as fully_connected,
    LayerNorm as layer_norm,
    Pooling as pooling,
    log_softmax,
    softmax,
)
from ..ndarray.linear import batch_dot
from ..ndarray.positions import Embedding as embedding
from ..ndarray.positions import SequenceMask as sequence_mask
from ..ndarray.positions import gather_nd, one_hot, pick
from ..ndarray.reduction import topk
from ..ndarray.shape import Flatten as batch_flatten
from ..ndarray.shape import broadcast_like, reshape_like, shape_array, slice
from ..random import seed
from ..util import is_np_array, is_np_shape, reset_np, set_np

__all__ = [
    "Context",
    "activation",
    "arange_like",
    "batch_dot",
    "batch_flatten",
    "batch_norm",
    "broadcast_like",
    "cast",
    "convolution",
    "cpu",
    "cpu_pinned",
    "current_context",
    "deconvolution",
    "dropout",
    "embedding",
    "erf",
    "erfinv",
    "fully_connected",
    "gamma",
    "gammaln",
    "gather_nd",
    "gpu",
    "hard_sigmoid",
    "is_np_array",
    "is_np_shape",
    "layer_norm",
    "leaky_relu",
    "load",
    "log_softmax",
    "nonzero",
    "num_gpus",
    "one_hot",
    "pick",
    "pooling",
    "relu",
    "reset_np",
    "reshape",
    "reshape_like",
    "save",
    "seed",
    "sequence_mask",
    "set_np",
    "shape_array",
    "sigmoid",
    "slice",
    "smooth_l1",
    "softmax",
    "stop_gradient",
    "topk",
    "waitall",
]


def reshape(a, newshape, reverse=False, order="C"):
    """The elements in other sizes. Among these, -1 is inferred, -2 keeps a size, -3 leaves out one of
    1, -4 keeps all that are left, -5 makes one of two, -6 makes two of one, which follow it.

    >>> from gluonic import np
    >>> reshape(np.zeros((2, 3, 4)), (-2, -5)).shape
    (2, 12)
    """
    return ops.reshape_by(a, newshape, "npx", bool(reverse))


def nonzero(a):
    """The positions of the elements that are not 0, a row for each."""
    return ops.nonzero(a)


def save(file, arr):
    """Writes an array, a list of arrays, or a dictionary from names to arrays to a file, as
    `nd.save`."""
    _save(file, list(arr) if isinstance(arr, tuple) else arr)


def __getattr__(name):
    return attribute("npx", __name__, name)
