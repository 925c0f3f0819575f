//! Groups of parameters, each trained in its own way.

use gluonic::optim::{Lion, clip_global_norm, schedule::Factor};
use gluonic::prelude::*;

use crate::support::{Rng, bits, error, value, variant};

fn net() -> Result<Sequential> {
    let net =
        sequential![Dense::new(5).activation(Activation::Tanh), LayerNorm::new(), Dense::new(2)];
    net.initialize_opts(&InitOptions { seed: Some(7), ..InitOptions::default() })?;
    net.infer_shapes(&[(4, 3)])?;
    Ok(net)
}

fn backward(net: &Sequential, step: u64) -> Result<()> {
    let x = Rng::new(step + 1).array((4, 3));
    autograd::record(|| net.call(&x)?.square())?.backward()
}

fn value_bits(net: &Sequential, select: &str) -> Result<Vec<Vec<u64>>> {
    net.select(select)?.iter().map(|parameter| Ok(bits(&parameter.data()?))).collect()
}

#[test]
fn each_group_goes_its_own_way() -> Result<()> {
    let (grouped, apart) = (net()?, net()?);
    let adam = || AdamW::new(0.01)?.wd(0.1);
    let sgd = || Ok::<_, Error>(Sgd::new(0.1)?.momentum(0.9)?.schedule(Factor::new(2, 0.5)?));
    let mut trainer = Trainer::grouped(
        &grouped,
        [
            Group::new(Selector::no_decay(), adam()?.wd(0.0)?)?,
            Group::new("0.weight", sgd()?)?.named("first"),
            Group::rest(Lion::new(0.02)?),
        ],
    )?;
    let mut trainers = [
        Trainer::new(&apart.select(Selector::no_decay())?, adam()?.wd(0.0)?)?,
        Trainer::new(&apart.select("0.weight")?, sgd()?)?,
        Trainer::new(&apart.select("2.weight")?, Lion::new(0.02)?)?,
    ];
    for step in 0..5 {
        backward(&grouped, step)?;
        trainer.step(4)?;
        backward(&apart, step)?;
        trainers.iter_mut().try_for_each(|trainer| trainer.step(4))?;
    }
    assert_eq!(value_bits(&grouped, "**")?, value_bits(&apart, "**")?);
    assert_eq!(
        trainer.groups().iter().map(Group::name).collect::<Vec<_>>(),
        ["kind:bias | rank:<=1", "first", "rest"]
    );
    trainer.group_mut("rest")?.set_learning_rate(0.5)?;
    assert_eq!(trainer.group_of("2.weight")?.optimizer().common().learning_rate(9)?, 0.5);
    assert_eq!(variant(&error(trainer.learning_rate())), "SeveralGroups");
    assert_eq!(variant(&error(trainer.group_of("3.weight").map(|_| ()))), "UnknownParameter");
    Ok(())
}

#[test]
fn a_tied_parameter_is_in_the_group_of_any_of_its_paths_and_decays_once() -> Result<()> {
    let first = Dense::with(DenseConfig { units: 3, in_units: Some(3), ..Default::default() })?;
    let second = Dense::sharing(3, &first.params())?;
    let net = sequential![first, second];
    net.initialize_with(&init::One, Reinit::Keep)?;
    let groups = || -> Result<_> {
        Ok([
            Group::new("1.weight", Sgd::new(0.5)?.wd(0.5)?)?,
            Group::new("kind:bias", Sgd::new(0.0)?)?,
        ])
    };
    let mut trainer = Trainer::grouped(&net, groups()?)?;
    assert_eq!(trainer.parameters().len(), 2);
    net.collect_params()?.zero_grad()?;
    autograd::record(|| &net[0].weight()?.data()? * 0.0)?.backward()?;
    trainer.step_ignoring_stale(1)?;
    assert_eq!(value(&net[0].weight()?), [0.75; 9]);

    let [one, two] = groups()?;
    let refused =
        error(Trainer::grouped(&net, [one, two, Group::new("0.weight", Sgd::default())?]));
    assert_eq!(
        refused.to_string(),
        "the groups do not fit: both `1.weight` and `0.weight` take `0.weight`"
    );
    Ok(())
}

#[test]
fn a_group_of_nothing_and_groups_that_overlap_or_leave_some_out_are_refused_at_once() -> Result<()>
{
    let net = net()?;
    let group = |selector: &str| Group::new(selector, Sgd::default());
    let refused = error(Trainer::grouped(&net, [group("3.**")?, Group::rest(Sgd::default())]));
    assert_eq!(variant(&refused), "NothingSelected");
    let refused = error(Trainer::grouped(&net, [group("{0,1}.**")?, group("0.*")?]));
    assert_eq!(
        refused.to_string(),
        "the groups do not fit: both `{0,1}.**` and `0.*` take `0.weight`, `0.bias`; none takes \
         `2.weight`, `2.bias`"
    );
    assert_eq!(variant(&error(Group::new("0.{", Sgd::default()))), "Selector");
    assert_eq!(variant(&error(Trainer::grouped(&net, []))), "Grouping");
    // Statistics and constants are trained by nobody.
    let norm = sequential![BatchNorm::new()];
    norm.initialize()?;
    let trainer = Trainer::grouped(&norm, [group("*.{gamma,beta}")?])?;
    assert_eq!(trainer.parameters().len(), 4);
    assert_eq!(variant(&error(trainer.group_of("0.running_mean").map(|_| ()))), "Grouping");
    let trainer = Trainer::grouped(&norm.select("kind:statistic")?, [])?;
    assert_eq!(variant(&error(trainer.group_of("0.running_mean").map(|_| ()))), "Grouping");
    // There is one rest.
    let rests = || [Group::rest(Sgd::default()), Group::rest(Sgd::default()).named("more")];
    let refused = error(Trainer::grouped(&net.select("2.bias")?, rests()));
    assert_eq!(refused.to_string(), "the groups do not fit: both `rest` and `more` take `2.bias`");
    // A set is grouped by names, a selection by paths and alone.
    let weights = net.select("kind:weight & rank:2")?;
    Trainer::grouped(&weights, [group("0.weight")?, group("2.weight")?])?;
    let names = net.collect_params()?;
    Trainer::grouped(&names, [group("name:*_weight")?, Group::rest(Sgd::default())])?;
    Ok(())
}

#[test]
fn freezing_in_between_keeps_moments_and_the_group() -> Result<()> {
    let net = net()?;
    let groups = [Group::new("0.**", Adam::new(0.1)?)?, Group::rest(Sgd::new(0.1)?.momentum(0.9)?)];
    net.freeze("0.weight")?;
    let mut trainer = Trainer::grouped(&net, groups)?;
    let before = value(&net[0].weight()?);
    backward(&net, 0)?;
    trainer.step(4)?;
    assert_eq!(value(&net[0].weight()?), before);
    net.unfreeze("0.weight")?;
    backward(&net, 1)?;
    trainer.step(4)?;
    let mean = trainer.state("0.weight")?.array("mean")?.to_f64_vec()?;
    assert!(mean.iter().any(|value| *value != 0.0));
    net.freeze("0.weight")?;
    backward(&net, 2)?;
    trainer.step(4)?;
    assert_eq!(trainer.state("0.weight")?.array("mean")?.to_f64_vec()?, mean);
    assert_eq!(trainer.state("0.weight")?.updates(), 1);
    assert_eq!(trainer.state("2.weight")?.updates(), 3);
    Ok(())
}

#[test]
fn the_norm_of_a_groups_gradients_is_bounded_without_changing_them() -> Result<()> {
    let (clipped, by_hand) = (net()?, net()?);
    let groups = [
        Group::new("0.**", Sgd::new(0.1)?.clip_norm(0.01)?)?,
        // So long that nothing is cut.
        Group::rest(Sgd::new(0.1)?.clip_norm(1e9)?),
    ];
    let mut trainer = Trainer::grouped(&clipped, groups)?;
    let mut plain = Trainer::new(&by_hand, Sgd::new(0.1)?)?;
    for step in 0..3 {
        backward(&clipped, step)?;
        let before = bits(&clipped[0].weight()?.grad()?);
        trainer.step(4)?;
        assert_eq!(bits(&clipped[0].weight()?.grad()?), before);
        backward(&by_hand, step)?;
        // The bound is on gradients that were divided by the batch size.
        assert!(clip_global_norm(&by_hand.select("0.**")?, 4.0 * 0.01)? > 0.04);
        plain.step(4)?;
    }
    for (a, b) in clipped.named_parameters().iter().zip(&by_hand.named_parameters()) {
        let close = value(&a.1).into_iter().zip(value(&b.1)).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close, "{}", a.0);
    }
    // What is not finite is found before anything moves.
    let before = value_bits(&clipped, "**")?;
    backward(&clipped, 9)?;
    clipped[0].weight()?.grad()?.set(s![0, 0], f64::NAN)?;
    let refused = error(trainer.step(4));
    let name = clipped[0].weight()?.name().clone();
    assert_eq!(refused.to_string(), format!("the gradient of `{name}` is not finite"));
    assert_eq!(value_bits(&clipped, "**")?, before);
    assert_eq!(trainer.num_update(), 3);
    Ok(())
}

#[test]
fn a_norm_is_bounded_over_rows_and_half_precision_too() -> Result<()> {
    for (sparse_grad, dtype) in [(true, DType::F32), (false, DType::F16), (false, DType::F64)] {
        let spec = ParamSpec::new((3, 2)).dtype(dtype).sparse_grad(sparse_grad);
        let table = Parameter::with_spec("table", &spec);
        table.initialize_with(&init::Zero, Reinit::Keep)?;
        let mut trainer = Trainer::of([&table], Sgd::new(1.0)?.clip_norm(1.0)?)?;
        let row = NdArray::from_vec(vec![1_i64], 1)?;
        autograd::record(|| &ops::embedding(&row, &table.data()?)? * 3.0)?.backward()?;
        trainer.step(1)?;
        let moved = value(&table);
        let expected = [0.0, 0.0, -0.5_f64.sqrt(), -0.5_f64.sqrt(), 0.0, 0.0];
        let close = moved.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3);
        assert!(close, "{dtype} {moved:?}");
    }
    Ok(())
}

#[test]
fn states_of_groups_go_on_in_a_trainer_with_the_same_groups() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s");
    let groups = |lr: f64| -> Result<_> {
        Ok([
            Group::new("0.**", Adam::new(lr)?.clip_norm(2.0)?)?,
            Group::rest(Sgd::new(0.1)?.momentum(0.9)?),
        ])
    };
    let (first, second) = (net()?, net()?);
    let mut trainer = Trainer::grouped(&first, groups(0.1)?)?;
    for step in 0..3 {
        backward(&first, step)?;
        trainer.step(4)?;
    }
    let states = trainer.states()?;
    second.restore(&first.snapshot()?)?;
    // What was kept does not follow.
    backward(&first, 3)?;
    trainer.step(4)?;
    states.save(&file)?;
    let [one, rest] = groups(0.7)?;
    let mut again = Trainer::grouped(&second, [rest, one])?;
    again.load_states(&file)?;
    backward(&second, 3)?;
    again.step(4)?;
    assert_eq!(value_bits(&first, "**")?, value_bits(&second, "**")?);
    assert_eq!(again.group_of("0.weight")?.optimizer().common().norm_bound(), Some(2.0));

    let mut other = Trainer::new(&second, Adam::new(0.1)?)?;
    assert_eq!(variant(&error(other.load_states(&file))), "States");
    // The same names with other parameters in them: the arrays do not fit.
    let moved = [
        Group::new("0.bias", Adam::new(0.1)?)?.named("0.**"),
        Group::rest(Sgd::new(0.1)?.momentum(0.9)?),
    ];
    let mut moved = Trainer::grouped(&second, moved)?;
    let refused = error(moved.load_states(&file));
    assert!(refused.to_string().contains("needs the arrays `momentum`"), "{refused}");
    assert_eq!(moved.group_of("0.bias")?.optimizer().common().norm_bound(), None);
    Ok(())
}
