//! The gradient of every loss of Gluon but the two in `gradients_of_parts`, for every layout of its
//! inputs, against central differences.

use gluonic::loss::*;
use gluonic::prelude::*;

use crate::gradients::With::{Fails, Works};
use crate::gradients::{Operation, POSITIVE, Row, Sizes, check_table, row};

const TWO: Sizes = &[&[3, 4], &[3, 4]];
const WEIGHTED: Sizes = &[&[3, 4], &[3, 4], &[3, 1]];

/// A loss of predictions and labels.
fn pair(name: &'static str, f: Operation) -> Row {
    row(name, TWO, Fails(&[&[], &[]], "Axis"), Works(&[&[0, 4], &[0, 4]]), f)
}

/// A loss of predictions, labels and sample weights.
fn weighted(name: &'static str, f: Operation) -> Row {
    let empty = Works(&[&[0, 4], &[0, 4], &[0, 1]]);
    row(name, WEIGHTED, Fails(&[&[], &[], &[]], "Axis"), empty, f)
}

fn distances() -> Vec<Row> {
    vec![
        pair("L1", |x| L1Loss::default().call(&x[0], &x[1], None)),
        weighted("weighted L1", |x| {
            L1Loss { weight: Some(0.3), batch_axis: 1 }.call(&x[0], &x[1], Some(&x[2]))
        }),
        pair("Huber", |x| HuberLoss { rho: 0.7, ..Default::default() }.call(&x[0], &x[1], None)),
        pair("hinge", |x| HingeLoss::default().call(&x[0], &x[1], None)),
        pair("squared hinge", |x| SquaredHingeLoss::default().call(&x[0], &x[1], None)),
        row(
            "triplet",
            &[&[3, 4], &[3, 4], &[3, 4]],
            Fails(&[&[], &[], &[]], "Axis"),
            Works(&[&[0, 4], &[0, 4], &[0, 4]]),
            |x| {
                let loss = TripletLoss { margin: 9.0, ..Default::default() };
                loss.call(&x[0], &x[1], &x[2], None)
            },
        ),
        row(
            "cosine",
            TWO,
            Fails(&[&[], &[]], "Axis"),
            Fails(&[&[0, 4], &[0, 4]], "LabelShape"),
            |x| {
                let label = NdArray::from_slice(&[1.0, -1.0, 1.0], 3)?;
                let loss = CosineEmbeddingLoss { margin: -2.0, ..Default::default() };
                loss.call(&x[0], &x[1], &label, None)
            },
        ),
    ]
}

fn likelihoods() -> Vec<Row> {
    let probabilities = |name, f: Operation| pair(name, f).of((0.2, 0.8));
    vec![
        pair("binary cross entropy", |x| {
            SigmoidBinaryCrossEntropyLoss::default().call(&x[0], &x[1], None)
        }),
        weighted("binary cross entropy with positive weights", |x| {
            let loss = SigmoidBinaryCrossEntropyLoss::default();
            loss.call_weighted(&x[0], &x[1], None, Some(&x[2]))
        }),
        probabilities("binary cross entropy of probabilities", |x| {
            let loss = SigmoidBinaryCrossEntropyLoss { from_sigmoid: true, ..Default::default() };
            loss.call_weighted(&x[0], &x[1], None, Some(&NdArray::full((), 2.0, DType::F64)?))
        }),
        probabilities("Kullback-Leibler", |x| KlDivLoss::default().call(&x[0], &x[1], None)),
        probabilities("Kullback-Leibler of scores", |x| {
            let loss = KlDivLoss { from_logits: false, axis: 0, ..Default::default() };
            loss.call(&x[0], &x[1], None)
        }),
        pair("logistic", |x| LogisticLoss::default().call(&x[0], &x[1], None)),
        pair("logistic, binary", |x| {
            let label_format = LabelFormat::Binary;
            LogisticLoss { label_format, ..Default::default() }.call(&x[0], &x[1], None)
        }),
        pair("Poisson", |x| PoissonNllLoss::default().call(&x[0], &x[1], None)),
        pair("Poisson of rates", |x| {
            let loss = PoissonNllLoss { from_logits: false, ..Default::default() };
            loss.call(&x[0], &x[1], None)
        })
        .of(POSITIVE),
        pair("Poisson in full", |x| {
            PoissonNllLoss { compute_full: true, ..Default::default() }.call(&x[0], &x[1], None)
        })
        .of((1.1, 4.0)),
        row(
            "sparse cross entropy with a label to ignore",
            &[&[3, 4]],
            Fails(&[&[]], "Axis"),
            Fails(&[&[0, 4]], "LabelShape"),
            |x| {
                let label = NdArray::from_slice(&[2, -1, 0], 3)?;
                let ignore_label = Some(-1);
                let loss = SoftmaxCrossEntropyLoss { ignore_label, ..Default::default() };
                loss.call(&x[0], &label, None)
            },
        ),
    ]
}

fn alignments() -> Vec<Row> {
    const SCORES: Sizes = &[&[2, 5, 4]];
    let scalar = Fails(&[&[]], "OperandShape");
    vec![
        row("ctc", SCORES, scalar, Fails(&[&[0, 5, 4]], "OperandShape"), |x| {
            let labels = NdArray::from_slice(&[0, 1, -1, 2, 2, 1], (2, 3))?;
            CtcLoss::default().call(&x[0], &labels, None, None, None)
        }),
        row("ctc with lengths", SCORES, scalar, Fails(&[&[2, 0, 4]], "Setting"), |x| {
            let labels = NdArray::from_slice(&[0, 1, 1, 2, 2, 1], (2, 3))?;
            let frames = NdArray::from_slice(&[4, 3], 2)?;
            let lengths = NdArray::from_slice(&[3, 0], 2)?;
            let loss = CtcLoss { weight: Some(0.5), ..Default::default() };
            loss.call(&x[0], &labels, Some(&frames), Some(&lengths), None)
        }),
        row(
            "ctc, frames first",
            &[&[4, 2, 3]],
            scalar,
            Fails(&[&[4, 0, 3]], "OperandShape"),
            |x| {
                let labels = NdArray::from_slice(&[0, 1, 1, 0], (2, 2))?;
                let frames_first = SequenceLayout::FramesFirst;
                let loss =
                    CtcLoss { layout: frames_first, label_layout: frames_first, weight: None };
                loss.call(&x[0], &labels, None, None, None)
            },
        ),
    ]
}

#[test]
fn distances_have_the_right_gradient_in_every_layout() {
    check_table(&distances());
}

#[test]
fn likelihoods_have_the_right_gradient_in_every_layout() {
    check_table(&likelihoods());
}

#[test]
fn alignments_have_the_right_gradient_in_every_layout() {
    check_table(&alignments());
}
