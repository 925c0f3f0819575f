//! One step of training a multilayer perceptron, a LeNet or a transformer, beside its matrix
//! products alone.

use gluonic::nn::TransformerEncoderConfig;
use gluonic::prelude::*;

use crate::limit::Gemms;
use crate::{Args, race};

const CASES: [(&str, &[usize], usize); 4] = [
    ("mlp20_b2", &[20, 256, 10], 2),
    ("mlp20_b64", &[20, 256, 10], 64),
    ("mlp784_b64", &[784, 256, 10], 64),
    ("mlp1024_b256", &[784, 1024, 1024, 10], 256),
];

pub fn run(args: &Args) {
    for (name, sizes, batch) in CASES {
        let case = format!("{name}_sgdm");
        if !case.contains(&args.filter) {
            continue;
        }
        let net = mlp(sizes);
        let gemms = Gemms::mlp(sizes, batch);
        step(&case, &net, &[batch, sizes[0]], gemms, args).expect("the benchmark's own sizes fit");
    }
    let case = "lenet_b64_sgdm";
    if case.contains(&args.filter) {
        let (net, gemms) = (lenet(), Gemms::lenet(64));
        step(case, &net, &[64, 1, 28, 28], gemms, args).expect("the benchmark's own sizes fit");
    }
    let case = "tfm_b8_sgdm";
    if case.contains(&args.filter) {
        let net = transformer().expect("the benchmark's own sizes fit");
        let gemms = Gemms::transformer(8);
        step(case, &net, &[8, 64, 128], gemms, args).expect("the benchmark's own sizes fit");
    }
}

/// That of `peers`: two layers with the norms first, a mean over the positions, a dense layer.
fn transformer() -> Result<Sequential> {
    let config = TransformerEncoderConfig {
        units: 128,
        num_heads: 4,
        dropout: 0.0,
        pre_norm: true,
        ..TransformerEncoderConfig::default()
    };
    Ok(sequential![
        TransformerEncoderLayer::with(&config)?,
        TransformerEncoderLayer::with(&config)?,
        Lambda::new("mean", |x| x.mean_axes(&[1], false)),
        Dense::new(10),
    ])
}

/// That of `peers`: two convolutions, two dense layers.
fn lenet() -> Sequential {
    let relu = Activation::Relu;
    sequential![
        Conv2D::new(20, 5).activation(relu),
        MaxPool2D::new(2),
        Conv2D::new(50, 5).activation(relu),
        MaxPool2D::new(2),
        Flatten::new(),
        Dense::new(500).activation(relu),
        Dense::new(10),
    ]
}

fn mlp(sizes: &[usize]) -> Sequential {
    let net = Sequential::new();
    let last = sizes.len() - 2;
    for (i, units) in sizes[1..].iter().enumerate() {
        let layer = Dense::new(*units);
        net.add(if i < last { layer.activation(Activation::Relu) } else { layer });
    }
    net
}

fn step(case: &str, net: &Sequential, dims: &[usize], mut gemms: Gemms, args: &Args) -> Result<()> {
    let batch = dims[0];
    net.initialize()?;
    let n: usize = dims.iter().product();
    let x: Vec<f32> = (0..n).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect();
    let x = NdArray::from_vec(x, dims)?;
    let labels = NdArray::from_vec((0..batch as u32).map(|i| i % 10).collect(), batch)?;
    net.call(&x)?;
    let loss = SoftmaxCrossEntropyLoss::default();
    let mut trainer = Trainer::new(&net.collect_params()?, Sgd::new(0.01)?.momentum(0.9)?)?;
    let mut own = || {
        let value = autograd::record(|| loss.call(&net.call(&x)?, &labels, None));
        let value = value.expect("sizes fit");
        value.backward().expect("it was recorded");
        drop(value);
        trainer.step(batch).expect("gradients are fresh");
    };
    let mut limit = || gemms.run();
    race(case, args, &mut [("gluonic", &mut own), ("limit", &mut limit)]);
    Ok(())
}
