"""The functions of `mx.nd`, their methods, the table of names, and files of arrays."""

import inspect
import pathlib
import sys

import numpy
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import measured  # noqa: E402
import operators  # noqa: E402

import gluonic as mx  # noqa: E402
from gluonic import MXNetError, NotSupportedError, autograd, nd  # noqa: E402
from gluonic import _supported  # noqa: E402


@pytest.mark.parametrize(("expression", "expected"), measured.cases("nd"))
def test_an_expression_gives_what_mxnet_gives(expression, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = measured.run(expression, of_np=False)
    assert measured.close(found, expected), f"{expression}: {found}, MXNet gives {expected}"


def test_out_is_written_and_returned():
    x, out = nd.array([1, 4, 9]), nd.zeros(3)
    view = out[1:]
    assert nd.sqrt(x, out=out) is out
    assert view.asnumpy().tolist() == [2, 3]
    assert nd.random.uniform(2, 2, out=out) is out
    assert view.asnumpy().tolist() == [2, 2]


def test_out_of_another_shape_or_type_is_refused_and_not_touched():
    x = nd.ones((2, 3))
    for out in (nd.zeros((3, 3)), nd.zeros((2, 3), dtype="float64")):
        with pytest.raises(MXNetError, match="inconsistent"):
            nd.exp(x, out=out)
        assert out.asnumpy().sum() == 0


@pytest.mark.parametrize(
    "function",
    [
        lambda x: nd.reshape(x, (6,)),
        nd.transpose,
        nd.flatten,
        nd.identity,
        nd.BlockGrad,
        nd.Dropout,
        lambda x: nd.expand_dims(x, 0),
        lambda x: nd.swapaxes(x, 0, 1),
        lambda x: nd.slice_axis(x, 0, 0, 1),
        lambda x: nd.split(x, 2, axis=0)[0],
        lambda x: nd.broadcast_to(x, (2, 3)),
        lambda x: x.transpose(),
        lambda x: x.squeeze(),
    ],
)
def test_an_edit_of_a_result_does_not_reach_the_operand(function):
    # Measured on MXNet 1.9.1: of all these, only x.reshape() shares its memory.
    x = nd.ones((2, 3))
    function(x)[:] = 7
    assert x.asnumpy().tolist() == [[1, 1, 1], [1, 1, 1]]


def test_the_method_reshape_shares_the_memory():
    x = nd.ones((2, 3))
    x.reshape((6,))[0] = 7
    assert x.asnumpy()[0, 0] == 7


def test_methods_are_the_functions_with_a_signature_that_reads_well():
    x = nd.array([[1, 2], [3, 4]])
    assert x.sum(axis=0).asnumpy().tolist() == [4, 6]
    assert list(inspect.signature(x.sum).parameters)[:3] == ["axis", "keepdims", "exclude"]
    assert x.softmax.__doc__.startswith("`exp(data)` divided by its sum")


def test_an_operand_that_is_no_array_is_refused_by_its_name():
    # First lines as measured on MXNet 1.9.1.
    with pytest.raises(AssertionError, match="^Argument data must have NDArray type, but got 3"):
        nd.exp(3)
    with pytest.raises(AssertionError, match="^Argument rhs must have NDArray type, but got 1"):
        nd.broadcast_add(nd.ones(2), 1)
    with pytest.raises(TypeError, match="^source_array must be array like object"):
        nd.array("abc")


def test_sizes_that_cannot_be_multiplied_are_told_as_mxnet_tells_them():
    # First lines as measured on MXNet 1.9.1.
    x, t = nd.ones((2, 3)), nd.ones((2, 3, 4))
    for wrong, line in [
        (
            lambda: nd.dot(x, x),
            "MXNetError: Check failed: L[!Ta].Size() == R[Tb].Size() (3 vs. 2) : dot shape error: "
            "[2,3] X [2,3]",
        ),
        (
            lambda: nd.batch_dot(t, t),
            "MXNetError: Check failed: lshape_k == rshape_k (4 vs. 3) : batch_dot shape error "
            "(shape mismatch): [2,3,4] X [2,3,4] trans_a=0 trans_b=0",
        ),
        (
            lambda: mx.np.dot(mx.np.ones((2, 3)), mx.np.ones((2, 3))),
            "MXNetError: Shape inconsistent, Provided = [2,3], inferred shape=[-1,2]",
        ),
    ]:
        with pytest.raises(MXNetError) as raised:
            wrong()
        assert str(raised.value).splitlines()[0] == line


def test_a_name_that_mxnet_has_and_gluonic_has_not_says_so_and_names_the_nearest():
    with pytest.raises(NotSupportedError, match="nd.linalg_potrf of MXNet is not supported"):
        nd.linalg_potrf  # noqa: B018
    with pytest.raises(NotImplementedError, match="the nearest that is: softmax"):
        nd.SoftmaxOutput  # noqa: B018
    assert not hasattr(nd, "CTCLoss")


def test_a_name_that_nobody_has_is_an_attribute_error_with_the_nearest():
    with pytest.raises(AttributeError, match="has no attribute 'sofmax'\ndid you mean 'softmax'?"):
        nd.sofmax  # noqa: B018
    try:
        nd.op.foo  # noqa: B018
    except AttributeError as error:
        assert not isinstance(error, NotImplementedError)


def test_every_supported_name_is_there():
    for namespace, names in mx.supported().items():
        if namespace.lower() == "ndarray":
            continue
        module = _supported._module(namespace)
        for name in names:
            assert hasattr(module, name), f"{namespace}.{name}"
            assert name in ("newaxis",) or getattr(module, name) is not None


def test_the_table_of_names_in_the_repository_is_that_of_the_package():
    if not operators.FILE.exists():
        pytest.skip("the sources are not here")
    assert operators.FILE.read_text(encoding="utf-8") == _supported.table(), (
        "write it again: python crates/gluonic-py/tests/operators.py --write"
    )


def test_every_function_has_a_docstring():
    for namespace, names in mx.supported().items():
        owner = {"NDArray": nd.NDArray, "ndarray": mx.np.ndarray}.get(namespace)
        owner = owner or _supported._module(namespace)
        for name in names:
            value = getattr(owner, name)
            if inspect.isroutine(value):
                assert value.__doc__, f"{namespace}.{name}"


def test_batch_norm_in_training_normalizes_by_the_batch_and_keeps_its_statistics():
    x = nd.array([[1.0, 10.0], [3.0, 30.0]])
    gamma, beta, mean, var = nd.ones(2), nd.zeros(2), nd.zeros(2), nd.ones(2)
    with autograd.record():
        y = nd.BatchNorm(x, gamma, beta, mean, var, fix_gamma=False, eps=0.0)
    numpy.testing.assert_allclose(y.asnumpy(), [[-1, -1], [1, 1]], rtol=1e-5)
    numpy.testing.assert_allclose(mean.asnumpy(), [0.2, 2.0], rtol=1e-6)
    numpy.testing.assert_allclose(var.asnumpy(), [1.0, 10.9], rtol=1e-6)


def test_dropout_drops_in_training_only_and_along_axes_together():
    x = nd.ones((200, 50))
    assert (nd.Dropout(x, p=0.5) == x).sum() == x.size
    with autograd.record():
        y = nd.Dropout(x, p=0.5, axes=(1,)).asnumpy()
    assert {0.0, 2.0} == set(numpy.unique(y))
    assert (y == y[:, :1]).all()


def test_operations_take_views_and_arrays_without_elements():
    x = nd.arange(24).reshape((4, 6))[1:3, ::2]
    assert nd.sum(x, axis=1).asnumpy().tolist() == [24, 42]
    assert nd.exp(nd.zeros((0, 3))).shape == (0, 3)
    assert nd.concat(nd.zeros((0, 3)), nd.ones((1, 3)), dim=0).shape == (1, 3)
    with pytest.raises(MXNetError):
        nd.max(nd.zeros((0, 3)), axis=0)


def test_files_keep_order_types_and_names(tmp_path):
    file = str(tmp_path / "arrays.params")
    arrays = {
        "z": nd.array([1, 2], dtype="int64"),
        "a": nd.array([[1.5]], dtype="float16"),
        "m": nd.array([1, 0], dtype="uint8"),
    }
    nd.save(file, arrays)
    loaded = nd.load(file)
    assert list(loaded) == ["z", "a", "m"]
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        assert (loaded[name].asnumpy() == array.asnumpy()).all()


def test_one_array_is_saved_byte_for_byte_as_mxnet_saves_it(tmp_path):
    file = tmp_path / "x"
    nd.save(str(file), nd.array([[1.5, -2, 3], [0.5, 5, -6]]))
    # Measured: the bytes that MXNet 1.9.1 writes for this array.
    assert file.read_bytes().hex() == (
        "120100000000000000000000000000000100000000000000c9fa93f9000000000200000002000000"
        "0000000003000000000000000100000000000000000000000000c03f000000c0000040400000003f"
        "0000a0400000c0c00000000000000000"
    )


def test_a_save_that_is_refused_leaves_the_old_file(tmp_path):
    file = str(tmp_path / "x.params")
    nd.save(file, nd.ones(2))
    for wrong in (3, [1, 2], {"a": 1}, {1: nd.ones(2)}, (nd.ones(2),)):
        with pytest.raises((TypeError, ValueError)):
            nd.save(file, wrong)
    assert nd.load(file)[0].asnumpy().tolist() == [1, 1]


def test_files_of_other_libraries_are_told_by_their_content(tmp_path):
    file = tmp_path / "odd.params"
    numpy.savez(str(tmp_path / "x.npz"), w=numpy.arange(3.0))
    (tmp_path / "x.npz").rename(file)
    assert nd.load(str(file))["w"].asnumpy().tolist() == [0, 1, 2]


def test_a_file_that_is_missing_or_broken_is_an_mxnet_error(tmp_path):
    with pytest.raises(MXNetError, match="^LocalFileSystem: Check failed: allow_null"):
        nd.load(str(tmp_path / "nope.params"))
    (tmp_path / "bad").write_bytes(b"hello world and more")
    magic = "^MXNetError: Check failed: header == kMXAPINDArrayListMagic: Invalid NDArray file format"
    with pytest.raises(MXNetError, match=magic):
        nd.load(str(tmp_path / "bad"))
    with pytest.raises(TypeError, match="^fname required to be a string$"):
        nd.load(3)


# Each of them makes arrays besides the result. Measured: MXNet's results are where the operand is.
ON_ANOTHER_CONTEXT = {
    "Dropout": lambda x: nd.Dropout(x, 0.5, axes=(0,), mode="always"),
    "SequenceMask": lambda x: nd.SequenceMask(x, nd.array([1, 2], ctx=x.context), True),
    "diag": lambda x: nd.diag(x[0], k=1),
    "logical_and": lambda x: nd.logical_and(x, 0),
    "logical_not": nd.logical_not,
    "maximum": lambda x: nd.maximum(x.astype("int32"), 2),
    "nansum": nd.nansum,
    "one_hot": lambda x: nd.one_hot(x[0], 3),
    "softmax of lengths": lambda x: nd.softmax(
        x, length=nd.array([1, 2], ctx=x.context, dtype="int32"), use_length=True
    ),
    "topk's mask": lambda x: nd.topk(x, ret_typ="mask"),
}


@pytest.mark.parametrize("name", ON_ANOTHER_CONTEXT)
def test_what_is_computed_on_another_context_stays_there(name):
    x = nd.array([[1, 2], [3, 4]])
    there = ON_ANOTHER_CONTEXT[name](x.as_in_context(mx.cpu(1)))
    assert there.context == mx.cpu(1)
    if name != "Dropout":
        assert there.asnumpy().tolist() == ON_ANOTHER_CONTEXT[name](x).asnumpy().tolist()


@pytest.mark.parametrize("axes", [(2,), (0, 5)])
def test_dropout_refuses_axes_that_an_array_has_not(axes):
    text = rf"^MXNetError: Check failed: i >= 0 && i < ndim\(\): index = {axes[-1]} must be in range"
    with pytest.raises(MXNetError, match=text):
        nd.Dropout(nd.ones((2, 2)), axes=axes)


@pytest.mark.parametrize(
    "call",
    [
        lambda x, n: nd.tile(x, (n, n)),
        lambda x, n: nd.repeat(x, 2**62),
        lambda x, n: nd.broadcast_to(nd.ones((1, 1)), (n, n)),
        lambda x, n: nd.reshape(x, (-4, n, n)),
        lambda x, n: nd.reshape(x, (n, n, -1)),
        lambda x, n: nd.reshape(x, (n, n)),
        lambda x, n: nd.diag(x, k=-(2**62)),
        lambda x, n: nd.FullyConnected(nd.zeros((0, n, n)), nd.ones((2, 3)), num_hidden=2, no_bias=1),
    ],
)
def test_sizes_that_no_memory_has_are_an_error_that_can_be_caught(call):
    # MXNet's are MXNetErrors or what C++ makes of the memory; ours say it of the sizes.
    with pytest.raises((MXNetError, MemoryError)):
        call(nd.ones(4), 2**40)


@pytest.mark.parametrize(
    ("call", "text"),
    # Measured: the first lines.
    [
        (lambda x: nd.repeat(x, -1), "repeats cannot be a negative number"),
        (lambda x: nd.one_hot(x, -1), "depth, must be a non-negative integer"),
        (lambda x: nd.split(x, -1), "value -1 for Parameter num_outputs should be greater equal"),
        (
            lambda x: nd.FullyConnected(x, x, num_hidden=-1, no_bias=True),
            "value -1 for Parameter num_hidden should be greater equal to 1",
        ),
        (
            lambda x: nd.Convolution(x, x, kernel=(1,), num_filter=1, num_group=-1, no_bias=True),
            None,
        ),
        (lambda x: nd.SequenceMask(x, x, True, axis=-1), "expects axis to be 0 or 1"),
        (lambda x: nd.SequenceMask(x, x, True, axis=5), "expects axis to be 0 or 1"),
        (lambda x: nd.sum(x, axis=-9, exclude=True), None),
        (lambda x: nd.mean(x, axis=(0, 2), exclude=True), None),
        (lambda x: nd.slice(x, (0,), (2,), (0,)), r"slice op step\[0\] cannot be 0"),
        (lambda x: nd.diag(x, k=5), r"^MXNetError: Diagonal does not exist\."),
    ],
)
def test_numbers_that_make_no_sense_are_mxnet_errors(call, text):
    with pytest.raises(MXNetError, match=text):
        call(nd.ones((2, 2)))


def test_diagonals_beside_the_matrix_are_empty():
    # Measured.
    assert nd.diag(nd.ones((2, 3)), k=3).shape == nd.diag(nd.ones((2, 3)), k=-2).shape == (0,)


@pytest.mark.parametrize("k", [0, -1, -5])
def test_the_best_of_no_number_are_all(k):
    assert nd.topk(nd.array([3, 1, 2]), k=k, ret_typ="value").asnumpy().tolist() == [3, 2, 1]


def test_what_is_no_place_has_no_one_in_one_hot():
    # Measured.
    hot = nd.one_hot(nd.array([1.7, -0.5, -1.2, numpy.nan, 9]), 3)
    assert hot.asnumpy().tolist() == [[0, 1, 0], [1, 0, 0], [0] * 3, [0] * 3, [0] * 3]
    assert nd.one_hot(nd.array([2], dtype="uint8"), 3).asnumpy().tolist() == [[0, 0, 1]]
