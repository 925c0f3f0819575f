"""Optimizers and schedules. The golden runs are those of MXNet 1.9.1 in `fixtures/opt`; other
numbers marked "measured" were printed by MXNet 1.9.1."""

import json
import pathlib
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import gluonic as mx
from gluonic import autograd, gluon, nd

OPT = pathlib.Path(__file__).parents[3] / "fixtures" / "opt"
INDEX = json.loads((OPT / "index.json").read_text())
RUNS = sorted(name for name in INDEX if name != "train_tied_mlp")


def backward(parameter, grad):
    """Leaves a gradient, as a backward does."""
    with autograd.record():
        value = parameter.data()
    autograd.backward([value], [nd.array(grad, dtype=parameter.dtype)])


def parameter(name, value, dtype="float32"):
    made = gluon.Parameter(name, shape=np.shape(value), dtype=dtype)
    made.initialize(init="zeros")
    made.set_data(nd.array(value, dtype=dtype))
    return made


def run(case, make):
    data = np.load(OPT / f"{case}.npz")
    facts = INDEX[case]
    params = {}
    for name in "ab":
        params[name] = parameter(name, data[f"w0:{name}"])
        params[name].lr_mult = facts["lr_mult"][name]
        params[name].wd_mult = facts["wd_mult"][name]
    step = make(params, facts)
    for i in range(1, facts["steps"] + 1):
        for name in "ab":
            backward(params[name], data[f"g{i}:{name}"])
        step(facts["batch_size"])
        for name in "ab":
            found = params[name].data().asnumpy()
            np.testing.assert_allclose(found, data[f"w{i}:{name}"], rtol=5e-5, atol=5e-5)


@pytest.mark.parametrize("case", RUNS)
def test_five_steps_are_those_of_mxnet(case):
    def make(params, facts):
        return gluon.Trainer(params, facts["optimizer"], facts["args"]).step

    run(case, make)


@pytest.mark.parametrize("case", [name for name in RUNS if not name.startswith("nadam")])
def test_an_updater_without_a_trainer_gives_the_same_steps(case):
    def make(params, facts):
        optimizer = mx.optimizer.create(facts["optimizer"], **facts["args"])
        optimizer.param_dict = dict(enumerate(params.values()))
        updater = mx.optimizer.get_updater(optimizer)

        def step(batch_size):
            optimizer.rescale_grad = 1 / batch_size
            for i, one in enumerate(params.values()):
                updater(i, one.grad(), one.data())

        return step

    run(case, make)


class Momentum(mx.optimizer.Optimizer):
    """SGD with momentum, written in Python as users do."""

    def __init__(self, momentum=0.9, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum

    def create_state(self, index, weight):
        return nd.zeros(weight.shape, dtype=weight.dtype)

    def update(self, index, weight, grad, state):
        self._update_count(index)
        lr, wd = self._get_lr(index), self._get_wd(index)
        state[:] = self.momentum * state - lr * (self.rescale_grad * grad + wd * weight)
        weight[:] += state


@pytest.mark.parametrize("case", ["sgd_03", "sgd_04"])
def test_an_optimizer_in_python_steps_as_gluonics_own(case):
    def make(params, facts):
        args = {k: v for k, v in facts["args"].items()}
        trainer = gluon.Trainer(params, Momentum(**args))
        return trainer.step

    run(case, make)


def test_an_optimizer_in_python_is_made_by_its_registered_name():
    @mx.optimizer.register
    class PlainOfThisTest(mx.optimizer.Optimizer):
        def update(self, index, weight, grad, state):
            assert state is None
            self._update_count(index)
            weight[:] -= self._get_lr(index) * self.rescale_grad * grad

    w = parameter("w", [1.0, 2.0])
    trainer = gluon.Trainer([w], "plainofthistest", {"learning_rate": 0.5})
    backward(w, [1.0, 1.0])
    trainer.step(2)
    np.testing.assert_allclose(w.data().asnumpy(), [0.75, 1.75])
    assert trainer.optimizer.num_update == 1


def test_what_an_optimizer_in_python_raises_comes_out_as_it_was():
    class Odd(Exception):
        pass

    class Raising(mx.optimizer.Optimizer):
        def update(self, index, weight, grad, state):
            raise Odd("mine")

    w = parameter("w", [1.0])
    trainer = gluon.Trainer([w], Raising())
    backward(w, [1.0])
    with pytest.raises(Odd, match="mine"):
        trainer.step(1)


def test_an_optimizer_in_python_reaches_all_contexts():
    w = gluon.Parameter("w", shape=(2,))
    w.initialize(init="zeros", ctx=[mx.cpu(0), mx.cpu(1)])
    trainer = gluon.Trainer([w], Momentum(momentum=0.0, learning_rate=1.0))
    for one in w.list_data():
        with autograd.record():
            y = one + 1
        y.backward()
    trainer.step(1)
    for one in w.list_data():
        np.testing.assert_allclose(one.asnumpy(), [-2, -2])


def test_a_subclass_of_a_native_optimizer_may_change_the_gradient():
    class Signed(mx.optimizer.SGD):
        def update(self, index, weight, grad, state):
            super().update(index, weight, (grad > 0) * 2.0 - 1.0, state)

    w = parameter("w", [1.0, 1.0])
    trainer = gluon.Trainer([w], Signed(learning_rate=0.5))
    backward(w, [7.0, -3.0])
    trainer.step(1)
    np.testing.assert_allclose(w.data().asnumpy(), [0.5, 1.5])


def test_settings_may_be_changed_between_two_steps():
    w = parameter("w", [1.0])
    sgd = mx.optimizer.SGD(learning_rate=1.0)
    trainer = gluon.Trainer([w], sgd)
    for lr, wd, expected in [(1.0, 0.0, 0.0), (0.5, 0.0, -0.5), (0.5, 1.0, -0.75)]:
        sgd.lr, sgd.wd = lr, wd
        backward(w, [1.0])
        trainer.step(1)
        np.testing.assert_allclose(w.data().asnumpy(), [expected])


def test_names_do_not_know_case_and_an_unknown_one_is_refused_as_in_mxnet():
    assert type(mx.optimizer.create("AdaGrad")) is mx.optimizer.AdaGrad
    with pytest.raises(ValueError) as raised:
        mx.optimizer.create("sgdx")
    assert str(raised.value).split("\n")[0] == "Cannot find optimizer sgdx"
    with pytest.raises(TypeError, match="unexpected keyword argument 'foo'"):
        mx.optimizer.SGD(foo=1)


def test_a_setting_that_makes_no_sense_is_refused_with_its_name():
    w = parameter("w", [1.0])
    with pytest.raises(ValueError, match="beta1"):
        gluon.Trainer([w], "adam", {"beta1": 1.5})


@pytest.mark.parametrize("name", ["adamw", "lion", "adafactor", "lars", "ftml", "sgld", "ccsgd"])
def test_every_other_optimizer_steps(name):
    w = parameter("w", [[1.0, -2.0], [3.0, 4.0]])
    trainer = gluon.Trainer([w], name, {"learning_rate": 0.1})
    before = w.data().asnumpy()
    backward(w, np.ones((2, 2)))
    trainer.step(1)
    after = w.data().asnumpy()
    assert np.isfinite(after).all() and (before != after).any()


def test_the_base_class_knows_lr_and_wd_by_index_and_name():
    # Measured.
    base = mx.optimizer.Optimizer(
        learning_rate=0.1, wd=0.5, param_idx2name={0: "a_weight", 1: "a_bias", 2: "g_gamma"}
    )
    assert base.wd_mult == {"a_bias": 0.0}
    base.set_lr_mult({"a_bias": 2.0, 2: 3.0})
    assert [base._get_lr(i) for i in range(3)] == pytest.approx([0.1, 0.2, 0.3])
    assert [base._get_wd(i) for i in range(3)] == pytest.approx([0.5, 0.0, 0.5])
    assert base.create_state(0, None) is None
    with pytest.raises(NotImplementedError):
        base.update(0, None, None, None)


def test_begin_num_update_counts_on():
    w = parameter("w", [1.0])
    seen = []

    def schedule(num_update):
        seen.append(num_update)
        return 0.1

    schedule.base_lr = 0.1
    sgd = mx.optimizer.SGD(lr_scheduler=schedule, begin_num_update=10)
    trainer = gluon.Trainer([w], sgd)
    backward(w, [1.0])
    trainer.step(1)
    assert seen == [11] and sgd.num_update == 11


# Schedules: all numbers measured.
SCHEDULES = [
    (
        lambda: mx.lr_scheduler.CosineScheduler(
            10, base_lr=0.5, final_lr=0.1, warmup_steps=3, warmup_begin_lr=0.1
        ),
        [0.23333333333333334, 0.3666666666666667, 0.5, 0.4801937735804839, 0.4246979603717468,
         0.3445041867912629, 0.25549581320873715, 0.1753020396282533, 0.1198062264195162, 0.1,
         0.1, 0.1],
    ),
    (
        lambda: mx.lr_scheduler.PolyScheduler(
            10, base_lr=0.5, pwr=2, warmup_steps=2, warmup_mode="constant"
        ),
        [0, 0.5, 0.3828125, 0.28125, 0.1953125, 0.125, 0.0703125, 0.03125, 0.0078125, 0, 0, 0],
    ),
    (
        lambda: mx.lr_scheduler.FactorScheduler(3, 0.1, base_lr=1, stop_factor_lr=0.005),
        [1, 1, 1, 0.1, 0.1, 0.1, 0.010000000000000002, 0.010000000000000002,
         0.010000000000000002, 0.005, 0.005, 0.005],
    ),
    (
        lambda: mx.lr_scheduler.MultiFactorScheduler([2, 5], 0.3, base_lr=1.0, warmup_steps=2),
        [0.5, 1.0, 0.3, 0.3, 0.3, 0.09, 0.09, 0.09, 0.09, 0.09, 0.09, 0.09],
    ),
]


@pytest.mark.parametrize("make, expected", SCHEDULES)
def test_schedules_give_mxnets_learning_rates(make, expected):
    schedule = make()
    assert [schedule(n) for n in range(1, 13)] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("make, expected", SCHEDULES)
def test_a_trainer_steps_by_the_schedule(make, expected):
    w = parameter("w", [0.0])
    trainer = gluon.Trainer([w], "sgd", {"lr_scheduler": make()})
    before = 0.0
    for lr in expected:
        backward(w, [1.0])
        trainer.step(1)
        after = w.data().asnumpy().item()
        assert before - after == pytest.approx(lr, abs=1e-6)
        assert trainer.learning_rate == pytest.approx(lr)
        before = after


def test_a_learning_rate_beside_a_schedule_becomes_its_base_with_a_line_that_says_so(capsys):
    schedule = mx.lr_scheduler.FactorScheduler(2, 0.5)
    # Measured: MXNet writes the line, and does not warn.
    sgd = mx.optimizer.SGD(lr_scheduler=schedule, learning_rate=0.3)
    assert "has been overwritten" in capsys.readouterr().out
    assert (schedule.base_lr, sgd.learning_rate) == (0.3, 0.3)
    with pytest.raises(UserWarning, match="LRScheduler of the optimizer has already been defined"):
        sgd.set_learning_rate(0.2)


def test_what_a_schedule_raises_comes_out_and_nothing_moves():
    class Odd(Exception):
        pass

    class Raising(mx.lr_scheduler.LRScheduler):
        def __call__(self, num_update):
            raise Odd("mine")

    w = parameter("w", [1.0])
    trainer = gluon.Trainer([w], "sgd", {"lr_scheduler": Raising()})
    backward(w, [1.0])
    with pytest.raises(Odd, match="mine"):
        trainer.step(1)
    assert w.data().asnumpy().item() == 1.0
    trainer.optimizer.lr_scheduler = None
    trainer.optimizer.lr = 0.5
    trainer.step(1)
    assert w.data().asnumpy().item() == 0.5


def test_a_schedule_may_be_replaced_while_it_runs():
    # In a process of its own, which would hang for ever.
    program = textwrap.dedent(
        """
        from gluonic import autograd, gluon, lr_scheduler, nd

        class Once(lr_scheduler.LRScheduler):
            def __call__(self, num_update):
                trainer._set_scheduler(None)
                return 0.5

        w = gluon.Parameter("w", shape=(1,))
        w.initialize(init="ones")
        trainer = gluon.Trainer([w], "sgd", {"lr_scheduler": Once(), "learning_rate": 0.5})
        with autograd.record():
            y = w.data() * 1
        y.backward()
        trainer.step(1)
        assert w.data().asnumpy().tolist() == [0.5]
        """
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_a_schedule_that_steps_its_own_trainer_is_refused_and_does_not_hang():
    w = parameter("w", [1.0])

    class Again(mx.lr_scheduler.LRScheduler):
        def __call__(self, num_update):
            trainer.step(1)
            return 0.1

    trainer = gluon.Trainer([w], "sgd", {"lr_scheduler": Again()})
    backward(w, [1.0])
    with pytest.raises(RuntimeError, match="in the middle of a step"):
        trainer.step(1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: mx.lr_scheduler.FactorScheduler(0),
        lambda: mx.lr_scheduler.FactorScheduler(1, factor=2),
        lambda: mx.lr_scheduler.MultiFactorScheduler([2, 2]),
        lambda: mx.lr_scheduler.PolyScheduler(0),
        lambda: mx.lr_scheduler.CosineScheduler(5, warmup_mode="foo"),
        lambda: mx.lr_scheduler.CosineScheduler(5, base_lr=0.1, warmup_begin_lr=0.2),
    ],
)
def test_schedules_that_make_no_sense_are_refused(make):
    with pytest.raises(ValueError):
        make()


class Averaging(mx.optimizer.Optimizer):
    """Two states, of which one is nested."""

    def __init__(self, rate=0.5, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate

    def create_state(self, index, weight):
        return (nd.zeros(weight.shape), [nd.zeros((1,)), None])

    def update(self, index, weight, grad, state):
        self._update_count(index)
        state[0][:] = self.rate * state[0] + grad
        state[1][0][:] += 1
        weight[:] -= self._get_lr(index) * state[0] / state[1][0]


def train(w, trainer, steps):
    for _ in range(steps):
        backward(w, [1.0, 2.0])
        trainer.step(1)
    return w.data().asnumpy().tolist()


@pytest.mark.parametrize("make", [Momentum, Averaging])
def test_training_with_an_optimizer_in_python_goes_on_from_its_states(make, tmp_path):
    file = str(tmp_path / "of.states")
    w = parameter("w", [1.0, 2.0])
    trainer = gluon.Trainer([w], make(learning_rate=0.25))
    halfway = train(w, trainer, 2)
    trainer.save_states(file)
    whole = train(w, trainer, 3)

    again = parameter("w", halfway)
    other = gluon.Trainer([again], make(learning_rate=0.1))
    other.load_states(file)
    assert (other.learning_rate, other.optimizer.num_update) == (0.25, 2)
    assert train(again, other, 3) == whole


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({}, "holds no states of an optimizer that is written in Python"),
        ({"num_update": 1, "v:num_update": 1}, "'v:num_update', which this trainer's optimizer"),
        ({"num_update": 1, "w:num_update": 1}, "'w:state' is missing"),
        ({"num_update": 1, "w:num_update": 1, "w:state": 1}, "'w:state' has shape"),
    ],
)
def test_states_that_do_not_fit_an_optimizer_in_python_change_nothing(broken, said, tmp_path):
    w = parameter("w", [1.0, 2.0])
    trainer = gluon.Trainer([w], Momentum(learning_rate=0.25))
    train(w, trainer, 1)
    nd.save(str(tmp_path / "of.states"), {name: nd.array([n]) for name, n in broken.items()})
    before = trainer._updaters[0].states[0].asnumpy().tolist()
    with pytest.raises(ValueError, match=said):
        trainer.load_states(str(tmp_path / "of.states"))
    assert trainer._updaters[0].states[0].asnumpy().tolist() == before
    assert trainer.optimizer.num_update == 1
