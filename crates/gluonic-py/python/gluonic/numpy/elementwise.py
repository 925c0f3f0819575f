"""Functions of `mx.np` that treat each element alike."""

import math
import operator

import numpy as _numpy

from .._gluonic import NDArray, ops
from ._function import finish, is_number, on_each, on_two, unsupported

#: Name, operation of gluonic, what it computes.
FUNCTIONS = [
    ("abs", ops.abs, "The absolute value."),
    ("absolute", ops.abs, "The absolute value."),
    ("fabs", ops.abs, "The absolute value."),
    ("arccos", ops.arccos, "The angle whose cosine is `x`."),
    ("arccosh", ops.arccosh, "The number whose hyperbolic cosine is `x`."),
    ("arcsin", ops.arcsin, "The angle whose sine is `x`."),
    ("arcsinh", ops.arcsinh, "The number whose hyperbolic sine is `x`."),
    ("arctan", ops.arctan, "The angle whose tangent is `x`."),
    ("arctanh", ops.arctanh, "The number whose hyperbolic tangent is `x`."),
    ("bitwise_not", operator.invert, "All bits turned over."),
    ("cbrt", ops.cbrt, "The cube root."),
    ("ceil", ops.ceil, "The smallest whole number that is not below."),
    ("cos", ops.cos, "The cosine of an angle in radians."),
    ("cosh", ops.cosh, "The hyperbolic cosine."),
    ("deg2rad", ops.radians, "An angle in degrees as radians."),
    ("degrees", ops.degrees, "An angle in radians as degrees."),
    ("exp", ops.exp, "The exponential function."),
    ("expm1", ops.expm1, "`exp(x) - 1`, exact near 0."),
    ("fix", ops.trunc, "The nearest whole number towards 0."),
    ("floor", ops.floor, "The largest whole number that is not above."),
    ("invert", operator.invert, "All bits turned over."),
    ("isfinite", ops.isfinite, "Whether an element is a finite number."),
    ("isinf", ops.isinf, "Whether an element is infinite."),
    ("isnan", ops.isnan, "Whether an element is NaN."),
    ("log", ops.log, "The natural logarithm."),
    ("log10", ops.log10, "The logarithm to the base 10."),
    ("log1p", ops.log1p, "`log(1 + x)`, exact near 0."),
    ("log2", ops.log2, "The logarithm to the base 2."),
    ("logical_not", ops.logical_not, "Whether an element is 0."),
    ("negative", ops.neg, "`-x`."),
    ("positive", ops.identity, "A copy."),
    ("rad2deg", ops.degrees, "An angle in radians as degrees."),
    ("radians", ops.radians, "An angle in degrees as radians."),
    ("reciprocal", ops.reciprocal, "`1 / x`."),
    ("rint", ops.round_half_down, "The nearest whole number; of two, the lower one."),
    ("sign", ops.sign, "-1, 0 or 1."),
    ("sin", ops.sin, "The sine of an angle in radians."),
    ("sinh", ops.sinh, "The hyperbolic sine."),
    ("sqrt", ops.sqrt, "The square root."),
    ("square", ops.square, "The square."),
    ("tan", ops.tan, "The tangent of an angle in radians."),
    ("tanh", ops.tanh, "The hyperbolic tangent."),
    ("trunc", ops.trunc, "The nearest whole number towards 0."),
]


def _logical(word):
    return lambda x1, x2: ops.logical(word, x1, x2)


#: Name, operator, what it computes: of arrays and numbers.
PAIRS = [
    ("add", operator.add, "The sum."),
    ("subtract", operator.sub, "The difference."),
    ("multiply", operator.mul, "The product."),
    ("divide", operator.truediv, "The quotient."),
    ("true_divide", operator.truediv, "The quotient."),
    ("mod", operator.mod, "The remainder, with the sign of `x2`."),
    ("remainder", operator.mod, "The remainder, with the sign of `x2`."),
    ("power", operator.pow, "`x1` to the power `x2`."),
    ("maximum", ops.maximum, "The larger one."),
    ("minimum", ops.minimum, "The smaller one."),
    ("hypot", ops.hypot, "The length of the hypotenuse."),
    ("arctan2", ops.arctan2, "The angle of the point `(x2, x1)`."),
    ("equal", operator.eq, "Whether both are equal."),
    ("not_equal", operator.ne, "Whether both differ."),
    ("greater", operator.gt, "Whether `x1` is greater."),
    ("greater_equal", operator.ge, "Whether `x1` is not less."),
    ("less", operator.lt, "Whether `x1` is less."),
    ("less_equal", operator.le, "Whether `x1` is not greater."),
    ("bitwise_and", operator.and_, "The bits that both have."),
    ("bitwise_or", operator.or_, "The bits that one of both has."),
    ("bitwise_xor", operator.xor, "The bits that just one of both has."),
    ("logical_and", _logical("and"), "Whether both are not 0."),
    ("logical_or", _logical("or"), "Whether one is not 0."),
    ("logical_xor", _logical("xor"), "Whether just one is not 0."),
]

__all__ = [name for name, _, _ in [*FUNCTIONS, *PAIRS]]
__all__ += ["around", "clip", "isclose", "nan_to_num", "round", "round_", "where"]

for _name, _operation, _doc in FUNCTIONS:
    globals()[_name] = on_each(_name, _operation, _doc, __name__)
for _name, _operation, _doc in PAIRS:
    globals()[_name] = on_two(_name, _operation, _doc, __name__)


def clip(a, a_min, a_max, out=None):
    """The nearest value between `a_min` and `a_max`; None is no bound."""
    if a_min is None and a_max is None:
        raise ValueError("array_clip: must set either max or min")
    low = -math.inf if a_min is None else a_min
    high = math.inf if a_max is None else a_max
    return finish(ops.clip(a, low, high), out)


def around(x, decimals=0, out=None, **options):
    """Rounded to a number of decimals; halfway between two, to the even one."""
    if not isinstance(x, NDArray):
        if is_number(x):
            return _numpy.around(x, decimals)
        raise unsupported(x)
    if decimals == 0:
        return finish(ops.round_half_even(x), out)
    scale = 10.0**decimals
    return finish(ops.round_half_even(x * scale) / scale, out)


round = round_ = around


def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None, **options):
    """NaN and the infinities replaced: by 0 and the largest numbers, if nothing is said."""
    if not isinstance(x, NDArray):
        return _numpy.nan_to_num(x, copy, nan, posinf, neginf)
    kind = _numpy.dtype(x.dtype)
    largest = float(_numpy.finfo(kind).max) if kind.kind == "f" else 0.0
    posinf = largest if posinf is None else posinf
    neginf = -largest if neginf is None else neginf
    result = ops.nan_to_num(x, nan, posinf, neginf)
    return result if copy else ops.write(x, result)


def where(condition, x=None, y=None):
    """`x` where `condition` is true, `y` elsewhere; the positions where it is, without both."""
    if x is None and y is None:
        places = ops.nonzero(condition)
        return tuple(
            ops.reshape(ops.slice_axis(places, 1, axis, axis + 1), (places.shape[0],))
            for axis in range(condition.ndim)
        )
    if x is None or y is None:
        raise ValueError("either both or neither of x and y should be given")
    if not isinstance(condition, NDArray):
        raise unsupported(condition)
    return ops.select(condition, x, y)


def isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether `abs(a - b) <= atol + rtol * abs(b)`."""
    close = ops.abs(a - b) <= atol + rtol * ops.abs(b)
    close = ops.logical("or", close, a == b)
    if equal_nan:
        close = ops.logical("or", close, ops.logical("and", ops.isnan(a), ops.isnan(b)))
    return close
