//! What repeats after a seed, and what disturbs it not: dropout and trainings with it.

use std::thread;

use gluonic::prelude::*;
use gluonic::random::{Address, Draws, Law, with_address};

use crate::support::{alone, bits};

fn masks(layer: &Dropout, n: usize) -> Vec<Vec<u64>> {
    let x = NdArray::ones(200, DType::F32).unwrap();
    (0..n).map(|_| bits(&autograd::record(|| layer.call(&x)).unwrap())).collect()
}

#[test]
fn dropout_draws_anew_at_every_call_and_the_same_again_after_the_seed() {
    alone("repeats::dropout_draws_anew_at_every_call_and_the_same_again_after_the_seed", || {
        random::seed(7);
        let layer = Dropout::new(0.5).unwrap();
        let first = masks(&layer, 3);
        assert!(first[0] != first[1] && first[1] != first[2] && first[0] != first[2]);
        random::seed(7);
        assert_eq!(masks(&layer, 3), first);
        assert_eq!(masks(&Dropout::new(0.5).unwrap(), 3), first);
        random::seed(8);
        assert_ne!(masks(&layer, 3), first);
    });
}

#[test]
fn dropout_is_not_disturbed_by_what_others_draw() {
    alone("repeats::dropout_is_not_disturbed_by_what_others_draw", || {
        random::seed(7);
        let layer = Dropout::new(0.5).unwrap();
        let first = masks(&layer, 2);
        random::seed(7);
        let mut again = masks(&layer, 1);
        ops::normal(0.0, 1.0, 100).unwrap();
        random::next_key();
        masks(&Dropout::new(0.5).unwrap(), 4);
        Dense::new(3).initialize().unwrap();
        gluonic::data::shuffled_batches(10, 3).unwrap().for_each(drop);
        thread::scope(|scope| {
            scope.spawn(|| ops::permutation(9));
        });
        // Outside of training nothing is drawn.
        layer.call(&NdArray::ones(200, DType::F32).unwrap()).unwrap();
        again.extend(masks(&layer, 1));
        assert_eq!(again, first);
    });
}

#[test]
fn two_layers_draw_apart_and_a_clone_draws_with_its_original() {
    alone("repeats::two_layers_draw_apart_and_a_clone_draws_with_its_original", || {
        random::seed(7);
        let net = sequential![Dropout::new(0.5).unwrap(), Dropout::new(0.5).unwrap()];
        let (a, b) = (Dropout::new(0.5).unwrap(), Dropout::new(0.5).unwrap());
        assert_eq!([a.draws().name(), b.draws().name()], ["dropout2", "dropout3"]);
        assert_ne!(masks(&a, 1), masks(&b, 1));
        // The second layer of the net leaves a quarter, not what the first has left.
        let y = autograd::record(|| net.call(&NdArray::ones(4000, DType::F32)?)).unwrap();
        let left = y.to_f64_vec().unwrap().into_iter().filter(|y| *y != 0.0).count();
        assert!((800..1200).contains(&left), "{left}");

        random::seed(7);
        let both = masks(&a, 2);
        random::seed(7);
        let clone = a.clone();
        assert_eq!([masks(&a, 1), masks(&clone, 1)].concat(), both);
    });
}

#[test]
fn dropout_inside_a_scope_draws_from_it() -> Result<()> {
    let (layer, address) = (Dropout::new(0.5)?, Address::new(7, "w"));
    let scoped = || with_address(&address, || masks(&layer, 2));
    let first = scoped();
    assert_ne!(first[0], first[1]);
    assert_eq!(scoped(), first);
    let x = NdArray::ones(200, DType::F32)?;
    let op = with_address(&address, || autograd::record(|| ops::dropout(&x, 0.5)))?;
    assert_eq!(bits(&op), first[0]);
    Ok(())
}

#[test]
fn a_restored_layer_goes_on_where_the_other_was() -> Result<()> {
    let layer = Dropout::new(0.5)?;
    let noise = Draws::new(layer.draws().name());
    masks(&layer, 3);
    let state = layer.draws().state();
    let expected = masks(&layer, 2);
    layer.draws().restore(state);
    assert_eq!(masks(&layer, 2), expected);
    // The mask is the Bernoulli law at that draw, scaled.
    noise.restore(state);
    let kept = ops::draw_from(&Law::bernoulli(0.5)?, &noise, 200, DType::F32)?;
    assert_eq!(bits(&(&kept * 2.0)?), expected[0]);
    Ok(())
}

/// A short training of a new net with dropout: its weights in the end.
fn trained() -> Result<Vec<u64>> {
    let net = sequential![
        Dense::new(16).activation(Activation::Relu),
        Dropout::new(0.3)?,
        Dense::new(16).activation(Activation::Relu),
        Dropout::new(0.5)?,
        Dense::new(1)
    ];
    net.initialize_with(&init::Xavier::default(), Reinit::Keep)?;
    train(&net)
}

fn train(net: &Sequential) -> Result<Vec<u64>> {
    let x = ops::draw_at(&Law::normal(0.0, 1.0)?, &Address::new(1, "x"), 0, (32, 4), DType::F32)?;
    net.call(&x)?;
    let mut trainer = Trainer::new(&net.collect_params()?, Sgd::new(0.05)?.momentum(0.9)?)?;
    for _ in 0..5 {
        autograd::record(|| net.call(&x)?.square()?.mean())?.backward()?;
        trainer.step(1)?;
    }
    let params = net.named_parameters();
    let all: Result<Vec<_>> = params.iter().map(|(_, p)| Ok(bits(&p.data()?))).collect();
    all.map(|all| all.concat())
}

#[test]
fn a_training_with_dropout_repeats_bit_for_bit_after_the_seed() {
    alone("repeats::a_training_with_dropout_repeats_bit_for_bit_after_the_seed", || {
        random::seed(7);
        let first = [trained().unwrap(), trained().unwrap()];
        assert_ne!(first[0], first[1]);
        random::seed(7);
        assert_eq!([trained().unwrap(), trained().unwrap()], first);
        random::seed(8);
        assert_ne!(trained().unwrap(), first[0]);
    });
}

#[test]
fn two_threads_with_their_own_nets_repeat() {
    alone("repeats::two_threads_with_their_own_nets_repeat", || {
        // Initial values take keys of the process, which threads share out as they come: here
        // they are constant, and what repeats is the dropout.
        let run = || {
            random::seed(7);
            let task = |rate| {
                let net = sequential![
                    Dense::new(16).activation(Activation::Relu),
                    Dropout::new(rate)?,
                    Dense::new(1)
                ];
                net.initialize_with(&init::Constant::new(0.1), Reinit::Keep)?;
                train(&net)
            };
            thread::scope(|scope| {
                let tasks = [0.3, 0.5].map(|rate| scope.spawn(move || task(rate).unwrap()));
                tasks.map(|task| task.join().unwrap())
            })
        };
        let first = run();
        assert_ne!(first[0], first[1]);
        for _ in 0..5 {
            assert_eq!(run(), first);
        }
    });
}
