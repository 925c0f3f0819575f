"""Arrays of `mx.nd`: operators, element types, copies, contexts, printing. Expected values are
those of MXNet 1.9.1, measured, unless a comment says otherwise."""

import copy
import os
import pickle
import sys

import numpy as np
import pytest

import gluonic as mx
from gluonic import autograd, nd


def values(array):
    return array.asnumpy().tolist()


def first_line(error):
    return str(error.value).split("\n")[0]


@pytest.fixture
def f():
    return nd.array([7, -7, 5.5])


@pytest.fixture
def g():
    return nd.array([3, 3, -3.0])


@pytest.fixture
def i():
    return nd.array([7, -7, 5], dtype="int32")


ARITHMETIC = {
    "f + g": [10, -4, 2.5],
    "f - g": [4, -10, 8.5],
    "f * g": [21, -21, -16.5],
    "f % g": [1, 2, -0.5],
    "f % 3": [1, 2, 2.5],
    "f % -3": [-2, -1, -0.5],
    "3 % f": [3, -4, 3],
    "f % 0": [0, 0, 0],
    "f ** 2": [49, 49, 30.25],
    "2 - f": [-5, 9, -3.5],
    "f / 0": [float("inf"), float("-inf"), float("inf")],
    "-f": [-7, 7, -5.5],
    "abs(f)": [7, 7, 5.5],
    "f + True": [8, -6, 6.5],
    "f + np.int64(2)": [9, -5, 7.5],
    "np.float64(2) * f": [14, -14, 11],
    "i % j": [1, 2, -1],
    "i % -3": [-2, -1, -1],
    "i % 0": [0, 0, 0],
    "i / j": [2, -2, -1],
    "i / 2": [3, -3, 2],
    "1 / i": [0, 0, 0],
    "i * 2.5": [14, -14, 10],
    "2.5 - i": [-5, 9, -3],
    "i ** j": [343, -343, 0],
    "2 ** i": [128, 0, 32],
    "u + u": [244, 6, 2],
    "5 - u": [11, 2, 4],
    "u + 300": [38, 47, 45],
    "-u": [6, 253, 255],
    "abs(i8)": [127, -128, 1],
    "l + 1": [2**40 + 1, 3, 4],
    "h / 3": [0.333251953125, 0.66650390625, 1.0],
    "f < g": [0, 1, 0],
    "i >= 3": [1, 0, 1],
    "i == 7.5": [1, 0, 0],
    "u == 250": [1, 0, 0],
    "h > 1": [0, 1, 1],
    "3 > f": [0, 1, 0],
    "b + 1": [2, 1, 2],
    "-b": [-1, 0, -1],
    "b > 0": [1, 0, 1],
    # Not in MXNet 1.9.1; as Python's numbers.
    "f // 2": [3, -4, 2],
    "i // j": [2, -3, -2],
    "20 // i": [2, -3, 4],
}


@pytest.mark.parametrize("expression", ARITHMETIC)
def test_operators_give_what_mxnet_gives(expression):
    names = {
        "np": np,
        "f": nd.array([7, -7, 5.5]),
        "g": nd.array([3, 3, -3.0]),
        "i": nd.array([7, -7, 5], dtype="int32"),
        "j": nd.array([3, 3, -3], dtype="int32"),
        "u": nd.array([250, 3, 1], dtype="uint8"),
        "i8": nd.array([127, -128, 1], dtype="int8"),
        "l": nd.array([2**40, 2, 3], dtype="int64"),
        "h": nd.array([1, 2, 3], dtype="float16"),
        "b": nd.array([1, 0, 1], dtype="bool"),
    }
    result = eval(expression, names)
    assert values(result) == ARITHMETIC[expression]
    # The type of the first array, but that booleans become int64.
    first = next(names[name] for name in ("i8", "f", "i", "u", "l", "h", "b") if name in expression)
    assert result.dtype == (np.int64 if first.dtype == np.bool_ else first.dtype)


@pytest.mark.parametrize(
    ("expression", "kind", "text"),
    [
        (
            lambda f, i: f + i,
            mx.MXNetError,
            "MXNetError: Check failed: assign(&dattr, vec.at(i)): Incompatible attr in node  at "
            "1-th input: expected float32, got int32",
        ),
        (
            lambda f, i: f + nd.array([1, 2]),
            mx.MXNetError,
            "MXNetError: Check failed: l == 1 || r == 1: operands could not be broadcast together "
            "with shapes [3] [2]",
        ),
        (lambda f, i: f + [1, 2, 3], TypeError, "type <class 'list'> not supported"),
        (lambda f, i: f + np.ones(3), TypeError, "type <class 'numpy.ndarray'> not supported"),
        (lambda f, i: np.ones(3) + f, TypeError, "type <class 'numpy.ndarray'> not supported"),
        (lambda f, i: f == None, TypeError, "type <class 'NoneType'> not supported"),  # noqa: E711
        (lambda f, i: f < "a", TypeError, "type <class 'str'> not supported"),
        (
            lambda f, i: [1, 2, 3] - f,
            AssertionError,
            "Argument lhs must have NDArray type, but got [1, 2, 3]",
        ),
        (lambda f, i: f.as_np_ndarray() + f, TypeError, "type <class 'gluonic.ndarray.ndarray."),
        (
            lambda f, i: f.astype("bool") - f.astype("bool"),
            mx.MXNetError,
            "MXNetError: Operator broadcast_sub does not support boolean type",
        ),
    ],
)
def test_operands_that_do_not_fit_are_refused_in_mxnets_words(f, i, expression, kind, text):
    with pytest.raises(kind) as error:
        expression(f, i)
    assert first_line(error).startswith(text)


def test_there_are_no_operators_on_bits_and_no_matmul_in_nd(f, i):
    for operation in (lambda: i & i, lambda: i | 1, lambda: ~i, lambda: f @ f, lambda: +f):
        with pytest.raises(TypeError):
            operation()


def test_operators_in_place_keep_the_object_its_type_and_its_shape(f, i):
    same, view = f, f[1:]
    f += 1
    f *= nd.array([2, 2, 2.0])
    f -= nd.array([1.0])
    f /= 2
    f %= 5
    assert f is same
    assert values(f) == [2.5, 3.5, 1.0]
    assert values(view) == [3.5, 1.0]
    i //= 2
    i += 2.5
    assert (values(i), i.dtype) == ([5, -2, 4], np.int32)
    with pytest.raises(mx.MXNetError) as error:
        f += nd.ones((2, 3))
    assert first_line(error) == (
        "MXNetError: Shape inconsistent, Provided = [3], inferred shape=[2,3]"
    )
    with pytest.raises(mx.MXNetError, match="expected float32, got int32"):
        f += i
    assert values(f) == [2.5, 3.5, 1.0]


def test_a_power_in_place_makes_a_new_array(f):
    same = f
    f **= 2
    assert f is not same
    assert values(same) == [7, -7, 5.5]


def test_strided_empty_and_scalar_operands_compute_too():
    a = nd.array(np.arange(6.0).reshape(2, 3))
    assert values(a.T + nd.array([10, 20])) == [[10, 23], [11, 24], [12, 25]]
    assert values(a[::-1] - a) == [[3, 3, 3], [-3, -3, -3]]
    assert (nd.array(np.zeros((0, 3))) + 1).shape == (0, 3)
    # In `mx.nd` there is no rank 0.
    assert (nd.array(5) * 2).shape == (1,)
    assert (nd.ones((2, 2))[0, 0]).shape == (1,)


def test_truth_length_and_numbers(f):
    assert len(f) == 3
    assert bool(f[0])
    assert not bool(nd.array([0.0]))
    with pytest.raises(ValueError) as error:
        bool(f)
    assert first_line(error) == "The truth value of an NDArray with multiple elements is ambiguous."
    assert 7 in f
    assert 9 not in f
    number = f[2].asscalar()
    assert (number, type(number)) == (5.5, np.float32)
    with pytest.raises(ValueError, match="The current array is not a scalar"):
        f.asscalar()
    # As in MXNet, Python's own conversions are for arrays of `mx.np`.
    for convert in (int, float, complex):
        with pytest.raises(TypeError):
            convert(f[0])
    assert [values(row) for row in f] == [[7], [-7], [5.5]]
    assert [values(row) for row in reversed(f)] == [[5.5], [-7], [7]]
    assert values(sorted(f)[0]) == [-7]


def test_an_array_is_a_key_by_identity(f):
    assert {f: 1}[f] == 1
    assert hash(f) != hash(f.copy())


def test_new_arrays_are_float32_unless_told_otherwise():
    for source in ([1, 2], np.array([1, 2]), np.array([1.0, 2.0]), np.array([True, False]), (1, 2)):
        assert nd.array(source).dtype == np.float32
    assert nd.array(nd.array([1], dtype="int8")).dtype == np.int8
    assert nd.array([1.7], dtype="int32").asscalar() == 1
    for wrong in ("a", ["a"], None):
        with pytest.raises((TypeError, ValueError)):
            nd.array(wrong)


def test_astype_converts_and_copies_unless_told_not_to(f):
    assert values(f.astype("int64")) == [7, -7, 5]
    assert f.astype(int).dtype == np.int64
    assert f.astype(float).dtype == np.float64
    assert values(nd.array([0.0, 0.3, -0.0, float("nan")]).astype(bool)) == [
        False,
        True,
        False,
        True,
    ]
    assert f.astype("float32", copy=False) is f
    other = f.astype("float32")
    other[:] = 0
    assert values(f) == [7, -7, 5.5]
    with pytest.raises(TypeError) as error:
        f.astype("foo")
    assert first_line(error) == "data type 'foo' not understood"


def test_copies_and_what_is_no_copy(f, i):
    assert f.as_in_context(mx.cpu(0)) is f
    elsewhere = f.as_in_context(mx.cpu(1))
    assert elsewhere.context == mx.cpu(1)
    assert f.copyto(mx.cpu(1)).ctx == mx.cpu(1)
    for changed in (f.copy(), elsewhere, copy.copy(f), copy.deepcopy(f), f.tostype("default")):
        changed[:] = 0
    assert values(f) == [7, -7, 5.5]
    target = nd.zeros((3,))
    assert f.copyto(target) is target
    assert values(target) == [7, -7, 5.5]
    f.copyto(i)
    assert (values(i), i.dtype) == ([7, -7, 5], np.int32)
    with pytest.raises(mx.MXNetError) as error:
        f.copyto(nd.zeros((2,)))
    assert first_line(error) == (
        "MXNetError: Check failed: assign(&dattr, vec.at(i)): Incompatible attr in node  at 0-th "
        "output: expected [3], got [2]"
    )
    with pytest.raises(TypeError, match="copyto does not support type <class 'int'>"):
        f.copyto(3)
    with pytest.warns(RuntimeWarning):
        assert f.copyto(f) is False
    f.detach()[:] = 1
    assert values(f) == [1, 1, 1]


def test_there_is_no_gpu_and_no_sparse_storage(f):
    for go in (f.as_in_context, f.copyto):
        with pytest.raises(mx.MXNetError) as error:
            go(mx.gpu(0))
        assert first_line(error) == "MXNetError: GPU is not enabled"
    with pytest.raises(ValueError, match="the NDArray should be 2 Dimensional"):
        f.tostype("csr")
    with pytest.raises(mx.MXNetError, match="Invalid Input: 'foo', valid values are"):
        f.tostype("foo")
    assert f.stype == "default"


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int64", "bool"])
def test_a_pickle_is_the_array_again(dtype):
    for array in (nd.array([[1, 0]], dtype=dtype), nd.array([[1, 0]], dtype=dtype).as_np_ndarray()):
        back = pickle.loads(pickle.dumps(array))
        assert type(back) is type(array)
        assert (back.dtype, back.shape, values(back)) == (array.dtype, (1, 2), values(array))
    assert pickle.loads(pickle.dumps(nd.ones(1).as_in_context(mx.cpu(2)))).context == mx.cpu(2)


PRINTED = [
    (nd.array([[1.0, 2.0]]), "\n[[1. 2.]]\n<NDArray 1x2 @cpu(0)>"),
    (nd.array([1.5]), "\n[1.5]\n<NDArray 1 @cpu(0)>"),
    (nd.array([1, 2], dtype="int32"), "\n[1 2]\n<NDArray 2 @cpu(0)>"),
    (nd.array([1, 0], dtype="bool"), "\n[ True False]\n<NDArray 2 @cpu(0)>"),
    (nd.array([1, 2.5], dtype="float16"), "\n[1.  2.5]\n<NDArray 2 @cpu(0)>"),
    (nd.array(np.zeros((0, 3))), "\n[]\n<NDArray 0x3 @cpu(0)>"),
    (
        nd.array(np.arange(2000)),
        "\n[0.000e+00 1.000e+00 2.000e+00 ... 1.997e+03 1.998e+03 1.999e+03]\n"
        "<NDArray 2000 @cpu(0)>",
    ),
    (nd.array([[1.0, 2.0]]).as_in_context(mx.cpu(1)), "\n[[1. 2.]]\n<NDArray 1x2 @cpu(1)>"),
]


@pytest.mark.parametrize(("array", "text"), PRINTED)
def test_arrays_print_as_in_mxnet(array, text):
    assert str(array) == text
    assert repr(array) == text
    assert f"{array}" == text


def test_gradients_of_operators_and_copies():
    def gradient(function, x=(7.0, -7.0, 5.5)):
        x = nd.array(x)
        x.attach_grad()
        with autograd.record():
            y = function(x)
        y.backward()
        return values(x.grad)

    g = nd.array([3, 3, -3.0])
    assert gradient(lambda x: x % g) == [1, 1, 1]
    assert gradient(lambda x: g % x) == [0, 1, 1]
    assert gradient(lambda x: 3 % x) == [0, 1, 0]
    assert gradient(lambda x: x // 2) == [0, 0, 0]
    assert gradient(lambda x: abs(x) - x) == [0, -2, 0]
    assert gradient(lambda x: 2**x, (1.0, 2.0)) == pytest.approx([2 * np.log(2), 4 * np.log(2)])
    assert gradient(lambda x: x.T * 2) == [2, 2, 2]
    assert gradient(lambda x: x.copy().astype("float64") * 2) == [2, 2, 2]
    assert gradient(lambda x: x.as_in_context(mx.cpu(1)) * 2) == [2, 2, 2]
    with pytest.raises(mx.MXNetError, match="Cannot differentiate node"):
        gradient(lambda x: x.detach() * 2)


def test_attach_grad_takes_mxnets_words_only(f):
    with pytest.raises(KeyError):
        f.attach_grad("foo")
    assert f.grad is None
    f.attach_grad("add")
    for _ in range(2):
        with autograd.record():
            y = f * 3
        y.backward(nd.array([1, 2, 3.0]))
    assert values(f.grad) == [6, 12, 18]
    # A part of an array gets memory of its own.
    part = nd.ones((2, 2))[0]
    part.attach_grad()
    assert values(part.grad) == [0, 0]


def test_an_edit_between_forward_and_backward_leaves_the_gradient_right():
    # A departure: MXNet takes the new values, silently.
    x, w = nd.array([2.0]), nd.array([3.0])
    for array in (x, w):
        array.attach_grad()
    with autograd.record():
        y = x * w * w
    w[:] = 100
    w += 1
    y.backward()
    assert (values(x.grad), values(w.grad)) == ([9], [12])
    assert values(w) == [101]


def test_an_edit_of_a_leaf_inside_record_is_allowed():
    # A departure: MXNet refuses it.
    w = nd.array([3.0])
    w.attach_grad()
    with autograd.record():
        first = w * 2
        w[:] = 5
        w += 1
        y = first + w * w
    y.backward()
    assert values(w.grad) == [14]


def test_a_sum_that_is_added_up_in_place_inside_record_is_differentiated():
    x = nd.array([1.0, 2.0])
    x.attach_grad()
    total = nd.zeros((2,))
    with autograd.record():
        for k in range(3):
            total += x * k
        total[0:1] = x[1:] * 10
    total.backward()
    assert values(total) == [20, 6]
    assert values(x.grad) == [0, 13]


def test_an_intermediate_result_that_is_changed_in_place_inside_record_has_the_right_gradient():
    # MXNet refuses it.
    x = nd.array([1.0, 2.0])
    x.attach_grad()
    with autograd.record():
        y = x * x
        z = y * 1
        y *= 3
        y[1] = 7
        loss = y + z
    loss.backward()
    assert values(loss) == [4, 11]
    assert values(x.grad) == [8, 4]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_hundred_thousand_operations_leave_memory_flat():
    def resident():
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    x, y = nd.ones((4, 4)), nd.ones((4, 4))

    def run(times):
        for _ in range(times):
            _ = x + y
            _ = x[0]
            x[:] += 1
            _ = x.asnumpy()
            _ = np.asarray(x)
            _ = x.as_np_ndarray()[[0, 1]]

    run(5_000)
    before = resident()
    run(100_000)
    assert resident() - before < 4 << 20


def test_integers_convert_to_narrower_ones_by_their_bits():
    assert values(nd.array([7, -7, 300], dtype="int32").astype("uint8")) == [7, 249, 44]
    assert values(nd.array([2**40 + 5], dtype="int64").astype("int32")) == [5]


def test_large_numbers_print_without_exponents_as_in_numpy_1():
    # Measured. NumPy 2.3 and later write float32 from 1e6 on with an exponent.
    assert repr(nd.array([1e6])) == "\n[1000000.]\n<NDArray 1 @cpu(0)>"
    assert repr(nd.array([1e4], dtype="float16")) == "\n[10000.]\n<NDArray 1 @cpu(0)>"
    assert repr(nd.array([1e8])) == "\n[1.e+08]\n<NDArray 1 @cpu(0)>"


def test_errors_of_python_name_the_class_without_its_module():
    # Measured.
    with pytest.raises(AttributeError, match="^'NDArray' object has no attribute 'nope'"):
        _ = nd.ones(1).nope
    with pytest.raises(TypeError, match="not 'NDArray'$"):
        float(nd.ones(1))
    assert str(nd.NDArray).endswith(".ndarray.ndarray.NDArray'>")
