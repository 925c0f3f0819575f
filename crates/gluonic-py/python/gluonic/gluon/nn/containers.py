"""Blocks one after another, and side by side."""

import warnings

from ... import _gluonic
from .._defaults import with_defaults
from .._layer_block import _LayerBlock
from ..block import Block, HybridBlock, _indent

__all__ = [
    "Concatenate",
    "Concurrent",
    "HybridConcatenate",
    "HybridConcurrent",
    "HybridSequential",
    "Identity",
    "Sequential",
]


class _Children:
    """Blocks one after another."""

    _is_chain = True

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
        # A part is called like the whole, also where a scope is open.
        scope = _gluonic.leave_scope()
        try:
            part = type(self)(prefix=self.prefix)
        finally:
            _gluonic.set_scope(scope)
        part.add(*layers)
        return part

    def __len__(self):
        return len(self._children)


# As Python's errors name it.
_Children.forward.__qualname__ = "Sequential.forward"


class Sequential(_Children, Block):
    """Blocks that are called one after another.

    >>> net = Sequential()
    >>> net.add(Dense(256, activation="relu"), Dense(10))
    >>> len(net)
    2
    """

    def __init__(self, prefix=None, params=None):
        super().__init__(prefix=prefix, params=params)

    def hybridize(self, active=True, **kwargs):
        """As `Block.hybridize`. Warns where MXNet advises another class."""
        children = self._children.values()
        if children and all(isinstance(child, HybridBlock) for child in children):
            warnings.warn(
                f"All children of this Sequential layer '{self.prefix}' are HybridBlocks. Consider "
                "using HybridSequential for the best performance.",
                stacklevel=2,
            )
        super().hybridize(active, **kwargs)


class HybridSequential(_Children, HybridBlock):
    """The same as `Sequential`, for blocks that are `HybridBlock`s."""

    def __init__(self, prefix=None, params=None):
        super().__init__(prefix=prefix, params=params)


class _SideBySide:
    """Blocks that are called on one input each."""

    _is_chain = False

    def __init__(self, axis=-1, prefix=None, params=None):
        super().__init__(prefix=prefix, params=params)
        self.axis = axis

    def forward(self, x):
        """Calls every child on the input."""
        return _gluonic.join([block(x) for block in self._children.values()], self.axis, False)


@with_defaults()
class Concurrent(_SideBySide, Sequential):
    """Blocks that are called on one input each; their outputs are joined along an axis."""


@with_defaults()
class HybridConcurrent(_SideBySide, HybridSequential):
    """The same as `Concurrent`, for blocks that are `HybridBlock`s."""


class Concatenate(Concurrent):
    """The name of `Concurrent` in later versions of Gluon."""


class HybridConcatenate(HybridConcurrent):
    """The name of `HybridConcurrent` in later versions of Gluon."""


class Identity(_LayerBlock):
    """The input, unchanged."""

    def __init__(self, prefix=None, params=None):
        super().__init__(_gluonic.unit_layer(self._naming(prefix, params), "identity", 0.0))
