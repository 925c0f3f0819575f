//! Plans and policies: what a load will do before it does it, and what it lets pass.

use std::collections::BTreeMap;

use gluonic::checkpoint::{Action, OnConflict, OnDType, OnMisfit, PrefixRule, Problem};
use gluonic::prelude::*;
use gluonic_formats::DType as Raw;

use crate::checkpoint::safetensors;
use crate::support::{Rng, array, bits, error, photograph, value, variant};

type Tensor<'a> = (&'a str, Raw, &'a [usize]);

fn file(tensors: &[Tensor<'_>]) -> Checkpoint {
    Checkpoint::from_bytes(safetensors(tensors, &[])).unwrap()
}

/// Two dense layers of ones, 6 + 2 and 4 + 2 elements.
fn net() -> Sequential {
    let net = sequential![Dense::new(2), Dense::new(2)];
    net.initialize_with(&init::Constant::new(1.0), Reinit::Keep).unwrap();
    net.call(&array(&[1.0; 3], (1, 3))).unwrap();
    net.named_parameters().iter().for_each(|(_, p)| p.data().unwrap().fill(1.0).unwrap());
    net
}

const WHOLE: [Tensor<'static>; 4] = [
    ("0.weight", Raw::F32, &[2, 3]),
    ("0.bias", Raw::F32, &[2]),
    ("1.weight", Raw::F32, &[2, 2]),
    ("1.bias", Raw::F32, &[2]),
];

/// One misfit of each kind, and one parameter that fits.
const MISFITS: [Tensor<'static>; 4] = [
    ("0.weight", Raw::F32, &[3, 2]),
    ("0.bias", Raw::F64, &[2]),
    ("1.weight", Raw::F32, &[2, 2]),
    ("stranger", Raw::F32, &[1]),
];

fn keys(list: &[Box<str>]) -> Vec<&str> {
    list.iter().map(|key| &**key).collect()
}

fn lenient() -> LoadPolicy {
    LoadPolicy {
        missing: OnMisfit::Warn,
        extra: OnMisfit::Ignore,
        shape: OnMisfit::Ignore,
        dtype: OnDType::Warn,
        ..LoadPolicy::default()
    }
}

#[test]
fn a_plan_prints_serializes_and_changes_nothing() -> Result<()> {
    let net = net();
    let before = photograph(&net);
    let plan = net.plan_load(&file(&MISFITS), &LoadPolicy::default())?;
    insta::assert_snapshot!(plan, @"
    `<bytes>` for 1 of 4 parameters, 4 of 14 elements, 16 B to read
    key        shape  bytes
    0.weight  (2, 3)    0 B  keep, does not fit: the file has float32 (3, 2)
    0.bias      (2,)    0 B  keep, does not fit: the file has float64 (2,)
    1.weight  (2, 2)   16 B  copy
    1.bias      (2,)    0 B  keep, missing in the file
    stranger    (1,)    0 B  ignore
    problems: 4
      `0.bias` has type float32, found float64
      `0.weight` has shape (2, 3), found (3, 2)
      `1.bias` is missing in the file
      `stranger` is not in the model
    ");
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["problems"].as_array().unwrap().len(), 4);
    assert_eq!(json["steps"][0]["action"], "keep");
    assert_eq!(json["steps"][2]["keys"], serde_json::json!(["1.weight"]));
    assert_eq!(json["problems"][0]["hint"], "set `cast_dtype` to convert it");
    assert_eq!(variant(&error(plan.apply(&net))), "Load");
    assert_eq!(photograph(&net), before);
    Ok(())
}

#[test]
fn each_misfit_is_an_error_or_is_let_pass_and_listed() -> Result<()> {
    let net = net();
    let checkpoint = file(&MISFITS);
    let problems = |policy: LoadPolicy| -> Result<Vec<&'static str>> {
        let plan = net.plan_load(&checkpoint, &policy)?;
        let mut kinds: Vec<_> = plan.problems().iter().map(Problem::kind).collect();
        kinds.sort_unstable();
        Ok(kinds)
    };
    let strict = LoadPolicy::default;
    assert_eq!(problems(strict())?, ["dtype", "extra", "missing", "shape"]);
    for pass in [OnMisfit::Warn, OnMisfit::Ignore] {
        let missing = LoadPolicy { missing: pass, ..strict() };
        assert_eq!(problems(missing)?, ["dtype", "extra", "shape"]);
        let extra = LoadPolicy { extra: pass, ..strict() };
        assert_eq!(problems(extra)?, ["dtype", "missing", "shape"]);
        let shape = LoadPolicy { shape: pass, ..strict() };
        assert_eq!(problems(shape)?, ["dtype", "extra", "missing"]);
    }
    for pass in [OnDType::Cast, OnDType::TakeSaved, OnDType::Warn, OnDType::Ignore] {
        let dtype = LoadPolicy { dtype: pass, ..strict() };
        assert_eq!(problems(dtype)?, ["extra", "missing", "shape"]);
    }
    let report = net.plan_load(&checkpoint, &lenient())?.apply(&net)?;
    assert_eq!(keys(&report.loaded), ["1.weight"]);
    assert_eq!(keys(&report.missing), ["1.bias"]);
    assert_eq!(keys(&report.extra), ["stranger"]);
    assert_eq!(keys(&report.skipped), ["0.weight", "0.bias"]);
    assert_eq!(
        report.to_string(),
        "loaded 1 tensors from `<bytes>`, missing 1, extra 1, skipped 2"
    );
    assert_eq!(value(&net[1].weight()?), [0.0; 4]);
    assert_eq!((value(&net[0].weight()?), value(&net[1].bias()?)), (vec![1.0; 6], vec![1.0; 2]));
    Ok(())
}

#[test]
fn an_element_type_is_converted_or_taken_over_as_the_policy_says() -> Result<()> {
    for (dtype, action, after) in [
        (OnDType::Cast, Action::Cast, DType::F32),
        (OnDType::TakeSaved, Action::Retype, DType::F64),
    ] {
        let net = net();
        let policy = LoadPolicy { dtype, ..lenient() };
        let plan = net.plan_load(&file(&MISFITS), &policy)?;
        assert_eq!(plan.steps()[1].action, action);
        let _report = plan.apply(&net)?;
        let bias = net[0].bias()?;
        assert_eq!((bias.dtype(), value(&bias)), (after, vec![0.0; 2]));
    }
    // There is nothing to convert to.
    let strange = file(&[("weight", Raw::F8E4M3, &[2, 3])]);
    let layer = Dense::with(DenseConfig { units: 2, use_bias: false, ..Default::default() })?;
    let refused = |dtype| -> Result<usize> {
        let policy = LoadPolicy { dtype, ..LoadPolicy::default() };
        Ok(layer.plan_load(&strange, &policy)?.problems().len())
    };
    assert_eq!((refused(OnDType::Cast)?, refused(OnDType::TakeSaved)?), (1, 1));
    assert_eq!((refused(OnDType::Ignore)?, refused(OnDType::Warn)?), (0, 0));
    Ok(())
}

#[test]
fn a_load_that_would_cast_a_gradient_under_edit_changes_nothing() -> Result<()> {
    let net = net();
    let checkpoint = file(&[WHOLE[0], MISFITS[1], WHOLE[2], WHOLE[3]]);
    let policy = LoadPolicy { dtype: OnDType::TakeSaved, ..LoadPolicy::default() };
    let plan = net.plan_load(&checkpoint, &policy)?;
    let before = photograph(&net);
    let inner = net[0].bias()?.grad()?.edit::<f32, _>(|_| plan.apply(&net))?;
    assert_eq!(variant(error(inner).root()), "BeingEdited");
    assert_eq!(photograph(&net), before);
    assert_eq!(plan.apply(&net)?.loaded.len(), 4);
    Ok(())
}

#[test]
fn too_little_of_a_model_is_an_error_when_a_share_is_demanded() -> Result<()> {
    let net = net();
    let plan = |at_least| {
        net.plan_load(&file(&MISFITS), &LoadPolicy { at_least: Some(at_least), ..lenient() })
    };
    // 4 of 14 elements.
    assert!(plan(0.28)?.problems().is_empty());
    let text = error(plan(0.5)?.apply(&net)).to_string();
    assert!(
        text.ends_with("4 of 14 elements (28.6 %) would be loaded, expected 50.0 % or more"),
        "{text}"
    );
    for nonsense in [-0.1, 1.5, f64::NAN] {
        assert_eq!(variant(&error(plan(nonsense))), "Setting");
    }
    Ok(())
}

#[test]
fn one_rule_about_prefixes_is_proposed_and_can_be_accepted() -> Result<()> {
    for (prefix, rule) in [
        ("module.", PrefixRule::strip("module.")),
        ("_orig_mod.model.", PrefixRule::strip("_orig_mod.model.")),
    ] {
        let named: Vec<String> = WHOLE.iter().map(|(key, ..)| format!("{prefix}{key}")).collect();
        let tensors: Vec<_> =
            WHOLE.iter().zip(&named).map(|((_, d, s), key)| (key.as_str(), *d, *s)).collect();
        check_prefix(&net(), &file(&tensors), &rule)?;
    }
    // The other way round: the model has what the file lacks.
    let inner = net();
    check_prefix(&sequential![inner.clone()], &file(&WHOLE), &PrefixRule::add("0."))?;
    // No one rule fits: nothing is proposed, and `Auto` is as strict as ever.
    let mixed = file(&[("a.0.weight", Raw::F32, &[2, 3]), ("b.0.bias", Raw::F32, &[2])]);
    let policy = LoadPolicy { prefix: PrefixRule::Auto, ..LoadPolicy::default() };
    let plan = inner.plan_load(&mixed, &policy)?;
    assert_eq!((plan.report().proposed.as_ref(), plan.problems().len()), (None, 6));
    Ok(())
}

#[track_caller]
fn check_prefix(net: &Sequential, checkpoint: &Checkpoint, rule: &PrefixRule) -> Result<()> {
    let before = photograph(net);
    let plan = net.plan_load(checkpoint, &LoadPolicy::default())?;
    assert_eq!(plan.report().proposed.as_ref(), Some(rule));
    let refused = error(plan.apply(net));
    assert!(refused.hint().unwrap().starts_with("all keys fit with `"), "{refused}");
    assert_eq!(photograph(net), before);
    for prefix in [PrefixRule::Auto, rule.clone()] {
        let policy = LoadPolicy { prefix, ..LoadPolicy::default() };
        let plan = net.plan_load(checkpoint, &policy)?;
        assert!(plan.steps().iter().all(|step| step.is_renamed));
        let report = plan.apply(net)?;
        assert_eq!((report.loaded.len(), &report.prefix), (4, rule));
        assert_eq!(value(&net.named_parameters()[0].1), [0.0; 6]);
    }
    Ok(())
}

#[test]
fn a_part_is_loaded_by_a_selector_and_the_rest_of_the_file_is_passed_over() -> Result<()> {
    let net = net();
    let policy = |selector: &str| -> Result<LoadPolicy> {
        Ok(LoadPolicy { select: Some(selector.parse()?), ..LoadPolicy::default() })
    };
    let plan = net.plan_load(&file(&WHOLE), &policy("1.** & kind:weight")?)?;
    assert_eq!(keys(&plan.apply(&net)?.loaded), ["1.weight"]);
    assert_eq!((value(&net[0].weight()?), value(&net[1].weight()?)), (vec![1.0; 6], vec![0.0; 4]));
    let nothing = error(net.plan_load(&file(&WHOLE), &policy("2.**")?));
    assert_eq!(variant(&nothing), "NothingSelected");
    let stranger = [&WHOLE[..], &[("9.weight", Raw::F32, &[1])]].concat();
    assert_eq!(net.plan_load(&file(&stranger), &policy("1.**")?)?.problems().len(), 1);
    Ok(())
}

/// Two layers of which the weights are one, and a file with both of their weights.
fn tied(first: &[f32; 4], second: &[f32; 4]) -> Result<(Sequential, Snapshot)> {
    let config = || DenseConfig { units: 2, use_bias: false, ..DenseConfig::default() };
    let layer = Dense::with(config())?;
    let net = sequential![layer.clone(), layer];
    let mut state = Snapshot::new();
    state.insert("0.weight", &array(first, (2, 2)))?;
    state.insert("1.weight", &array(second, (2, 2)))?;
    Ok((net, state))
}

#[test]
fn two_values_of_a_tied_parameter_conflict_unless_one_is_chosen() -> Result<()> {
    let (net, state) = tied(&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.5, 3.0, -4.0])?;
    let refused = error(net.load_state(&state, &LoadPolicy::default()));
    insta::assert_snapshot!(refused, @"
    `<state>` does not fit the model, nothing was loaded
      `0.weight` and `1.weight` are one parameter, but differ in the file: 2 of 4 elements, by at most 8.0000
    ");
    insta::assert_snapshot!(
        refused.hint().unwrap(),
        @"untie the two, or choose one by `LoadPolicy::conflict`"
    );
    assert!(net[0].weight()?.data().is_err());
    for (conflict, last) in [(OnConflict::First, 4.0), (OnConflict::Last, -4.0)] {
        let policy = LoadPolicy { conflict, ..LoadPolicy::default() };
        let _report = net.load_state(&state, &policy)?;
        assert_eq!(value(&net[1].weight()?)[3], last);
    }
    // Doubled and equal, as other libraries write it.
    let (net, state) = tied(&[1.0; 4], &[1.0; 4])?;
    assert_eq!(net.load_state(&state, &LoadPolicy::default())?.loaded.len(), 1);
    // Different shapes are known from the headers.
    let headers = file(&[("0.weight", Raw::F32, &[2, 2]), ("1.weight", Raw::F32, &[2, 3])]);
    let plan = net.plan_load(&headers, &LoadPolicy::default())?;
    assert_eq!(plan.problems()[0].kind(), "conflict");
    Ok(())
}

#[test]
fn any_graph_of_ties_comes_back_and_every_alias_leads_to_its_value() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tied.safetensors");
    let mut rng = Rng::new(20);
    for _ in 0..20 {
        let n = 1 + rng.below(8);
        let shape: Vec<usize> = (0..n).map(|i| rng.below(i + 1)).collect();
        let model = || -> Result<Sequential> {
            let net = Sequential::new();
            let mut layers: Vec<Dense> = Vec::new();
            for (i, &to) in shape.iter().enumerate() {
                layers.push(if to == i { Dense::new(2) } else { layers[to].clone() });
                net.add(layers[i].clone());
            }
            net.initialize_with(&init::Normal::new(1.0), Reinit::Keep)?;
            net.call(&array(&[1.0; 2], (1, 2)))?;
            Ok(net)
        };
        let (saved, loaded) = (model()?, model()?);
        saved.save_parameters(&path)?;
        let report = loaded.load_parameters(&path, &LoadPolicy::default())?;
        let checkpoint = Checkpoint::open(&path)?;
        assert_eq!(report.loaded.len(), checkpoint.tensors().len());
        for ((path, one), (_, two)) in
            saved.named_parameters().iter().zip(&loaded.named_parameters())
        {
            assert_eq!(bits(&one.data()?), bits(&two.data()?), "{path} of {shape:?}");
            assert_eq!(bits(&checkpoint.get(path)?), bits(&one.data()?), "{path} of {shape:?}");
        }
    }
    Ok(())
}

#[test]
fn any_one_key_of_a_tied_parameter_is_enough() -> Result<()> {
    for key in ["0.weight", "1.weight"] {
        let (net, _) = tied(&[0.0; 4], &[0.0; 4])?;
        let plan = net.plan_load(&file(&[(key, Raw::F32, &[2, 2])]), &LoadPolicy::default())?;
        let [step] = plan.steps() else { panic!("one parameter") };
        assert_eq!((keys(&step.keys), step.is_renamed), (vec!["0.weight", "1.weight"], false));
        assert!(plan.to_string().ends_with("copy, tied to `1.weight`"), "{plan}");
        assert_eq!(plan.apply(&net)?.loaded.len(), 1);
    }
    Ok(())
}

#[test]
fn a_transposed_partner_is_used_when_a_rule_says_so_and_never_otherwise() -> Result<()> {
    let config = DenseConfig { units: 3, use_bias: false, ..DenseConfig::default() };
    let decoder = sequential![Dense::with(config)?];
    let mut state = Snapshot::new();
    let embed = array(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], (2, 3));
    state.insert("embed", &embed)?;
    assert_eq!(variant(&error(decoder.load_state(&state, &LoadPolicy::default()))), "Load");
    let rule = |key: &str, of: &str| LoadPolicy {
        transposed: BTreeMap::from([(key.into(), of.into())]),
        ..LoadPolicy::default()
    };
    let _report = decoder.load_state(&state, &rule("0.weight", "embed"))?;
    let weight = decoder[0].weight()?;
    assert_eq!(value(&weight), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    // Its own value wins, and then the other is a stranger.
    state.insert("0.weight", &NdArray::zeros((3, 2), DType::F32)?)?;
    let plan = decoder.plan_load(&(&state).into(), &rule("0.weight", "embed"))?;
    assert_eq!(plan.problems()[0].kind(), "extra");
    // A matrix that is stored the other way round.
    let mut turned = Snapshot::new();
    turned.insert("0.weight", &embed)?;
    let _report = decoder.load_state(&turned, &rule("0.weight", "0.weight"))?;
    assert_eq!(value(&weight), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    let typo = error(decoder.load_state(&state, &rule("0.wieght", "embed")));
    assert_eq!(typo.hint().unwrap(), "did you mean `0.weight`?");
    Ok(())
}

#[test]
fn a_plan_is_refused_when_the_model_is_no_longer_what_it_was() -> Result<()> {
    let checkpoint = file(&WHOLE);
    let policy = LoadPolicy::default();
    let cast = net();
    let plan = cast.plan_load(&checkpoint, &policy)?;
    cast[1].bias()?.cast(DType::F16)?;
    let before = photograph(&cast);
    let refused = error(plan.apply(&cast));
    assert_eq!(refused.to_string(), "out of date: `1.bias` was float32, is float16 now");
    assert_eq!(photograph(&cast), before);

    let grown = net();
    let plan = grown.plan_load(&checkpoint, &policy)?;
    grown.add(Dense::new(1));
    let text = error(plan.apply(&grown)).to_string();
    assert_eq!(text, "out of date: `2.weight` is new in the model");
    assert_eq!(variant(&error(plan.apply(&net()))), "Outdated");

    let shaped = sequential![Dense::new(2), Dense::new(2)];
    let plan = shaped.plan_load(&checkpoint, &policy)?;
    shaped.initialize()?;
    shaped.call(&array(&[1.0; 7], (1, 7)))?;
    let text = error(plan.apply(&shaped)).to_string();
    assert_eq!(text, "out of date: `0.weight` has shape (2, 7) now");
    // Other values are no obstacle, nor is a second time.
    let edited = net();
    let plan = edited.plan_load(&checkpoint, &policy)?;
    for _ in 0..2 {
        edited[0].weight()?.data()?.fill(3.0)?;
        let _report = plan.apply(&edited)?;
        assert_eq!(value(&edited[0].weight()?), [0.0; 6]);
    }
    Ok(())
}

#[test]
fn gluons_options_mean_the_same_as_their_policy() {
    use gluonic::checkpoint::DTypeSource;
    let none = LoadOptions::default();
    assert_eq!(LoadPolicy::from(none.clone()), LoadPolicy::default());
    let all = LoadOptions {
        allow_missing: true,
        ignore_extra: true,
        cast_dtype: true,
        dtype_source: DTypeSource::Saved,
    };
    let policy = LoadPolicy {
        missing: OnMisfit::Ignore,
        extra: OnMisfit::Ignore,
        dtype: OnDType::TakeSaved,
        ..LoadPolicy::default()
    };
    assert_eq!(LoadPolicy::from(all), policy);
    // Whose type counts matters only if types may differ.
    let saved = LoadOptions { dtype_source: DTypeSource::Saved, ..none };
    assert_eq!(LoadPolicy::from(saved), LoadPolicy::default());
}

#[test]
fn twenty_thousand_tensors_load_or_are_refused_in_linear_time() -> Result<()> {
    let net = |keys: &str| -> Result<(ParameterDict, Snapshot)> {
        let (mut params, mut state) = (ParameterDict::new(""), Snapshot::new());
        let value = array(&[1.0; 4], 4);
        for i in 0..20_000 {
            params.insert(&Parameter::new(format!("layer{i}_weight"), 4))?;
            state.insert(format!("{keys}{i}_weight"), &value)?;
        }
        Ok((params, state))
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.safetensors");
    for (keys, fits) in [("layer", true), ("laier", false)] {
        let (params, state) = net(keys)?;
        let mut saved = ParameterDict::new("");
        for (path, value) in state.iter() {
            saved.insert(&Parameter::constant(&**path, &value)?)?;
        }
        saved.initialize()?;
        saved.save(&path, "")?;
        let start = std::time::Instant::now();
        let loaded = params.load(&path, "", &LoadOptions::default());
        // A quadratic search takes minutes here.
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
        match loaded {
            Ok(report) => assert_eq!((report.loaded.len(), fits), (20_000, true)),
            Err(Error::Load(report)) => {
                assert_eq!((report.problems.len(), fits), (40_000, false));
                let told = report.hint().unwrap();
                assert!(told.starts_with("did you mean `"), "{told}");
            }
            Err(error) => return Err(error),
        }
        if fits {
            let first = &params["layer0_weight"];
            assert_eq!(bits(&first.data()?), [1.0_f64.to_bits(); 4]);
        }
    }
    Ok(())
}
