//! Losses: one function each, from predictions and labels to one value for each sample.

use gluonic::loss::{
    CosineEmbeddingLoss, CtcLoss, HingeLoss, HuberLoss, KlDivLoss, L1Loss, L2Loss, LogisticLoss,
    PoissonNllLoss, SigmoidBinaryCrossEntropyLoss, SoftmaxCrossEntropyLoss, SquaredHingeLoss,
    TripletLoss,
};
use gluonic::{DType, Error, NdArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::array::{ArrayArg, wrap};
use crate::errors::{OrRaise, count, unreshaped};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(plain_loss, module)?,
        wrap_pyfunction!(softmax_cross_entropy_loss, module)?,
        wrap_pyfunction!(sigmoid_cross_entropy_loss, module)?,
        wrap_pyfunction!(kl_div_loss, module)?,
        wrap_pyfunction!(logistic_loss, module)?,
        wrap_pyfunction!(poisson_loss, module)?,
        wrap_pyfunction!(ctc_loss, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

fn result<'py>(
    py: Python<'py>,
    pred: &ArrayArg,
    f: impl FnOnce(&NdArray) -> gluonic::Result<NdArray> + Send,
) -> PyResult<Bound<'py, PyAny>> {
    match py.detach(|| f(&pred.array)) {
        Err(Error::LabelShape { expected, found }) => {
            Err(unreshaped(pred.dialect, count(&found), count(&expected), &expected))
        }
        y => wrap(py, y.or_raise(py)?, pred.dialect),
    }
}

fn array(arg: Option<&ArrayArg>) -> Option<&NdArray> {
    arg.map(|arg| &arg.array)
}

/// The weights of samples with the rank of the losses that they are multiplied with: as NumPy
/// broadcasts, where gluonic's own losses take `(batch,)` for one of each sample.
fn weights(arg: Option<&ArrayArg>, pred: &ArrayArg, py: Python<'_>) -> PyResult<Option<NdArray>> {
    let Some(ArrayArg { array, .. }) = arg else { return Ok(None) };
    let missing = pred.array.rank().saturating_sub(array.rank());
    if missing == 0 {
        return Ok(Some(array.clone()));
    }
    let dims: Vec<usize> = std::iter::repeat_n(1, missing).chain(array.dims().to_vec()).collect();
    array.reshape(dims).or_raise(py).map(Some)
}

/// The losses of at most one number. Those of three arrays take `other`: the negative examples, or
/// the labels of pairs.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
fn plain_loss<'py>(
    py: Python<'py>,
    kind: &str,
    number: f64,
    weight: Option<f64>,
    batch_axis: usize,
    pred: ArrayArg,
    label: ArrayArg,
    sample_weight: Option<ArrayArg>,
    other: Option<ArrayArg>,
) -> PyResult<Bound<'py, PyAny>> {
    let (label, sw) = (&label.array, weights(sample_weight.as_ref(), &pred, py)?);
    let sw = sw.as_ref();
    // Of one number for each sample.
    let each = array(sample_weight.as_ref());
    let third = || other.as_ref().map_or(label, |other| &other.array);
    match kind {
        "l2" => {
            let loss = L2Loss { weight: weight.unwrap_or(1.0), batch_axis };
            result(py, &pred, |pred| loss.call(pred, label, sw))
        }
        "l1" => {
            let loss = L1Loss { weight, batch_axis };
            result(py, &pred, |pred| loss.call(pred, label, sw))
        }
        "huber" => {
            let loss = HuberLoss { rho: number, weight, batch_axis };
            result(py, &pred, |pred| loss.call(pred, label, sw))
        }
        "hinge" => {
            let loss = HingeLoss { margin: number, weight, batch_axis };
            result(py, &pred, |pred| loss.call(pred, label, sw))
        }
        "squared_hinge" => {
            let loss = SquaredHingeLoss { margin: number, weight, batch_axis };
            result(py, &pred, |pred| loss.call(pred, label, sw))
        }
        "triplet" => {
            let loss = TripletLoss { margin: number, weight, batch_axis };
            result(py, &pred, |pred| loss.call(pred, label, third(), each))
        }
        "cosine_embedding" => {
            let loss = CosineEmbeddingLoss { margin: number, weight, batch_axis };
            // Gluon's keeps the axis that the vectors were on.
            result(py, &pred, |pred| loss.call(pred, label, third(), each)?.expand_dims(-1))
        }
        _ => Err(PyValueError::new_err(format!("no loss is called {kind}"))),
    }
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
fn softmax_cross_entropy_loss<'py>(
    py: Python<'py>,
    axis: isize,
    sparse_label: bool,
    from_logits: bool,
    weight: Option<f64>,
    batch_axis: usize,
    pred: ArrayArg,
    label: ArrayArg,
    sample_weight: Option<ArrayArg>,
) -> PyResult<Bound<'py, PyAny>> {
    let loss = SoftmaxCrossEntropyLoss {
        axis,
        sparse_label,
        from_logits,
        weight,
        batch_axis,
        ..SoftmaxCrossEntropyLoss::default()
    };
    let weights = weights(sample_weight.as_ref(), &pred, py)?;
    result(py, &pred, |pred| {
        // The loss has one element along the axis of the classes. MXNet repeats it for several
        // weights there, and takes the mean afterwards.
        let weights = match weights {
            Some(weights) if weights.rank() == pred.rank() && weights.rank() > 0 => {
                Some(weights.mean_axes(&[axis], true)?)
            }
            weights => weights,
        };
        match loss.call(pred, &label.array, weights.as_ref()) {
            Err(error) => match *error.root() {
                Error::Label { classes, .. } => {
                    let label = nearest_classes(&label.array, classes)?;
                    loss.call(pred, &label, weights.as_ref())
                }
                _ => Err(error),
            },
            losses => losses,
        }
    })
}

/// Labels as MXNet takes those that are no classes, such as the -1 of padding: without their
/// fraction, and the nearest class.
fn nearest_classes(label: &NdArray, classes: usize) -> gluonic::Result<NdArray> {
    let whole = label.detach().cast(DType::I64)?.cast(DType::F64)?;
    whole.clip(0.0, classes.saturating_sub(1) as f64)
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
fn sigmoid_cross_entropy_loss<'py>(
    py: Python<'py>,
    from_sigmoid: bool,
    weight: Option<f64>,
    batch_axis: usize,
    pred: ArrayArg,
    label: ArrayArg,
    sample_weight: Option<ArrayArg>,
    pos_weight: Option<ArrayArg>,
) -> PyResult<Bound<'py, PyAny>> {
    let loss = SigmoidBinaryCrossEntropyLoss { from_sigmoid, weight, batch_axis };
    let sw = weights(sample_weight.as_ref(), &pred, py)?;
    result(py, &pred, |pred| {
        loss.call_weighted(pred, &label.array, sw.as_ref(), array(pos_weight.as_ref()))
    })
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
fn kl_div_loss<'py>(
    py: Python<'py>,
    from_logits: bool,
    axis: isize,
    weight: Option<f64>,
    batch_axis: usize,
    pred: ArrayArg,
    label: ArrayArg,
    sample_weight: Option<ArrayArg>,
) -> PyResult<Bound<'py, PyAny>> {
    let loss = KlDivLoss { from_logits, axis, weight, batch_axis };
    let sw = weights(sample_weight.as_ref(), &pred, py)?;
    result(py, &pred, |pred| loss.call(pred, &label.array, sw.as_ref()))
}

#[pyfunction]
fn logistic_loss<'py>(
    py: Python<'py>,
    label_format: &str,
    weight: Option<f64>,
    batch_axis: usize,
    pred: ArrayArg,
    label: ArrayArg,
    sample_weight: Option<ArrayArg>,
) -> PyResult<Bound<'py, PyAny>> {
    let label_format = label_format.parse().or_raise(py)?;
    let loss = LogisticLoss { label_format, weight, batch_axis };
    let sw = weights(sample_weight.as_ref(), &pred, py)?;
    result(py, &pred, |pred| loss.call(pred, &label.array, sw.as_ref()))
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
fn poisson_loss<'py>(
    py: Python<'py>,
    from_logits: bool,
    compute_full: bool,
    epsilon: f64,
    weight: Option<f64>,
    batch_axis: usize,
    pred: ArrayArg,
    label: ArrayArg,
    sample_weight: Option<ArrayArg>,
) -> PyResult<Bound<'py, PyAny>> {
    let loss = PoissonNllLoss { from_logits, compute_full, epsilon, weight, batch_axis };
    let sw = weights(sample_weight.as_ref(), &pred, py)?;
    // Gluon's is a number: that of all samples together.
    result(py, &pred, |pred| loss.call(pred, &label.array, sw.as_ref())?.mean())
}

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Gluon's")]
fn ctc_loss<'py>(
    py: Python<'py>,
    layout: &str,
    label_layout: &str,
    weight: Option<f64>,
    pred: ArrayArg,
    label: ArrayArg,
    pred_lengths: Option<ArrayArg>,
    label_lengths: Option<ArrayArg>,
    sample_weight: Option<ArrayArg>,
) -> PyResult<Bound<'py, PyAny>> {
    let layout = layout.parse().or_raise(py)?;
    let label_layout = label_layout.parse().or_raise(py)?;
    let loss = CtcLoss { layout, label_layout, weight };
    result(py, &pred, |pred| {
        let (pred_lengths, label_lengths) =
            (array(pred_lengths.as_ref()), array(label_lengths.as_ref()));
        loss.call(pred, &label.array, pred_lengths, label_lengths, array(sample_weight.as_ref()))
    })
}
