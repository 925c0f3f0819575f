"""`mx.test_utils`. The tolerances are those of MXNet 1.9.1, read from it."""

import os

import numpy as np
import pytest

from gluonic import context, nd, test_utils as tu


def test_tolerances_depend_on_the_element_type():
    assert tu.default_rtols()[np.dtype("float16")] == 0.01
    assert tu.default_rtols()[np.dtype("float32")] == 0.0001
    assert tu.default_atols()[np.dtype("float32")] == 0.001
    assert tu.default_atols()[np.dtype("int64")] == 0
    assert (tu.get_rtol(), tu.get_atol()) == (1e-5, 1e-20)
    assert (tu.get_rtol(0.5), tu.get_atol(dtype=np.float16)) == (0.5, 0.1)


def test_almost_equal_takes_arrays_of_either_kind():
    a = nd.array([1.0, 2.0])
    assert tu.almost_equal(a, np.array([1.0, 2.0005], "float32"))
    assert not tu.almost_equal(a, np.array([1.0, 2.1]))
    assert tu.almost_equal(a, [1.0, 2.0], rtol=0, atol=0)
    assert tu.almost_equal(np.ones((2, 2)), np.ones(2))
    assert not tu.almost_equal(np.ones((2, 2)), np.ones(2), use_broadcast=False)
    nan = np.array([np.nan])
    assert not tu.almost_equal(nan, nan)
    assert tu.almost_equal(nan, nan, equal_nan=True)


def test_a_difference_is_an_assertion_error_that_names_the_element():
    with pytest.raises(AssertionError) as raised:
        tu.assert_almost_equal(nd.array([[1.0, 2.0]]), np.array([[1.0, 3.0]]), names=("x", "y"))
    assert str(raised.value) == (
        "x and y differ in 1 of 2 elements (rtol=0.0001, atol=0.001)\nat (0, 1): x 2.0, y 3.0"
    )
    with pytest.raises(ValueError, match="broadcast"):
        tu.assert_almost_equal(np.ones(2), np.ones(3))
    with pytest.raises(AssertionError, match=r"shapes differ: a \(2, 2\), b \(2,\)"):
        tu.assert_almost_equal(np.ones((2, 2)), np.ones(2), use_broadcast=False)
    tu.assert_almost_equal(np.ones((0, 2)), np.ones((0, 2)))


def test_assert_exception_wants_the_exception():
    tu.assert_exception(int, ValueError, "x")
    with pytest.raises(AssertionError):
        tu.assert_exception(int, ValueError, "1")
    with pytest.raises(ValueError):
        tu.assert_exception(int, TypeError, "x")


def test_same_is_exact():
    assert tu.same(np.ones(2), np.ones(2))
    assert not tu.same(np.ones(2), np.array([1, 1 + 1e-9]))


def test_same_array_tells_views_from_copies():
    a = nd.array([1.0, 2.0])
    assert tu.same_array(a, a)
    assert not tu.same_array(a, nd.array([1.0, 2.0]))
    assert a.asnumpy().tolist() == [1.0, 2.0]


def test_random_shapes_and_arrays_are_in_their_bounds():
    for _ in range(50):
        assert all(1 <= size <= 3 for size in tu.rand_shape_nd(4, 3))
        assert tu.rand_shape_2d(1, 1) == (1, 1)
        assert len(tu.rand_shape_3d(2, 3, 4)) == 3
        assert 0 <= tu.rand_shape_nd(1, 1, allow_zero_size=True)[0] <= 1
    array = tu.rand_ndarray((3, 4))
    assert array.shape == (3, 4) and array.dtype == np.float32
    assert np.abs(array.asnumpy()).max() <= 1
    assert tu.rand_ndarray((2,), dtype="float64").dtype == np.float64
    with pytest.raises(NotImplementedError, match="row_sparse"):
        tu.rand_ndarray((2,), stype="row_sparse")
    one, two = tu.random_arrays((2,), (3, 1))
    assert (one.shape, two.shape, one.dtype) == ((2,), (3, 1), np.float32)
    assert tu.random_arrays((2, 2)).shape == (2, 2)


def test_environment_puts_back_what_was(monkeypatch):
    monkeypatch.setenv("GLUONIC_A", "old")
    monkeypatch.delenv("GLUONIC_B", raising=False)
    with pytest.raises(ZeroDivisionError):
        with tu.environment({"GLUONIC_A": None, "GLUONIC_B": 1}):
            assert "GLUONIC_A" not in os.environ and os.environ["GLUONIC_B"] == "1"
            1 / 0  # noqa: B018
    assert os.environ["GLUONIC_A"] == "old" and "GLUONIC_B" not in os.environ
    with tu.environment("GLUONIC_B", "2"):
        assert os.environ["GLUONIC_B"] == "2"


def test_the_default_context_is_the_current_one_unless_set():
    assert tu.default_context() == context.cpu(0)
    with context.cpu(1):
        assert tu.default_context() == context.cpu(1)
    tu.set_default_context(context.cpu(2))
    try:
        assert tu.default_context() == context.cpu(2)
    finally:
        tu._default.clear()
    assert tu.list_gpus() == []
