//! Step 10: shapes that are not known yet.

use gluonic::nn::Activation::Relu;
use gluonic::prelude::*;

use super::check::{Tour, fails, run, show};
use super::digits::Digits;

pub(super) fn shapes(tour: &mut Tour, digits: &Digits) -> Result<()> {
    tour.step(
        "Deferred shapes",
        "A layer need not be told how many inputs it has. Until the first forward its weight \
         waits, and says so.",
    );
    run!(tour, let net = sequential![Dense::new(256).activation(Relu), Dense::new(10)]);
    run!(tour, let weight = net[0].weight()?);
    let error = fails!(tour, weight.data());
    tour.holds("before initialize: refused", matches!(error, Some(Error::Uninitialized { .. })));
    run!(tour, net.initialize()?);
    show!(tour, net);
    show!(tour, weight);
    tour.code("net.pending()");
    tour.value(&paths(&net.pending()));
    let error = fails!(tour, weight.data());
    let hint = error.as_ref().and_then(Error::hint).unwrap_or_default();
    tour.holds("before the first forward: refused", matches!(error, Some(Error::Deferred { .. })));
    tour.holds("with the way out", hint.contains("run one batch"));
    tour.equal("waiting", "0.weight, 1.weight", &paths(&net.pending()));
    tour.holds("a bias does not wait", net[0].bias()?.is_initialized());
    tour.equal("the shape so far", "(256, ?)", &shape(&weight));

    run!(tour, let x = digits.images.slice(s![0..2, ..])?);
    run!(tour, net.call(&x)?);
    show!(tour, net);
    show!(tour, weight);
    tour.equal("after it", "(256, 64)", &shape(&weight));
    tour.equal("still waiting", 0, net.pending().len());
    tour.holds("the same object as before", weight.ptr_eq(&net[0].weight()?));
    Ok(())
}

fn paths(paths: &[name::ParamPath]) -> String {
    paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn shape(parameter: &Parameter) -> String {
    parameter.shape().map_or_else(|| "?".to_owned(), |shape| shape.to_string())
}
