"""What tests of MXNet use: comparisons with tolerances, random arrays, an environment."""

import contextlib
import os
import random

import numpy as np

from . import context as _context
from .context import current_context
from .util import use_np

__all__ = [
    "almost_equal",
    "assert_allclose",
    "assert_almost_equal",
    "assert_exception",
    "check_gluon_hybridize_consistency",
    "default_atols",
    "default_context",
    "default_dtype",
    "default_rtols",
    "environment",
    "get_atol",
    "get_rtol",
    "list_gpus",
    "rand_ndarray",
    "rand_shape_2d",
    "rand_shape_3d",
    "rand_shape_nd",
    "random_arrays",
    "same",
    "same_array",
    "set_default_context",
    "use_np",
]

_RTOLS = {"float16": 1e-2, "float32": 1e-4, "float64": 1e-5}
_ATOLS = {"float16": 1e-1, "float32": 1e-3, "float64": 1e-20}
_EXACT = ("bool", "int8", "uint8", "int32", "uint32", "int64", "uint64")

_default = []


def default_context():
    """The context that tests run on: the current one, unless another was set."""
    return _default[-1] if _default else current_context()


def set_default_context(ctx):
    """Sets the context that tests run on."""
    _default[:] = [_context.Context(ctx)]


def default_dtype():
    """The type of elements where none is said."""
    return np.float32


def default_rtols():
    """Relative tolerances by element type."""
    return {np.dtype(name): _RTOLS.get(name, 0) for name in (*_RTOLS, *_EXACT)}


def default_atols():
    """Absolute tolerances by element type."""
    return {np.dtype(name): _ATOLS.get(name, 0) for name in (*_ATOLS, *_EXACT)}


def get_rtol(rtol=None, dtype=np.dtype("float64")):
    """The relative tolerance, or that of an element type."""
    return default_rtols().get(np.dtype(dtype), 0) if rtol is None else rtol


def get_atol(atol=None, dtype=np.dtype("float64")):
    """The absolute tolerance, or that of an element type."""
    return default_atols().get(np.dtype(dtype), 0) if atol is None else atol


def _numpy(value):
    return value.asnumpy() if hasattr(value, "asnumpy") else np.asarray(value)


def _tolerances(a, b, rtol, atol):
    """Where two types meet, the tolerances of the coarser one hold."""
    types = (a.dtype, b.dtype)
    rtol = max(get_rtol(rtol, dtype) for dtype in types)
    return rtol, max(get_atol(atol, dtype) for dtype in types)


def same(a, b):
    """True if two NumPy arrays are equal, element for element."""
    return np.array_equal(a, b)


def almost_equal(a, b, rtol=None, atol=None, equal_nan=False, use_broadcast=True):
    """True if two arrays are equal within tolerances: those of their element types, unless said.

    >>> almost_equal([1.0, 2.0], [1.0, 2.0 + 1e-9])
    True
    """
    a, b = _numpy(a), _numpy(b)
    if not use_broadcast and a.shape != b.shape:
        return False
    rtol, atol = _tolerances(a, b, rtol, atol)
    return np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)


def assert_almost_equal(
    a,
    b,
    rtol=None,
    atol=None,
    names=("a", "b"),
    equal_nan=False,
    use_broadcast=True,
    mismatches=(10, 10),
):
    """Raises AssertionError, with the worst elements, unless `almost_equal` holds.

    >>> assert_almost_equal([1.0], [1.5], names=("found", "expected"))
    Traceback (most recent call last):
    ...
    AssertionError: found and expected differ in 1 of 1 elements (rtol=1e-05, atol=1e-20)
    at (0,): found 1.0, expected 1.5
    """
    a, b = _numpy(a), _numpy(b)
    if not use_broadcast and a.shape != b.shape:
        raise AssertionError(f"shapes differ: {names[0]} {a.shape}, {names[1]} {b.shape}")
    rtol, atol = _tolerances(a, b, rtol, atol)
    if np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan):
        return
    raise AssertionError(_differences(*np.broadcast_arrays(a, b), rtol, atol, names, equal_nan))


def _differences(a, b, rtol, atol, names, equal_nan):
    equal = np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)
    places = [tuple(int(i) for i in place) for place in np.argwhere(~equal)]
    lines = [
        f"{names[0]} and {names[1]} differ in {len(places)} of {equal.size} elements "
        f"(rtol={rtol}, atol={atol})"
    ]
    lines += [f"at {at}: {names[0]} {a[at]}, {names[1]} {b[at]}" for at in places[:10]]
    return "\n".join(lines)


def assert_allclose(a, b, rtol=1e-07, atol=0, equal_nan=True):
    """As NumPy's, for arrays of either kind."""
    np.testing.assert_allclose(_numpy(a), _numpy(b), rtol=rtol, atol=atol, equal_nan=equal_nan)


def assert_exception(f, exception_type, *args, **kwargs):
    """Raises AssertionError unless the call raises an exception of the type."""
    try:
        f(*args, **kwargs)
    except exception_type:
        return
    raise AssertionError(f"{exception_type.__name__} was not raised")


def same_array(array1, array2):
    """True if an edit of the first array is an edit of the second."""
    if not almost_equal(array1, array2):
        return False
    array1[:] += 1
    shared = almost_equal(array1, array2)
    array1[:] -= 1
    return shared


def rand_shape_nd(num_dim, dim=10, allow_zero_size=False):
    """A random shape of sizes from 1, or 0, to `dim`."""
    low = 0 if allow_zero_size else 1
    return tuple(random.randint(low, dim) for _ in range(num_dim))


def rand_shape_2d(dim0=10, dim1=10, allow_zero_size=False):
    """A random shape of two sizes, each with its own bound."""
    low = 0 if allow_zero_size else 1
    return tuple(random.randint(low, dim) for dim in (dim0, dim1))


def rand_shape_3d(dim0=10, dim1=10, dim2=10, allow_zero_size=False):
    """A random shape of three sizes, each with its own bound."""
    low = 0 if allow_zero_size else 1
    return tuple(random.randint(low, dim) for dim in (dim0, dim1, dim2))


def random_arrays(*shapes):
    """NumPy arrays of normal numbers: a list, or one array for one shape."""
    arrays = [np.asarray(np.random.randn(*shape), dtype=default_dtype()) for shape in shapes]
    return arrays[0] if len(arrays) == 1 else arrays


def rand_ndarray(shape, stype="default", density=None, dtype=None, ctx=None, **_):
    """An array of uniform numbers in [-1, 1). Only `stype` 'default' exists."""
    if stype != "default":
        raise NotImplementedError(f"arrays of storage type '{stype}' are not supported")
    from .ndarray import array

    values = np.random.uniform(-1, 1, size=shape)
    return array(values, ctx=ctx, dtype=dtype or default_dtype())


def list_gpus():
    """The GPUs that can be used: none."""
    return []


@contextlib.contextmanager
def environment(*args):
    """Inside the `with`, environment variables have other values: a name and a value, or a
    dictionary. None takes one away.

    >>> with environment("MXNET_TEST_SEED", "7"):
    ...     os.environ["MXNET_TEST_SEED"]
    '7'
    """
    values = dict([args]) if len(args) == 2 else dict(args[0])
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values):
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = str(value)


def check_gluon_hybridize_consistency(
    net_builder, data_l, numpy_func=None, test_grad=True, rtol=1e-4, atol=1e-4
):
    """Checks that two nets of one builder and the same parameters give the same, before and after
    `hybridize()`, and the same as a function on NumPy arrays if one is given."""
    from . import autograd

    first = net_builder()
    first.initialize()
    outputs, grads = [], []
    for hybridize in (False, True):
        net = net_builder()
        net.initialize()
        first(*data_l)
        net(*data_l)
        for new, old in zip(net.collect_params().values(), first.collect_params().values()):
            new.set_data(old.data())
        if hybridize:
            net.hybridize()
        inputs = [x.copy() for x in data_l]
        for x in inputs:
            x.attach_grad()
        with autograd.record():
            out = net(*inputs)
        if test_grad:
            out.backward()
            grads.append([x.grad for x in inputs])
        outputs.append(out)
    assert_almost_equal(outputs[0], outputs[1], rtol=rtol, atol=atol)
    for a, b in zip(*grads) if grads else ():
        assert_almost_equal(a, b, rtol=rtol, atol=atol)
    if numpy_func is not None:
        expected = numpy_func(*(x.asnumpy() for x in data_l))
        assert_almost_equal(outputs[0], expected, rtol=rtol, atol=atol)
