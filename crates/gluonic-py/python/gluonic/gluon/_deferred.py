"""The first forward of a block with `hybrid_forward`: operations tell its parameters their shapes.

A parameter that waits for its shape is handed to `hybrid_forward` as a stand-in. The operation that
it comes to knows from its other inputs which shape it needs; then the parameter gets its value, and
the forward goes on with that.
"""

import math
import types

from .. import _gluonic

__all__ = ["Module", "Waiting"]


class _UnknownShape(ValueError, AttributeError):
    """What a stand-in says to who wants more of it than it has."""


def _failed(why):
    return _UnknownShape(
        f"Deferred initialization failed because shape cannot be inferred. {why}"
        "\ngive the shape when the block is built, or override infer_shape"
    )


def _undecided(name):
    return _UnknownShape(
        "Deferred initialization failed because shape cannot be inferred. Cannot decide shape for "
        "the following arguments (0s in shape means unknown dimensions). Consider providing them "
        f"as input:\n{name}\ngive the shape when the block is built, or override infer_shape"
    )


class Waiting:
    """The value of a parameter that waits for its shape, or what is computed from it element by
    element."""

    # The operators of arrays leave it to those below.
    __array_ufunc__ = None

    def __init__(self, parameters, compute):
        self._parameters = parameters
        self._compute = compute

    @staticmethod
    def all(parameters, context):
        """The values of parameters by name, with stand-ins for those that wait."""

        def value(parameter):
            if parameter._is_deferred:
                return Waiting([parameter], lambda: parameter.data(context))
            try:
                return parameter.data(context)
            except _gluonic.DeferredInitializationError:
                return Waiting([parameter], lambda: parameter.data(context))

        return {name: value(parameter) for name, parameter in parameters.items()}

    @staticmethod
    def check(values, block):
        """That none of the parameters waits any more."""
        for value in values.values():
            if isinstance(value, Waiting) and not value._ready():
                name = value._parameters[0].name
                raise _failed(f"'{name}' is used by no operation of {block.name} that tells it")

    def _ready(self):
        return not any(parameter._is_deferred for parameter in self._parameters)

    def _tell(self, shape):
        """The value, now that its shape is known."""
        if not all(shape):
            raise _undecided(self._parameters[0].name)
        for parameter in self._parameters:
            try:
                parameter._finish_deferred_init(shape)
            except AssertionError as error:
                raise _failed(f"'{parameter.name}': {error}") from error
        return self._compute()

    def _known(self):
        """The shape as far as it is known, or None."""
        return self._parameters[0].shape

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise _failed(f"'{self._parameters[0].name}' is asked for '{name}' before its shape is known")

    def __neg__(self):
        return elementwise(lambda x: -x, self)


def _operator(name, swapped):
    def forwards(self, other):
        return elementwise(lambda x, y: getattr(x, name)(y), self, other)

    def backwards(self, other):
        return elementwise(lambda x, y: getattr(x, swapped)(y), self, other)

    setattr(Waiting, name, forwards)
    setattr(Waiting, swapped, backwards)


for _word in ("add", "sub", "mul", "truediv", "pow"):
    _operator(f"__{_word}__", f"__r{_word}__")


def elementwise(function, *args, **kwargs):
    """Calls a function whose arrays all have one shape, now or as soon as it is known."""
    args = [_now(arg) for arg in args]
    waiting = [arg for arg in args if isinstance(arg, Waiting)]
    arrays = [arg for arg in args if isinstance(arg, _gluonic.NDArray)]
    if arrays:
        shape = arrays[0].shape
        args = [arg._tell(shape) if isinstance(arg, Waiting) else arg for arg in args]
        return function(*args, **kwargs)
    if not waiting:
        return function(*args, **kwargs)

    def compute():
        return function(*(_value(arg) for arg in args), **kwargs)

    return Waiting([p for arg in waiting for p in arg._parameters], compute)


def _value(arg):
    return arg._compute() if isinstance(arg, Waiting) else arg


def _now(arg):
    """A stand-in whose parameter has its value by now is that value."""
    return arg._compute() if isinstance(arg, Waiting) and arg._ready() else arg


def _fully_connected(data, num_hidden, flatten=True, **_):
    inputs = math.prod(data.shape[1:]) if flatten else data.shape[-1]
    return {"weight": (num_hidden, inputs), "bias": (num_hidden,)}


def _is_last(layout):
    return layout is not None and layout.endswith("C")


def _convolution(data, kernel, num_filter, num_group=1, layout=None, **_):
    kernel = (kernel,) if isinstance(kernel, int) else tuple(kernel)
    channels = (data.shape[-1 if _is_last(layout) else 1] // num_group,)
    inner = (*kernel, *channels) if _is_last(layout) else (*channels, *kernel)
    return {"weight": (num_filter, *inner), "bias": (num_filter,)}


def _deconvolution(data, kernel, num_filter, num_group=1, layout=None, **_):
    kernel = (kernel,) if isinstance(kernel, int) else tuple(kernel)
    outputs = (num_filter // num_group,)
    channels = data.shape[-1 if _is_last(layout) else 1]
    inner = (*kernel, *outputs) if _is_last(layout) else (*outputs, *kernel)
    return {"weight": (channels, *inner), "bias": (num_filter,)}


def _embedding(data, input_dim, output_dim, **_):
    return {"weight": (input_dim, output_dim)}


def _channels(axis):
    def rule(data, axis=axis, **_):
        shape = (data.shape[axis],)
        return dict.fromkeys(("gamma", "beta", "moving_mean", "moving_var"), shape)

    return rule


def _group_norm(data, num_groups=1, **_):
    return {"gamma": (num_groups,), "beta": (num_groups,)}


# The arrays of an operation in order, and the shapes of its parameters.
_WEIGHTS = ("data", "weight", "bias")
_NORMS = ("data", "gamma", "beta", "moving_mean", "moving_var")
_RULES = {
    "FullyConnected": (_WEIGHTS, _fully_connected),
    "Convolution": (_WEIGHTS, _convolution),
    "Deconvolution": (_WEIGHTS, _deconvolution),
    "Embedding": (_WEIGHTS, _embedding),
    "BatchNorm": (_NORMS, _channels(1)),
    "LayerNorm": (_NORMS, _channels(-1)),
    "InstanceNorm": (_NORMS, _channels(1)),
    "GroupNorm": (_NORMS, _group_norm),
    "LeakyReLU": (_NORMS, _channels(1)),
}
_RULES.update(
    fully_connected=_RULES["FullyConnected"],
    convolution=_RULES["Convolution"],
    deconvolution=_RULES["Deconvolution"],
    embedding=_RULES["Embedding"],
    batch_norm=_RULES["BatchNorm"],
    layer_norm=_RULES["LayerNorm"],
    instance_norm=_RULES["InstanceNorm"],
    group_norm=_RULES["GroupNorm"],
    leaky_relu=_RULES["LeakyReLU"],
)

# Operations whose inputs and output have one shape.
_ELEMENTWISE = frozenset(
    "abs cbrt ceil clip cos elemwise_add elemwise_div elemwise_mul elemwise_sub erf exp expm1 floor "
    "identity log log1p negative relu rint round rsqrt sigmoid sign sin softsign sqrt square tan "
    "tanh where add subtract multiply divide power".split()
)


def _call(function, name, args, kwargs):
    if name in _RULES:
        words, rule = _RULES[name]
        given = {**dict(zip(words, args)), **kwargs}
        data = given["data"]
        settings = {word: value for word, value in given.items() if word not in words}
        shapes = rule(data, **settings)
        for word, value in given.items():
            value = _now(value)
            if isinstance(value, Waiting):
                if word not in shapes:
                    raise _failed(f"{name} does not tell the shape of its {word}")
                value = value._tell(shapes[word])
            given[word] = value
        rest = [given.pop(word) for word in words[: len(args)]]
        return function(*rest, *args[len(words) :], **given)
    if name in ("dot", "matmul"):
        return _dot(function, *args, **kwargs)
    if name in _ELEMENTWISE:
        return elementwise(function, *args, **kwargs)
    raise _failed(f"{name} does not tell the shapes of its inputs")


def _dot(function, left, right, transpose_a=False, transpose_b=False, **kwargs):
    words = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    kwargs.update((word, value) for word, value in words.items() if value)
    left, right = _now(left), _now(right)
    waiting, other = (right, left) if isinstance(right, Waiting) else (left, right)
    known = None if isinstance(other, Waiting) else waiting._known()
    if known is None or len(known) != 2:
        raise _failed("dot does not tell the shapes of its inputs")
    # The axis that is summed over: of the array that is there, and of the one that waits.
    if waiting is right:
        n = other.shape[0 if transpose_a else -1]
        shape = (known[0], n) if transpose_b else (n, known[1])
    else:
        n = other.shape[-1 if transpose_b else 0]
        shape = (n, known[1]) if transpose_a else (known[0], n)
    value = waiting._tell(shape)
    arrays = (left, value) if waiting is right else (value, right)
    return function(*arrays, **kwargs)


class Module:
    """A module of operations that take stand-ins."""

    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        found = getattr(self._module, name)
        if isinstance(found, types.ModuleType):
            return Module(found)
        if not callable(found) or isinstance(found, type):
            return found

        def function(*args, **kwargs):
            if any(isinstance(arg, Waiting) for arg in (*args, *kwargs.values())):
                return _call(found, name, args, kwargs)
            return found(*args, **kwargs)

        return function
