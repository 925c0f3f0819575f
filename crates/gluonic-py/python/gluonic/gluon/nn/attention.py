"""Attention, transformers and residual blocks: beyond what Gluon has."""

from ... import _gluonic
from .._layer_block import _LayerBlock

__all__ = ["MultiHeadAttention", "Residual", "TransformerEncoder", "TransformerEncoderLayer"]


class MultiHeadAttention(_LayerBlock):
    """Attention with several heads, each with queries, keys and values of its own.

    Queries are `(batch, t, …)`, keys and values `(batch, s, …)`, the output `(batch, t, units)`.

    >>> layer = MultiHeadAttention(8, 2)
    >>> layer.initialize()
    >>> layer(nd.ones((1, 3, 8))).shape
    (1, 3, 8)
    """

    def __init__(
        self,
        units,
        num_heads,
        in_units=0,
        use_bias=True,
        dropout=0.0,
        causal=False,
        dtype="float32",
        weight_initializer=None,
        bias_initializer="zeros",
        **kwargs,
    ):
        layer = _gluonic.attention_layer(
            self._naming(**kwargs),
            units,
            num_heads,
            in_units,
            use_bias,
            dropout,
            causal,
            dtype,
            weight_initializer,
            bias_initializer,
        )
        super().__init__(layer)

    def forward(
        self, query, key=None, value=None, mask=None, valid_length=None, causal=False
    ):
        """Lets queries look at keys and takes their values; without keys at themselves, without
        values at the keys."""
        key = query if key is None else key
        value = key if value is None else value
        return _gluonic.attend(self._layer, query, key, value, mask, valid_length, causal)


class _Encoder(_LayerBlock):
    def forward(self, x, mask=None, valid_length=None, causal=False):
        """Encodes `(batch, t, units)` to the same shape."""
        return _gluonic.encode(self._layer, x, mask, valid_length, causal)


class TransformerEncoderLayer(_Encoder):
    """Attention of a sequence to itself and a feed-forward net, each with a residual and a norm."""

    def __init__(
        self,
        units,
        num_heads,
        hidden_size=None,
        dropout=0.1,
        activation="relu",
        pre_norm=False,
        epsilon=1e-5,
        causal=False,
        dtype="float32",
        weight_initializer=None,
        bias_initializer="zeros",
        **kwargs,
    ):
        layer = _gluonic.encoder_layer(
            self._naming(**kwargs),
            None,
            units,
            num_heads,
            hidden_size,
            dropout,
            activation,
            pre_norm,
            epsilon,
            causal,
            dtype,
            weight_initializer,
            bias_initializer,
        )
        super().__init__(layer)


class TransformerEncoder(_Encoder):
    """Encoder layers one after another."""

    def __init__(
        self,
        num_layers,
        units,
        num_heads,
        hidden_size=None,
        dropout=0.1,
        activation="relu",
        pre_norm=False,
        epsilon=1e-5,
        causal=False,
        dtype="float32",
        weight_initializer=None,
        bias_initializer="zeros",
        **kwargs,
    ):
        layer = _gluonic.encoder_layer(
            self._naming(**kwargs),
            num_layers,
            units,
            num_heads,
            hidden_size,
            dropout,
            activation,
            pre_norm,
            epsilon,
            causal,
            dtype,
            weight_initializer,
            bias_initializer,
        )
        super().__init__(layer)


class Residual(_LayerBlock):
    """A block whose input is added to its output: `x + body(x)`.

    >>> layer = Residual(nn.Dense(3, in_units=3))
    >>> layer.initialize()
    >>> layer(nd.ones((2, 3))).shape
    (2, 3)
    """

    def __init__(self, body, **kwargs):
        super().__init__(_gluonic.residual_layer(self._naming(**kwargs), body))
        self.body = body

    def __setattr__(self, name, value):
        if name == "body" and self.__dict__.get("body", value) is not value:
            raise AttributeError("the body of a Residual stays\nbuild a new Residual instead")
        super().__setattr__(name, value)
