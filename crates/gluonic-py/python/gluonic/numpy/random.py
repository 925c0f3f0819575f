"""Random arrays of `mx.np`. See `gluonic.ndarray.random` for what they depend on."""

import numpy as _numpy

from .._gluonic import NDArray, ops
from .._supported import attribute
from ..ndarray.random import draw
from ..random import seed
from ._function import finish, is_number

__all__ = [
    "beta",
    "chisquare",
    "choice",
    "exponential",
    "gamma",
    "gumbel",
    "logistic",
    "lognormal",
    "multinomial",
    "normal",
    "pareto",
    "permutation",
    "power",
    "rand",
    "randint",
    "randn",
    "rayleigh",
    "seed",
    "shuffle",
    "uniform",
    "weibull",
]


def _shape(size, *settings):
    """The shape that is asked for, or that of the settings."""
    if size is not None:
        return (size,) if isinstance(size, int) else tuple(size)
    shapes = [setting.shape for setting in settings if isinstance(setting, NDArray)]
    return _numpy.broadcast_shapes(*shapes) if shapes else ()


def _draw(law, settings, shape, dtype, ctx):
    return draw(law, settings, shape, dtype, ctx, None, np=True)


def uniform(low=0.0, high=1.0, size=None, dtype=None, ctx=None, out=None):
    """Numbers between `low` and `high`, each equally likely.

    >>> uniform(size=(2, 3)).shape
    (2, 3)
    """
    if is_number(low) and is_number(high):
        return finish(_draw("uniform", [low, high], _shape(size), dtype, ctx), out)
    drawn = _draw("uniform", [0.0, 1.0], _shape(size, low, high), dtype, ctx)
    return finish(low + (high - low) * drawn, out)


def normal(loc=0.0, scale=1.0, size=None, dtype=None, ctx=None, out=None):
    """Numbers of the normal law of this mean and standard deviation."""
    if is_number(loc) and is_number(scale):
        return finish(_draw("normal", [loc, scale], _shape(size), dtype, ctx), out)
    drawn = _draw("normal", [0.0, 1.0], _shape(size, loc, scale), dtype, ctx)
    return finish(loc + scale * drawn, out)


def randn(*size, dtype=None, ctx=None, out=None, **_):
    """Numbers of the normal law of mean 0 and deviation 1, in this shape."""
    return normal(size=size, dtype=dtype, ctx=ctx, out=out)


def rand(*size, dtype=None, ctx=None, out=None, **_):
    """Numbers between 0 and 1, in this shape."""
    return uniform(size=size, dtype=dtype, ctx=ctx, out=out)


def randint(low, high=None, size=None, dtype=None, ctx=None, out=None):
    """Whole numbers from `low` to `high - 1`, or below `low` alone, each equally likely."""
    if high is None:
        low, high = 0, low
    return finish(
        ops.integers(int(low), int(high), _shape(size), dtype or "int64", ctx, True), out
    )


def permutation(x):
    """The numbers below `x`, or the parts of the first axis of an array, in a random order."""
    return ops.permutation(x, True) if isinstance(x, int) else ops.shuffled(x)


def shuffle(x):
    """Puts the parts of the first axis in a random order, in place."""
    ops.write(x, ops.shuffled(x))


def choice(a, size=None, replace=True, p=None, ctx=None, out=None):
    """Elements of `a`, or numbers below it: with or without putting them back, each equally likely
    or as `p` says."""
    n = a if isinstance(a, int) else a.shape[0]
    shape = _shape(size)
    count = 1
    for one in shape:
        count *= one
    if p is not None and not isinstance(p, NDArray):
        from .creation import array

        p = array(p)
    if replace:
        if p is None:
            places = ops.integers(0, n, shape, "int64", ctx, True)
        else:
            places = ops.categorical(p, shape, "int64")
    else:
        if count > n:
            raise ValueError("Cannot take a larger sample than population when 'replace=False'")
        if p is None:
            order = ops.permutation(n, True)
        else:
            # The smallest of waiting times at the rates p: Efraimidis and Spirakis (2006).
            waits = _exponential((n,), "float64") / ops.cast(p, "float64")
            order = ops.argsort(waits, -1, True, "int64")
        places = ops.reshape(order[:count], shape)
    result = places if isinstance(a, int) else ops.take(a, places, 0, "raise")
    return finish(result, out)


def multinomial(n, pvals, size=None, **_):
    """How often each class is drawn in `n` draws."""
    from .creation import array

    pvals = pvals if isinstance(pvals, NDArray) else array(pvals)
    shape = _shape(size)
    drawn = ops.categorical(pvals, (*shape, n), "int64")
    return ops.sum(ops.one_hot(drawn, pvals.shape[-1], 1.0, 0.0, "int64"), -2)


def _exponential(shape, dtype=None, ctx=None):
    """Waiting times of mean 1: `-log` of a uniform number."""
    return _draw("exponential", [1.0], shape, dtype, ctx)


def exponential(scale=1.0, size=None, ctx=None, out=None):
    """Numbers of the exponential law of this mean."""
    return finish(scale * _exponential(_shape(size, scale), None, ctx), out)


def gamma(shape, scale=1.0, size=None, dtype=None, ctx=None, out=None):
    """Numbers of the gamma law of this shape and scale."""
    return finish(scale * _gamma(shape, _shape(size, shape, scale), dtype, ctx), out)


def _gamma(shape, size, dtype=None, ctx=None):
    if is_number(shape):
        return _draw("gamma", [shape, 1.0], size, dtype, ctx)
    shape = ops.broadcast_to(shape, size)
    return _draw("gamma", [shape, ops.full_like(shape, 1.0, None)], (), dtype, ctx)


def beta(a, b, size=None, dtype=None, ctx=None):
    """Numbers of the beta law."""
    shape = _shape(size, a, b)
    one, two = _gamma(a, shape, dtype, ctx), _gamma(b, shape, dtype, ctx)
    return one / (one + two)


def chisquare(df, size=None, dtype=None, ctx=None):
    """Numbers of the chi-square law."""
    return 2.0 * _gamma(df / 2.0, _shape(size, df), dtype, ctx)


def lognormal(mean=0.0, sigma=1.0, size=None, dtype=None, ctx=None, out=None):
    """Numbers whose logarithm is of the normal law."""
    return finish(ops.exp(normal(mean, sigma, size, dtype, ctx)), out)


def logistic(loc=0.0, scale=1.0, size=None, ctx=None, out=None):
    """Numbers of the logistic law."""
    wait = _exponential(_shape(size, loc, scale), None, ctx)
    return finish(loc - scale * ops.log(ops.expm1(wait)), out)


def gumbel(loc=0.0, scale=1.0, size=None, ctx=None, out=None):
    """Numbers of the Gumbel law."""
    return finish(loc - scale * ops.log(_exponential(_shape(size, loc, scale), None, ctx)), out)


def weibull(a, size=None, ctx=None, out=None):
    """Numbers of the Weibull law."""
    return finish(_exponential(_shape(size, a), None, ctx) ** (1.0 / a), out)


def pareto(a, size=None, ctx=None, out=None):
    """Numbers of the Pareto law that starts at 0."""
    return finish(ops.expm1(_exponential(_shape(size, a), None, ctx) / a), out)


def power(a, size=None):
    """Numbers of the power law on 0 to 1."""
    return ops.exp(-_exponential(_shape(size, a)) / a)


def rayleigh(scale=1.0, size=None, ctx=None, out=None):
    """Numbers of the Rayleigh law."""
    return finish(scale * ops.sqrt(2.0 * _exponential(_shape(size, scale), None, ctx)), out)


def __getattr__(name):
    return attribute("np.random", __name__, name)
