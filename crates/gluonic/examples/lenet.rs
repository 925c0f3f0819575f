//! Trains a small LeNet on 1,797 handwritten digits and reads those it has not seen: 98 of 100 or
//! more. The result is the same on any number of threads.
//!
//! # Source
//! The net: LeCun et al. (1998), "Gradient-based learning applied to document recognition", with
//! rectifiers and the largest element under each window, as in Gluon's examples. The data: E.
//! Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
//! Repository, <https://doi.org/10.24432/C50P49>, CC BY 4.0.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use gluonic::metric::{Accuracy, Metric};
use gluonic::prelude::*;

const EPOCHS: usize = 12;
const BATCH: usize = 32;

/// How many of the digits the net reads rightly, from 0 to 1.
fn accuracy(net: &Sequential, digits: &DataLoader) -> Result<f64> {
    let mut accuracy = Accuracy::default();
    for batch in digits {
        let batch = batch?;
        let [images, labels] = batch.arrays()?;
        accuracy.update(labels, &net.call(images)?)?;
    }
    Ok(accuracy.value())
}

fn main() -> Result<()> {
    random::seed(1);
    let digits = data::digits()?;
    let order = ops::permutation(digits.len());
    let (held_out, train) = order.split_at(360);
    let held_out = DataLoader::new(digits.clone().subset(held_out)?, held_out.len())?;
    let train = DataLoader::new(digits.subset(train)?, BATCH)?.shuffle(true);

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
        for batch in &train {
            let batch = batch?;
            let [x, y] = batch.arrays()?;
            let value = autograd::record(|| loss.call(&net.call(x)?, y, None))?;
            value.backward()?;
            trainer.step(batch.n_samples())?;
            sum += f64::from(value.sum()?.to_scalar::<f32>()?);
        }
        let read = accuracy(&net, &held_out)?;
        println!("epoch {epoch:2}: loss {:.6}, held-out {read:.4}", sum / train.n_samples() as f64);
    }
    let read = accuracy(&net, &held_out)?;
    println!("{:.1} % of {} held-out digits read rightly", 100.0 * read, held_out.n_samples());
    if read < 0.98 {
        return Err(Error::user("the held-out digits", format!("accuracy {read}, expected 0.98")));
    }
    Ok(())
}
