"""Arrays and functions of the dialect `mx.nd`.

What is supported is listed by `gluonic.supported()`. A name that MXNet has and gluonic does not
raises an error that says so and names the nearest that is there.
"""

from .._gluonic import NDArray
from .._sharing import from_dlpack, from_numpy, to_dlpack_for_read, to_dlpack_for_write
from .._supported import attribute
from . import contrib, linalg, op, random
from . import creation, elementwise, files, layers, linear, positions, reduction, shape
from .creation import *
from .elementwise import *
from .files import *
from .layers import *
from .linear import *
from .positions import *
from .random import exponential as random_exponential
from .random import gamma as random_gamma
from .random import generalized_negative_binomial as random_generalized_negative_binomial
from .random import multinomial as sample_multinomial
from .random import negative_binomial as random_negative_binomial
from .random import normal, shuffle, uniform
from .random import normal as random_normal
from .random import poisson as random_poisson
from .random import randint as random_randint
from .random import uniform as random_uniform
from .reduction import *
from .shape import *

# Of arrays of settings; `random_` has them of numbers: here one function takes both.
sample_exponential = random_exponential
sample_gamma = random_gamma
sample_generalized_negative_binomial = random_generalized_negative_binomial
sample_negative_binomial = random_negative_binomial
sample_normal = random_normal
sample_poisson = random_poisson
sample_uniform = random_uniform

_PARTS = (creation, elementwise, files, layers, linear, positions, reduction, shape)

__all__ = ["NDArray", "contrib", "linalg", "normal", "op", "random", "shuffle", "uniform"]
__all__ += [name for part in _PARTS for name in part.__all__]
__all__ += [
    f"{kind}_{law}"
    for kind in ("random", "sample")
    for law in (
        "exponential",
        "gamma",
        "generalized_negative_binomial",
        "negative_binomial",
        "normal",
        "poisson",
        "uniform",
    )
]
__all__ += ["random_randint", "sample_multinomial"]
__all__ += ["from_dlpack", "from_numpy", "to_dlpack_for_read", "to_dlpack_for_write"]


def __getattr__(name):
    # `F.np` and `F.npx` of a `hybrid_forward`.
    if name in ("np", "npx"):
        from .. import numpy, numpy_extension

        return numpy if name == "np" else numpy_extension
    return attribute("nd", __name__, name)
