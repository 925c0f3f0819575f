//! Files without a model: what they hold, as data and as a tree; and models without a file.

use gluonic::prelude::*;
use gluonic_formats::{DType as Raw, Format, RawTensor};

use crate::support::{array, bits, error, fixture, read, value, variant};

/// A file of tensors of these names and sizes, all zeros.
pub(crate) fn safetensors(tensors: &[(&str, Raw, &[usize])], metadata: &[(&str, &str)]) -> Vec<u8> {
    let tensors = tensors.iter().map(|(name, dtype, shape)| {
        let n = gluonic_formats::byte_len(*dtype, shape).unwrap();
        RawTensor::new(*name, *dtype, shape.to_vec(), vec![0; n]).unwrap()
    });
    let metadata = metadata.iter().map(|(key, text)| ((*key).into(), (*text).into())).collect();
    gluonic_formats::safetensors::write(&tensors.collect::<Vec<_>>(), &metadata).unwrap()
}

fn open(tensors: &[(&str, Raw, &[usize])], metadata: &[(&str, &str)]) -> Checkpoint {
    Checkpoint::from_bytes(safetensors(tensors, metadata)).unwrap()
}

#[test]
fn a_tree_folds_equal_numbered_layers_sums_branches_and_marks_aliases() {
    let mut tensors: Vec<(String, Raw, Vec<usize>)> = Vec::new();
    for layer in 0..12 {
        let width = if layer == 11 { 3 } else { 4 };
        tensors.push((format!("encoder.layers.{layer}.w"), Raw::F32, vec![width, 4]));
        tensors.push((format!("encoder.layers.{layer}.b"), Raw::F16, vec![width]));
    }
    tensors.push(("embed".into(), Raw::F8E4M3, vec![1000, 4]));
    tensors.push(("step".into(), Raw::I64, vec![]));
    let tensors: Vec<_> = tensors.iter().map(|(n, d, s)| (n.as_str(), *d, s.as_slice())).collect();
    let metadata =
        [("gluonic.aliases", r#"{"head.weight":"embed","lost":"nowhere"}"#), ("author", "me\u{7}")];
    let checkpoint = open(&tensors, &metadata);
    insta::assert_snapshot!(checkpoint.tree(), @r#"
    `<bytes>`: safetensors, 26 tensors, 4236 elements, 4.7 KiB
    name         dtype          shape      elements    bytes
    embed        float8_e4m3fn  (1000, 4)      4000  3.9 KiB
    encoder                                     235    846 B
      layers                                    235    846 B
        {0..10}                                 220    792 B  11 times
          b      float16        (4,)              4      8 B
          w      float32        (4, 4)           16     64 B
        11                                       15     54 B
          b      float16        (3,)              3      6 B
          w      float32        (3, 4)           12     48 B
    head                                          0      0 B
      weight     float8_e4m3fn  (1000, 4)                     = embed
    step         int64          ()                1      8 B
    author: me\u{7}
    gluonic.aliases: {"head.weight":"embed","lost":"nowhere"}
    "#);
    assert_eq!(format!("{:#}", checkpoint.tree()).matches("  w ").count(), 12);
}

#[test]
fn a_tree_of_any_names_is_bounded_in_width_and_depth() {
    let deep = vec!["a"; 30_000].join(".");
    let (wide, empty) = ("w".repeat(500), "..");
    let checkpoint = open(
        &[
            (&deep, Raw::U8, &[1]),
            (&wide, Raw::U8, &[1; 32]),
            (empty, Raw::F64, &[0, 3]),
            ("a", Raw::U8, &[]),
        ],
        &[("note", &"x".repeat(1000))],
    );
    for text in [checkpoint.tree().to_string(), format!("{:#}", checkpoint.tree())] {
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(120), "{text}");
        assert!(text.lines().count() < 50, "{text}");
    }
    assert_eq!(
        open(&[], &[]).tree().to_string(),
        "`<bytes>`: safetensors, 0 tensors, 0 elements, 0 B"
    );
}

#[test]
fn tensors_are_read_by_name_and_by_alias_without_a_model() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.safetensors");
    let first = Dense::new(2);
    let net = sequential![first.clone(), first];
    net.initialize_with(&init::Normal::new(1.0), Reinit::Keep)?;
    net.call(&array(&[1.0; 2], (1, 2)))?;
    net.save_parameters(&file)?;
    let checkpoint = Checkpoint::open(&file)?;
    assert_eq!((checkpoint.format(), checkpoint.file()), (Some(Format::Safetensors), &*file));
    assert_eq!(checkpoint.tensors().len(), 2);
    let weight = checkpoint.tensor("1.weight")?;
    assert_eq!((&*weight.name, &*weight.aliases), ("0.weight", &["1.weight".into()][..]));
    assert_eq!((weight.shape.to_string(), weight.bytes()), ("(2, 2)".into(), 16));
    let own = bits(&net[0].weight()?.data()?);
    for name in ["0.weight", "1.weight"] {
        assert_eq!(bits(&checkpoint.get(name)?), own);
    }
    let arrays = checkpoint.to_arrays()?;
    assert_eq!(arrays.len(), 4);
    assert!(arrays["0.bias"].same_memory(&arrays["1.bias"]));
    let unknown = error(checkpoint.get("0.wieght"));
    assert_eq!(variant(&unknown), "UnknownTensor");
    assert!(unknown.hint().unwrap().contains("`0.weight`"));
    // What was opened stays when the file is saved over.
    net.initialize_with(&init::One, Reinit::Force)?;
    net.save_parameters(&file)?;
    assert_eq!(bits(&checkpoint.get("0.weight")?), own);
    Ok(())
}

#[test]
fn a_type_that_arrays_cannot_hold_is_shown_and_refused_when_it_is_read() {
    let checkpoint = open(&[("w", Raw::F8E5M2, &[3])], &[]);
    let text = checkpoint.tree().to_string();
    assert!(text.ends_with("\nw     float8_e5m2  (3,)          3    3 B"), "{text}");
    assert_eq!(variant(&error(checkpoint.get("w"))), "TensorDType");
    assert_eq!(variant(&error(checkpoint.to_arrays().map(|_| ()))), "TensorDType");
}

#[test]
fn files_of_mxnet_are_opened_without_a_model() -> Result<()> {
    let checkpoint = Checkpoint::open(fixture("mlp.params"))?;
    assert_eq!(checkpoint.format(), Some(Format::MxnetParams));
    let text = checkpoint.tree().to_string().replace(&checkpoint.file().display().to_string(), "F");
    insta::assert_snapshot!(text, @"
    `F`: MXNet params, 4 tensors, 7946 elements, 31.0 KiB
    name      dtype    shape      elements     bytes
    0                                 5376  21.0 KiB
      bias    float32  (256,)          256   1.0 KiB
      weight  float32  (256, 20)      5120  20.0 KiB
    1                                 2570  10.0 KiB
      bias    float32  (10,)            10      40 B
      weight  float32  (10, 256)      2560  10.0 KiB
    ");
    assert_eq!(checkpoint.get("1.bias")?.dims().to_string(), "(10,)");
    Ok(())
}

#[test]
fn a_state_goes_into_another_model_without_a_copy_and_later_edits_stay_apart() -> Result<()> {
    let layer = || sequential![Dense::new(2)];
    let (net, other) = (layer(), layer());
    net.initialize_with(&init::Normal::new(1.0), Reinit::Keep)?;
    assert_eq!(variant(&error(net.state().map(|_| ()))), "Deferred");
    assert!(error(net.state().map(|_| ())).hint().unwrap().contains("`0.weight`"));
    net.call(&array(&[1.0; 3], (1, 3)))?;
    let state = net.state()?;
    let report = other.load_state(&state, &LoadPolicy::default())?;
    assert_eq!(report.to_string(), "loaded 2 tensors from `<state>`");
    let (one, two) = (net[0].weight()?, other[0].weight()?);
    assert_eq!((value(&one), one.provenance()), (value(&two), two.provenance()));
    assert!(two.is_initial());
    two.data()?.fill(9.0)?;
    assert_ne!(value(&one), value(&two));
    assert!(!two.is_initial());
    assert_eq!(bits(&state.get("0.weight")?), bits(&one.data()?));
    // Two parameters that get one value do not become one.
    let apart = sequential![Dense::new(2), Dense::new(2)];
    let mut both = Snapshot::new();
    for path in ["0.weight", "0.bias", "1.weight", "1.bias"] {
        both.insert(path, &state.get(&path.replace('1', "0"))?)?;
    }
    let _report = apart.load_state(&both, &LoadPolicy::default())?;
    apart[0].bias()?.data()?.fill(5.0)?;
    assert_eq!(value(&apart[1].bias()?), [0.0, 0.0]);
    Ok(())
}

#[test]
fn a_file_tells_where_values_came_from_that_are_the_initial_ones() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.safetensors");
    let net = || -> Result<Sequential> {
        let net = sequential![Dense::new(2)];
        let xavier = init::Xavier::default();
        random::seed(7);
        net.initialize_with(&xavier, Reinit::Keep)?;
        net.call(&array(&[1.0; 3], (1, 3)))?;
        Ok(net)
    };
    let saved = net()?;
    saved.save_parameters(&file)?;
    let bytes = read(&file);
    let loaded = net()?;
    let _report = loaded.load_parameters(&file, &LoadOptions::default())?;
    let (one, two) = (saved[0].weight()?, loaded[0].weight()?);
    assert_eq!(one.provenance(), two.provenance());
    assert!(two.is_initial());
    // The same content, the same bytes.
    loaded.save_parameters(&file)?;
    assert_eq!(read(&file), bytes);
    // A trained value claims nothing; nor does a converted one.
    two.data()?.mul_assign(2.0)?;
    assert!(two.provenance().is_some() && !two.is_initial());
    loaded.save_parameters(&file)?;
    let checkpoint = Checkpoint::open(&file)?;
    let entry = &checkpoint.metadata()["gluonic.provenance"];
    assert!(entry.contains("0.bias") && !entry.contains("0.weight"), "{entry}");
    let again = net()?;
    let _report = again.load_parameters(&file, &LoadOptions::default())?;
    assert_eq!(again[0].weight()?.provenance(), None);
    let bias = again[0].bias()?;
    assert!(bias.is_initial());
    bias.cast(DType::F64)?;
    assert!(!bias.is_initial());
    Ok(())
}

#[test]
fn a_restored_value_is_the_initial_one_only_if_it_was_so_when_it_was_taken() -> Result<()> {
    let layer = Dense::with(DenseConfig { units: 2, in_units: Some(2), ..Default::default() })?;
    layer.initialize()?;
    let weight = layer.weight()?;
    let fresh = layer.snapshot()?;
    weight.data()?.add_assign(1.0)?;
    let trained = layer.snapshot()?;
    layer.restore(&fresh)?;
    assert!(weight.is_initial() && weight.deep_clone()?.is_initial());
    layer.restore(&trained)?;
    assert!(!weight.is_initial() && !weight.deep_clone()?.is_initial());
    Ok(())
}

#[test]
fn a_tied_model_has_one_root_in_every_format() -> Result<()> {
    use gluonic::checkpoint::ExportOptions;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let first = Dense::new(2);
    let net = Sequential::new();
    net.add(first.clone());
    net.add(Dense::sharing(2, &first.params())?);
    net.initialize()?;
    net.infer_shapes(&[(1, 2)])?;
    net.save_parameters(at("a.safetensors"))?;
    let root = Checkpoint::open(at("a.safetensors"))?.root()?;
    for [from, to] in [
        ["a.safetensors", "b.safetensors"],
        ["b.safetensors", "c.params"],
        ["c.params", "d.npz"],
        ["d.npz", "e.safetensors"],
    ] {
        let options = ExportOptions { digests: true, ..ExportOptions::default() };
        let report = Checkpoint::open(at(from))?.export(at(to), &options)?;
        assert_eq!(report.root, root, "{to} as reported");
        assert_eq!(Checkpoint::open(at(to))?.root()?, root, "{to} as read");
        assert!(Checkpoint::open(at(to))?.check()?.is_clean(), "{to}");
    }
    Ok(())
}
