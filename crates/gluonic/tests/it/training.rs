//! Steps of training against their formulas, and the checks before a step.

use gluonic::prelude::*;

use crate::support::{Rng, alone, array, bits, error, value, variant};

/// The optimizer of an `f64` parameter does the same operations as the formula, up to their order.
const TOLERANCE: f64 = 1e-12;
/// `f16` keeps 11 bits.
const F16_TOLERANCE: f64 = 2e-3;

#[derive(Clone, Copy, Default)]
struct Settings {
    momentum: f64,
    wd: f64,
    clip: Option<f64>,
    lr_mult: f64,
    wd_mult: f64,
    rescale: f64,
}

/// Five steps of one parameter of `dtype`, beside the formula in `f64`.
#[track_caller]
fn check(settings: Settings, dtype: DType, tolerance: f64) {
    const LR: f64 = 0.1;
    const BATCH: usize = 4;
    let Settings { momentum, wd, clip, lr_mult, wd_mult, rescale } = settings;
    let mut rng = Rng::of("training");
    let weight = Parameter::with_spec(
        "w",
        &ParamSpec::new(6).dtype(dtype).lr_mult(lr_mult).wd_mult(wd_mult),
    );
    weight.initialize_with(&init::Normal::new(1.0), Reinit::Keep).unwrap();
    let mut w = value(&weight);
    let mut v = [0.0; 6];
    let sgd = Sgd::new(LR).unwrap().momentum(momentum).unwrap().wd(wd).unwrap();
    let sgd = clip.map_or(Ok(sgd), |_| {
        let sgd = Sgd::new(LR)?.momentum(momentum)?.wd(wd)?;
        sgd.clip_gradient(clip.unwrap_or(1.0))
    });
    let mut trainer = Trainer::of([&weight], sgd.unwrap()).unwrap();
    trainer.set_rescale_grad(rescale).unwrap();
    for _ in 0..5 {
        let head = NdArray::from_vec(rng.vec(6, -8.0, 8.0), 6).unwrap().cast(dtype).unwrap();
        let g = head.to_f64_vec().unwrap();
        autograd::record(|| &weight.data()? * &head).unwrap().backward().unwrap();
        trainer.step(BATCH).unwrap();
        let (lr, wd) = (LR * lr_mult, wd * wd_mult);
        for i in 0..6 {
            let scaled = g[i] * rescale / BATCH as f64;
            let clipped = clip.map_or(scaled, |clip| scaled.clamp(-clip, clip));
            v[i] = momentum * v[i] - lr * wd * w[i] - lr * clipped;
            w[i] += v[i];
        }
        if tolerance > TOLERANCE {
            // Only one step's rounding is looked at.
            let rounded = value(&weight);
            assert!(
                rounded.iter().zip(&w).all(|(a, b)| (a - b).abs() <= tolerance * b.abs().max(1.0))
            );
            w = rounded;
        }
    }
    for (found, expected) in value(&weight).iter().zip(&w) {
        let error = (found - expected).abs() / expected.abs().max(1.0);
        assert!(error <= tolerance, "expected {expected}, found {found}");
    }
}

const PLAIN: Settings =
    Settings { momentum: 0.0, wd: 0.0, clip: None, lr_mult: 1.0, wd_mult: 1.0, rescale: 1.0 };

#[test]
fn sgd_follows_its_formula() {
    for (momentum, wd, clip) in [
        (0.0, 0.0, None),
        (0.0, 0.3, None),
        (0.0, 0.3, Some(0.5)),
        (0.9, 0.0, None),
        (0.9, 0.3, None),
        (0.9, 0.3, Some(0.5)),
    ] {
        let settings = Settings { momentum, wd, clip, ..PLAIN };
        check(settings, DType::F64, TOLERANCE);
        check(
            Settings { lr_mult: 0.5, wd_mult: 3.0, rescale: 2.0, ..settings },
            DType::F64,
            TOLERANCE,
        );
        check(Settings { lr_mult: 0.0, ..settings }, DType::F64, TOLERANCE);
    }
}

#[test]
fn half_precision_weights_train_up_to_their_rounding() {
    for momentum in [0.0, 0.9] {
        check(Settings { momentum, wd: 0.1, ..PLAIN }, DType::F16, F16_TOLERANCE);
    }
}

fn two() -> Result<(Parameter, Parameter)> {
    let (a, b) = (Parameter::new("a", 1), Parameter::new("b", 1));
    a.initialize_with(&init::One, Reinit::Keep)?;
    b.initialize_with(&init::One, Reinit::Keep)?;
    Ok((a, b))
}

#[test]
fn stale_gradients_are_all_named_before_anything_moves() -> Result<()> {
    let ((a, b), (c, _)) = (two()?, two()?);
    let mut trainer = Trainer::of([&a, &b, &c], Sgd::new(0.5)?)?;
    autograd::record(|| &a.data()? * 2.0)?.backward()?;
    let stale = error(trainer.step(1));
    let Error::StaleGradients { names } = &stale else { panic!("{stale}") };
    assert_eq!(**names, ["b".into(), Box::<str>::from("a")]);
    assert_eq!([value(&a), value(&b), value(&c)], [[1.0], [1.0], [1.0]]);
    // Nothing was forgotten by the failure: the fresh one is still fresh.
    trainer.step_ignoring_stale(1)?;
    assert_eq!([value(&a), value(&b), value(&c)], [[0.0], [1.0], [1.0]]);
    trainer.step_ignoring_stale(1)?;
    assert_eq!(value(&a), [0.0]);
    Ok(())
}

#[test]
fn a_gradient_is_fresh_from_backward_to_step_whatever_happens_to_the_values() -> Result<()> {
    let (a, _) = two()?;
    let mut trainer = Trainer::of([&a], Sgd::new(1.0)?)?;
    autograd::record(|| &a.data()? * 2.0)?.backward()?;
    a.set_data(&array(&[5.0], 1))?;
    a.data()?.add_assign(1.0)?;
    trainer.step(2)?;
    assert_eq!(value(&a), [5.0]);
    assert_eq!(variant(&error(trainer.step(1))), "StaleGradients");
    autograd::record(|| &a.data()? * 2.0)?.backward()?;
    a.zero_grad()?;
    trainer.step(1)?;
    assert_eq!(value(&a), [5.0]);
    autograd::record(|| &a.data()? * 2.0)?.backward()?;
    a.set_grad_req(GradReq::Add);
    assert_eq!(variant(&error(trainer.step(1))), "StaleGradients");
    a.set_grad_req(GradReq::Null);
    trainer.step(1)?;
    assert_eq!(value(&a), [5.0]);
    Ok(())
}

#[test]
fn a_batch_of_nothing_and_settings_that_make_no_sense_are_refused() -> Result<()> {
    let (a, _) = two()?;
    let mut trainer = Trainer::of([&a], Sgd::new(0.5)?)?;
    autograd::record(|| &a.data()? * 2.0)?.backward()?;
    for result in [
        trainer.step(0),
        trainer.step_ignoring_stale(0),
        trainer.set_learning_rate(-1.0),
        trainer.set_learning_rate(f64::NAN),
        trainer.set_rescale_grad(f64::INFINITY),
        Sgd::new(-0.1).map(|_| ()),
        Sgd::new(0.1)?.momentum(f64::NAN).map(|_| ()),
        Sgd::new(0.1)?.wd(-1.0).map(|_| ()),
        Sgd::new(0.1)?.clip_gradient(f64::INFINITY).map(|_| ()),
    ] {
        assert_eq!(variant(&error(result)), "Setting");
    }
    assert_eq!((trainer.learning_rate()?, value(&a)), (0.5, vec![1.0]));
    trainer.set_learning_rate(0.25)?;
    trainer.step(1)?;
    assert_eq!(value(&a), [0.5]);
    Ok(())
}

#[test]
fn a_tied_weight_is_updated_once_with_the_sum_of_its_gradients() -> Result<()> {
    let first = Dense::with(DenseConfig {
        units: 1,
        in_units: Some(1),
        use_bias: false,
        ..Default::default()
    })?;
    let config =
        DenseConfig { use_bias: false, params: Some(first.params()), ..Default::default() };
    let net = sequential![first, Dense::with(config)?];
    net.initialize_with(&init::Constant::new(3.0), Reinit::Keep)?;
    let weight = net[0].weight()?;
    let of_list = Trainer::of([&weight, &net[1].weight()?], Sgd::new(0.1)?)?;
    assert_eq!(of_list.parameters().len(), 1);
    let mut trainer = Trainer::new(&net.collect_params()?, Sgd::new(0.1)?)?;
    autograd::record(|| net.call(&array(&[2.0], (1, 1))))?.backward()?;
    trainer.step(1)?;
    // y = w² x, so dw = 2 w x = 12.
    assert!((value(&weight)[0] - 1.8).abs() < 1e-6);
    Ok(())
}

#[test]
fn a_trainer_of_a_set_goes_by_name_and_one_of_a_list_in_order() -> Result<()> {
    let (a, b) = two()?;
    let mut params = ParameterDict::new("");
    params.insert(&b)?;
    params.insert(&a)?;
    let names = |trainer: &Trainer| {
        trainer.parameters().iter().map(|p| p.name().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&Trainer::new(&params, Sgd::new(0.1)?)?), ["a", "b"]);
    assert_eq!(names(&Trainer::of(&params, Sgd::new(0.1)?)?), ["b", "a"]);
    Ok(())
}

/// A net with dropout after some training, as bytes.
fn trained() -> Result<Vec<u64>> {
    let net =
        sequential![Dense::new(8).activation(Activation::Relu), Dropout::new(0.5)?, Dense::new(1)];
    net.initialize_with(&init::Xavier::default(), Reinit::Keep)?;
    let x = ops::normal(0.0, 1.0, (16, 4))?;
    net.call(&x)?;
    let mut trainer = Trainer::new(&net.collect_params()?, Sgd::new(0.1)?.momentum(0.9)?)?;
    for batch in gluonic::data::shuffled_batches(16, 5)? {
        autograd::record(|| net.call(&x.take(&batch)?)?.square())?.backward()?;
        trainer.step(batch.len())?;
    }
    let params = net.named_parameters();
    params
        .iter()
        .map(|(_, p)| Ok(bits(&p.data()?)))
        .collect::<Result<Vec<_>>>()
        .map(|all| all.concat())
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_two_nets_in_one_program_differ() {
    alone(
        "training::the_same_seed_gives_the_same_bytes_and_two_nets_in_one_program_differ",
        || {
            let run = |seed| {
                random::seed(seed);
                [trained().unwrap(), trained().unwrap()]
            };
            let first = run(42);
            assert_eq!(run(42), first);
            assert_ne!(first[0], first[1]);
            assert_ne!(run(43), first);
        },
    );
}

#[test]
fn training_reduces_the_loss_of_a_problem_that_can_be_solved() -> Result<()> {
    let mut rng = Rng::new(5);
    let x = rng.array((64, 3));
    let target = x.matmul(&array(&[1.0, -2.0, 0.5], (3, 1)))?;
    let layer = Dense::new(1);
    layer.initialize()?;
    layer.call(&x)?;
    let mut trainer = Trainer::new(&layer.collect_params()?, Sgd::new(0.5)?)?;
    let loss = L2Loss::default();
    for _ in 0..200 {
        autograd::record(|| loss.call(&layer.call(&x)?, &target, None))?.backward()?;
        trainer.step(64)?;
    }
    let left = loss.call(&layer.call(&x)?, &target, None)?.mean()?.to_scalar::<f32>()?;
    assert!(left < 1e-6, "{left}");
    Ok(())
}
