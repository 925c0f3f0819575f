"""Initializers: spec §5. Values and texts in the comments were measured on MXNet 1.9.1."""

import json
import math

import numpy as np
import pytest

import gluonic
from gluonic import init, nd
from gluonic.gluon import Parameter, nn


@pytest.fixture(autouse=True)
def fresh_names():
    with gluonic.name.NameManager():
        yield


def filled(initializer, shape=(64, 32), name="w"):
    parameter = Parameter(name, shape=shape)
    parameter.initialize(init=initializer)
    return parameter.data().asnumpy()


@pytest.mark.parametrize(
    ("initializer", "text"),
    [
        (init.Zero(), '["zero", {}]'),
        (init.One(), '["one", {}]'),
        (init.Constant(3), '["constant", {"value": 3}]'),
        (init.Constant([1.0, 2.0]), '["constant", {"value": [1.0, 2.0]}]'),
        (init.Uniform(), '["uniform", {"scale": 0.07}]'),
        (init.Normal(0.5), '["normal", {"sigma": 0.5}]'),
        (init.Orthogonal(), '["orthogonal", {"scale": 1.414, "rand_type": "uniform"}]'),
        (
            init.Xavier(),
            '["xavier", {"rnd_type": "uniform", "factor_type": "avg", "magnitude": 3}]',
        ),
        (init.MSRAPrelu(), '["msraprelu", {"factor_type": "avg", "slope": 0.25}]'),
    ],
)
def test_dumps_writes_mxnets_text_and_create_reads_it(initializer, text):
    assert initializer.dumps() == text
    assert init.create(text) == initializer
    name, kwargs = json.loads(text)
    assert init.create(json.dumps({"initializer": name, **kwargs})) == initializer


def test_values_are_those_of_their_laws():
    bound = math.sqrt(3 / 48)
    xavier = filled(init.Xavier())
    assert abs(xavier).max() <= bound and abs(xavier).max() > 0.9 * bound
    gaussian = filled(init.Xavier(rnd_type="gaussian", factor_type="in", magnitude=2))
    assert gaussian.std() == pytest.approx(math.sqrt(2 / 32), rel=0.1)
    assert abs(filled(init.Uniform(0.5))).max() <= 0.5
    assert filled(init.Normal(0.2)).std() == pytest.approx(0.2, rel=0.1)
    rows = filled(init.Orthogonal(), (8, 16))
    assert np.allclose(rows @ rows.T, 1.414**2 * np.eye(8), atol=1e-4)


def test_the_same_seed_gives_the_same_values():
    def draw():
        gluonic._gluonic.seed(7)
        net = nn.Sequential()
        net.add(nn.Dense(3, in_units=2), nn.Dense(2, in_units=3))
        net.initialize(init.Xavier())
        return [p.data().asnumpy() for p in net.collect_params().values()]

    assert all(np.array_equal(a, b) for a, b in zip(draw(), draw()))


def test_a_vector_has_no_fans():
    layer = nn.Dense(2, in_units=2, bias_initializer=None)
    with pytest.raises(ValueError, match="Xavier initializer cannot be applied to vector dense0_bias"):
        layer.initialize(init.Xavier())


def test_own_initializers_edit_in_place_and_see_names():
    seen = []

    class Threes(init.Initializer):
        def _init_weight(self, name, data):
            seen.append((str(name), data.shape))
            data[:] = 1
            data += 2

    net = nn.Sequential()
    net.add(nn.Dense(2, in_units=3), nn.Dense(1))
    net.initialize(Threes())
    net(nd.ones((1, 3)))
    assert seen == [("dense0_weight", (2, 3)), ("dense1_weight", (1, 2))]
    assert net[1].weight.data().asnumpy().tolist() == [[3, 3]]
    assert net[0].bias.data().asnumpy().tolist() == [0, 0]


def test_an_initializer_that_is_registered_is_made_by_its_name():
    @init.register
    class Sevens(init.Initializer):
        def _init_weight(self, name, data):
            data[:] = 7

    assert (filled("sevens") == 7).all()
    layer = nn.Dense(1, in_units=1, weight_initializer="Sevens")
    layer.initialize()
    assert layer.weight.data().asnumpy() == 7


def test_one_that_overrides_call_is_asked_for_every_parameter():
    seen = {}

    class Asks(init.Initializer):
        def __call__(self, desc, arr):
            seen[str(desc)] = desc.attrs["__init__"]
            arr[:] = 5

    layer = nn.Dense(2, in_units=2)
    layer.initialize(Asks())
    # Measured: as it was given.
    assert seen["dense0_bias"] == "zeros"
    assert layer.bias.data().asnumpy().tolist() == [5, 5]
    assert init.create(layer.bias.init) == init.Zero()


def test_a_direct_call_goes_by_the_end_of_the_name():
    array = nd.ones((2, 2))
    for name, value in [("fc_bias", 0), ("fc_gamma", 1), ("fc_beta", 0)]:
        init.Constant(9)(init.InitDesc(name), array)
        assert (array.asnumpy() == value).all()
    init.Constant(9)(init.InitDesc("fc_weight"), array)
    assert (array.asnumpy() == 9).all()
    with pytest.raises(ValueError, match="Unknown initialization pattern for fc_odd"):
        init.Constant(9)(init.InitDesc("fc_odd"), array)
    with pytest.warns(DeprecationWarning):
        init.Constant(9)("fc_weight", array)


def test_mixed_takes_the_first_pattern_and_load_takes_values():
    net = nn.Sequential()
    net.add(nn.Dense(2, in_units=2, bias_initializer=None))
    net.initialize(init.Mixed([".*bias", ".*"], ["ones", init.Constant(3)]))
    assert net[0].bias.data().asnumpy().tolist() == [1, 1]
    assert net[0].weight.data().asnumpy().max() == 3
    values = {"arg:w": nd.ones((2, 2)) * 4}
    assert (filled(init.Load(values), (2, 2)) == 4).all()
    with pytest.raises(AssertionError, match="Shape mismatch, target"):
        filled(init.Load(values), (3, 2))
    with pytest.raises(AssertionError, match="Not found in loaded param and no default"):
        filled(init.Load(values), (2, 2), name="v")


def test_without_init_weight_the_class_says_what_is_missing():
    class Nothing(init.Initializer):
        pass

    with pytest.raises(NotImplementedError, match="Must override it"):
        filled(Nothing())


def test_functions_and_classes_are_initializers_too():
    def twos(name, data):
        data[:] = 2

    assert (filled(twos) == 2).all()
    assert (filled(init.One) == 1).all()


@pytest.mark.parametrize("dtype", ["float16", "float64", "float32"])
def test_every_float_type_is_drawn(dtype):
    parameter = Parameter("w", shape=(100,), dtype=dtype)
    parameter.initialize(init=init.Normal(1))
    assert parameter.data().asnumpy().dtype == dtype
    assert parameter.data().asnumpy().std() > 0.5


def test_integers_can_be_constant_and_not_random():
    parameter = Parameter("w", shape=(3,), dtype="int32")
    parameter.initialize(init=init.Constant(4))
    assert parameter.data().asnumpy().tolist() == [4, 4, 4]
    with pytest.raises(gluonic.MXNetError):
        Parameter("v", shape=(3,), dtype="int32").initialize(init=init.Normal())
