"""Arrays and functions of the dialect `mx.np`: NumPy's names and rules.

What is supported is listed by `gluonic.supported()`. A name that MXNet has and gluonic does not
raises an error that says so and names the nearest that is there.
"""

import numpy as _numpy
from numpy import bool_, float16, float32, float64, int8, int32, int64, uint8

from .._gluonic import ndarray
from .._supported import attribute
from . import creation, elementwise, linalg, linear, random, reduction, shape as _shape_module
from .creation import *
from .elementwise import *
from .linear import *
from .reduction import *
from .shape import *

bool = bool_
newaxis = None
pi, e, inf, nan = _numpy.pi, _numpy.e, _numpy.inf, _numpy.nan
PINF, NINF, NaN, NAN, PZERO, NZERO = inf, -inf, nan, nan, 0.0, -0.0

__all__ = [
    "NAN",
    "NINF",
    "NZERO",
    "NaN",
    "PINF",
    "PZERO",
    "bool",
    "bool_",
    "e",
    "float16",
    "float32",
    "float64",
    "inf",
    "int32",
    "int64",
    "int8",
    "linalg",
    "nan",
    "ndarray",
    "newaxis",
    "pi",
    "random",
    "uint8",
]
__all__ += [
    name
    for part in (creation, elementwise, linear, reduction, _shape_module)
    for name in part.__all__
]


def __getattr__(name):
    return attribute("np", __name__, name)
