"""What parameters start as.

Which initializer runs: the explicit one of `Parameter.initialize`, else the parameter's own, else
the one given to the whole block, else `Uniform(0.07)`.
"""

import json
import re

import numpy as _np

from . import _gluonic
from ._initializer import InitDesc, Initializer, alias, create, later, register

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


class _Native(Initializer):
    """An initializer that is gluonic's."""

    def _text(self):
        return json.dumps([self.__class__._name, self._kwargs])

    def _native_text(self):
        overridden = type(self)._init_weight is not _Native._init_weight
        return None if overridden or type(self)._fill is not Initializer._fill else self._text()

    def _init_weight(self, name, arr):
        _gluonic.init_fill(self._text(), str(name), arr)


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
