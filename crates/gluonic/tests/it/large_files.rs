//! Files of any size: values are read from where they stand, and written piece by piece.
#![allow(clippy::disallowed_methods, reason = "files are changed by another program, so to say")]

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use gluonic::checkpoint::rename::TensorInfo as RenameInfo;
use gluonic::checkpoint::{ExportOptions, RenameRules};
use gluonic::prelude::*;
use gluonic_formats::{DType as Raw, Format, RawTensor, byte_len};
use indexmap::IndexMap;
use proptest::prelude::*;

use crate::support::{bits, error, read, variant, write};

fn tensor(name: impl Into<String>, dtype: Raw, shape: &[usize]) -> RawTensor<'static> {
    let name = name.into();
    let seed = name.bytes().map(usize::from).sum::<usize>();
    let len = byte_len(dtype, shape).unwrap();
    let byte = |i: usize| match dtype {
        Raw::Bool => ((seed + i) % 3 % 2) as u8,
        // No NaN, of which a cast may change the bits.
        _ => ((seed + i) * 31 % 117) as u8,
    };
    RawTensor::new(name, dtype, shape.to_vec(), (0..len).map(byte).collect::<Vec<_>>()).unwrap()
}

fn bytes_of(format: Format, tensors: &[RawTensor<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    gluonic_formats::write_to(&mut bytes, format, tensors, &IndexMap::new()).unwrap();
    bytes
}

const FORMATS: [(Format, &str); 3] =
    [(Format::Safetensors, "safetensors"), (Format::MxnetParams, "params"), (Format::Npz, "npz")];

/// Small ones, neighbours and not, large ones, booleans, and some of no size.
fn many() -> Vec<RawTensor<'static>> {
    let mut tensors: Vec<_> =
        (0..500).map(|i| tensor(format!("w{i}"), Raw::F32, &[i % 7, 11])).collect();
    tensors.push(tensor("large", Raw::F64, &[1000, 200]));
    tensors.push(tensor("larger", Raw::F16, &[5 << 20]));
    tensors.push(tensor("mask", Raw::Bool, &[5000]));
    tensors.push(tensor("scalar", Raw::I64, &[]));
    tensors
}

#[test]
fn every_value_is_read_from_its_place_in_every_format() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let tensors = many();
    for (format, suffix) in FORMATS {
        let file = folder.path().join("net").with_extension(suffix);
        write(&file, bytes_of(format, &tensors));
        let checkpoint = Checkpoint::open(&file)?;
        let arrays = checkpoint.to_arrays()?;
        assert_eq!(arrays.len(), tensors.len());
        let memory = Checkpoint::from_bytes(read(&file))?;
        for tensor in &tensors {
            let expected = bits(&memory.get(tensor.name())?);
            assert_eq!(bits(&arrays[tensor.name()]), expected, "{suffix} {}", tensor.name());
            if tensor.elem_count() < 100 {
                assert_eq!(bits(&checkpoint.get(tensor.name())?), expected);
            }
        }
        assert_eq!(checkpoint.root()?, memory.root()?, "{suffix}");
    }
    Ok(())
}

#[test]
fn tensors_of_one_file_are_arrays_of_their_own() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    write(&file, bytes_of(Format::Safetensors, &[tensor("w", Raw::F32, &[4])]));
    let checkpoint = Checkpoint::open(&file)?;
    let (one, two) = (checkpoint.get("w")?, checkpoint.get("w")?);
    one.fill(7.0)?;
    assert_ne!(bits(&one), bits(&two));
    Ok(())
}

#[test]
fn a_file_that_is_saved_over_or_removed_stays_readable() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    for (format, suffix) in FORMATS {
        let file = folder.path().join("net").with_extension(suffix);
        write(&file, bytes_of(format, &many()));
        let checkpoint = Checkpoint::open(&file)?;
        let expected = checkpoint.root()?;
        let other = Checkpoint::from_bytes(bytes_of(format, &[tensor("b", Raw::U8, &[3])]))?;
        other.export(&file, &ExportOptions::default())?;
        assert_eq!(checkpoint.root()?, expected);
        assert_eq!(Checkpoint::open(&file)?.tensors().len(), 1);
        if cfg!(unix) {
            std::fs::remove_file(&file).unwrap();
            assert_eq!(checkpoint.to_arrays()?.len(), many().len());
        }
    }
    Ok(())
}

#[test]
fn a_file_that_another_program_writes_into_is_out_of_date() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let reads = |checkpoint: &Checkpoint| {
        let mut errors = vec![error(checkpoint.get("large")), error(checkpoint.to_arrays())];
        errors.push(error(checkpoint.check()));
        let copy = folder.path().join("copy.params");
        errors.push(error(checkpoint.export(&copy, &ExportOptions::default())));
        assert!(!copy.exists());
        for error in errors {
            assert_eq!(variant(&error), "Outdated", "{error}");
        }
    };
    let open = || {
        write(&file, bytes_of(Format::Safetensors, &many()));
        Checkpoint::open(&file)
    };
    let touch = |change: &dyn Fn(&mut std::fs::File)| {
        // Times of change have steps.
        std::thread::sleep(std::time::Duration::from_millis(20));
        change(&mut OpenOptions::new().write(true).open(&file).unwrap());
    };
    let checkpoint = open()?;
    touch(&|file| {
        file.seek(SeekFrom::End(-8)).unwrap();
        file.write_all(&[1]).unwrap();
    });
    reads(&checkpoint);
    let checkpoint = open()?;
    touch(&|file| file.set_len(40_000).unwrap());
    reads(&checkpoint);
    let checkpoint = open()?;
    touch(&|file| {
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(&[1]).unwrap();
    });
    reads(&checkpoint);
    Ok(())
}

#[test]
fn a_plan_for_a_file_that_was_written_into_changes_nothing() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let tensors = [tensor("0.weight", Raw::F32, &[3, 2]), tensor("0.bias", Raw::F32, &[3])];
    write(&file, bytes_of(Format::Safetensors, &tensors));
    let net = sequential![Dense::new(3)];
    net.infer_shapes(&[(1, 2)])?;
    net.initialize()?;
    let before = net.snapshot()?;
    let plan = net.plan_load(&Checkpoint::open(&file)?, &LoadPolicy::default())?;
    std::thread::sleep(std::time::Duration::from_millis(20));
    write(&file, bytes_of(Format::Safetensors, &tensors));
    assert_eq!(variant(&error(plan.apply(&net))), "Outdated");
    assert!(before.diff(&net.snapshot()?).is_empty());
    Ok(())
}

#[test]
fn damage_of_a_zip_file_is_found_however_it_is_read() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.npz");
    let tensors = many();
    let mut bytes = bytes_of(Format::Npz, &tensors);
    let data = tensors.iter().find(|tensor| tensor.name() == "large").unwrap().data();
    let at = bytes.windows(64).position(|bytes| *bytes == data[..64]).unwrap();
    bytes[at + data.len() / 2] ^= 1;
    write(&file, bytes);
    let checkpoint = Checkpoint::open(&file)?;
    assert!(checkpoint.get("w3").is_ok());
    let copy = folder.path().join("copy.params");
    let export = checkpoint.export(&copy, &ExportOptions::default());
    for error in [
        error(checkpoint.get("large")),
        error(checkpoint.to_arrays()),
        error(checkpoint.digests()),
        error(export),
    ] {
        assert_eq!(variant(&error), "Format", "{error}");
    }
    assert!(!copy.exists());
    Ok(())
}

#[test]
fn a_header_longer_than_the_first_read_is_read_whole() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let tensors: Vec<_> =
        (0..3000).map(|i| tensor(format!("block.{i}.weight"), Raw::U8, &[2, 3])).collect();
    write(&file, bytes_of(Format::Safetensors, &tensors));
    let checkpoint = Checkpoint::open(&file)?;
    assert_eq!(checkpoint.tensors().len(), 3000);
    assert_eq!(checkpoint.get("block.2999.weight")?.to_vec::<u8>()?, tensors[2999].data());
    // Cut inside its header, and cut inside its data.
    for len in [100_000, std::fs::metadata(&file).unwrap().len() - 1] {
        OpenOptions::new().write(true).open(&file).unwrap().set_len(len).unwrap();
        let cut = error(Checkpoint::open(&file));
        assert_eq!(variant(&cut), "Format");
        assert_eq!(
            std::error::Error::source(&cut).unwrap().to_string(),
            std::error::Error::source(&error(Checkpoint::from_bytes(read(&file))))
                .unwrap()
                .to_string()
        );
    }
    Ok(())
}

/// What the rules make of the tensors, all in memory.
fn expected(
    tensors: &[RawTensor<'_>],
    rules: Option<&RenameRules>,
    cast: Option<DType>,
) -> Vec<RawTensor<'static>> {
    let memory = Checkpoint::from_bytes(bytes_of(Format::Safetensors, tensors)).unwrap();
    let cast = |tensor: &RawTensor<'_>| {
        let array = memory.get(tensor.name()).ok().filter(|array| array.dtype().is_float());
        match array.zip(cast) {
            Some((array, cast)) => {
                let array = array.cast(cast).unwrap();
                let data: Vec<u8> = match cast {
                    DType::F16 => bytes(array.to_vec::<half::f16>(), half::f16::to_le_bytes),
                    DType::BF16 => bytes(array.to_vec::<half::bf16>(), half::bf16::to_le_bytes),
                    DType::F32 => bytes(array.to_vec::<f32>(), f32::to_le_bytes),
                    _ => bytes(array.to_vec::<f64>(), f64::to_le_bytes),
                };
                let dtype = Raw::from_name(cast.name()).unwrap();
                RawTensor::new(tensor.name().to_owned(), dtype, tensor.shape().to_vec(), data)
                    .unwrap()
            }
            None => tensor.clone().into_owned(),
        }
    };
    let tensors: Vec<_> = tensors.iter().map(cast).collect();
    let Some(rules) = rules else { return tensors };
    let infos: Vec<RenameInfo> = tensors.iter().map(Into::into).collect();
    let plan = rules.plan(&infos).unwrap();
    plan.apply(&tensors).map(|made| made.unwrap().into_owned()).collect()
}

fn bytes<T: Copy, const N: usize>(values: Result<Vec<T>>, of: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.unwrap().iter().flat_map(|value| of(*value)).collect()
}

#[track_caller]
fn check_export(
    source: &Path,
    to: &Path,
    tensors: &[RawTensor<'_>],
    rules: Option<&RenameRules>,
    cast: Option<DType>,
    memory: Option<u64>,
) {
    let options =
        ExportOptions { rename: rules.cloned(), cast, memory, ..ExportOptions::default() };
    let report = Checkpoint::open(source).unwrap().export(to, &options).unwrap();
    // As safetensors, so that tensors come in one order.
    assert!(read(to) == bytes_of(Format::Safetensors, &expected(tensors, rules, cast)));
    assert_eq!(Checkpoint::open(to).unwrap().root().unwrap(), report.root);
}

/// The element types that a format has.
fn dtypes(format: Format) -> impl Strategy<Value = Raw> {
    let mut dtypes = vec![Raw::F32, Raw::F16, Raw::F64, Raw::U8, Raw::I64, Raw::Bool];
    if format != Format::Npz {
        dtypes.push(Raw::BF16);
    }
    if format == Format::Safetensors {
        dtypes.extend([Raw::C64, Raw::F8E4M3]);
    }
    prop::sample::select(dtypes)
}

/// Two tensors that differ along one axis and are joined, turned and cut again, and one that is
/// turned alone.
fn rules(format: Format) -> impl Strategy<Value = (Vec<RawTensor<'static>>, String)> {
    let shape = prop::collection::vec(0_usize..6, 1..5);
    (shape, dtypes(format), dtypes(format)).prop_flat_map(|(shape, dtype, other)| {
        let axes = Just((0..shape.len()).collect::<Vec<_>>()).prop_shuffle();
        let more = Just((0..shape.len()).collect::<Vec<_>>()).prop_shuffle();
        let (rank, n) = (shape.len(), shape.iter().copied().max().unwrap_or(1));
        (Just(shape), axes, more, 0..rank, 1..=n.max(1), Just((dtype, other))).prop_flat_map(
            move |(shape, axes, more, axis, long, (dtype, other))| {
                let mut joined = shape.clone();
                joined[axis] += long;
                let turned: Vec<usize> = more.iter().map(|a| joined[*a]).collect();
                let cut = (0..rank, 0..6_usize);
                cut.prop_map(move |(split, at)| {
                    let at = at.min(turned[split]);
                    let mut second = shape.clone();
                    second[axis] = long;
                    let tensors = vec![
                        tensor("one", dtype, &shape),
                        tensor("two", dtype, &second),
                        tensor("alone", other, &shape),
                    ];
                    let sizes = [shape[axis], long];
                    let rest = turned[split] - at;
                    let text = format!(
                        "[[rule]]\nconcat = [\"one\", \"two\"]\naxis = {axis}\nsizes = {sizes:?}\n\
                         to = \"joined\"\n\
                         [[rule]]\nfrom = \"alone\"\nto = \"turned\"\npermute = {axes:?}\n\
                         [[then]]\n[[then.rule]]\nfrom = \"joined\"\nto = \"j\"\npermute = {more:?}\n\
                         [[then]]\n[[then.rule]]\nsplit = \"j\"\naxis = {split}\n\
                         sizes = [{at}, {rest}]\nto = [\"j1\", \"j2\"]\n"
                    );
                    (tensors, text)
                })
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn an_export_is_the_same_with_any_memory(
        (format, (tensors, text)) in prop::sample::select(FORMATS.to_vec())
            .prop_flat_map(|format| (Just(format), rules(format.0))),
        memory in prop::sample::select(vec![1_u64, 7, 64, 300, 4096, 1 << 20, u64::MAX]),
        cast in prop::sample::select(vec![None, Some(DType::F16), Some(DType::F64)]),
    ) {
        let rules: RenameRules = text.parse().unwrap();
        let infos: Vec<RenameInfo> = tensors.iter().map(Into::into).collect();
        prop_assume!(rules.plan(&infos).is_ok());
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source").with_extension(format.1);
        write(&source, bytes_of(format.0, &tensors));
        let to = folder.path().join("to.safetensors");
        check_export(&source, &to, &tensors, Some(&rules), cast, Some(memory));
        check_export(&source, &to, &tensors, None, cast, Some(memory));
    }
}

#[test]
fn rules_of_the_property_test_are_mostly_valid() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let valid = (0..100).filter(|_| {
        let (tensors, text) = rules(Format::Safetensors).new_tree(&mut runner).unwrap().current();
        let infos: Vec<RenameInfo> = tensors.iter().map(Into::into).collect();
        text.parse::<RenameRules>().unwrap().plan(&infos).is_ok()
    });
    let valid = valid.count();
    assert!(valid > 50, "{valid}");
}

/// A matrix and what it becomes, larger than all pieces and than the runs that are read.
#[test]
fn large_tensors_are_turned_joined_and_cast_in_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let (source, to) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
    let tensors = [
        tensor("a", Raw::F32, &[700, 900]),
        tensor("b", Raw::F32, &[700, 5]),
        tensor("tall", Raw::F16, &[300_000, 3]),
        tensor("deep", Raw::U8, &[3, 40, 50, 60]),
    ];
    write(&source, bytes_of(Format::Safetensors, &tensors));
    let rules: RenameRules = "
        [[rule]]
        concat = ['a', 'b']
        axis = 1
        sizes = [900, 5]
        to = 'ab'
        [[rule]]
        from = 'tall'
        to = 'wide'
        transpose = true
        [[rule]]
        from = 'deep'
        to = 'deep'
        permute = [0, 2, 3, 1]
        [[then]]
        [[then.rule]]
        from = 'ab'
        to = 'ba'
        transpose = true
    "
    .parse()
    .unwrap();
    for memory in [50_000, 1 << 20, 1 << 28] {
        for cast in [None, Some(DType::BF16), Some(DType::F64)] {
            check_export(&source, &to, &tensors, Some(&rules), cast, Some(memory));
        }
    }
}

#[test]
fn several_files_are_the_same_with_any_memory() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("net.npz");
    write(&source, bytes_of(Format::Npz, &many()));
    let checkpoint = Checkpoint::open(&source)?;
    let export = |name: &str, memory| -> Result<(PathBuf, Vec<Vec<u8>>)> {
        let to = folder.path().join(name);
        std::fs::create_dir(&to).unwrap();
        let options = ExportOptions {
            memory,
            max_shard_bytes: Some(1 << 20),
            digests: true,
            ..ExportOptions::default()
        };
        let report = checkpoint.export(to.join("net.safetensors"), &options)?;
        assert!(report.files.len() > 3);
        let index = report.files.last().unwrap().clone();
        assert_eq!(Checkpoint::open(&index)?.root()?, report.root);
        assert_eq!(Checkpoint::open(&index)?.verify()?, Some(vec![]));
        assert_eq!(Checkpoint::open(&index)?.to_arrays()?.len(), many().len());
        Ok((index, report.files.iter().map(read).collect()))
    };
    assert!(export("tiny", Some(64))?.1 == export("default", None)?.1);
    Ok(())
}

#[test]
fn elements_that_share_bytes_are_copied_in_pieces_and_cut_whole() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let (source, to) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
    let tensors = [tensor("w", Raw::F4, &[8, 6])];
    write(&source, bytes_of(Format::Safetensors, &tensors));
    check_export(&source, &to, &tensors, None, None, Some(2));
    let rules: RenameRules =
        "[[rule]]\nsplit = 'w'\naxis = 1\nsizes = [2, 4]\nto = ['a', 'b']\n".parse().unwrap();
    check_export(&source, &to, &tensors, Some(&rules), None, Some(100));
    let options =
        ExportOptions { rename: Some(rules), memory: Some(30), ..ExportOptions::default() };
    let refused = error(Checkpoint::open(&source)?.export(&to, &options));
    // The whole of 24 bytes, and a part of 8, twice.
    assert!(matches!(refused, Error::Memory { needed: 40, allowed: 30, .. }), "{refused}");
    Ok(())
}

#[test]
fn tied_tensors_that_differ_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (source, to) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
    let one = tensor("one", Raw::U8, &[100, 3]);
    let mut two = one.data().to_vec();
    let rules: RenameRules = "[[rule]]\ntie = ['one', 'two']\n".parse().unwrap();
    for (differs, memory) in [(false, 8), (true, 8), (true, 1 << 20)] {
        two[299] = one.data()[299] ^ u8::from(differs);
        let two = RawTensor::new("two", Raw::U8, vec![100, 3], two.as_slice()).unwrap();
        write(&source, bytes_of(Format::Safetensors, &[one.clone(), two]));
        let options = ExportOptions {
            rename: Some(rules.clone()),
            memory: Some(memory),
            ..ExportOptions::default()
        };
        let exported = Checkpoint::open(&source).unwrap().export(&to, &options);
        assert_eq!(exported.is_err(), differs);
        if differs {
            assert_eq!(variant(&error(exported)), "Rename");
        } else {
            std::fs::remove_file(&to).unwrap();
        }
        assert!(!to.exists());
    }
}

/// Compressed, big-endian, strided, sparse, tied and plain ones, made by NumPy, PyTorch and MXNet.
#[test]
fn files_of_other_libraries_are_read_alike_from_their_places_and_from_memory() -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["../gluonic-formats/tests/fixtures", "../../fixtures/params"];
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(here.join(folder)).unwrap());
    let mut n_files = 0;
    for entry in entries {
        let file = entry.unwrap().path();
        let Ok(memory) = Checkpoint::from_bytes(read(&file)) else { continue };
        let Ok(expected) = memory.digests() else { continue };
        n_files += 1;
        let checkpoint = Checkpoint::open(&file)?;
        assert_eq!(checkpoint.tensors(), memory.tensors());
        assert_eq!(checkpoint.digests()?, expected, "{}", file.display());
        let Ok(arrays) = memory.to_arrays() else { continue };
        for (name, array) in checkpoint.to_arrays()? {
            assert_eq!(bits(&array), bits(&arrays[&name]), "{} {name}", file.display());
            assert_eq!(bits(&array), bits(&checkpoint.get(&name)?));
        }
    }
    assert!(n_files > 40, "{n_files}");
    Ok(())
}
