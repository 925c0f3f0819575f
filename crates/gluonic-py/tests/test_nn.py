"""Layers: golden values of fixtures/ops, and behaviour measured on MXNet 1.9.1."""

import json
from pathlib import Path

import numpy as np
import pytest

import gluonic
from gluonic import autograd, gluon, init, nd
from gluonic.gluon import nn
from gluonic.gluon.contrib import nn as contrib

FIXTURES = Path(__file__).parents[3] / "fixtures" / "ops"
CASES = json.loads((FIXTURES / "index.json").read_text())
LAYERS = {
    "activation": nn.Activation,
    "batchnorm": nn.BatchNorm,
    "conv2d": nn.Conv2D,
    "dense": nn.Dense,
    "embedding": nn.Embedding,
    "layernorm": nn.LayerNorm,
}


@pytest.fixture(autouse=True)
def fresh_names():
    with gluonic.name.NameManager():
        yield


def close(found, expected, kind):
    # f32 against MXNet: 2e-5, 1e-4 for batch norms (spec 12).
    tolerance = 1e-4 if kind == "batchnorm" else 2e-5
    np.testing.assert_allclose(found.asnumpy(), expected, rtol=1e-5, atol=tolerance)


def arrays_of(name):
    return dict(np.load(FIXTURES / f"{name}.npz"))


def layer_of(case, arrays):
    args = {
        word: tuple(value) if isinstance(value, list) else value
        for word, value in case["layer"]["args"].items()
    }
    layer = LAYERS[case["layer"]["t"]](**args)
    layer.initialize()
    layer(nd.array(arrays["x"]))
    for key, value in arrays.items():
        if key.startswith("p:"):
            getattr(layer, key[2:]).set_data(nd.array(value))
    return layer


@pytest.mark.parametrize("name", [name for name in CASES if name != "lstmcell"])
def test_a_layer_and_its_gradients_are_those_of_gluon(name):
    case, arrays = CASES[name], arrays_of(name)
    kind = case["layer"]["t"]
    layer = layer_of(case, arrays)
    for step in range(case["steps"]):
        suffix = "" if step == 0 else f"@{step}"
        x = nd.array(arrays.get(f"x{suffix}", arrays["x"]))
        x.attach_grad()
        with autograd.record(train_mode=case["train"]):
            y = layer(x)
        y.backward(nd.array(arrays[f"dy{suffix}"]))
        close(y, arrays[f"y{suffix}"], kind)
        # DIFFERENCE: MXNet's backward differentiates as in training unless it is told not to.
        by_batch = kind == "batchnorm" and not case["layer"]["args"].get("use_global_stats")
        if f"gx{suffix}" in arrays and (case["train"] or not by_batch):
            close(x.grad, arrays[f"gx{suffix}"], kind)
        for key, value in arrays.items():
            word, _, at = key.partition("@")
            if (f"@{at}" if at else "") != suffix:
                continue
            if word.startswith("g:"):
                close(getattr(layer, word[2:]).grad(), value, kind)
            # Gluon overwrites the gamma of a layer that has none; we leave it (design 9).
            if word.startswith("after:running"):
                close(getattr(layer, word[6:]).data(), value, kind)
    if "y_eval" in arrays:
        close(layer(nd.array(arrays["x"])), arrays["y_eval"], kind)


# Printed by MXNet 1.9.1.
PRINTED = {
    "Flatten": lambda: nn.Flatten(),
    "Activation(relu)": lambda: nn.Activation("relu"),
    "LeakyReLU(0.2)": lambda: nn.LeakyReLU(0.2),
    "LeakyReLU(1)": lambda: nn.LeakyReLU(1),
    "PReLU(\n\n)": lambda: nn.PReLU(),
    "ELU(\n\n)": lambda: nn.ELU(),
    "SELU(\n\n)": lambda: nn.SELU(),
    "GELU(\n\n)": lambda: nn.GELU(),
    "Swish(\n\n)": lambda: nn.Swish(),
    "Embedding(3 -> 4, float32)": lambda: nn.Embedding(3, 4, sparse_grad=True),
    "Dropout(p = 0.5, axes=())": lambda: nn.Dropout(0.5),
    "Dropout(p = 0.5, axes=(1,))": lambda: nn.Dropout(0.5, axes=(1,)),
    "Lambda(<lambda>)": lambda: nn.Lambda(lambda x: x),
    "HybridLambda(<lambda>)": lambda: nn.HybridLambda(lambda F, x: x),
    "BatchNorm(axis=1, eps=1e-05, momentum=0.9, fix_gamma=False, use_global_stats=False, "
    "in_channels=None)": lambda: nn.BatchNorm(),
    "BatchNormReLU(axis=1, eps=1e-05, momentum=0.9, fix_gamma=False, use_global_stats=False, "
    "in_channels=None)": lambda: nn.BatchNormReLU(),
    "GroupNorm(eps=1e-05, num_groups=1, center=True, scale=True)": lambda: nn.GroupNorm(),
    "InstanceNorm(eps=1e-05, axis=1, center=True, scale=False, in_channels=0)": lambda: (
        nn.InstanceNorm()
    ),
    "LayerNorm(eps=1e-05, axis=-1, center=True, scale=True, in_channels=0)": lambda: (
        nn.LayerNorm()
    ),
    "ReflectionPad2D(\n\n)": lambda: nn.ReflectionPad2D(2),
    "Conv2D(None -> 3, kernel_size=(2, 3), stride=(1, 1), padding=(1, 1), dilation=(2, 2), "
    "bias=False, Activation(relu))": lambda: nn.Conv2D(
        3, (2, 3), activation="relu", dilation=2, padding=1, use_bias=False
    ),
    "Conv2DTranspose(3 -> 0, kernel_size=(2, 2), stride=(2, 2))": lambda: nn.Conv2DTranspose(
        3, 2, output_padding=1, strides=2
    ),
    "GlobalAvgPool2D(size=(1, 1), stride=(1, 1), padding=(0, 0), ceil_mode=True, "
    "global_pool=True, pool_type=avg, layout=NCHW)": lambda: nn.GlobalAvgPool2D(),
    "AvgPool1D(size=(2,), stride=(2,), padding=(0,), ceil_mode=False, global_pool=False, "
    "pool_type=avg, layout=NCW)": lambda: nn.AvgPool1D(),
    "MaxPool3D(size=(2, 2, 2), stride=(2, 2, 2), padding=(0, 0, 0), ceil_mode=True, "
    "global_pool=False, pool_type=max, layout=NCDHW)": lambda: nn.MaxPool3D(ceil_mode=True),
    "Identity(\n\n)": lambda: contrib.Identity(),
    "PixelShuffle1D(2)": lambda: contrib.PixelShuffle1D(2),
    "PixelShuffle2D((2, 3))": lambda: contrib.PixelShuffle2D((2, 3)),
    "PixelShuffle3D((2, 2, 2))": lambda: contrib.PixelShuffle3D(2),
}


@pytest.mark.parametrize("text", list(PRINTED))
def test_a_layer_prints_as_in_gluon(text):
    assert repr(PRINTED[text]()) == text


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: nn.Activation("softsign"), "softsign0"),
        (lambda: nn.Conv3D(1, 1), "conv0"),
        (lambda: nn.Conv1DTranspose(1, 1), "conv0"),
        (lambda: nn.MaxPool2D(), "pool0"),
        (lambda: nn.GlobalMaxPool1D(), "pool0"),
        (lambda: nn.BatchNorm(), "batchnorm0"),
        (lambda: nn.PReLU(), "prelu0"),
        (lambda: nn.HybridSequential(), "hybridsequential0"),
        (lambda: nn.Flatten(prefix="flat_"), "flat"),
        (lambda: nn.Activation("relu", prefix="a_"), "a"),
    ],
)
def test_a_layer_is_counted_by_its_word(make, name):
    assert make().name == name


def subclass(cls):
    return type(f"My{cls.__name__}", (cls,), {})


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: subclass(nn.Dense)(3), "MyDense(None -> 3, linear)"),
        (lambda: subclass(nn.Flatten)(), "MyFlatten"),
        (lambda: subclass(nn.Activation)("relu"), "MyActivation(relu)"),
        (lambda: subclass(nn.Embedding)(3, 4), "MyEmbedding(3 -> 4, float32)"),
        (lambda: subclass(nn.GroupNorm)(), "MyGroupNorm(eps=1e-05, num_groups=1, center=True, "
         "scale=True)"),
    ],
)  # fmt: skip
def test_a_subclass_of_a_layer_carries_its_own_name(make, text):
    layer = make()
    assert repr(layer) == text
    assert layer.name == f"{type(layer)._alias(layer)}0"


class Doubled(nn.Dense):
    def forward(self, x):
        return super().forward(x) * 2


class Wider(nn.Dense):
    """A layer with a parameter and a child of its own."""

    def __init__(self, units, **kwargs):
        super().__init__(units, **kwargs)
        self.factor = self.params.get("factor", shape=(1,), init="ones")
        with self.name_scope():
            self.more = nn.Dense(units, flatten=False)

    def forward(self, x):
        return self.more(super().forward(x)) * self.factor.data()


def test_a_subclass_may_override_the_forward():
    layer = Doubled(1, in_units=2)
    layer.initialize(init.One())
    assert layer(nd.ones((1, 2))).asnumpy().item() == 4
    net = nn.Sequential()
    net.add(layer, nn.Dense(1))
    net[1].initialize(init.One())
    assert net(nd.ones((1, 2))).asnumpy().item() == 4


def test_a_subclass_may_have_parameters_and_children_of_its_own():
    layer = Wider(2, in_units=2)
    layer.initialize(init.One())
    assert list(layer.collect_params().keys()) == [
        "wider0_weight",
        "wider0_bias",
        "wider0_factor",
        "wider0_dense0_weight",
        "wider0_dense0_bias",
    ]
    assert layer(nd.ones((1, 2))).asnumpy().tolist() == [[4, 4]]
    assert list(layer._collect_params_with_prefix()) == [
        "weight",
        "bias",
        "factor",
        "more.weight",
        "more.bias",
    ]


def test_the_activation_of_a_layer_is_its_child():
    layer = nn.Dense(2, activation="relu", in_units=2)
    assert list(layer._children) == ["act"]
    assert layer.act.name == "dense0_relu"
    seen = []
    layer.apply(lambda block: seen.append(type(block).__name__))
    assert seen == ["Activation", "Dense"]
    assert nn.Dense(2).act is None


def test_hooks_of_an_activation_see_its_calls():
    layer = nn.Dense(2, activation="tanh", in_units=2)
    layer.initialize(init.One())
    seen = []
    layer.act.register_forward_hook(
        lambda block, inputs, out: seen.append((block, inputs[0].asnumpy().tolist()))
    )
    layer(nd.ones((1, 2)))
    assert seen == [(layer.act, [[2, 2]])]


def test_an_activation_may_be_replaced():
    # Measured on MXNet 1.9.1.
    layer = nn.Dense(2, activation="relu", in_units=2)
    layer.initialize(init.One())
    layer.act = nn.Activation("tanh")
    np.testing.assert_allclose(layer(nd.ones((1, 2))).asnumpy(), [[0.9640276, 0.9640276]], 1e-6)
    assert repr(layer) == "Dense(2 -> 2, Activation(tanh))"
    plain = nn.Dense(2, in_units=2)
    plain.initialize(init.One())
    plain.act = nn.Activation("tanh")
    np.testing.assert_allclose(plain(nd.ones((1, 2))).asnumpy(), [[0.9640276, 0.9640276]], 1e-6)
    assert repr(plain) == "Dense(2 -> 2, Activation(tanh))"
    conv = nn.Conv2D(1, 1, activation="relu", in_channels=1)
    conv.act = nn.Activation("sigmoid")
    assert repr(conv).endswith("stride=(1, 1), Activation(sigmoid))")
    with pytest.raises(TypeError, match="Changing attribute type for act"):
        layer.act = None


def test_padding_mirrors():
    # Measured on MXNet 1.9.1.
    x = nd.array(np.arange(16).reshape(1, 1, 4, 4))
    y = nn.ReflectionPad2D(1)(x).asnumpy()[0, 0]
    assert y[0].tolist() == [5, 4, 5, 6, 7, 6]
    assert y[-1].tolist() == [9, 8, 9, 10, 11, 10]
    assert nn.ReflectionPad2D((0, 0, 0, 0, 1, 1, 2, 2))(x).shape == (1, 1, 6, 8)


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        # Measured on MXNet 1.9.1.
        (lambda: contrib.PixelShuffle1D(2), (1, 4, 3),
         [[[0, 3, 1, 4, 2, 5], [6, 9, 7, 10, 8, 11]]]),
        (lambda: contrib.PixelShuffle2D((2, 3)), (1, 6, 2, 2),
         [[[[0, 4, 8, 1, 5, 9], [12, 16, 20, 13, 17, 21],
            [2, 6, 10, 3, 7, 11], [14, 18, 22, 15, 19, 23]]]]),
        (lambda: contrib.PixelShuffle3D((2, 1, 2)), (1, 4, 2, 2, 1),
         [[[[[0, 4], [1, 5]], [[8, 12], [9, 13]], [[2, 6], [3, 7]], [[10, 14], [11, 15]]]]]),
    ],
)  # fmt: skip
def test_pixels_are_shuffled(layer, shape, expected):
    x = nd.array(np.arange(np.prod(shape)).reshape(shape))
    assert layer()(x).asnumpy().tolist() == expected


@pytest.mark.parametrize(
    ("layer", "shape", "out"),
    [
        (lambda: nn.Conv1D(4, 3), (2, 3, 8), (2, 4, 6)),
        (lambda: nn.Conv2D(4, 3, layout="NHWC"), (2, 8, 8, 3), (2, 6, 6, 4)),
        (lambda: nn.Conv3D(4, 1), (2, 3, 2, 2, 2), (2, 4, 2, 2, 2)),
        (lambda: nn.Conv1DTranspose(4, 3, strides=2, output_padding=1), (2, 3, 8), (2, 4, 18)),
        (lambda: nn.Conv3DTranspose(4, 2), (2, 3, 2, 2, 2), (2, 4, 3, 3, 3)),
        (lambda: nn.MaxPool1D(3, 2, 1), (2, 3, 8), (2, 3, 4)),
        (lambda: nn.MaxPool2D(ceil_mode=True), (2, 3, 5, 5), (2, 3, 3, 3)),
        (lambda: nn.AvgPool3D(), (2, 3, 4, 4, 4), (2, 3, 2, 2, 2)),
        (lambda: nn.GlobalMaxPool3D(), (2, 3, 4, 4, 4), (2, 3, 1, 1, 1)),
        (lambda: nn.Flatten(), (2, 3, 4), (2, 12)),
        (lambda: nn.InstanceNorm(), (2, 3, 4), (2, 3, 4)),
        (lambda: nn.GroupNorm(3), (2, 6, 4), (2, 6, 4)),
        (lambda: nn.SyncBatchNorm(), (2, 6, 4), (2, 6, 4)),
        (lambda: nn.RMSNorm(), (2, 6), (2, 6)),
        (lambda: nn.Residual(nn.Dense(6)), (2, 6), (2, 6)),
        (lambda: nn.MultiHeadAttention(8, 2), (2, 5, 6), (2, 5, 8)),
        (lambda: nn.TransformerEncoderLayer(8, 2), (2, 5, 8), (2, 5, 8)),
        (lambda: nn.TransformerEncoder(2, 8, 2, activation="gelu"), (2, 5, 8), (2, 5, 8)),
    ],
)  # fmt: skip
def test_a_layer_gives_the_shape_that_it_says(layer, shape, out):
    block = layer()
    assert block.infer_shapes(shape) == out
    block.initialize()
    x = nd.array(np.linspace(-1, 1, int(np.prod(shape))).reshape(shape), dtype="float32")
    assert block(x).shape == out


def test_blocks_inside_a_layer_are_reached_and_trained():
    layer = nn.MultiHeadAttention(4, 2, in_units=4)
    assert repr(layer.q_proj) == "Dense(4 -> 4, linear)"
    assert layer.q_proj.weight.name == "multiheadattention0_q_proj_weight"
    assert list(layer.collect_params(".*q_proj").keys()) == [
        "multiheadattention0_q_proj_weight",
        "multiheadattention0_q_proj_bias",
    ]
    layer.initialize()
    seen = []
    layer.q_proj.register_forward_hook(lambda block, inputs, out: seen.append(out.shape))
    layer.register_forward_hook(lambda block, inputs, out: seen.append(len(inputs)))
    memory = nd.ones((1, 5, 4))
    with autograd.record():
        y = layer(nd.ones((1, 3, 4)), memory, valid_length=nd.array([2], dtype="int64"))
    y.backward()
    assert y.shape == (1, 3, 4)
    assert seen == [(1, 3, 4), 2]
    assert layer.out_proj.bias.grad().asnumpy().tolist() == [3, 3, 3, 3]


def test_concurrent_blocks_are_joined():
    for cls in (contrib.Concurrent, contrib.HybridConcurrent, nn.Concatenate):
        net = cls(axis=1)
        net.add(nn.Dense(3), contrib.Identity())
        net.initialize()
        assert net(nd.ones((2, 5))).shape == (2, 8)


def test_dropout_zeroes_in_training_alone():
    layer = nn.Dropout(0.5)
    x = nd.ones((1000,))
    assert layer(x).asnumpy().sum() == 1000
    with autograd.train_mode():
        y = layer(x).asnumpy()
    assert set(y) == {0, 2}
    with autograd.train_mode():
        y = nn.Dropout(0.5, axes=(1,))(nd.ones((50, 4))).asnumpy()
    assert (y == y[:, :1]).all()
    assert set(y.ravel()) == {0, 2}


def test_a_slice_of_a_sequential_is_called_like_the_whole():
    net = nn.Sequential()
    with net.name_scope():
        net.add(nn.Dense(1), nn.Dense(2), nn.Dense(3))
    part = net[0:2]
    assert (type(part), part.prefix, part.params.prefix, len(part)) == (
        nn.Sequential,
        "sequential0_",
        "sequential0_",
        2,
    )
    assert part[0] is net[0]
    assert net[-1] is net[2]
    assert nn.Sequential().name == "sequential1"
    with pytest.raises(IndexError, match="list index out of range"):
        net[3]


def test_batch_norm_keeps_single_precision():
    net = nn.Sequential()
    net.add(nn.Dense(2, in_units=2), nn.BatchNorm(in_channels=2))
    net.initialize()
    net.cast("float16")
    assert net[0].weight.dtype == "float16"
    assert net[1].gamma.dtype == "float32"


def test_wrong_words_are_errors_at_once():
    # Deliberate: MXNet waits for the first forward.
    with pytest.raises(ValueError):
        nn.Dense(3, activation="foo")
    with pytest.raises(ValueError):
        nn.Conv2D(3, 3, layout="HWNC")
    with pytest.raises(AssertionError, match="Slope coefficient for LeakyReLU"):
        nn.LeakyReLU(-1)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        nn.Dense(3, nonsense=1)


def test_parameters_are_shared_by_params():
    shared = nn.Dense(8, activation="relu")
    tied = nn.Dense(8, params=shared.params)
    assert tied.weight is shared.weight
    assert (tied.name, tied.params.prefix) == ("dense1", "dense0_")
    conv = nn.Conv2D(2, 3, in_channels=1)
    assert nn.Conv2D(2, 3, in_channels=1, params=conv.params).bias is conv.bias
    assert gluon.nn.Dense(1).name == "dense2"


@pytest.mark.parametrize("make", [nn.Dense, lambda n: nn.Conv2D(n, 3), lambda n: nn.Embedding(n, 2)])
def test_a_negative_size_is_refused_with_its_number(make):
    with pytest.raises(ValueError, match="a size cannot be -3"):
        make(-3)
