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
