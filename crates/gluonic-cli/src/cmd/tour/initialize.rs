//! Steps 5 and 6: initial values, built in and one's own.

use gluonic::nn::Activation::Relu;
use gluonic::prelude::*;

use super::check::{Tour, run, show};
use super::digits::Digits;
use super::my_init::MyInit;
use super::numbers::{Moments, SIGMAS, all_are, same_bits};
use super::source;

/// What (x⁴'s mean) / (variance²) is for a law around 0.
const NORMAL: f64 = 3.0;
const UNIFORM: f64 = 9.0 / 5.0;

pub(super) fn built_in(tour: &mut Tour, digits: &Digits) -> Result<()> {
    tour.step(
        "Initialization",
        "For a whole net, for one block, for one parameter. Measured against the law that each \
         promises, within five standard errors.",
    );
    run!(tour, let x = digits.images.slice(s![0..2, ..])?);
    run!(tour, let net = sequential![Dense::new(256).activation(Relu), Dense::new(10)]);
    run!(tour, net.initialize()?);
    run!(tour, net.call(&x)?);
    run!(tour, let weight = net[0].weight()?.data()?);
    show!(tour, weight.slice(s![0, 0..6])?);
    let found = Moments::of(&weight)?;
    let bounds = weight.to_vec::<f32>()?.iter().all(|w| (-0.07..0.07).contains(w));
    uniform(tour, "default", 0.07, &found);
    tour.holds("default weights are all in [-0.07, 0.07)", bounds);
    let zero = all_are(&net[0].bias()?.data()?, 0.0)? && all_are(&net[1].bias()?.data()?, 0.0)?;
    tour.holds("default biases are all zero", zero);

    run!(tour, net.initialize_with(&init::Normal::new(0.01), Reinit::Force)?);
    show!(tour, weight.slice(s![0, 0..6])?);
    let found = Moments::of(&weight)?;
    tour.near("Normal(0.01), mean", 0.0, found.mean, found.mean_tolerance(0.01));
    tour.near("Normal(0.01), deviation", 0.01, found.std, found.std_tolerance(0.01, NORMAL));
    tour.holds(
        "a new value comes into the old memory",
        weight.same_memory(&net[0].weight()?.data()?),
    );

    run!(tour, net.initialize_with(&init::Constant::new(1.0), Reinit::Force)?);
    show!(tour, weight.slice(s![0, 0..6])?);
    let ones = all_are(&weight, 1.0)? && all_are(&net[1].weight()?.data()?, 1.0)?;
    tour.holds("Constant(1): all weights are 1", ones);
    tour.holds(
        "but a bias keeps its own initializer, zero",
        all_are(&net[0].bias()?.data()?, 0.0)?,
    );
    run!(tour, net.initialize_with(&init::Constant::new(7.0), Reinit::Keep)?);
    tour.holds("Reinit::Keep leaves what has a value", all_are(&weight, 1.0)?);

    run!(tour, net[0].weight()?.initialize_with(&init::Xavier::default(), Reinit::Force)?);
    run!(tour, net[1].initialize_with(&init::Constant::new(42.0), Reinit::Force)?);
    show!(tour, net[0].weight()?.data()?.slice(s![0, 0..6])?);
    show!(tour, net[1].weight()?.data()?.slice(s![0, 0])?);
    tour.holds(
        "Constant(42) on one block: its weights are 42",
        all_are(&net[1].weight()?.data()?, 42.0)?,
    );
    // The mean of 64 inputs and 256 outputs is 160.
    let bound = (3.0 / 160.0_f64).sqrt();
    let found = Moments::of(&weight)?;
    uniform(tour, "Xavier", bound, &found);
    tour.at_most(
        "Xavier weights, largest, bound √(3 / 160)",
        f64::from(bound as f32),
        found.max_abs,
    );
    tour.at_least("Xavier weights come close to the bound", 0.99 * bound, found.max_abs);
    Ok(())
}

/// Claims that values have the moments of U[-bound, bound).
fn uniform(tour: &mut Tour, what: &str, bound: f64, found: &Moments) {
    let std = bound / 3.0_f64.sqrt();
    tour.near(&format!("{what} weights, mean"), 0.0, found.mean, found.mean_tolerance(std));
    tour.near(
        &format!("{what} weights, deviation"),
        std,
        found.std,
        found.std_tolerance(std, UNIFORM),
    );
}

pub(super) fn custom(tour: &mut Tour, digits: &Digits) -> Result<()> {
    tour.step(
        "An initializer of one's own",
        "A type with one method. What it draws depends only on seed and path, so it repeats as \
         the built-in ones do.",
    );
    tour.listing(&source(include_str!("my_init.rs")));
    run!(tour, let x = digits.images.slice(s![0..2, ..])?);
    run!(tour, let net = sequential![Dense::new(256).activation(Relu), Dense::new(10)]);
    run!(tour, net.initialize_with(&MyInit, Reinit::Keep)?);
    run!(tour, net.call(&x)?);
    show!(tour, net[0].weight()?.data()?.slice(s![0..2, 0..6])?);

    let weight = net[0].weight()?;
    let values = weight.data()?.to_f64_vec()?;
    let part = |wanted: fn(f64) -> bool| -> Vec<f64> {
        values.iter().copied().filter(|w| wanted(*w)).collect()
    };
    let (zero, high) = (part(|w| w == 0.0), part(|w| (5.0..=10.0).contains(&w)));
    let low = part(|w| (-10.0..=-5.0).contains(&w));
    let n = values.len() as f64;
    for (what, law, part) in [
        ("share of zeros", 0.5, &zero),
        ("share in [5, 10]", 0.25, &high),
        ("share in [-10, -5]", 0.25, &low),
    ] {
        let tolerance = SIGMAS * (law * (1.0 - law) / n).sqrt();
        tour.near(what, law, part.len() as f64 / n, tolerance);
    }
    tour.equal("weights anywhere else", 0, values.len() - zero.len() - high.len() - low.len());
    for (what, law, part) in [("[5, 10]", 7.5, &high), ("[-10, -5]", -7.5, &low)] {
        let (found, std) = (Moments::of_values(part), 5.0 / 12.0_f64.sqrt());
        tour.near(&format!("mean in {what}"), law, found.mean, found.mean_tolerance(std));
    }

    let before = weight.data()?.deep_clone()?;
    run!(tour, random::seed(7));
    run!(tour, net.initialize_with(&MyInit, Reinit::Force)?);
    let first = weight.data()?.deep_clone()?;
    run!(tour, random::seed(7));
    run!(tour, net.initialize_with(&MyInit, Reinit::Force)?);
    tour.holds("another seed gives other values", !same_bits(&before, &first)?);
    tour.holds("the same seed the same ones, bit for bit", same_bits(&first, &weight.data()?)?);
    Ok(())
}
