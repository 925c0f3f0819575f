//! Two layers with one set of parameters: an edit through one is seen through the other, and the
//! gradient is the sum over both.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use gluonic::prelude::*;

fn main() -> Result<()> {
    let shared = Dense::new(8).activation(Activation::Relu);
    let tied = Dense::sharing(8, &shared.params())?.activation(Activation::Relu);
    let net = sequential![Dense::new(8), shared, tied, Dense::new(1)];
    net.initialize()?;
    let x = ops::uniform(0.0, 1.0, (2, 20))?;
    net.call(&x)?;

    // The very same object, not only equal values.
    assert!(net[1].weight()?.ptr_eq(&net[2].weight()?));
    net[1].weight()?.data()?.set(s![0, 0], 100.0)?;
    println!("net[2].weight[0, 0] = {}", net[2].weight()?.data()?.to_vec::<f32>()?[0]);

    let loss = autograd::record(|| net.call(&x)?.sum())?;
    loss.backward()?;
    println!("{:#}", net[2].weight()?);
    println!("its paths:");
    for (path, parameter) in net.named_parameters() {
        if parameter.ptr_eq(&net[1].weight()?) {
            println!("  {path}");
        }
    }
    Ok(())
}
