//! Saving and loading: what is written, and that it comes back.

use std::path::{Path, PathBuf};

use gluonic::prelude::*;
use gluonic_formats::Limits;

use crate::support::{array, bits, photograph, read, variant};

const SUFFIXES: [&str; 2] = ["net.safetensors", "net.params"];

fn folder() -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let files = SUFFIXES.map(|name| folder.path().join(name)).to_vec();
    (folder, files)
}

fn mlp() -> Sequential {
    sequential![Dense::new(256).activation(Activation::Relu), Dense::new(10)]
}

/// A net of three layers of which the last two are tied.
fn tied(initialized: bool) -> Result<Sequential> {
    let middle = Dense::new(8);
    let last = Dense::sharing(8, &middle.params())?;
    let net = sequential![Dense::new(8), middle, last];
    if initialized {
        net.initialize_with(&init::Normal::new(1.0), Reinit::Keep)?;
        net.call(&array(&[0.1; 5], (1, 5)))?;
    }
    Ok(net)
}

fn untied() -> Result<Sequential> {
    let net = sequential![Dense::new(8), Dense::new(8), Dense::new(8)];
    net.initialize_with(&init::Normal::new(1.0), Reinit::Keep)?;
    net.call(&array(&[0.1; 5], (1, 5)))?;
    Ok(net)
}

/// The keys of a file are these, in this order; in safetensors the format decides the order.
#[track_caller]
fn check_keys(file: &Path, expected: &[&str]) {
    let bytes = read(file);
    let archive = gluonic_formats::read(&bytes, &Limits::default()).unwrap();
    let mut keys: Vec<_> = archive.tensors.iter().map(gluonic_formats::RawTensor::name).collect();
    let mut expected = expected.to_vec();
    if file.extension().unwrap() == "safetensors" {
        keys.sort_unstable();
        expected.sort_unstable();
    }
    assert_eq!(keys, expected);
}

#[track_caller]
fn check_equal(a: &dyn Block, b: &dyn Block) {
    let values = |block: &dyn Block| {
        let named = block.named_parameters();
        named
            .iter()
            .map(|(path, p)| (path.clone(), p.dtype(), bits(&p.data().unwrap())))
            .collect::<Vec<_>>()
    };
    assert_eq!(values(a), values(b));
}

#[test]
fn what_was_saved_comes_back_bit_for_bit_in_every_format() -> Result<()> {
    let (_folder, files) = folder();
    for file in files {
        let net = mlp();
        net.initialize_with(&init::Xavier::default(), Reinit::Keep)?;
        net.call(&array(&[0.1; 20], (1, 20)))?;
        net.save_parameters(&file)?;
        check_keys(&file, &["0.weight", "0.bias", "1.weight", "1.bias"]);
        let again = mlp();
        let report = again.load_parameters(&file, &LoadOptions::default())?;
        check_equal(&net, &again);
        assert_eq!(report.loaded, ["0.weight", "0.bias", "1.weight", "1.bias"].map(Box::from));
        assert_eq!(report.to_string(), format!("loaded 4 tensors from `{}`", file.display()));
        // The same content gives the same bytes.
        let bytes = read(&file);
        again.save_parameters(&file)?;
        assert_eq!(read(&file), bytes);
    }
    Ok(())
}

#[test]
fn every_element_type_and_every_size_comes_back_bit_for_bit() -> Result<()> {
    let (_folder, files) = folder();
    let params = || -> Result<ParameterDict> {
        let mut params = ParameterDict::new("");
        for dtype in DType::ALL {
            for dims in [Dims::from(()), Dims::from((0, 3)), Dims::from((2, 1, 3))] {
                let name = format!("{dtype}.{}", dims.rank());
                let value = NdArray::full(&dims, 1.0, *dtype)?;
                params.insert(&Parameter::constant(name, &value)?)?;
            }
        }
        let special = [f32::NAN, f32::INFINITY, -0.0, f32::MIN_POSITIVE / 2.0, f32::MAX];
        params.insert(&Parameter::constant("special", &array(&special, 5))?)?;
        params.initialize()?;
        Ok(params)
    };
    for file in files {
        let (saved, loaded) = (params()?, params()?);
        saved.save(&file, "")?;
        for parameter in &loaded {
            parameter.data()?.fill(0.0)?;
        }
        let _report = loaded.load(&file, "", &LoadOptions::default())?;
        for (a, b) in saved.iter().zip(&loaded) {
            assert_eq!(
                (a.dtype(), bits(&a.data()?)),
                (b.dtype(), bits(&b.data()?)),
                "{}",
                a.name()
            );
        }
    }
    Ok(())
}

#[test]
fn a_part_of_a_net_has_a_file_of_its_own() -> Result<()> {
    let (_folder, files) = folder();
    for file in files {
        let net = sequential![mlp(), Dense::new(2)];
        net.initialize()?;
        net.call(&array(&[0.1; 20], (1, 20)))?;
        net[0].save_parameters(&file)?;
        check_keys(&file, &["0.weight", "0.bias", "1.weight", "1.bias"]);
        let other = mlp();
        let _report = other.load_parameters(&file, &LoadOptions::default())?;
        check_equal(&net[0], &other);
        net[0][1].save_parameters(&file)?;
        check_keys(&file, &["weight", "bias"]);
        let lone = Dense::new(10);
        let _report = lone.load_parameters(&file, &LoadOptions::default())?;
        check_equal(&net[0][1], &lone);
    }
    Ok(())
}

#[test]
fn loading_goes_into_the_same_memory_and_keeps_gradients_and_ties() -> Result<()> {
    let (_folder, files) = folder();
    for file in files {
        let (saved, net) = (tied(true)?, tied(true)?);
        saved.save_parameters(&file)?;
        let weight = net[2].weight()?;
        let handle = weight.data()?;
        autograd::record(|| net.call(&array(&[0.1; 5], (1, 5))))?.backward()?;
        let grad = bits(&weight.grad()?);
        let _report = net.load_parameters(&file, &LoadOptions::default())?;
        assert!(weight.data()?.same_memory(&handle) && net[1].weight()?.ptr_eq(&weight));
        assert_eq!(
            (bits(&handle), bits(&weight.grad()?)),
            (bits(&saved[1].weight()?.data()?), grad)
        );
        // Only safetensors has room to tell where initial values came from.
        let told = weight.provenance().map(|provenance| provenance.initializer);
        let holds_it = file.extension().unwrap() == "safetensors";
        assert_eq!(told.as_deref(), holds_it.then_some(r#"["normal", {"sigma": 1.0}]"#));
    }
    Ok(())
}

#[test]
fn a_tied_parameter_is_written_once_in_safetensors_and_under_every_path_in_params() -> Result<()> {
    let (_folder, files) = folder();
    let net = tied(true)?;
    for file in &files {
        net.save_parameters(file)?;
    }
    check_keys(&files[0], &["0.weight", "0.bias", "1.weight", "1.bias"]);
    let bytes = read(&files[0]);
    let archive = gluonic_formats::read(&bytes, &Limits::default()).unwrap();
    let aliases = &archive.metadata["gluonic.aliases"];
    assert_eq!(aliases, r#"{"2.weight":"1.weight","2.bias":"1.bias"}"#);
    let every = ["0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "2.bias"];
    check_keys(&files[1], &every);
    let options = SaveOptions { deduplicate: true, ..SaveOptions::default() };
    net.save_parameters_with(&files[1], &options)?;
    check_keys(&files[1], &["0.weight", "0.bias", "2.weight", "2.bias"]);
    for file in &files {
        let again = tied(false)?;
        let _report = again.load_parameters(file, &LoadOptions::default())?;
        check_equal(&net, &again);
        assert!(again[1].weight()?.ptr_eq(&again[2].weight()?));
    }
    Ok(())
}

#[test]
fn files_of_tied_nets_fit_untied_ones_as_far_as_they_say_it_all() -> Result<()> {
    let (_folder, files) = folder();
    let net = tied(true)?;
    for file in &files {
        net.save_parameters(file)?;
        let apart = untied()?;
        let _report = apart.load_parameters(file, &LoadOptions::default())?;
        check_equal(&net, &apart);
        assert!(!apart[1].weight()?.ptr_eq(&apart[2].weight()?));
    }
    net.save_parameters_with(&files[1], &SaveOptions { deduplicate: true, ..Default::default() })?;
    let apart = untied()?;
    let before = photograph(&apart);
    let Err(Error::Load(report)) = apart.load_parameters(&files[1], &LoadOptions::default()) else {
        panic!("two keys are missing");
    };
    assert_eq!(report.problems.len(), 2);
    assert_eq!(photograph(&apart), before);
    Ok(())
}

#[test]
fn an_untied_file_fits_a_tied_net_only_if_both_values_agree() -> Result<()> {
    let (_folder, files) = folder();
    for file in files {
        let apart = untied()?;
        apart.save_parameters(&file)?;
        let net = tied(true)?;
        let before = photograph(&net);
        let Err(Error::Load(report)) = net.load_parameters(&file, &LoadOptions::default()) else {
            panic!("one parameter cannot have two values");
        };
        let [problem] = report.problems.as_slice() else { panic!("the biases are equal") };
        let text = problem.to_string();
        let start = "`1.weight` and `2.weight` are one parameter, but differ in the file: \
                     64 of 64 elements, by at most ";
        assert!(text.starts_with(start), "{text}");
        assert_eq!(photograph(&net), before);
        apart[2].weight()?.set_data(&apart[1].weight()?.data()?)?;
        apart.save_parameters(&file)?;
        let _report = net.load_parameters(&file, &LoadOptions::default())?;
        check_equal(&net, &apart);
    }
    Ok(())
}

#[test]
fn names_are_stripped_of_a_prefix_in_the_file_and_get_it_back() -> Result<()> {
    let (_folder, files) = folder();
    let layer = Dense::with_prefix("enc_", 2);
    layer.initialize()?;
    layer.call(&array(&[1.0; 3], (1, 3)))?;
    let params = layer.collect_params()?;
    for file in files {
        params.save(&file, "enc_")?;
        check_keys(&file, &["weight", "bias"]);
        let other = Dense::with_prefix("dec_", 2);
        let _report = other.collect_params()?.load(&file, "dec_", &LoadOptions::default())?;
        check_equal(&layer, &other);
        let wrong = params.load(&file, "zzz_", &LoadOptions::default());
        assert_eq!(variant(&wrong.unwrap_err()), "Prefix");
    }
    Ok(())
}

#[test]
fn a_net_with_two_parameters_of_one_name_is_saved_and_loaded_by_path() -> Result<()> {
    let (_folder, files) = folder();
    let net = || sequential![Dense::with_prefix("a_", 1), Dense::with_prefix("a_", 1)];
    let saved = net();
    for (i, layer) in saved.iter().enumerate() {
        layer.initialize_with(&init::Constant::new(i as f64), Reinit::Keep)?;
    }
    saved.call(&array(&[1.0], (1, 1)))?;
    for file in files {
        saved.save_parameters(&file)?;
        let loaded = net();
        let _report = loaded.load_parameters(&file, &LoadOptions::default())?;
        check_equal(&saved, &loaded);
    }
    Ok(())
}
