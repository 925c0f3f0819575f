"""The functions of `mx.np` and `mx.npx`."""

import pathlib
import sys

import numpy
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import measured  # noqa: E402

from gluonic import NotSupportedError, autograd, cpu, np, npx  # noqa: E402


@pytest.fixture(autouse=True)
def numpy_semantics():
    npx.set_np()
    yield
    npx.reset_np()


@pytest.mark.parametrize(("expression", "expected"), measured.cases("np"))
def test_an_expression_gives_what_mxnet_gives(expression, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = measured.run(expression, of_np=True)
    assert measured.close(found, expected), f"{expression}: {found}, MXNet gives {expected}"


def test_where_hands_the_gradient_to_what_was_chosen():
    # MXNet 1.9.1 hands it to the other one when one of both is a number.
    x = np.array([1.0, -2.0])
    x.attach_grad()
    with autograd.record():
        y = np.where(x > 0, x, 0)
    y.backward()
    assert x.grad.tolist() == [1, 0]


def test_the_standard_deviation_has_a_gradient():
    # In MXNet 1.9.1 it is 0.
    x = np.array([1.0, 3.0])
    x.attach_grad()
    with autograd.record():
        y = np.std(x)
    y.backward()
    numpy.testing.assert_allclose(x.grad.asnumpy(), [-0.5, 0.5])


def test_a_scalar_stays_one():
    x = np.array(2.0)
    assert np.exp(x).shape == () and np.sum(x).shape == () and np.reshape(x, (1, 1)).shape == (1, 1)
    assert np.concatenate([np.array([1.0]), np.array([2.0])], axis=None).shape == (2,)


def test_a_function_of_a_number_is_that_of_numpy():
    assert np.sqrt(4.0) == 2.0 and np.maximum(1, 2) == 2
    with pytest.raises(TypeError, match=r"^type <class 'list'> not supported"):
        np.exp([1, 2])


def test_results_are_arrays_of_np_and_share_no_memory():
    x = np.ones((2, 3))
    for y in (np.reshape(x, 6), x.reshape(6), np.transpose(x), np.ravel(x), np.split(x, 2)[0]):
        assert type(y) is np.ndarray
        y[:] = 7
    assert x.sum() == 6


def test_pads_are_of_the_value_that_is_asked_for():
    # MXNet 1.9.1 ignores constant_values.
    x = np.pad(np.ones((1, 1)), ((1, 0), (0, 1)), mode="constant", constant_values=5)
    assert x.tolist() == [[5, 5], [1, 5]]


def test_a_missing_name_names_the_nearest():
    with pytest.raises(NotSupportedError, match="np.percentile of MXNet is not supported"):
        np.percentile  # noqa: B018
    with pytest.raises(AttributeError, match="did you mean 'concatenate'?"):
        np.concatenat  # noqa: B018


def test_options_that_are_not_there_are_refused_not_ignored():
    with pytest.raises(TypeError, match="where="):
        np.exp(np.ones(2), where=np.array([True, False]))
    with pytest.raises(NotImplementedError):
        np.unique(np.ones(2), return_counts=True)


def test_files_of_npx_hold_scalars_and_arrays_without_elements(tmp_path):
    file = str(tmp_path / "x.params")
    npx.save(file, {"s": np.array(1.5), "e": np.zeros((0, 2))})
    loaded = npx.load(file)
    assert loaded["s"].shape == () and loaded["s"].item() == 1.5 and loaded["e"].shape == (0, 2)
    assert type(loaded["s"]) is np.ndarray


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_the_mean_of_nothing_is_0(dtype):
    # MXNet's; NumPy's is NaN.
    nothing = np.zeros((0, 3), dtype=dtype)
    assert nothing.mean().item() == 0
    assert np.mean(nothing, axis=0).asnumpy().tolist() == [0, 0, 0]
    assert np.mean(nothing, axis=1).shape == (0,)


def test_one_false_among_more_elements_than_float32_counts_is_seen():
    many = np.ones(2**24 + 1, dtype="int8")
    assert np.all(many)
    many[3] = 0
    assert not np.all(many)
    assert np.any(many)


def test_what_is_computed_on_another_context_stays_there():
    x = np.array([[1, 0], [2, 3]], ctx=cpu(1))
    assert np.all(x, axis=1).ctx == np.any(x).ctx == cpu(1)
    assert np.all(x, axis=1).tolist() == [False, True]
    assert np.nonzero(x)[0].ctx == cpu(1)
    assert np.where(x > 0, 1, 0).ctx == np.where(x > 0, x, 0.5).ctx == cpu(1)
    assert np.arctan2(x, x + 1).ctx == np.maximum(x, 2).ctx == cpu(1)


def test_triangles_have_any_number_of_the_diagonal():
    # MXNet's numbers have 32 bits.
    square = np.ones((2, 2))
    assert np.tril(square, -(2**63)).tolist() == [[0, 0], [0, 0]]
    assert np.tril(square, 2**63 - 1).tolist() == [[1, 1], [1, 1]]
