"""Arrays of `mx.np`: promotion, comparisons, operators on bits, numbers, printing. Expected values
are those of MXNet 1.9.1 under `npx.set_np()`, measured, unless a comment says otherwise."""

import numpy as np
import pytest

import gluonic as mx
from gluonic import _gluonic, autograd, nd

TYPES = ["float16", "float32", "float64", "int8", "uint8", "int32", "int64", "bool"]

# The type of `x + y`, `x * y`, for each type of `x` by those of `y` in the order of TYPES.
PROMOTED = """
float16  float16 float32 float64 float16 float16 float16 float16 float16
float32  float32 float32 float64 float32 float32 float32 float32 float32
float64  float64 float64 float64 float64 float64 float64 float64 float64
int8     float16 float32 float64 int8    int32   int32   int64   int8
uint8    float16 float32 float64 int32   uint8   int32   int64   uint8
int32    float16 float32 float64 int32   int32   int32   int64   int32
int64    float16 float32 float64 int64   int64   int64   int64   int64
bool     float16 float32 float64 int8    uint8   int32   int64   bool
"""

TABLE = {line.split()[0]: line.split()[1:] for line in PROMOTED.strip().split("\n")}
NUMBERS = [2, 2.5, True, np.float64(2), np.float32(2), np.int64(2), np.float16(2)]


def array(source, dtype="float32"):
    return _gluonic.array(source, dtype, None, True)


def values(array):
    return array.asnumpy().tolist()


def first_line(error):
    return str(error.value).split("\n")[0]


@pytest.mark.parametrize("one", TYPES)
@pytest.mark.parametrize("other", TYPES)
def test_two_arrays_are_promoted_by_mxnets_table(one, other):
    expected = TABLE[one][TYPES.index(other)]
    x, y = array([1, 1], one), array([1, 0], other)
    for result in (x + y, x * y):
        assert (type(result), result.dtype) == (type(x), np.dtype(expected))
    quotient = expected if expected.startswith("float") else "float32"
    assert (x / array([1, 1], other)).dtype == np.dtype(quotient)
    if one == other:
        assert (x < y).dtype == np.dtype(bool)
    else:
        with pytest.raises(mx.MXNetError, match="MXNetError: Type inconsistent, Provided = "):
            _ = x < y


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: type(number).__name__)
def test_a_number_leaves_the_type_but_booleans_become_int64_and_quotients_float32(dtype, number):
    x = array([1, 1], dtype)
    kept = "int64" if dtype == "bool" else dtype
    divided = dtype if dtype.startswith("float") else "float32"
    for result in (x + number, number - x, x * number, x % number, x**number):
        assert result.dtype == np.dtype(kept)
    for result in (x / number, number / x):
        assert result.dtype == np.dtype(divided)
    assert (x < number).dtype == np.dtype(bool)


def test_values_of_mixed_and_integer_arithmetic():
    i, j = array([7, -7, 5], "int32"), array([3, 3, -3], "int32")
    assert values(i * 2.5) == [14, -14, 10]
    assert values(2.5 - i) == [-5, 9, -3]
    assert values(i % j) == [1, 2, -1]
    assert values(i / 2) == [3.5, -3.5, 2.5]
    assert values(i / j) == pytest.approx([7 / 3, -7 / 3, -5 / 3])
    assert values(array([250], "uint8") + 300) == [38]
    assert values(array([127], "int8") + array([200], "uint8")) == [327]
    assert values(array([2.5]) * array([2], "int32")) == [5]
    b = array([True, False], "bool")
    assert values(b + b) == [True, False]
    assert values(-b) == [-1, 0]
    with pytest.raises(mx.MXNetError, match="does not support boolean type"):
        _ = b - b


def test_comparisons_give_booleans():
    f = array([7, -7, 5.5])
    assert values(f == 7) == [True, False, False]
    assert values(f != array([7, 0, 0])) == [False, True, True]
    assert values(6 <= f) == [True, False, False]
    assert values(array([[1], [2]]) < array([1, 2])) == [[False, True], [False, False]]
    with pytest.raises(TypeError, match="type <class 'NoneType'> not supported"):
        _ = f == None  # noqa: E711


def test_operators_on_bits_are_for_integers_and_booleans():
    i, j = array([7, -7, 5], "int32"), array([3, 3, -3], "int32")
    b = array([True, False], "bool")
    assert values(i & j) == [3, 1, 5]
    assert values(i | j) == [7, -5, -3]
    assert values(i ^ j) == [4, -6, -8]
    assert values(i & 3) == [3, 1, 1]
    assert values(~i) == [-8, 6, -6]
    assert values(~b) == [False, True]
    assert values(b | ~b) == [True, True]
    for operation in (lambda: ~array([1.0]), lambda: array([1.0]) & array([1.0])):
        with pytest.raises(mx.MXNetError, match="integer types"):
            operation()


def test_matmul_multiplies_vectors_and_matrices():
    a, f = array([[1, 2, 3], [4, 5, 6]]), array([7, -7, 5.5])
    assert values(a @ f) == [9.5, 26]
    assert values(f @ a.T) == [9.5, 26]
    assert values(a @ a.T) == [[14, 32], [32, 77]]
    assert (f @ f).shape == ()
    a.attach_grad()
    with autograd.record():
        y = a @ f
    y.backward()
    assert values(a.grad) == [[7, -7, 5.5]] * 2
    with pytest.raises(mx.MXNetError):
        _ = a @ a
    with pytest.raises(AssertionError, match="Argument b must have NDArray type, but got 2"):
        _ = f @ 2


def test_operators_in_place_refuse_another_type_or_shape():
    f, i = array([1, 2.5]), array([2, 3], "int32")
    same = f
    f += i
    f *= 2
    assert f is same
    assert values(f) == [6, 11]
    for operation, dtype in ((lambda: i.__itruediv__(2), "float32"), (lambda: i.__iadd__(f), "float32")):
        with pytest.raises(mx.MXNetError) as error:
            operation()
        assert first_line(error) == (
            f"MXNetError: Type inconsistent, Provided = int32, inferred type = {dtype}"
        )
    with pytest.raises(mx.MXNetError, match="Shape inconsistent, Provided = .2., inferred"):
        f += array([[1], [2]])
    assert (values(f), values(i)) == ([6, 11], [2, 3])


def test_the_dialects_do_not_mix():
    f = array([1.0])
    with pytest.raises(TypeError, match="type <class 'gluonic.ndarray.ndarray.NDArray'> not supported"):
        _ = f + nd.ones((1,))
    assert values(f + nd.ones((1,)).as_np_ndarray()) == [2]
    shared = f.as_nd_ndarray()
    shared[:] = 5
    assert values(f) == [5]
    assert f.as_np_ndarray() is f


def test_arrays_of_one_element_are_numbers():
    s, i = array(2.5), array(2, "int32")
    assert (float(s), int(s), complex(s), bool(s)) == (2.5, 2, 2.5 + 0j, True)
    assert (s.item(), i.item(), s.tolist(), s.shape) == (2.5, 2, 2.5, ())
    assert int(array([[7]])) == 7
    assert (f"{s:.3f}", f"{s}", "%.2f" % s) == ("2.500", "2.5", "2.50")
    f = array([7, -7])
    assert (f.item(1), f.tolist()) == (-7, [7, -7])
    with pytest.raises(IndexError):
        f.item(5)
    with pytest.raises(TypeError):
        float(f)
    with pytest.raises(TypeError, match=r"len\(\) of unsized object"):
        len(s)
    with pytest.raises(ValueError, match="The truth value of an ndarray"):
        bool(f)
    assert [row.shape for row in f] == [(), ()]


PRINTED = [
    (array([[1, 2], [3, 4]]), "array([[1., 2.],\n       [3., 4.]])", "[[1. 2.]\n [3. 4.]]"),
    (array([1, 2], "int32"), "array([1, 2], dtype=int32)", "[1 2]"),
    (array([1, 2], "int64"), "array([1, 2], dtype=int64)", "[1 2]"),
    (array([1, 2.5], "float64"), "array([1. , 2.5], dtype=float64)", "[1.  2.5]"),
    (array([1, 2], "float16"), "array([1., 2.], dtype=float16)", "[1. 2.]"),
    (array([True, False], "bool"), "array([ True, False])", "[ True False]"),
    (array(3.5), "array(3.5)", "3.5"),
    (array(3, "int64"), "array(3, dtype=int64)", "3"),
    (array(np.zeros((0, 3))), "array([], shape=(0, 3))", "[]"),
    (
        array(np.arange(2000)),
        "array([0.000e+00, 1.000e+00, 2.000e+00, ..., 1.997e+03, 1.998e+03,\n       1.999e+03])",
        "[0.000e+00 1.000e+00 2.000e+00 ... 1.997e+03 1.998e+03 1.999e+03]",
    ),
]


@pytest.mark.parametrize(("array", "shown", "text"), PRINTED)
def test_arrays_print_as_in_mxnets_numpy(array, shown, text):
    assert repr(array) == shown
    assert str(array) == text


# NumPy's own functions, called with arrays of mx.np. MXNet 1.9.1 was measured to do the same.


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda x: np.exp(x * 0), [[1, 1], [1, 1]]),
        (lambda x: np.add(x, 1), [[2, 3], [4, 5]]),
        (lambda x: np.subtract(np.float32(1), x), [[0, -1], [-2, -3]]),
        (lambda x: np.add(x, x, where=True), [[2, 4], [6, 8]]),
        (lambda x: np.mean(x), 2.5),
        (lambda x: np.concatenate([x, x], axis=1), [[1, 2, 1, 2], [3, 4, 3, 4]]),
        (lambda x: np.where(x > 2, x, 0), [[0, 0], [3, 4]]),
        (lambda x: np.linalg.norm(x * 0), 0),
        # mx.np has none of these: NumPy computes them on copies.
        (lambda x: np.float_power(x, 2), [[1, 4], [9, 16]]),
        (lambda x: np.roll(x, 1), [[4, 1], [2, 3]]),
        (lambda x: np.linalg.svd(x)[1] * 0, [0, 0]),
    ],
)
def test_numpys_functions_of_arrays_of_np_give_arrays_of_np(call, expected):
    result = call(mx.np.array([[1.0, 2], [3, 4]]))
    assert type(result) is mx.np.ndarray
    assert result.asnumpy().tolist() == expected


def test_numpys_functions_are_recorded():
    x = mx.np.array([[1.0, 2], [3, 4]])
    x.attach_grad()
    with autograd.record():
        y = np.sum(np.square(x))
    y.backward()
    assert x.grad.asnumpy().tolist() == [[2, 4], [6, 8]]


@pytest.mark.parametrize("function", [np.median, np.float_power, np.cov])
def test_what_numpy_computes_is_refused_under_record(function):
    x = mx.np.array([[1.0, 2], [3, 4]])
    args = (x, 2) if function is np.float_power else (x,)
    with autograd.record(), pytest.raises(ValueError, match="with autograd active is not support"):
        function(*args)
    with autograd.record():
        assert np.shape(x) == (2, 2) and np.may_share_memory(x, x)


def test_numpys_functions_write_to_an_array_of_np():
    x, out = mx.np.ones((2,)), mx.np.zeros((2,))
    assert np.add(x, x, out=out) is out
    assert out.asnumpy().tolist() == [2, 2]


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.add(np.ones(2), x),
        lambda x: np.add(x, np.ones(2)),
        lambda x: np.ones(2) + x,
        lambda x: np.add.reduce(x),
        lambda x: np.add(x, x, out=np.zeros(2)),
    ],
)
def test_arrays_of_numpy_and_of_np_are_not_mixed(call):
    with pytest.raises(TypeError):
        call(mx.np.ones((2,)))


def test_arrays_of_nd_are_converted_by_numpy():
    assert np.exp(mx.nd.zeros((2,))).tolist() == [1, 1]
