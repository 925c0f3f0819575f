//! The values of a model at one moment: snapshots, swaps, flat vectors.

use gluonic::param::Change;
use gluonic::prelude::*;

use crate::support::{array, bits, error, photograph, value, variant};

fn net() -> Sequential {
    let layer = |units, in_units| {
        Dense::with(DenseConfig { units, in_units: Some(in_units), ..DenseConfig::default() })
    };
    let net = name::manager(|| sequential![layer(3, 2).unwrap(), layer(1, 3).unwrap()]);
    net.initialize().unwrap();
    net
}

fn tied() -> (Sequential, Dense) {
    let first = Dense::new(2);
    let net = Sequential::new();
    net.add(first.clone());
    net.add(Dense::sharing(2, &first.params()).unwrap());
    net.initialize().unwrap();
    net.call(&array(&[1.0, 2.0], (1, 2))).unwrap();
    (net, first)
}

#[test]
fn a_snapshot_copies_nothing_and_an_edit_afterwards_does_not_reach_it() -> Result<()> {
    let net = net();
    let weight = net[0].weight()?;
    let before = value(&weight);
    let snapshot = net.snapshot()?;
    weight.data()?.fill(7.0)?;
    assert_eq!(snapshot.get("0.weight")?.to_f64_vec()?, before);
    // What is handed out is no way into it either.
    snapshot.get("0.weight")?.fill(9.0)?;
    assert_eq!(snapshot.get("0.weight")?.to_f64_vec()?, before);
    Ok(())
}

#[test]
fn restoring_writes_into_the_same_memory_and_brings_the_origin_back() -> Result<()> {
    let net = net();
    let (weight, handle) = (net[0].weight()?, net[0].weight()?.data()?);
    let (snapshot, origin, before) = (net.snapshot()?, weight.provenance(), photograph(&net));
    weight.initialize_with(&init::One, Reinit::Force)?;
    net[1].bias()?.set_data(&NdArray::ones(1, DType::F64)?)?;
    net.restore(&snapshot)?;
    assert_eq!(photograph(&net), before);
    assert_eq!((weight.provenance(), bits(&handle)), (origin, bits(&weight.data()?)));
    Ok(())
}

#[test]
fn restoring_leaves_gradients_and_recorded_graphs_alone() -> Result<()> {
    let net = net();
    let x = array(&[1.0, 2.0], (1, 2));
    let snapshot = net.snapshot()?;
    net[1].weight()?.data()?.fill(2.0)?;
    let loss = autograd::record(|| net.call(&x)?.sum())?;
    net.restore(&snapshot)?;
    loss.backward()?;
    // The gradient of the first bias is the second weight, as it was when recorded.
    assert_eq!(net[0].bias()?.grad()?.to_vec::<f32>()?, [2.0; 3]);
    let gradients = net.collect_params()?.grads_to_flat()?.to_f64_vec()?;
    net.restore(&snapshot)?;
    assert_eq!(net.collect_params()?.grads_to_flat()?.to_f64_vec()?, gradients);
    Ok(())
}

#[test]
fn a_snapshot_fits_another_net_of_the_same_paths_and_element_types_are_converted() -> Result<()> {
    let (one, two) = (net(), net());
    two.cast(DType::F64)?;
    two.restore(&one.snapshot()?)?;
    assert_eq!(two[0].weight()?.dtype(), DType::F64);
    assert_eq!(value(&two[0].weight()?), value(&one[0].weight()?));
    Ok(())
}

#[test]
fn a_snapshot_of_a_part_restores_that_part() -> Result<()> {
    let net = net();
    let part = net[1].snapshot()?;
    assert_eq!(
        part.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>(),
        ["weight", "bias"]
    );
    net.select("**")?.initialize_with(&init::One, Reinit::Force)?;
    net[1].restore(&part)?;
    assert_eq!(value(&net[0].weight()?), [1.0; 6]);
    assert_ne!(value(&net[1].weight()?), [1.0; 3]);
    Ok(())
}

#[test]
fn what_does_not_fit_changes_nothing() -> Result<()> {
    let net = net();
    let mut wrong = net.snapshot()?;
    wrong.insert("1.bias", &NdArray::ones(4, DType::F32)?)?;
    net.select("**")?.initialize_with(&init::One, Reinit::Force)?;
    let before = photograph(&net);
    assert_eq!(variant(&error(net.restore(&wrong))), "ShapeMismatch");
    assert_eq!(variant(&error(net.swap(&wrong, || Ok(())))), "ShapeMismatch");
    let mut unknown = Snapshot::new();
    unknown.insert("0.wieght", &NdArray::ones((3, 2), DType::F32)?)?;
    let refused = error(net.restore(&unknown));
    assert_eq!(refused.hint().unwrap(), "did you mean `0.weight` or `1.weight`?");
    assert_eq!(photograph(&net), before);
    let inside = net[0].weight()?.data()?.edit::<f32, _>(|_| net.restore(&net.snapshot()?))?;
    assert_eq!(variant(error(inside).root()), "BeingEdited");
    assert_eq!(photograph(&net), before);
    Ok(())
}

#[test]
fn a_parameter_without_a_value_is_left_out_and_gets_one_from_another_snapshot() -> Result<()> {
    let (ready, empty) = (net(), name::manager(|| sequential![Dense::new(3), Dense::new(1)]));
    assert!(empty.snapshot()?.is_empty());
    assert_eq!(variant(&error(empty.swap(&ready.snapshot()?, || Ok(())))), "Uninitialized");
    empty.restore(&ready.snapshot()?)?;
    assert_eq!(value(&empty[0].weight()?), value(&ready[0].weight()?));
    Ok(())
}

#[test]
fn a_tied_value_is_kept_once_restored_once_and_must_be_one() -> Result<()> {
    let (net, first) = tied();
    let snapshot = net.snapshot()?;
    assert_eq!(snapshot.len(), 4);
    let version = first.weight()?.data()?.version();
    net.restore(&snapshot)?;
    assert_eq!(first.weight()?.data()?.version(), version + 1);
    let mut two = snapshot.clone();
    two.insert("1.weight", &NdArray::zeros((2, 2), DType::F32)?)?;
    let refused = error(net.restore(&two));
    assert_eq!(variant(&refused), "TiedValues");
    // Equal values under both paths are one value.
    let mut equal = snapshot.clone();
    equal.insert("1.weight", &snapshot.get("0.weight")?.deep_clone()?)?;
    net.restore(&equal)
}

#[test]
fn a_swap_ends_with_the_closure_with_its_error_and_with_its_panic() -> Result<()> {
    let net = net();
    let mut other = Snapshot::new();
    other.insert("0.weight", &NdArray::full((3, 2), 5.0, DType::F16)?)?;
    let before = photograph(&net);
    let weight = net[0].weight()?;
    let seen = net.swap(&other, || {
        assert_eq!(weight.dtype(), DType::F32);
        Ok(value(&weight))
    })?;
    assert_eq!(seen, [5.0; 6]);
    assert_eq!(photograph(&net), before);
    let failed: Result<()> = net.swap(&other, || Err(Error::user("evaluation", "no data")));
    assert_eq!(variant(&error(failed)), "User");
    assert_eq!(photograph(&net), before);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        net.swap(&other, || -> Result<()> { panic!("inside the evaluation") })
    }));
    assert!(panicked.is_err());
    assert_eq!(photograph(&net), before);
    // Whatever was done to the values meanwhile.
    net.swap(&other, || weight.data()?.fill(1.0))?;
    assert_eq!(photograph(&net), before);
    net.swap(&other, || net.swap(&other, || weight.data()?.fill(2.0)))?;
    assert_eq!(photograph(&net), before);
    Ok(())
}

#[test]
fn a_diff_tells_what_changed_by_how_much() -> Result<()> {
    let net = net();
    net.select("**")?.initialize_with(&init::Constant::new(2.0), Reinit::Force)?;
    let before = net.snapshot()?;
    assert!(before.diff(&net.snapshot()?).is_empty());
    net[0].weight()?.data()?.set(s![0, ..], 5.0)?;
    net[1].cast(DType::F64)?;
    let mut after = net.snapshot()?;
    after.insert("head", &NdArray::ones(2, DType::I8)?)?;
    let diff = before.diff(&after);
    insta::assert_snapshot!(diff, @r"
    4 of 5 parameters differ
    path      changed  of  largest     norm  relative
    0.weight        2   6  3.000e0  4.243e0  8.660e-1
    1.weight: float32 became float64
    1.bias: float32 became float64
    head: added
    ");
    let of = |path: &str| diff.changes.iter().find(|(known, _)| known == path).map(|(_, c)| c);
    assert_eq!(of("head"), Some(&Change::Added));
    assert_eq!(of("1.bias"), Some(&Change::DType { from: DType::F32, to: DType::F64 }));
    assert!(after.diff(&before).changes.contains(&("head".into(), Change::Removed)));
    Ok(())
}

#[test]
fn a_tied_value_counts_once_in_a_diff() -> Result<()> {
    let (net, first) = tied();
    let before = net.snapshot()?;
    first.weight()?.data()?.fill(1.0)?;
    let diff = before.diff(&net.snapshot()?);
    assert_eq!((diff.changes.len(), diff.equal), (1, 1));
    Ok(())
}

#[test]
fn a_flat_vector_goes_out_and_in_for_every_element_type() -> Result<()> {
    for dtype in [DType::F16, DType::BF16, DType::F32, DType::F64] {
        let net = net();
        net.cast(dtype)?;
        let params = net.collect_params()?;
        let flat = params.to_flat()?;
        assert_eq!((flat.dims().to_string(), flat.dtype()), ("(13,)".into(), dtype));
        let values: Vec<f64> = params.iter().flat_map(value).collect();
        assert_eq!(flat.to_f64_vec()?, values);
        let handle = params["dense0_weight"].data()?;
        params.set_flat(&(&flat * 2.0)?)?;
        assert_eq!(params.to_flat()?.to_f64_vec()?, (&flat * 2.0)?.to_f64_vec()?);
        assert_eq!(bits(&handle), bits(&params["dense0_weight"].data()?));
    }
    Ok(())
}

#[test]
fn a_flat_vector_may_be_a_strided_view_of_another_type() -> Result<()> {
    let params = net().collect_params()?;
    let wide = NdArray::from_vec((0..26).map(f64::from).collect(), 26)?;
    params.set_flat(&wide.slice(s![..;-2])?)?;
    let expected: Vec<f64> = (0..13).map(|i| f64::from(25 - 2 * i)).collect();
    assert_eq!(params.to_flat()?.to_f64_vec()?, expected);
    Ok(())
}

#[test]
fn a_flat_vector_of_the_wrong_length_or_of_mixed_types_is_refused() -> Result<()> {
    let net = net();
    let params = net.collect_params()?;
    let before = photograph(&net);
    for wrong in [NdArray::ones(12, DType::F32)?, NdArray::ones((1, 13), DType::F32)?] {
        assert_eq!(variant(&error(params.set_flat(&wrong))), "ElemCount");
    }
    assert_eq!(photograph(&net), before);
    net[1].cast(DType::F64)?;
    let mixed = error(params.to_flat());
    assert_eq!(mixed.name().unwrap(), "dense1_weight");
    assert_eq!(variant(mixed.root()), "DTypeMismatch");
    let deferred = Dense::new(2);
    deferred.initialize()?;
    assert_eq!(variant(&error(deferred.collect_params()?.to_flat())), "Deferred");
    assert_eq!(ParameterDict::new("").to_flat()?.elem_count(), 0);
    Ok(())
}

#[test]
fn a_deferred_net_that_is_tied_cast_frozen_and_initialized_again_behaves() -> Result<()> {
    let x = array(&[1.0, 2.0], (1, 2)).cast(DType::F64)?;
    for infer in [false, true] {
        let first = Dense::new(2);
        first.initialize()?;
        let net = Sequential::new();
        net.add(first.clone());
        net.add(Dense::sharing(2, &first.params())?);
        net.cast(DType::F64)?;
        net.freeze("0.weight")?;
        net.initialize_with(&init::Constant::new(3.0), Reinit::Keep)?;
        if infer {
            net.infer_shapes(&[(1, 2)])?;
        } else {
            net.call(&x)?;
        }
        let weight = net[1].weight()?;
        assert!(weight.is_frozen() && weight.ptr_eq(&first.weight()?));
        assert_eq!((value(&weight), weight.dtype()), (vec![3.0; 4], DType::F64));
        autograd::record(|| net.call(&x)?.sum())?.backward()?;
        assert_eq!(variant(&error(weight.grad())), "Frozen");
        weight.unfreeze();
        assert_eq!(weight.grad()?.to_f64_vec()?, [0.0; 4]);
        autograd::record(|| net.call(&x)?.sum())?.backward()?;
        assert!(weight.grad()?.to_f64_vec()?.iter().all(|g| *g != 0.0));
    }
    Ok(())
}
