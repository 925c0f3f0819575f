"""Containers and the layers that most nets have."""

from ... import _gluonic
from ..block import Block, HybridBlock, _indent, _LayerBlock

__all__ = ["Dense", "HybridSequential", "Sequential"]


class _Children:
    """Blocks one after another."""

    def add(self, *blocks):
        """Adds blocks at the end."""
        for block in blocks:
            self.register_child(block)

    def forward(self, x, *args):
        """Calls the children one after another, each with the output of the one before."""
        for block in self._children.values():
            x = block(x, *args)
            args = []
            if isinstance(x, (tuple, list)):
                args = x[1:]
                x = x[0]
        return (x, *args) if args else x

    def __repr__(self):
        lines = "\n".join(
            f"  ({key}): {_indent(repr(block))}" for key, block in self._children.items()
        )
        return f"{type(self).__name__}(\n{lines}\n)"

    def __getitem__(self, key):
        layers = list(self._children.values())[key]
        if not isinstance(layers, list):
            return layers
        net = type(self)(prefix=self._prefix_of_part())
        net.add(*layers)
        return net

    def _prefix_of_part(self):
        return self.prefix

    def __len__(self):
        return len(self._children)


class Sequential(_Children, Block):
    """Blocks that are called one after another.

    >>> net = Sequential()
    >>> net.add(Dense(256, activation="relu"), Dense(10))
    >>> len(net)
    2
    """


class HybridSequential(_Children, HybridBlock):
    """The same as `Sequential`, for blocks that are `HybridBlock`s."""

    def add(self, *blocks):
        """Adds blocks at the end."""
        for block in blocks:
            if not isinstance(block, HybridBlock):
                raise ValueError(
                    "Children of HybridBlock must also be HybridBlock, but "
                    f"{block!r} has type {type(block)}. If you are using Sequential, please try "
                    "HybridSequential instead."
                )
            self.register_child(block)


class Dense(_LayerBlock):
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
        prefix=None,
        params=None,
    ):
        naming = self._naming(self._alias(), prefix, params)
        layer = _gluonic.dense(
            naming,
            units,
            activation,
            use_bias,
            flatten,
            dtype,
            weight_initializer,
            bias_initializer,
            in_units or None,
        )
        super().__init__(layer)
        self._units = units
        self._in_units = in_units
        self._flatten = flatten
        if not use_bias:
            self.bias = None
