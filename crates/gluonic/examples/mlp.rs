//! Trains a small network on made-up data: points inside and outside a circle.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use gluonic::prelude::*;

fn main() -> Result<()> {
    random::seed(1);
    let net = sequential![Dense::new(32).activation(Activation::Relu), Dense::new(2)];
    net.initialize_with(&init::Xavier::default(), Reinit::Keep)?;
    let points = ops::uniform(-1.0, 1.0, (512, 2))?;
    let inside = |point: &[f32]| i64::from(point[0].powi(2) + point[1].powi(2) < 0.5);
    let labels = points.to_vec::<f32>()?.chunks(2).map(inside).collect::<Vec<_>>();
    let labels = NdArray::from_vec(labels, 512)?;

    net.call(&points)?;
    let loss = SoftmaxCrossEntropyLoss::default();
    let mut trainer = Trainer::new(&net.collect_params()?, Sgd::new(0.5)?.momentum(0.9)?)?;
    for epoch in 0..200 {
        let value = autograd::record(|| loss.call(&net.call(&points)?, &labels, None))?;
        value.backward()?;
        trainer.step(512)?;
        if epoch % 50 == 49 {
            println!("epoch {}: loss {:.4}", epoch + 1, value.mean()?.to_scalar::<f32>()?);
        }
    }
    println!("{net}");
    println!("{:#}", net[0].weight()?);
    println!("{}", net.collect_params()?);
    Ok(())
}
