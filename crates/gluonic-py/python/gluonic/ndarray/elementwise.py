"""Functions of `mx.nd` that treat each element alike."""

import operator


from .._gluonic import MXNetError, NDArray, ops
from ._function import finish, is_number, on_arrays, on_each, on_two

#: Name, operation of gluonic, what it computes.
FUNCTIONS = [
    ("abs", ops.abs, "The absolute value."),
    ("arccos", ops.arccos, "The angle whose cosine is `data`."),
    ("arccosh", ops.arccosh, "The number whose hyperbolic cosine is `data`."),
    ("arcsin", ops.arcsin, "The angle whose sine is `data`."),
    ("arcsinh", ops.arcsinh, "The number whose hyperbolic sine is `data`."),
    ("arctan", ops.arctan, "The angle whose tangent is `data`."),
    ("arctanh", ops.arctanh, "The number whose hyperbolic tangent is `data`."),
    ("cbrt", ops.cbrt, "The cube root."),
    ("ceil", ops.ceil, "The smallest whole number that is not below."),
    ("cos", ops.cos, "The cosine of an angle in radians."),
    ("cosh", ops.cosh, "The hyperbolic cosine."),
    ("degrees", ops.degrees, "An angle in radians as degrees."),
    ("erf", ops.erf, "The error function."),
    ("erfinv", ops.erfinv, "The inverse of the error function."),
    ("exp", ops.exp, "The exponential function."),
    ("expm1", ops.expm1, "`exp(data) - 1`, exact near 0."),
    ("fix", ops.trunc, "The nearest whole number towards 0."),
    ("floor", ops.floor, "The largest whole number that is not above."),
    ("gamma", ops.gamma, "The gamma function."),
    ("gammaln", ops.gammaln, "The logarithm of the gamma function's absolute value."),
    ("log", ops.log, "The natural logarithm."),
    ("log10", ops.log10, "The logarithm to the base 10."),
    ("log1p", ops.log1p, "`log(1 + data)`, exact near 0."),
    ("log2", ops.log2, "The logarithm to the base 2."),
    ("logical_not", ops.logical_not, "1 where `data` is 0, and 0 elsewhere."),
    ("negative", ops.neg, "`-data`."),
    ("radians", ops.radians, "An angle in degrees as radians."),
    ("rcbrt", ops.rcbrt, "1 divided by the cube root."),
    ("reciprocal", ops.reciprocal, "`1 / data`."),
    ("relu", ops.relu, "`max(data, 0)`."),
    ("rint", ops.round_half_down, "The nearest whole number; of two, the lower one."),
    ("round", ops.round, "The nearest whole number; of two, the one farther from 0."),
    ("rsqrt", ops.rsqrt, "1 divided by the square root."),
    ("sigmoid", ops.sigmoid, "`1 / (1 + exp(-data))`."),
    ("sign", ops.sign, "-1, 0 or 1."),
    ("sin", ops.sin, "The sine of an angle in radians."),
    ("sinh", ops.sinh, "The hyperbolic sine."),
    ("softsign", ops.softsign, "`data / (1 + abs(data))`."),
    ("sqrt", ops.sqrt, "The square root."),
    ("square", ops.square, "The square."),
    ("tan", ops.tan, "The tangent of an angle in radians."),
    ("tanh", ops.tanh, "The hyperbolic tangent."),
    ("trunc", ops.trunc, "The nearest whole number towards 0."),
    ("identity", ops.identity, "A copy, with its gradient."),
    ("BlockGrad", ops.stop_gradient, "A copy through which no gradient goes."),
    ("stop_gradient", ops.stop_gradient, "A copy through which no gradient goes."),
    (
        "make_loss",
        lambda data: ops.scale_gradient(data, 1.0),
        "A copy whose gradient is 1, whatever comes from above: the end of a graph.",
    ),
]


def _logical(word):
    return lambda lhs, rhs: ops.logical(word, lhs, rhs)


def _numbers(operation, of_numbers):
    """An operation that gluonic has for arrays, and Python for numbers."""

    def function(lhs, rhs):
        if is_number(lhs) and is_number(rhs):
            return of_numbers(lhs, rhs)
        return operation(lhs, rhs)

    return function


_MAXIMUM = _numbers(ops.maximum, max)
_MINIMUM = _numbers(ops.minimum, min)
_HYPOT = ops.hypot

#: Name, operator, what it computes: of arrays and numbers.
PAIRS = [
    ("add", operator.add, "The sum"),
    ("subtract", operator.sub, "The difference"),
    ("multiply", operator.mul, "The product"),
    ("divide", operator.truediv, "The quotient"),
    ("true_divide", operator.truediv, "The quotient"),
    ("modulo", operator.mod, "The remainder, with the sign of `rhs`,"),
    ("power", operator.pow, "`lhs` to the power `rhs`"),
    ("maximum", _MAXIMUM, "The larger"),
    ("minimum", _MINIMUM, "The smaller"),
    ("equal", operator.eq, "1 where both are equal, else 0,"),
    ("not_equal", operator.ne, "1 where both differ, else 0,"),
    ("greater", operator.gt, "1 where `lhs` is greater, else 0,"),
    ("greater_equal", operator.ge, "1 where `lhs` is not less, else 0,"),
    ("lesser", operator.lt, "1 where `lhs` is less, else 0,"),
    ("lesser_equal", operator.le, "1 where `lhs` is not greater, else 0,"),
    ("logical_and", _logical("and"), "1 where both are not 0, else 0,"),
    ("logical_or", _logical("or"), "1 where one is not 0, else 0,"),
    ("logical_xor", _logical("xor"), "1 where just one is not 0, else 0,"),
]

#: The older names, of arrays alone.
BROADCAST = [
    ("broadcast_add", operator.add, "The sum"),
    ("broadcast_plus", operator.add, "The sum"),
    ("broadcast_sub", operator.sub, "The difference"),
    ("broadcast_minus", operator.sub, "The difference"),
    ("broadcast_mul", operator.mul, "The product"),
    ("broadcast_div", operator.truediv, "The quotient"),
    ("broadcast_mod", operator.mod, "The remainder, with the sign of `rhs`,"),
    ("broadcast_power", operator.pow, "`lhs` to the power `rhs`"),
    ("broadcast_maximum", ops.maximum, "The larger"),
    ("broadcast_minimum", ops.minimum, "The smaller"),
    ("broadcast_hypot", _HYPOT, "The length of the hypotenuse"),
    ("broadcast_equal", operator.eq, "1 where both are equal, else 0,"),
    ("broadcast_not_equal", operator.ne, "1 where both differ, else 0,"),
    ("broadcast_greater", operator.gt, "1 where `lhs` is greater, else 0,"),
    ("broadcast_greater_equal", operator.ge, "1 where `lhs` is not less, else 0,"),
    ("broadcast_lesser", operator.lt, "1 where `lhs` is less, else 0,"),
    ("broadcast_lesser_equal", operator.le, "1 where `lhs` is not greater, else 0,"),
    ("broadcast_logical_and", _logical("and"), "1 where both are not 0, else 0,"),
    ("broadcast_logical_or", _logical("or"), "1 where one is not 0, else 0,"),
    ("broadcast_logical_xor", _logical("xor"), "1 where just one is not 0, else 0,"),
]

#: Of arrays of one shape.
ELEMWISE = [
    ("elemwise_add", operator.add, "The sum"),
    ("elemwise_sub", operator.sub, "The difference"),
    ("elemwise_mul", operator.mul, "The product"),
    ("elemwise_div", operator.truediv, "The quotient"),
]

__all__ = [name for name, _, _ in [*FUNCTIONS, *PAIRS, *BROADCAST, *ELEMWISE]]
__all__ += [
    "Activation",
    "Cast",
    "ElementWiseSum",
    "LeakyReLU",
    "MakeLoss",
    "add_n",
    "cast",
    "clip",
    "hard_sigmoid",
    "smooth_l1",
    "where",
]

for _name, _operation, _doc in FUNCTIONS:
    globals()[_name] = on_each(_name, _operation, _doc, __name__)
for _name, _operation, _doc in PAIRS:
    _doc = f"{_doc} of two arrays that broadcast, or of an array and a number."
    globals()[_name] = on_two(_name, _operation, _doc, __name__)
for _name, _operation, _doc in BROADCAST:
    _doc = f"{_doc} of two arrays that broadcast."
    globals()[_name] = on_arrays(_name, _operation, _doc, __name__)
for _name, _operation, _doc in ELEMWISE:
    _doc = f"{_doc} of two arrays of one shape."
    globals()[_name] = on_arrays(_name, _operation, _doc, __name__, same_shape=True)


def clip(data=None, a_min=None, a_max=None, out=None, name=None, **_):
    """The nearest value between `a_min` and `a_max`."""
    for word, value in (("a_max", a_max), ("a_min", a_min)):
        if value is None:
            raise MXNetError(
                f"MXNetError: Required parameter {word} of float is not presented, in operator clip"
            )
    return finish(ops.clip(data, a_min, a_max), out)


def hard_sigmoid(data=None, alpha=0.2, beta=0.5, out=None, name=None, **_):
    """`clip(alpha * data + beta, 0, 1)`."""
    return finish(ops.hard_sigmoid(data, alpha, beta), out)


def smooth_l1(data=None, scalar=1.0, out=None, name=None, **_):
    """The absolute value with a round tip: `(scalar * data)**2 / 2` below `1 / scalar**2`, and
    `abs(data) - 0.5 / scalar**2` from there on."""
    return finish(ops.smooth_l1(data, scalar), out)


def cast(data=None, dtype=None, out=None, name=None, **_):
    """The same values in another element type."""
    return finish(ops.cast(data, dtype), out)


Cast = cast


def add_n(*args, out=None, name=None, **_):
    """The sum of arrays of one shape."""
    if not args:
        raise MXNetError("MXNetError: value 0 for Parameter num_args should be greater equal to 1")
    total = ops.identity(args[0])
    for array in args[1:]:
        total = elemwise_add(total, array)  # noqa: F821
    return finish(total, out)


ElementWiseSum = add_n


def where(condition=None, x=None, y=None, out=None, name=None, **_):
    """`x` where `condition` is not 0, `y` elsewhere. A condition of one axis may choose whole
    rows."""
    shapes = [array.shape for array in (condition, x, y) if isinstance(array, NDArray)]
    if len(shapes) == 3:
        rows = shapes[0] != shapes[1] and shapes[0] == shapes[1][:1]
        if shapes[1] != shapes[2] or not (rows or shapes[0] == shapes[1]):
            raise MXNetError(
                "MXNetError: Check failed: where needs a condition, x and y of one shape, found "
                f"{', '.join(map(str, shapes))}"
            )
        if rows:
            return finish(ops.select_rows(condition, x, y), out)
    return finish(ops.select(condition, x, y), out)


_ACTIVATIONS = {
    "relu": ops.relu,
    "sigmoid": ops.sigmoid,
    "softrelu": ops.softplus,
    "softsign": ops.softsign,
    "tanh": ops.tanh,
}


def _invalid(word, known, operator, argument):
    known = ", ".join(repr(one) for one in sorted(known))
    return MXNetError(
        f"MXNetError: Invalid Input: {word!r}, valid values are: {{{known}}}, in operator "
        f'{operator}(name="", {argument}="{word}")'
    )


def Activation(data=None, act_type=None, out=None, name=None, **_):
    """One of the activations `relu`, `sigmoid`, `softrelu`, `softsign` and `tanh`."""
    if act_type not in _ACTIVATIONS:
        raise _invalid(act_type, _ACTIVATIONS, "Activation", "act_type")
    return finish(_ACTIVATIONS[act_type](data), out)


def LeakyReLU(data=None, gamma=None, act_type="leaky", slope=0.25, out=None, name=None, **_):
    """One of the activations `leaky`, `prelu` (of the slopes `gamma`), `elu`, `selu` and `gelu`."""
    if act_type == "leaky":
        result = ops.leaky_relu(data, slope)
    elif act_type == "elu":
        result = ops.elu(data, slope)
    elif act_type == "prelu":
        result = ops.prelu(data, gamma)
    elif act_type == "selu":
        result = ops.selu(data)
    elif act_type == "gelu":
        result = ops.gelu(data)
    elif act_type == "rrelu":
        raise NotImplementedError("act_type 'rrelu' is not supported; 'leaky' is")
    else:
        known = ["elu", "gelu", "leaky", "prelu", "rrelu", "selu"]
        raise _invalid(act_type, known, "LeakyReLU", "act_type")
    return finish(result, out)


def MakeLoss(
    data=None, grad_scale=1.0, valid_thresh=0.0, normalization="null", out=None, name=None, **_
):
    """A copy whose gradient is `grad_scale`, whatever comes from above: the end of a graph."""
    if normalization == "batch":
        grad_scale = grad_scale / data.shape[0]
    elif normalization not in ("null", None):
        raise NotImplementedError(f"normalization {normalization!r} is not supported; 'batch' is")
    return finish(ops.scale_gradient(data, grad_scale), out)


