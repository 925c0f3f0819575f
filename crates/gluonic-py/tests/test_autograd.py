"""Gradients of several arrays, into given arrays, and of operations written in Python."""

import threading

import numpy as np
import pytest

import gluonic as mx
from gluonic import autograd, nd

NOT_RECORDED = "Cannot differentiate node because it is not in a computational graph."


def leaf(*values):
    x = nd.array(values)
    x.attach_grad()
    return x


def test_several_heads_add_up():
    x = leaf(1.0, 2.0)
    with autograd.record():
        y, z = x * 2, x * x
    autograd.backward([y, z])
    np.testing.assert_array_equal(x.grad.asnumpy(), [4, 6])


def test_head_gradients_weigh_and_none_stands_for_ones():
    x = leaf(1.0, 2.0)
    with autograd.record():
        y, z = x * 2, x * x
    autograd.backward([y, z], [None, nd.array([10.0, 100.0])])
    np.testing.assert_array_equal(x.grad.asnumpy(), [22, 402])


def test_as_many_head_gradients_as_heads_are_needed():
    x = leaf(1.0)
    with autograd.record():
        y = x * 2
    with pytest.raises((ValueError, AssertionError)):
        autograd.backward([y], [nd.ones(1), nd.ones(1)])


def test_backward_without_record_and_twice_is_refused_with_mxnets_words():
    x = leaf(1.0)
    y = x * 2
    with pytest.raises(mx.MXNetError, match=NOT_RECORDED):
        autograd.backward(y)
    with autograd.record():
        y = x * 2
    y.backward()
    with pytest.raises(mx.MXNetError, match=NOT_RECORDED):
        y.backward()
    with autograd.record():
        y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.asnumpy().item() == 2


def test_grad_returns_and_leaves_the_slot_alone():
    x = leaf(3.0)
    with autograd.record():
        y = x * x
    assert autograd.grad(y, [x], retain_graph=True)[0].asnumpy().item() == 6
    # Measured: a list also of one variable.
    assert autograd.grad(y, x)[0].asnumpy().item() == 6
    assert x.grad.asnumpy().item() == 0


def test_grad_of_several_heads_is_that_of_their_weighted_sum():
    # Measured: [5, 5].
    x = leaf(1.0, 2.0)
    with autograd.record():
        y, z = x * 2, x * 3
    (dx,) = autograd.grad([y, z], [x], [None, nd.array([1.0, 1.0])])
    np.testing.assert_array_equal(dx.asnumpy(), [5, 5])


def test_grad_refuses_what_it_cannot_do():
    x = leaf(1.0)
    with autograd.record():
        y = x * 2
    with pytest.raises(NotImplementedError, match="create_graph"):
        autograd.grad(y, x, create_graph=True)
    with pytest.raises(AssertionError, match="variables cannot be an empty list"):
        autograd.grad(y, [])
    with pytest.raises(NotImplementedError, match="symbols"):
        autograd.get_symbol(y)
    with pytest.raises(TypeError):
        autograd.backward([1])


@pytest.mark.parametrize("req, expected", [("write", 6.0), ("add", 16.0)])
def test_marked_variables_write_into_the_given_array(req, expected):
    x, dx = nd.array([3.0]), nd.array([10.0])
    autograd.mark_variables([x], [dx], req)
    with autograd.record():
        y = x * x
    y.backward()
    assert dx.asnumpy().item() == expected
    assert x.grad.asnumpy().item() == expected


def test_marking_with_null_takes_the_gradient_away():
    x, dx = nd.array([3.0]), nd.array([10.0])
    autograd.mark_variables(x, dx, "null")
    assert x.grad is None and dx.asnumpy().item() == 10
    with pytest.raises(AssertionError, match="grad_req must be one of"):
        autograd.mark_variables([x], [dx], "foo")
    with pytest.raises(ValueError, match="shape"):
        autograd.mark_variables([x], [nd.zeros((2,))])


def test_modes_nest_and_are_of_a_thread():
    seen = []
    with autograd.record():
        assert autograd.is_recording() and autograd.is_training()
        with autograd.pause():
            assert not autograd.is_recording() and not autograd.is_training()
            with autograd.train_mode():
                assert not autograd.is_recording() and autograd.is_training()
        with autograd.predict_mode():
            assert autograd.is_recording() and not autograd.is_training()
        thread = threading.Thread(target=lambda: seen.append(autograd.is_recording()))
        thread.start()
        thread.join()
    assert seen == [False] and not autograd.is_recording()
    with pytest.raises(KeyError), autograd.record():
        raise KeyError
    assert not autograd.is_recording()


class Product(autograd.Function):
    def forward(self, a, b):
        assert not autograd.is_recording()
        self.save_for_backward(a, b)
        return a * b

    def backward(self, dy):
        a, b = self.saved_tensors
        return dy * b, dy * a


def test_a_function_has_the_gradient_that_it_says():
    a, b = leaf(2.0, 3.0), leaf(5.0, 7.0)
    with autograd.record():
        y = Product()(a, b) * 2
    y.backward()
    np.testing.assert_array_equal(y.asnumpy(), [20, 42])
    np.testing.assert_array_equal(a.grad.asnumpy(), [10, 14])
    np.testing.assert_array_equal(b.grad.asnumpy(), [4, 6])


def test_a_function_of_several_outputs_gets_a_gradient_for_each():
    class Both(autograd.Function):
        def forward(self, a):
            values = a.asnumpy()
            return nd.array(values.reshape(2, 1) * 2), nd.array([values.sum()])

        def backward(self, da, ds):
            assert da.shape == (2, 1) and ds.shape == (1,)
            return nd.array(da.asnumpy().ravel() * 2 + ds.asnumpy())

    x = leaf(1.0, 2.0)
    with autograd.record():
        doubled, total = Both()(x)
        total = total * 10
    assert doubled.shape == (2, 1) and total.shape == (1,)
    autograd.backward([doubled, total])
    np.testing.assert_array_equal(x.grad.asnumpy(), [12, 12])


def test_a_function_is_used_once_and_runs_without_record_too():
    f = Product()
    x = nd.array([2.0])
    assert f(x, x).asnumpy().item() == 4
    with pytest.raises(AssertionError, match="Each Function instance can only be called once"):
        f(x, x)


def test_what_a_function_raises_comes_out_as_it_was():
    class Odd(Exception):
        pass

    class Raising(autograd.Function):
        def __init__(self, where):
            super().__init__()
            self.where = where

        def forward(self, x):
            if self.where == "forward":
                raise Odd("mine")
            return x * 1

        def backward(self, dy):
            raise Odd("mine")

    x = leaf(1.0)
    with pytest.raises(Odd, match="mine"):
        Raising("forward")(x)
    with autograd.record():
        y = Raising("backward")(x)
    with pytest.raises(Odd, match="mine"):
        y.backward()


def test_a_function_that_returns_too_few_gradients_is_refused():
    class Short(Product):
        def backward(self, dy):
            return dy

    a, b = leaf(1.0), leaf(2.0)
    with autograd.record():
        y = Short()(a, b)
    with pytest.raises(AssertionError, match="Expecting 2 got 1"):
        y.backward()
    assert a.grad.asnumpy().item() == 0


def test_a_function_of_something_else_than_arrays_is_refused():
    with pytest.raises(TypeError):
        Product()(1, 2)
    with pytest.raises(NotImplementedError):
        autograd.Function()(nd.ones(1))


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_functions_keep_the_element_type(dtype):
    x = nd.array([2.0], dtype=dtype)
    x.attach_grad()
    with autograd.record():
        y = Product()(x, x)
    y.backward()
    assert y.dtype == x.grad.dtype == np.dtype(dtype).type
    assert x.grad.asnumpy().tolist() == [4]


def test_where_two_are_equal_the_first_one_has_the_gradient():
    # MXNet's, in both dialects.
    for make in (nd, mx.np):
        x, y = make.array([1.0, 2, 3]), make.array([1.0, 3, 2])
        x.attach_grad()
        y.attach_grad()
        with autograd.record():
            total = (make.maximum(x, y) + make.minimum(x, y) * 10).sum()
        total.backward()
        assert x.grad.asnumpy().tolist() == [11, 10, 1]
        assert y.grad.asnumpy().tolist() == [0, 1, 10]


def test_the_larger_of_a_number_and_nan_is_nan_also_under_record():
    x, y = leaf(float("nan"), 1.0), leaf(1.0, float("nan"))
    with autograd.record():
        z = nd.maximum(x, y)
    assert np.isnan(z.asnumpy()).all()


def test_a_result_written_with_out_goes_on_with_its_history():
    x, out = leaf(1.0, 2.0, 3.0), nd.zeros(3)
    with autograd.record():
        assert nd.broadcast_mul(x, x, out=out) is out
        y = nd.exp(out, out=nd.zeros(3))
    y.backward()
    np.testing.assert_allclose(out.asnumpy(), [1, 4, 9])
    # MXNet's.
    np.testing.assert_allclose(x.grad.asnumpy(), [5.4365635, 218.39259, 48618.504], rtol=1e-6)


def test_out_is_refused_for_an_array_with_a_gradient_of_its_own():
    x, y = leaf(1.0), leaf(2.0)
    with autograd.record(), pytest.raises(mx.MXNetError, match="leave out= away"):
        nd.square(x, out=y)
    assert y.asnumpy().tolist() == [2]


def test_gradients_of_several_arrays_on_another_context_are_there():
    x = nd.array([1, 2], ctx=mx.cpu(1))
    x.attach_grad()
    with autograd.record():
        y, z = x * 2, x * x
    (grad,) = autograd.grad([y, z], [x])
    assert grad.context == mx.cpu(1)
    assert grad.asnumpy().tolist() == [4, 6]
