//! What a trainer remembers, saved and loaded.

use gluonic::optim::{self, Setting};
use gluonic::prelude::*;

use crate::support::{Rng, bits, error, variant};

fn net() -> Result<Sequential> {
    let net = sequential![
        Dense::with_prefix("a_", 5).activation(Activation::Tanh),
        Dense::with_prefix("b_", 2)
    ];
    net.initialize_with(&init::Xavier::default(), Reinit::Keep)?;
    net.infer_shapes(&[(4, 3)])?;
    Ok(net)
}

fn train(net: &Sequential, trainer: &mut Trainer, steps: std::ops::Range<u64>) -> Result<()> {
    for step in steps {
        let x = Rng::new(step + 1).array((4, 3)).cast(net[0].weight()?.dtype())?;
        autograd::record(|| net.call(&x)?.square())?.backward()?;
        trainer.step(4)?;
    }
    Ok(())
}

fn values(net: &Sequential) -> Result<Vec<u64>> {
    let named = net.named_parameters();
    let values = named.iter().map(|(_, p)| Ok(bits(&p.data()?)));
    Ok(values.collect::<Result<Vec<_>>>()?.concat())
}

/// Seven steps, and three, a file, and four in another net and trainer.
#[track_caller]
fn resumes(name: &str, settings: &[(&str, Setting)], dtype: DType) {
    let folder = tempfile::tempdir().unwrap();
    let (states, params) = (folder.path().join("s"), folder.path().join("p.safetensors"));
    let cosine = || optim::schedule::Cosine::new(9).unwrap();
    let trainer = |net: &Sequential| match name {
        "scheduled" => Trainer::new(net, Adam::new(0.1).unwrap().schedule(cosine())).unwrap(),
        _ => Trainer::new(net, optim::create(name, settings).unwrap()).unwrap(),
    };
    let whole = net().unwrap();
    whole.cast(dtype).unwrap();
    whole.save_parameters(&params).unwrap();
    let mut all = trainer(&whole);
    train(&whole, &mut all, 0..7).unwrap();

    let first = net().unwrap();
    first.cast(dtype).unwrap();
    first.load_parameters(&params, &LoadOptions::default()).unwrap();
    let mut begun = trainer(&first);
    train(&first, &mut begun, 0..3).unwrap();
    begun.save_states(&states).unwrap();
    first.save_parameters(&params).unwrap();

    let second = net().unwrap();
    second.cast(dtype).unwrap();
    let mut again = trainer(&second);
    again.load_states(&states).unwrap();
    second.load_parameters(&params, &LoadOptions::default()).unwrap();
    train(&second, &mut again, 3..7).unwrap();
    assert!(values(&second).unwrap() == values(&whole).unwrap(), "{name}");
    assert_eq!(again.num_update(), 7);
}

#[test]
fn training_goes_on_from_a_file_as_if_it_had_not_stopped() {
    let momentum = ("momentum", Setting::Number(0.9));
    resumes("sgd", &[momentum], DType::F32);
    resumes("sgd", &[momentum, ("multi_precision", Setting::Flag(true))], DType::F16);
    resumes("adam", &[("learning_rate", Setting::Number(0.01))], DType::F32);
    resumes("adam", &[], DType::F64);
    resumes("scheduled", &[], DType::F32);
    resumes("nadam", &[], DType::F32);
    resumes("lars", &[momentum], DType::F32);
    resumes("adafactor", &[], DType::F32);
    resumes("sgld", &[("key", Setting::Key(u64::MAX))], DType::F32);
}

#[test]
fn a_file_brings_settings_back_and_finds_parameters_in_another_order() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s");
    let (a, b) = (Parameter::new("a", 1), Parameter::new("b", 2));
    a.initialize()?;
    b.initialize()?;
    let mut trainer = Trainer::of([&a, &b], Sgd::new(0.5)?.momentum(0.5)?.clip_gradient(3.0)?)?;
    trainer.set_rescale_grad(2.0)?;
    for (parameter, factor) in [(&a, 1.0), (&b, 2.0)] {
        autograd::record(|| &parameter.data()? * factor)?.backward()?;
    }
    trainer.step(1)?;
    trainer.set_learning_rate(0.125)?;
    trainer.save_states(&file)?;
    let mut other = Trainer::of([&b, &a], Sgd::new(9.0)?)?;
    other.load_states(&file)?;
    assert_eq!(other.learning_rate()?, 0.125);
    assert_eq!(other.optimizer()?.common().gradient_bound(), Some(3.0));
    assert_eq!(other.state("a")?.array("momentum")?.to_vec::<f32>()?, [-1.0]);
    assert_eq!(other.state("b")?.array("momentum")?.to_vec::<f32>()?, [-1.5; 2]);
    Ok(())
}

#[test]
fn states_that_do_not_fit_are_refused_and_change_nothing() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let saved = |name: &str, optimizer: &str, of: &str, size: usize| -> Result<()> {
        let weight = Parameter::new(of, size);
        weight.initialize()?;
        let mut trainer = Trainer::of([&weight], optim::create(optimizer, &[])?)?;
        autograd::record(|| weight.data()?.square())?.backward()?;
        trainer.step(1)?;
        trainer.save_states(file(name))
    };
    saved("adam", "adam", "w", 3)?;
    saved("sgd", "sgd", "w", 3)?;
    saved("shape", "adam", "w", 4)?;
    saved("other", "adam", "v", 3)?;
    let weight = Parameter::new("w", 3);
    weight.initialize()?;
    let mut params = ParameterDict::new("");
    params.insert(&weight)?;
    params.save(file("weights.safetensors"), "")?;
    let mut trainer = Trainer::of([&weight], Adam::new(0.25)?)?;
    autograd::record(|| weight.data()?.square())?.backward()?;
    trainer.step(1)?;
    let before = trainer.state("w")?.array("mean")?.to_vec::<f32>()?;
    for (name, problem) in [
        ("sgd", "they are of the optimizer `sgd`, the trainer's is `adam`"),
        ("shape", "parameter `w` has shape (3,), found (4,)"),
        ("other", "they lack the parameter `w`, and there is no parameter `v` here"),
        ("weights.safetensors", "it holds none"),
    ] {
        let refused = error(trainer.load_states(file(name)));
        assert_eq!(variant(&refused), "States");
        assert!(refused.to_string().ends_with(problem), "{refused}");
    }
    assert_eq!(variant(&error(trainer.load_states(file("missing")))), "Io");
    assert_eq!(trainer.state("w")?.array("mean")?.to_vec::<f32>()?, before);
    assert_eq!((trainer.learning_rate()?, trainer.num_update()), (0.25, 1));
    // Their own array is there, but of other sizes, or under another name.
    let checkpoint = Checkpoint::open(file("adam"))?;
    let text = checkpoint.metadata()["gluonic.optimizer"].clone();
    for (from, to) in [
        ("\"beta1\":0.9", "\"beta1\":1.9"),
        ("\"beta1\"", "\"gamma1\""),
        ("[\"mean\",\"var\"]", "[\"mean\"]"),
        ("[\"mean\",\"var\"]", "[\"mean\",\"w\"]"),
        ("\"updates\":1", "\"updates\":-1"),
        ("\"shape\":[3]", "\"shape\":[3,0]"),
        ("{", "["),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        rewrite(&checkpoint, &text.replacen(from, to, 1), &file("bad"));
        assert!(trainer.load_states(file("bad")).is_err(), "{to}");
        assert_eq!(trainer.state("w")?.array("mean")?.to_vec::<f32>()?, before);
        assert_eq!((trainer.learning_rate()?, trainer.num_update()), (0.25, 1));
    }
    trainer.load_states(file("adam"))?;
    assert_eq!(trainer.learning_rate()?, 0.001);
    Ok(())
}

/// The same file with another text.
fn rewrite(checkpoint: &Checkpoint, text: &str, file: &std::path::Path) {
    use gluonic_formats::{DType as Raw, RawTensor, safetensors};
    let arrays = checkpoint.to_arrays().unwrap();
    let bytes = |array: &NdArray| -> Vec<u8> {
        array.to_vec::<f32>().unwrap().iter().flat_map(|x| x.to_le_bytes()).collect()
    };
    let bytes: Vec<Vec<u8>> = arrays.values().map(bytes).collect();
    let tensors = arrays.iter().zip(&bytes).map(|((name, array), bytes)| {
        RawTensor::new(&**name, Raw::F32, array.dims().to_vec(), &bytes[..]).unwrap()
    });
    let metadata = [("gluonic.optimizer".to_owned(), text.to_owned())].into_iter().collect();
    let tensors: Vec<_> = tensors.collect();
    crate::support::write(file, safetensors::write(&tensors, &metadata).unwrap());
}

/// MXNet has written the files; what training on gives is compared by the Python tests.
#[test]
fn states_of_mxnets_trainer_are_taken_over_by_order() -> Result<()> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/states");
    let params = [Parameter::new("a", (2, 3)), Parameter::new("b", 4)];
    params.iter().try_for_each(Parameter::initialize)?;
    let mut trainer = Trainer::of(&params, Adam::default())?;
    trainer.load_states(folder.join("adam.states"))?;
    assert_eq!((trainer.num_update(), trainer.learning_rate()?), (3, 0.05));
    assert_eq!(trainer.state("b")?.updates(), 3);
    assert_eq!(trainer.state("a")?.array("var")?.dims().to_string(), "(2, 3)");
    // Of another rule, of other parameters: nothing changes.
    assert!(trainer.load_states(folder.join("sgd.states")).is_err());
    assert_eq!(trainer.learning_rate()?, 0.05);
    let mut other = Trainer::of(&params[..1], Sgd::new(0.3)?.momentum(0.9)?)?;
    assert!(other.load_states(folder.join("sgd.states")).is_err());
    assert!(other.load_states(folder.join("plain.states")).is_err());
    assert_eq!((other.learning_rate()?, other.num_update()), (0.3, 0));
    Ok(())
}

#[test]
fn stale_gradients_can_be_left_out_of_the_second_half_of_a_step() -> Result<()> {
    let params = [Parameter::new("a", 1), Parameter::new("b", 1)];
    params.iter().try_for_each(|p| p.initialize_with(&init::One, Reinit::Keep))?;
    let mut trainer = Trainer::of(&params, Sgd::new(1.0)?)?;
    autograd::record(|| params[0].data())?.backward()?;
    assert!(trainer.update(1).is_err());
    trainer.update_ignoring_stale(1)?;
    let values = params.iter().map(|p| p.data()?.to_scalar::<f32>());
    assert_eq!(values.collect::<Result<Vec<_>>>()?, [0.0, 1.0]);
    Ok(())
}
