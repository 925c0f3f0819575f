"""Blocks of one's own: members, hooks, forwards, summaries. Measured on MXNet 1.9.1."""

import warnings

import numpy as np
import pytest

import gluonic
from gluonic import autograd, gluon, init, nd
from gluonic.gluon import Block, HybridBlock, Parameter, _deferred, nn, rnn


@pytest.fixture(autouse=True)
def fresh_names():
    with gluonic.name.NameManager():
        yield


class Book(Block):
    """The book's own Sequential, which writes into the children itself."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)

    def add(self, block):
        self._children[block.name] = block

    def forward(self, x):
        for block in self._children.values():
            x = block(x)
        return x


def test_children_may_be_written_down_directly():
    net = Book()
    net.add(nn.Dense(3, activation="relu"))
    net.add(nn.Dense(1))
    net.initialize()
    assert net(nd.ones((2, 4))).shape == (2, 1)
    assert list(net._collect_params_with_prefix()) == [
        "dense0.weight",
        "dense0.bias",
        "dense1.weight",
        "dense1.bias",
    ]
    outer = nn.Sequential()
    outer.add(net, nn.Dense(2))
    outer.initialize(force_reinit=True)
    assert outer(nd.ones((2, 4))).shape == (2, 2)


class Fancy(Block):
    """A constant, a layer used twice, and control flow that looks at values."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.random = self.params.get_constant("random", np.eye(2, dtype="float32") * 3)
        self.dense = nn.Dense(2)

    def forward(self, x):
        x = self.dense(x)
        x = self.dense(x * float(self.random.data().asnumpy().sum()))
        while abs(x.asnumpy()).sum() > 1:
            x = x / 2
        return x


def test_a_forward_may_look_at_values():
    net = Fancy()
    net.initialize(init.One())
    assert abs(net(nd.ones((1, 2))).asnumpy()).sum() <= 1
    assert net.random.data().asnumpy().tolist() == [[3, 0], [0, 3]]
    assert net.random.grad_req == "null"
    assert list(net.collect_params().keys())[0] == "fancy0_random"


class Pair(Block):
    """Several inputs and outputs."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.left = nn.Dense(2)
        self.right = nn.Dense(2)

    def forward(self, x, y, scale=1.0):
        return self.left(x) * scale, [self.right(y), x]


def test_a_forward_takes_and_gives_what_it_likes():
    net = Pair()
    net.initialize()
    one, (two, three) = net(nd.ones((1, 3)), nd.ones((1, 4)), scale=2.0)
    assert (one.shape, two.shape, three.shape) == ((1, 2), (1, 2), (1, 3))
    assert net.infer_shapes((1, 3), (1, 4)) == [(1, 2), (1, 2), (1, 3)]


def test_shapes_are_told_without_values():
    net = nn.Sequential()
    net.add(Pairless(), nn.Dense(2))
    assert net.infer_shapes((5, 3)) == (5, 2)
    assert net[0].fc.weight.shape == (4, 3)
    with pytest.raises(RuntimeError, match="has not been initialized"):
        net[1].weight.data()


class Pairless(Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.fc = nn.Dense(4)

    def forward(self, x):
        return self.fc(x) * 2


def test_attributes_keep_their_kind():
    block = Block()
    block.fc = nn.Dense(3)
    block.fc = nn.Dense(4)
    assert list(block._children) == ["fc"]
    assert block._children["fc"] is block.fc
    with pytest.raises(TypeError, match=r"Changing attribute type for fc from .* is not allowed|"
                       r"Changing attribute type for fc from .*is not allowed"):  # fmt: skip
        block.fc = nn.Flatten()
    block.p = Parameter("p", shape=(2,))
    with pytest.raises(AssertionError) as error:
        block.p = Parameter("q", shape=(2,))
    assert str(error.value).split("\n")[0] == (
        "Overriding Parameter attribute %s is not allowed. If you want to share parameters "
        "between blocks, please set 'params' at Block construction instead."
    )
    dense = nn.Dense(3)
    with pytest.raises(AssertionError, match="Overriding Parameter attribute"):
        dense.weight = Parameter("w", shape=(3, 3))
    with pytest.raises(TypeError, match="Changing attribute type for weight"):
        dense.weight = 3


class Listed(Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.layers = [nn.Dense(2)]
        self.named = {"a": nn.Dense(1)}


def test_blocks_in_a_list_are_warned_of():
    net = Listed()
    with pytest.warns(UserWarning) as caught:
        net.collect_params()
    assert [str(warning.message).split(".")[0] for warning in caught] == ['"Listed'] * 2
    assert str(caught[0].message).startswith(
        '"Listed.layers" is an unregistered container with Blocks. Note that Blocks inside the '
        "list, tuple or dict will not be registered automatically."
    )
    net.register_child(net.layers[0])
    net.register_child(net.named["a"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(net.collect_params().keys()) == 4


def test_hooks_run_in_order_and_may_be_detached():
    net = nn.Sequential()
    net.add(nn.Dense(2, in_units=2), nn.Dense(1, in_units=2))
    net.initialize(init.One())
    seen = []
    first = net[0].register_forward_pre_hook(lambda block, x: seen.append(("before", x[0].shape)))
    second = net[0].register_forward_hook(lambda block, x, y: seen.append(("after", y.shape)))
    net[0].register_forward_hook(lambda block, x, y: seen.append(("last", block)))
    net(nd.ones((3, 2)))
    assert seen == [("before", (3, 2)), ("after", (3, 2)), ("last", net[0])]
    first.detach()
    second.detach()
    seen.clear()
    net(nd.ones((3, 2)))
    assert seen == [("last", net[0])]


def test_hooks_see_all_inputs():
    net = Pair()
    net.initialize()
    seen = []
    net.register_forward_pre_hook(lambda block, x: seen.append(len(x)))
    net.register_forward_hook(lambda block, x, y: seen.append((len(x), type(y))))
    net(nd.ones((1, 3)), nd.ones((1, 4)))
    assert seen == [2, (2, tuple)]


def test_hooks_of_a_block_inside_gluonics_run_once():
    inner = nn.Dense(2, in_units=2)
    net = nn.Residual(inner)
    net.initialize(init.One())
    seen = []
    inner.register_forward_hook(lambda block, x, y: seen.append("inner"))
    own = Doubled(2, in_units=2)
    other = nn.Residual(own)
    other.initialize(init.One())
    own.register_forward_hook(lambda block, x, y: seen.append("own"))
    net(nd.ones((1, 2)))
    assert other(nd.ones((1, 2))).asnumpy().tolist() == [[5, 5]]
    assert seen == ["inner", "own"]


class Doubled(nn.Dense):
    def forward(self, x):
        return super().forward(x) * 2


def test_what_a_hook_or_a_forward_raises_comes_back_as_it_was():
    layer = nn.Dense(2, in_units=2)
    layer.initialize()

    def hook(block, x):
        raise LookupError("mine")

    layer.register_forward_pre_hook(hook)
    for net in (layer, nn.Residual(layer)):
        with pytest.raises(LookupError, match="mine"):
            net(nd.ones((1, 2)))


def test_a_block_without_a_forward_says_so():
    with pytest.raises(NotImplementedError):
        Block()(nd.ones((1,)))
    with pytest.raises(NotImplementedError):
        HybridBlock()(nd.ones((1,)))
    message = "In HybridBlock, there must be one NDArray or one Symbol in the input."
    for block in (nn.Dense(3), HybridBlock()):
        with pytest.raises(ValueError, match=message):
            block(3)


def test_children_of_hybrid_blocks_are_hybrid_blocks():
    block = HybridBlock()
    for add in (block.register_child, nn.HybridSequential().add):
        with pytest.raises(ValueError, match="Children of HybridBlock must also be HybridBlock"):
            add(Block())
    with pytest.raises(ValueError, match="Children of HybridBlock must also be HybridBlock"):
        block.inner = nn.Sequential()


def test_symbols_are_refused_and_hybridize_does_nothing():
    net = nn.HybridSequential()
    net.add(nn.Dense(1))
    net.initialize()
    net.hybridize(static_alloc=True)
    assert net(nd.ones((1, 2))).shape == (1, 1)
    for call in (
        lambda: net.export("net"),
        lambda: net.optimize_for(nd.ones((1, 2))),
        lambda: gluon.SymbolBlock.imports("net-symbol.json", ["data"]),
        lambda: net.register_op_hook(print),
    ):
        with pytest.raises(NotImplementedError):
            call()


def test_apply_visits_children_first():
    net = nn.Sequential()
    net.add(nn.Dense(1), Pairless())
    seen = []
    assert net.apply(lambda block: seen.append(type(block).__name__)) is net
    assert seen == ["Dense", "Dense", "Pairless", "Sequential"]


def test_cast_reaches_every_parameter():
    net = Pairless()
    net.initialize()
    net.cast("float64")
    assert net(nd.ones((1, 2), dtype="float64")).dtype is np.float64
    assert net.fc.weight.dtype == "float64"


class Hybrid(HybridBlock):
    """A block whose forward is a function of its parameters."""

    def __init__(self, function, shapes, **kwargs):
        super().__init__(**kwargs)
        self._function = function
        for name, shape in shapes.items():
            setattr(self, name, self.params.get(name, shape=shape, allow_deferred_init=True))

    def hybrid_forward(self, F, x, **params):
        return self._function(F, x, **params)


class Operations:
    """A few operations in the words of `mx.nd`, by layers: what tells shapes is what is tested."""

    @staticmethod
    def FullyConnected(data, weight, bias=None, num_hidden=0, no_bias=False, flatten=True):
        assert weight.shape[0] == num_hidden
        return nd.zeros((data.shape[0], num_hidden))

    @staticmethod
    def Convolution(data, weight, bias=None, kernel=None, num_filter=0, num_group=1, **_):
        return weight

    @staticmethod
    def Embedding(data, weight, input_dim=0, output_dim=0):
        return weight

    @staticmethod
    def LayerNorm(data, gamma, beta, axis=-1, eps=1e-5):
        return data * gamma + beta

    @staticmethod
    def dot(lhs, rhs, transpose_a=False, transpose_b=False):
        return rhs

    @staticmethod
    def exp(data):
        return data * 2

    @staticmethod
    def broadcast_mul(lhs, rhs):
        return lhs * rhs


X = (2, 3)


@pytest.mark.parametrize(
    ("function", "shapes", "told"),
    [
        # Told by MXNet 1.9.1, but for `dot`, which it does not tell.
        (lambda F, x, w: F.FullyConnected(x, w, no_bias=True, num_hidden=4), {"w": (4, 0)},
         {"w": (4, 3)}),
        (lambda F, x, w, b: F.FullyConnected(x, weight=w, bias=b, num_hidden=4),
         {"w": (0, 0), "b": (0,)}, {"w": (4, 3), "b": (4,)}),
        (lambda F, x, w: F.FullyConnected(x, w, no_bias=True, num_hidden=4), {"w": None},
         {"w": (4, 3)}),
        (lambda F, x, w: x * w, {"w": None}, {"w": (2, 3)}),
        (lambda F, x, w: x * w, {"w": (0, 0)}, {"w": (2, 3)}),
        (lambda F, x, w: w * x, {"w": (0, 0)}, {"w": (2, 3)}),
        (lambda F, x, w: x * F.exp(w), {"w": (0, 0)}, {"w": (2, 3)}),
        (lambda F, x, w: 1 - w + x, {"w": (0, 0)}, {"w": (2, 3)}),
        (lambda F, x, w: F.Embedding(x, w, input_dim=5, output_dim=4), {"w": (0, 0)},
         {"w": (5, 4)}),
        (lambda F, x, g, b: F.LayerNorm(x, g, b), {"g": (0,), "b": (0,)}, {"g": (3,), "b": (3,)}),
        (lambda F, x, w: F.dot(x, w), {"w": (0, 4)}, {"w": (3, 4)}),
        (lambda F, x, w: F.dot(x, w, transpose_b=True), {"w": (4, 0)}, {"w": (4, 3)}),
    ],
)  # fmt: skip
def test_operations_tell_waiting_parameters_their_shapes(monkeypatch, function, shapes, told):
    for word, operation in vars(Operations).items():
        if not word.startswith("_"):
            monkeypatch.setattr(nd, word, operation.__func__, raising=False)
    block = Hybrid(function, shapes)
    block.initialize(init.One())
    block(nd.ones(X))
    assert {name: found.shape for name, found in block._reg_params.items()} == told
    block(nd.ones(X))


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (lambda F, x, w: F.broadcast_mul(x, w), {"w": (0,)}),
        (lambda F, x, w: x, {"w": (0,)}),
        (lambda F, x, w: F.FullyConnected(x, w, no_bias=True, num_hidden=4), {"w": (5, 0)}),
        (lambda F, x, w: w.T, {"w": (4, 0)}),
    ],
)
def test_a_shape_that_nothing_tells_is_an_error(monkeypatch, function, shapes):
    for word, operation in vars(Operations).items():
        if not word.startswith("_"):
            monkeypatch.setattr(nd, word, operation.__func__, raising=False)
    block = Hybrid(function, shapes)
    block.initialize(init.One())
    with pytest.raises(
        ValueError, match="Deferred initialization failed because shape cannot be inferred"
    ):
        block(nd.ones(X))


class Named(Hybrid):
    def infer_shape(self, x, *args):
        self.w.shape = (x.shape[1],)


def test_infer_shape_may_be_overridden():
    block = Named(lambda F, x, w: x * w, {"w": (0,)})
    block.initialize(init.One())
    assert block(nd.ones(X)).shape == X
    assert block.w.shape == (3,)


def test_a_hybrid_forward_of_a_layer_is_called():
    class Shifted(nn.Dense):
        def hybrid_forward(self, F, x, weight, bias=None):
            return super().hybrid_forward(F, x, weight=weight, bias=bias) + 1

    layer = Shifted(1, in_units=2)
    layer.initialize(init.One())
    assert layer(nd.ones((1, 2))).asnumpy().tolist() == [[3]]


def test_a_module_of_operations_is_looked_through():
    module = _deferred.Module(np)
    assert module.linalg.norm([3.0, 4.0]) == 5
    assert module.pi == np.pi


class Tied(Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.lstm = rnn.LSTM(3, input_size=2)
        self.norm = nn.BatchNorm(in_channels=2)
        self.c = self.params.get("c", shape=(2, 2))

    def forward(self, x, y):
        out, _ = self.lstm(x, self.lstm.begin_state(1))
        return out, [self.norm(y), y]


def test_a_summary_has_a_row_for_each_call(capsys):
    # The table of MXNet 1.9.1 for this net.
    net = nn.Dense(2, activation="relu", in_units=3)
    net.initialize()
    net.summary(nd.ones((2, 3)))
    expected = """\
--------------------------------------------------------------------------------
        Layer (type)                                Output Shape         Param #
================================================================================
               Input                                      (2, 3)               0
        Activation-1                                      (2, 2)               0
             Dense-2                                      (2, 2)               8
================================================================================
Parameters in forward computation graph, duplicate included
   Total params: 8
   Trainable params: 8
   Non-trainable params: 0
Shared params in forward computation graph: 0
Unique parameters in model: 8
--------------------------------------------------------------------------------
"""
    assert capsys.readouterr().out == expected
    nn.Dense(2, activation="relu").summary((2, 3))
    assert capsys.readouterr().out == expected


def test_a_summary_sees_blocks_that_python_calls(capsys):
    net = Tied()
    net.initialize()
    net.summary(nd.ones((4, 1, 2)), nd.ones((3, 2)))
    lines = capsys.readouterr().out.split("\n")
    rows = [line.split()[0] for line in lines[3:] if "-" in line and "params" not in line][:4]
    # Counts of MXNet 1.9.1: 84 of the LSTM, 8 of the norm, of which 4 are statistics, 4 its own.
    assert [row for row in rows if row[0].isalpha()] == ["LSTM-1", "BatchNorm-2", "Tied-3"]
    assert "   Total params: 96" in lines
    assert "   Non-trainable params: 4" in lines


def test_a_summary_passes_over_sequentials(capsys):
    class Mine(nn.Sequential):
        pass

    net = Mine()
    net.add(nn.Dense(2), nn.HybridSequential(), Pairless())
    net[1].add(nn.Dropout(0.5))
    net.initialize()
    net.summary(nd.ones((2, 3)))
    out = capsys.readouterr().out
    names = [line.split()[0] for line in out.split("\n") if "-" in line and line.startswith("  ")]
    assert names == ["Dense-1", "Dropout-2", "Dense-3", "Pairless-4", "Non-trainable"]


def test_a_summary_of_what_is_not_initialized_is_an_error():
    with pytest.raises(RuntimeError, match="has not been initialized"):
        nn.Dense(2).summary(nd.ones((2, 3)))


def test_a_summary_changes_nothing_when_the_forward_fails():
    net = Pair()
    net.initialize()
    with pytest.raises(TypeError):
        net.summary(nd.ones((1, 3)))
    assert net(nd.ones((1, 3)), nd.ones((1, 4)))[0].shape == (1, 2)


def test_blocks_are_shared_by_their_whole_trees():
    one = Deep()
    other = Deep(params=one.collect_params())
    assert other.fc.weight is one.fc.weight
    assert other.name == "deep1"
    assert other.fc.weight.name == "deep0_dense0_weight"


class Deep(Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.fc = nn.Dense(2, in_units=2)

    def forward(self, x):
        return self.fc(x)


def test_scopes_name_and_count():
    net = Block(prefix="net_")
    with net.name_scope():
        assert nn.Dense(1).name == "net_dense0"
        with Block(prefix="").name_scope():
            assert nn.Dense(1).prefix == "net_dense1_"
    with net.name_scope():
        assert nn.Dense(1, prefix="own_").name == "net_own"
        assert nn.Dense(1).name == "net_dense2"
    assert nn.Dense(1).name == "dense0"
    assert nn.Dense(1, prefix="foo").weight.name == "fooweight"


def test_gradients_reach_through_blocks_of_python():
    net = nn.Sequential()
    net.add(Pairless(), nn.Dense(1))
    net.initialize(init.One())
    with autograd.record():
        y = net(nd.ones((1, 2)))
    y.backward()
    assert net[0].fc.weight.grad().asnumpy().tolist() == [[2, 2]] * 4


def test_a_child_that_is_no_block_is_passed_over():
    # MXNet takes it, and fails later.
    net = nn.Sequential()
    net.add(3)
    assert list(net.collect_params().keys()) == []


def test_super_init_that_was_not_called_is_named():
    class Forgot(Block):
        def __init__(self):
            pass

    with pytest.raises(RuntimeError, match="was not called"):
        Forgot()(nd.ones((1,)))


def test_a_tree_is_saved_and_loaded_by_places_whatever_its_blocks_are_called(tmp_path):
    class Named(nn.Block):
        def __init__(self, depth):
            super().__init__()
            for _ in range(2):
                child = Named(depth - 1) if depth else nn.Dense(2, in_units=2)
                self.register_child(child, child.name)

    one, other = Named(1), Named(1)
    one.initialize(init.Xavier())
    prefix = str(tmp_path / "model")
    one.save(prefix)
    other.load(prefix)
    values = [
        [p.data().asnumpy().tolist() for p in block.collect_params().values()]
        for block in (one, other)
    ]
    assert values[0] == values[1]
    with pytest.raises(ValueError, match="is of another model"):
        Named(0).load(prefix)


def test_children_under_numbers_are_not_lost(tmp_path):
    class Numbered(nn.Block):
        def __init__(self):
            super().__init__()
            for i in range(2):
                self._children[i] = nn.Dense(2, in_units=2)

    block = Numbered()
    block.initialize()
    file = str(tmp_path / "net.params")
    block.save_parameters(file)
    assert sorted(nd.load(file)) == ["0.bias", "0.weight", "1.bias", "1.weight"]


@pytest.mark.parametrize("hide", [lambda b: [b], lambda b: {"a": [b]}, lambda b: ((1, [b]), 2)])
@pytest.mark.parametrize("name", ["layers", "_layers"])
def test_blocks_in_containers_are_warned_of_however_deep(hide, name):
    class Net(nn.Block):
        def __init__(self, hidden):
            super().__init__()
            setattr(self, name, hidden)

    with pytest.warns(UserWarning, match=f"Net.{name}. is an unregistered container with Blocks"):
        Net(hide(nn.Dense(1))).collect_params()


def test_a_summary_of_a_hybridized_block_is_refused(capsys):
    # Measured; MXNet names the first block that is hybridized, children first.
    net = nn.HybridSequential()
    net.add(nn.Dense(2, in_units=2))
    net.initialize()
    net.hybridize()
    with pytest.raises(AssertionError, match=f'^"{net[0].name}" must not be hybridized'):
        net.summary(nd.ones((1, 2)))
    net.hybridize(False)
    net.summary(nd.ones((1, 2)))
    assert "Dense-1" in capsys.readouterr().out


def test_the_operations_of_a_hybrid_forward_have_np_and_npx():
    class Scale(nn.HybridBlock):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.w = self.params.get("w", shape=(2, 2), init="ones")

        def hybrid_forward(self, F, x, w):
            return F.npx.relu(F.np.dot(x, w))

    block = Scale()
    block.initialize()
    assert block(gluonic.np.array([[1.0, 2.0]])).tolist() == [[3, 3]]


def test_a_hook_that_is_added_during_a_call_runs_after_it():
    seen = []

    class Late(Block):
        def forward(self, x):
            if not self._forward_hooks:
                self.register_forward_hook(lambda block, x, y: seen.append("added in forward"))
            return x

    Late()(nd.ones(1))
    assert seen == ["added in forward"]

    class Sequence(rnn.RNN):
        def forward(self, inputs, states=None):
            if not self._forward_hooks:
                self.register_forward_hook(lambda block, x, y: seen.append("of a layer"))
            return super().forward(inputs, states)

    net = Sequence(2, input_size=2)
    net.initialize()
    net(nd.ones((1, 1, 2)))
    assert seen == ["added in forward", "of a layer"]


def test_a_collect_params_of_a_child_is_asked_by_its_parents():
    class Quiet(nn.Block):
        """Shows its bias only."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            with self.name_scope():
                self.inner = nn.Dense(2, in_units=3)

        def collect_params(self, select=None):
            return super().collect_params(".*bias")

    net = nn.Sequential()
    with net.name_scope():
        net.add(Quiet(), nn.Dense(1))
    names = [name.removeprefix(net.prefix) for name in net.collect_params()]
    assert names == ["quiet0_dense0_bias", "dense0_weight", "dense0_bias"]
    net.initialize()
    assert not net[0].inner.weight._is_initialized

    class Broken(nn.Block):
        def collect_params(self, select=None):
            raise RuntimeError("mine")

    net.add(Broken())
    with pytest.raises(RuntimeError, match="mine"):
        net.collect_params()
