//! What losses promise beside their gradients: values of MXNet, the half types, empty batches, bad
//! input. The numbers were computed by MXNet 1.9.1 in `float32`, with the same inputs.

use gluonic::loss::*;
use gluonic::prelude::*;

use crate::support::{array, error, variant};

/// MXNet's sums are in `float32`, and its log-softmax is off by up to 4e-6.
const TOLERANCE: f64 = 1e-5;

#[track_caller]
fn near(found: Result<NdArray>, expected: &[f64]) {
    let found = found.unwrap().to_f64_vec().unwrap();
    let close = |(x, y): (&f64, &f64)| (x - y).abs() <= TOLERANCE * y.abs().max(1.0);
    let fits = found.len() == expected.len() && found.iter().zip(expected).all(close);
    assert!(fits, "expected {expected:?}, found {found:?}");
}

fn pred() -> NdArray {
    array(&[0.5, -1.0, 2.0, 0.3, 0.0, -0.7], (2, 3))
}

fn label() -> NdArray {
    array(&[1.0, 0.0, 1.0, 0.0, 1.0, 0.0], (2, 3))
}

fn scores() -> NdArray {
    let values: Vec<f64> = (0..60).map(|i| (f64::from(i) * 1.7).sin()).collect();
    NdArray::from_vec(values, (3, 5, 4)).unwrap()
}

#[test]
fn losses_equal_those_of_mxnet() -> Result<()> {
    let (p, q) = (pred(), label());
    let positive = array(&[2.0, 0.5, 3.0], (1, 3));
    let bce = SigmoidBinaryCrossEntropyLoss::default();
    near(bce.call_weighted(&p, &q, None, Some(&positive)), &[0.547_4, 0.534_704_98]);
    let bce = SigmoidBinaryCrossEntropyLoss { from_sigmoid: true, ..Default::default() };
    let probabilities = array(&[0.5, 0.1, 0.9, 0.3, 1.0, 0.0], (2, 3));
    let found = bce.call_weighted(&probabilities, &q, None, Some(&positive));
    near(found, &[0.602_578_82, 0.118_891_66]);
    let triplet = TripletLoss { margin: 0.5, ..Default::default() };
    near(triplet.call(&p, &(&p + 0.3)?, &(&p - 0.1)?, None), &[0.74, 0.74]);
    let cosine = CosineEmbeddingLoss { margin: 0.1, ..Default::default() };
    near(cosine.call(&p, &q, &array(&[1.0, -1.0], 2), None), &[0.228_483_26, 0.0]);
    let cosine = CosineEmbeddingLoss { margin: -0.9, ..Default::default() };
    near(cosine.call(&p, &q, &array(&[-1.0, -1.0], 2), None), &[1.671_516_7, 0.9]);
    let logistic = LogisticLoss { label_format: "binary".parse()?, ..Default::default() };
    near(logistic.call(&p, &q, None), &[0.304_755_6, 0.650_229_51]);
    let kl = KlDivLoss { from_logits: false, axis: 1, ..Default::default() };
    near(kl.call(&p, &q.softmax(-1)?, None), &[0.323_522_33, 0.155_522_88]);
    let huber = HuberLoss { batch_axis: 1, ..Default::default() };
    near(huber.call(&p, &q, None), &[0.085, 0.5, 0.372_5]);
    Ok(())
}

#[test]
fn poisson_losses_have_the_mean_of_mxnet_and_no_nan_for_a_count_of_zero() -> Result<()> {
    let counts = array(&[2.0, 1.0, 3.0, 5.0, 1.0, 4.0], (2, 3));
    let rates = (&pred().abs()? + 0.1)?;
    for (from_logits, compute_full, expected) in [
        (true, false, 0.652_498_48),
        (true, true, 2.376_498_2),
        (false, false, 1.929_523_5),
        (false, true, 3.653_523_2),
    ] {
        let loss = PoissonNllLoss { from_logits, compute_full, ..Default::default() };
        near(loss.call(&rates, &counts, None)?.mean(), &[expected]);
    }
    let full = PoissonNllLoss { compute_full: true, ..Default::default() };
    near(full.call(&array(&[0.0], 1), &array(&[0.0], 1), None), &[1.0]);
    Ok(())
}

#[test]
fn ctc_equals_mxnet_and_is_infinite_where_the_frames_are_too_few() -> Result<()> {
    let labels = NdArray::from_slice(&[0, 1, -1, 2, 2, 1, 1, -1, -1], (3, 3))?;
    let ctc = CtcLoss::default();
    let all = [3.786_288_7, 4.163_683_9, 3.388_547_9];
    near(ctc.call(&scores(), &labels, None, None, None), &all);
    let first = SequenceLayout::FramesFirst;
    let turned = CtcLoss { layout: first, label_layout: first, weight: None };
    let (x, y) = (scores().swap_axes(0, 1)?, labels.transpose()?);
    near(turned.call(&x, &y, None, None, None), &all);
    let frames = NdArray::from_slice(&[5, 5, 2], 3)?;
    let lengths = NdArray::from_slice(&[2, 3, 1], 3)?;
    let found = ctc.call(&scores(), &labels, Some(&frames), Some(&lengths), None);
    near(found, &[3.786_288_7, 4.163_683_9, 1.322_535_8]);
    // `2, 2, 1` needs a blank between the two: four frames.
    let frames = NdArray::from_slice(&[5, 3, 2], 3)?;
    let x = scores().attach_grad(GradReq::Write)?;
    let loss = autograd::record(|| ctc.call(&x, &labels, Some(&frames), Some(&lengths), None))?;
    assert_eq!(loss.to_vec::<f64>()?[1], f64::INFINITY);
    loss.backward()?;
    assert_eq!(x.grad()?.row(1)?.to_vec::<f64>()?, [0.0; 20]);
    // What lies after the frames that count has no gradient either.
    assert_eq!(x.grad()?.slice(s![2, 2..])?.to_vec::<f64>()?, [0.0; 12]);
    Ok(())
}

#[test]
fn ctc_refuses_labels_that_are_blank_or_no_class_and_lengths_beyond_the_end() -> Result<()> {
    let ctc = CtcLoss::default();
    let x = scores();
    let call = |labels: &[i64], frames: Option<&[i64]>| {
        let labels = NdArray::from_slice(labels, (3, 1))?;
        let frames = frames.map(|frames| NdArray::from_slice(frames, 3)).transpose()?;
        ctc.call(&x, &labels, frames.as_ref(), None, None)
    };
    assert_eq!(variant(&error(call(&[0, 3, 0], None))), "Label");
    assert_eq!(variant(&error(call(&[0, 1, 0], Some(&[5, 6, 5])))), "Setting");
    assert_eq!(variant(&error(call(&[0, 1, 0], Some(&[5, -1, 5])))), "Setting");
    let short = NdArray::from_slice(&[0, 1], (2, 1))?;
    assert_eq!(variant(&error(ctc.call(&x, &short, None, None, None))), "OperandShape");
    Ok(())
}

#[test]
fn a_label_to_ignore_loses_nothing_and_a_nan_label_is_still_an_error() -> Result<()> {
    let loss = SoftmaxCrossEntropyLoss { ignore_label: Some(-1), ..Default::default() };
    let x = array(&[0.0, 0.0, 5.0, 1.0], (2, 2)).attach_grad(GradReq::Write)?;
    let label = array(&[0.0, -1.0], 2);
    let y = autograd::record(|| loss.call(&x, &label, None))?;
    near(Ok(y.clone()), &[2.0_f64.ln(), 0.0]);
    y.backward()?;
    assert_eq!(x.grad()?.to_vec::<f32>()?, [-0.5, 0.5, 0.0, 0.0]);
    let logits = SoftmaxCrossEntropyLoss { from_logits: true, ..loss };
    near(logits.call(&array(&[-2.0, 0.0, 5.0, 1.0], (2, 2)), &label, None), &[2.0, 0.0]);
    let nan = array(&[0.0, f32::NAN], 2);
    assert_eq!(variant(&error(loss.call(&x, &nan, None))), "Label");
    Ok(())
}

#[test]
fn at_a_score_of_zero_the_gradient_is_that_of_the_formula() -> Result<()> {
    let x = array(&[0.0], 1).attach_grad(GradReq::Write)?;
    let one = array(&[1.0], 1);
    autograd::record(|| SigmoidBinaryCrossEntropyLoss::default().call(&x, &one, None))?
        .backward()?;
    assert_eq!(x.grad()?.to_vec::<f32>()?, [-0.5]);
    autograd::record(|| LogisticLoss::default().call(&x, &one, None))?.backward()?;
    assert_eq!(x.grad()?.to_vec::<f32>()?, [-0.5]);
    Ok(())
}

#[test]
fn losses_of_half_types_are_computed_in_single_precision() -> Result<()> {
    // In `float16` the squares, 90000, would be infinite, and 10⁻¹² would be 0.
    let x = array(&[300.0, 0.0], (1, 2)).cast(DType::F16)?;
    let zero = NdArray::zeros((1, 2), DType::F16)?;
    let l2 = L2Loss::default().call(&x, &zero, None)?;
    assert_eq!((l2.dtype(), l2.to_f64_vec()?), (DType::F16, vec![22496.0]));
    let label = NdArray::ones(1, DType::I32)?;
    let cosine = CosineEmbeddingLoss::default().call(&x, &zero, &label, None)?;
    assert_eq!(cosine.to_f64_vec()?, [1.0]);
    let kl = KlDivLoss::default().call(&zero, &zero, None)?;
    assert_eq!((kl.dtype(), kl.to_f64_vec()?), (DType::F16, vec![0.0]));
    Ok(())
}

#[test]
fn a_batch_of_none_has_no_losses_and_a_sample_of_nothing_has_nan() -> Result<()> {
    let call = |dims: (usize, usize)| {
        let x = NdArray::zeros(dims, DType::F32)?;
        HuberLoss::default().call(&x, &x, None)?.to_vec::<f32>()
    };
    assert!(call((0, 3))?.is_empty());
    assert!(call((2, 0))?.iter().all(|loss| loss.is_nan()));
    Ok(())
}

#[test]
fn weights_scale_losses_and_what_does_not_fit_is_refused() -> Result<()> {
    let (p, q) = (pred(), label());
    let plain = L1Loss::default().call(&p, &q, None)?.to_f64_vec()?;
    let loss = L1Loss { weight: Some(2.0), ..Default::default() };
    let weights = NdArray::from_slice(&[1_i32, 3], (2, 1))?;
    near(loss.call(&p, &q, Some(&weights)), &[2.0 * plain[0], 6.0 * plain[1]]);
    for dims in [Dims::from(2), Dims::from((3, 1)), Dims::from((2, 1, 1))] {
        let weights = NdArray::ones(&dims, DType::F32)?;
        let refused = error(loss.call(&p, &q, Some(&weights)));
        assert_eq!(variant(&refused), "Broadcast", "{dims}");
    }
    assert_eq!(variant(&error(loss.call(&p, &q.row(0)?, None))), "LabelShape");
    let along = L1Loss { batch_axis: 2, ..Default::default() };
    assert_eq!(variant(&error(along.call(&p, &q, None))), "Axis");
    let words = error("singed".parse::<LabelFormat>());
    assert_eq!(words.hint().unwrap(), "did you mean `signed`?");
    assert_eq!(variant(&error("NCT".parse::<SequenceLayout>())), "UnknownWord");
    Ok(())
}

#[test]
fn losses_print_as_in_gluon() {
    assert_eq!(L1Loss::default().to_string(), "L1Loss(batch_axis=0, w=None)");
    assert_eq!(CtcLoss::default().to_string(), "CTCLoss(batch_axis=0, w=None)");
    let turned = CtcLoss { label_layout: SequenceLayout::FramesFirst, ..Default::default() };
    assert_eq!(turned.to_string(), "CTCLoss(batch_axis=1, w=None)");
    let kl = KlDivLoss { weight: Some(2.0), ..Default::default() };
    assert_eq!(kl.to_string(), "KLDivLoss(batch_axis=0, w=2.0)");
    assert_eq!(PoissonNllLoss::default().to_string(), "PoissonNLLLoss(batch_axis=0, w=None)");
}
