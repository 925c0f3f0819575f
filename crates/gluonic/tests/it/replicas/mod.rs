//! Parameters on several contexts: the same values everywhere, gradients that are summed, and
//! training as on one device.

mod arrays;
mod parameters;
mod training;

use gluonic::prelude::*;

use crate::support::{array, bits};

const CPU0: Context = Context::cpu(0);
const CPU1: Context = Context::cpu(1);
const CPU2: Context = Context::cpu(2);
const TWO: &[Context] = &[CPU0, CPU1];

/// The bits of every replica.
#[track_caller]
fn replicas(parameter: &Parameter) -> Vec<Vec<u64>> {
    parameter.list_data().unwrap().iter().map(bits).collect()
}

/// The bits of the value, which all replicas have.
#[track_caller]
fn one_value(parameter: &Parameter) -> Vec<u64> {
    let all = replicas(parameter);
    assert!(all.iter().all(|other| *other == all[0]), "{parameter}: {all:?}");
    all[0].clone()
}

/// A parameter of so many zeros on some contexts.
fn zeros(n: usize, contexts: &[Context]) -> Parameter {
    let weight = Parameter::with_spec("w", &ParamSpec::new(n).init(&init::Zero));
    weight.initialize_on(contexts).unwrap();
    weight
}

/// Gives a parameter the gradient `head` on a context.
#[track_caller]
fn backward(weight: &Parameter, context: Context, head: &[f32]) {
    context::with(context, || {
        let head = array(head, head.len()).cast(weight.dtype()).unwrap();
        autograd::record(|| &weight.data()? * &head).unwrap().backward().unwrap();
    });
}

fn sgd(parameters: &[&Parameter]) -> Trainer {
    Trainer::of(parameters.iter().copied(), Sgd::new(1.0).unwrap()).unwrap()
}

/// A net whose first two layers share their parameters, with values from a seed.
fn tied_net(contexts: &[Context]) -> Sequential {
    let net = name::manager(|| {
        let first = Dense::new(3).activation(Activation::Tanh);
        let params = Some(first.params());
        let config = DenseConfig { units: 3, params, ..DenseConfig::default() };
        sequential![first, Dense::with(config).unwrap(), Dense::new(2)]
    });
    let contexts = Some(contexts.to_vec());
    let options = InitOptions { seed: Some(11), contexts, ..InitOptions::default() };
    net.initialize_opts(&options).unwrap();
    net
}

/// Forward and backward of a part of a batch for each context, one after another.
#[track_caller]
fn pass(net: &dyn Block, batch: &NdArray, contexts: &[Context]) {
    for part in data::split_and_load(batch, contexts).unwrap() {
        autograd::record(|| net.call(&part)?.square()).unwrap().backward().unwrap();
    }
}
