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
