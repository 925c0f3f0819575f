"""Parameters, and sets of them."""

import warnings
import weakref
from collections import OrderedDict

import numpy as _np

from .. import _gluonic, initializer
from .._gluonic import DeferredInitializationError
from .._html import dict_html, parameter_html
from ..context import Context
from ..util import is_np_array, is_np_shape

__all__ = ["Constant", "DeferredInitializationError", "Parameter", "ParameterDict"]


def _dtype_name(dtype):
    return _np.dtype(dtype).name if not isinstance(dtype, str) else dtype


class Parameter(_gluonic.Parameter):
    """A named array with a gradient and a rule for its initial value.

    `shape` may have sizes that are not known yet: 0, or -1 after `npx.set_np()`. With
    `allow_deferred_init` the value is then drawn when the first forward tells them.

    With `grad_stype` 'row_sparse' the gradient is kept by the rows that were looked up, and an
    update changes these alone. A value of `stype` 'row_sparse' is stored whole; it is read by
    `row_sparse_data`.

    >>> weight = Parameter("weight", shape=(2, 3))
    >>> weight.initialize(init="ones")
    >>> weight.data().sum().asscalar()
    6.0
    """

    _stype = "default"

    def __init__(
        self,
        name,
        grad_req="write",
        shape=None,
        dtype=_np.float32,
        lr_mult=1.0,
        wd_mult=1.0,
        init=None,
        allow_deferred_init=False,
        differentiable=True,
        stype="default",
        grad_stype="default",
    ):
        _check_stype("stype", name, stype)
        _check_stype("grad_stype", name, grad_stype)
        self._declare(
            name,
            grad_req,
            shape,
            dtype,
            float(lr_mult),
            float(wd_mult),
            init,
            allow_deferred_init,
            differentiable,
            grad_stype == "row_sparse",
        )
        self.__dict__["_stype"] = stype
        self.__dict__["_given_dtype"] = dtype
        self.__dict__["_given_init"] = init

    def __repr__(self):
        return f"{type(self).__name__} {self.name} (shape={self.shape}, dtype={self.dtype})"

    def _repr_html_(self):
        return parameter_html(self)

    @property
    def shape(self):
        """The sizes as far as they are known, or None."""
        return self._shape(-1 if is_np_shape() else 0)

    @shape.setter
    def shape(self, shape):
        known = self.shape
        if known is not None:
            len(shape)  # which says what it is not, if it is no tuple
            if not is_np_shape() and any(size == -1 for size in shape):
                raise AssertionError(
                    f"Expected shape {tuple(shape)} is incompatible with given shape {known}."
                )
        self._set_shape(shape)

    @property
    def dtype(self):
        """The type of the elements, as it was given."""
        given = self.__dict__.get("_given_dtype")
        name = self._dtype_name
        if given is not None and _dtype_name(given) == name:
            return given
        return name

    @dtype.setter
    def dtype(self, dtype):
        self.cast(dtype)

    @property
    def grad_req(self):
        """What backward does to the gradient: 'write', 'add' or 'null'."""
        return self._grad_req

    @grad_req.setter
    def grad_req(self, req):
        self._set_grad_req(req)

    @property
    def init(self):
        """Its own initializer, as it was given."""
        text = self._init_text
        given = self.__dict__.get("_given_init")
        if given is not None or text is None:
            return given
        # What layers say of themselves, they say as words.
        words = {'["zero", {}]': "zeros", '["one", {}]': "ones"}
        return words.get(text) or (initializer.create(text) if text.startswith("[") else text)

    @init.setter
    def init(self, init):
        self._set_init(init)
        self.__dict__["_given_init"] = init

    @property
    def stype(self):
        """The way it is to be read: 'default', or 'row_sparse' by `row_sparse_data`."""
        return self._stype

    @property
    def grad_stype(self):
        """The way its gradient is stored: 'default' or 'row_sparse'."""
        return "row_sparse" if self._sparse_grad else "default"

    @property
    def _grad_stype(self):
        return self.grad_stype

    def initialize(self, init=None, ctx=None, default_init=None, force_reinit=False):
        """Gives it a value: by `init`, else by its own initializer, else by `default_init`, which
        is `Uniform(0.07)` unless said otherwise. If it has one, a warning, and it stays."""
        if self._is_initialized and not force_reinit:
            _warn_initialized(self, 3)
            return
        self._initialize(init, ctx, default_init, force_reinit)

    def data(self, ctx=None):
        """The value on a context: an array on the parameter's own memory. Editing it edits the
        parameter.

        Raises RuntimeError before `initialize` and where `stype` is 'row_sparse',
        DeferredInitializationError before the shape is known.
        """
        if self._stype != "default":
            raise RuntimeError(
                f"Cannot return a copy of Parameter '{self.name}' on ctx {ctx} via data() because "
                f"its storage type is {self._stype}. Please use row_sparse_data() instead."
            )
        return self._data(ctx, is_np_array())

    def list_data(self):
        """The values on all contexts."""
        if self._stype != "default":
            raise RuntimeError(
                f"Cannot return copies of Parameter '{self.name}' on all contexts via list_data() "
                f"because its storage type is {self._stype}. Please use row_sparse_data() instead."
            )
        return self._list_data(is_np_array())

    @property
    def _trainer(self):
        """The trainer that it was last given to, as long as that lives."""
        trainer = self.__dict__.get("_of_trainer")
        return None if trainer is None else trainer()

    def _set_trainer(self, trainer):
        self._check_trainer(trainer)
        self.__dict__["_of_trainer"] = None if trainer is None else weakref.ref(trainer)

    def _check_trainer(self, trainer):
        known = self._trainer
        if self._stype != "default" and known and trainer and known is not trainer:
            raise RuntimeError(
                f"Failed to set the trainer for Parameter '{self.name}' because it was already set."
                f" More than one trainers for a {self._stype} Parameter is not supported."
            )

    def row_sparse_data(self, row_id):
        """The value with the rows `row_id`, on the context of `row_id`, of a parameter whose
        `stype` is 'row_sparse'. The other rows are there too, as it is stored whole."""
        if self._stype != "row_sparse":
            raise RuntimeError(
                f"Cannot return a copy of Parameter {self.name} via row_sparse_data() because its "
                f"storage type is {self._stype}. Please use data() instead."
            )
        self._check_trained()
        return self._data(row_id.ctx, is_np_array())

    def list_row_sparse_data(self, row_id):
        """As `row_sparse_data`, on all contexts."""
        if self._stype != "row_sparse":
            raise RuntimeError(
                f"Cannot return copies of Parameter '{self.name}' on all contexts via "
                f"list_row_sparse_data() because its storage type is {self._stype}. Please use "
                "data() instead."
            )
        self._check_trained()
        return self._list_data(is_np_array())

    def _check_trained(self):
        if self._trainer is None:
            raise RuntimeError(
                f"Cannot get row_sparse data for Parameter '{self.name}' when no Trainer is created"
                " with it."
            )

    def grad(self, ctx=None):
        """The gradient on a context."""
        return self._grad(ctx, is_np_array())

    def list_grad(self):
        """The gradients on all contexts."""
        return self._list_grad(is_np_array())

    def cast(self, dtype):
        """Converts the value and the gradient to another element type."""
        self._cast(dtype)
        self.__dict__["_given_dtype"] = dtype

    def var(self):
        """An object with the parameter's name: there are no symbols here."""
        return _Variable(self.name)

    def __reduce__(self):
        raise TypeError("a Parameter cannot be pickled\nsave it with save_parameters")


def load_switches(allow_missing, ignore_extra, cast_dtype, dtype_source):
    """The switches of a load, as gluonic takes them."""
    return bool(allow_missing), bool(ignore_extra), bool(cast_dtype), dtype_source


def note_saved_dtype(parameters, cast_dtype, dtype_source):
    """After a load that may have taken the types of the file: those are NumPy's, as in MXNet."""
    if cast_dtype and dtype_source == "saved":
        for parameter in parameters:
            name = parameter._dtype_name
            parameter.__dict__["_given_dtype"] = getattr(_np, name, name)


class _Variable:
    """What `Parameter.var` gives: a name."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"<Symbol {self.name}>"


def _check_stype(what, name, stype):
    if stype not in ("default", "row_sparse", "csr"):
        raise AssertionError(
            f"{what} for Parameter '{name}' must be one of 'default', 'row_sparse', or 'csr', "
            f"but got '{stype}'"
        )
    if stype == "csr":
        raise NotImplementedError(
            f"{what} 'csr' is not supported\nleave it at 'default', or take 'row_sparse'"
        )


def _warn_initialized(parameter, level):
    warnings.warn(
        f"Parameter '{parameter.name}' is already initialized, ignoring. Set force_reinit=True to "
        "re-initialize.",
        UserWarning,
        stacklevel=level + 1,
    )


class Constant(Parameter):
    """A parameter that is never trained: it starts as its value, and has no gradient."""

    def __init__(self, name, value):
        value = value if hasattr(value, "asnumpy") else _array(value)
        self._declare_constant(name, value)
        self.__dict__["value"] = value
        self.__dict__["_given_dtype"] = self.value.dtype

    @property
    def grad_req(self):
        """Always 'null'."""
        return "null"

    @grad_req.setter
    def grad_req(self, req):
        if req != "null":
            warnings.warn(
                f'Constant parameter "{self.name}" does not support grad_req other than "null", '
                f'and new value "{req}" is ignored.',
                UserWarning,
                stacklevel=2,
            )


def _array(value):
    return _gluonic.array(value, "float32", None, is_np_array())


_ATTRIBUTES = (
    "grad_req",
    "shape",
    "dtype",
    "lr_mult",
    "wd_mult",
    "init",
    "allow_deferred_init",
    "differentiable",
)


class ParameterDict(_gluonic.ParameterDict):
    """An ordered set of parameters by name. What is not there is looked for in `shared`, and then
    made by `get`."""

    def __init__(self, prefix="", shared=None):
        self._declare(prefix, shared)

    def __repr__(self):
        lines = [str(parameter).replace("\n", "\n  ") for parameter in self._list()]
        head = f"{self.prefix} (" if self.prefix else "("
        return "\n".join([head, "\n".join(f"  {line}" for line in lines), ")"])

    def _repr_html_(self):
        return dict_html(self)

    def __iter__(self):
        return iter(self._names())

    def keys(self):
        """The names in order."""
        return OrderedDict(self._pairs()).keys()

    def values(self):
        """The parameters in order."""
        return OrderedDict(self._pairs()).values()

    def items(self):
        """The names and parameters in order."""
        return OrderedDict(self._pairs()).items()

    def _pairs(self):
        return zip(self._names(), self._list())

    def get(self, name, **kwargs):
        """The parameter `prefix + name`: from this set, else from the shared one, else a new one
        with the given attributes. One that exists must not contradict them."""
        full = self.prefix + name
        found = self[full] if full in self else None
        if found is not None and found.shape is not None and "shape" in kwargs:
            # Of one that exists MXNet wants to know the sizes as a tuple, where -1 is any.
            len(kwargs["shape"])
            if not is_np_shape():
                sizes = kwargs["shape"]
                kwargs["shape"] = tuple(0 if size == -1 else size for size in sizes)
        init = kwargs.get("init")
        stypes = {word: kwargs.pop(word, None) or "default" for word in ("stype", "grad_stype")}
        for word, stype in stypes.items():
            _check_stype(word, full, stype)
        known = {word: kwargs[word] for word in _ATTRIBUTES if word in kwargs}
        unknown = [word for word in kwargs if word not in known]
        if unknown and found is None:
            raise TypeError(
                f"Parameter.__init__() got an unexpected keyword argument '{unknown[0]}'"
                f"\nknown are: {', '.join(_ATTRIBUTES)}"
            )
        # What is there keeps its way of being stored, as in MXNet.
        sparse_grad = found is None and stypes["grad_stype"] == "row_sparse"
        parameter = self._get(name, sparse_grad=sparse_grad, **known)
        if found is None:
            parameter.__dict__.setdefault("_stype", stypes["stype"])
        for word in unknown:
            setattr(parameter, word, kwargs[word])
        if found is None and "_given_dtype" not in parameter.__dict__:
            parameter.__dict__["_given_dtype"] = kwargs.get("dtype", _np.float32)
        if init is not None:
            parameter.__dict__.setdefault("_given_init", init)
        return self._keep(parameter)

    def _keep(self, parameter):
        """Holds the object, which knows things that only Python sees."""
        self.__dict__.setdefault("_kept", {})[parameter.name] = parameter
        return parameter

    def get_constant(self, name, value=None):
        """The constant `prefix + name`; made if there is none and a value is given."""
        full = self.prefix + name
        found = self[full] if full in self else None
        if found is not None and value is None:
            return found
        if isinstance(found, Constant) and not hasattr(value, "shape"):
            raise AttributeError(
                f"'{type(value).__name__}' object has no attribute 'shape'"
                "\nthe constant exists: leave its value out, or pass an array to compare it with"
            )
        if value is not None and not hasattr(value, "asnumpy"):
            value = _array(value)
        constant = self._get_constant(name, value)
        if "value" not in constant.__dict__:
            constant.__dict__["value"] = constant.data() if value is None else value
            constant.__dict__["_given_dtype"] = constant.value.dtype
        return self._keep(constant)

    def update(self, other):
        """Adds all parameters of another set, or of a dict."""
        if isinstance(other, _gluonic.ParameterDict):
            self._update(other)
        for _, parameter in other.items():
            if parameter.name not in self:
                self._insert(parameter)
            self._keep(parameter)

    def initialize(self, init=None, ctx=None, verbose=False, force_reinit=False):
        """Initializes all: each by its own initializer, else by `init`."""
        if verbose and init is not None:
            init.set_verbosity(verbose=verbose)
        parameters = self._list()
        _warn_all(parameters, force_reinit)
        with initializer.intercepting(init, parameters):
            self._initialize(init, ctx, force_reinit)

    def zero_grad(self):
        """Sets all gradients to zeros."""
        for parameter in self._list():
            parameter.zero_grad()

    def reset_ctx(self, ctx):
        """Moves all to other contexts."""
        for parameter in self._list():
            parameter.reset_ctx(ctx)

    def setattr(self, name, value):
        """Sets an attribute of all: `params.setattr("grad_req", "null")`."""
        for parameter in self._list():
            setattr(parameter, name, value)

    def save(self, filename, strip_prefix=""):
        """Writes all to a file by their names without `strip_prefix`: all of it, or nothing."""
        self._save(filename, strip_prefix)

    def load(
        self,
        filename,
        ctx=None,
        allow_missing=False,
        ignore_extra=False,
        restore_prefix="",
        cast_dtype=False,
        dtype_source="current",
    ):
        """Loads all by their names, `restore_prefix` put before those of the file: all of it, or
        nothing."""
        switches = load_switches(allow_missing, ignore_extra, cast_dtype, dtype_source)
        self._load(filename, ctx, restore_prefix, switches)
        note_saved_dtype(self._list(), cast_dtype, dtype_source)
        for parameter in self._list():
            trainer = parameter._trainer
            if trainer is not None:
                trainer._reset_kvstore()

    def load_dict(
        self,
        param_dict,
        ctx=None,
        allow_missing=False,
        ignore_extra=False,
        restore_prefix="",
        filename=None,
        cast_dtype=False,
        dtype_source="current",
    ):
        """As `load`, from a dictionary of arrays."""
        switches = load_switches(allow_missing, ignore_extra, cast_dtype, dtype_source)
        self._load_dict(dict(param_dict), ctx, restore_prefix, switches)


def _warn_all(parameters, force_reinit):
    if not force_reinit:
        for parameter in parameters:
            if parameter._is_initialized:
                _warn_initialized(parameter, 3)
