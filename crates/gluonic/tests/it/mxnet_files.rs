//! Files that `MXNet` wrote: they load with its values and are written again byte for byte.

use gluonic::prelude::*;

use crate::support::{fixture, read, value};

fn mlp() -> Sequential {
    sequential![Dense::new(256).activation(Activation::Relu), Dense::new(10)]
}

/// The first values of each array of a fixture, as `MXNet` saw them.
#[track_caller]
fn check_fixture(name: &str, net: &dyn Block, keyed: impl Fn(&str) -> String) {
    let file = fixture(&format!("{name}.params"));
    let _report = net.load_parameters(file, &LoadOptions::default()).unwrap();
    let facts: serde_json::Value =
        serde_json::from_slice(&read(fixture(&format!("{name}.json")))).unwrap();
    let arrays = facts["arrays"].as_array().unwrap();
    assert!(!arrays.is_empty());
    for fact in arrays {
        let parameter = net.find_param(&keyed(fact["name"].as_str().unwrap())).unwrap();
        let first: Vec<f64> =
            fact["first"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        // Floats were written as decimal digits of their own type.
        let found: Vec<f64> =
            value(&parameter)[..first.len()].iter().map(|x| f64::from(*x as f32)).collect();
        let first: Vec<f64> = first.iter().map(|x| f64::from(*x as f32)).collect();
        assert_eq!(found, first, "{name}: {}", parameter.name());
        assert_eq!(fact["dtype"], parameter.dtype().name());
    }
}

#[test]
fn files_of_mxnet_load_with_the_values_that_mxnet_saw() -> Result<()> {
    let same = |key: &str| key.to_owned();
    check_fixture("mlp", &mlp(), same);
    check_fixture("mlp_sub0", &Dense::new(256), same);
    check_fixture("lone_dense", &Dense::new(3), same);
    let block = || sequential![Dense::new(32), Dense::new(16)];
    let four = sequential![block(), block(), block(), block()];
    check_fixture("rgnet", &sequential![four, Dense::new(10)], same);
    name::manager(|| check_fixture("mlp_global", &mlp(), same));
    name::manager(|| {
        let shared = Dense::new(8);
        let first = Dense::new(8);
        let again = Dense::sharing(8, &shared.params()).unwrap();
        let net = sequential![first, shared, again, Dense::new(10)];
        for name in ["tied", "tied_dedup", "tied_global"] {
            check_fixture(name, &net, same);
        }
    });
    let half = |units| Dense::with(DenseConfig { units, dtype: DType::F16, ..Default::default() });
    check_fixture("net_f16", &sequential![half(3)?, half(2)?], same);
    name::manager(|| {
        let net = Sequential::with_prefix("model_");
        net.name_scope(|| {
            net.add(Dense::new(3));
            let inner = Sequential::new();
            inner.name_scope(|| inner.add(Dense::new(4)));
            net.add(inner);
        });
        check_fixture("stripped", &net, |key| format!("model_{key}"));
    });
    Ok(())
}

#[test]
fn a_file_of_mxnet_is_written_again_byte_for_byte() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.params");
    let net = mlp();
    let _report = net.load_parameters(fixture("mlp.params"), &LoadOptions::default())?;
    net.save_parameters(&file)?;
    assert_eq!(read(&file), read(fixture("mlp.params")));
    name::manager(|| {
        let net = mlp();
        let _report = net.load_parameters(fixture("mlp_global.params"), &LoadOptions::default())?;
        net.collect_params()?.save(&file, "")
    })?;
    assert_eq!(read(&file), read(fixture("mlp_global.params")));
    Ok(())
}

#[test]
fn keys_of_the_older_module_style_lose_their_arg_and_aux() -> Result<()> {
    let mut params = ParameterDict::new("");
    params.insert(&Parameter::new("dense0_weight", (3, 2)))?;
    params.insert(&Parameter::new("dense0_bias", 3))?;
    params.insert(&Parameter::new("bn_running_mean", 3))?;
    let report = params.load(fixture("legacy_arg_aux.params"), "", &LoadOptions::default())?;
    assert_eq!(report.loaded.len(), 3);
    Ok(())
}

#[test]
fn recurrent_layers_are_called_in_files_as_mxnet_calls_them() -> Result<()> {
    use gluonic::nn::rnn::{Gru, Lstm, RecurrentConfig};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.params");
    let net = || -> Result<Sequential> {
        let both = RecurrentConfig {
            hidden_size: 3,
            num_layers: 2,
            bidirectional: true,
            ..RecurrentConfig::default()
        };
        let net = sequential![Embedding::new(5, 4), Lstm::with(&both)?, Gru::new(2)];
        net.initialize()?;
        net.infer_shapes(&[(2, 2)])?;
        Ok(net)
    };
    let (saved, other) = (net()?, net()?);
    saved.save_parameters(&file)?;
    let checkpoint = Checkpoint::open(&file)?;
    let keys: Vec<&str> = checkpoint.tensors().iter().map(|tensor| &*tensor.name).collect();
    assert_eq!(keys.len(), 1 + 16 + 4);
    assert_eq!(
        keys[..6],
        [
            "0.weight",
            "1._unfused.0.l_cell.i2h_weight",
            "1._unfused.0.l_cell.h2h_weight",
            "1._unfused.0.l_cell.i2h_bias",
            "1._unfused.0.l_cell.h2h_bias",
            "1._unfused.0.r_cell.i2h_weight",
        ]
    );
    assert_eq!(
        keys[17..],
        [
            "2._unfused.0.i2h_weight",
            "2._unfused.0.h2h_weight",
            "2._unfused.0.i2h_bias",
            "2._unfused.0.h2h_bias",
        ]
    );
    assert_eq!(other.load_parameters(&file, &LoadOptions::default())?.loaded.len(), 21);
    assert!(saved.snapshot()?.diff(&other.snapshot()?).is_empty());
    // A part of it is called the same; and the same part can be loaded.
    saved.select("1.l1_*")?.save(&file)?;
    let part = Checkpoint::open(&file)?;
    assert_eq!(&*part.tensors()[0].name, "1._unfused.1.l_cell.i2h_weight");
    assert_eq!(other.select("1.l1_*")?.load(&file, &LoadOptions::default())?.loaded.len(), 4);
    // Elsewhere paths are what they are.
    let own = folder.path().join("net.safetensors");
    saved.save_parameters(&own)?;
    assert!(Checkpoint::open(&own)?.tensor("1.l0_i2h_weight").is_ok());
    assert_eq!(other.load_parameters(&own, &LoadOptions::default())?.loaded.len(), 21);
    Ok(())
}
