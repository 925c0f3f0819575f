"""Functions of the array modules as methods of arrays: `x.exp()` is `nd.exp(x)`.

The function itself becomes the method: its first argument is the array.
"""

import warnings

from . import ndarray as nd
from . import numpy as np
from ._gluonic import NDArray, ndarray, ops
from .numpy import _protocol

__all__ = ["attach"]

_ND = """
    abs arccos arccosh arcsin arcsinh arctan arctanh argmax argmax_channel argmin argsort
    broadcast_axes broadcast_like cbrt ceil clip cos cosh degrees depth_to_space diag exp expm1 fix
    flip floor log log10 log1p log2 log_softmax max mean min nanprod nansum norm one_hot ones_like
    pad pick prod radians rcbrt reciprocal relu repeat reshape_like rint round rsqrt shape_array
    sigmoid sign sin sinh size_array slice slice_axis slice_like softmax softmin sort space_to_depth
    split split_v2 sqrt square sum swapaxes take tan tanh tile topk trunc zeros_like
""".split()

_NP = ["argmax", "argmin", "argsort", "cumsum", "dot", "nonzero", "repeat", "round", "sort"]
_NP += ["std", "swapaxes", "take", "var"]


def reshape(self, *shape, **kwargs):
    """The elements in other sizes: a view, which shares the memory. Sizes may be said by the codes of
    `nd.reshape`, in one argument or several.

    >>> from gluonic import nd
    >>> nd.zeros((2, 3)).reshape((-1,)).shape
    (6,)
    """
    reverse = bool(kwargs.pop("reverse", False))
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = shape[0]
    elif not shape:
        shape = kwargs.pop("shape", None)
        if shape is None:
            raise AssertionError("Shape must be provided.")
    if kwargs:
        raise TypeError(
            f"Got unknown keywords in reshape: {', '.join(kwargs)}. Accepted keyword arguments are "
            "'shape' and 'reverse'."
        )
    return ops.reshape_by(self, shape, "nd", reverse, True)


def transpose(self, *axes, **kwargs):
    """The axes in another order: in reverse, if none is given."""
    if len(axes) == 1:
        axes = axes[0]
    return ops.transpose(self, kwargs.pop("axes", None) or axes or None)


def expand_dims(self, axis, inplace=False):
    """With another axis of size 1, before `axis`."""
    return ops.expand_dims(self, axis)


def flatten(self, inplace=False):
    """All axes but the first as one."""
    return nd.flatten(self)


def squeeze(self, axis=None, inplace=False):
    """Without the axes given, or all, of size 1."""
    return ops.squeeze(self, axis)


def broadcast_to(self, shape):
    """The array repeated along its axes of size 1."""
    given, rank = self.shape, len(shape)
    if self.ndim < rank:
        self = ops.reshape(self, (1,) * (rank - self.ndim) + tuple(self.shape))
    sizes = tuple(shape)
    if any(own not in (1, size) for own, size in zip(self.shape, sizes)):
        raise ValueError(
            "operands could not be broadcast together with remapped shapes[original->remapped]: "
            f"{given} and requested shape {sizes}"
        )
    return ops.broadcast_to(self, shape)


def np_as_in_context(self, context):
    """The older name of `as_in_ctx`."""
    warnings.warn(
        "ndarray.as_in_context has been renamed to ndarray.as_in_ctx",
        DeprecationWarning,
        stacklevel=2,
    )
    return self.as_in_ctx(context)


@property
def np_context(self):
    """The older name of `ctx`."""
    warnings.warn(
        "ndarray.context has been renamed to ndarray.ctx", DeprecationWarning, stacklevel=2
    )
    return self.ctx


def np_reshape(self, *args, **kwargs):
    """The elements in other sizes, of which one may be -1: it is inferred."""
    order = kwargs.pop("order", "C")
    if kwargs:
        raise TypeError(f"{next(iter(kwargs))} is an invalid keyword argument for this function")
    shape = args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args
    return np.reshape(self, shape, order)


def np_transpose(self, *axes):
    """The axes in another order: in reverse, if none is given."""
    if len(axes) == 1 and not isinstance(axes[0], int):
        axes = axes[0]
    return ops.transpose(self, axes or None)


def np_sum(self, axis=None, dtype=None, out=None, keepdims=False):
    """The sums over axes, or of all elements."""
    return np.sum(self, axis, dtype, keepdims, None, out)


def np_mean(self, axis=None, dtype=None, out=None, keepdims=False):
    """The means over axes, or of all elements; of integers as `float32`."""
    return np.mean(self, axis, dtype, out, keepdims)


def np_prod(self, axis=None, dtype=None, out=None, keepdims=False):
    """The products over axes, or of all elements."""
    return np.prod(self, axis, dtype, out, keepdims)


def np_max(self, axis=None, out=None, keepdims=False):
    """The largest elements over axes, or of all."""
    return np.max(self, axis, keepdims, out)


def np_min(self, axis=None, out=None, keepdims=False):
    """The smallest elements over axes, or of all."""
    return np.min(self, axis, keepdims, out)


def np_all(self, axis=None, out=None, keepdims=False):
    """Whether all elements over axes are true."""
    return np.all(self, axis, keepdims, out)


def np_any(self, axis=None, out=None, keepdims=False):
    """Whether any element over axes is true."""
    return np.any(self, axis, keepdims, out)


def np_clip(self, min=None, max=None, out=None):
    """The nearest value between `min` and `max`; None is no bound."""
    return np.clip(self, min, max, out)


def np_squeeze(self, axis=None):
    """Without the axes given, or all, of size 1."""
    return ops.squeeze(self, axis)


def np_flatten(self, order="C"):
    """The elements in one row, as a copy."""
    return np.ravel(self, order)


def np_broadcast_to(self, shape):
    """The array repeated to another shape by the rule of broadcasting."""
    return ops.broadcast_to(self, shape)


def item(self, *args):
    """An element as a number of Python: the only one, or that at a position."""
    return self.asnumpy().item(*args)


def tolist(self):
    """The elements as nested lists of numbers."""
    return self.asnumpy().tolist()


def _set(owner, name, function):
    # What the class itself defines counts more.
    if name not in vars(owner):
        setattr(owner, name, function)


def attach():
    """Makes the functions methods."""
    # Python's errors name a class as it was created, with its module, until it is given a name.
    NDArray.__name__ = "NDArray"
    NDArray.__module__ = "gluonic.ndarray.ndarray"
    ndarray.__name__ = "ndarray"
    for name in _ND:
        _set(NDArray, name, getattr(nd, name))
    for function in (broadcast_to, expand_dims, flatten, reshape, squeeze, transpose):
        _set(NDArray, function.__name__, function)
    for name in _NP:
        _set(ndarray, name, getattr(np, name))
    for name, function in globals().items():
        if name.startswith("np_"):
            _set(ndarray, name[3:], function)
    for function in (item, tolist):
        _set(ndarray, function.__name__, function)
    ndarray.__array_ufunc__ = _protocol.array_ufunc
    ndarray.__array_function__ = _protocol.array_function
