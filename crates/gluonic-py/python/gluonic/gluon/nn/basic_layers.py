"""The layers that most nets have."""

from ... import _gluonic
from .._layer_block import _ActivatedBlock, _LayerBlock
from ..block import Block, HybridBlock
from .containers import HybridSequential, Sequential
from .norm_layers import (
    BatchNorm,
    BatchNormReLU,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
    SyncBatchNorm,
)

__all__ = [
    "BatchNorm",
    "BatchNormReLU",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GroupNorm",
    "HybridLambda",
    "HybridSequential",
    "InstanceNorm",
    "Lambda",
    "LayerNorm",
    "RMSNorm",
    "Sequential",
    "SyncBatchNorm",
]


class Dense(_ActivatedBlock):
    """The fully connected layer: `y = act(x · Wᵀ + b)`.

    An input `(batch, …)` gives `(batch, units)`; with `flatten=False`, `(…, in_units)` gives
    `(…, units)`. `in_units` may be left out: the first forward tells it.

    >>> layer = Dense(256, activation="relu")
    >>> layer
    Dense(None -> 256, Activation(relu))
    """

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        flatten=True,
        dtype="float32",
        weight_initializer=None,
        bias_initializer="zeros",
        in_units=0,
        **kwargs,
    ):
        layer = _gluonic.dense(
            self._naming(**kwargs),
            units,
            activation,
            use_bias,
            flatten,
            dtype,
            weight_initializer,
            bias_initializer,
            in_units,
        )
        super().__init__(layer)
        self._note_initializers(weight=weight_initializer, bias=bias_initializer)
        self._units = units
        self._in_units = in_units
        self._flatten = flatten
        if not use_bias:
            self.bias = None


class Dropout(_LayerBlock):
    """In training, zeroes each element with probability `rate` and scales the others up. Along
    `axes` there is one draw for all elements.

    >>> Dropout(0.5)
    Dropout(p = 0.5, axes=())
    """

    def __init__(self, rate, axes=(), **kwargs):
        super().__init__(_gluonic.dropout_layer(self._naming(**kwargs), rate, list(axes)))
        self._rate = rate
        self._axes = axes

    def __repr__(self):
        return f"{type(self).__name__}(p = {self._rate}, axes={self._axes})"


class Embedding(_LayerBlock):
    """A row of a table for each id: `(…,)` gives `(…, output_dim)`.

    >>> Embedding(3, 2)
    Embedding(3 -> 2, float32)
    """

    def __init__(
        self,
        input_dim,
        output_dim,
        dtype="float32",
        weight_initializer=None,
        sparse_grad=False,
        **kwargs,
    ):
        layer = _gluonic.embedding_layer(
            self._naming(**kwargs), input_dim, output_dim, dtype, weight_initializer, sparse_grad
        )
        super().__init__(layer)
        self._note_initializers(weight=weight_initializer)
        self._kwargs = {
            "input_dim": input_dim,
            "output_dim": output_dim,
            "dtype": dtype,
            "sparse_grad": sparse_grad,
        }


class Flatten(_LayerBlock):
    """All axes but the first as one.

    >>> Flatten()
    Flatten
    """

    def __init__(self, **kwargs):
        super().__init__(_gluonic.unit_layer(self._naming(**kwargs), "flatten", 0.0))


def _named_function(name, where):
    """A function of the module of operations, by its name."""
    from ... import ndarray

    if not hasattr(ndarray, name):
        raise AssertionError(f"Function name {name} is not found in {where}.")
    return getattr(ndarray, name)


def _no_function(function):
    return ValueError(f"Unrecognized function in lambda: {function} of type {type(function)}")


class Lambda(Block):
    """A function as a block: one of one's own, or an operation by its name.

    >>> Lambda(lambda x: x * 2)
    Lambda(<lambda>)
    """

    def __init__(self, function, prefix=None):
        super().__init__(prefix=prefix)
        if isinstance(function, str):
            self._func_impl = _named_function(function, "ndarray")
            self._func_name = function
        elif callable(function):
            self._func_impl = function
            self._func_name = getattr(function, "__name__", type(function).__name__)
        else:
            raise _no_function(function)

    def forward(self, *args):
        """Calls the function."""
        return self._func_impl(*args)

    def __repr__(self):
        return f"{type(self).__name__}({self._func_name})"


class HybridLambda(HybridBlock):
    """As `Lambda`; a function of one's own gets the module of operations first.

    >>> HybridLambda(lambda F, x: F.relu(x))
    HybridLambda(<lambda>)
    """

    def __init__(self, function, prefix=None):
        super().__init__(prefix=prefix)
        if isinstance(function, str):
            implementation = _named_function(function, "symbol/ndarray")
            self._func = lambda F, *args: implementation(*args)
            self._func_name = function
        elif callable(function):
            self._func = function
            self._func_name = getattr(function, "__name__", type(function).__name__)
        else:
            raise _no_function(function)

    def hybrid_forward(self, F, x, *args):
        """Calls the function."""
        return self._func(F, x, *args)

    def __repr__(self):
        return f"{type(self).__name__}({self._func_name})"
