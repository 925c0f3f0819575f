"""Names, prefixes and printing of 41 constructions as MXNet 1.9.1 gives them: fixtures/names.json."""

import json
from pathlib import Path

import pytest

import gluonic
from gluonic import gluon, nd
from gluonic.gluon import nn

FIXTURES = Path(__file__).parents[3] / "fixtures"
CASES = json.loads((FIXTURES / "names.json").read_text())
LAYERS = {
    "activation": nn.Activation,
    "batchnorm": nn.BatchNorm,
    "conv2d": nn.Conv2D,
    "dense": nn.Dense,
    "dropout": nn.Dropout,
    "embedding": nn.Embedding,
    "flatten": nn.Flatten,
    "hybridsequential": nn.HybridSequential,
    "layernorm": nn.LayerNorm,
    "lstmcell": gluon.rnn.LSTMCell,
    "maxpool2d": nn.MaxPool2D,
    "prelu": nn.PReLU,
    "sequential": nn.Sequential,
}


class Custom(gluon.Block):
    """Own parameters, and attributes that are called one after another."""

    def __init__(self, build, spec, prefix=None, params=None):
        super().__init__(prefix=prefix, params=params)
        self._order = []

        def fill():
            for name, shape in spec.get("own", ()):
                setattr(self, name, self.params.get(name, shape=tuple(shape)))
            for name, child in spec.get("attrs", ()):
                setattr(self, name, build(child))
                self._order.append(name)

        if spec.get("scope", True):
            with self.name_scope():
                fill()
        else:
            fill()

    def forward(self, x):
        for name in self._order:
            x = getattr(self, name)(x)
        return x


class M(Custom):
    pass


class Other(Custom):
    pass


class Builder:
    def __init__(self):
        self.known = {}

    def build(self, spec):
        block = self.make(spec)
        if "id" in spec:
            self.known[spec["id"]] = block
        return block

    def make(self, spec):
        kind = spec["t"]
        if kind == "ref":
            return self.known[spec["ref"]]
        kwargs = {}
        if spec.get("prefix") is not None:
            kwargs["prefix"] = spec["prefix"]
        if "params_of" in spec:
            kwargs["params"] = self.known[spec["params_of"]].params
        if "collect_params_of" in spec:
            kwargs["params"] = self.known[spec["collect_params_of"]].collect_params()
        if kind == "custom":
            cls = {"M": M, "Other": Other}[spec.get("cls", "M")]
            return cls(self.build, spec, **kwargs)
        args = {
            word: tuple(value) if isinstance(value, list) else value
            for word, value in spec.get("args", {}).items()
        }
        block = LAYERS[kind](**args, **kwargs)
        if spec.get("scope"):
            with block.name_scope():
                self.fill(block, spec)
        else:
            self.fill(block, spec)
        return block

    def fill(self, block, spec):
        for child in spec.get("children", ()):
            block.add(self.build(child))


@pytest.mark.parametrize("name", list(CASES))
def test_a_construction_is_named_and_printed_as_in_gluon(name):
    case = CASES[name]
    builder = Builder()
    with gluonic.name.NameManager():
        for spec in case["pre"]:
            builder.build(spec)
        net = builder.build(case["net"])
        assert (net.name, net.prefix, net.params.prefix) == (
            case["name"],
            case["prefix"],
            case["params_prefix"],
        )
        assert repr(net) == case["repr_before"]
        assert repr(net.collect_params()) == case["params_repr_before"]
        net.initialize()
        if case.get("x"):
            net(nd.ones(tuple(case["x"])))
        assert repr(net) == case["repr_after"]
        params = net.collect_params()
        assert repr(params) == case["params_repr_after"]
        assert [
            [parameter.name, list(parameter.shape), parameter.grad_req]
            for parameter in params.values()
        ] == case["collect_params"]
        structural = net._collect_params_with_prefix()
        assert [[path, found.name] for path, found in structural.items()] == case["structural"]
        assert len({id(found) for found in structural.values()}) == case["distinct_params"]
        assert sorted(params.keys()) == case["trainer_order"]
        for pattern, names in case["regex"].items():
            assert list(net.collect_params(pattern).keys()) == names, pattern


def test_a_prefix_is_put_before_the_names_of_outer_blocks():
    # MXNet 1.9.1 prints the same.
    prefix = gluonic.name.Prefix("c_")
    with gluonic.name.Prefix("a_"):
        assert [nn.Dense(3).name, nn.Dense(2).name, nn.Dense(2, prefix="x_").name] == [
            "a_dense0", "a_dense1", "x",
        ]
        net = nn.Sequential()
        with net.name_scope():
            net.add(nn.Dense(2))
            with gluonic.name.Prefix("b_"):
                net.add(nn.Dense(2))
        assert net[0].weight.name == "a_sequential0_dense0_weight"
        assert net[1].name == "a_sequential0_dense1"
        with gluonic.name.NameManager():
            assert nn.Dense(3).name == "dense0"
        with gluonic.name.Prefix("b_"):
            assert nn.Dense(3).name == "b_dense0"
        assert nn.Dense(3).name == "a_dense2"
    for name in ("c_dense0", "c_dense1"):
        with prefix:
            assert nn.Dense(3).name == name
