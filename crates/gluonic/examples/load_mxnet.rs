//! Loads a file that MXNet 1.9.1 wrote, and saves it as safetensors.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::Path;

use gluonic::prelude::*;

fn main() -> Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/params/mlp.params");
    let net = sequential![Dense::new(256).activation(Activation::Relu), Dense::new(10)];
    // Never initialized, and of unknown width: the file tells both.
    println!("{}", net.load_parameters(&file, &LoadOptions::default())?);
    println!("{net}");

    // What does not fit is said all at once, and nothing is changed.
    let smaller = sequential![Dense::new(128), Dense::new(10)];
    if let Err(error) = smaller.load_parameters(&file, &LoadOptions::default()) {
        println!("{error}");
        println!("hint: {}", error.hint().unwrap_or_default());
    }

    let copy = std::env::temp_dir().join("gluonic-load-mxnet.safetensors");
    net.save_parameters(&copy)?;
    println!("{}", net.load_parameters(&copy, &LoadOptions::default())?);
    Ok(())
}
