"""Numbers that tell how good predictions are, collected over batches."""

from collections import OrderedDict

import numpy as _np

from . import _gluonic
from .ndarray import NDArray

__all__ = [
    "F1",
    "MAE",
    "MCC",
    "MSE",
    "RMSE",
    "Accuracy",
    "CompositeEvalMetric",
    "CrossEntropy",
    "CustomMetric",
    "EvalMetric",
    "Loss",
    "NegativeLogLikelihood",
    "PearsonCorrelation",
    "Perplexity",
    "TopKAccuracy",
    "alias",
    "check_label_shapes",
    "create",
    "np",
    "register",
]

_registry = {}


def register(klass, name=None):
    """Lets `create` make a metric by the name of its class, in lower case, or by another one."""
    _registry[(name or klass.__name__).lower()] = klass
    return klass


def alias(*names):
    """As `register`, under other names."""

    def add(klass):
        for name in names:
            register(klass, name)
        return klass

    return add


def create(metric, *args, **kwargs):
    """A metric by its name, of a function of labels and predictions, or of a list of these.

    >>> create("acc").get_name_value()
    [('accuracy', nan)]
    """
    if callable(metric):
        return CustomMetric(metric, *args, **kwargs)
    if isinstance(metric, EvalMetric):
        return metric
    if isinstance(metric, (list, tuple)):
        composite = CompositeEvalMetric()
        for one in metric:
            composite.add(create(one, *args, **kwargs))
        return composite
    if not isinstance(metric, str):
        raise AssertionError("metric must be of string type")
    klass = _registry.get(metric.lower())
    if klass is None:
        known = ", ".join(sorted(_registry))
        raise AssertionError(
            f"{metric} is not registered. Please register with metric.register first\n"
            f"there are {known}"
        )
    return klass(*args, **kwargs)


def check_label_shapes(labels, preds, wrap=False, shape=False):
    """Refuses labels and predictions that are not equally many, or with `shape` not of one shape.
    With `wrap`, single arrays become lists."""
    if shape:
        found = labels.shape, preds.shape
    else:
        found = len(labels), len(preds)
    if found[0] != found[1]:
        raise ValueError(
            f"Shape of labels {found[0]} does not match shape of predictions {found[1]}"
        )
    if wrap:
        labels = [labels] if isinstance(labels, NDArray) else labels
        preds = [preds] if isinstance(preds, NDArray) else preds
    return labels, preds


class EvalMetric:
    """A number that is collected over batches: `sum_metric / num_inst`. For your own, override
    `update(labels, preds)` and add to these two.

    >>> class Error(EvalMetric):
    ...     def update(self, labels, preds):
    ...         self.sum_metric += float((labels - preds).abs().sum().asscalar())
    ...         self.num_inst += labels.size
    >>> error = Error("error")
    >>> error.update(nd.array([1.0, 2.0]), nd.array([1.0, 3.0]))
    >>> error.get()
    ('error', 0.5)
    """

    def __init__(self, name, output_names=None, label_names=None, **kwargs):
        self.name = str(name)
        self.output_names = output_names
        self.label_names = label_names
        self._has_global_stats = kwargs.pop("has_global_stats", False)
        self._kwargs = kwargs
        self.reset()

    def __str__(self):
        return f"EvalMetric: {dict(self.get_name_value())}"

    def get_config(self):
        """What the metric can be made of again."""
        config = dict(self._kwargs)
        config.update(
            metric=type(self).__name__,
            name=self.name,
            output_names=self.output_names,
            label_names=self.label_names,
        )
        return config

    def update_dict(self, label, pred):
        """Counts a batch that is given by names."""
        preds = [pred[n] for n in self.output_names] if self.output_names else pred.values()
        labels = [label[n] for n in self.label_names] if self.label_names else label.values()
        self.update(list(labels), list(preds))

    def update(self, labels, preds):
        """Counts a batch. Override it."""
        raise NotImplementedError

    def reset(self):
        """Forgets all batches."""
        self.num_inst = 0
        self.sum_metric = 0.0
        self.global_num_inst = 0
        self.global_sum_metric = 0.0

    def reset_local(self):
        """Forgets all batches; those that a subclass has counted as global stay."""
        self.num_inst = 0
        self.sum_metric = 0.0

    def get(self):
        """The name and the value of all batches so far; NaN if there were none."""
        if self.num_inst == 0:
            return (self.name, float("nan"))
        return (self.name, self.sum_metric / self.num_inst)

    def get_global(self):
        """As `get`, of what was counted as global."""
        if not self._has_global_stats:
            return self.get()
        if self.global_num_inst == 0:
            return (self.name, float("nan"))
        return (self.name, self.global_sum_metric / self.global_num_inst)

    def get_name_value(self):
        """Names and values as a list of pairs."""
        return _pairs(self.get())

    def get_global_name_value(self):
        """As `get_name_value`, of what was counted as global."""
        return _pairs(self.get_global())


def _pairs(named):
    name, value = named
    name = name if isinstance(name, list) else [name]
    value = value if isinstance(value, list) else [value]
    return list(zip(name, value))


class _Native(EvalMetric):
    """A metric of gluonic. What `reset_local` leaves is kept in a second one."""

    def __init__(self, name, output_names, label_names, kind, make=None, **config):
        self._make = lambda: _gluonic._Metric(kind, **(config if make is None else make))
        self._metric = self._make()
        self._global = None
        super().__init__(name, output_names, label_names, **config)

    def update(self, labels, preds):
        """Counts a batch: an array each, or a list of them."""
        labels, preds = check_label_shapes(labels, preds, True)
        for label, pred in zip(labels, preds):
            self._count(label, pred)

    def _count(self, label, pred):
        try:
            self._metric.update(label, pred)
        except _gluonic.MXNetError as error:
            raise ValueError(_misfit(label, pred) + f"\n{error}") from None
        if self._global is not None:
            self._global.update(label, pred)

    def reset(self):
        """Forgets all batches."""
        self._metric.reset()
        self._global = None

    def reset_local(self):
        """Forgets all batches, but for `get_global`."""
        if self._global is None:
            self._global = self._metric
            self._metric = self._make()
        else:
            self._metric.reset()

    def get(self):
        """The name and the value of all batches so far; NaN if there were none."""
        return (self.name, self._metric.value())

    def get_global(self):
        """As `get`, without regard to `reset_local`."""
        counted = self._metric if self._global is None else self._global
        return (self.name, counted.value())


def _misfit(label, pred):
    found = len(pred.reshape((-1,))) if pred.size == 0 else pred.shape[0]
    return f"Shape of labels {label.size} does not match shape of predictions {found}"


@alias("acc")
@register
class Accuracy(_Native):
    """The part of the predictions that equal their label: of scores, the class of the largest.

    >>> accuracy = Accuracy()
    >>> accuracy.update(nd.array([1, 1]), nd.array([[0.1, 0.9], [0.8, 0.2]]))
    >>> accuracy.get()
    ('accuracy', 0.5)
    """

    def __init__(self, axis=1, name="accuracy", output_names=None, label_names=None):
        super().__init__(name, output_names, label_names, "accuracy", axis=axis)
        self.axis = axis


@alias("top_k_accuracy", "top_k_acc")
@register
class TopKAccuracy(_Native):
    """The part of the labels that are among the classes of the `top_k` largest scores."""

    def __init__(self, top_k=1, name="top_k_accuracy", output_names=None, label_names=None):
        if top_k <= 1:
            raise AssertionError("Please use Accuracy if top_k is no more than 1")
        name = f"{name}_{top_k}"
        super().__init__(name, output_names, label_names, "top_k_accuracy", top_k=top_k)
        self.top_k = top_k


class _Binary(_Native):
    """A metric of a choice between two classes: 1, and anything else."""

    def _count(self, label, pred):
        chosen = _np.argmax(pred.asnumpy(), axis=1)
        labels = label.asnumpy().astype("int32").reshape(-1)
        if labels.shape != chosen.reshape(-1).shape:
            raise ValueError(_misfit(label, pred))
        if len(_np.unique(labels)) > 2:
            raise ValueError(
                "_BinaryClassificationMetrics currently only supports binary classification."
                f"\nfound the labels {', '.join(map(str, _np.unique(labels)))}"
            )
        ones = (chosen.reshape(-1) == 1).astype("float32")
        super()._count(_array(labels == 1), _array(_np.stack([1 - ones, ones], axis=1)))


def _array(values):
    return _gluonic.array(values, "float32", None)


@register
class F1(_Binary):
    """The F1 score of a choice between two classes: the mean over batches, or with
    `average="micro"` one score of all."""

    def __init__(self, name="f1", output_names=None, label_names=None, average="macro"):
        super().__init__(name, output_names, label_names, "f1", make={"average": average})
        self.average = average


@register
class MCC(_Binary):
    """The correlation coefficient of Matthews of a choice between two classes."""

    def __init__(self, name="mcc", output_names=None, label_names=None, average="macro"):
        super().__init__(name, output_names, label_names, "mcc", make={"average": average})


@register
class MAE(_Native):
    """The mean over batches of the mean absolute error."""

    def __init__(self, name="mae", output_names=None, label_names=None):
        super().__init__(name, output_names, label_names, "mae")


@register
class MSE(_Native):
    """The mean over batches of the mean squared error."""

    def __init__(self, name="mse", output_names=None, label_names=None):
        super().__init__(name, output_names, label_names, "mse")


@register
class RMSE(_Native):
    """The mean over batches of the root of the mean squared error."""

    def __init__(self, name="rmse", output_names=None, label_names=None):
        super().__init__(name, output_names, label_names, "rmse")


@alias("ce")
@register
class CrossEntropy(_Native):
    """The mean of `-log(p[label] + eps)` for predicted probabilities."""

    def __init__(self, eps=1e-12, name="cross-entropy", output_names=None, label_names=None):
        super().__init__(name, output_names, label_names, "cross-entropy", eps=eps)
        self.eps = eps


@alias("nll_loss")
@register
class NegativeLogLikelihood(_Native):
    """The same number as `CrossEntropy`, under another name."""

    def __init__(self, eps=1e-12, name="nll-loss", output_names=None, label_names=None):
        super().__init__(name, output_names, label_names, "cross-entropy", eps=eps)
        self.eps = eps


@register
class Perplexity(_Native):
    """`exp` of the mean of `-log(p[label])`; labels that are to be ignored do not count."""

    def __init__(
        self, ignore_label, axis=-1, name="perplexity", output_names=None, label_names=None
    ):
        make = {"ignore_label": ignore_label, "axis": axis}
        super().__init__(
            name, output_names, label_names, "perplexity", make=make, ignore_label=ignore_label
        )
        self.ignore_label = ignore_label
        self.axis = axis


@alias("pearsonr")
@register
class PearsonCorrelation(_Native):
    """Pearson's correlation of predictions and labels: the mean over batches, or with
    `average="micro"` that of all together."""

    def __init__(self, name="pearsonr", output_names=None, label_names=None, average="macro"):
        super().__init__(name, output_names, label_names, "pearsonr", make={"average": average})
        self.average = average


@register
class Loss(_Native):
    """The mean of all elements of the predictions, which are losses. Labels are not looked at."""

    def __init__(self, name="loss", output_names=None, label_names=None):
        super().__init__(name, output_names, label_names, "loss")

    def update(self, _, preds):
        """Counts the losses of a batch: an array, or a list of them."""
        for losses in [preds] if isinstance(preds, NDArray) else preds:
            self._count(losses, losses)


@alias("composite")
@register
class CompositeEvalMetric(EvalMetric):
    """Several metrics that count the same batches.

    >>> CompositeEvalMetric([Accuracy(), MAE()]).get()
    (['accuracy', 'mae'], [nan, nan])
    """

    def __init__(self, metrics=None, name="composite", output_names=None, label_names=None):
        self.metrics = [create(metric) for metric in metrics or []]
        super().__init__(name, output_names, label_names)

    def add(self, metric):
        """Adds a metric, after the others."""
        self.metrics.append(create(metric))

    def get_metric(self, index):
        """The metric of a number."""
        try:
            return self.metrics[index]
        except IndexError:
            # MXNet returns this error in place of raising it.
            raise ValueError(
                f"Metric index {index} is out of range 0 and {len(self.metrics)}"
            ) from None

    def update_dict(self, labels, preds):
        """Counts a batch that is given by names in each metric."""
        if self.label_names is not None:
            labels = OrderedDict((k, v) for k, v in labels.items() if k in self.label_names)
        if self.output_names is not None:
            preds = OrderedDict((k, v) for k, v in preds.items() if k in self.output_names)
        for metric in self.metrics:
            metric.update_dict(labels, preds)

    def update(self, labels, preds):
        """Counts a batch in each metric."""
        for metric in self.metrics:
            metric.update(labels, preds)

    def reset(self):
        """Forgets all batches."""
        for metric in self.metrics:
            metric.reset()

    def reset_local(self):
        """Forgets all batches, but for `get_global`."""
        for metric in self.metrics:
            metric.reset_local()

    def get(self):
        """The names and the values."""
        return _joined(metric.get() for metric in self.metrics)

    def get_global(self):
        """As `get`, without regard to `reset_local`."""
        return _joined(metric.get_global() for metric in self.metrics)

    def get_config(self):
        """What the metric can be made of again."""
        config = super().get_config()
        config["metrics"] = [metric.get_config() for metric in self.metrics]
        return config


def _joined(named):
    names, values = [], []
    for name, value in named:
        names.extend(name if isinstance(name, list) else [name])
        values.extend(value if isinstance(value, list) else [value])
    return names, values


@register
class CustomMetric(EvalMetric):
    """The mean of what a function makes of labels and predictions, which it is given as NumPy
    arrays. It returns a number, or a sum and the number of its terms."""

    def __init__(
        self, feval, name=None, allow_extra_outputs=False, output_names=None, label_names=None
    ):
        if name is None:
            name = feval.__name__
            name = f"custom({name})" if "<" in name else name
        super().__init__(
            name,
            output_names,
            label_names,
            feval=feval,
            allow_extra_outputs=allow_extra_outputs,
            has_global_stats=True,
        )
        self._feval = feval
        self._allow_extra_outputs = allow_extra_outputs

    def update(self, labels, preds):
        """Counts a batch: an array each, or a list of them."""
        if self._allow_extra_outputs:
            labels = [labels] if isinstance(labels, NDArray) else labels
            preds = [preds] if isinstance(preds, NDArray) else preds
        else:
            labels, preds = check_label_shapes(labels, preds, True)
        for pred, label in zip(preds, labels):
            value = self._feval(label.asnumpy(), pred.asnumpy())
            total, count = value if isinstance(value, tuple) else (value, 1)
            self.sum_metric += total
            self.global_sum_metric += total
            self.num_inst += count
            self.global_num_inst += count

    def get_config(self):
        """Refused: a function has no text."""
        raise NotImplementedError("CustomMetric cannot be serialized")


def np(numpy_feval, name=None, allow_extra_outputs=False):
    """A metric of a function of labels and predictions as NumPy arrays.

    >>> metric = np(lambda labels, preds: abs(labels - preds).mean(), name="distance")
    >>> metric.update(nd.array([1.0]), nd.array([3.0]))
    >>> metric.get()
    ('distance', 2.0)
    """

    def feval(label, pred):
        return numpy_feval(label, pred)

    feval.__name__ = numpy_feval.__name__
    return CustomMetric(feval, name, allow_extra_outputs)
