"""Activations as layers."""

import numpy as _np

from ... import _gluonic
from .._layer_block import _LayerBlock

__all__ = ["ELU", "GELU", "SELU", "Activation", "LeakyReLU", "PReLU", "SiLU", "Swish"]


class Activation(_LayerBlock):
    """A function on each element: 'relu', 'sigmoid', 'tanh', 'softrelu' or 'softsign'.

    >>> Activation("relu")
    Activation(relu)
    """

    def __init__(self, activation, **kwargs):
        self._act_type = activation
        super().__init__(_gluonic.activation_layer(self._naming(**kwargs), activation))

    def _alias(self):
        return self._act_type


class LeakyReLU(_LayerBlock):
    """`x` above 0, `alpha · x` below."""

    def __init__(self, alpha, **kwargs):
        if alpha < 0:
            raise AssertionError("Slope coefficient for LeakyReLU must be no less than 0.")
        super().__init__(_gluonic.leaky_relu_layer(self._naming(**kwargs), alpha))
        self._alpha = alpha

    def __repr__(self):
        return f"{type(self).__name__}({self._alpha})"


class PReLU(_LayerBlock):
    """`x` above 0, `alpha · x` below, with an alpha that is learned: one, or one for each
    channel."""

    _dtype_as_printed = _np.float32

    def __init__(self, alpha_initializer=None, in_channels=1, **kwargs):
        super().__init__(
            _gluonic.prelu_layer(self._naming(**kwargs), in_channels, alpha_initializer)
        )


class _Unit(_LayerBlock):
    """An activation of at most one number."""

    _kind = ""

    def __init__(self, number=0.0, **kwargs):
        super().__init__(_gluonic.unit_layer(self._naming(**kwargs), self._kind, number))


class ELU(_Unit):
    """`x` above 0, `alpha · (exp(x) - 1)` below."""

    _kind = "elu"

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(alpha, **kwargs)
        self._alpha = alpha


class SELU(_Unit):
    """The exponential linear unit with the scale that keeps mean 0 and variance 1."""

    _kind = "selu"

    def __init__(self, **kwargs):
        super().__init__(**kwargs)


class GELU(_Unit):
    """`x` times the normal distribution's share below `x`."""

    _kind = "gelu"

    def __init__(self, **kwargs):
        super().__init__(**kwargs)


class Swish(_Unit):
    """`x · sigmoid(beta · x)`."""

    _kind = "swish"

    def __init__(self, beta=1.0, **kwargs):
        super().__init__(beta, **kwargs)
        self._beta = beta


class SiLU(Swish):
    """`Swish` with a beta of 1."""

    def __init__(self, **kwargs):
        super().__init__(1.0, **kwargs)
