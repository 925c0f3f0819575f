//! A network for the digits, and how it is trained, as a user writes them.

use gluonic::prelude::*;
use gluonic::{data, nn::Activation::Relu};

/// Three layers of 64 units, of which the last two are one.
pub(super) fn features() -> Result<Sequential> {
    let shared = Dense::new(64).activation(Relu);
    let tied = Dense::sharing(64, &shared.params())?.activation(Relu);
    Ok(sequential![Dense::new(64).activation(Relu), shared, tied])
}

pub(super) fn digit_net() -> Result<Sequential> {
    let net = features()?;
    net.add(Dense::new(10));
    Ok(net)
}

/// Trains once with every image and returns the mean loss.
pub(super) fn epoch(
    net: &Sequential,
    trainer: &mut Trainer,
    images: &NdArray,
    labels: &NdArray,
) -> Result<f64> {
    let loss_fn = SoftmaxCrossEntropyLoss::default();
    let mut total = 0.0;
    for rows in data::shuffled_batches(labels.elem_count(), 32)? {
        let (x, labels) = (images.take(&rows)?, labels.take(&rows)?);
        let loss = autograd::record(|| loss_fn.call(&net.call(&x)?, &labels, None))?;
        loss.backward()?;
        trainer.step(rows.len())?;
        total += f64::from(loss.sum()?.to_scalar::<f32>()?);
    }
    Ok(total / labels.elem_count() as f64)
}
