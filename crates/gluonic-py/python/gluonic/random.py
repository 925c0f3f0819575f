"""Random numbers, and the seed of all of them."""

from . import _gluonic
from .ndarray.random import (
    exponential,
    gamma,
    generalized_negative_binomial,
    multinomial,
    negative_binomial,
    normal,
    poisson,
    randint,
    randn,
    shuffle,
    uniform,
)

__all__ = [
    "exponential",
    "gamma",
    "generalized_negative_binomial",
    "multinomial",
    "negative_binomial",
    "normal",
    "poisson",
    "randint",
    "randn",
    "seed",
    "shuffle",
    "uniform",
]


def seed(seed_state, ctx="all"):
    """Seeds every random number of the process: equal seeds give equal numbers.

    >>> from gluonic import nd, random
    >>> random.seed(7)
    >>> x = nd.random.uniform(shape=(3,))
    >>> random.seed(7)
    >>> bool((nd.random.uniform(shape=(3,)) == x).sum() == 3)
    True
    """
    if not isinstance(seed_state, int):
        try:
            seed_state = int(seed_state)
        except (TypeError, ValueError):
            raise ValueError("seed_state must be int") from None
    _gluonic.seed(seed_state % 2**64)
