//! Parameters that live on a map of their file until they are edited.
#![allow(clippy::disallowed_methods, reason = "files are removed by another program, so to say")]

use std::path::Path;

use gluonic::checkpoint::ExportOptions;
use gluonic::prelude::*;
use gluonic_formats::{DType as Raw, Format, RawTensor, byte_len};
use indexmap::IndexMap;

use crate::support::{Rng, bits, error, photograph, read, variant, write};

fn net() -> Result<Sequential> {
    let net = sequential![Dense::new(64).activation(Activation::Tanh), Dense::new(3)];
    net.initialize_opts(&InitOptions { seed: Some(3), ..InitOptions::default() })?;
    net.infer_shapes(&[(4, 50)])?;
    Ok(net)
}

fn load(net: &Sequential, file: &Path, mapped: bool) -> Result<()> {
    let checkpoint = if mapped { Checkpoint::map(file)? } else { Checkpoint::open(file)? };
    net.plan_load(&checkpoint, &LoadOptions::default())?.apply(net).map(|_| ())
}

fn values(net: &Sequential) -> Result<Vec<Vec<u64>>> {
    net.named_parameters().iter().map(|(_, parameter)| Ok(bits(&parameter.data()?))).collect()
}

#[test]
fn values_are_the_same_and_an_edit_does_not_reach_the_file() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    for suffix in ["safetensors", "params", "npz"] {
        let file = folder.path().join("net").with_extension(suffix);
        let saved = net()?;
        saved.save_parameters(&file)?;
        let before = read(&file);
        let mapped = net()?;
        mapped.initialize_with(&init::Zero, Reinit::Force)?;
        load(&mapped, &file, true)?;
        assert_eq!(values(&mapped)?, values(&saved)?, "{suffix}");
        let weight = mapped[0].weight()?;
        let earlier = mapped.snapshot()?;
        weight.data()?.set(s![0, 0], 42.0)?;
        assert_eq!(weight.data()?.to_vec::<f32>()?[0], 42.0);
        assert_eq!(bits(&earlier.get("0.weight")?), bits(&saved[0].weight()?.data()?));
        mapped[1].bias()?.data()?.fill(7.0)?;
        assert!(read(&file) == before, "{suffix}");
    }
    Ok(())
}

#[test]
fn training_from_a_map_is_training() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    net()?.save_parameters(&file)?;
    let train = |mapped: bool| {
        let net = net()?;
        load(&net, &file, mapped)?;
        let mut trainer = Trainer::new(&net, Adam::new(0.01)?)?;
        for step in 0..3 {
            let x = Rng::new(step).array((4, 50));
            autograd::record(|| net.call(&x)?.square())?.backward()?;
            trainer.step(4)?;
        }
        values(&net)
    };
    assert_eq!(train(true)?, train(false)?);
    Ok(())
}

#[test]
fn the_file_may_be_saved_over_and_removed() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let net = net()?;
    net.save_parameters(&file)?;
    let before = values(&net)?;
    load(&net, &file, true)?;
    // From the map of the file onto the file itself.
    net.save_parameters(&file)?;
    net[1].weight()?.data()?.fill(0.5)?;
    net.save_parameters(&file)?;
    assert_eq!(values(&net)?[0], before[0]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(values(&net)?[0], before[0]);
    let copy = net[0].weight()?.deep_clone()?;
    net[0].weight()?.reinitialize()?;
    assert_eq!(bits(&copy.data()?), before[0]);
    Ok(())
}

#[test]
fn what_does_not_lie_as_in_memory_is_read() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let types = [
        Raw::Bool,
        Raw::U8,
        Raw::I8,
        Raw::U16,
        Raw::I16,
        Raw::F16,
        Raw::BF16,
        Raw::U32,
        Raw::I32,
        Raw::F32,
        Raw::U64,
        Raw::I64,
        Raw::F64,
    ];
    let mut tensors = Vec::new();
    for (i, dtype) in types.into_iter().enumerate() {
        // Odd numbers of elements, so that others lie crookedly behind them.
        for shape in [vec![], vec![0, 3], vec![3], vec![5, 7]] {
            let len = byte_len(dtype, &shape).unwrap();
            let data: Vec<u8> = (0..len).map(|j| (j % 2) as u8).collect();
            let name = format!("w{i}.{}", shape.len());
            let name = if shape == [3] { name + ".one" } else { name };
            let name = if shape.contains(&0) { name + ".none" } else { name };
            tensors.push(RawTensor::new(name, dtype, shape, data).unwrap());
        }
    }
    for format in [Format::Safetensors, Format::MxnetParams, Format::Npz] {
        let own: Vec<_> = match format {
            Format::Npz => tensors.iter().filter(|tensor| tensor.dtype() != Raw::BF16).collect(),
            Format::MxnetParams => {
                let has = [Raw::U16, Raw::I16, Raw::U32, Raw::U64];
                tensors.iter().filter(|tensor| !has.contains(&tensor.dtype())).collect()
            }
            _ => tensors.iter().collect(),
        };
        let own: Vec<_> = own.into_iter().cloned().collect();
        let mut bytes = Vec::new();
        gluonic_formats::write_to(&mut bytes, format, &own, &IndexMap::new()).unwrap();
        write(&file, bytes);
        let (mapped, opened) = (Checkpoint::map(&file)?, Checkpoint::open(&file)?);
        assert_eq!(mapped.tensors().len(), own.len());
        for (name, array) in opened.to_arrays()? {
            let lent = mapped.get(&name)?;
            assert_eq!((lent.dims(), lent.dtype()), (array.dims(), array.dtype()), "{name}");
            assert_eq!(bits(&lent), bits(&array), "{name}");
            // As an input, strided and cast.
            if lent.dtype().is_float() && lent.dims().len() == 2 {
                assert_eq!(bits(&lent.transpose()?.sum()?), bits(&array.transpose()?.sum()?));
            }
            lent.fill(1.0)?;
            assert_eq!(bits(&mapped.get(&name)?), bits(&array), "{name}");
        }
        assert_eq!(mapped.root()?, opened.root()?);
    }
    Ok(())
}

#[test]
fn models_in_several_files_and_renamed_ones_are_mapped_too() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let (file, to) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
    let saved = net()?;
    saved.save_parameters(&file)?;
    let options = ExportOptions { max_shard_bytes: Some(1000), ..ExportOptions::default() };
    let report = Checkpoint::open(&file)?.export(&to, &options)?;
    assert!(report.files.len() > 2);
    let index = report.files.last().unwrap();
    let mapped = net()?;
    mapped.initialize_with(&init::Zero, Reinit::Force)?;
    load(&mapped, index, true)?;
    assert_eq!(values(&mapped)?, values(&saved)?);

    let rules = "[[rule]]\nfrom = \"0.weight\"\nto = \"0.turned\"\npermute = [1, 0]\n";
    let turned = Checkpoint::map(&file)?.renamed(&rules.parse()?)?;
    let expected = saved[0].weight()?.data()?.transpose()?;
    assert_eq!(bits(&turned.get("0.turned")?), bits(&expected));
    Ok(())
}

#[test]
fn a_map_of_what_is_no_checkpoint_is_refused_and_damage_is_found() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.npz");
    assert_eq!(variant(&error(Checkpoint::map(&file))), "Io");
    write(&file, b"");
    assert_eq!(variant(&error(Checkpoint::map(&file))), "Format");
    let saved = net()?;
    saved.save_parameters(&file)?;
    let mut bytes = read(&file);
    let middle = bytes.len() / 4;
    bytes[middle] ^= 1;
    write(&file, bytes);
    let before = photograph(&saved);
    assert_eq!(variant(&error(load(&saved, &file, true))), "Format");
    assert_eq!(photograph(&saved), before);
    Ok(())
}
