//! Training on several contexts: sums, steps, states.

use std::sync::{Arc, Mutex};
use std::thread;

use gluonic::optim::{self, Setting};
use gluonic::prelude::*;
use gluonic::{Collective, LocalCollective, Reduction};
use proptest::prelude::{prop, proptest};

use super::{CPU0, CPU1, CPU2, TWO, backward, one_value, pass, replicas, sgd, tied_net, zeros};
use crate::support::{Rng, array, bits, error, value, variant};

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
