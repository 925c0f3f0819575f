//! By the end of a name, by patterns, from values.

use gluonic::init::{Constant, InitDesc, Layout, Load, Mixed, One};
use gluonic::prelude::*;
use gluonic::random::Address;

use super::desc;
use crate::support::{array, error, value, variant};

/// Fails if a name is not what MXNet expects.
fn by_name(name: &str) -> Result<Vec<f64>> {
    let data = NdArray::full(2, 77.0, DType::F32)?;
    let desc = InitDesc { name: name.into(), ..desc(&[2], DType::F32, Layout::Dense) };
    Constant::new(3).init_by_name(&desc, &data, &Address::new(7, name))?;
    data.to_f64_vec()
}

#[test]
fn a_direct_call_goes_by_the_end_of_the_name() {
    for (name, expected) in [
        ("fc_weight", 3.0),
        ("weight", 3.0),
        ("fc_bias", 0.0),
        ("bn_gamma", 1.0),
        ("bn_beta", 0.0),
        ("q_min", 0.0),
        ("q_max", 1.0),
    ] {
        assert_eq!(by_name(name).unwrap(), [expected; 2], "{name}");
    }
    for name in ["bn_running_mean", "w", "weight_x", ""] {
        assert_eq!(variant(&error(by_name(name))), "InitSuffix", "{name}");
    }
}

/// Two layers whose weights wait for their sizes; the second one's bias has no initializer.
fn two_layers() -> Result<Sequential> {
    let second = DenseConfig { units: 2, bias_initializer: None, ..DenseConfig::default() };
    name::manager(|| Ok(sequential![Dense::new(3), Dense::with(second)?]))
}

fn input() -> NdArray {
    NdArray::ones((1, 2), DType::F32).unwrap()
}

#[test]
fn the_first_pattern_that_matches_decides() -> Result<()> {
    let net = two_layers()?;
    let mixed = Mixed::new()
        .when("dense1.*bias", &Constant::new(5))?
        .when(".*weight$", &Constant::new(6))?
        .when("dense1", &Constant::new(7))?;
    net.initialize_with(&mixed, Reinit::Keep)?;
    net.call(&input())?;
    assert_eq!(value(&net[0].weight()?), [6.0; 6]);
    assert_eq!(value(&net[1].weight()?), [6.0; 6]);
    assert_eq!(value(&net[1].bias()?), [5.0; 2]);
    // The layer gives this one zeros: as in Gluon, patterns are not asked.
    assert_eq!(value(&net[0].bias()?), [0.0; 3]);
    Ok(())
}

#[test]
fn a_name_without_a_pattern_changes_nothing() -> Result<()> {
    let net = two_layers()?;
    let mixed = Mixed::new().when("dense0", &One)?;
    // Of all weights, only the sizes of this bias are known before the first forward.
    let refused = error(net.initialize_with(&mixed, Reinit::Keep));
    assert_eq!(refused.name().unwrap(), "dense1_bias");
    assert!(!net[0].bias()?.is_initialized());
    Ok(())
}

#[test]
fn values_are_found_by_name_then_by_path_and_the_rest_is_drawn() -> Result<()> {
    let net = two_layers()?;
    let values = [
        ("arg:dense0_weight", NdArray::full((3, 2), 1.0, DType::F64)?),
        ("0.weight", NdArray::full((3, 2), 2.0, DType::F32)?),
        ("1.weight", NdArray::full((2, 3), 3, DType::I32)?),
    ];
    let load = Load::new(values)?;
    assert_eq!(variant(&error(net.initialize_with(&load, Reinit::Keep))), "NotLoaded");
    assert!(!net[0].bias()?.is_initialized());
    net.initialize_with(&load.default_init(&Constant::new(4)), Reinit::Keep)?;
    net.call(&input())?;
    assert_eq!(value(&net[0].weight()?), [1.0; 6]);
    assert_eq!(value(&net[1].weight()?), [3.0; 6]);
    assert_eq!(net[1].weight()?.dtype(), DType::F32);
    assert_eq!(value(&net[1].bias()?), [4.0; 2]);
    Ok(())
}

#[test]
fn a_value_is_copied_not_shared() -> Result<()> {
    let found = array(&[1.0, 2.0], 2);
    let weight = Parameter::new("weight", 2);
    weight.initialize_with(&Load::new([("aux:weight", found.clone())])?, Reinit::Keep)?;
    weight.data()?.fill(9.0)?;
    assert_eq!(found.to_vec::<f32>()?, [1.0, 2.0]);
    Ok(())
}
