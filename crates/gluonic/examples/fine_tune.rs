//! Trains the head of a network while the rest stays as it is: which parameters, what they start
//! as, and how to go back.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use gluonic::prelude::*;

fn main() -> Result<()> {
    let layer = |units| Dense::new(units).activation(Activation::Tanh);
    let net = sequential![layer(32), layer(32), Dense::new(1)];

    // Shapes without data: no forward has to run before anything can be asked.
    println!("8 samples of 6 numbers give {}", net.infer_shapes(&[(8, 6)])?);

    // What the body starts as does not depend on the head, nor on the order of the calls.
    let body = InitOptions {
        init: Some(init::loads("orthogonal")?),
        seed: Some(7),
        select: Some("{0,1}.weight".parse()?),
        ..InitOptions::default()
    };
    net.initialize_opts(&body)?;
    net.select("!{0,1}.weight")?.initialize_with(&init::Kaiming::default(), Reinit::Keep)?;
    println!("{:#}\n", net[0].weight()?);

    // Which parameters train.
    let frozen = net.freeze("{0,1}.**")?;
    println!("{frozen} parameters are frozen; what is left:");
    println!("{}\n", net.select("trained & kind:weight")?.explain());

    let before = net.snapshot()?;
    let x = ops::uniform(-1.0, 1.0, (64, 6))?;
    let label = x.sum_axes(&[1], true)?;
    let mut trainer = Trainer::new(&net.collect_params()?, Sgd::new(0.1)?.momentum(0.9)?)?;
    let loss = || L2Loss::default().call(&net.call(&x)?, &label, None)?.mean();
    let first = loss()?.to_scalar::<f32>()?;
    for _ in 0..100 {
        autograd::record(loss)?.backward()?;
        trainer.step(1)?;
    }
    let last = loss()?.to_scalar::<f32>()?;
    println!("loss {first:.4} before, {last:.4} after\n{}", before.diff(&net.snapshot()?));

    // Back for a moment, whatever happens inside.
    let again = net.swap(&before, || loss()?.to_scalar::<f32>())?;
    println!("loss with the old values: {again:.4}");
    assert!(last < first / 2.0 && again == first);
    Ok(())
}
