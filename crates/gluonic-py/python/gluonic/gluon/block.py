"""Blocks: what networks consist of."""

import re
import sys
import warnings
from collections import OrderedDict

from .. import _gluonic, name as _name
from .._html import block_html
from .._gluonic import DeferredInitializationError
from ..initializer import intercepting
from . import _deferred, _places
from ._swap import Swap
from .parameter import Parameter, ParameterDict, _warn_all, load_switches, note_saved_dtype
from .utils import HookHandle

__all__ = ["Block", "HybridBlock", "SymbolBlock"]


class _NameScope:
    """What `Block.name_scope` gives."""

    def __init__(self, block):
        self._block = block
        self._before = []

    def __enter__(self):
        self._before.append(_gluonic.set_scope(self._block))
        _name.now.scopes += 1
        return self

    def __exit__(self, *_):
        _name.now.scopes -= 1
        _gluonic.set_scope(self._before.pop())


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

    # Whether all that it does is to call its children one after another.
    _is_chain = False

    def __init__(self, prefix=None, params=None):
        self._begin()
        _check_params(params)
        self._declare(type(self).__name__, _name.hint_of(self._alias()), prefix, params)

    def _begin(self):
        for name in ("_children", "_forward_hooks", "_forward_pre_hooks"):
            self.__dict__[name] = OrderedDict()
        self.__dict__["_reg_params"] = {}

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

    def _repr_html_(self):
        return block_html(self)

    def __setattr__(self, name, value):
        if "_children" not in self.__dict__:
            for kind, members in ((Block, "_children"), (Parameter, "_reg_params")):
                if isinstance(value, kind):
                    raise AttributeError(
                        f"'{type(self).__name__}' object has no attribute '{members}'"
                        "\ncall super().__init__() before the first child or parameter is assigned"
                    )
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
                    "Overriding Parameter attribute %s is not allowed. If you want to share "
                    "parameters between blocks, please set 'params' at Block construction instead."
                    f"\nthe attribute is {name}"
                )
            self._reg_params[name] = value
        super().__setattr__(name, value)

    @property
    def params(self):
        """The block's own parameters, those of its children not included."""
        own = self.__dict__.get("_params")
        if own is None:
            own = self.__dict__["_params"] = self._own_params()
        return own

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
        if select:
            re.compile(select)  # which says best what is wrong
        return self._collect_params(select or None)

    # Tells it from those that users write.
    collect_params._is_gluonics = True

    def _warn_containers(self):
        own = set(self._children.values())
        for name, value in self.__dict__.items():
            if name.startswith("__") or name == "_children":
                continue
            if isinstance(value, (list, tuple, dict)) and _holds_others(value, own):
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
        if verbose and init is not None:
            init.set_verbosity(verbose=verbose)
        parameters = self._collect_params().values()
        _warn_all(parameters, force_reinit)
        with intercepting(init, parameters):
            self._initialize(init, ctx, force_reinit)

    def save_parameters(self, filename, deduplicate=False, *, digests=False):
        """Writes every parameter of the tree to a file, by its path: all of it, or nothing.

        A name that ends in `.safetensors` or `.npz` says the format; every other one is MXNet's.
        A tied parameter is written once with `deduplicate`. With `digests` the file can be checked
        for damage later.
        """
        self._save(filename, deduplicate, digests)

    def load_parameters(
        self,
        filename,
        ctx=None,
        allow_missing=False,
        ignore_extra=False,
        cast_dtype=False,
        dtype_source="current",
    ):
        """Loads every parameter of the tree from a file of any format: all of it, or nothing.

        Raises AssertionError for parameters that are missing in the file or do not fit, ValueError
        for what the model does not have. The lines below the first list every problem.
        """
        switches = load_switches(allow_missing, ignore_extra, cast_dtype, dtype_source)
        self._load(filename, ctx, switches)
        note_saved_dtype(self._collect_params().values(), cast_dtype, dtype_source)

    def save_params(self, filename):
        """The old name of `save_parameters`, which writes names without the block's prefix."""
        warnings.warn(
            "save_params is deprecated. Please use save_parameters. Note that if you want load "
            "from SymbolBlock later, please use export instead. For details, see "
            "https://mxnet.apache.org/tutorials/gluon/save_load_params.html",
            UserWarning,
            stacklevel=2,
        )
        self.collect_params().save(filename, strip_prefix=self.prefix)

    def load_params(self, filename, ctx=None, allow_missing=False, ignore_extra=False):
        """The old name of `load_parameters`."""
        warnings.warn(
            "load_params is deprecated. Please use load_parameters.", UserWarning, stacklevel=2
        )
        self.load_parameters(filename, ctx, allow_missing, ignore_extra)

    def save(self, prefix):
        """Writes the parameters to `PREFIX-model.params`, by the places of their blocks instead of
        their names, and the classes of the tree to `PREFIX-model.json`."""
        _places.save(self, prefix)

    def load(self, prefix):
        """Loads what `save` wrote from a tree of the same classes in the same places, whatever they
        are called: all of it, or nothing."""
        _places.load(self, prefix)

    def load_dict(
        self,
        param_dict,
        ctx=None,
        allow_missing=False,
        ignore_extra=False,
        cast_dtype=False,
        dtype_source="current",
    ):
        """As `load_parameters`, from a dictionary of arrays by path."""
        switches = load_switches(allow_missing, ignore_extra, cast_dtype, dtype_source)
        self._load_dict(dict(param_dict), ctx, switches)

    def swap(self, values):
        """Gives the parameters the values of a snapshot inside the `with`, and their own back
        afterwards.

        >>> with net.swap(average):
        ...     evaluate(net)
        """
        return Swap(self, values)

    def hybridize(self, active=True, **kwargs):
        """Changes nothing in how a block is run: there is one way, and no graph is compiled."""
        for child in self._children.values():
            child.hybridize(active, **kwargs)

    def infer_shapes(self, *inputs):
        """Tells every parameter its shape by a forward without values, and returns the shape of
        the output. `inputs` are shapes.

        >>> net = nn.Dense(10)
        >>> net.infer_shapes((2, 20))
        (2, 10)
        >>> net.weight.shape
        (10, 20)
        """
        return self._infer_shapes([tuple(shape) for shape in inputs])

    def summary(self, *inputs):
        """Writes a table of every block that runs on the inputs: its output and the number of its
        parameters. Inputs that are shapes, not arrays, need no initialized parameters.

        >>> net = nn.Dense(10)
        >>> net.summary((2, 20))  # doctest: +ELLIPSIS
        -----...
        """
        self.apply(_refuse_hybridized)
        if inputs and all(isinstance(shape, tuple) for shape in inputs):
            text = self._summary_of_shapes(list(inputs))
        else:
            text = self._summary(inputs)
        sys.stdout.write(f"{text}\n")

    def register_op_hook(self, callback, monitor_all=False):
        """Refused: operations are not watched, blocks are."""
        raise NotImplementedError(
            "operations cannot be hooked\nuse register_forward_hook on the blocks"
        )

    def _collect_params_with_prefix(self, prefix=""):
        """The parameters of the tree by their paths."""
        if prefix:
            prefix += "."
        return OrderedDict((prefix + path, found) for path, found in self._named_parameters())

    def cast(self, dtype):
        """Converts every parameter of the tree to another element type."""
        self._cast(dtype)
        for parameter in self._collect_params().values():
            parameter.__dict__["_given_dtype"] = dtype

    def zero_grad(self):
        """Sets every gradient of the tree to zeros."""
        self._collect_params().zero_grad()

    def forward(self, *args):
        """Computes the output. Override it."""
        raise NotImplementedError


def _refuse_hybridized(block):
    if getattr(block, "_active", False):
        raise AssertionError(
            f'"{block.name}" must not be hybridized to print summary.'
            "\ncall hybridize(False) before"
        )


def _check_params(params):
    if params is not None and not isinstance(params, ParameterDict):
        params.prefix  # which says what it is not, if it is nothing of the kind
        raise TypeError(f"params must be a ParameterDict, found {type(params)}\npass block.params")


def _holds_others(container, own):
    """Whether a container, or one in it, holds a block that is not among the `own`."""
    for item in container.values() if isinstance(container, dict) else container:
        if isinstance(item, (list, tuple, dict)):
            if _holds_others(item, own):
                return True
        elif isinstance(item, Block) and item not in own:
            return True
    return False


class HybridBlock(Block):
    """A block whose forward may be given as `hybrid_forward(F, x, **parameters)` too, where `F` is
    the module of operations. Nothing else differs: there is one way to run it.

    >>> class Scale(HybridBlock):
    ...     def __init__(self, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.factor = self.params.get("factor", shape=(1,), init="ones")
    ...     def hybrid_forward(self, F, x, factor):
    ...         return x * factor
    """

    def __init__(self, prefix=None, params=None):
        super().__init__(prefix=prefix, params=params)

    def hybridize(self, active=True, **kwargs):
        """As `Block.hybridize`; notes that it was called, for `summary`."""
        self.__dict__["_active"] = bool(active)
        super().hybridize(active, **kwargs)

    def register_child(self, block, name=None):
        """Makes a block a child, by default under the number of children."""
        if not isinstance(block, HybridBlock):
            raise ValueError(
                "Children of HybridBlock must also be HybridBlock, but "
                f"{block!r} has type {type(block)}. If you are using Sequential, please try "
                "HybridSequential instead."
            )
        super().register_child(block, name)

    def forward(self, x, *args):
        """Calls `hybrid_forward` with this block's parameters by name."""
        if not isinstance(x, _gluonic.NDArray):
            raise ValueError(
                "In HybridBlock, there must be one NDArray or one Symbol in the input. Please "
                f"check the type of the args.\nexpected an NDArray, found {type(x)}"
            )
        from .. import ndarray

        if not self._reg_params:
            return self.hybrid_forward(ndarray, x, *args)
        context = x.ctx
        try:
            params = {name: found.data(context) for name, found in self._reg_params.items()}
        except DeferredInitializationError:
            return self._deferred_forward(ndarray, x, *args)
        return self.hybrid_forward(ndarray, x, *args, **params)

    def _deferred_forward(self, F, x, *args):
        """The first forward: `F` tells the parameters that wait their shapes."""
        if type(self).infer_shape is not HybridBlock.infer_shape:
            self.infer_shape(x, *args)
            for parameter in self._reg_params.values():
                parameter._finish_deferred_init()
        waiting = _deferred.Waiting.all(self._reg_params, x.ctx)
        out = self.hybrid_forward(_deferred.Module(F), x, *args, **waiting)
        _deferred.Waiting.check(waiting, self)
        return out

    def infer_shape(self, *args):
        """Tells the parameters their shapes from the inputs: by default by a forward. Override it
        where operations do not tell them."""
        self.infer_shapes(*(array.shape for array in args))

    def hybrid_forward(self, F, x, *args, **kwargs):
        """Computes the output. Override it."""
        raise NotImplementedError

    def export(self, path, epoch=0, remove_amp_cast=True):
        """Refused: there are no symbols here."""
        raise NotImplementedError(
            "export is not supported: there are no symbols\nuse save_parameters"
        )

    def optimize_for(self, x, *args, backend=None, **kwargs):
        """Refused: there are no other back ends."""
        raise NotImplementedError("optimize_for is not supported: there are no other back ends")


class SymbolBlock(HybridBlock):
    """Refused: there are no symbols here."""

    def __init__(self, outputs, inputs, params=None):
        raise NotImplementedError(
            "SymbolBlock is not supported: there are no symbols\n"
            "build the blocks in Python, and load their parameters with load_parameters"
        )

    @staticmethod
    def imports(symbol_file, input_names, param_file=None, ctx=None):
        """Refused: there are no symbols here."""
        return SymbolBlock(None, input_names)


def _indent(text):
    first, *rest = text.split("\n")
    return "\n".join([first, *("  " + line for line in rest)])
