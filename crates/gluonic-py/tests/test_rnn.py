"""Recurrent layers and cells: golden values, and behaviour measured on MXNet 1.9.1."""

from pathlib import Path

import numpy as np
import pytest

import gluonic
from gluonic import autograd, nd
from gluonic.gluon import HybridBlock, nn, rnn

FIXTURES = Path(__file__).parents[3] / "fixtures" / "ops"


@pytest.fixture(autouse=True)
def fresh_names():
    with gluonic.name.NameManager():
        yield


def ones(block):
    block.initialize("ones")
    return block


def tenths(*shape):
    return nd.array(np.arange(np.prod(shape)).reshape(shape) / 10, dtype="float32")


def near(found, expected):
    np.testing.assert_allclose(found.asnumpy(), expected, rtol=2e-5, atol=2e-6)


def test_a_cell_and_its_gradients_are_those_of_gluon():
    arrays = np.load(FIXTURES / "lstmcell.npz")
    cell = rnn.LSTMCell(4)
    cell.initialize()
    cell(nd.ones((2, 3)), cell.begin_state(2))
    for key in arrays:
        if key.startswith("p:"):
            getattr(cell, key[2:]).set_data(nd.array(arrays[key]))
    x, h, c = (nd.array(arrays[key]) for key in ("x", "h0", "c0"))
    for leaf in (x, h, c):
        leaf.attach_grad()
    with autograd.record():
        y, states = cell.unroll(3, x, [h, c], layout="TNC", merge_outputs=True)
    y.backward(nd.array(arrays["dy"]))
    near(y, arrays["y"])
    near(states[1], arrays["c_last"])
    for leaf, key in ((x, "gx"), (h, "gh0"), (c, "gc0")):
        np.testing.assert_allclose(leaf.grad.asnumpy(), arrays[key], rtol=1e-5, atol=2e-5)
    for key in ("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias"):
        grad = getattr(cell, key).grad().asnumpy()
        np.testing.assert_allclose(grad, arrays[f"g:{key}"], rtol=1e-5, atol=2e-5)


def test_a_layer_of_two_directions_is_that_of_gluon():
    # Measured on MXNet 1.9.1, all weights 1.
    layer = ones(rnn.LSTM(2, 2, input_size=2, bidirectional=True, layout="NTC"))
    y, states = layer(tenths(2, 2, 2), layer.begin_state(2))
    near(
        y,
        [
            [[0.1955808] * 2 + [0.55886894] * 2, [0.5363954] * 2 + [0.28785935] * 2],
            [[0.6343854] * 2 + [0.92412823] * 2, [0.9270928] * 2 + [0.6609857] * 2],
        ],
    )
    near(states[0][3], [[0.55886894] * 2, [0.92412823] * 2])
    near(states[1][0], [[0.35352582] * 2, [1.2904656] * 2])


def test_a_layer_without_states_gives_outputs_alone():
    layer = ones(rnn.RNN(2, input_size=2))
    # Measured on MXNet 1.9.1: relu is the default.
    near(layer(tenths(2, 2, 2)), [[[0.1] * 2, [0.5] * 2], [[1.1] * 2, [2.3] * 2]])


def test_states_may_be_a_list_or_one_array():
    layer = ones(rnn.GRU(3, input_size=2))
    states = layer.begin_state(1)
    y, after = layer(nd.ones((2, 1, 2)), states[0])
    assert (y.shape, type(after), after[0].shape) == ((2, 1, 3), list, (1, 1, 3))
    out = layer(nd.ones((2, 1, 2)), states)
    assert (type(out), len(out)) == (tuple, 2)


@pytest.mark.parametrize(
    ("layer", "keys"),
    [
        (lambda: rnn.LSTM(3), 2),
        (lambda: rnn.GRU(3), 1),
        (lambda: rnn.RNN(3), 1),
    ],
)
def test_states_are_described(layer, keys):
    info = layer().state_info(4)
    assert info == [{"shape": (1, 4, 3), "__layout__": "LNC", "dtype": "float32"}] * keys


def test_states_are_made_by_a_function_of_ones_own():
    seen = {}

    def make(shape, **kwargs):
        seen.update(kwargs)
        return nd.ones(shape)

    states = rnn.GRUCell(2).begin_state(3, func=make, low=2.0)
    assert states[0].asnumpy().tolist() == [[1, 1]] * 3
    assert seen["low"] == 2.0
    assert rnn.GRU(3).begin_state(2, dtype="float64")[0].dtype is np.float64


def test_wrong_inputs_are_refused_in_gluons_words():
    layer = ones(rnn.GRU(3, input_size=2))
    with pytest.raises(
        ValueError, match=r"Invalid recurrent state shape. Expecting \(1, 1, 3\), got \(1, 1, 4\)"
    ):
        layer(nd.ones((2, 1, 2)), nd.ones((1, 1, 4)))
    with pytest.raises(gluonic.MXNetError):
        layer(nd.ones((2, 1, 5)))
    with pytest.raises(ValueError):
        layer(3)
    with pytest.raises(AssertionError, match="Invalid layout CNT; must be one of"):
        rnn.GRU(3, layout="CNT")
    with pytest.raises(KeyError, match="rnn_sig"):
        rnn.RNN(3, activation="sig")
    with pytest.raises(NotImplementedError, match="projection_size"):
        rnn.LSTM(3, projection_size=2)
    cell = ones(rnn.GRUCell(2, input_size=3))
    with pytest.raises(gluonic.MXNetError):
        cell(nd.ones((2, 4)), cell.begin_state(2))
    with pytest.raises(AssertionError):
        cell.unroll(3, nd.ones((4, 2, 3)))


# Printed by MXNet 1.9.1.
PRINTED = {
    "RNNCell(None -> 3, tanh)": lambda: rnn.RNNCell(3),
    "LSTMCell(None -> 12)": lambda: rnn.LSTMCell(3),
    "GRUCell(None -> 9)": lambda: rnn.GRUCell(3),
    "RNN(None -> 3, TNC)": lambda: rnn.RNN(3),
    "LSTM(None -> 3, TNC, num_layers=2, dropout=0.3, bidirectional)": lambda: rnn.LSTM(
        3, 2, bidirectional=True, dropout=0.3
    ),
    "GRU(4 -> 3, NTC)": lambda: rnn.GRU(3, input_size=4, layout="NTC"),
    "DropoutCell(rate=0.4, axes=())": lambda: rnn.DropoutCell(0.4),
    "ZoneoutCell(p_out=0.1, p_state=0.2, LSTMCell(None -> 12))": lambda: rnn.ZoneoutCell(
        rnn.LSTMCell(3), 0.1, 0.2
    ),
    "ResidualCell(GRUCell(None -> 9))": lambda: rnn.ResidualCell(rnn.GRUCell(3)),
    "BidirectionalCell(forward=GRUCell(None -> 9), backward=GRUCell(None -> 9))": lambda: (
        rnn.BidirectionalCell(rnn.GRUCell(3), rnn.GRUCell(3))
    ),
    "SequentialRNNCell(\n(0): LSTMCell(None -> 12)\n(1): DropoutCell(rate=0.5, axes=())\n)": (
        lambda: stacked(rnn.SequentialRNNCell(), rnn.LSTMCell(3), rnn.DropoutCell(0.5))
    ),
}


def stacked(stack, *cells):
    for cell in cells:
        stack.add(cell)
    return stack


@pytest.mark.parametrize("text", list(PRINTED))
def test_cells_and_layers_print_as_in_gluon(text):
    assert repr(PRINTED[text]()) == text


def test_cells_are_named_as_in_gluon():
    assert rnn.LSTMCell(3).name == "lstm0"
    assert rnn.LSTM(3).l0_i2h_weight.name == "lstm1_l0_i2h_weight"
    assert rnn.ZoneoutCell(rnn.LSTMCell(3)).prefix == "lstm2_zoneout"
    assert rnn.ResidualCell(rnn.GRUCell(3)).name == "gru0_residualcell"
    assert rnn.BidirectionalCell(rnn.GRUCell(3), rnn.GRUCell(3)).prefix == ""
    assert rnn.DropoutCell(0.5).name == "dropout0"
    assert rnn.SequentialRNNCell().name == "sequentialrnncell0"


@pytest.mark.parametrize(
    ("inputs", "kwargs", "kind", "shape"),
    [
        (lambda: nd.ones((4, 2, 2)), {}, list, (4, 3)),
        (lambda: nd.ones((4, 2, 2)), {"merge_outputs": True}, nd.NDArray, (4, 2, 3)),
        (lambda: [nd.ones((4, 2))] * 2, {}, list, (4, 3)),
        (
            lambda: [nd.ones((4, 2))] * 2,
            {"merge_outputs": True, "layout": "TNC"},
            nd.NDArray,
            (2, 4, 3),
        ),
        (lambda: nd.ones((2, 4, 2)), {"layout": "TNC"}, list, (4, 3)),
        (
            lambda: nd.ones((4, 2, 2)),
            {"valid_length": [1, 2, 2, 1]},
            nd.NDArray,
            (4, 2, 3),
        ),
    ],
)
def test_a_cell_is_unrolled_over_an_array_or_a_list(inputs, kwargs, kind, shape):
    # The kinds were measured on MXNet 1.9.1.
    cell = ones(rnn.GRUCell(3, input_size=2))
    if "valid_length" in kwargs:
        kwargs = {"valid_length": nd.array(kwargs["valid_length"])}
    outputs, states = cell.unroll(2, inputs(), **kwargs)
    assert isinstance(outputs, kind)
    first = outputs[0] if kind is list else outputs
    assert first.shape == shape
    assert [state.shape for state in states] == [(4, 3)]


def test_lengths_end_samples_where_they_say():
    # Measured on MXNet 1.9.1, all weights 1.
    cell = ones(rnn.GRUCell(3, input_size=2))
    outputs, states = cell.unroll(
        3, nd.ones((4, 3, 2)), valid_length=nd.array([1, 2, 3, 3])
    )
    near(states[0], np.array([[0.11491489], [0.19065437], [0.24719688], [0.24719688]]) * [1, 1, 1])
    assert outputs.asnumpy()[0, 1:].tolist() == [[0, 0, 0]] * 2
    residual = ones(rnn.ResidualCell(rnn.GRUCell(3, input_size=3)))
    outputs, states = residual.unroll(3, nd.ones((2, 3, 3)), valid_length=nd.array([1, 3]))
    near(outputs[0], [[1.0471914] * 3, [0] * 3, [0] * 3])
    near(states[0], [[0.04719133] * 3, [0.12018073] * 3])


def test_cells_one_after_another_share_a_list_of_states():
    for cls in (rnn.SequentialRNNCell, rnn.HybridSequentialRNNCell):
        net = stacked(cls(), rnn.LSTMCell(3), rnn.DropoutCell(0.5), rnn.GRUCell(2))
        net.initialize()
        y, states = net(nd.ones((1, 2)), net.begin_state(batch_size=1))
        assert (y.shape, [state.shape for state in states]) == ((1, 2), [(1, 3), (1, 3), (1, 2)])
        y, states = net.unroll(2, nd.ones((1, 2, 2)), merge_outputs=True)
        assert (y.shape, len(states), len(net)) == ((1, 2, 2), 3, 3)
        assert net[0] is net._children["0"]
        assert net.state_info(1)[2] == {"shape": (1, 2), "__layout__": "NC"}


def test_two_directions_stand_side_by_side():
    cell = rnn.BidirectionalCell(rnn.GRUCell(3), rnn.LSTMCell(2))
    cell.initialize()
    outputs, states = cell.unroll(3, nd.ones((4, 3, 2)))
    assert (type(outputs), len(outputs), outputs[0].shape) == (list, 3, (4, 5))
    assert [state.shape for state in states] == [(4, 3), (4, 2), (4, 2)]
    with pytest.raises(NotImplementedError, match="Bidirectional cannot be stepped"):
        cell(nd.ones((1, 2)), [])
    both = rnn.LSTM(2, input_size=2, bidirectional=True, layout="NTC")
    both.initialize()
    pair = rnn.BidirectionalCell(rnn.LSTMCell(2, input_size=2), rnn.LSTMCell(2, input_size=2))
    pair.initialize()
    for side, part in (("l", "l_cell"), ("r", "r_cell")):
        for word in ("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias"):
            value = getattr(both, f"{side}0_{word}").data()
            getattr(pair._children[part], word).set_data(value)
    x = tenths(2, 3, 2)
    y, _ = pair.unroll(3, x, merge_outputs=True)
    near(y, both(x).asnumpy())


def test_a_cell_inside_another_is_not_called_for_states():
    base = rnn.GRUCell(3, input_size=3)
    cell = ones(rnn.ResidualCell(base))
    message = "After applying modifier cells"
    with pytest.raises(AssertionError, match=message):
        base.begin_state(1)
    y, _ = cell(nd.ones((1, 3)), cell.begin_state(batch_size=1))
    assert y.shape == (1, 3)
    assert list(cell.collect_params().keys())[0] == "gru0_i2h_weight"
    assert list(cell._collect_params_with_prefix())[0] == "base_cell.i2h_weight"
    assert cell.params["gru0_i2h_weight"] is base.i2h_weight
    with pytest.raises(AssertionError, match="doesn't support zoneout"):
        rnn.ZoneoutCell(rnn.BidirectionalCell(rnn.GRUCell(3), rnn.GRUCell(3)))


def test_zoneout_keeps_some_of_what_was_in_training_alone():
    cell = ones(rnn.ZoneoutCell(rnn.RNNCell(50, input_size=1), 0.5, 0.5))
    x = nd.ones((4, 3, 1))
    plain, _ = cell.unroll(3, x, merge_outputs=True)
    assert (plain.asnumpy() > 0).all()
    with autograd.train_mode():
        y, _ = cell.unroll(3, x, merge_outputs=True)
    first = y.asnumpy()[:, 0]
    assert 0 < (first == 0).sum() < first.size
    cell.reset()
    assert cell._prev_output is None
    assert cell._counter == -1


class Adder(rnn.HybridRecurrentCell):
    """A cell of one's own, whose weight waits for its shape."""

    def __init__(self, hidden, **kwargs):
        super().__init__(**kwargs)
        self._hidden = hidden
        self.weight = self.params.get("weight", shape=(hidden,), init="ones")

    def state_info(self, batch_size=0):
        return [{"shape": (batch_size, self._hidden), "__layout__": "NC"}]

    def hybrid_forward(self, F, x, states, weight):
        y = x * weight + states[0]
        return y, [y]


def test_a_cell_of_ones_own_is_unrolled():
    cell = Adder(2)
    cell.initialize()
    y, states = cell.unroll(2, nd.ones((1, 2, 2)), merge_outputs=True)
    assert y.asnumpy().tolist() == [[[1, 1], [2, 2]]]
    assert (cell.name, cell._counter) == ("adder0", 1)
    y, states = cell.unroll(2, nd.ones((2, 2, 2)), valid_length=nd.array([1, 2]))
    assert y.asnumpy().tolist() == [[[1, 1], [0, 0]], [[1, 1], [2, 2]]]
    both = rnn.BidirectionalCell(cell, Adder(2))
    both.initialize(force_reinit=True)
    assert both.unroll(2, nd.ones((1, 2, 2)), merge_outputs=True)[0].shape == (1, 2, 4)


class Broken(rnn.RecurrentCell):
    def state_info(self, batch_size=0):
        return []

    def forward(self, inputs, states):
        raise LookupError("mine")


def test_what_a_cell_raises_comes_back_as_it_was():
    with pytest.raises(LookupError, match="mine"):
        Broken().unroll(1, nd.ones((1, 1, 1)), valid_length=nd.array([1]))
    with pytest.raises(NotImplementedError):
        rnn.RecurrentCell().begin_state(1)


def test_hooks_see_states():
    # Measured on MXNet 1.9.1.
    layer = ones(rnn.LSTM(3, input_size=2))
    seen = []
    layer.register_forward_hook(
        lambda block, inputs, out: seen.append((len(inputs), type(inputs[1]), type(out)))
    )
    layer(nd.ones((2, 1, 2)))
    layer(nd.ones((2, 1, 2)), layer.begin_state(1))
    assert seen == [(2, list, nd.NDArray), (2, list, tuple)]
    cell = ones(rnn.LSTMCell(3, input_size=2))
    seen.clear()
    cell.register_forward_hook(lambda block, inputs, out: seen.append(len(inputs)))
    cell.unroll(2, nd.ones((1, 2, 2)))
    assert seen == [2, 2]


def test_a_layer_learns_its_width_and_is_trained():
    net = nn.Sequential()
    net.add(rnn.LSTM(3), nn.Dense(1))
    net.initialize()
    with autograd.record():
        y = net(nd.ones((2, 1, 2)))
    y.backward()
    assert net[0].l0_i2h_weight.shape == (12, 2)
    assert repr(net[0]) == "LSTM(2 -> 3, TNC)"
    assert abs(net[0].l0_i2h_weight.grad().asnumpy()).sum() > 0


def test_kinds_of_blocks_are_those_of_gluon():
    assert isinstance(rnn.LSTMCell(2), HybridBlock)
    assert isinstance(rnn.LSTM(2), HybridBlock)
    assert not isinstance(rnn.SequentialRNNCell(), HybridBlock)
    assert isinstance(rnn.HybridSequentialRNNCell(), HybridBlock)
    with pytest.raises(ValueError, match="Children of HybridBlock must also be HybridBlock"):
        rnn.HybridSequentialRNNCell().add(rnn.SequentialRNNCell())


@pytest.mark.parametrize(
    "make", [lambda: rnn.DropoutCell(0.5, axes=(0,)), lambda: rnn.ZoneoutCell(rnn.RNNCell(2), 0.5)]
)
def test_cells_that_draw_do_so_where_their_input_is(make):
    cell, ctx = make(), gluonic.cpu(1)
    cell.initialize(ctx=ctx)
    states = cell.begin_state(batch_size=2, ctx=ctx)
    with autograd.train_mode():
        y, _ = cell(nd.ones((2, 2), ctx=ctx), states)
    assert y.context == ctx
