//! Steps 1 to 3: reaching parameters, their gradients, and many of them at once.

use gluonic::nn::Activation::Relu;
use gluonic::prelude::*;

use super::check::{Tour, fails, run, show};
use super::digits::Digits;
use super::numbers::all_are;

pub(super) fn ways(tour: &mut Tour, digits: &Digits) -> Result<()> {
    tour.step(
        "Reaching a parameter",
        "By index and field, by path or by name: every way leads to the same object, and a \
         parameter prints as what it is.",
    );
    run!(tour, let x = digits.images.slice(s![0..2, ..])?);
    run!(tour, let net = sequential![Dense::new(256).activation(Relu), Dense::new(10)]);
    run!(tour, net.initialize()?);
    show!(tour, net.call(&x)?.dims());
    show!(tour, net);
    show!(tour, net[1].params());
    show!(tour, let bias = net[1].bias()?);
    show!(tour, bias.data()?);
    show!(tour, format!("{:#}", net[0].weight()?));

    let params = net.collect_params()?;
    tour.holds("find_param(\"1.bias\"), by path", bias.ptr_eq(&net.find_param("1.bias")?));
    tour.holds(
        "find_param(\"dense1_bias\"), by name",
        bias.ptr_eq(&net.find_param("dense1_bias")?),
    );
    tour.holds("collect_params()?[\"dense1_bias\"]", bias.ptr_eq(&params["dense1_bias"]));
    let selected = net.select_params("dense1_b")?;
    tour.holds(
        "the only one of select_params(\"dense1_b\")",
        selected.iter().all(|p| p.ptr_eq(&bias)),
    );
    tour.holds("net[1].param(\"bias\"), by key", bias.ptr_eq(&net[1].param("bias")?));
    tour.holds(
        "two handles share one memory",
        bias.data()?.same_memory(&params["dense1_bias"].data()?),
    );
    tour.equal("parameters of the net", 4, params.len());

    let error = fails!(tour, net.find_param("1.baes"));
    let hint = error.and_then(|error| error.hint()).unwrap_or_default();
    tour.holds("a slip of the pen is answered with the nearest path", hint.contains("`1.bias`"));
    Ok(())
}

pub(super) fn gradients(tour: &mut Tour, digits: &Digits) -> Result<()> {
    tour.step(
        "Gradients",
        "Each parameter has a gradient of its own shape: zeros until the first backward, and the \
         same memory ever after.",
    );
    run!(tour, let x = digits.images.slice(s![0..2, ..])?);
    run!(tour, let net = sequential![Dense::new(256).activation(Relu), Dense::new(10)]);
    run!(tour, net.initialize()?);
    run!(tour, net.call(&x)?);
    show!(tour, let grad = net[1].bias()?.grad()?);
    for parameter in &net.collect_params()? {
        let zero = all_are(&parameter.grad()?, 0.0)?;
        tour.holds(&format!("the gradient of {} is zero", parameter.name()), zero);
    }
    let weight = net[0].weight()?;
    tour.holds("a gradient has its data's shape", weight.grad()?.dims() == weight.data()?.dims());

    run!(tour, let labels = digits.labels.slice(s![0..2])?);
    run!(tour, let loss_fn = SoftmaxCrossEntropyLoss::default());
    run!(tour, let loss = autograd::record(|| loss_fn.call(&net.call(&x)?, &labels, None))?);
    run!(tour, loss.backward()?);
    show!(tour, grad);
    tour.holds("backward wrote into the memory that we hold", !all_are(&grad, 0.0)?);
    let sum = grad.to_f64_vec()?.iter().sum::<f64>();
    tour.near("softmax makes the bias's gradient sum to zero", 0.0, sum, 1e-6);
    run!(tour, net.zero_grad()?);
    tour.holds("and zero_grad clears it", all_are(&grad, 0.0)?);
    Ok(())
}

pub(super) fn patterns(tour: &mut Tour, _digits: &Digits) -> Result<()> {
    tour.step(
        "Many parameters at once",
        "A regular expression selects parameters by name, in order; look-around included.",
    );
    run!(tour, let net = sequential![Dense::new(256).activation(Relu), Dense::new(10)]);
    show!(tour, net.select_params(".*weight")?);
    show!(tour, net.select_params("dense0.*")?);
    show!(tour, net.select_params(".*(?<!dense0)_bias")?);

    for (pattern, expected) in [
        (".*", "dense0_weight dense0_bias dense1_weight dense1_bias"),
        (".*weight", "dense0_weight dense1_weight"),
        ("dense0.*", "dense0_weight dense0_bias"),
        (".*(?<!dense0)_bias", "dense1_bias"),
        ("weight", "nothing"),
    ] {
        let params = net.select_params(pattern)?;
        let found = params.names().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let found = if found.is_empty() { "nothing" } else { &found };
        tour.equal(&format!("selected by \"{pattern}\""), expected, found);
    }
    fails!(tour, net.select_params("dense(0"));
    Ok(())
}
