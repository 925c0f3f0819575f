//! Where parameters are: initialized, moved, edited, saved.

use gluonic::prelude::*;

use super::{CPU0, CPU1, CPU2, TWO, one_value, replicas, tied_net, zeros};
use crate::support::{Rng, array, bits, error, value, variant};

#[test]
fn replicas_have_equal_values_of_their_own_and_gradients_of_their_own() {
    let weight = Parameter::new("w", (2, 3));
    weight.initialize_on(&[CPU1, CPU0]).unwrap();
    one_value(&weight);
    let contexts: Vec<Context> = weight.list_data().unwrap().iter().map(NdArray::context).collect();
    assert_eq!(contexts, [CPU1, CPU0]);
    weight.data_on(CPU1).unwrap().fill(5.0).unwrap();
    assert_ne!(value(&weight), vec![5.0; 6]);
    weight.grad_on(CPU0).unwrap().fill(1.0).unwrap();
    assert_eq!(weight.list_grad().unwrap()[0].to_f64_vec().unwrap(), [0.0; 6]);
    assert!(weight.data().unwrap().same_memory(&weight.data_on(CPU0).unwrap()));
    let there = context::with(CPU1, || weight.grad().unwrap());
    assert!(there.same_memory(&weight.grad_on(CPU1).unwrap()));
}

#[test]
fn values_do_not_depend_on_the_number_of_contexts() {
    let (one, two) = (tied_net(&[CPU0]), tied_net(&[CPU2, CPU0, CPU1]));
    let x = Rng::new(1).array((2, 3));
    let y = one.call(&x).unwrap();
    assert_eq!(two.pending().len(), 3);
    assert_eq!(two[0].weight().unwrap().list_ctx().unwrap(), [CPU2, CPU0, CPU1]);
    for context in [CPU0, CPU1, CPU2] {
        let there = two.call(&x.to_context(context).unwrap()).unwrap();
        assert_eq!((there.context(), bits(&there)), (context, bits(&y)));
    }
    for ((_, a), (_, b)) in one.named_parameters().iter().zip(two.named_parameters()) {
        assert_eq!(one_value(&b), one_value(a));
        assert!(b.is_initial());
        assert_eq!(b.provenance(), a.provenance());
    }
}

#[test]
fn a_parameter_says_where_it_is_and_what_it_is_not_on() {
    let weight = Parameter::new("w", [Some(2), None]);
    assert_eq!(variant(&error(weight.list_ctx())), "Uninitialized");
    assert_eq!(variant(&error(weight.reset_ctx(TWO))), "Uninitialized");
    for contexts in [&[][..], &[CPU1, CPU1]] {
        assert_eq!(variant(&error(weight.initialize_on(contexts))), "Setting");
    }
    weight.initialize_on(TWO).unwrap();
    assert_eq!(weight.list_ctx().unwrap(), TWO);
    assert_eq!(variant(&error(weight.data_on(CPU0))), "Deferred");
    weight.reset_ctx(&[CPU1, CPU2]).unwrap();
    weight.finish_deferred((2, 1)).unwrap();
    assert_eq!(weight.list_ctx().unwrap(), [CPU1, CPU2]);
    for failure in [weight.data(), weight.grad(), weight.data_on(CPU0), weight.grad_on(CPU0)] {
        assert_eq!(variant(&error(failure)), "NotOnContext");
    }
    // Of one on one context that one is meant, wherever the caller is.
    weight.reset_ctx(&[CPU1]).unwrap();
    assert_eq!(weight.data().unwrap().context(), CPU1);
}

#[test]
fn a_forward_on_a_context_without_a_replica_names_the_parameter_and_the_remedy() {
    let net = tied_net(TWO);
    let x = Rng::new(2).array((2, 3));
    net.call(&x).unwrap();
    let failure = error(net.call(&x.to_context(CPU2).unwrap()));
    assert_eq!(
        failure.to_string(),
        "parameter `dense0_weight` is not on cpu(2) but on [cpu(0), cpu(1)]"
    );
    assert!(failure.hint().unwrap().contains("reset_ctx"));
    net.reset_ctx(&[CPU2]).unwrap();
    let failure = error(net.call(&x));
    assert_eq!(failure.name().unwrap(), "dense0_weight");
    assert!(failure.hint().unwrap().contains("to_context"));
}

#[test]
fn moving_keeps_the_value_and_where_it_came_from_and_starts_gradients_over() {
    let weight = Parameter::new("w", 3);
    weight.initialize().unwrap();
    let (before, old) = (value(&weight), weight.data().unwrap());
    weight.grad().unwrap().fill(1.0).unwrap();
    weight.reset_ctx(&[CPU1, CPU2]).unwrap();
    assert!(weight.is_initial());
    old.fill(9.0).unwrap();
    for (data, grad) in weight.list_data().unwrap().iter().zip(weight.list_grad().unwrap()) {
        assert_eq!(data.to_f64_vec().unwrap(), before);
        assert_eq!(grad.to_f64_vec().unwrap(), [0.0; 3]);
    }
    weight.data_on(CPU2).unwrap().add_assign(1.0).unwrap();
    assert!(!weight.is_initial());
    // What differs becomes its mean.
    weight.reset_ctx(&[CPU0]).unwrap();
    let mean: Vec<f64> = before.iter().map(|x| x + 0.5).collect();
    assert!(value(&weight).iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-6));
    assert!(!weight.is_initial());
}

#[test]
fn a_graph_that_was_recorded_before_a_move_writes_nothing() {
    let weight = zeros(2, TWO);
    let y = autograd::record(|| weight.data()?.exp()).unwrap();
    weight.reset_ctx(TWO).unwrap();
    y.backward().unwrap();
    assert_eq!(weight.grad().unwrap().to_f64_vec().unwrap(), [0.0; 2]);
}

#[test]
fn what_writes_a_value_writes_every_replica() {
    let weight = zeros(2, TWO);
    weight.set_data(&array(&[1.0, 2.0], 2)).unwrap();
    assert_eq!(weight.data_on(CPU1).unwrap().to_f64_vec().unwrap(), [1.0, 2.0]);
    // Also from a view of one of them.
    let backwards = weight.data().unwrap().slice(s![..;-1]).unwrap();
    weight.set_data(&backwards).unwrap();
    assert_eq!(replicas(&weight), [bits(&array(&[2.0, 1.0], 2)), bits(&array(&[2.0, 1.0], 2))]);
    weight.reinitialize().unwrap();
    assert_eq!(one_value(&weight), [0, 0]);
    assert!(weight.is_initial());
    let mut set = ParameterDict::new("");
    set.insert(&weight).unwrap();
    set.set_flat(&array(&[3.0, 4.0], 2)).unwrap();
    assert_eq!(weight.data_on(CPU1).unwrap().to_f64_vec().unwrap(), [3.0, 4.0]);
    weight.grad_on(CPU1).unwrap().fill(1.0).unwrap();
    set.zero_grad().unwrap();
    assert_eq!(weight.grad_on(CPU1).unwrap().to_f64_vec().unwrap(), [0.0; 2]);
    assert_eq!(set.list_ctx().unwrap(), TWO);
}

#[test]
fn an_edit_under_way_of_any_replica_refuses_a_change_of_all() {
    let weight = zeros(2, TWO);
    let there = weight.data_on(CPU1).unwrap();
    there
        .edit::<f32, _>(|_| {
            let failures = [
                weight.set_data(&array(&[1.0, 2.0], 2)),
                weight.reinitialize(),
                weight.cast(DType::F16),
                weight.reset_ctx(&[CPU0]),
            ];
            for failure in failures {
                assert!(error(failure).to_string().contains("`w`"));
            }
        })
        .unwrap();
    assert_eq!((one_value(&weight), weight.dtype()), (vec![0, 0], DType::F32));
}

#[test]
fn casts_freezing_and_grad_reqs_reach_every_replica() {
    let weight = zeros(2, TWO);
    weight.cast(DType::F16).unwrap();
    for array in [weight.list_data().unwrap(), weight.list_grad().unwrap()].concat() {
        assert_eq!(array.dtype(), DType::F16);
    }
    assert_eq!(weight.list_ctx().unwrap(), TWO);
    weight.freeze();
    for failure in [weight.grad_on(CPU1).map(|_| ()), weight.list_grad().map(|_| ())] {
        assert_eq!(variant(&error(failure)), "Frozen");
    }
    let there = || context::with(CPU1, || autograd::record(|| weight.data()?.exp()).unwrap());
    assert_eq!(variant(&error(there().backward())), "NotRecorded");
    weight.unfreeze();
    weight.set_grad_req(GradReq::Add);
    there().backward().unwrap();
    there().backward().unwrap();
    assert_eq!(weight.grad_on(CPU1).unwrap().to_f64_vec().unwrap(), [2.0; 2]);
    let copy = weight.deep_clone().unwrap();
    weight.data_on(CPU1).unwrap().fill(7.0).unwrap();
    assert_eq!(copy.list_ctx().unwrap(), TWO);
    assert_eq!(one_value(&copy), [0, 0]);
}

#[test]
fn initializing_again_elsewhere_moves_the_parameter() {
    let net = tied_net(TWO);
    net.call(&Rng::new(3).array((1, 3))).unwrap();
    let before = one_value(&net[2].weight().unwrap());
    let again = |contexts: Option<Vec<Context>>| {
        let options =
            InitOptions { seed: Some(11), reinit: Reinit::Force, contexts, ..Default::default() };
        net.initialize_opts(&options).unwrap();
        let weight = net[2].weight().unwrap();
        assert_eq!(one_value(&weight), before);
        assert!(weight.is_initial());
        weight.list_ctx().unwrap()
    };
    assert_eq!(again(Some(vec![CPU2])), [CPU2]);
    assert_eq!(again(Some(vec![CPU1, CPU0])), [CPU1, CPU0]);
    assert_eq!(again(None), [CPU1, CPU0]);
}

#[test]
fn a_snapshot_is_of_the_first_replica_or_of_the_mean() {
    let net = tied_net(TWO);
    net.call(&Rng::new(4).array((1, 3))).unwrap();
    let bias = net[2].bias().unwrap();
    bias.data_on(CPU0).unwrap().fill(1.0).unwrap();
    bias.data_on(CPU1).unwrap().fill(4.0).unwrap();
    let snapshot = net.snapshot().unwrap();
    assert_eq!(snapshot.get("2.bias").unwrap().to_f64_vec().unwrap(), [2.5; 2]);
    net.swap(&snapshot, || {
        assert_eq!(one_value(&bias), bits(&array(&[2.5, 2.5], 2)));
        Ok(())
    })
    .unwrap();
    // Each has its own again.
    assert_eq!(replicas(&bias), [bits(&array(&[1.0; 2], 2)), bits(&array(&[4.0; 2], 2))]);
    net.restore(&snapshot).unwrap();
    assert_eq!(one_value(&bias), bits(&array(&[2.5, 2.5], 2)));
}

#[test]
fn a_file_holds_one_value_and_a_load_fills_every_replica() {
    let folder = tempfile::tempdir().unwrap();
    let (net, one) = (tied_net(TWO), tied_net(&[CPU0]));
    let x = Rng::new(5).array((1, 3));
    let y = net.call(&x).unwrap();
    one.call(&x).unwrap();
    for name in ["net.safetensors", "net.params"] {
        let (file, file_of_one) =
            (folder.path().join(name), folder.path().join(format!("one-{name}")));
        net.save_parameters(&file).unwrap();
        one.save_parameters(&file_of_one).unwrap();
        let same = || Checkpoint::open(&file).unwrap().get("0.weight").unwrap();
        assert_eq!(bits(&same()), one_value(&one[0].weight().unwrap()));
        net[0].weight().unwrap().set_data(&NdArray::zeros((3, 3), DType::F32).unwrap()).unwrap();
        net.load_parameters(&file, &LoadOptions::default()).unwrap();
        assert_eq!(bits(&net.call(&x.to_context(CPU1).unwrap()).unwrap()), bits(&y));
        assert_eq!(net[0].weight().unwrap().list_ctx().unwrap(), TWO);
    }
}

#[test]
fn a_batch_goes_to_each_context_once() {
    let x = array(&[1.0, 2.0, 3.0, 4.0], (4, 1));
    let parts = data::split_and_load(&x, &[CPU2, CPU1]).unwrap();
    let found: Vec<_> = parts.iter().map(|p| (p.context(), p.to_f64_vec().unwrap())).collect();
    assert_eq!(found, [(CPU2, vec![1.0, 2.0]), (CPU1, vec![3.0, 4.0])]);
    assert!(data::split_and_load(&x, &[CPU0]).unwrap()[0].same_memory(&x));
    for contexts in [&[][..], &[CPU1, CPU1]] {
        assert_eq!(variant(&error(data::split_and_load(&x, contexts))), "Setting");
    }
    assert_eq!(variant(&error(data::split_and_load(&x, &[CPU0, CPU1, CPU2]))), "Split");
    assert_eq!(variant(&error(data::split_and_load(&NdArray::scalar(1.0_f32), TWO))), "Axis");
    assert_eq!(variant(&error(data::split_data(&x, 0, 0, true))), "Setting");
}

#[test]
fn a_parameter_prints_where_it_is() {
    let weight = zeros(1, &[CPU1, CPU2]);
    let text = format!("{weight:#}");
    assert!(text.contains("\n  contexts     [cpu(1), cpu(2)]\n"), "{text}");
    assert!(!format!("{:#}", zeros(1, &[CPU0])).contains("contexts"));
}
