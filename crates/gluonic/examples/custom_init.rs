//! An initializer of one's own: U[-10, 10), with zeros in place of what is nearer to 0 than 5.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use gluonic::prelude::*;
use gluonic::{init::InitDesc, random::Address};

#[derive(Clone, Debug)]
struct MyInit;

impl Initializer for MyInit {
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, _address: &Address) -> Result<()> {
        println!("Init {} {}", desc.name, desc.dims);
        // Drawn from the parameter's own address: the same values each time.
        data.assign(&ops::uniform(-10.0, 10.0, &desc.dims)?)?;
        data.map_inplace(|w| if w.abs() >= 5.0 { w } else { 0.0 })
    }
}

fn main() -> Result<()> {
    let net = sequential![Dense::new(8), Dense::new(1)];
    net.initialize_with(&MyInit, Reinit::Keep)?;
    net.call(&NdArray::ones((1, 20), DType::F32)?)?;
    println!("{:#}", net[0].weight()?);
    println!("{}", net[0].weight()?.data()?.slice(s![..2, ..])?);
    Ok(())
}
