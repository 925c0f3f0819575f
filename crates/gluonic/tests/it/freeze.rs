//! Freezing: what training leaves as it is, at what cost, and how it comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gluonic::autograd::{Function, apply, record};
use gluonic::name::ParamPath;
use gluonic::param::Kind;
use gluonic::prelude::*;

use crate::support::{Rng, array, bits, error, gradient, value, variant};

fn ready(name: &str) -> Parameter {
    let parameter = Parameter::new(name, (2, 3));
    parameter.initialize_with(&init::One, Reinit::Keep).unwrap();
    parameter
}

fn backward(parameters: &[&Parameter]) -> Result<()> {
    let loss = record(|| {
        let first = parameters[0].data()?.square()?;
        parameters[1..].iter().try_fold(first, |sum, p| &sum + &p.data()?.square()?)
    })?;
    loss.backward()
}

#[test]
fn a_frozen_parameter_has_no_gradient_and_says_why() -> Result<()> {
    let weight = ready("w");
    assert!(!weight.is_frozen() && weight.freeze() && !weight.freeze() && weight.is_frozen());
    assert_eq!(weight.grad_req(), GradReq::Null);
    assert_eq!(variant(&error(weight.grad())), "Frozen");
    weight.zero_grad()?;
    assert_eq!(variant(&error(backward(&[&weight]))), "NotRecorded");
    assert!(format!("{weight:#}").contains("ready; weight, frozen, grad_req null"), "{weight:#}");
    assert!(weight.unfreeze() && !weight.unfreeze() && !weight.is_frozen());
    assert!(!format!("{weight:#}").contains("frozen"), "{weight:#}");
    Ok(())
}

#[test]
fn unfreezing_restores_the_grad_req_with_a_gradient_of_zeros() -> Result<()> {
    let weight = ready("w");
    weight.set_grad_req(GradReq::Add);
    backward(&[&weight])?;
    weight.freeze();
    weight.unfreeze();
    assert_eq!(weight.grad_req(), GradReq::Add);
    assert_eq!(gradient(&weight), [0.0; 6]);
    backward(&[&weight])?;
    backward(&[&weight])?;
    assert_eq!(gradient(&weight), [4.0; 6]);
    Ok(())
}

#[test]
fn grad_req_set_while_frozen_is_what_unfreezing_restores() {
    let weight = ready("w");
    weight.freeze();
    weight.set_grad_req(GradReq::Add);
    assert_eq!(weight.grad_req(), GradReq::Null);
    weight.unfreeze();
    assert_eq!(weight.grad_req(), GradReq::Add);
    weight.freeze();
    weight.set_grad_req(GradReq::Null);
    weight.unfreeze();
    assert_eq!(weight.grad_req(), GradReq::Null);
    assert_eq!(variant(&error(weight.grad())), "NoGrad");
}

#[test]
fn a_graph_recorded_before_freezing_writes_no_gradient_anywhere() -> Result<()> {
    let (frozen, other) = (ready("frozen"), ready("other"));
    let old = frozen.grad()?;
    let loss = record(|| &frozen.data()? * &other.data()?)?;
    frozen.freeze();
    let again = record(|| other.data()?.square())?;
    loss.backward()?;
    assert_eq!(old.to_vec::<f32>()?, [0.0; 6]);
    assert_eq!(gradient(&other), [1.0; 6]);
    frozen.unfreeze();
    again.backward()?;
    assert_eq!(gradient(&frozen), [0.0; 6]);
    Ok(())
}

#[test]
fn the_memory_of_the_gradient_is_given_back() -> Result<()> {
    let weight = ready("w");
    let old = weight.grad()?;
    weight.freeze();
    weight.unfreeze();
    assert!(!weight.grad()?.same_memory(&old));
    Ok(())
}

#[test]
fn freezing_holds_from_declaration_through_every_change() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let net = sequential![Dense::new(2)];
    assert_eq!(net.freeze("**")?, 2);
    net.initialize()?;
    let weight = net[0].weight()?;
    assert!(weight.is_deferred() && weight.is_frozen());
    net.call(&array(&[1.0; 3], (1, 3)))?;
    assert!(weight.is_initialized() && weight.is_frozen());
    net.save_parameters(&file)?;
    net.load_parameters(&file, &LoadOptions::default())?;
    weight.cast(DType::F64)?;
    weight.cast(DType::F32)?;
    weight.initialize_with(&init::One, Reinit::Force)?;
    weight.set_data(&array(&[3.0; 6], (2, 3)))?;
    assert!(weight.is_frozen() && weight.deep_clone()?.is_frozen());
    assert_eq!(variant(&error(weight.grad())), "Frozen");
    assert_eq!((net.unfreeze("**")?, net.unfreeze("**")?), (2, 0));
    assert_eq!(gradient(&weight), [0.0; 6]);
    assert_eq!(value(&weight), [3.0; 6]);
    Ok(())
}

#[test]
fn statistics_and_constants_can_be_frozen_and_never_get_a_gradient() -> Result<()> {
    let constant = Parameter::constant("c", &array(&[1.0], 1))?;
    let mean = Parameter::with_spec("m", &ParamSpec::new(1).kind(Kind::Statistic));
    for parameter in [&constant, &mean] {
        parameter.initialize_with(&init::Zero, Reinit::Keep)?;
        assert!(parameter.freeze() && parameter.is_frozen() && parameter.unfreeze());
        assert_eq!(parameter.grad_req(), GradReq::Null);
        assert_eq!(variant(&error(parameter.grad())), "NoGrad");
    }
    Ok(())
}

#[test]
fn a_trainer_passes_over_frozen_parameters_also_those_that_wait() -> Result<()> {
    let (frozen, trained) = (ready("a"), ready("b"));
    let waiting = Parameter::new("c", [Some(2), None]);
    waiting.initialize()?;
    let mut trainer = Trainer::of([&frozen, &trained, &waiting], Sgd::new(0.5)?.wd(0.1)?)?;
    frozen.freeze();
    waiting.freeze();
    backward(&[&frozen, &trained])?;
    trainer.step(1)?;
    assert_eq!(value(&frozen), [1.0; 6]);
    assert!(value(&trained).iter().all(|w| *w < 0.5));
    waiting.unfreeze();
    assert_eq!(variant(&error(trainer.step(1))), "Deferred");
    Ok(())
}

#[test]
fn a_cast_on_another_thread_does_not_bring_the_gradient_back() {
    let weight = ready("w");
    std::thread::scope(|scope| {
        let cast = scope.spawn(|| {
            for dtype in [DType::F64, DType::F32].iter().cycle().take(4000) {
                weight.cast(*dtype).unwrap();
            }
        });
        while !cast.is_finished() {
            weight.freeze();
            assert_eq!(variant(&error(weight.grad())), "Frozen");
            weight.unfreeze();
            assert!(weight.grad().is_ok());
        }
    });
}

/// Passes everything through, and counts the gradients that it was asked for.
#[derive(Default)]
struct Spy(AtomicUsize);

impl Function for Spy {
    fn forward(&self, _keep: &mut Vec<NdArray>, inputs: &[NdArray]) -> Result<NdArray> {
        inputs[0].deep_clone()
    }

    fn backward(&self, _: &[NdArray], g: &NdArray, _: &[bool]) -> Result<Vec<Option<NdArray>>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(vec![Some(g.clone())])
    }
}

#[test]
fn the_walk_back_ends_above_the_last_frozen_layer() -> Result<()> {
    let net = sequential![Dense::new(4), Dense::new(4), Dense::new(1)];
    net.initialize()?;
    let spy = Arc::new(Spy::default());
    let step = || -> Result<usize> {
        let before = spy.0.load(Ordering::Relaxed);
        let loss = record(|| {
            let below = apply(&spy, &[net[0].call(&array(&[1.0; 6], (2, 3)))?])?;
            net[2].call(&apply(&spy, &[net[1].call(&below)?])?)
        })?;
        loss.backward()?;
        Ok(spy.0.load(Ordering::Relaxed) - before)
    };
    assert_eq!(step()?, 2);
    net.freeze("0.**")?;
    assert_eq!(step()?, 1);
    net.freeze("1.**")?;
    assert_eq!(step()?, 0);
    assert!(gradient(&net[2].weight()?).iter().any(|g| *g != 0.0));
    net.unfreeze("**")?;
    assert_eq!(step()?, 2);
    Ok(())
}

#[test]
fn training_leaves_the_frozen_half_bit_equal_and_moves_the_other() -> Result<()> {
    let mut rng = Rng::of("training_leaves_the_frozen_half_bit_equal");
    let net = sequential![Dense::new(8).activation(Activation::Relu), Dense::new(8), Dense::new(1)];
    net.initialize_opts(&InitOptions { seed: Some(3), ..Default::default() })?;
    let (x, y) = (rng.array((16, 5)), rng.array((16, 1)));
    net.call(&x)?;
    let photograph = || -> Vec<(ParamPath, Vec<u64>)> {
        let named = net.named_parameters();
        named.into_iter().map(|(path, p)| (path, bits(&p.data().unwrap()))).collect()
    };
    let mut trainer =
        Trainer::new(&net.collect_params()?, Sgd::new(0.1)?.momentum(0.9)?.wd(0.01)?)?;
    let mut train = |steps: usize| -> Result<()> {
        for _ in 0..steps {
            let loss = record(|| (&net.call(&x)? - &y)?.square())?;
            loss.backward()?;
            trainer.step(16)?;
        }
        Ok(())
    };
    train(2)?;
    net.freeze("{0,1}.weight | 1.bias")?;
    let before = photograph();
    train(5)?;
    for ((path, before), (_, after)) in before.iter().zip(photograph()) {
        let frozen = ["0.weight", "1.weight", "1.bias"].contains(&&**path);
        assert_eq!(*before == after, frozen, "{path}");
    }
    net.unfreeze("frozen")?;
    train(1)?;
    assert!(before.iter().zip(photograph()).all(|((_, before), (_, after))| *before != after));
    Ok(())
}
