//! What a watch records of training and finds in it.

use gluonic::watch::{Place, Trouble};
use gluonic::{Watch, prelude::*};

use crate::support::{Rng, array, bits, error, gradient, value, variant};

/// Sums of a few numbers in `f64`.
const TOLERANCE: f64 = 1e-12;

fn dense(units: usize, in_units: usize) -> Dense {
    let config = DenseConfig { units, in_units: Some(in_units), ..Default::default() };
    Dense::with(config).unwrap()
}

fn net() -> Result<Sequential> {
    let net = sequential![dense(4, 3), dense(4, 4), dense(4, 4), dense(1, 4)];
    net.initialize_opts(&InitOptions { seed: Some(3), ..Default::default() })?;
    Ok(net)
}

fn backward(net: &Sequential, step: u64) -> Result<()> {
    let x = Rng::new(step).array((2, 3)).cast(net[0].weight()?.dtype())?;
    autograd::record(|| net.call(&x)?.square())?.backward()
}

#[test]
fn the_first_layer_that_becomes_nan_is_named_with_its_step() -> Result<()> {
    for every in [1, 100] {
        let net = net()?;
        let mut trainer = Trainer::new(&net, Sgd::new(0.01)?)?;
        let mut watch = Watch::new(&net).every(every)?.check_finite();
        for step in 1..=9 {
            if step == 7 {
                net[2].weight()?.data()?.set(s![1, 2], f64::NAN)?;
            }
            backward(&net, step)?;
            watch.step(&mut trainer, 2)?;
        }
        let finding = watch.finding().unwrap();
        assert_eq!((finding.step, &*finding.path, finding.place), (7, "2.weight", Place::Value));
        assert_eq!(finding.trouble, Trouble::NaN { count: 1, of: 16 });
        assert_eq!(
            finding.to_string(),
            "step 7: 1 of 16 elements of the value of `2.weight` are NaN"
        );
        // What follows from it comes after, and each is told once.
        let second = &watch.findings()[1];
        assert_eq!((second.step, &*second.path, second.place), (7, "0.weight", Place::Gradient));
        let texts: Vec<String> = watch.findings().iter().map(ToString::to_string).collect();
        let mut once = texts.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), texts.len(), "{texts:?}");
    }
    Ok(())
}

#[test]
fn infinities_in_a_gradient_are_found_where_they_are() -> Result<()> {
    let net = net()?;
    let mut trainer = Trainer::new(&net, Sgd::new(0.01)?)?;
    let mut watch = Watch::new(&net);
    backward(&net, 1)?;
    net[1].bias()?.grad()?.set(s![3], f64::NEG_INFINITY)?;
    watch.step(&mut trainer, 2)?;
    let [finding] = watch.findings() else { panic!("{:?}", watch.findings()) };
    assert_eq!(
        finding.to_string(),
        "step 1: 1 of 4 elements of the gradient of `1.bias` are infinite"
    );
    let record = watch.latest("1.bias")?.unwrap();
    let numbers = &record.gradient.as_ref().unwrap().statistics;
    assert_eq!(numbers.not_finite, 1);
    assert!(numbers.norm().is_finite());
    assert_eq!(record.update_norm, Some(f64::INFINITY));
    Ok(())
}

#[test]
fn an_update_that_overflows_is_found_at_its_own_step() -> Result<()> {
    let weight = Parameter::new("w", 2);
    weight.initialize_with(&init::One, Reinit::Keep)?;
    let mut params = ParameterDict::new("");
    params.insert(&weight)?;
    let mut trainer = Trainer::new(&params, Sgd::new(1e30)?)?;
    let mut watch = Watch::new(&params);
    autograd::record(|| &weight.data()? * &array(&[1e20, 0.0], 2))?.backward()?;
    watch.step(&mut trainer, 1)?;
    assert_eq!(
        watch.finding().unwrap().to_string(),
        "step 1: the update has made 1 of 2 elements of `w` infinite"
    );
    Ok(())
}

#[test]
fn a_layer_behind_a_dead_relu_is_found_after_five_measured_steps() -> Result<()> {
    let net = sequential![dense(4, 3), ActivationLayer::new(Activation::Relu), dense(1, 4)];
    net.initialize()?;
    net[0].bias()?.data()?.fill(-100.0)?;
    net[2].bias()?.data()?.fill(1.0)?;
    let mut trainer = Trainer::new(&net, Sgd::new(0.01)?)?;
    let mut watch = Watch::new(&net).every(2)?;
    for step in 1..=10 {
        assert!(watch.finding().is_none());
        backward(&net, step)?;
        watch.step(&mut trainer, 2)?;
    }
    let finding = watch.finding().unwrap();
    assert_eq!((finding.step, &*finding.path), (10, "0.weight"));
    assert_eq!((finding.place, &finding.trouble), (Place::Gradient, &Trouble::Dead));
    assert_eq!(
        finding.to_string(),
        "step 10: the gradient of `0.weight` was 0 at the last 5 measured steps"
    );
    assert!(!watch.findings().iter().any(|finding| &*finding.path == "2.bias"));
    Ok(())
}

#[test]
fn a_learning_rate_that_is_far_too_large_makes_a_norm_explode() -> Result<()> {
    let net = net()?;
    let mut trainer = Trainer::new(&net, Sgd::new(3.0)?)?;
    let mut watch = Watch::new(&net);
    for step in 1..=12 {
        backward(&net, step)?;
        watch.step(&mut trainer, 2)?;
        if watch.finding().is_some() {
            break;
        }
    }
    let finding = watch.finding().unwrap();
    let Trouble::Exploding { norm, median } = finding.trouble else { panic!("{finding}") };
    assert!(norm > 1000.0 * median);
    assert!(finding.to_string().contains(" times its median before, "), "{finding}");
    Ok(())
}

#[test]
fn training_that_goes_well_has_no_findings() -> Result<()> {
    let net = net()?;
    let mut trainer = Trainer::new(&net, Adam::new(0.01)?)?;
    let mut watch = Watch::new(&net).check_finite();
    for step in 1..=200 {
        backward(&net, step)?;
        watch.step(&mut trainer, 2)?;
    }
    assert_eq!(watch.findings(), []);
    Ok(())
}

#[test]
fn records_hold_the_numbers_of_value_gradient_and_update() -> Result<()> {
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        let weight = Parameter::with_spec("w", &ParamSpec::new((3, 5)).dtype(dtype));
        weight.initialize_with(&init::Normal::new(1.0), Reinit::Keep)?;
        let mut params = ParameterDict::new("");
        params.insert(&weight)?;
        let mut trainer = Trainer::new(&params, Sgd::new(0.3)?.momentum(0.9)?)?;
        let mut watch = Watch::new(&params).histogram(4)?;
        for step in 1..=3 {
            let head = Rng::new(step).array((3, 5)).cast(dtype)?;
            autograd::record(|| &weight.data()? * &head)?.backward()?;
            let (w, g) = (value(&weight), gradient(&weight));
            watch.step(&mut trainer, 2)?;
            let after = value(&weight);
            let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
            let moved: Vec<f64> = after.iter().zip(&w).map(|(after, w)| after - w).collect();
            let record = watch.latest("w")?.unwrap();
            assert_eq!((record.step, record.kind.to_string()), (step, "weight".to_owned()));
            let near = |a: f64, b: f64| (a - b).abs() < TOLERANCE;
            assert!(near(record.update_norm.unwrap(), norm(&moved)));
            assert!(near(record.update_ratio().unwrap(), norm(&moved) / norm(&w)));
            for (values, x) in [(&record.value, &w), (record.gradient.as_ref().unwrap(), &g)] {
                let numbers = &values.statistics;
                let mean = x.iter().sum::<f64>() / 15.0;
                let squares = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
                assert!(near(numbers.mean, mean) && near(numbers.norm(), norm(x)));
                assert!(near(numbers.std, (squares / 15.0).sqrt()));
                assert_eq!(Some(numbers.min), x.iter().copied().reduce(f64::min));
                assert_eq!(Some(numbers.max), x.iter().copied().reduce(f64::max));
                let counts = values.histogram.as_ref().unwrap();
                assert_eq!((counts.len(), counts.iter().sum::<usize>()), (4, 15));
            }
        }
    }
    Ok(())
}

#[test]
fn every_nth_step_is_measured_and_the_last_records_are_kept() -> Result<()> {
    let net = net()?;
    let mut trainer = Trainer::new(&net, Sgd::new(0.01)?)?;
    let mut watch = Watch::new(&net).every(10)?.keep(2);
    assert_eq!(watch.to_string(), "no records of 0 steps");
    for step in 1..=45 {
        backward(&net, step)?;
        watch.step(&mut trainer, 2)?;
    }
    let steps: Vec<u64> = watch.records().map(|record| record.step).collect();
    assert_eq!(steps, [[30; 8], [40; 8]].concat());
    assert_eq!(watch.steps(), 45);
    let near = error(watch.latest("0.wieght"));
    assert!(near.hint().unwrap().contains("`0.weight`"));
    for refused in [error(Watch::new(&net).every(0)), error(Watch::new(&net).histogram(0))] {
        assert_eq!(variant(&refused), "Setting");
    }
    Ok(())
}

#[test]
fn training_has_the_same_bits_with_a_watch_and_without() -> Result<()> {
    for dtype in [DType::F32, DType::F16] {
        let run = |watched: bool| -> Result<Vec<Vec<u64>>> {
            let net = net()?;
            net.cast(dtype)?;
            let adam = Adam::new(0.01)?.multi_precision(true);
            let mut trainer = Trainer::new(&net, adam)?;
            let mut watch = Watch::new(&net).every(2)?.histogram(8)?.check_finite();
            for step in 1..=9 {
                backward(&net, step)?;
                if watched {
                    watch.step(&mut trainer, 2)?;
                } else {
                    trainer.step(2)?;
                }
            }
            net.named_parameters().iter().map(|(_, p)| Ok(bits(&p.data()?))).collect()
        };
        assert_eq!(run(true)?, run(false)?);
    }
    Ok(())
}

#[test]
fn a_tied_parameter_counts_once_and_a_frozen_one_has_no_gradient() -> Result<()> {
    let first = dense(3, 3);
    let config = DenseConfig { units: 3, params: Some(first.params()), ..Default::default() };
    let net =
        sequential![first, Dense::with(config)?, BatchNorm::with(BatchNormConfig::default())?];
    net.initialize()?;
    net[0].bias()?.freeze();
    let mut trainer = Trainer::new(&net, Sgd::new(0.01)?)?;
    let mut watch = Watch::new(&net);
    backward(&net, 1)?;
    watch.step(&mut trainer, 2)?;
    let rows: Vec<(&str, bool, bool)> = watch
        .records()
        .map(|record| (&*record.path, record.gradient.is_some(), record.update_norm.is_some()))
        .collect();
    assert_eq!(
        rows,
        [
            ("0.weight", true, true),
            ("0.bias", false, false),
            ("2.gamma", true, true),
            ("2.beta", true, true),
            ("2.running_mean", false, false),
            ("2.running_var", false, false),
        ]
    );
    Ok(())
}

#[test]
fn a_step_that_fails_does_not_count_and_leaves_no_records() -> Result<()> {
    let net = sequential![Dense::new(2), Dense::new(1)];
    net.initialize()?;
    let mut trainer = Trainer::new(&net, Sgd::new(0.1)?)?;
    let mut watch = Watch::new(&net);
    assert_eq!(variant(&error(watch.step(&mut trainer, 1))), "Deferred");
    backward(&net, 1)?;
    assert_eq!(variant(&error(watch.step(&mut trainer, 0))), "Setting");
    assert_eq!((watch.steps(), watch.records().count()), (0, 0));
    watch.step(&mut trainer, 1)?;
    assert_eq!(variant(&error(watch.step(&mut trainer, 1))), "StaleGradients");
    watch.step_ignoring_stale(&mut trainer, 1)?;
    assert_eq!((watch.steps(), watch.records().count()), (2, 8));
    assert_eq!(watch.latest("0.weight")?.unwrap().update_norm, None);
    let bias = net[1].bias()?;
    let refused =
        bias.edit::<f32, _>(|_| variant(error(watch.step_ignoring_stale(&mut trainer, 1)).root()))?;
    assert_eq!((refused.as_str(), watch.steps()), ("BeingEdited", 2));
    Ok(())
}

#[test]
fn parameters_of_no_elements_and_of_one_are_measured() -> Result<()> {
    let (none, one) = (Parameter::new("none", (0, 3)), Parameter::new("one", ()));
    let mut params = ParameterDict::new("");
    for parameter in [&none, &one] {
        parameter.initialize_with(&init::One, Reinit::Keep)?;
        params.insert(parameter)?;
    }
    let mut trainer = Trainer::new(&params, Sgd::new(0.5)?)?;
    let mut watch = Watch::new(&params).histogram(3)?;
    for _ in 0..6 {
        autograd::record(|| &none.data()?.sum()? + &one.data()?)?.backward()?;
        watch.step(&mut trainer, 1)?;
    }
    assert_eq!(watch.findings(), []);
    let record = watch.latest("none")?.unwrap();
    assert_eq!((record.value.statistics.count, record.update_ratio()), (0, None));
    assert_eq!(watch.latest("one")?.unwrap().value.histogram.as_deref(), Some(&[0, 1, 0][..]));
    Ok(())
}

#[test]
fn a_gradient_by_rows_has_the_numbers_of_the_whole_one() -> Result<()> {
    let measured = |sparse_grad: bool| -> Result<_> {
        let config = EmbeddingConfig { input_dim: 9, output_dim: 2, ..Default::default() };
        let table = Embedding::with(EmbeddingConfig { sparse_grad, ..config })?;
        table.initialize_with(&init::One, Reinit::Keep)?;
        let mut trainer = Trainer::new(&table, Sgd::new(0.5)?)?;
        let mut watch = Watch::new(&table).histogram(3)?;
        let ids = NdArray::from_slice(&[4_i64, 1, 4], 3)?;
        autograd::record(|| table.call(&ids)?.square())?.backward()?;
        watch.step(&mut trainer, 1)?;
        assert_eq!(table.weight()?.grad_rows()?.is_some(), sparse_grad);
        Ok(watch.latest("weight")?.unwrap().gradient.clone().unwrap())
    };
    let (rows, whole) = (measured(true)?, measured(false)?);
    assert_eq!(rows.histogram, whole.histogram);
    let (rows, whole) = (rows.statistics, whole.statistics);
    assert_eq!((rows.count, rows.zeros, rows.max), (whole.count, whole.zeros, whole.max));
    assert!((rows.std - whole.std).abs() < TOLERANCE);
    Ok(())
}

#[test]
fn records_are_a_table_and_lines_of_json() -> Result<()> {
    let net = sequential![dense(1, 2), dense(1, 1)];
    net.initialize_with(&init::One, Reinit::Keep)?;
    net[1].bias()?.freeze();
    let mut trainer = Trainer::new(&net, Sgd::new(0.25)?)?;
    let mut watch = Watch::new(&net).histogram(2)?;
    autograd::record(|| net.call(&array(&[1.0, 2.0], (1, 2))))?.backward()?;
    net[0].bias()?.data()?.fill(f64::NAN)?;
    watch.step(&mut trainer, 1)?;
    insta::assert_snapshot!(watch.to_string(), @r"
    step 1
    path        norm    mean     std  gradient  zeros  not finite  update
    0.weight  1.4142  1.0000  0.0000    2.2361      0           0  0.3953
    0.bias    0.0000       -       -    1.0000      0           1       -
    1.weight  1.0000  1.0000  0.0000    3.0000      0           0  0.7500
    1.bias    0.0000  0.0000  0.0000         -      -           0       -
    step 1: 1 of 1 elements of the value of `0.bias` are NaN
    ");
    let lines = watch.to_json();
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 4);
    insta::assert_snapshot!(lines[1], @r#"{"step":1,"path":"0.bias","kind":"bias","value":{"count":1,"min":null,"mean":null,"max":null,"std":null,"norm":0.0,"zeros":0,"not_finite":1,"histogram":[0,0]},"gradient":{"count":1,"min":1.0,"mean":1.0,"max":1.0,"std":0.0,"norm":1.0,"zeros":0,"not_finite":0,"histogram":[0,1]},"update_norm":0.0,"update_ratio":null}"#);
    Ok(())
}
