"""Index expressions of both dialects. Expected values are NumPy's, which MXNet 1.9.1 was measured
to give too, and MXNet's own where a comment says so."""

import numpy as np
import pytest

import gluonic as mx
from gluonic import _gluonic, autograd, nd

DIALECTS = ["nd", "np"]


def make(source, dialect="nd", dtype="float32"):
    return _gluonic.array(source, dtype, None, dialect == "np")


def values(array):
    return array.asnumpy().tolist()


def first_line(error):
    return str(error.value).split("\n")[0]


# Both dialects and NumPy agree on these, but for results of rank 0, which `mx.nd` makes (1,).
KEYS = [
    "0", "-1", "0, 1", "0, -1", "1, 2, -1", "np.int64(1)", "np.int32(0)", "None", "None, 0",
    "0, None", "...", "..., 0", "0, ...", "..., None", "0, ..., 0", ":", "::2", "::-1", "1:", ":-1",
    "1:1", "5:", "-100:100", "::-2, ::2", ":, 1", ":, 1:3", ":, None", ":, ::-1", "1, ::-1",
    "1, None, :, 0", "0:2, 1", "..., ::-3", "(0,)", "()", "slice(np.int64(0), np.int64(1))",
    "[0, 1]", "[1, 0, 1]", "[-1, 0]", "[0], [1]", "[0, 1], [1, 2]", "[[0, 1], [1, 0]]", "[0, 1], :",
    ":, [0, 2]", ":, [0, 2], :", ":, [2, 0], [1, 2]", "[1, 0], :, [2, 1]", "0, :, [0, 1]",
    "0, [0, 1]", "[0, 1], 0", "[0, 1], 1:3", ":, [[0, 1], [1, 2]]", "..., [0, 1]", "[0, 1], ...",
    "None, [0, 1]", "[[0], [1]], [0, 2]", "[[0], [1]], [[0, 2]]", "::-1, [0, 2]", "(0, (1, 2))",
    "range(2)", "np.array([1, 0])", "np.array([1, 0], dtype='int8')",
]  # fmt: skip


def key_of(text):
    class Subscript:
        def __getitem__(self, key):
            return key

    return eval(f"s[{text}]", {"s": Subscript(), "np": np, "slice": slice, "range": range})


def ints(key):
    """The key as NumPy takes it: an empty list is one of numbers."""
    one = lambda part: np.array(part, dtype=int) if isinstance(part, list) else part  # noqa: E731
    return tuple(map(one, key)) if isinstance(key, tuple) else one(key)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("key", KEYS)
def test_reading_gives_what_numpy_gives(dialect, key):
    theirs = np.arange(24, dtype="float32").reshape(2, 3, 4)
    ours, key = make(theirs, dialect), key_of(key)
    expected = theirs[ints(key)]
    found = ours[key]
    assert type(found) is type(ours)
    shape = (1,) if expected.shape == () and dialect == "nd" else expected.shape
    assert (found.shape, values(found)) == (shape, expected.reshape(shape).tolist())


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8"])
@pytest.mark.parametrize("key", KEYS)
def test_writing_changes_what_numpy_changes(dialect, dtype, key):
    theirs = np.arange(24).astype(dtype).reshape(2, 3, 4)
    key = key_of(key)
    for value in (9, 2.5, np.full(theirs[ints(key)].shape, 7)):
        ours, expected = make(theirs, dialect, dtype), theirs.copy()
        ours[key] = value
        expected[ints(key)] = value
        assert values(ours) == expected.tolist()
    ours, expected = make(theirs, dialect, dtype), theirs.copy()
    part = expected[ints(key)]
    # An array of another type that is broadcast along the first axis.
    if part.ndim and part.shape[-1]:
        row = np.arange(100, 100 + part.shape[-1])
        ours[key] = make(row, dialect, "float64")
        expected[ints(key)] = row
        assert values(ours) == expected.tolist()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("key", [key for key in KEYS if key != "()"])
def test_gradients_flow_through_reading(dialect, key):
    theirs = np.arange(24, dtype="float32").reshape(2, 3, 4)
    x, key = make(theirs, dialect), key_of(key)
    x.attach_grad()
    with autograd.record():
        y = x[key] * 2
    if y.size == 0:
        return
    y.backward()
    expected = np.zeros_like(theirs)
    np.add.at(expected, ints(key), 2)
    assert values(x.grad) == expected.tolist()


def test_an_index_may_be_an_array_of_any_type():
    for places in (
        nd.array([1, 0]),
        nd.array([1.7, 0.2]),
        nd.array([-1, 0], dtype="int64"),
        make([1, 0], "np", "int32"),
    ):
        assert values(nd.array([[1, 2], [3, 4]])[places]) == [[3, 4], [1, 2]]
    assert values(nd.array([[1, 2], [3, 4]])[nd.array([0]), nd.array([1])]) == [2]


def test_in_nd_booleans_are_numbers_and_masks_are_refused():
    a = nd.array([[1, 2, 3], [4, 5, 6]])
    assert values(a[True]) == [4, 5, 6]
    assert values(a[[True, False]]) == [[4, 5, 6], [1, 2, 3]]
    # A comparison gives numbers, so this is no mask either.
    assert (a[a > 2]).shape == (2, 3, 3)
    with pytest.raises(ValueError) as error:
        a[nd.array([1, 0], dtype="bool")]
    assert first_line(error) == (
        "Cannot perform boolean indexing in legacy mode. Please activate numpy semantics by "
        "calling `npx.set_np()` in the global scope before calling this function."
    )


def test_in_np_masks_select():
    a = make([[1, 2, 3], [4, 5, 6]], "np")
    assert values(a[a > 2]) == [3, 4, 5, 6]
    assert a[a > 9].shape == (0,)
    rows = make([True, False], "np", "bool")
    assert values(a[rows]) == [[1, 2, 3]]
    assert values(a[rows, 0]) == [1]
    assert values(a[:, np.array([True, False, True])]) == [[1, 3], [4, 6]]
    assert (a[True].shape, a[False].shape) == ((1, 2, 3), (0, 2, 3))
    a[a > 4] = 0
    a[a == 0] += 7
    a[rows] = make([10, 20, 30], "np")
    a[a > 15] = make([1, 2], "np")
    assert values(a) == [[10, 1, 2], [4, 7, 7]]
    a.attach_grad()
    with autograd.record():
        y = a[a > 4] * 3
    y.backward()
    assert values(a.grad) == [[3, 0, 0], [0, 3, 3]]
    with pytest.raises(IndexError) as error:
        a[make([True, False, True], "np", "bool")]
    assert first_line(error) == (
        "boolean index did not match indexed array along dimension 0; dimension is 2 but "
        "corresponding boolean dimension is 3"
    )


def test_one_element_has_shape_1_in_nd_and_no_shape_in_np():
    assert make([1, 2])[0].shape == (1,)
    assert make([1, 2], "np")[0].shape == ()
    s = make(2.5, "np")
    assert values(s[()]) == 2.5
    s[()] = 4
    assert s.item() == 4


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_part_in_one_piece_shares_the_memory_and_others_are_copies(dialect):
    # Measured: in MXNet a[:, 1], a[::-1] and what arrays select are copies.
    for key in ("0", "0:1", "0, 1:", "0, 1", "::2", "...", "None, 1", "-1"):
        a = make([[1, 2, 3], [4, 5, 6]], dialect)
        before, part = values(a), a[key_of(key)]
        part[()] = 7
        assert values(a) != before
    for key in (":, 1", ":, 1:", "::-1", "[0]", "[0, 1], [1, 2]"):
        a = make([[1, 2, 3], [4, 5, 6]], dialect)
        before, part = values(a), a[key_of(key)]
        part[:] = 7
        assert values(a) == before
    assert a[:] is a
    b = a[1:3]
    a[1] = 8
    assert values(b) == [[8, 8, 8]]


def test_an_edit_of_a_slice_reaches_the_parameter():
    weight = mx.gluon.Parameter("w", shape=(3, 2))
    weight.initialize(mx.init.Zero() if hasattr(mx.init, "Zero") else "zeros")
    weight.data()[1] += 2
    weight.data()[0, 1] = 42
    rows = weight.data()[1:]
    rows[:] *= 2
    weight.data()[:, 0] -= 1
    assert values(weight.data()) == [[-1, 42], [3, 4], [-1, 0]]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_parts_that_overlap_are_read_before_they_are_written(dialect):
    a = make([1, 2, 3, 4], dialect)
    a[0:2] = a[1:3]
    assert values(a) == [2, 3, 3, 4]
    a[1:4] = a[0:3]
    assert values(a) == [2, 2, 3, 3]
    a[:] = a[::-1]
    assert values(a) == [3, 3, 2, 2]
    a[[0, 3]] = a[[3, 0]]
    assert values(a) == [2, 3, 2, 3]


def test_values_are_converted_broadcast_and_may_be_lists():
    a = make(np.zeros((2, 3)))
    a[:] = [1, 2, 3]
    a[0] = (4.5, 5, 6)
    a[1, 1:] = nd.array([[[7, 8]]], dtype="int32")
    a[:, 0:1] = np.array([[9], [10]], dtype="float16")
    assert values(a) == [[9, 5, 6], [10, 7, 8]]
    a[0] = None
    assert np.isnan(a.asnumpy()[0]).all()
    i = make([1, 2, 3], dtype="int32")
    i[:2] = [1.7, -1.7]
    i[2] = 2.7
    assert values(i) == [1, -1, 2]
    u = make([0], dtype="uint8")
    u[:] = 300
    assert values(u) == [44]


READS = [
    (lambda a: a[2], IndexError, "index 2 is out of bounds for axis 0 with size 2"),
    (lambda a: a[-5], IndexError, "index -5 is out of bounds for axis 0 with size 2"),
    (lambda a: a[2**70], IndexError, "index "),
    (lambda a: a[0, 0, 0], IndexError, "too many indices (3) for array with 2 dimensions"),
    (lambda a: a[1, None, :, 0], IndexError, "too many indices (3) for array with 2 dimensions"),
    (lambda a: a[..., ...], IndexError, "Cannot use more than one ellipsis (`...`) for indexing"),
    (
        lambda a: a[[0, 5]],
        IndexError,
        "IndexError: index 5 is out of bounds for axis 0 with size 2",
    ),
    (
        lambda a: a[:, nd.array([float("nan")])],
        IndexError,
        "IndexError: index NaN is out of bounds for axis 1 with size 3",
    ),
    (lambda a: a[[0, 1], [0, 1, 2]], ValueError, "shape1=(2,) is not broadcastable to shape2=(3,)"),
    (
        lambda a: a["a"],
        ValueError,
        "NDArray does not support slicing with key a of type <class 'str'>.",
    ),
    (
        lambda a: a[1.5],
        ValueError,
        "NDArray does not support slicing with key 1.5 of type <class 'float'>.",
    ),
    (lambda a: a[::0], ValueError, "slice step cannot be zero"),
    (lambda a: a[0.5:], TypeError, "'float' object cannot be interpreted as an integer"),
    (lambda a: a[["a"]], TypeError, "source_array must be array like object"),
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("read", "kind", "text"), READS)
def test_indices_that_do_not_fit_are_refused_in_mxnets_words(dialect, read, kind, text):
    with pytest.raises(kind) as error:
        read(make([[1, 2, 3], [4, 5, 6]], dialect))
    assert first_line(error).startswith(text)


REMAPPED = (
    "operands could not be broadcast together with remapped shapes[original->remapped]: "
    "{} and requested shape {}"
)
CHECK = "MXNetError: Check failed: {}: shape {} is not broadcastable to {}"


@pytest.mark.parametrize(
    ("key", "value", "found", "wanted"),
    [
        (":", [1, 2], "(2,)", "(2, 3)"),
        ("0", [1, 2], "(2,)", "(3,)"),
        ("0, 0", [1, 2], "(2,)", "(1,)"),
        ("1, 1:", [[1, 2, 3]], "(3,)", "(2,)"),
        ("0, [0, 1]", [1, 2, 3], "(3,)", "(2,)"),
        ("0", [[1], [2]], "(2, 1)", "(3,)"),
    ],
)
def test_values_that_do_not_fit_are_refused_and_nothing_is_written(key, value, found, wanted):
    a = make([[1, 2, 3], [4, 5, 6]])
    with pytest.raises(ValueError) as error:
        a[key_of(key)] = value
    assert first_line(error) == REMAPPED.format(found, wanted)
    assert values(a) == [[1, 2, 3], [4, 5, 6]]
    b = make([[1, 2, 3], [4, 5, 6]], "np")
    with pytest.raises(mx.MXNetError) as error:
        b[key_of(key)] = value
    rank = len(found.replace(",)", ")").split(","))
    check = "ishape[j] == pshape[i] || ishape[j] == 1"
    if rank > len(wanted.replace(",)", ")").split(",")):
        check = f"ishape.ndim() <= param.shape.ndim() ({rank} vs. 1) "
    squeezed = lambda shape: shape.replace(",)", ")").replace(" ", "").strip("()")  # noqa: E731
    assert first_line(error) == CHECK.format(check, f"[{squeezed(found)}]", f"[{squeezed(wanted)}]")


def test_what_is_no_number_and_no_array_cannot_be_written():
    a, b = make([1, 2]), make([1, 2], "np")
    for value in ("a", object(), 1j, {1}):
        with pytest.raises(TypeError, match="does not support assignment with non-array-like"):
            a[:] = value
    with pytest.raises(TypeError, match="does not support assignment with non-array-like object"):
        a[:] = b
    with pytest.raises(TypeError, match="Cannot assign mx.nd.NDArray to mxnet.numpy.ndarray"):
        b[:] = a
    with pytest.raises(TypeError, match="non-array-like object None"):
        make([1, 2], dtype="int32")[:] = None


def test_a_gradient_flows_through_writing_by_any_index_under_record():
    # MXNet records some of these and loses the gradient of others.
    for key in ("0", ":, 1:", "[1, 0]", "..., [2, 0]", "::-1"):
        x = make(np.arange(6.0).reshape(2, 3))
        part = np.zeros((2, 3))[ints(key_of(key))].shape
        z = make(np.ones(part))
        for array in (x, z):
            array.attach_grad()
        with autograd.record():
            y = x * 2
            y[key_of(key)] = z * 5
            loss = y * y
        loss.backward()
        kept = np.ones((2, 3))
        kept[ints(key_of(key))] = 0
        assert values(x.grad) == (8 * np.arange(6.0).reshape(2, 3) * kept).tolist()
        assert values(z.grad) == np.full(part, 50.0).tolist()


# Of MXNet 1.9.1: `mx.nd` reads empty ranges of the first axis only, and writes to all of them but
# those that end before they start.


@pytest.mark.parametrize("key", [slice(1, 0), (slice(None), slice(1, 1)), (0, slice(1, 1)), []])
def test_nd_has_no_empty_parts(key):
    with pytest.raises(mx.MXNetError, match="arrays of mx.np may be empty"):
        nd.ones((2, 3))[key]
    assert 0 in make([[1, 2, 3]] * 2, "np")[key].shape


@pytest.mark.parametrize("key", [slice(2, 2), slice(5, 9)])
def test_nd_reads_no_rows_where_there_are_none(key):
    assert nd.ones((2, 3))[key].shape == (0, 3)


@pytest.mark.parametrize("key", [slice(2, 2), slice(5, 9), (slice(None), slice(1, 1))])
def test_a_write_to_an_empty_range_changes_nothing(key):
    x = nd.ones((2, 3))
    x[key] = 3
    assert values(x) == [[1, 1, 1], [1, 1, 1]]


def test_a_write_to_a_range_that_ends_before_it_starts_is_refused():
    x = nd.ones((2, 3))
    with pytest.raises(AssertionError, match="no elements to write to"):
        x[1:0] = 3
    with pytest.raises(mx.MXNetError):
        x[[]] = 3


@pytest.mark.parametrize(
    ("dtype", "expected"), [("uint8", [44, 255, 127]), ("int8", [44, -1, 127]),
                            ("int32", [300, -1, -129])]
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_number_that_a_small_integer_cannot_hold_keeps_its_low_bits(dtype, expected, dialect):
    floats = make([300.0, -1.5, -129.0], dialect)
    assert values(floats.astype(dtype)) == expected
    assert values(make([300.0, -1.5, -129.0], dialect, dtype)) == expected
    for source in (floats, np.array([300.0, -1.5, -129.0]), [300.0, -1.5, -129.0]):
        target = make([0, 0, 0], dialect, dtype)
        target[:] = source
        assert values(target) == expected
    target = make([0, 0, 0], dialect, dtype)
    floats.copyto(target)
    assert values(target) == expected
    for i, number in enumerate([300, -1.5, np.float32(-129)]):
        target[i] = number
    assert values(target) == expected


def test_an_array_of_a_number_has_no_axis_until_it_is_computed_with():
    x = nd.array(3)
    assert (x.shape, x.asscalar(), x.asnumpy().shape) == ((), 3.0, ())
    assert repr(x) == "\n3.0\n<NDArray  @cpu(0)>"
    assert (x[:] is x, (x + 1).shape, (x + nd.ones((2, 3))).shape) == (True, (1,), (2, 3))
    with pytest.raises(IndexError):
        x[0]


def test_np_reads_and_writes_by_a_list_of_no_places():
    x = make([[1, 2, 3]] * 2, "np")
    assert (x[[]].shape, x[:, []].shape) == ((0, 3), (2, 0))
    x[[]] = 5
    assert values(x) == [[1, 2, 3]] * 2


def test_a_full_array_like_another_keeps_low_bits_too():
    # MXNet's.
    assert values(mx.np.full_like(make([1, 2], "np", "uint8"), 300)) == [44, 44]
