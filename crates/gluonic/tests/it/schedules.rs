//! Schedules against MXNet's stateful ones, written again, and how trainers use them.

use gluonic::optim::schedule::{Cosine, Factor, MultiFactor, OneCycle, Poly, Warmup};
use gluonic::prelude::*;

use crate::support::{error, value, variant};

const BASE: f64 = 0.4;

#[track_caller]
fn check(schedule: &dyn Schedule, mut expected: impl FnMut(u64) -> f64) {
    for n in 1..60 {
        let (found, expected) = (schedule.learning_rate(BASE, n), expected(n));
        assert!((found - expected).abs() < 1e-14, "{n}: {found}, expected {expected}");
    }
}

fn warm(n: u64) -> Option<f64> {
    (n < 5).then(|| 0.1 + (BASE - 0.1) * n as f64 / 5.0)
}

#[test]
fn schedules_give_what_those_of_mxnet_give() -> Result<()> {
    let warmup = Warmup::linear(5, 0.1)?;
    let (mut count, mut lr) = (0, BASE);
    check(&Factor::new(7, 0.1)?.stop_factor_lr(1e-3)?.warmup(warmup), |n| {
        warm(n).unwrap_or_else(|| {
            while n > count + 7 {
                count += 7;
                lr = (lr * 0.1).max(1e-3);
            }
            lr
        })
    });
    let (mut steps, mut lr) = (vec![20, 9, 3], BASE);
    check(&MultiFactor::new([3, 9, 20], 0.5)?.warmup(warmup), |n| {
        warm(n).unwrap_or_else(|| {
            while steps.last().is_some_and(|step| n > *step) {
                steps.pop();
                lr *= 0.5;
            }
            lr
        })
    });
    let over = |n: u64| (n.min(30) - 5) as f64 / 25.0;
    check(&Poly::new(30)?.power(3.0)?.final_lr(0.01)?.warmup(warmup)?, |n| {
        warm(n).unwrap_or_else(|| 0.01 + (BASE - 0.01) * (1.0 - over(n)).powi(3))
    });
    check(&Cosine::new(30)?.final_lr(0.01)?.warmup(warmup)?, |n| {
        let cosine = |n| 0.5 + 0.5 * (std::f64::consts::PI * over(n)).cos();
        warm(n).unwrap_or_else(|| 0.01 + (BASE - 0.01) * cosine(n))
    });
    check(&Warmup::constant(5, 0.1)?, |n| if n < 5 { 0.1 } else { BASE });
    Ok(())
}

#[test]
fn one_cycle_rises_and_falls_within_its_updates() -> Result<()> {
    // By PyTorch's `OneCycleLR(max_lr=1, total_steps=10)`.
    let expected = [
        0.04,
        0.52,
        1.0,
        0.950_484_635_8,
        0.811_744_910_0,
        0.611_261_646_4,
        0.388_742_353_6,
        0.188_259_090_0,
        0.049_519_364_2,
        4e-6,
    ];
    let schedule = OneCycle::new(10)?;
    for (i, expected) in expected.into_iter().enumerate() {
        let found = schedule.learning_rate(1.0, i as u64 + 1);
        assert!((found - expected).abs() < 1e-5, "{i}: {found}, expected {expected}");
    }
    assert_eq!(schedule.learning_rate(1.0, 99), schedule.learning_rate(1.0, 10));
    for n in 0..5 {
        assert!(OneCycle::new(1)?.pct_start(1.0)?.learning_rate(1.0, n).is_finite());
        assert!(OneCycle::new(1)?.pct_start(0.0)?.learning_rate(1.0, n).is_finite());
    }
    Ok(())
}

#[test]
fn schedules_that_make_no_sense_are_refused() {
    for result in [
        Factor::new(0, 0.5).map(|_| ()),
        Factor::new(1, 1.5).map(|_| ()),
        Factor::new(1, f64::NAN).map(|_| ()),
        MultiFactor::new([], 0.5).map(|_| ()),
        MultiFactor::new([3, 3], 0.5).map(|_| ()),
        MultiFactor::new([0, 3], 0.5).map(|_| ()),
        Poly::new(0).map(|_| ()),
        Cosine::new(5).unwrap().warmup(Warmup::linear(5, 0.0).unwrap()).map(|_| ()),
        Cosine::new(5).unwrap().final_lr(-1.0).map(|_| ()),
        Warmup::linear(5, f64::INFINITY).map(|_| ()),
        OneCycle::new(0).map(|_| ()),
        OneCycle::new(5).unwrap().pct_start(1.5).map(|_| ()),
        OneCycle::new(5).unwrap().div_factor(0.5).map(|_| ()),
    ] {
        assert_eq!(variant(&error(result)), "Setting");
    }
}

fn step(trainer: &mut Trainer, weights: &[&Parameter]) -> Result<()> {
    for weight in weights {
        autograd::record(|| &weight.data()? * 1.0)?.backward()?;
    }
    trainer.step_ignoring_stale(1)
}

#[test]
fn a_trainer_goes_by_the_largest_number_of_updates() -> Result<()> {
    let (a, b) = (Parameter::new("a", 1), Parameter::new("b", 1));
    for parameter in [&a, &b] {
        parameter.initialize_with(&init::Zero, Reinit::Keep)?;
    }
    let sgd = Sgd::new(1.0)?.schedule(|base: f64, n: u64| base * 10.0_f64.powi(n as i32));
    let mut trainer = Trainer::of([&a, &b], sgd)?;
    step(&mut trainer, &[&a, &b])?;
    step(&mut trainer, &[&a])?;
    // Its second update, at a time when the other one has had three.
    step(&mut trainer, &[&a, &b])?;
    assert_eq!((value(&a), value(&b)), (vec![-1110.0], vec![-1010.0]));
    assert_eq!((trainer.num_update(), trainer.learning_rate()?), (3, 1000.0));
    assert_eq!(variant(&error(trainer.set_learning_rate(0.1))), "Scheduled");
    Ok(())
}

#[test]
fn a_schedule_that_gives_nonsense_fails_before_anything_moves() -> Result<()> {
    let weight = Parameter::new("w", 1);
    weight.initialize_with(&init::Zero, Reinit::Keep)?;
    let sgd = Sgd::new(1.0)?.schedule(|_: f64, n: u64| if n < 2 { 1.0 } else { f64::NAN });
    let mut trainer = Trainer::of([&weight], sgd)?;
    step(&mut trainer, &[&weight])?;
    assert_eq!(variant(&error(step(&mut trainer, &[&weight]))), "Setting");
    assert_eq!((value(&weight), trainer.num_update()), (vec![-1.0], 1));
    assert_eq!(trainer.state("w")?.updates(), 1);
    Ok(())
}
