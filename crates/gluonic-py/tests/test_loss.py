"""Losses: golden values of fixtures/losses, and behaviour measured on MXNet 1.9.1."""

import json
from pathlib import Path

import numpy as np
import pytest

import gluonic
from gluonic import autograd, gluon, nd
from gluonic.gluon import loss as gloss

FIXTURES = Path(__file__).parents[3] / "fixtures" / "losses"
CASES = json.loads((FIXTURES / "index.json").read_text())

# Two samples of three numbers, and labels for them.
PRED = [[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]]
LABEL = [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]


@pytest.fixture(autouse=True)
def fresh_names():
    with gluonic.name.NameManager():
        yield


@pytest.mark.parametrize("name", list(CASES))
def test_a_loss_and_its_gradient_are_those_of_gluon(name):
    case = CASES[name]
    arrays = np.load(FIXTURES / f"{name}.npz")
    loss = getattr(gloss, case["cls"])(**case["args"])
    assert repr(loss) == case["repr"]
    pred = nd.array(arrays["pred"])
    pred.attach_grad()
    extra = [nd.array(arrays[word]) for word in case["extra"]]
    with autograd.record():
        values = loss(pred, nd.array(arrays["label"]), *extra)
    values.backward()
    np.testing.assert_allclose(values.asnumpy(), arrays["loss"], rtol=1e-5, atol=2e-5)
    np.testing.assert_allclose(pred.grad.asnumpy(), arrays["gpred"], rtol=1e-5, atol=2e-5)


# Measured on MXNet 1.9.1 with PRED and LABEL.
MEASURED = {
    "poisson": (lambda p, y: gloss.PoissonNLLLoss()(p, y), [5.046506]),
    "poisson of weights": (
        lambda p, y: gloss.PoissonNLLLoss()(p, y, nd.array([[1.0], [2.0]])),
        [5.727533],
    ),
    "triplet": (lambda p, y: gloss.TripletLoss(margin=1)(p, y, nd.zeros((2, 3))), [0.0, 3.0]),
    "cosine": (
        lambda p, y: gloss.CosineEmbeddingLoss(margin=0.1)(p, y, nd.array([1, -1])),
        [[0.244071], [0.0]],
    ),
    "weights of positives": (
        lambda p, y: gloss.SigmoidBCELoss()(p, y, None, nd.array([1.0, 2.0, 3.0])),
        [0.86198395, 1.7531519],
    ),
    "binary labels": (
        lambda p, y: gloss.LogisticLoss(label_format="binary")(p, y),
        [0.8295924, 0.7732236],
    ),
    "weights of samples": (
        lambda p, y: gloss.L2Loss()(p, y, nd.array([[1.0], [3.0]])),
        [1.3333334, 2.0],
    ),
    "huber": (lambda p, y: gloss.HuberLoss(rho=0.5)(p, y), [1.1666666, 0.5833333]),
    "another batch axis": (lambda p, y: gloss.L1Loss(batch_axis=1)(p, y), [0.0, 1.0, 2.0]),
    "weights of classes": (
        lambda p, _: gloss.SoftmaxCELoss()(p, nd.array([0, 2]), nd.array([[1.0], [0.0]])),
        [2.4076037, 0.0],
    ),
}


@pytest.mark.parametrize("name", list(MEASURED))
def test_a_loss_with_options_is_that_of_gluon(name):
    call, expected = MEASURED[name]
    values = call(nd.array(PRED), nd.array(LABEL)).asnumpy()
    assert values.shape == np.shape(expected)
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)


def test_ctc_is_that_of_gluon():
    # Measured on MXNet 1.9.1.
    pred = nd.array(np.arange(24).reshape(2, 4, 3) / 10)
    loss = gloss.CTCLoss()
    values = loss(pred, nd.array([[0, 1], [1, -1]])).asnumpy()
    np.testing.assert_allclose(values, [1.712474, 1.9002894], rtol=1e-5)
    lengths = (nd.array([3, 4]), nd.array([2, 1]))
    values = loss(pred, nd.array([[0, 1], [1, 0]]), *lengths).asnumpy()
    np.testing.assert_allclose(values, [1.7532643, 1.9002894], rtol=1e-5)
    assert repr(gloss.CTCLoss(label_layout="TN")) == "CTCLoss(batch_axis=1, w=None)"


@pytest.mark.parametrize("dtype", ["int32", "int64", "float64", "float32"])
def test_labels_may_be_of_any_type(dtype):
    values = gloss.SoftmaxCELoss()(nd.array(PRED), nd.array([0, 2], dtype=dtype))
    np.testing.assert_allclose(values.asnumpy(), [2.4076037, 2.4076037], rtol=1e-5)


def test_labels_take_the_shape_of_the_prediction_or_are_refused():
    loss = gloss.L2Loss()
    assert loss(nd.ones((2, 1)), nd.array([1.0, 0.0])).asnumpy().tolist() == [0.0, 0.5]
    with pytest.raises(ValueError):
        loss(nd.ones((2, 1)), nd.array([1.0, 0.0, 3.0]))


def test_losses_are_counted_and_carry_prefixes():
    assert gloss.L2Loss().name == "l2loss0"
    assert gloss.L2Loss().name == "l2loss1"
    assert gloss.SoftmaxCELoss().name == "softmaxcrossentropyloss0"
    assert gloss.L2Loss(prefix="a_").name == "a"
    assert gloss.SigmoidBCELoss is gloss.SigmoidBinaryCrossEntropyLoss
    assert gluon.loss.L1Loss is gloss.L1Loss


def test_a_batch_of_no_samples_has_no_losses():
    values = gloss.L2Loss()(nd.array(np.zeros((0, 3))), nd.array(np.zeros((0, 3))))
    assert values.shape == (0,)


def test_wrong_words_are_refused_in_gluons_words():
    with pytest.raises(ValueError, match="label_format can only be signed or binary"):
        gloss.LogisticLoss(label_format="x")
    with pytest.raises(AssertionError, match="Only 'NTC' and 'TNC' layouts for pred"):
        gloss.CTCLoss(layout="CNT")
    with pytest.raises(NotImplementedError, match="SDMLLoss"):
        gloss.SDMLLoss()


class Masked(gloss.SoftmaxCrossEntropyLoss):
    """A loss of one's own on one of Gluon's: the book's, for sequences of several lengths."""

    def forward(self, pred, label, weights):
        return super().forward(pred, label, weights)


def test_a_loss_may_be_subclassed():
    weights = nd.array([[[1.0], [1.0]], [[1.0], [0.0]], [[0.0], [0.0]]])
    values = Masked()(nd.ones((3, 2, 10)), nd.ones((3, 2)), weights).asnumpy()
    # log(10), half of it, nothing.
    np.testing.assert_allclose(values, [2.302585, 1.1512926, 0.0], rtol=1e-5)
    assert Masked().name == "masked1"


class Scaled(gloss.Loss):
    def __init__(self, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)

    def hybrid_forward(self, F, pred, label):
        return (pred - label) * self._weight


def test_a_loss_of_ones_own_prints_as_a_loss():
    loss = Scaled(2.0)
    assert repr(loss) == "Scaled(batch_axis=0, w=2.0)"
    assert loss(nd.ones((1,)), nd.zeros((1,))).asnumpy().tolist() == [2.0]


def test_a_loss_speaks_the_dialect_of_its_prediction():
    pred = nd.array(PRED).as_np_ndarray()
    assert type(gloss.L2Loss()(pred, nd.array(LABEL).as_np_ndarray())) is type(pred)


# Weights broadcast as NumPy does it. The numbers are MXNet 1.9.1's.
@pytest.mark.parametrize(
    ("shape", "expected"),
    [((2,), [0.69314647, 0.69314647]), ((2, 1, 1), [0, 1.3862929]), ((3,), [1.3862929] * 2),
     ((2, 3, 1), [1.3862929, 5.5451717]), ((1, 3), [1.3862929] * 2), ((3, 1), [1.3862929] * 2),
     ((4,), [2.0794394] * 2)],
)
def test_weights_of_a_cross_entropy_broadcast_from_the_last_axis(shape, expected):
    weights = nd.arange(int(np.prod(shape))).reshape(shape)
    found = gloss.SoftmaxCELoss()(nd.ones((2, 3, 4)), nd.zeros((2, 3)), weights)
    np.testing.assert_allclose(found.asnumpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(2, 1), (2, 3)])
def test_weights_that_do_not_fit_a_cross_entropy_are_refused(shape):
    with pytest.raises(gluonic.MXNetError):
        gloss.SoftmaxCELoss()(nd.ones((2, 3, 4)), nd.zeros((2, 3)), nd.ones(shape))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [(gloss.L2Loss(), [2.8333333, 0.1111111]), (gloss.L1Loss(), [2.3333333, 0.4444444]),
     (gloss.SigmoidBCELoss(), [1.8524786, 0.7887409]), (gloss.KLDivLoss(), [-3.765279, -1.4319457]),
     (gloss.HuberLoss(), [1.8333334, 0.1111111]), (gloss.HingeLoss(), [0.1111111, 0.8888888]),
     (gloss.SquaredHingeLoss(), [0.037037, 0.8148148]),
     (gloss.LogisticLoss(), [0.9635898, 0.6776299])],
    ids=lambda value: type(value).__name__,
)
def test_weights_of_one_axis_are_those_of_the_last_one(loss, expected):
    pred, label = nd.array([[1.0, 2, 3], [0, 1, 0]]), nd.ones((2, 3)) / 3
    np.testing.assert_allclose(loss(pred, label, nd.arange(3)).asnumpy(), expected, rtol=1e-5)
    with pytest.raises(gluonic.MXNetError):
        loss(pred, label, nd.arange(2))


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_a_label_that_is_no_class_counts_as_the_nearest_one(dtype):
    # MXNet's: old programs pad labels with -1, and mask the losses afterwards.
    pred, label = nd.array([[1.0, 2, 3]] * 5), nd.array([-1, 0, 1.7, 3, 7], dtype=dtype)
    pred.attach_grad()
    with autograd.record():
        losses = gloss.SoftmaxCELoss()(pred, label)
    losses.backward()
    np.testing.assert_allclose(
        losses.asnumpy(), [2.407606, 2.407606, 1.407606, 0.407606, 0.407606], rtol=1e-5
    )
    assert pred.grad.asnumpy().argmin(axis=1).tolist() == [0, 0, 1, 2, 2]
