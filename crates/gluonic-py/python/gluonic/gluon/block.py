"""Blocks: what networks consist of."""

import warnings
from collections import OrderedDict

from .. import _gluonic
from .._gluonic import DeferredInitializationError
from .parameter import Parameter, ParameterDict, _warn_all

__all__ = ["Block", "HybridBlock"]


class _NameScope:
    """Inside `with block.name_scope():` blocks are counted within this one, and carry its
    prefix."""

    def __init__(self, block):
        self._block = block
        self._before = []

    def __enter__(self):
        self._before.append(_gluonic.set_scope(self._block))
        return self

    def __exit__(self, *_):
        _gluonic.set_scope(self._before.pop())


class HookHandle:
    """A hook that was added to a block."""

    def __init__(self, block, hooks):
        self._block = block
        self._hooks = hooks
        self.id = object()

    def detach(self):
        """Takes the hook away."""
        self._hooks.pop(self.id, None)
        self._block._note_hooks()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.detach()


class Block(_gluonic.Block):
    """Anything with parameters, children and a forward. Subclass it, make children and parameters
    attributes, and override `forward`.

    >>> class Net(Block):
    ...     def __init__(self, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.hidden = nn.Dense(20)
    ...     def forward(self, x):
    ...         return self.hidden(x).relu()
    """

    def __init__(self, prefix=None, params=None):
        self._begin()
        self._declare(type(self).__name__, self._alias(), prefix, params)

    def _begin(self):
        members = self.__dict__
        members["_children"] = OrderedDict()
        members["_reg_params"] = OrderedDict()
        members["_forward_hooks"] = OrderedDict()
        members["_forward_pre_hooks"] = OrderedDict()

    def _alias(self):
        """The word that names of blocks of this class are counted by."""
        return type(self).__name__.lower()

    def __repr__(self):
        lines = "\n".join(
            f"  ({key}): {_indent(repr(block))}"
            for key, block in self.__dict__.items()
            if isinstance(block, Block)
        )
        return f"{type(self).__name__}(\n{lines}\n)"

    def __setattr__(self, name, value):
        if "_children" not in self.__dict__:
            super().__setattr__(name, value)
            return
        existing = self.__dict__.get(name)
        if isinstance(existing, (Parameter, Block)) and not isinstance(value, type(existing)):
            raise TypeError(
                f"Changing attribute type for {name} from {type(existing)} to {type(value)}"
                "is not allowed."
            )
        if isinstance(value, Block):
            self.register_child(value, name)
        elif isinstance(value, Parameter):
            if name in self._reg_params and self._reg_params[name] is not value:
                raise AssertionError(
                    "Overriding Parameter attribute %s is not allowed. "
                    "If you want to share parameters by setting "
                    "`params` at Block construction instead."
                    f"\nthe attribute is {name}"
                )
            self._reg_params[name] = value
        super().__setattr__(name, value)

    def name_scope(self):
        """Inside `with block.name_scope():` blocks are counted within this one, and carry its
        prefix."""
        return _NameScope(self)

    def register_child(self, block, name=None):
        """Makes a block a child, by default under the number of children."""
        self._children[str(len(self._children)) if name is None else name] = block

    def register_forward_pre_hook(self, hook):
        """Calls `hook(block, inputs)` before each forward."""
        return self._add_hook(self._forward_pre_hooks, hook)

    def register_forward_hook(self, hook):
        """Calls `hook(block, inputs, output)` after each forward."""
        return self._add_hook(self._forward_hooks, hook)

    def _add_hook(self, hooks, hook):
        handle = HookHandle(self, hooks)
        hooks[handle.id] = hook
        self._note_hooks()
        return handle

    def _note_hooks(self):
        self._set_hooked(bool(self._forward_hooks or self._forward_pre_hooks))

    def apply(self, fn):
        """Calls `fn` with every block of the tree, children first."""
        for child in self._children.values():
            child.apply(fn)
        fn(self)
        return self

    def collect_params(self, select=None):
        """The parameters of the tree, or those whose names `select` matches: a regular expression
        that is to match from the first letter on."""
        self._warn_containers()
        return self._collect_params(select or None)

    def _warn_containers(self):
        own = set(self._children.values())
        for name, value in self.__dict__.items():
            if name.startswith("_") or not isinstance(value, (list, tuple, dict)):
                continue
            values = value.values() if isinstance(value, dict) else value
            if any(isinstance(item, Block) and item not in own for item in values):
                warnings.warn(
                    f'"{type(self).__name__}.{name}" is an unregistered container with Blocks. '
                    "Note that Blocks inside the list, tuple or dict will not be registered "
                    "automatically. Make sure to register them using register_child() or "
                    "switching to nn.Sequential/nn.HybridSequential instead. ",
                    stacklevel=3,
                )

    def initialize(self, init=None, ctx=None, verbose=False, force_reinit=False):
        """Initializes every parameter of the tree: each by its own initializer, else by `init`,
        which is `Uniform(0.07)` unless said otherwise."""
        _warn_all(self._collect_params().values(), force_reinit)
        self._initialize(init, ctx, force_reinit)

    def hybridize(self, active=True, **kwargs):
        """Does nothing: every block runs as fast as it can."""

    def cast(self, dtype):
        """Converts every parameter of the tree to another element type."""
        self._cast(dtype)

    def zero_grad(self):
        """Sets every gradient of the tree to zeros."""
        self._collect_params().zero_grad()

    def forward(self, *args):
        """Computes the output. Override it."""
        raise NotImplementedError


class HybridBlock(Block):
    """A block whose forward may be given as `hybrid_forward(F, x, **parameters)` too, where `F` is
    the module of operations. Nothing else differs: there is one way to run it."""

    def forward(self, x, *args):
        """Calls `hybrid_forward` with this block's parameters by name."""
        from .. import ndarray

        params = {}
        try:
            for name, parameter in self._reg_params.items():
                params[name] = parameter.data()
        except DeferredInitializationError:
            self.infer_shape(x, *args)
            for name, parameter in self._reg_params.items():
                parameter._finish_deferred_init()
                params[name] = parameter.data()
        return self.hybrid_forward(ndarray, x, *args, **params)

    def infer_shape(self, *args):
        """Tells the parameters their shapes from the inputs. Override it if some are not known."""
        raise RuntimeError(
            f"{type(self).__name__} cannot tell the shapes of its parameters from its inputs\n"
            "give them when the block is built, or override infer_shape"
        )

    def hybrid_forward(self, F, x, *args, **kwargs):
        """Computes the output. Override it."""
        raise NotImplementedError


class _LayerBlock(HybridBlock):
    """A block that is built on a layer of gluonic."""

    forward = _gluonic.Block._layer_forward

    def __init__(self, layer):
        self._begin()
        for key, parameter in self._build_on(layer).items():
            self._reg_params[key] = parameter
            self.__dict__[key] = parameter

    @classmethod
    def _naming(cls, hint, prefix, params):
        return _gluonic._Naming(cls.__name__, hint, prefix, params)

    def __repr__(self):
        return self._layer_text()


def _indent(text):
    first, *rest = text.split("\n")
    return "\n".join([first, *("  " + line for line in rest)])
