//! Parameters on several contexts: the same values everywhere, gradients that are summed, and
//! training as on one device.

use std::sync::{Arc, Mutex};
use std::thread;

use gluonic::optim::{self, Setting};
use gluonic::prelude::*;
use gluonic::{Collective, LocalCollective, Reduction};
use proptest::prelude::{prop, proptest};

use crate::support::{Rng, array, bits, error, value, variant};

const CPU0: Context = Context::cpu(0);
const CPU1: Context = Context::cpu(1);
const CPU2: Context = Context::cpu(2);
const TWO: &[Context] = &[CPU0, CPU1];

/// The bits of every replica.
#[track_caller]
fn replicas(parameter: &Parameter) -> Vec<Vec<u64>> {
    parameter.list_data().unwrap().iter().map(bits).collect()
}

/// The bits of the value, which all replicas have.
#[track_caller]
fn one_value(parameter: &Parameter) -> Vec<u64> {
    let all = replicas(parameter);
    assert!(all.iter().all(|other| *other == all[0]), "{parameter}: {all:?}");
    all[0].clone()
}

/// A parameter of so many zeros on some contexts.
fn zeros(n: usize, contexts: &[Context]) -> Parameter {
    let weight = Parameter::with_spec("w", &ParamSpec::new(n).init(&init::Zero));
    weight.initialize_on(contexts).unwrap();
    weight
}

/// Gives a parameter the gradient `head` on a context.
#[track_caller]
fn backward(weight: &Parameter, context: Context, head: &[f32]) {
    context::with(context, || {
        let head = array(head, head.len()).cast(weight.dtype()).unwrap();
        autograd::record(|| &weight.data()? * &head).unwrap().backward().unwrap();
    });
}

fn sgd(parameters: &[&Parameter]) -> Trainer {
    Trainer::of(parameters.iter().copied(), Sgd::new(1.0).unwrap()).unwrap()
}

/// A net whose first two layers share their parameters, with values from a seed.
fn tied_net(contexts: &[Context]) -> Sequential {
    let net = name::manager(|| {
        let first = Dense::new(3).activation(Activation::Tanh);
        let params = Some(first.params());
        let config = DenseConfig { units: 3, params, ..DenseConfig::default() };
        sequential![first, Dense::with(config).unwrap(), Dense::new(2)]
    });
    let contexts = Some(contexts.to_vec());
    let options = InitOptions { seed: Some(11), contexts, ..InitOptions::default() };
    net.initialize_opts(&options).unwrap();
    net
}

/// Forward and backward of a part of a batch for each context, one after another.
#[track_caller]
fn pass(net: &dyn Block, batch: &NdArray, contexts: &[Context]) {
    for part in data::split_and_load(batch, contexts).unwrap() {
        autograd::record(|| net.call(&part)?.square()).unwrap().backward().unwrap();
    }
}

// Contexts of arrays.

#[test]
fn what_an_operation_computes_is_where_its_inputs_are() {
    let x = array(&[1.0, 2.0, 3.0, 4.0], (2, 2)).to_context(CPU1).unwrap();
    let labels = NdArray::from_slice(&[0_i64, 1], 2).unwrap().to_context(CPU1).unwrap();
    let results = [
        (&x + 1.0).unwrap(),
        x.matmul(&x).unwrap(),
        x.transpose().unwrap(),
        x.transpose().unwrap().reshape(4).unwrap(),
        x.cast(DType::F64).unwrap(),
        x.cast(DType::I32).unwrap(),
        x.sum().unwrap(),
        x.argmax(1, false).unwrap(),
        x.argsort(0, ops::Order::Ascending).unwrap(),
        x.gt(&x).unwrap(),
        x.gt(&x).unwrap().select(&x, &x).unwrap(),
        x.slice(s![0]).unwrap(),
        x.deep_clone().unwrap(),
        x.take(&[1, 0]).unwrap(),
        x.take_axis(&labels, 0).unwrap(),
        x.pick(&labels, 1).unwrap(),
        labels.one_hot(3, DType::F32).unwrap(),
        ops::concat(&[&x, &x], 0).unwrap(),
        ops::embedding(&labels, &x).unwrap(),
        ops::batch_norm(&x, None, None, 1, 1e-5).unwrap().mean,
        x.attach_grad(GradReq::Write).unwrap().grad().unwrap(),
        SoftmaxCrossEntropyLoss { ignore_label: Some(1), ..Default::default() }
            .call(&x, &labels, None)
            .unwrap(),
    ];
    for (i, result) in results.iter().enumerate() {
        assert_eq!(result.context(), CPU1, "result {i}");
    }
    assert_eq!(x.sum().unwrap().to_scalar::<f32>().unwrap(), 10.0);
}

#[test]
fn inputs_on_different_contexts_are_refused_with_both_named() {
    let x = array(&[1.0, 2.0], 2);
    let y = x.to_context(CPU1).unwrap();
    let ids = NdArray::from_slice(&[0_i64], 1).unwrap().to_context(CPU2).unwrap();
    let failures = [
        x.add(&y),
        y.gt(&x),
        x.take_axis(&ids, 0),
        ops::concat(&[&x, &y], 0),
        autograd::record(|| x.attach_grad(GradReq::Write)?.mul(&y)),
        ops::embedding(&ids, &x.reshape((2, 1)).unwrap()),
        L2Loss::default().call(&x, &y, None),
    ];
    for failure in failures {
        assert_eq!(variant(&error(failure)), "Contexts");
    }
    for failure in [x.add_assign(&y), x.fill_where(&y.gt(&y).unwrap(), 0.0)] {
        assert_eq!(variant(&error(failure)), "Contexts");
    }
    // An assignment copies, wherever from.
    x.set(s![0], &y.slice(s![1]).unwrap()).unwrap();
    assert_eq!(x.to_vec::<f32>().unwrap(), [2.0, 2.0]);
}

#[test]
fn a_gradient_comes_back_from_another_context() {
    let x = array(&[1.0, 2.0], 2).attach_grad(GradReq::Write).unwrap();
    let y = autograd::record(|| x.slice(s![..;-1])?.to_context(CPU1)?.square()).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [4.0, 1.0]);
    y.backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec::<f32>().unwrap(), [2.0, 4.0]);
    assert_eq!((x.grad().unwrap().context(), y.context()), (CPU0, CPU1));
}

#[test]
fn a_copy_on_another_context_is_another_value() {
    for dims in [vec![], vec![0], vec![2, 3]] {
        let x = NdArray::ones(dims, DType::BF16).unwrap();
        let y = x.to_context(CPU2).unwrap();
        y.fill(3.0).unwrap();
        assert_eq!(x.to_f64_vec().unwrap(), vec![1.0; x.elem_count()]);
        assert_eq!((y.context(), y.dtype(), y.dims()), (CPU2, DType::BF16, x.dims()));
    }
}

// Parameters on several contexts.

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

// Snapshots and files.

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

// Training.

/// Steps of a layer whose gradients are sums of whole numbers, so that their order does not matter.
#[track_caller]
fn steps(
    optimizer: Box<dyn optim::Optimizer>,
    dtype: DType,
    contexts: &[Context],
) -> Vec<Vec<u64>> {
    let config = DenseConfig { units: 2, in_units: Some(3), dtype, ..DenseConfig::default() };
    let layer = name::manager(|| Dense::with(config).unwrap());
    let contexts_of = Some(contexts.to_vec());
    layer
        .initialize_opts(&InitOptions {
            seed: Some(5),
            contexts: contexts_of,
            ..Default::default()
        })
        .unwrap();
    let mut trainer = Trainer::new(&layer, optimizer).unwrap();
    for step in 0..4 {
        let numbers = (0..12).map(|i| ((i * 7 + step) % 5) as f32 - 2.0).collect();
        let batch = NdArray::from_vec(numbers, (4, 3)).unwrap().cast(dtype).unwrap();
        for part in data::split_and_load(&batch, contexts).unwrap() {
            autograd::record(|| layer.call(&part)).unwrap().backward().unwrap();
        }
        trainer.step(4).unwrap();
    }
    layer.named_parameters().iter().map(|(_, parameter)| one_value(parameter)).collect()
}

#[test]
fn every_optimizer_gives_replicas_the_bits_of_one_device() {
    let rate = |name: &str| if name == "adafactor" { 0.01 } else { 0.1 };
    for name in
        ["sgd", "nag", "adam", "adamw", "nadam", "lamb", "lars", "ftrl", "adafactor", "lion"]
    {
        let make = || {
            optim::create(
                name,
                &[("learning_rate", Setting::Number(rate(name))), ("wd", Setting::Number(0.01))],
            )
            .unwrap()
        };
        for dtype in [DType::F32, DType::F16, DType::F64] {
            let one = steps(make(), dtype, &[CPU0]);
            assert_eq!(steps(make(), dtype, TWO), one, "{name} {dtype}");
            assert_eq!(steps(make(), dtype, &[CPU2, CPU0, CPU1, Context::cpu(9)]), one, "{name}");
        }
    }
}

/// Sums of a few thousand products in another order; `f32` keeps 24 bits.
const TOLERANCE: f64 = 1e-5;

#[test]
fn a_net_with_tied_weights_trains_as_on_one_device() {
    let (one, two) = (tied_net(&[CPU0]), tied_net(&[CPU1, CPU0]));
    let mut rng = Rng::new(6);
    let batch = rng.array((8, 3));
    let train = |net: &Sequential, contexts: &[Context]| {
        let mut trainer = Trainer::new(net, Adam::new(0.05).unwrap()).unwrap();
        assert_eq!(trainer.parameters().len(), 4);
        for _ in 0..10 {
            pass(net, &batch, contexts);
            trainer.step(8).unwrap();
        }
    };
    train(&one, &[CPU0]);
    train(&two, &[CPU1, CPU0]);
    for ((path, a), (_, b)) in one.named_parameters().iter().zip(two.named_parameters()) {
        one_value(&b);
        let there = b.data_on(CPU1).unwrap().to_f64_vec().unwrap();
        let near = value(a).iter().zip(&there).all(|(a, b)| (a - b).abs() < TOLERANCE);
        assert!(near, "{path}: {:?}, expected {:?}", there, value(a));
    }
}

#[test]
fn one_thread_for_each_context_gives_the_bytes_of_one_after_another() {
    let contexts: Vec<Context> = (0..4).map(Context::cpu).collect();
    let run = |at_once: bool| {
        let net = name::manager(|| {
            sequential![
                Dense::new(16).activation(Activation::Relu),
                BatchNorm::new(),
                Dense::new(3)
            ]
        });
        let options =
            InitOptions { seed: Some(3), contexts: Some(contexts.clone()), ..Default::default() };
        net.initialize_opts(&options).unwrap();
        let mut trainer =
            Trainer::new(&net, Sgd::new(0.1).unwrap().momentum(0.9).unwrap()).unwrap();
        let mut rng = Rng::of("batches");
        for _ in 0..5 {
            let batch = rng.array((32, 10));
            if at_once {
                let parts = data::split_and_load(&batch, &contexts).unwrap();
                thread::scope(|scope| {
                    for part in &parts {
                        scope.spawn(|| {
                            autograd::record(|| net.call(part)?.square())
                                .unwrap()
                                .backward()
                                .unwrap();
                        });
                    }
                });
            } else {
                pass(&net, &batch, &contexts);
            }
            trainer.step(32).unwrap();
        }
        net.named_parameters().iter().map(|(_, p)| replicas(p)).collect::<Vec<_>>()
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn running_statistics_follow_the_part_of_their_context() {
    let layer = BatchNorm::new();
    layer.initialize_on(TWO).unwrap();
    let batch = array(&[0.0, 2.0, 10.0, 30.0], (4, 1));
    pass(&layer, &batch, TWO);
    let mean = layer.param("running_mean").unwrap();
    let near = |context, expected: f64| {
        let found = mean.data_on(context).unwrap().to_f64_vec().unwrap()[0];
        assert!((found - expected).abs() < 1e-5, "{found} on {context}");
    };
    near(CPU0, 0.1);
    near(CPU1, 2.0);
    let snapshot = layer.snapshot().unwrap();
    let saved = snapshot.get("running_mean").unwrap().to_f64_vec().unwrap()[0];
    assert!((saved - 1.05).abs() < 1e-5, "{saved}");
    // They are no gradients' matter.
    let mut trainer = Trainer::new(&layer, Sgd::new(0.1).unwrap()).unwrap();
    trainer.step(4).unwrap();
    near(CPU1, 2.0);
    one_value(&layer.param("gamma").unwrap());
}

#[test]
fn gradients_that_are_added_up_are_summed_once() {
    let weight = zeros(2, TWO);
    weight.set_grad_req(GradReq::Add);
    let mut trainer = sgd(&[&weight]);
    for round in 1..3 {
        for context in [CPU0, CPU1, CPU1] {
            backward(&weight, context, &[1.0, 2.0]);
        }
        trainer.step(1).unwrap();
        weight.zero_grad().unwrap();
        let expected = array(&[-3.0, -6.0], 2).to_f64_vec().unwrap();
        let expected: Vec<f64> = expected.iter().map(|x| x * f64::from(round)).collect();
        assert_eq!(value(&weight), expected);
        one_value(&weight);
    }
}

#[test]
fn half_precision_is_summed_in_single() {
    let weight = zeros(1, &[CPU0, CPU1, CPU2]);
    weight.cast(DType::F16).unwrap();
    let mut trainer = sgd(&[&weight]);
    for (context, head) in [(CPU0, 2048.0), (CPU1, 1.0), (CPU2, 1.0)] {
        backward(&weight, context, &[head]);
    }
    trainer.allreduce_grads().unwrap();
    for grad in weight.list_grad().unwrap() {
        assert_eq!(grad.to_f64_vec().unwrap(), [2050.0]);
    }
}

#[test]
fn rows_of_tables_are_summed_as_rows_and_as_wholes_with_others() {
    let config =
        EmbeddingConfig { input_dim: 50, output_dim: 2, sparse_grad: true, ..Default::default() };
    let run = |contexts: &[Context], whole_too: bool| {
        let layer = Embedding::with(config.clone()).unwrap();
        let options =
            InitOptions { seed: Some(9), contexts: Some(contexts.to_vec()), ..Default::default() };
        layer.initialize_opts(&options).unwrap();
        let weight = layer.weight().unwrap();
        let mut trainer = sgd(&[&weight]);
        let ids = NdArray::from_slice(&[7_i64, 3, 7, 9], 4).unwrap();
        for (i, part) in data::split_and_load(&ids, contexts).unwrap().iter().enumerate() {
            let y = autograd::record(|| {
                let looked_up = layer.call(part)?;
                if whole_too && i == 0 {
                    let all = context::with(part.context(), || weight.data())?.sum()?;
                    return looked_up.add(&all);
                }
                Ok(looked_up)
            });
            y.unwrap().backward().unwrap();
        }
        trainer.allreduce_grads().unwrap();
        if contexts.len() > 1 && !whole_too {
            let rows = context::with(CPU1, || weight.grad_rows()).unwrap().unwrap();
            assert_eq!(rows.indices, [3, 7, 9]);
            assert_eq!(rows.values.to_f64_vec().unwrap(), [1.0, 1.0, 2.0, 2.0, 1.0, 1.0]);
        }
        trainer.update(1).unwrap();
        one_value(&weight)
    };
    assert_eq!(run(TWO, false), run(&[CPU0], false));
    run(TWO, true);
}

#[test]
fn a_stale_replica_is_named_with_its_context_before_anything_moves() {
    let (one, two) = (zeros(1, &[CPU0]), zeros(2, &[CPU0, CPU1, CPU2]));
    let mut trainer = sgd(&[&two, &one]);
    backward(&two, CPU1, &[1.0, 2.0]);
    let failure = error(trainer.step(1)).to_string();
    assert!(failure.contains("`w on cpu(0)`, `w on cpu(2)`, `w`"), "{failure}");
    let failure = error(trainer.allreduce_grads()).to_string();
    assert!(failure.contains("`w on cpu(0)`, `w on cpu(2)` has"), "{failure}");
    assert_eq!((one_value(&two), trainer.num_update()), (vec![0, 0], 0));
    // Where nothing was computed, the gradient is nothing.
    two.grad_on(CPU2).unwrap().fill(100.0).unwrap();
    trainer.step_ignoring_stale(1).unwrap();
    assert_eq!(value(&two), [-1.0, -2.0]);
    one_value(&two);
    assert_eq!(variant(&error(trainer.step(1))), "StaleGradients");
}

#[test]
fn the_halves_of_a_step_are_a_step_and_neither_can_be_left_out() {
    let weight = zeros(2, TWO);
    let mut trainer = sgd(&[&weight]);
    let both = |weight: &Parameter| {
        backward(weight, CPU0, &[1.0, 2.0]);
        backward(weight, CPU1, &[4.0, 8.0]);
    };
    both(&weight);
    assert_eq!(variant(&error(trainer.update(1))), "NotSummed");
    let mut set = ParameterDict::new("");
    set.insert(&weight).unwrap();
    assert_eq!(variant(&error(optim::clip_global_norm(&set, 1.0))), "NotSummed");
    trainer.allreduce_grads().unwrap();
    // Summing what is summed changes nothing.
    trainer.allreduce_grads().unwrap();
    for grad in weight.list_grad().unwrap() {
        assert_eq!(grad.to_f64_vec().unwrap(), [5.0, 10.0]);
    }
    assert!((optim::clip_global_norm(&set, 1.0).unwrap() - 125.0_f64.sqrt()).abs() < 1e-6);
    let [first, second] = &weight.list_grad().unwrap()[..] else { unreachable!() };
    assert_eq!(bits(first), bits(second));
    assert!((first.square().unwrap().sum().unwrap().to_f64_vec().unwrap()[0] - 1.0).abs() < 1e-5);
    trainer.update(1).unwrap();
    one_value(&weight);
    assert_eq!(variant(&error(trainer.update(1))), "StaleGradients");
    // A backward after the sum starts a new one: the other replica's is old.
    both(&weight);
    trainer.allreduce_grads().unwrap();
    backward(&weight, CPU1, &[1.0, 1.0]);
    let failure = error(trainer.step(1)).to_string();
    assert!(failure.contains("`w on cpu(0)`"), "{failure}");
    both(&weight);
    trainer.step(1).unwrap();
}

#[test]
fn replicas_that_were_changed_apart_are_equal_after_a_step() {
    let weight = zeros(2, TWO);
    weight.data_on(CPU1).unwrap().fill(3.0).unwrap();
    let mut trainer = sgd(&[&weight]);
    backward(&weight, CPU0, &[1.0, 1.0]);
    backward(&weight, CPU1, &[1.0, 1.0]);
    trainer.step(2).unwrap();
    assert_eq!(one_value(&weight), bits(&array(&[-1.0; 2], 2)));
}

/// A rule that computes with arrays.
struct Plain {
    common: optim::Common,
}

impl Optimizer for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn common(&self) -> &optim::Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut optim::Common {
        &mut self.common
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        vec![("sum", dims.clone())]
    }

    fn update(&self, step: &mut optim::Step<'_>) -> Result<()> {
        let (sum, gradient) = (step.array("sum")?, step.gradient()?);
        sum.add_assign(&(&gradient * &NdArray::ones(gradient.dims(), gradient.dtype())?)?)?;
        step.weight()?.sub_assign(&(&sum + &gradient)?)
    }
}

#[test]
fn a_rule_of_arrays_follows_its_parameters_from_context_to_context() {
    let parameters: Vec<Parameter> = (0..8).map(|_| zeros(40_000, &[CPU1])).collect();
    let common = optim::Common::new(1.0).unwrap();
    let mut trainer = Trainer::of(&parameters, Plain { common }).unwrap();
    for (contexts, expected) in [(&[CPU1][..], -2.0), (&[CPU2, CPU0], -7.0), (&[CPU0], -12.0)] {
        for weight in &parameters {
            weight.reset_ctx(contexts).unwrap();
            for context in contexts {
                backward(weight, *context, &vec![1.0; 40_000]);
            }
        }
        trainer.step(1).unwrap();
        for weight in &parameters {
            let found = weight.list_data().unwrap();
            assert!(
                found.iter().all(|array| array.to_f64_vec().unwrap() == vec![expected; 40_000])
            );
        }
    }
}

#[test]
fn files_of_states_do_not_depend_on_the_number_of_contexts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("states.safetensors");
    let train = |contexts: &[Context], resume: bool| {
        let weight = zeros(2, contexts);
        weight.set_data(&array(&[1.0, 2.0], 2)).unwrap();
        let mut trainer = Trainer::of([&weight], Adam::new(0.1).unwrap()).unwrap();
        if resume {
            trainer.load_states(&file).unwrap();
        }
        for context in contexts {
            backward(&weight, *context, &[3.0 / contexts.len() as f32; 2]);
        }
        trainer.step(1).unwrap();
        if !resume {
            trainer.save_states(&file).unwrap();
        }
        one_value(&weight)
    };
    train(&[CPU1, CPU2, CPU0], false);
    assert_eq!(train(TWO, true), train(&[CPU2], true));
}

/// Sums, and says of what.
#[derive(Default)]
struct Told(Arc<Mutex<Vec<(String, usize)>>>);

impl Collective for Told {
    fn all_reduce(&self, gradients: &[Reduction]) -> Result<()> {
        let told = gradients.iter().map(|g| (g.name.to_string(), g.replicas.len()));
        self.0.lock().unwrap().extend(told);
        LocalCollective.all_reduce(gradients)
    }
}

/// Loses its connection.
struct Lost;

impl Collective for Lost {
    fn all_reduce(&self, _gradients: &[Reduction]) -> Result<()> {
        Err(Error::user("the connection", "lost"))
    }
}

#[test]
fn a_collective_is_asked_about_every_gradient_once_a_step() {
    let (one, two) = (zeros(1, &[CPU0]), zeros(2, TWO));
    let told = Arc::default();
    let mut trainer = sgd(&[&one, &two]).with_collective(Told(Arc::clone(&told)));
    backward(&one, CPU0, &[1.0]);
    assert_eq!(variant(&error(trainer.update(1))), "StaleGradients");
    backward(&two, CPU0, &[1.0, 1.0]);
    backward(&two, CPU1, &[1.0, 1.0]);
    let failure = error(trainer.update(1)).to_string();
    assert!(failure.contains("`w`, `w`"), "{failure}");
    trainer.step(1).unwrap();
    assert_eq!(*told.lock().unwrap(), [("w".to_owned(), 1), ("w".to_owned(), 2)]);
}

#[test]
fn a_collective_that_fails_changes_no_parameter_and_leaves_no_gradient_to_use() {
    let weight = zeros(2, TWO);
    let mut trainer = sgd(&[&weight]).with_collective(Lost);
    backward(&weight, CPU0, &[1.0, 1.0]);
    backward(&weight, CPU1, &[1.0, 1.0]);
    assert_eq!(variant(&error(trainer.step(1))), "User");
    assert_eq!((one_value(&weight), trainer.num_update()), (vec![0, 0], 0));
    assert_eq!(variant(&error(trainer.step(1))), "StaleGradients");
}

#[test]
fn dropout_and_recurrent_layers_run_on_any_context() {
    use gluonic::nn::rnn::{Lstm, LstmCell, RecurrentCell, Unroll};
    let x = Rng::new(7).array((5, 2, 3));
    let (layer, cell, looking) = (Lstm::new(4), LstmCell::new(4), MultiHeadAttention::new(4, 2));
    layer.initialize_on(TWO).unwrap();
    cell.initialize_on(TWO).unwrap();
    looking.initialize_on(TWO).unwrap();
    let run = |x: &NdArray| -> Result<Vec<NdArray>> {
        let (y, _) = cell.unroll(x, &Unroll::default())?;
        let mask = ops::AttentionMask::default();
        Ok(vec![layer.call(x)?, y, looking.call_with(x, x, x, &mask)?, looking.call(x)?])
    };
    let there = run(&x.to_context(CPU1).unwrap()).unwrap();
    for (here, there) in run(&x).unwrap().iter().zip(&there) {
        assert_eq!((there.context(), bits(there)), (CPU1, bits(here)));
    }
}

proptest! {
    #[test]
    fn a_batch_in_parts_is_the_batch(
        size in 0_usize..12,
        n in 1_usize..6,
        axis in prop::sample::select(vec![0_isize, 1, -1]),
    ) {
        let dims = if axis == 0 { (size, 2, 3) } else if axis == 1 { (2, size, 3) } else { (2, 3, size) };
        let x = Rng::of("split").array(dims);
        let parts = data::split_data(&x, n, axis, false).unwrap();
        let sizes: Vec<usize> = parts.iter().map(|part| part.dims()[(axis + 3) as usize % 3]).collect();
        assert_eq!(sizes.len(), n);
        assert!(sizes.windows(2).all(|pair| pair[0] >= pair[1]) && sizes[0] - sizes[n - 1] <= 1);
        let whole = ops::concat(&parts.iter().collect::<Vec<_>>(), axis).unwrap();
        assert_eq!(bits(&whole), bits(&x));
        let even = data::split_data(&x, n, axis, true);
        assert_eq!(even.is_ok(), size % n == 0);
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
