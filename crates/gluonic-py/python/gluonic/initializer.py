"""What parameters start as.

Which initializer runs: the explicit one of `Parameter.initialize`, else the parameter's own, else
the one given to the whole block, else `Uniform(0.07)`.
"""

import json
import re
import warnings

import numpy as _np

from . import _gluonic

__all__ = [
    "Bilinear",
    "Constant",
    "InitDesc",
    "Initializer",
    "LSTMBias",
    "Load",
    "MSRAPrelu",
    "Mixed",
    "Normal",
    "One",
    "Orthogonal",
    "Uniform",
    "Xavier",
    "Zero",
    "create",
    "register",
]

_registry: "dict[str, type]" = {}


class InitDesc(str):
    """The name of the parameter that is initialized, with attributes."""

    def __new__(cls, name, attrs=None, global_init=None):
        desc = super().__new__(cls, name)
        desc.attrs = attrs or {}
        desc.global_init = global_init
        return desc


def _unknown(name):
    return ValueError(
        f'Unknown initialization pattern for {name}. Default initialization is now limited '
        'to "weight", "bias", "gamma" (1.0), and "beta" (0.0).Please use '
        "mx.sym.Variable(init=mx.init.*) to set initialization pattern"
    )


class Initializer:
    """A rule for initial values. For your own, override `_init_weight(self, name, data)` and fill
    `data` in place.

    >>> class Ones(Initializer):
    ...     def _init_weight(self, name, data):
    ...         data[:] = 1
    """

    def __init__(self, **kwargs):
        self._kwargs = kwargs
        self._verbose = False
        self._print_func = None

    def set_verbosity(self, verbose=False, print_func=None):
        """Says whether what is initialized is logged; `print_func` makes the text of an array."""
        self._verbose = verbose
        self._print_func = print_func or self._print_func
        return self

    def dumps(self):
        """The initializer as JSON: its name and its arguments."""
        return json.dumps([self.__class__.__name__.lower(), self._kwargs])

    def _native_text(self):
        """The text that gluonic knows the initializer by, or None if Python is to fill."""
        return None

    def _fill(self, name, data):
        """Called by gluonic with the array to fill."""
        self._init_weight(InitDesc(name), data)

    def _init_weight(self, name, arr):
        raise NotImplementedError("Must override it")

    def __call__(self, desc, arr):
        """Fills an array as the ending of its name says: `weight` by this initializer, `bias` and
        `beta` with 0, `gamma` with 1."""
        if not isinstance(desc, InitDesc):
            warnings.warn(
                "\x1b[91mCalling initializer with init(str, NDArray) has been deprecated.please use "
                "init(mx.init.InitDesc(...), NDArray) instead.\x1b[0m",
                DeprecationWarning,
                stacklevel=2,
            )
            self._call_of_name(desc, arr)
            return
        init = desc.attrs.get("__init__")
        if init:
            create(init)._init_weight(desc, arr)
        elif desc.endswith("weight"):
            self._init_weight(desc, arr)
        elif desc.endswith(("bias", "beta", "min")):
            arr[:] = 0
        elif desc.endswith(("gamma", "max")):
            arr[:] = 1
        else:
            raise _unknown(desc)

    def _call_of_name(self, name, arr):
        """The older way: by more endings, and two beginnings."""
        if not isinstance(name, str):
            raise TypeError("name must be string")
        if name.startswith("upsampling"):
            Bilinear()._init_weight(name, arr)
        elif name.startswith("stn_loc") and name.endswith("weight"):
            arr[:] = 0
        elif name.startswith("stn_loc") and name.endswith("bias"):
            arr[:] = _np.array([1.0, 0, 0, 0, 1.0, 0])
        elif name.endswith("weight"):
            self._init_weight(name, arr)
        elif name.endswith(("bias", "beta", "moving_mean", "moving_inv_var", "moving_avg")):
            arr[:] = 0
        elif name.endswith(("gamma", "moving_var")):
            arr[:] = 1
        else:
            raise _unknown(name)

    def __eq__(self, other):
        if not isinstance(other, Initializer):
            return NotImplemented
        return self.__class__ is other.__class__ and self._kwargs == other._kwargs

    __hash__ = object.__hash__


class _Intercept(Initializer):
    """An initializer of a whole net whose class overrides `__call__`: it is called for every
    parameter, and the parameter's own initializer is in the attributes of its name."""

    def __init__(self, init, own):
        super().__init__()
        self._init = init
        self._own = init if own is None else own

    def _fill(self, name, data):
        self._init(InitDesc(name, {"__init__": self._own}), data)


class intercepting:
    """Inside the `with` parameters have an initializer that intercepts, if `init` is one."""

    def __init__(self, init, parameters):
        plain = init is None or type(init).__call__ in (Initializer.__call__, Mixed.__call__)
        plain = plain or not isinstance(init, Initializer) or isinstance(init, Load)
        self._own = [] if plain else [(parameter, parameter.init) for parameter in parameters]
        self._init = init

    def __enter__(self):
        for parameter, own in self._own:
            parameter._set_init(_Intercept(self._init, own))

    def __exit__(self, *_):
        for parameter, own in self._own:
            parameter._set_init(own)


class _Native(Initializer):
    """An initializer that is gluonic's."""

    def _text(self):
        return json.dumps([self.__class__._name, self._kwargs])

    def _native_text(self):
        overridden = type(self)._init_weight is not _Native._init_weight
        return None if overridden or type(self)._fill is not Initializer._fill else self._text()

    def _init_weight(self, name, arr):
        _gluonic.init_fill(self._text(), str(name), arr)


def register(klass):
    """Lets `create` make an initializer by the name of its class, in lower case.

    >>> @register
    ... class Twos(Initializer):
    ...     def _init_weight(self, name, data):
    ...         data[:] = 2
    >>> create("twos")  # doctest: +ELLIPSIS
    <...Twos object at ...>
    """
    _add(klass.__name__, klass)
    return klass


def alias(*names):
    """As `register`, under other names."""

    def add(klass):
        for name in names:
            _add(name, klass)
        return klass

    return add


def _add(name, klass):
    if not (isinstance(klass, type) and issubclass(klass, Initializer)):
        raise AssertionError("Can only register subclass of Initializer")
    name = name.lower()
    if name in _registry:
        old = _registry[name]
        warnings.warn(
            f"\x1b[91mNew initializer {klass.__module__}.{klass.__name__} registered with name {name} is"
            f"overriding existing initializer {old.__module__}.{old.__name__}\x1b[0m",
            UserWarning,
            stacklevel=3,
        )
    _registry[name] = klass


def create(init, **kwargs):
    """An initializer from its name, from its text (as `dumps` writes it), from a class, a function
    `f(name, data)`, or itself.

    >>> create("normal", sigma=0.5).dumps()
    '["normal", {"sigma": 0.5}]'
    """
    if isinstance(init, (Initializer, Mixed, Load)):
        return init
    if isinstance(init, type) and issubclass(init, Initializer):
        return init(**kwargs)
    if callable(init):
        return _Function(init)
    if not isinstance(init, str):
        raise AssertionError("initializer must be of string type")
    text = init.strip()
    if text.startswith("["):
        name, kwargs = json.loads(text)
    elif text.startswith("{"):
        kwargs = json.loads(text)
        name = kwargs.pop("initializer")
    else:
        name = text
    klass = _registry.get(name.lower())
    if klass is None:
        raise AssertionError(
            f"{name} is not registered. Please register with initializer.register first"
            f"{_meant(name)}"
        )
    return klass(**kwargs)


def _meant(name):
    import difflib

    near = difflib.get_close_matches(name.lower(), _registry, n=3)
    return f"\ndid you mean {', '.join(repr(word) for word in near)}?" if near else ""


def later(init):
    """As `create`, of which a name that nobody has registered yet fails when it is used."""
    try:
        return create(init)
    except AssertionError:
        if isinstance(init, str):
            return _Unknown(init)
        raise


class _Unknown(Initializer):
    """A name that stands for nothing, unless somebody registers it."""

    def __init__(self, text):
        super().__init__()
        self._text = text

    def dumps(self):
        """The name."""
        return self._text

    def _fill(self, name, data):
        create(self._text)._fill(name, data)


class _Function(Initializer):
    """A function as an initializer."""

    def __init__(self, function):
        super().__init__()
        self._function = function

    def _init_weight(self, name, arr):
        self._function(name, arr)


@register
@alias("zeros")
class Zero(_Native):
    """Zeros."""

    _name = "zero"

    def __init__(self):
        super().__init__()


@register
@alias("ones")
class One(_Native):
    """Ones."""

    _name = "one"

    def __init__(self):
        super().__init__()


@register
class Constant(_Native):
    """One number, or an array that broadcasts."""

    _name = "constant"

    def __init__(self, value):
        super().__init__(value=value)
        self.value = value

    def _plain(self):
        value = self.value
        if hasattr(value, "asnumpy"):
            value = value.asnumpy()
        return value.tolist() if isinstance(value, _np.ndarray) else value

    def _text(self):
        return json.dumps(["constant", {"value": self._plain()}])

    def dumps(self):
        """The initializer as JSON: its name and its arguments."""
        return self._text()

    def __eq__(self, other):
        if not isinstance(other, Initializer):
            return NotImplemented
        return self.__class__ is other.__class__ and self._plain() == other._plain()

    __hash__ = object.__hash__


@register
class Uniform(_Native):
    """Uniform in `[-scale, scale)`."""

    _name = "uniform"

    def __init__(self, scale=0.07):
        super().__init__(scale=scale)
        self.scale = scale


@register
class Normal(_Native):
    """Normal, of mean 0 and standard deviation `sigma`."""

    _name = "normal"

    def __init__(self, sigma=0.01):
        super().__init__(sigma=sigma)
        self.sigma = sigma


@register
class Orthogonal(_Native):
    """A matrix of orthogonal rows or columns, times `scale`."""

    _name = "orthogonal"

    def __init__(self, scale=1.414, rand_type="uniform"):
        super().__init__(scale=scale, rand_type=rand_type)
        self.scale = scale
        self.rand_type = rand_type


@register
class Xavier(_Native):
    """Keeps the variance about equal from layer to layer: `s = sqrt(magnitude / f)`, where `f` is
    `fan_in`, `fan_out` or their mean; uniform in `[-s, s)` or normal with deviation `s`."""

    _name = "xavier"

    def __init__(self, rnd_type="uniform", factor_type="avg", magnitude=3):
        super().__init__(rnd_type=rnd_type, factor_type=factor_type, magnitude=magnitude)
        self.rnd_type = rnd_type
        self.factor_type = factor_type
        self.magnitude = float(magnitude)


@register
class MSRAPrelu(_Native):
    """For layers before a PReLU of slope `slope`: normal, with the variance
    `2 / ((1 + slope²) f)`."""

    _name = "msraprelu"

    def __init__(self, factor_type="avg", slope=0.25):
        super().__init__(factor_type=factor_type, slope=slope)
        self.rnd_type = "gaussian"
        self.factor_type = factor_type
        self.magnitude = 2.0 / (1 + slope**2)


@register
class Bilinear(_Native):
    """The kernel of bilinear upsampling."""

    _name = "bilinear"

    def __init__(self):
        super().__init__()


@register
class LSTMBias(_Native):
    """Zeros, and `forget_bias` for the forget gate."""

    _name = "lstmbias"

    def __init__(self, forget_bias=1.0):
        super().__init__(forget_bias=forget_bias)
        self.forget_bias = forget_bias


class Mixed(Initializer):
    """Of several initializers the first whose pattern matches the name."""

    def __init__(self, patterns, initializers):
        if len(patterns) != len(initializers):
            raise AssertionError("\nas many patterns as initializers are needed")
        super().__init__()
        inits = [create(init) for init in initializers]
        self.map = list(zip([re.compile(pattern) for pattern in patterns], inits))

    def __call__(self, name, arr):
        for pattern, init in self.map:
            if pattern.match(name):
                init(name, arr)
                return
        self._fail(name)

    def _init_weight(self, name, arr):
        for pattern, init in self.map:
            if pattern.match(name):
                init._init_weight(name, arr)
                return
        self._fail(name)

    def _fail(self, name):
        raise ValueError(
            "Parameter name %s did not match any pattern. Consider"
            'add a ".*" pattern at the and with default Initializer.'
            f"\nthe parameter is {name}"
        )


class Load(Initializer):
    """The arrays of a file or a dictionary, by name; `default_init` for what is not there."""

    def __init__(self, param, default_init=None, verbose=False):
        super().__init__()
        if isinstance(param, str):
            from .ndarray import load

            param = load(param)
        if not isinstance(param, dict):
            raise AssertionError(f"\na dict of arrays is needed, found {type(param)}")
        self.param = {
            name[4:] if name.startswith(("arg:", "aux:")) else name: value
            for name, value in param.items()
        }
        self.default_init = None if default_init is None else create(default_init)
        self.verbose = verbose

    def __call__(self, name, arr):
        self._init_weight(name, arr)

    def _init_weight(self, name, arr):
        value = self.param.get(name)
        if value is not None:
            if tuple(arr.shape) != tuple(value.shape):
                raise AssertionError(
                    f"Parameter {name} cannot be initialized from loading. Shape mismatch, target "
                    f"{tuple(arr.shape)} vs loaded {tuple(value.shape)}"
                )
            arr[:] = value
        elif self.default_init is not None:
            self.default_init(name, arr)
        else:
            raise AssertionError(
                f"Cannot Initialize {name}. Not found in loaded param and no default Initializer "
                "is provided."
            )
