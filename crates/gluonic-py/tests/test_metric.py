"""Metrics. Every number was printed by MXNet 1.9.1 for the same arrays."""

import math

import numpy as np
import pytest

import gluonic as mx
from gluonic import metric, nd

PREDS, LABELS = [[0.3, 0.7], [0, 1.0], [0.4, 0.6], [0.9, 0.1]], [0, 1, 1, 0]
PREDS2, LABELS2 = [[0.2, 0.8], [0.6, 0.4]], [1, 0]

CLASSES = [
    (lambda: metric.Accuracy(), "accuracy", 0.75, 0.8333333333333334),
    (lambda: metric.TopKAccuracy(top_k=2), "top_k_accuracy_2", 1.0, 1.0),
    (lambda: metric.F1(), "f1", 0.8, 0.9),
    (lambda: metric.F1(average="micro"), "f1", 0.8, 0.8571428571428571),
    (lambda: metric.MCC(), "mcc", 0.5773502691896258, 0.7886751345948129),
    (lambda: metric.MCC(average="micro"), "mcc", 0.5773502691896258, 0.7071067811865476),
    (lambda: metric.CrossEntropy(), "cross-entropy", 0.45503973960876465, 0.4256880084673564),
    (lambda: metric.NegativeLogLikelihood(), "nll-loss", 0.45503973960876465, 0.4256880084673564),
    (lambda: metric.Perplexity(None), "perplexity", 1.57623602079217, 1.5306431567282608),
    (lambda: metric.Perplexity(ignore_label=0), "perplexity", 1.2909944168689313,
     1.2771823584540267),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32"])
@pytest.mark.parametrize("make, name, first, both", CLASSES)
def test_classifications_are_measured_as_in_mxnet(make, name, first, both, dtype):
    one = make()
    assert one.get()[0] == name and math.isnan(one.get()[1])
    kind = "float32" if dtype == "int32" else dtype
    tolerance = 1e-3 if dtype == "float16" else 1e-6
    one.update([nd.array(LABELS, dtype=dtype)], [nd.array(PREDS, dtype=kind)])
    assert one.get() == (name, pytest.approx(first, rel=tolerance))
    one.update(nd.array(LABELS2, dtype=dtype), nd.array(PREDS2, dtype=kind))
    assert one.get_name_value() == [(name, pytest.approx(both, rel=tolerance))]
    one.reset()
    assert math.isnan(one.get()[1])


@pytest.mark.parametrize(
    "make, name, expected",
    [
        (lambda: metric.MAE(), "mae", 2.75),
        (lambda: metric.MSE(), "mse", 15.0),
        (lambda: metric.RMSE(), "rmse", 3.74101459980011),
        (lambda: metric.PearsonCorrelation(), "pearsonr", -0.9061334965279849),
        (lambda: metric.PearsonCorrelation(average="micro"), "pearsonr", -0.7382716607354267),
        (lambda: metric.Loss(), "loss", 2.75),
    ],
)
def test_regressions_are_measured_as_in_mxnet(make, name, expected):
    a, b = nd.array([[1.0, 2], [3, 5]]), nd.array([[2.0, 2], [1, 0]])
    one = make()
    one.update([a], [b])
    one.update([b], [nd.array([[1.0, 4], [3, 9]])])
    assert one.get() == (name, pytest.approx(expected, rel=1e-6))


def test_labels_and_predictions_that_do_not_fit_are_refused():
    def text(call):
        with pytest.raises(ValueError) as raised:
            call()
        return str(raised.value).split("\n")[0]

    labels, preds = nd.array(LABELS), nd.array(PREDS)
    accuracy = metric.Accuracy()
    expected = "Shape of labels 2 does not match shape of predictions "
    assert text(lambda: accuracy.update([labels, labels], [preds])) == expected + "1"
    assert text(lambda: accuracy.update([nd.array(LABELS2)], [preds])) == expected + "4"
    assert math.isnan(accuracy.get()[1])


def test_more_than_two_classes_are_refused_by_f1():
    with pytest.raises(ValueError):
        metric.F1().update(nd.array([0, 1, 2]), nd.array([[0.1, 0.9]] * 3))


def test_metrics_are_made_by_name_list_and_function():
    for name, kind in [
        ("acc", metric.Accuracy), ("accuracy", metric.Accuracy), ("ce", metric.CrossEntropy),
        ("crossentropy", metric.CrossEntropy), ("nll_loss", metric.NegativeLogLikelihood),
        ("pearsonr", metric.PearsonCorrelation), ("MSE", metric.MSE), ("mcc", metric.MCC),
        ("composite", metric.CompositeEvalMetric), ("loss", metric.Loss),
    ]:
        assert type(metric.create(name)) is kind
    assert metric.create("acc", name="foo").get()[0] == "foo"
    assert metric.create("top_k_accuracy", top_k=3).get()[0] == "top_k_accuracy_3"
    with pytest.raises(AssertionError) as raised:
        metric.create("foo")
    first = str(raised.value).split("\n")[0]
    assert first == "foo is not registered. Please register with metric.register first"
    with pytest.raises(AssertionError, match="Please use Accuracy if top_k is no more than 1"):
        metric.TopKAccuracy(top_k=1)
    both = metric.create(["acc", "ce"])
    both.update([nd.array(LABELS)], [nd.array(PREDS)])
    names, values = both.get()
    assert names == ["accuracy", "cross-entropy"]
    assert values == pytest.approx([0.75, 0.45503973960876465])
    with pytest.raises(ValueError, match="Metric index 7 is out of range 0 and 2"):
        both.get_metric(7)


def test_functions_are_metrics():
    a, b = nd.array([[1.0, 2], [3, 5]]), nd.array([[2.0, 2], [1, 0]])
    custom = metric.create(lambda label, pred: float((label - pred).sum()))
    custom.update([a], [b])
    assert custom.get() == ("custom(<lambda>)", 6.0)
    counted = metric.np(lambda label, pred: (1.0, 4), name="x")
    counted.update([a], [b])
    assert counted.get() == ("x", 0.25)


def test_a_metric_of_ones_own_adds_to_two_numbers():
    class Halves(metric.EvalMetric):
        def update(self, labels, preds):
            self.sum_metric += 1
            self.num_inst += 2

    halves = Halves("halves")
    halves.update(None, None)
    assert halves.get() == halves.get_global() == ("halves", 0.5)
    assert str(halves) == "EvalMetric: {'halves': 0.5}"
    with pytest.raises(NotImplementedError):
        metric.EvalMetric("x").update(None, None)


def test_a_local_reset_leaves_the_global_value():
    accuracy = metric.Accuracy()
    accuracy.update(nd.array(LABELS), nd.array(PREDS))
    accuracy.reset_local()
    assert math.isnan(accuracy.get()[1]) and accuracy.get_global() == ("accuracy", 0.75)
    accuracy.update(nd.array(LABELS2), nd.array(PREDS2))
    assert accuracy.get() == ("accuracy", 1.0)
    assert accuracy.get_global() == ("accuracy", pytest.approx(5 / 6))


def test_batches_by_name_take_the_named_arrays():
    accuracy = metric.Accuracy(output_names=["o"], label_names=["l"])
    preds = nd.array(PREDS)
    accuracy.update_dict({"l": nd.array(LABELS)}, {"o": preds, "z": preds})
    assert accuracy.get() == ("accuracy", 0.75)
    assert accuracy.get_config() == {
        "axis": 1, "metric": "Accuracy", "name": "accuracy", "output_names": ["o"],
        "label_names": ["l"],
    }


def test_arrays_of_the_np_dialect_are_counted():
    preds = nd.array(PREDS).as_np_ndarray()
    accuracy = metric.Accuracy()
    accuracy.update(nd.array(LABELS).as_np_ndarray(), preds)
    assert accuracy.get() == ("accuracy", 0.75)


def test_the_mean_loss_counts_elements():
    loss = metric.Loss()
    loss.update(0, nd.array([1.0, 2.0]))
    loss.update(None, [nd.array([6.0])])
    assert loss.get() == ("loss", 3.0)
    assert isinstance(mx.metric, type(np)) or mx.metric is metric


@pytest.mark.parametrize(
    ("labels", "f1", "mcc"),
    [([0, 1, 1, 0], 0.5, 0.0), ([0, 2, 2, 0], 0.0, 0.0), ([-1, 1, 1, -1], 0.5, 0.0),
     ([0.5, 1, 0, 1], 1.0, 1.0), ([0, 0, 0, 0], 0.0, 0.0)],
)
@pytest.mark.parametrize("columns", [2, 3])
def test_a_choice_of_two_is_between_1_and_anything_else(labels, f1, mcc, columns):
    scores = nd.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.6, 0.4, 0], [0.3, 0.7, 0]])[:, :columns]
    for make, expected in ((metric.F1, f1), (metric.MCC, mcc)):
        found = make()
        found.update(nd.array(labels), scores)
        assert found.get()[1] == pytest.approx(expected)


def test_a_choice_of_three_is_refused():
    scores = nd.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    with pytest.raises(ValueError, match="only supports binary classification"):
        metric.F1().update(nd.array([0, 1, 2]), scores)
    with pytest.raises(ValueError, match="Shape of labels 2 does not match"):
        metric.MCC().update(nd.array([0, 1]), scores)
    with pytest.raises(ValueError, match="axis 1 is out of bounds"):
        metric.F1().update(nd.array([0, 1]), nd.array([0, 1]))
