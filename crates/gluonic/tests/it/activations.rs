//! Activations with slopes and scales, functions as layers, and nets that need all of it.

use gluonic::autograd::{Backward, record, train_mode};
use gluonic::ops::prelu;
use gluonic::prelude::*;

use crate::support::gradcheck::{Layout, check};
use crate::support::{Rng, array, bits, error, gradient};

type Operation = fn(&[NdArray]) -> Result<NdArray>;

#[test]
fn gradients_agree_with_differences_for_inputs_in_every_layout() -> Result<()> {
    let rows: [(&str, Operation, &[&[usize]]); 9] = [
        ("leaky_relu", |x| x[0].leaky_relu(0.1), &[&[3, 4]]),
        ("elu", |x| x[0].elu(1.5), &[&[3, 4]]),
        ("selu", |x| x[0].selu(), &[&[3, 4]]),
        ("gelu", |x| x[0].gelu(), &[&[3, 4]]),
        ("gelu of nothing", |x| x[0].gelu(), &[&[0, 4]]),
        ("swish", |x| x[0].swish(1.7), &[&[3, 4]]),
        ("prelu of all", |x| prelu(&x[0], &x[1]), &[&[3, 4], &[1]]),
        ("prelu by channel", |x| prelu(&x[0], &x[1]), &[&[2, 3, 2], &[3]]),
        ("prelu of nothing", |x| prelu(&x[0], &x[1]), &[&[0, 3, 2], &[3]]),
    ];
    for (name, f, dims) in rows {
        for layout in Layout::ALL {
            check(name, &f, dims, &vec![layout; dims.len()], (-1.5, 1.5))?;
        }
    }
    Ok(())
}

#[test]
fn values_are_those_of_the_formulas_also_far_out() -> Result<()> {
    let x = NdArray::from_slice(&[-1e3, -1.0, 0.0, 1.0, 1e3], 5)?;
    let near = |found: NdArray, expected: [f64; 5]| {
        let found = found.to_vec::<f64>().unwrap();
        let close = |(a, b): (&f64, f64)| (a - b).abs() <= 1e-14 * b.abs();
        assert!(found.iter().zip(expected).all(close), "{found:?}, expected {expected:?}");
    };
    let e = (-1.0_f64).exp_m1();
    near(x.elu(2.0)?, [-2.0, 2.0 * e, 0.0, 1.0, 1e3]);
    near(x.gelu()?, [0.0, -0.158_655_253_931_457_05, 0.0, 0.841_344_746_068_542_9, 1e3]);
    let sigmoid = 1.0 / (1.0 + (-1.0_f64).exp());
    near(x.swish(1.0)?, [0.0, sigmoid - 1.0, 0.0, sigmoid, 1e3]);
    for f in [NdArray::gelu, |x: &NdArray| x.swish(1.0), NdArray::selu] {
        let x = x.attach_grad(GradReq::Write)?;
        record(|| f(&x))?.backward()?;
        assert!(x.grad()?.to_vec::<f64>()?.iter().all(|g| g.is_finite()));
    }
    Ok(())
}

#[test]
fn layers_have_the_names_and_forms_of_gluon() -> Result<()> {
    let printed = name::manager(|| {
        Ok::<_, Error>([
            LeakyReLU::new(0.1)?.to_string(),
            PReLU::new().to_string(),
            ELU::new(1.0)?.to_string(),
            Lambda::new("square", NdArray::square).to_string(),
            format!("{} {}", GELU::new().name(), PReLU::new().param("alpha")?.name()),
            Sequential::hybrid().to_string(),
        ])
    })?;
    let expected = [
        "LeakyReLU(0.1)",
        "PReLU(\n\n)",
        "ELU(\n\n)",
        "Lambda(square)",
        "gelu0 prelu1_alpha",
        "HybridSequential(\n\n)",
    ];
    assert_eq!(printed, expected);
    let told = error(LeakyReLU::new(-1.0));
    assert_eq!(told.to_string(), "`alpha` must be finite and not negative, found -1");
    let layer = name::manager(PReLU::new);
    layer.initialize()?;
    let refused = prelu(&array(&[0.0; 4], (2, 2)), &array(&[0.0; 3], 3));
    let told = error(refused).to_string();
    assert_eq!(told, "`prelu`: input (2, 2) does not fit: alpha (3,) is neither (1,) nor (2,)");
    record(|| layer.call(&array(&[-2.0, 3.0], 2)))?.backward()?;
    assert_eq!(gradient(&layer.param("alpha")?), [-2.0]);
    Ok(())
}

/// A block of a residual network.
#[derive(Clone, Debug, Block)]
struct Residual {
    core: BlockCore,
    body: Sequential,
    skip: Sequential,
}

impl Residual {
    fn new(channels: usize, stride: usize) -> Residual {
        let core = BlockCore::new("Residual");
        let conv = |kernel: usize, strides: usize, padding: usize| {
            Conv2D::with(ConvConfig {
                channels,
                kernel_size: kernel.into(),
                strides: strides.into(),
                padding: padding.into(),
                use_bias: false,
                ..ConvConfig::default()
            })
        };
        let (body, skip) = core.name_scope(|| {
            let body = sequential![
                conv(3, stride, 1).unwrap(),
                BatchNorm::new(),
                ActivationLayer::new(Activation::Relu),
                conv(3, 1, 1).unwrap(),
                BatchNorm::new(),
            ];
            (body, sequential![conv(1, stride, 0).unwrap(), BatchNorm::new()])
        });
        Residual { core, body, skip }
    }
}

impl Forward for Residual {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        (&self.body.call(x)? + &self.skip.call(x)?)?.relu()
    }
}

#[test]
fn a_residual_network_learns_its_shapes_and_gives_every_parameter_a_gradient() -> Result<()> {
    let net = sequential![
        Conv2D::new(8, 7).strides(2).padding(3),
        BatchNorm::new(),
        ActivationLayer::new(Activation::Relu),
        MaxPool2D::with(PoolConfig {
            pool_size: 3.into(),
            strides: Some(2.into()),
            padding: 1.into(),
            ..PoolConfig::default()
        })?,
        Residual::new(8, 1),
        Residual::new(16, 2),
        GlobalAvgPool2D::new(),
        Dense::new(10),
    ];
    net.initialize_with(&init::Xavier::default(), Reinit::Keep)?;
    assert_eq!(net.infer_shapes(&[(2, 3, 64, 64)])?.to_string(), "(2, 10)");
    assert_eq!(net[5].find_param("body.0.weight")?.shape().unwrap().to_string(), "(16, 8, 3, 3)");
    assert_eq!(net[5].find_param("skip.1.gamma")?.shape().unwrap().to_string(), "(16,)");
    let x = Rng::of("image").array((2, 3, 64, 64));
    let y = record(|| net.call(&x))?;
    let head: Vec<f32> = (0..20).map(|i| (i as f32 - 9.0) * 0.1).collect();
    Backward::new().head(&array(&head, (2, 10))).run(&[&y])?;
    for (path, parameter) in net.named_parameters() {
        if parameter.grad_req() != GradReq::Null {
            let gradient = gradient(&parameter);
            assert!(gradient.iter().all(|g| g.is_finite()), "{path}");
            // Batch normalization takes away whatever a bias before it adds.
            if &*path != "0.bias" {
                assert!(gradient.iter().any(|g| *g != 0.0), "{path}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_training_has_the_same_bytes_on_one_and_on_two_threads() -> Result<()> {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let net = sequential![
                Conv2D::new(8, 3).activation(Activation::Relu),
                MaxPool2D::new(2),
                BatchNorm::new(),
                Conv2D::new(16, 3),
                Flatten::new(),
                Dense::new(4),
            ];
            let options = InitOptions { seed: Some(5), ..InitOptions::default() };
            net.initialize_opts(&options)?;
            let x = Rng::of("images").array((32, 1, 14, 14));
            let labels = NdArray::from_vec((0..32).map(|i| i % 4).collect::<Vec<i64>>(), 32)?;
            train_mode(|| net.infer_shapes(&[(1, 1, 14, 14)]))?;
            let mut trainer = Trainer::new(&net.collect_params()?, Sgd::new(0.1)?)?;
            for _ in 0..3 {
                let loss = SoftmaxCrossEntropyLoss::default();
                record(|| loss.call(&net.call(&x)?, &labels, None))?.backward()?;
                trainer.step(32)?;
            }
            let named = net.named_parameters();
            Ok::<_, Error>(named.iter().map(|(_, p)| bits(&p.data().unwrap())).collect::<Vec<_>>())
        })
    };
    assert!(run(1)? == run(2)?);
    Ok(())
}
