"""Blocks that are built on layers of gluonic."""

import re

from .. import _gluonic, name as _name
from ..util import is_np_shape
from .block import HybridBlock, _check_params
from .parameter import Parameter


class _LayerBlock(HybridBlock):
    """A block that is built on a layer of gluonic."""

    forward = _gluonic.Block._layer_forward

    # How Gluon prints the element type of its parameters: some layers are told a text.
    _dtype_as_printed = None

    # Classes for the blocks inside layers.
    _classes = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("gluonic.gluon."):
            _LayerBlock._classes[cls.__name__] = cls
        own = cls.__dict__
        if "hybrid_forward" in own and "forward" not in own:
            cls.forward = HybridBlock.forward

    def __init__(self, layer):
        self._begin()
        self.__dict__["_layer"] = layer
        for key, member in self._build_on(layer).items():
            if isinstance(member, Parameter):
                member.__dict__.setdefault("_given_dtype", self._dtype_as_printed)
                self._reg_params[key] = member
            else:
                member = _LayerBlock._of(member)
                self._children[key] = member
            self.__dict__[key] = member

    def _note_initializers(self, **given):
        """Lets parameters remember what their initializers were given as."""
        for key, init in given.items():
            if key in self._reg_params:
                self._reg_params[key].__dict__.setdefault("_given_init", init)

    def _note_lists(self, **sizes):
        """Lets sizes that were given as lists print as lists."""
        self.__dict__["_lists"] = {
            word: given for word, given in sizes.items() if isinstance(given, list)
        }

    @staticmethod
    def _of(layer):
        """The block of a layer inside another one."""
        cls = _LayerBlock._classes.get(layer.class_name, _LayerBlock)
        block = cls.__new__(cls)
        _LayerBlock.__init__(block, layer)
        return block

    # The class whose `__init__` refuses what it does not know.
    _base = "HybridBlock"

    def _naming(self, prefix=None, params=None, **unknown):
        if unknown:
            word = next(iter(unknown))
            raise TypeError(f"{self._base}.__init__() got an unexpected keyword argument '{word}'")
        _check_params(params)
        hint = _name.hint_of(self._alias())
        return _gluonic._Naming(type(self).__name__, hint, prefix, params)

    def __repr__(self):
        text = self._layer_text()
        for word, given in self.__dict__.get("_lists", {}).items():
            text = text.replace(f" {word}={tuple(given)}", f" {word}={given}")
            text = text.replace(f"({word}={tuple(given)}", f"({word}={given}")
        return _np_sizes(text) if is_np_shape() else text

    def hybrid_forward(self, F, x, *args, **params):
        """The forward of the layer."""
        return self._layer_forward(x)


class _ActivatedBlock(_LayerBlock):
    """A layer that may have an activation, its child `act`."""

    def __init__(self, layer):
        super().__init__(layer)
        self.__dict__.setdefault("act", None)

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name == "act" and value is not None and "_children" in self.__dict__:
            self._use_own_activation()

    def __repr__(self):
        text = super().__repr__()
        if not self._has_own_activation():
            return text
        return f"{text.removesuffix(')').removesuffix(', linear')}, {self.act!r})"


def _np_sizes(text):
    """A layer's text where 0 is a size: there one that is not known is -1."""
    text = re.sub(r"\((None|0) ->", "(-1 ->", text)
    text = re.sub(r"-> (None|0),", "-> -1,", text)
    return re.sub(r"in_channels=(None|0)\b", "in_channels=-1", text)
