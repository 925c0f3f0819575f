"""`gluon.Trainer`. Errors and numbers are those of MXNet 1.9.1, measured or in `fixtures/opt`."""

import os
import pathlib
import sys

import numpy as np
import pytest

import gluonic as mx
from gluonic import autograd, gluon, nd
from gluonic.gluon import nn

OPT = pathlib.Path(__file__).parents[3] / "fixtures" / "opt"


def parameter(name="w", value=(1.0, 1.0), ctx=None):
    made = gluon.Parameter(name, shape=np.shape(value))
    made.initialize(init="zeros", ctx=ctx)
    made.set_data(nd.array(value))
    return made


def backward(one, factor=1.0):
    for data in one.list_data():
        with autograd.record():
            y = data * factor
        y.backward()


def first_line(raised):
    return str(raised.value).split("\n")[0]


class SoftmaxCE(autograd.Function):
    """The loss of the fixture, written as a user would."""

    def __init__(self, labels):
        super().__init__()
        self.labels = labels.astype(int)

    def forward(self, x):
        x = x.asnumpy().astype("float64")
        e = np.exp(x - x.max(1, keepdims=True))
        self.p = e / e.sum(1, keepdims=True)
        rows = np.arange(len(x))
        return nd.array(-np.log(self.p[rows, self.labels]), dtype="float32")

    def backward(self, dy):
        grad = self.p.copy()
        grad[np.arange(len(grad)), self.labels] -= 1
        return nd.array(grad * dy.asnumpy()[:, None], dtype="float32")


def test_five_steps_with_a_shared_layer_are_those_of_mxnet():
    data = np.load(OPT / "train_tied_mlp.npz")
    with mx.name.NameManager():
        shared = nn.Dense(5, activation="tanh", in_units=5)
        net = nn.Sequential()
        net.add(
            nn.Dense(5, activation="relu", in_units=6),
            shared,
            nn.Dense(5, activation="tanh", in_units=5, params=shared.params),
            nn.Dense(3, in_units=5),
        )
    params = net.collect_params()
    net.initialize()
    for name, one in params.items():
        one.set_data(nd.array(data[f"w0:{name}"]))
    trainer = gluon.Trainer(params, "sgd", {"learning_rate": 0.2, "momentum": 0.9, "wd": 0.01})
    for i in range(1, 6):
        x = nd.array(data[f"x{i}"])
        with autograd.record():
            loss = SoftmaxCE(data[f"t{i}"])(net(x))
        loss.backward()
        np.testing.assert_allclose(loss.asnumpy(), data[f"loss{i}"], rtol=2e-5, atol=2e-5)
        for name, one in params.items():
            np.testing.assert_allclose(one.grad().asnumpy(), data[f"g{i}:{name}"], atol=2e-5)
        trainer.step(4)
        for name, one in params.items():
            np.testing.assert_allclose(one.data().asnumpy(), data[f"w{i}:{name}"], atol=5e-5)


def test_a_dict_is_sorted_by_name_and_a_list_keeps_its_order():
    names = ["dense10_weight", "dense9_weight", "dense9_bias"]
    params = {name: parameter(name) for name in names}
    trainer = gluon.Trainer(params, "sgd")
    assert [one.name for one in trainer._params] == sorted(names)
    trainer = gluon.Trainer(list(params.values()), "sgd")
    assert [one.name for one in trainer._params] == names


@pytest.mark.parametrize(
    "params, text",
    [
        (1, "First argument must be a list or dict of Parameters, got <class 'int'>."),
        ([1], "First argument must be a list or dict of Parameters, got list of <class 'int'>."),
    ],
)
def test_what_is_no_parameter_is_refused(params, text):
    with pytest.raises(ValueError) as raised:
        gluon.Trainer(params, "sgd")
    assert first_line(raised) == text


def test_a_parameter_without_a_value_is_refused():
    with pytest.raises(RuntimeError) as raised:
        gluon.Trainer([gluon.Parameter("w", shape=(2,))], "sgd")
    assert first_line(raised) == "Parameter 'w' has not been initialized"


def test_a_deferred_parameter_is_accepted_and_the_step_refused():
    net = nn.Dense(2)
    net.initialize()
    trainer = gluon.Trainer(net.collect_params(), "sgd")
    with pytest.raises(mx.DeferredInitializationError):
        trainer.step(1)


def test_parameters_on_different_contexts_are_refused():
    params = [parameter("w"), parameter("v", ctx=[mx.cpu(1)])]
    with pytest.raises(AssertionError, match="must be initialized on the same set of contexts"):
        gluon.Trainer(params, "sgd")


def test_optimizer_params_beside_an_optimizer_are_refused():
    with pytest.raises(AssertionError, match="optimizer_params must be None"):
        gluon.Trainer([parameter()], mx.optimizer.SGD(), {"learning_rate": 1})
    with pytest.raises(TypeError, match="unexpected keyword argument 'foo'"):
        gluon.Trainer([parameter()], "sgd", {"foo": 1})
    with pytest.raises(ValueError, match="Cannot find optimizer nope"):
        gluon.Trainer([parameter()], "nope")


def test_the_gradient_is_divided_by_the_batch_size_and_multiplied_by_rescale_grad():
    w = parameter()
    trainer = gluon.Trainer([w], "sgd", {"learning_rate": 1.0, "rescale_grad": 3.0})
    backward(w)
    trainer.step(2)
    np.testing.assert_allclose(w.data().asnumpy(), [-0.5, -0.5])
    assert trainer.optimizer.rescale_grad == 1.5
    backward(w)
    trainer.step(0.5)
    np.testing.assert_allclose(w.data().asnumpy(), [-6.5, -6.5])


def test_a_step_of_size_0_is_a_division_by_zero_and_changes_nothing():
    w = parameter()
    trainer = gluon.Trainer([w], "sgd")
    backward(w)
    with pytest.raises(ZeroDivisionError):
        trainer.step(0)
    with pytest.raises(TypeError):
        trainer.step("a")
    assert (w.data().asnumpy() == 1).all()


def test_stale_gradients_are_refused_before_anything_moves():
    a, b = parameter("a"), parameter("b")
    trainer = gluon.Trainer([a, b], "sgd", {"learning_rate": 1.0})
    backward(a)
    with pytest.raises(UserWarning) as raised:
        trainer.step(1)
    assert first_line(raised).startswith(
        "Gradient of Parameter `b` on context cpu(0) has not been updated by backward since last "
        "`step`."
    )
    assert (a.data().asnumpy() == 1).all()
    # a kept its gradient: in MXNet its update is lost here.
    trainer.step(1, ignore_stale_grad=True)
    assert (a.data().asnumpy() == 0).all() and (b.data().asnumpy() == 1).all()


def test_a_frozen_parameter_is_skipped_silently():
    a, b = parameter("a"), parameter("b")
    b.grad_req = "null"
    trainer = gluon.Trainer([a, b], "sgd", {"learning_rate": 1.0})
    backward(a)
    trainer.step(1)
    assert (a.data().asnumpy() == 0).all() and (b.data().asnumpy() == 1).all()


def test_multipliers_are_read_at_each_step():
    w = parameter()
    trainer = gluon.Trainer([w], "sgd", {"learning_rate": 1.0})
    for mult, expected in [(1.0, 0.0), (0.5, -0.5), (0.0, -0.5)]:
        w.lr_mult = mult
        backward(w)
        trainer.step(1)
        np.testing.assert_allclose(w.data().asnumpy(), [expected] * 2)


def test_the_learning_rate_is_read_and_set():
    w = parameter()
    trainer = gluon.Trainer([w], "sgd")
    assert trainer.learning_rate == 0.01
    trainer.set_learning_rate(1.0)
    assert (trainer.learning_rate, trainer.optimizer.lr) == (1.0, 1.0)
    backward(w)
    trainer.step(1)
    assert (w.data().asnumpy() == 0).all()


def test_a_negative_learning_rate_is_refused_and_the_old_state_can_go_on():
    w = parameter()
    trainer = gluon.Trainer([w], "sgd", {"learning_rate": 1.0})
    trainer.set_learning_rate(-1.0)
    backward(w)
    with pytest.raises(ValueError, match="learning_rate"):
        trainer.step(1)
    trainer.set_learning_rate(1.0)
    trainer.step(1)
    assert (w.data().asnumpy() == 0).all()


def test_replicas_are_summed_and_stay_equal():
    # As MXNet's own test of a trainer on two contexts: 0 - 1·(1 + 1).
    w = parameter(value=[0.0] * 10, ctx=[mx.cpu(0), mx.cpu(1)])
    trainer = gluon.Trainer([w], "sgd", {"learning_rate": 1.0, "momentum": 0.5})
    backward(w)
    trainer.step(1)
    assert (w.data(mx.cpu(1)).asnumpy() == -2).all()
    w.lr_mult = 0.5
    backward(w)
    trainer.step(1)
    assert (w.data(mx.cpu(1)).asnumpy() == -4).all()
    assert trainer._kvstore.type == "device" and trainer._update_on_kvstore is True
    for half in (trainer.allreduce_grads, lambda: trainer.update(1)):
        with pytest.raises(AssertionError, match="is not supported. Try setting"):
            half()


def test_the_two_halves_of_a_step_can_be_called_one_after_the_other():
    w = parameter(value=[0.0] * 4, ctx=[mx.cpu(0), mx.cpu(1)])
    trainer = gluon.Trainer([w], "sgd", {"learning_rate": 1.0}, update_on_kvstore=False)
    for i, one in enumerate(w.list_data()):
        with autograd.record():
            y = one * i
        y.backward()
    trainer.allreduce_grads()
    assert (w.grad(mx.cpu(0)).asnumpy() == w.grad(mx.cpu(1)).asnumpy()).all()
    trainer.update(1)
    assert (w.data(mx.cpu(1)).asnumpy() == -1).all()


def test_a_stale_replica_is_named_with_its_context():
    w = parameter(ctx=[mx.cpu(0), mx.cpu(1)])
    trainer = gluon.Trainer([w], "sgd")
    with autograd.record():
        y = w.data(mx.cpu(0)) * 2
    y.backward()
    with pytest.raises(UserWarning, match=r"Parameter `w` on context cpu\(1\) has not been"):
        trainer.step(1)


@pytest.mark.parametrize("name, args", [("sgd", {"momentum": 0.9}), ("adam", {}), ("nadam", {})])
def test_states_go_on_as_if_nothing_had_stopped(tmp_path, name, args):
    def steps(w, trainer, n):
        for _ in range(n):
            backward(w, 0.7)
            trainer.step(2)

    file = str(tmp_path / "net.states")
    w = parameter()
    trainer = gluon.Trainer([w], name, {"learning_rate": 0.1, **args})
    steps(w, trainer, 3)
    trainer.save_states(file)
    again = parameter(value=w.data().asnumpy())
    resumed = gluon.Trainer([again], name, {"learning_rate": 0.5, **args})
    resumed.load_states(file)
    assert resumed.learning_rate == 0.1 and resumed.optimizer.num_update == 3
    steps(w, trainer, 3)
    steps(again, resumed, 3)
    assert (w.data().asnumpy() == again.data().asnumpy()).all()


def test_states_of_another_optimizer_are_refused_and_change_nothing(tmp_path):
    file = str(tmp_path / "net.states")
    w = parameter()
    gluon.Trainer([w], "adam").save_states(file)
    trainer = gluon.Trainer([w], "sgd", {"learning_rate": 0.3})
    with pytest.raises(mx.MXNetError, match="adam"):
        trainer.load_states(file)
    assert trainer.learning_rate == 0.3
    with pytest.raises(FileNotFoundError, match="No such file"):
        trainer.load_states(str(tmp_path / "none"))


def test_states_of_a_net_built_again_are_found_by_order(tmp_path):
    # Measured: MXNet's states know no names.
    file = str(tmp_path / "net.states")
    settings = {"learning_rate": 0.1, "momentum": 0.9}
    old = [parameter("dense0_weight", (1.0, 2.0)), parameter("dense0_bias", (3.0,))]
    trainer = gluon.Trainer(old, "sgd", settings)
    for one in old:
        backward(one, 2.0)
    trainer.step(1)
    trainer.save_states(file)
    new = [parameter("dense1_weight", (1.0, 2.0)), parameter("dense1_bias", (3.0,))]
    again = gluon.Trainer(new, "sgd")
    again.load_states(file)
    assert again.learning_rate == 0.1
    for one in new:
        backward(one, 2.0)
    again.step(1)
    # The momentum of before is in the step: v = 0.9 * -0.2 - 0.2.
    np.testing.assert_allclose(new[1].data().asnumpy(), [3 - 0.38], rtol=1e-6)
    swapped = gluon.Trainer(new[::-1], "sgd")
    with pytest.raises(mx.MXNetError, match="shape"):
        swapped.load_states(file)
    with pytest.raises(mx.MXNetError, match="lack"):
        gluon.Trainer([*new, parameter("more")], "sgd").load_states(file)


def test_states_can_be_looked_at():
    w = parameter()
    trainer = gluon.Trainer([w], "sgd", {"learning_rate": 0.1, "momentum": 0.9})
    assert trainer._updaters[0].states == {}
    backward(w)
    trainer.step(1)
    np.testing.assert_allclose(trainer.states["w"]["momentum"].asnumpy(), [-0.1, -0.1])
    np.testing.assert_allclose(trainer._updaters[0].states[0].asnumpy(), [-0.1, -0.1])


def test_half_precision_keeps_a_copy_if_wanted():
    w = gluon.Parameter("w", shape=(2,), dtype="float16")
    w.initialize(init="ones")
    trainer = gluon.Trainer([w], "sgd", {"learning_rate": 1e-4, "multi_precision": True})
    for _ in range(10):
        backward(w)
        trainer.step(1)
    # 1e-4 alone is lost in float16.
    assert w.data().asnumpy()[0] == np.float16(1 - 1e-3)


def test_no_parameter_and_an_empty_one_step():
    gluon.Trainer([], "sgd").step(1)
    gluon.Trainer({}, "sgd").step(1)
    mx.util.set_np()  # where 0 is a size
    w = parameter(value=np.zeros((0, 3)))
    trainer = gluon.Trainer([w], "adam")
    backward(w)
    trainer.step(1)
    assert w.data().shape == (0, 3)


def test_utils_split_and_clip():
    contexts = [mx.cpu(0), mx.cpu(1)]
    parts = gluon.utils.split_and_load(np.arange(8.0).reshape(4, 2), contexts)
    assert [part.shape for part in parts] == [(2, 2)] * 2
    assert [part.context for part in parts] == contexts
    # Measured.
    assert [p.shape for p in gluon.utils.split_data(nd.zeros((5, 2)), 3, even_split=False)] == [
        (2, 2), (2, 2), (1, 2)
    ]
    with pytest.raises(ValueError) as raised:
        gluon.utils.split_data(nd.zeros((5, 2)), 2)
    assert first_line(raised) == (
        "data with shape (5, 2) cannot be evenly split into 2 slices along axis 0. Use a batch size "
        "that's multiple of 2 or set even_split=False to allow uneven partitioning of data."
    )
    arrays = [nd.array([3.0]), nd.array([4.0])]
    assert gluon.utils.clip_global_norm(arrays, 1.0) == 5.0
    np.testing.assert_allclose([a.asnumpy().item() for a in arrays], [0.6, 0.8], rtol=1e-6)
    with pytest.warns(UserWarning, match="nan or inf is detected"):
        gluon.utils.clip_global_norm([nd.array([np.nan])], 1.0)
    with pytest.raises(AssertionError):
        gluon.utils.clip_global_norm([], 1.0)
    with pytest.raises(NotImplementedError, match="no network"):
        gluon.utils.download("http://example.com/x")


def test_a_view_is_clipped_in_its_array():
    x = nd.array([[3.0, 7.0], [4.0, 7.0]])
    gluon.utils.clip_global_norm([x[0:1], x[1:2]], 1.0)
    norm = np.sqrt(9 + 16 + 98)
    np.testing.assert_allclose(x.asnumpy(), np.array([[3, 7], [4, 7]]) / norm, rtol=1e-6)


STATES = pathlib.Path(__file__).parents[3] / "fixtures" / "states"
MADE = {
    "sgd": ("sgd", {"learning_rate": 0.1, "momentum": 0.9, "wd": 0.01}),
    "adam": ("adam", {"learning_rate": 0.05}),
    "plain": ("sgd", {"learning_rate": 0.1}),
    "rmsprop": ("rmsprop", {"learning_rate": 0.05, "centered": True}),
}


@pytest.mark.parametrize("case", sorted(MADE))
def test_training_goes_on_from_mxnets_own_states(case):
    # Both files were written by MXNet 1.9.1: a trainer after 3 steps, and what came of 3 more.
    data = np.load(STATES / f"{case}.npz")
    name, args = MADE[case]
    params = [parameter(key, data[f"w3:{key}"]) for key in "ab"]
    args = {**args, "learning_rate": 7.0, "wd": 0.0}
    trainer = gluon.Trainer(params, name, args)
    trainer.load_states(str(STATES / f"{case}.states"))
    assert trainer.learning_rate == MADE[case][1]["learning_rate"]
    assert trainer.optimizer.num_update == 3
    for grads in data["g"][3:]:
        for one in params:
            grad = nd.array(grads[: one.data().size].reshape(one.shape))
            with autograd.record():
                y = one.data() * grad
            y.backward()
        trainer.step(2)
    for one in params:
        expected = data[f"w6:{one.name}"]
        np.testing.assert_allclose(one.data().asnumpy(), expected, rtol=1e-5, atol=1e-6)


def test_mxnets_states_of_something_else_are_refused_and_change_nothing(tmp_path):
    w = parameter("w", np.ones((2, 3)))
    trainer = gluon.Trainer([w], "sgd", {"learning_rate": 0.3, "momentum": 0.9})
    for case in ("adam", "sgd", "plain"):  # another rule, two parameters, no momentum
        with pytest.raises(mx.MXNetError):
            trainer.load_states(str(STATES / f"{case}.states"))
        assert trainer.learning_rate == 0.3 and trainer.optimizer.momentum == 0.9


def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(tmp_path):
    import pickle

    made = tmp_path / "made"

    class Evil:
        def __reduce__(self):
            return (pathlib.Path.touch, (made,))

    file = tmp_path / "evil.states"
    file.write_bytes(pickle.dumps({0: Evil()}, protocol=4))
    trainer = gluon.Trainer([parameter()], "sgd")
    with pytest.raises(mx.MXNetError):
        trainer.load_states(str(file))
    good = (STATES / "adam.states").read_bytes()
    for cut in (1, 5, 100, len(good) - 1):
        file.write_bytes(good[:cut])
        with pytest.raises(mx.MXNetError):
            trainer.load_states(str(file))
    assert not made.exists()


def resident():
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_training_leaves_memory_flat():
    net = nn.Sequential()
    net.add(nn.Dense(8, activation="relu"), nn.Dense(2))
    net.initialize()
    trainer = gluon.Trainer(net.collect_params(), "adam")
    x = nd.ones((2, 4))

    def steps(n):
        for _ in range(n):
            with autograd.record():
                loss = net(x)
            loss.backward()
            trainer.step(2)

    steps(2000)
    before = resident()
    steps(100_000)
    # 10 bytes lost in each step would be 1 MB.
    assert resident() - before < 1_000_000


def test_a_row_sparse_parameter_has_one_trainer():
    x = gluon.Parameter("x", shape=(10,), stype="row_sparse")
    x.initialize()
    trainer = gluon.Trainer([x], "sgd")
    assert x._trainer is trainer and trainer._params_to_init == []
    with pytest.raises(RuntimeError, match="More than one trainers for a row_sparse Parameter"):
        gluon.Trainer([x], "sgd")
    x._set_trainer(None)
    other = gluon.Trainer([x], "sgd")
    assert x._trainer is other
