"""Losses: one value for each sample, the mean over its other axes."""

from .. import _gluonic
from .block import HybridBlock

__all__ = [
    "CTCLoss",
    "CosineEmbeddingLoss",
    "HingeLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "L2Loss",
    "LogisticLoss",
    "Loss",
    "PoissonNLLLoss",
    "SDMLLoss",
    "SigmoidBCELoss",
    "SigmoidBinaryCrossEntropyLoss",
    "SoftmaxCELoss",
    "SoftmaxCrossEntropyLoss",
    "SquaredHingeLoss",
    "TripletLoss",
]


class Loss(HybridBlock):
    """The base of losses: `weight` times everything, and the axis of the samples."""

    def __init__(self, weight, batch_axis, **kwargs):
        super().__init__(**kwargs)
        self._weight = weight
        self._batch_axis = batch_axis

    def __repr__(self):
        return f"{type(self).__name__}(batch_axis={self._batch_axis}, w={self._weight})"

    def hybrid_forward(self, F, x, *args, **kwargs):
        """Computes the loss. Override it."""
        raise NotImplementedError


class _PlainLoss(Loss):
    """A loss of a prediction and a label, and of one number."""

    _kind = ""
    _number = 0.0

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        """Computes the loss of each sample."""
        return _gluonic.plain_loss(
            self._kind,
            self._number,
            self._weight,
            self._batch_axis,
            pred,
            label,
            sample_weight,
            None,
        )


class L2Loss(_PlainLoss):
    """Half the squared error: `weight / 2 · (label - pred)²`.

    >>> float(L2Loss()(nd.array([[1.0, 3.0]]), nd.array([[1.0, 1.0]])).asscalar())
    1.0
    """

    _kind = "l2"

    def __init__(self, weight=1.0, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)


class L1Loss(_PlainLoss):
    """The absolute error."""

    _kind = "l1"

    def __init__(self, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)


class HuberLoss(_PlainLoss):
    """The absolute error, squared where it is below `rho`."""

    _kind = "huber"

    def __init__(self, rho=1, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._rho = self._number = rho


class HingeLoss(_PlainLoss):
    """`max(0, margin - pred · label)`, for labels 1 and -1."""

    _kind = "hinge"

    def __init__(self, margin=1, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = self._number = margin


class SquaredHingeLoss(_PlainLoss):
    """The square of `HingeLoss`."""

    _kind = "squared_hinge"

    def __init__(self, margin=1, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = self._number = margin


class SigmoidBinaryCrossEntropyLoss(Loss):
    """The cross-entropy of independent yes-or-no labels."""

    def __init__(self, from_sigmoid=False, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._from_sigmoid = from_sigmoid

    def hybrid_forward(self, F, pred, label, sample_weight=None, pos_weight=None):
        """Computes the loss of each sample."""
        return _gluonic.sigmoid_cross_entropy_loss(
            self._from_sigmoid,
            self._weight,
            self._batch_axis,
            pred,
            label,
            sample_weight,
            pos_weight,
        )


SigmoidBCELoss = SigmoidBinaryCrossEntropyLoss


class SoftmaxCrossEntropyLoss(Loss):
    """The cross-entropy of a softmax: with labels that are classes, or with `sparse_label=False`
    probabilities.

    >>> SoftmaxCrossEntropyLoss()(nd.zeros((1, 4)), nd.array([2])).shape
    (1,)
    """

    def __init__(
        self, axis=-1, sparse_label=True, from_logits=False, weight=None, batch_axis=0, **kwargs
    ):
        super().__init__(weight, batch_axis, **kwargs)
        self._axis = axis
        self._sparse_label = sparse_label
        self._from_logits = from_logits

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        """Computes the loss of each sample."""
        return _gluonic.softmax_cross_entropy_loss(
            self._axis,
            self._sparse_label,
            self._from_logits,
            self._weight,
            self._batch_axis,
            pred,
            label,
            sample_weight,
        )


SoftmaxCELoss = SoftmaxCrossEntropyLoss


class KLDivLoss(Loss):
    """The Kullback-Leibler divergence of logarithms of probabilities from the label's
    probabilities."""

    def __init__(self, from_logits=True, axis=-1, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._from_logits = from_logits
        self._axis = axis

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        """Computes the loss of each sample."""
        return _gluonic.kl_div_loss(
            self._from_logits,
            self._axis,
            self._weight,
            self._batch_axis,
            pred,
            label,
            sample_weight,
        )


class CTCLoss(Loss):
    """The loss of sequences whose labels are not aligned with them."""

    def __init__(self, layout="NTC", label_layout="NT", weight=None, **kwargs):
        if layout not in ("NTC", "TNC"):
            raise AssertionError(f"Only 'NTC' and 'TNC' layouts for pred are supported. Got: {layout}")
        if label_layout not in ("NT", "TN"):
            raise AssertionError(
                f"Only 'NT' and 'TN' layouts for label are supported. Got: {label_layout}"
            )
        super().__init__(weight, label_layout.find("N"), **kwargs)
        self._layout = layout
        self._label_layout = label_layout

    def hybrid_forward(
        self, F, pred, label, pred_lengths=None, label_lengths=None, sample_weight=None
    ):
        """Computes the loss of each sequence."""
        return _gluonic.ctc_loss(
            self._layout,
            self._label_layout,
            self._weight,
            pred,
            label,
            pred_lengths,
            label_lengths,
            sample_weight,
        )


class LogisticLoss(Loss):
    """The logistic loss of labels 1 and -1, or with `label_format='binary'` 1 and 0."""

    def __init__(self, weight=None, batch_axis=0, label_format="signed", **kwargs):
        if label_format not in ("signed", "binary"):
            raise ValueError(
                f"label_format can only be signed or binary, recieved {label_format}."
            )
        super().__init__(weight, batch_axis, **kwargs)
        self._label_format = label_format

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        """Computes the loss of each sample."""
        return _gluonic.logistic_loss(
            self._label_format, self._weight, self._batch_axis, pred, label, sample_weight
        )


class TripletLoss(Loss):
    """`max(0, |pred - positive|² - |pred - negative|² + margin)`."""

    def __init__(self, margin=1, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = margin

    def hybrid_forward(self, F, pred, positive, negative, sample_weight=None):
        """Computes the loss of each triple."""
        return _gluonic.plain_loss(
            "triplet",
            self._margin,
            self._weight,
            self._batch_axis,
            pred,
            positive,
            sample_weight,
            negative,
        )


class PoissonNLLLoss(Loss):
    """The negative log-likelihood of counts: a number, the mean over all samples."""

    def __init__(
        self, weight=None, from_logits=True, batch_axis=0, compute_full=False, **kwargs
    ):
        super().__init__(weight, batch_axis, **kwargs)
        self._from_logits = from_logits
        self._compute_full = compute_full

    def hybrid_forward(self, F, pred, target, sample_weight=None, epsilon=1e-08):
        """Computes the loss."""
        return _gluonic.poisson_loss(
            self._from_logits,
            self._compute_full,
            epsilon,
            self._weight,
            self._batch_axis,
            pred,
            target,
            sample_weight,
        )


class CosineEmbeddingLoss(Loss):
    """`1 - cos` of pairs with label 1, `max(0, cos - margin)` of pairs with label -1."""

    def __init__(self, weight=None, batch_axis=0, margin=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = margin

    def hybrid_forward(self, F, input1, input2, label, sample_weight=None):
        """Computes the loss of each pair."""
        return _gluonic.plain_loss(
            "cosine_embedding",
            self._margin,
            self._weight,
            self._batch_axis,
            input1,
            input2,
            sample_weight,
            label,
        )


class SDMLLoss(Loss):
    """Refused: gluonic has no such loss."""

    def __init__(self, smoothing_parameter=0.3, weight=1.0, batch_axis=0, **kwargs):
        raise NotImplementedError("SDMLLoss is not supported\nthe nearest is TripletLoss")
