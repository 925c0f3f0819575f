//! Averages of weights over training: their formulas, kinds, scopes and files.

use gluonic::{Average, prelude::*};

use crate::support::{Rng, array, bits, error, photograph, value, variant};

/// Averages of `f32` against the formula in `f64`, over a dozen updates.
const TOLERANCE: f64 = 1e-6;

fn parameter(name: &str, dims: impl Into<Dims>, dtype: DType) -> Parameter {
    let dims = dims.into();
    let weight = Parameter::with_spec(name, &ParamSpec::new(&dims).dtype(dtype));
    weight.initialize().unwrap();
    weight
}

fn set(parameters: &[Parameter]) -> ParameterDict {
    let mut params = ParameterDict::new("");
    parameters.iter().try_for_each(|parameter| params.insert(parameter)).unwrap();
    params
}

/// The factor of the present value in the update of that number, from 0.
type Rate = fn(f64) -> f64;

/// Updates with random values, beside the formula in `f64`.
#[track_caller]
fn follows(make: fn(&ParameterDict) -> Average, rate: Rate) {
    let mut rng = Rng::of("averages");
    let kinds = [(DType::F32, 0), (DType::F64, 1), (DType::F16, 7), (DType::BF16, 600)];
    let weights = kinds.map(|(dtype, n)| parameter(dtype.name(), n, dtype));
    let scalar = parameter("scalar", (), DType::F32);
    let large = parameter("large", (3, 50_000), DType::F32);
    let all = [&weights[..], &[scalar, large]].concat();
    let params = set(&all);
    let mut average = make(&params);
    let mut expected: Vec<Vec<f64>> = Vec::new();
    for n in 0_u32..12 {
        for (i, weight) in all.iter().enumerate() {
            let dims = weight.data().unwrap().dims().clone();
            let new = NdArray::from_vec(rng.vec(dims.elem_count(), -2.0, 2.0), dims).unwrap();
            weight.set_data(&new).unwrap();
            // As it is rounded.
            let w = value(weight);
            if n == 0 {
                expected.push(w);
            } else {
                let r = rate(f64::from(n));
                expected[i].iter_mut().zip(w).for_each(|(a, w)| *a = (1.0 - r) * *a + r * w);
            }
        }
        average.update().unwrap();
        assert_eq!(average.updates(), u64::from(n) + 1);
    }
    for (weight, expected) in all.iter().zip(&expected) {
        let found = average.get(weight.name()).unwrap();
        let wide = if weight.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
        assert_eq!((found.dtype(), found.dims()), (wide, weight.data().unwrap().dims()));
        let tolerance = if wide == DType::F64 { 1e-14 } else { TOLERANCE };
        for (found, expected) in found.to_f64_vec().unwrap().iter().zip(expected) {
            assert!((found - expected).abs() < tolerance, "{weight}: {found}, not {expected}");
        }
    }
}

#[test]
fn averages_follow_their_formulas_in_every_type_and_size() {
    follows(|params| Average::ema(params, 0.9).unwrap(), |_| 0.1);
    follows(|params| Average::ema(params, 0.0).unwrap(), |_| 1.0);
    let with_warm_up: Rate = |n| 1.0 - f64::min(0.6, (1.0 + n) / (10.0 + n));
    follows(|params| Average::ema_with_warm_up(params, 0.6).unwrap(), with_warm_up);
    follows(Average::swa, |n| 1.0 / (n + 1.0));
}

#[test]
fn a_decay_that_makes_no_sense_is_refused() {
    let params = set(&[]);
    for decay in [1.0, -0.1, 1.5, f64::NAN, f64::INFINITY] {
        assert_eq!(variant(&error(Average::ema(&params, decay))), "Setting");
        assert_eq!(variant(&error(Average::ema_with_warm_up(&params, decay))), "Setting");
    }
    let mut empty = Average::ema(&params, 0.0).unwrap();
    empty.update().unwrap();
    assert!(empty.snapshot().unwrap().is_empty());
}

#[test]
fn an_average_of_one_value_is_that_value_to_the_last_bit() -> Result<()> {
    let weight = parameter("w", 100, DType::F32);
    weight.set_data(&Rng::of("one value").array(100))?;
    let params = set(std::slice::from_ref(&weight));
    let averages = [Average::swa(&params), Average::ema_with_warm_up(&params, 0.999)?];
    for mut average in averages {
        for _ in 0..50 {
            average.update()?;
        }
        assert_eq!(bits(&average.get("w")?), bits(&weight.data()?));
    }
    Ok(())
}

/// A normalization and a constant.
fn mixed() -> Result<(BatchNorm, Parameter, ParameterDict)> {
    let norm = BatchNorm::with(BatchNormConfig { in_channels: Some(1), ..Default::default() })?;
    norm.initialize()?;
    let constant = Parameter::constant("constant", &array(&[1.0], 1))?;
    constant.initialize()?;
    let mut params = norm.collect_params()?;
    params.insert(&constant)?;
    Ok((norm, constant, params))
}

#[test]
fn statistics_are_copied_unless_they_are_to_be_averaged_and_constants_left_alone() -> Result<()> {
    for (averaged, expected) in [(false, [3.0, 2.0]), (true, [2.0, 2.0])] {
        let (norm, constant, params) = mixed()?;
        let mut average = Average::swa(&params);
        if averaged {
            average = average.average_statistics();
        }
        for x in [1.0, 3.0] {
            params.iter().try_for_each(|parameter| parameter.data()?.fill(x))?;
            average.update()?;
        }
        assert_eq!(variant(&error(average.get("constant"))), "UnknownParameter");
        let seen = average.swap(|| {
            assert_eq!(value(&constant), [3.0]);
            let found =
                |kind: &str| Ok::<_, Error>(value(norm.select(kind)?.iter().next().unwrap()));
            Ok([found("kind:statistic")?[0], found("kind:bias")?[0]])
        })?;
        assert_eq!(seen, expected);
    }
    Ok(())
}

#[test]
fn parameters_of_integers_are_copied() -> Result<()> {
    let steps = parameter_of_ints()?;
    let mut average = Average::ema(&set(std::slice::from_ref(&steps)), 0.5)?;
    for x in [1, 7] {
        steps.data()?.fill(x)?;
        average.update()?;
    }
    assert_eq!(average.get("steps")?.to_vec::<i64>()?, [7, 7]);
    Ok(())
}

fn parameter_of_ints() -> Result<Parameter> {
    let steps = Parameter::with_spec("steps", &ParamSpec::new(2).dtype(DType::I64));
    steps.initialize_with(&init::One, Reinit::Keep)?;
    Ok(steps)
}

#[test]
fn a_tied_parameter_counts_once_and_a_frozen_one_still_follows() -> Result<()> {
    let first = Dense::with(DenseConfig { units: 2, in_units: Some(2), ..Default::default() })?;
    let config = DenseConfig { units: 2, params: Some(first.params()), ..Default::default() };
    let net = sequential![first, Dense::with(config)?];
    net.initialize()?;
    let weight = net[0].weight()?;
    weight.freeze();
    let mut average = Average::swa(&net);
    for x in [0.0, 4.0] {
        weight.data()?.fill(x)?;
        average.update()?;
    }
    for path in ["0.weight", "1.weight"] {
        assert_eq!(average.get(path)?.to_vec::<f32>()?, [2.0; 4]);
    }
    assert_eq!(average.snapshot()?.len(), 4);
    average.copy_to_parameters()?;
    assert_eq!(value(&weight), [2.0; 4]);
    assert!(weight.is_frozen());
    let near = error(average.get("0.wieght"));
    assert!(near.hint().unwrap().contains("`0.weight`"), "{near}");
    Ok(())
}

#[test]
fn only_what_was_chosen_is_averaged() -> Result<()> {
    let net = sequential![Dense::new(1), Dense::new(1)];
    net.initialize_with(&init::One, Reinit::Keep)?;
    net.infer_shapes(&[(1, 1)])?;
    let mut average = Average::swa(&net.select("1.**")?);
    average.update()?;
    net.collect_params()?.iter().try_for_each(|parameter| parameter.data()?.fill(5.0))?;
    let seen = average.swap(|| Ok((value(&net[0].weight()?), value(&net[1].weight()?))))?;
    assert_eq!(seen, (vec![5.0], vec![1.0]));
    Ok(())
}

#[test]
fn a_swap_gives_the_values_back_after_an_error_and_a_panic() -> Result<()> {
    let weight = parameter("w", 3, DType::F32);
    let mut average = Average::swa(&set(std::slice::from_ref(&weight)));
    weight.data()?.fill(1.0)?;
    average.update()?;
    weight.data()?.fill(2.0)?;
    weight.grad()?.fill(7.0)?;
    let failed = error(average.swap(|| -> Result<()> {
        assert_eq!(value(&weight), [1.0; 3]);
        weight.data()?.fill(9.0)?;
        Err(Error::user("evaluation", "no data"))
    }));
    assert_eq!(variant(&failed), "User");
    assert_eq!(value(&weight), [2.0; 3]);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        average.swap(|| -> Result<()> { panic!("in an evaluation") })
    }));
    assert!(panicked.is_err());
    assert_eq!(value(&weight), [2.0; 3]);
    assert_eq!(value(&weight), weight.data()?.to_f64_vec()?);
    assert_eq!(weight.grad()?.to_vec::<f32>()?, [7.0; 3]);
    // Neither has reached the average.
    assert_eq!(average.get("w")?.to_vec::<f32>()?, [1.0; 3]);
    Ok(())
}

#[test]
fn what_is_kept_of_an_average_does_not_change_with_it() -> Result<()> {
    let weight = parameter("w", 3, DType::F32);
    let params = set(std::slice::from_ref(&weight));
    let mut average = Average::swa(&params);
    assert_eq!(variant(&error(average.swap(|| Ok(())))), "NoAverages");
    assert_eq!(variant(&error(average.copy_to_parameters())), "NoAverages");
    weight.data()?.fill(1.0)?;
    average.update()?;
    let (kept, array) = (average.snapshot()?, average.get("w")?);
    average.copy_to_parameters()?;
    weight.data()?.fill(3.0)?;
    average.update()?;
    array.fill(8.0)?;
    assert_eq!(kept.get("w")?.to_vec::<f32>()?, [1.0; 3]);
    assert_eq!(average.get("w")?.to_vec::<f32>()?, [2.0; 3]);
    assert_eq!(value(&weight), [3.0; 3]);
    Ok(())
}

#[test]
fn a_half_precision_parameter_has_an_average_finer_than_its_rounding() -> Result<()> {
    for dtype in [DType::F16, DType::BF16] {
        let weight = parameter("w", 700, dtype);
        let mut average = Average::ema(&set(std::slice::from_ref(&weight)), 0.99)?;
        for i in 0..100 {
            weight.data()?.fill(if i % 2 == 0 { 1.0 } else { 1.007_812_5 })?;
            average.update()?;
        }
        let found = average.get("w")?.to_vec::<f32>()?[699];
        assert!(found > 1.001 && found < 1.007, "{found}");
        assert_eq!(average.snapshot()?.get("w")?.dtype(), dtype);
        assert_eq!(average.swap(|| Ok(weight.dtype()))?, dtype);
    }
    Ok(())
}

#[test]
fn casts_and_new_initial_values_between_updates_are_followed() -> Result<()> {
    let weight = parameter("w", 2, DType::F16);
    let mut average = Average::swa(&set(std::slice::from_ref(&weight)));
    let mut update = |x: f64, dtype| -> Result<Vec<f64>> {
        weight.cast(dtype)?;
        weight.data()?.fill(x)?;
        average.update()?;
        assert_eq!(average.swap(|| Ok(weight.dtype()))?, dtype);
        average.get("w")?.to_f64_vec()
    };
    assert_eq!(update(1.0, DType::F16)?, [1.0; 2]);
    assert_eq!(update(2.0, DType::F64)?, [1.5; 2]);
    assert_eq!(update(3.0, DType::F32)?, [2.0; 2]);
    assert_eq!(update(6.0, DType::BF16)?, [3.0; 2]);
    assert_eq!(update(9.0, DType::I32)?, [9.0; 2]);
    assert_eq!(update(3.0, DType::F32)?, [8.0; 2]);
    weight.initialize_with(&init::One, Reinit::Force)?;
    average.update()?;
    assert_eq!(average.get("w")?.to_f64_vec()?, [7.0; 2]);
    Ok(())
}

#[test]
fn an_update_without_a_value_or_inside_an_edit_is_refused_and_changes_nothing() -> Result<()> {
    let net = sequential![
        Dense::with(DenseConfig { units: 2, in_units: Some(1), ..Default::default() })?,
        Dense::new(1)
    ];
    let mut average = Average::swa(&net);
    assert_eq!(variant(&error(average.update())), "Uninitialized");
    net.initialize()?;
    let waits = error(average.update());
    assert_eq!(variant(&waits), "Deferred");
    assert!(waits.hint().unwrap().contains("1.weight"), "{waits}");
    assert_eq!(average.updates(), 0);
    assert_eq!(variant(&error(average.get("0.weight"))), "NoAverages");
    net.infer_shapes(&[(1, 1)])?;
    average.update()?;
    let before = bits(&average.get("0.weight")?);
    let weight = net[0].weight()?;
    weight.data()?.fill(99.0)?;
    let refused = net[1].bias()?.edit::<f32, _>(|_| variant(error(average.update()).root()))?;
    assert_eq!(refused, "BeingEdited");
    assert_eq!((bits(&average.get("0.weight")?), average.updates()), (before, 1));
    Ok(())
}

fn net() -> Result<Sequential> {
    let net = name::manager(|| {
        let config = BatchNormConfig::default();
        Ok::<_, Error>(sequential![Dense::new(5), BatchNorm::with(config)?, Dense::new(2)])
    })?;
    net.initialize_with(&init::Xavier::default(), Reinit::Keep)?;
    net.infer_shapes(&[(4, 3)])?;
    Ok(net)
}

fn train(
    net: &Sequential,
    trainer: &mut Trainer,
    average: &mut Average,
    steps: std::ops::Range<u64>,
) -> Result<()> {
    for step in steps {
        let x = Rng::new(step + 1).array((4, 3)).cast(net[0].weight()?.dtype())?;
        autograd::record(|| net.call(&x)?.square())?.backward()?;
        trainer.step(4)?;
        average.update()?;
    }
    Ok(())
}

/// Seven steps, and three, a file, and four in another net.
#[track_caller]
fn resumes(make: fn(&Sequential) -> Average, dtype: DType) -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let (file, params) = (folder.path().join("a"), folder.path().join("p.safetensors"));
    let whole = net()?;
    whole.cast(dtype)?;
    whole.save_parameters(&params)?;
    let mut expected = make(&whole);
    train(&whole, &mut Trainer::new(&whole, Sgd::new(0.1)?)?, &mut expected, 0..7)?;

    let first = net()?;
    first.cast(dtype)?;
    first.load_parameters(&params, &LoadOptions::default())?;
    let mut begun = make(&first);
    train(&first, &mut Trainer::new(&first, Sgd::new(0.1)?)?, &mut begun, 0..3)?;
    begun.save(&file)?;
    first.save_parameters(&params)?;

    let second = net()?;
    second.cast(dtype)?;
    let mut again = make(&second);
    again.load(&file)?;
    second.load_parameters(&params, &LoadOptions::default())?;
    train(&second, &mut Trainer::new(&second, Sgd::new(0.1)?)?, &mut again, 3..7)?;
    assert_eq!(again.updates(), 7);
    for (path, _) in whole.named_parameters() {
        assert_eq!(bits(&again.get(&path)?), bits(&expected.get(&path)?), "{path} {dtype}");
    }
    Ok(())
}

#[test]
fn averages_go_on_from_a_file_as_if_training_had_not_stopped() -> Result<()> {
    for dtype in [DType::F32, DType::F64, DType::F16] {
        resumes(|net| Average::ema_with_warm_up(net, 0.7).unwrap(), dtype)?;
        resumes(|net| Average::swa(net).average_statistics(), dtype)?;
    }
    Ok(())
}

#[test]
fn averages_of_another_kind_or_model_are_refused_and_change_nothing() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let net = net()?;
    let fresh = Average::ema(&net, 0.25)?;
    fresh.save(at("fresh"))?;
    let mut swa = Average::swa(&net);
    swa.update()?;
    swa.save(at("swa"))?;
    let part = net.select("0.**")?;
    let mut of_part = Average::ema(&part, 0.5)?;
    of_part.update()?;
    of_part.save(at("part"))?;
    let mut average = Average::ema(&net, 0.5)?;
    average.update()?;
    average.save(at("ema"))?;
    Trainer::new(&net, Sgd::new(0.1)?)?.save_states(at("states"))?;
    let wide =
        sequential![Dense::new(6), BatchNorm::with(BatchNormConfig::default())?, Dense::new(2)];
    wide.initialize()?;
    let mut of_wide = Average::ema(&wide, 0.5)?;
    assert_eq!(variant(&error(of_wide.load(at("ema")))), "Averages");
    wide.infer_shapes(&[(4, 3)])?;
    of_wide.update()?;
    of_wide.save(at("wide"))?;
    let before = (bits(&average.get("0.weight")?), photograph(&net));
    for (name, problem) in [
        ("swa", "they are averages by `swa`, expected `ema`"),
        ("states", "it holds none"),
        ("wide", "parameter `0.weight` has shape (5, 3), found (6, 3)"),
    ] {
        let refused = error(average.load(at(name)));
        assert_eq!(variant(&refused), "Averages");
        assert!(refused.to_string().ends_with(problem), "{refused}");
    }
    let lacks = error(average.load(at("part"))).to_string();
    assert!(lacks.contains("they lack the parameter `1.beta`, `1.gamma`"), "{lacks}");
    assert_eq!(variant(&error(average.load(at("missing")))), "Io");
    assert_eq!((bits(&average.get("0.weight")?), photograph(&net)), before);
    assert_eq!(average.updates(), 1);
    // One that was never updated is taken as it is.
    average.load(at("fresh"))?;
    assert_eq!(
        (average.updates(), variant(&error(average.get("0.weight")))),
        (0, "NoAverages".into())
    );
    average.load(at("ema"))?;
    assert_eq!(bits(&average.get("0.weight")?), before.0);
    Ok(())
}

#[test]
fn a_file_that_was_changed_by_hand_is_refused() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let (file, bad) = (folder.path().join("a"), folder.path().join("b"));
    let weight = parameter("w", 3, DType::F32);
    let params = set(std::slice::from_ref(&weight));
    let mut average = Average::ema(&params, 0.5)?;
    average.update()?;
    average.save(&file)?;
    let text = Checkpoint::open(&file)?.metadata()["gluonic.average"].clone();
    for (from, to, expected) in [
        ("\"decay\":0.5", "\"decay\":1.5", "Setting"),
        ("\"decay\":0.5", "\"decoy\":0.5", "Averages"),
        ("\"decay\":0.5", "\"decay\":true", "Setting"),
        ("\"warm_up\":false", "\"warm_up\":0.5", "Setting"),
        ("\"shape\":[3]", "\"shape\":[4]", "Averages"),
        ("\"shape\":[3]", "\"shape\":null", "Averages"),
        ("\"num_update\":1", "\"num_update\":-1", "Averages"),
        ("{", "[", "Averages"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        rewrite(&text.replacen(from, to, 1), "w.average", 3, &bad);
        assert_eq!(variant(&error(average.load(&bad))), expected, "{to}");
    }
    for (name, n) in [("w.averege", 3), ("w.average", 2)] {
        rewrite(&text, name, n, &bad);
        let lacks = error(average.load(&bad)).to_string();
        assert!(lacks.contains("parameter `w` needs the arrays `average`, found"), "{lacks}");
    }
    // However often it was updated.
    let often = text.replace("\"num_update\":1", &format!("\"num_update\":{}", u64::MAX));
    rewrite(&often, "w.average", 3, &bad);
    average.load(&bad)?;
    average.update()
}

/// A file of one tensor of zeros.
fn rewrite(text: &str, name: &str, n: usize, file: &std::path::Path) {
    use gluonic_formats::{DType as Raw, RawTensor, safetensors};
    let bytes = vec![0; 4 * n];
    let tensor = RawTensor::new(name, Raw::F32, vec![n], &bytes[..]).unwrap();
    let metadata = [("gluonic.average".to_owned(), text.to_owned())].into_iter().collect();
    crate::support::write(file, safetensors::write(&[tensor], &metadata).unwrap());
}
