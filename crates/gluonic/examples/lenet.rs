//! Trains a small LeNet on 1,797 handwritten digits and reads those it has not seen: 98 of 100 or
//! more. The result is the same on any number of threads.
//!
//! # Source
//! The net: LeCun et al. (1998), "Gradient-based learning applied to document recognition", with
//! rectifiers and the largest element under each window, as in Gluon's examples. The data: E.
//! Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
//! Repository, <https://doi.org/10.24432/C50P49>, CC BY 4.0.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::io::Read;

use flate2::read::GzDecoder;
use gluonic::prelude::*;

const FILE: &[u8] = include_bytes!("../../gluonic-cli/data/digits.csv.gz");
const EPOCHS: usize = 12;
const BATCH: usize = 32;

/// Images of 8 × 8 pixels from 0 to 1, and the digits that they show.
fn digits() -> Result<(NdArray, NdArray)> {
    let (what, mut text) = ("the digits", String::new());
    GzDecoder::new(FILE).read_to_string(&mut text).map_err(|error| Error::user(what, error))?;
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let values = line.split(',').map(str::parse::<u8>).collect::<Result<Vec<_>, _>>();
        if let [image @ .., label] = values.map_err(|error| Error::user(what, error))?.as_slice() {
            pixels.extend(image.iter().map(|value| f32::from(*value) / 16.0));
            labels.push(i64::from(*label));
        }
    }
    let n = labels.len();
    Ok((NdArray::from_vec(pixels, (n, 1, 8, 8))?, NdArray::from_vec(labels, n)?))
}

/// How many of the digits the net reads rightly, from 0 to 1.
fn accuracy(net: &Sequential, images: &NdArray, labels: &NdArray) -> Result<f64> {
    let (outputs, labels) = (net.call(images)?.to_vec::<f32>()?, labels.to_vec::<i64>()?);
    let reads = |row: &[f32]| (0..10).fold(0, |best, i| if row[i] > row[best] { i } else { best });
    let right = outputs.chunks(10).zip(&labels).filter(|(row, label)| reads(row) as i64 == **label);
    Ok(right.count() as f64 / labels.len() as f64)
}

fn main() -> Result<()> {
    random::seed(1);
    let (images, labels) = digits()?;
    let order = ops::permutation(labels.elem_count());
    let (held_out, train) = order.split_at(360);
    let (test_images, test_labels) = (images.take(held_out)?, labels.take(held_out)?);
    let (images, labels) = (images.take(train)?, labels.take(train)?);

    let relu = Activation::Relu;
    let net = sequential![
        Conv2D::new(16, 3).padding(1).activation(relu),
        MaxPool2D::new(2),
        Conv2D::new(32, 3).padding(1).activation(relu),
        MaxPool2D::new(2),
        Flatten::new(),
        Dense::new(64).activation(relu),
        Dense::new(10),
    ];
    net.initialize_with(&init::Xavier::default(), Reinit::Keep)?;
    net.infer_shapes(&[(1, 1, 8, 8)])?;
    println!("{net}");

    let loss = SoftmaxCrossEntropyLoss::default();
    let mut trainer = Trainer::new(&net.collect_params()?, Sgd::new(0.02)?.momentum(0.9)?)?;
    for epoch in 1..=EPOCHS {
        let mut sum = 0.0;
        for rows in data::shuffled_batches(train.len(), BATCH)? {
            let (x, y) = (images.take(&rows)?, labels.take(&rows)?);
            let value = autograd::record(|| loss.call(&net.call(&x)?, &y, None))?;
            value.backward()?;
            trainer.step(rows.len())?;
            sum += f64::from(value.sum()?.to_scalar::<f32>()?);
        }
        let read = accuracy(&net, &test_images, &test_labels)?;
        println!("epoch {epoch:2}: loss {:.6}, held-out {read:.4}", sum / train.len() as f64);
    }
    let read = accuracy(&net, &test_images, &test_labels)?;
    println!("{:.1} % of {} held-out digits read rightly", 100.0 * read, held_out.len());
    if read < 0.98 {
        return Err(Error::user("the held-out digits", format!("accuracy {read}, expected 0.98")));
    }
    Ok(())
}
