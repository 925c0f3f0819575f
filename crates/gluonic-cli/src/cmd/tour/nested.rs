//! Step 4: blocks of blocks of blocks.

use gluonic::nn::Activation::Relu;
use gluonic::prelude::*;

use super::check::{Tour, run, show};
use super::digits::Digits;
use super::numbers::all_are;

pub(super) fn blocks(tour: &mut Tour, digits: &Digits) -> Result<()> {
    tour.step(
        "Nested blocks",
        "Factories build blocks, blocks hold blocks. The path says where a parameter is, the name \
         when its layer was built.",
    );
    run!(tour, let x = digits.images.slice(s![0..2, ..])?);
    run!(tour, let block1 = || sequential![Dense::new(32).activation(Relu), Dense::new(16).activation(Relu)]);
    run!(tour, let block2 = || sequential![block1(), block1(), block1(), block1()]);
    run!(tour, let rgnet = sequential![block2(), Dense::new(10)]);
    run!(tour, rgnet.initialize()?);
    run!(tour, rgnet.call(&x)?);
    show!(tour, rgnet);
    show!(tour, rgnet.collect_params()?);
    show!(tour, rgnet[0][1][0].bias()?.name());
    show!(tour, rgnet[0][1][0].bias()?.data()?.slice(s![0..8])?);

    let bias = rgnet[0][1][0].bias()?;
    tour.equal("the name of rgnet[0][1][0].bias()", "dense2_bias", bias.name());
    tour.holds("its path is 0.1.0.bias", bias.ptr_eq(&rgnet.find_param("0.1.0.bias")?));
    tour.equal("its shape", "(32,)", &bias.data()?.dims().to_string());
    tour.holds("a new bias is zero", all_are(&bias.data()?, 0.0)?);
    tour.equal("blocks inside rgnet[0]", 4, rgnet[0].children().len());
    tour.equal("parameters of rgnet", 18, rgnet.collect_params()?.len());
    let last = rgnet.named_parameters().last().map_or(String::new(), |(path, _)| path.to_string());
    tour.equal("the last path", "1.bias", &last);

    tour.text("Built inside a name scope, a layer carries the prefixes of those around it.");
    run!(tour, let outer = Sequential::with_prefix("rgnet_"));
    run!(tour, outer.name_scope(|| outer.add(Dense::new(10))));
    show!(tour, outer[0].weight()?.name());
    tour.equal("the name inside the scope", "rgnet_dense0_weight", outer[0].weight()?.name());
    Ok(())
}
