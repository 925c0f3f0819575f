//! Step 9: two layers with one set of parameters.

use gluonic::nn::Activation::Relu;
use gluonic::prelude::*;

use super::check::{Tour, run, show};
use super::digits::Digits;
use super::numbers::{Moments, all_are, same_bits};

pub(super) fn layers(tour: &mut Tour, digits: &Digits) -> Result<()> {
    tour.step(
        "Tied layers",
        "Two layers share their parameters: one object, one memory, and one gradient, the sum of \
         what both uses contribute.",
    );
    run!(tour, let x = digits.images.slice(s![0..32, ..])?);
    run!(tour, let labels = digits.labels.slice(s![0..32])?);
    run!(tour, let shared = Dense::new(8).activation(Relu));
    run!(tour, let tied = Dense::sharing(8, &shared.params())?.activation(Relu));
    run!(tour, let net = sequential![Dense::new(8).activation(Relu), shared, tied, Dense::new(10)]);
    run!(tour, net.initialize_with(&init::Xavier::default(), Reinit::Keep)?);
    run!(tour, net.call(&x)?);
    show!(tour, net.collect_params()?);
    tour.holds("net[1] and net[2] have one weight", net[1].weight()?.ptr_eq(&net[2].weight()?));
    tour.holds("and one bias", net[1].bias()?.ptr_eq(&net[2].bias()?));
    tour.equal("paths", 8, net.named_parameters().len());
    tour.equal("parameters", 6, net.collect_params()?.len());

    run!(tour, net[1].weight()?.data()?.set(s![0, 0], 0.5)?);
    show!(tour, net[2].weight()?.data()?.slice(s![0, 0..4])?);
    let seen = net[2].weight()?.data()?.slice(s![0, 0])?.to_scalar::<f32>()?;
    tour.equal("an edit through net[1] is seen through net[2]", 0.5, seen);

    tour.text("A twin with equal values and nothing tied has two gradients for the shared one.");
    run!(tour, let twin = sequential![
        Dense::new(8).activation(Relu),
        Dense::new(8).activation(Relu),
        Dense::new(8).activation(Relu),
        Dense::new(10)
    ]);
    run!(tour, twin.initialize()?);
    run!(tour, twin.call(&x)?);
    for ((_, copy), (_, own)) in twin.named_parameters().iter().zip(net.named_parameters()) {
        copy.set_data(&own.data()?)?;
    }
    tour.holds("the twin computes the same", same_bits(&net.call(&x)?, &twin.call(&x)?)?);
    run!(tour, let loss_fn = SoftmaxCrossEntropyLoss::default());
    run!(tour, let loss = autograd::record(|| loss_fn.call(&net.call(&x)?, &labels, None))?);
    run!(tour, loss.backward()?);
    run!(tour, let loss = autograd::record(|| loss_fn.call(&twin.call(&x)?, &labels, None))?);
    run!(tour, loss.backward()?);
    show!(tour, twin[1].weight()?.grad()?.slice(s![0, 0..4])?);
    show!(tour, twin[2].weight()?.grad()?.slice(s![0, 0..4])?);
    show!(tour, net[1].weight()?.grad()?.slice(s![0, 0..4])?);
    for key in ["weight", "bias"] {
        let (first, second) = (twin[1].param(key)?.grad()?, twin[2].param(key)?.grad()?);
        let (shared, sum) = (net[1].param(key)?.grad()?, (&first + &second)?);
        let both = !all_are(&first, 0.0)? && !all_are(&second, 0.0)?;
        tour.holds(&format!("both uses of the {key} have a gradient"), both);
        // The two sides add the same products in another order.
        let tolerance = 1e-6 * Moments::of(&sum)?.max_abs;
        let difference = Moments::of(&(&shared - &sum)?)?.max_abs;
        tour.near(
            &format!("the tied {key}'s gradient minus their sum"),
            0.0,
            difference,
            tolerance,
        );
    }
    Ok(())
}
