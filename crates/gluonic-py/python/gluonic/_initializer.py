"""What all initializers have in common, and initializers by name."""

import json
import warnings

import numpy as _np

_registry: "dict[str, type]" = {}


class InitDesc(str):
    """The name of the parameter that is initialized, with attributes."""

    def __new__(cls, name, attrs=None, global_init=None):
        desc = super().__new__(cls, name)
        desc.attrs = attrs or {}
        desc.global_init = global_init
        return desc


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
            raise _unmatched(desc)

    def _call_of_name(self, name, arr):
        """The older way: by more endings, and two beginnings."""
        if not isinstance(name, str):
            raise TypeError("name must be string")
        if name.startswith("upsampling"):
            create("bilinear")._init_weight(name, arr)
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
            raise _unmatched(name)

    def __eq__(self, other):
        if not isinstance(other, Initializer):
            return NotImplemented
        return self.__class__ is other.__class__ and self._kwargs == other._kwargs

    __hash__ = object.__hash__


def _unmatched(name):
    return ValueError(
        f"Unknown initialization pattern for {name}. Default initialization is now limited "
        'to "weight", "bias", "gamma" (1.0), and "beta" (0.0).Please use '
        "mx.sym.Variable(init=mx.init.*) to set initialization pattern"
    )


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
            f"\x1b[91mNew initializer {klass.__module__}.{klass.__name__} registered with name "
            f"{name} isoverriding existing initializer {old.__module__}.{old.__name__}\x1b[0m",
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
    if isinstance(init, Initializer):
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
