//! Files that do not fit or cannot be read: everything is told at once, and nothing changes.

use std::path::Path;

use gluonic::checkpoint::DTypeSource;
use gluonic::prelude::*;
use gluonic_formats::Format;

use crate::support::{array, bits, error, fixture, photograph, read, value, variant, write};

/// A net with values, and a file of another net, in both formats.
fn misfits() -> Result<(tempfile::TempDir, Sequential, Vec<std::path::PathBuf>)> {
    let folder = tempfile::tempdir().unwrap();
    let net = sequential![Dense::new(4), Dense::new(3), Dense::new(2)];
    net.initialize()?;
    net.call(&array(&[1.0; 2], (1, 2)))?;
    let mut other = ParameterDict::new("");
    for (name, dims, dtype) in [
        ("0.weight", vec![4, 2], DType::F32),
        ("0.bias", vec![5], DType::F32),
        ("1.weight", vec![3, 4], DType::F64),
        ("1.bais", vec![3], DType::F32),
        ("2.weight", vec![2, 3, 1], DType::F32),
        ("2.bias", vec![2], DType::I64),
        ("9.unheard", vec![1], DType::F32),
    ] {
        let spec = ParamSpec::new(Dims::from(dims)).dtype(dtype).init(&init::One);
        other.insert(&Parameter::with_spec(name, &spec))?;
    }
    other.initialize()?;
    let files = ["a.safetensors", "a.params"].map(|name| folder.path().join(name)).to_vec();
    files.iter().try_for_each(|file| other.save(file, ""))?;
    Ok((folder, net, files))
}

#[test]
fn one_error_lists_every_misfit_sorted_by_key_and_nothing_changes() -> Result<()> {
    let (_folder, net, files) = misfits()?;
    let before = photograph(&net);
    for file in files {
        let refused = error(net.load_parameters(&file, &LoadOptions::default()));
        let text = refused.to_string().replace(&file.display().to_string(), "FILE");
        insta::allow_duplicates! { insta::assert_snapshot!(text, @r"
        `FILE` does not fit the model, nothing was loaded
          `0.bias` has shape (4,), found (5,)
          `1.bais` is not in the model
          `1.bias` is missing in the file
          `1.weight` has type float32, found float64
          `2.bias` has type float32, found int64
          `2.weight` has shape (2, 3), found (2, 3, 1)
          `9.unheard` is not in the model
        ") };
        assert_eq!(refused.hint().unwrap(), "build the model with the file's sizes");
        assert_eq!(photograph(&net), before);
    }
    Ok(())
}

#[test]
fn a_long_list_of_misfits_shows_ten_and_counts_the_rest() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("empty.params");
    ParameterDict::new("").save(&file, "")?;
    let net = Sequential::new();
    (0..8).for_each(|_| net.add(Dense::new(1)));
    let text = error(net.load_parameters(&file, &LoadOptions::default())).to_string();
    assert_eq!(text.lines().count(), 12);
    assert!(text.ends_with("\n  and 6 more"), "{text}");
    Ok(())
}

#[test]
fn each_option_lets_its_own_misfit_pass_and_no_other() -> Result<()> {
    let (_folder, net, files) = misfits()?;
    let before = photograph(&net);
    let count = |options: LoadOptions| {
        let Error::Load(report) = error(net.load_parameters(&files[0], &options)) else { panic!() };
        report.problems.len()
    };
    let none = LoadOptions::default();
    assert_eq!(count(LoadOptions { allow_missing: true, ..none.clone() }), 6);
    assert_eq!(count(LoadOptions { ignore_extra: true, ..none.clone() }), 5);
    assert_eq!(count(LoadOptions { cast_dtype: true, ..none.clone() }), 5);
    let all = LoadOptions { allow_missing: true, ignore_extra: true, cast_dtype: true, ..none };
    assert_eq!(count(all), 2);
    assert_eq!(photograph(&net), before);
    Ok(())
}

#[test]
fn what_the_options_let_pass_is_reported() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.safetensors");
    let mut other = ParameterDict::new("");
    for (name, dtype) in [("0.bias", DType::F64), ("extra", DType::F32)] {
        other.insert(&Parameter::with_spec(
            name,
            &ParamSpec::new(2).dtype(dtype).init(&init::One),
        ))?;
    }
    other.initialize()?;
    other.save(&file, "")?;
    let net = sequential![Dense::new(2)];
    net.initialize()?;
    let options = LoadOptions {
        allow_missing: true,
        ignore_extra: true,
        cast_dtype: true,
        dtype_source: DTypeSource::Current,
    };
    let report = net.load_parameters(&file, &options)?;
    let keys = |key: &str| vec![Box::<str>::from(key)];
    assert_eq!((report.loaded, report.missing), (keys("0.bias"), keys("0.weight")));
    assert_eq!((report.extra, report.cast), (keys("extra"), keys("0.bias")));
    let bias = net[0].bias()?;
    assert_eq!((value(&bias), bias.dtype()), (vec![1.0, 1.0], DType::F32));
    assert!(net[0].weight()?.is_deferred());
    Ok(())
}

#[test]
fn the_files_element_type_counts_when_it_is_asked_for() -> Result<()> {
    let net = sequential![Dense::new(3), Dense::new(2)];
    net.initialize()?;
    net.call(&array(&[1.0; 4], (1, 4)))?;
    let file = fixture("net_f16.params");
    assert_eq!(variant(&error(net.load_parameters(&file, &LoadOptions::default()))), "Load");
    let weight = net[0].weight()?;
    let options = LoadOptions { cast_dtype: true, ..LoadOptions::default() };
    let _report = net.load_parameters(&file, &options)?;
    let as_f32 = value(&weight);
    assert_eq!(weight.dtype(), DType::F32);
    let _report =
        net.load_parameters(&file, &LoadOptions { dtype_source: DTypeSource::Saved, ..options })?;
    assert_eq!(
        (value(&weight), weight.dtype(), weight.grad()?.dtype()),
        (as_f32, DType::F16, DType::F16)
    );
    Ok(())
}

#[test]
fn a_load_from_inside_an_edit_changes_nothing() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.params");
    let net = sequential![Dense::new(2), Dense::new(2)];
    net.initialize()?;
    net.call(&array(&[1.0; 2], (1, 2)))?;
    net.save_parameters(&file)?;
    net[0].weight()?.data()?.fill(7.0)?;
    let inner =
        net[1].bias()?.edit::<f32, _>(|_| net.load_parameters(&file, &LoadOptions::default()))?;
    assert_eq!(variant(error(inner).root()), "BeingEdited");
    assert_eq!(value(&net[0].weight()?), [7.0; 4]);
    Ok(())
}

/// Tries to load bytes into a net with values: refused, and nothing changes.
#[track_caller]
fn refused(net: &Sequential, file: &Path, bytes: &[u8]) -> Error {
    let before: Vec<_> =
        net.named_parameters().iter().map(|(_, p)| bits(&p.data().unwrap())).collect();
    write(file, bytes);
    let refused = error(net.load_parameters(file, &LoadOptions::default()));
    let after: Vec<_> =
        net.named_parameters().iter().map(|(_, p)| bits(&p.data().unwrap())).collect();
    assert_eq!(before, after);
    refused
}

fn lone() -> Result<Sequential> {
    let net = sequential![Dense::new(2)];
    net.initialize()?;
    net.call(&array(&[1.0; 3], (1, 3)))?;
    Ok(net)
}

#[test]
fn a_file_cut_at_any_length_is_refused() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let net = lone()?;
    for name in ["a.safetensors", "a.params"] {
        let file = folder.path().join(name);
        net.save_parameters(&file)?;
        let bytes = read(&file);
        for n in 0..bytes.len() {
            let error = refused(&net, &file, &bytes[..n]);
            assert_eq!(variant(&error), "Format", "{name} cut at {n}: {error}");
        }
    }
    Ok(())
}

#[test]
fn files_that_mxnet_cannot_read_are_refused_with_the_place() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let net = lone()?;
    let file = folder.path().join("bad.params");
    for name in [
        "bad_magic",
        "cut_header",
        "cut_array",
        "cut_names",
        "names_mismatch",
        "bad_flag",
        "neg_ndim",
        "empty_file",
    ] {
        let error = refused(&net, &file, &read(fixture(&format!("bad_{name}.bin"))));
        assert_eq!(variant(&error), "Format", "{name}: {error}");
    }
    Ok(())
}

#[test]
fn a_file_of_another_kind_is_called_by_its_name() -> Result<()> {
    use std::error::Error as _;
    let folder = tempfile::tempdir().unwrap();
    let net = lone()?;
    let file = folder.path().join("a.safetensors");
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345\n";
    for (bytes, kind) in [
        (&b"<!DOCTYPE html><html><body>404</body></html>"[..], "HTML"),
        (&lfs[..], "LFS"),
        (&b""[..], "empty"),
        (&b"PK\x03\x04rest of a zip"[..], "zip"),
        (&b"what is this, anyway?"[..], "unknown"),
    ] {
        let error = refused(&net, &file, bytes);
        let source = error.source().unwrap().to_string();
        assert!(source.contains(kind), "{kind}: {source}");
    }
    // The suffix does not decide when reading.
    net.save_parameters(folder.path().join("b.params"))?;
    write(&file, read(folder.path().join("b.params")));
    let _report = net.load_parameters(&file, &LoadOptions::default())?;
    Ok(())
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_old_one_and_no_litter() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let net = lone()?;
    let at = |name: &str| folder.path().join(name);
    for name in ["a", "a.pt", "a.PARAMS", ".params"] {
        assert_eq!(variant(&error(net.save_parameters(at(name)))), "Suffix", "{name}");
    }
    write(at("file"), "x");
    std::fs::create_dir(at("folder.params")).unwrap();
    for name in ["missing/a.params", "file/a.params", "folder.params"] {
        let error = error(net.save_parameters(at(name)));
        assert_eq!(variant(&error), "Io", "{name}");
        assert!(error.to_string().contains(name), "{error}");
    }
    for name in ["missing.params", "folder.params", "file/a.params"] {
        let missing = error(net.load_parameters(at(name), &LoadOptions::default()));
        assert_eq!(variant(&missing), "Io", "{name}");
    }
    // A parameter without a value: nothing is written.
    net.save_parameters(at("a.params"))?;
    let old = read(at("a.params"));
    error(sequential![Dense::new(2)].save_parameters(at("a.params")));
    assert_eq!(read(at("a.params")), old);
    let mut left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["a.params", "file", "folder.params"]);
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn devices_and_folders_that_take_no_files_are_refused() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let net = lone()?;
    let full = folder.path().join("full.params");
    std::os::unix::fs::symlink("/dev/full", &full).unwrap();
    let options = SaveOptions { format: Some(Format::MxnetParams), ..SaveOptions::default() };
    for result in [
        net.save_parameters(&full),
        net.save_parameters_with("/dev/full", &options),
        net.save_parameters("/proc/a.params"),
        net.load_parameters("/dev/zero", &LoadOptions::default()).map(|_| ()),
    ] {
        assert_eq!(variant(&error(result)), "Io");
    }
    assert!(std::fs::symlink_metadata(&full).unwrap().file_type().is_symlink());
    Ok(())
}

#[test]
fn the_format_can_be_chosen_whatever_the_suffix() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let (net, file) = (lone()?, folder.path().join("weights"));
    for format in [Format::Safetensors, Format::MxnetParams] {
        net.save_parameters_with(
            &file,
            &SaveOptions { format: Some(format), ..Default::default() },
        )?;
        assert_eq!(net.load_parameters(&file, &LoadOptions::default())?.loaded.len(), 2);
    }
    let torch = SaveOptions { format: Some(Format::TorchZip), ..Default::default() };
    let old = read(&file);
    let refused = error(net.save_parameters_with(&file, &torch));
    assert_eq!(variant(&refused), "Format");
    assert_eq!(read(&file), old);
    Ok(())
}

#[test]
fn tensors_of_a_type_that_arrays_cannot_hold_are_a_misfit() -> Result<()> {
    use gluonic_formats::{DType as Raw, RawTensor, write_to};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.safetensors");
    let net = lone()?;
    let raw = Raw::from_name("float8_e4m3fn").expect("a type of safetensors");
    let tensors = [
        RawTensor::new("0.weight", raw, vec![2, 3], vec![0_u8; 6]).unwrap(),
        RawTensor::new("0.bias", raw, vec![2], vec![0_u8; 2]).unwrap(),
    ];
    let mut bytes = Vec::new();
    write_to(&mut bytes, Format::Safetensors, &tensors, &indexmap::IndexMap::default()).unwrap();
    let refused = refused(&net, &file, &bytes).to_string();
    assert!(refused.contains("`0.bias` has type float32, found"), "{refused}");
    let options = LoadOptions { cast_dtype: true, ..Default::default() };
    assert_eq!(variant(&error(net.load_parameters(&file, &options))), "Load");
    Ok(())
}

#[test]
fn two_keys_that_become_one_without_their_prefix_are_a_conflict_unless_equal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("module.params");
    let load = |second: f32| {
        let tensors = [("arg:weight", 1.0_f32), ("aux:weight", second)].map(|(name, value)| {
            let bytes = value.to_le_bytes().to_vec();
            gluonic_formats::RawTensor::new(name, gluonic_formats::DType::F32, vec![1, 1], bytes)
        });
        let tensors = tensors.map(Result::unwrap);
        write(&file, gluonic_formats::mxnet_params::write(&tensors).unwrap());
        let config = DenseConfig { units: 1, use_bias: false, ..DenseConfig::default() };
        let net = Dense::with(config).unwrap();
        (net.load_parameters(&file, &LoadOptions::default()), net)
    };
    let (refused, net) = load(2.0);
    assert!(matches!(refused, Err(Error::Load(report)) if report.problems.len() == 1));
    assert!(net.weight().unwrap().data().is_err());
    let (loaded, net) = load(1.0);
    loaded.unwrap();
    assert_eq!(net.weight().unwrap().data().unwrap().to_vec::<f32>().unwrap(), [1.0]);
}
