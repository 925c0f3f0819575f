"""Random arrays of `mx.nd`.

What is drawn depends on the seed that `mx.random.seed` was given and on the draws since; inside an
initializer, on the parameter's own address.
"""

from .._gluonic import MXNetError, NDArray, ops
from .._supported import attribute
from ._function import finish

__all__ = [
    "exponential",
    "exponential_like",
    "gamma",
    "gamma_like",
    "generalized_negative_binomial",
    "generalized_negative_binomial_like",
    "multinomial",
    "negative_binomial",
    "negative_binomial_like",
    "normal",
    "normal_like",
    "poisson",
    "poisson_like",
    "randint",
    "randn",
    "shuffle",
    "uniform",
    "uniform_like",
]

_FLOATS = ("float16", "float32", "float64")


def _dtype(dtype, out=None):
    if dtype is None or dtype == "None":
        return "float32" if out is None else out.dtype
    name = getattr(dtype, "__name__", None) or getattr(dtype, "name", None) or str(dtype)
    if name not in _FLOATS:
        known = ", ".join(repr(one) for one in ("None", *_FLOATS))
        raise MXNetError(f"MXNetError: Invalid Input: {name!r}, valid values are: {{{known}}}")
    return name


def draw(law, settings, shape, dtype, ctx, out, np=False):
    """An array drawn from a law of gluonic; for settings that are arrays, one for each of their
    elements."""
    arrays = [isinstance(setting, NDArray) for setting in settings]
    dtype = _dtype(dtype, out)
    if any(arrays):
        if not all(arrays):
            kinds = " and ".join(str(type(setting)) for setting in settings)
            raise AssertionError(
                f"Distribution parameters must all have the same type, but got both {kinds}."
            )
        return finish(ops.draw_each(law, settings, () if shape is None else shape, dtype), out)
    if shape is None:
        shape = (() if np else (1,)) if out is None else out.shape
    return finish(ops.draw(law, settings, shape, dtype, ctx, np), out)


def uniform(low=0, high=1, shape=None, dtype=None, ctx=None, out=None, **_):
    """Numbers between `low` and `high`, each equally likely.

    >>> uniform(0, 1, shape=(2, 3)).shape
    (2, 3)
    """
    return draw("uniform", [low, high], shape, dtype, ctx, out)


def normal(loc=0, scale=1, shape=None, dtype=None, ctx=None, out=None, **_):
    """Numbers of the normal law of this mean and standard deviation."""
    return draw("normal", [loc, scale], shape, dtype, ctx, out)


def randn(*shape, loc=0, scale=1, dtype=None, ctx=None, out=None, **_):
    """Numbers of the normal law, in this shape."""
    return draw("normal", [loc, scale], shape or (1,), dtype, ctx, out)


def poisson(lam=1, shape=None, dtype=None, ctx=None, out=None, **_):
    """Numbers of the Poisson law of this mean."""
    return draw("poisson", [lam], shape, dtype, ctx, out)


def exponential(scale=1, shape=None, dtype=None, ctx=None, out=None, **_):
    """Numbers of the exponential law of this mean."""
    return draw("exponential", [scale], shape, dtype, ctx, out)


def gamma(alpha=1, beta=1, shape=None, dtype=None, ctx=None, out=None, **_):
    """Numbers of the gamma law of shape `alpha` and scale `beta`: the mean is `alpha * beta`."""
    return draw("gamma", [alpha, beta], shape, dtype, ctx, out)


def negative_binomial(k=1, p=1, shape=None, dtype=None, ctx=None, out=None, **_):
    """Numbers of failures before success `k`, where each try succeeds with probability `p`."""
    return draw("negative_binomial", [k, p], shape, dtype, ctx, out)


def generalized_negative_binomial(
    mu=1, alpha=1, shape=None, dtype=None, ctx=None, out=None, **_
):
    """Numbers of the negative binomial law of mean `mu` and dispersion `alpha`: the variance is
    `mu + alpha * mu**2`."""
    return draw("dispersed", [mu, alpha], shape, dtype, ctx, out)


def randint(low, high, shape=None, dtype=None, ctx=None, out=None, **_):
    """Whole numbers from `low` to `high - 1`, each equally likely."""
    for word, value in (("low", low), ("high", high)):
        if not isinstance(value, int) and int(value) != value:
            raise MXNetError(
                f"MXNetError: Invalid Parameter format for {word} expect long but value='{value}', "
                "in operator _random_randint"
            )
    if shape is None:
        shape = (1,) if out is None else out.shape
    if dtype is None:
        dtype = "int32" if out is None else out.dtype
    return finish(ops.integers(int(low), int(high), shape, dtype, ctx, False), out)


def multinomial(data, shape=None, get_prob=False, out=None, dtype="int32", **_):
    """Class numbers, each as likely as its share of `data`'s last axis; with `get_prob`, their
    logarithmic probabilities too."""
    result = ops.categorical(data, () if shape is None else shape, dtype)
    if not get_prob:
        return finish(result, out)
    # Each draw is picked from its row: rows of classes, repeated for the draws.
    rows = ops.reshape_by(data, (-1, data.shape[-1]), "np", False)
    repeats = result.size // rows.shape[0]
    wide = ops.repeat(ops.log(rows), repeats, 0)
    picked = ops.pick(wide, ops.reshape(result, (result.size,)), -1, False, "clip")
    return [result, ops.reshape(picked, result.shape)]


def shuffle(data, out=None, **_):
    """The parts of the first axis in a random order."""
    return finish(ops.shuffled(data), out)


def _like(law):
    def function(data=None, out=None, name=None, **settings):
        return law(shape=data.shape, dtype=data.dtype, ctx=data.ctx, out=out, **settings)

    function.__name__ = function.__qualname__ = f"{law.__name__}_like"
    function.__doc__ = f"As `{law.__name__}`, with the shape and type of another array."
    return function


uniform_like = _like(uniform)
normal_like = _like(normal)
poisson_like = _like(poisson)
exponential_like = _like(exponential)
gamma_like = _like(gamma)
negative_binomial_like = _like(negative_binomial)
generalized_negative_binomial_like = _like(generalized_negative_binomial)


def __getattr__(name):
    return attribute("nd.random", __name__, name)

