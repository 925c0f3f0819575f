//! Threads: shared slots, shared nets, recording that belongs to one thread, and results that do
//! not depend on how many threads compute them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;

use gluonic::prelude::*;

use crate::support::{Rng, bits, gradient, value};

const ROUNDS: usize = 300;
/// So many uses of a parameter in one graph that two backwards meet in the middle of it.
const USES: usize = 16;
const N: usize = 512;

/// A parameter of ones.
fn ones(dims: impl Into<Shape>) -> Result<Parameter> {
    let weight = Parameter::new("weight", dims);
    weight.initialize_with(&init::One, Reinit::Keep)?;
    Ok(weight)
}

/// Brings two threads to one place at the same moment, which a sleeping barrier does not.
struct Meeting(AtomicUsize);

impl Meeting {
    fn wait(&self, number: usize) {
        self.0.fetch_add(1, Ordering::SeqCst);
        while self.0.load(Ordering::SeqCst) < 2 * number {
            std::hint::spin_loop();
            if self.0.load(Ordering::SeqCst) + 1 < 2 * number {
                thread::yield_now();
            }
        }
    }
}

/// Lets two threads run backward into two shared parameters at once, again and again, each with
/// gradients of its own size, and meeting the two parameters in another order. Returns the
/// gradients of every round; nothing is asserted here, since a thread that panicked would never
/// come to the next meeting.
fn race(weights: &[Parameter; 2]) -> Vec<[Vec<f64>; 2]> {
    let rounds = Mutex::new(Vec::new());
    let meeting = Meeting(AtomicUsize::new(0));
    thread::scope(|scope| {
        for (thread, factor) in [(0, 1.0), (1, 10.0)] {
            let (meeting, rounds) = (&meeting, &rounds);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let loss = autograd::record(|| {
                        let [a, b] = [weights[thread].data()?, weights[1 - thread].data()?];
                        (0..USES).try_fold(NdArray::zeros(N, DType::F32)?, |sum, _| {
                            &(&sum + &(&a * factor)?)? + &(&b * factor)?
                        })
                    });
                    let loss = loss.unwrap();
                    meeting.wait(3 * round + 1);
                    loss.backward().unwrap();
                    meeting.wait(3 * round + 2);
                    if thread == 0 {
                        let found = [gradient(&weights[0]), gradient(&weights[1])];
                        rounds.lock().unwrap().push(found);
                    }
                    meeting.wait(3 * round + 3);
                }
            });
        }
    });
    rounds.into_inner().unwrap()
}

#[test]
fn of_two_backwards_at_once_into_a_write_slot_one_whole_gradient_remains() -> Result<()> {
    let whole = [1.0, 10.0].map(|factor| vec![USES as f64 * factor; N]);
    for (round, found) in race(&[ones(N)?, ones(N)?]).iter().enumerate() {
        for found in found {
            assert!(whole.iter().any(|whole| whole == found), "round {round}: {}", found[0]);
        }
    }
    Ok(())
}

#[test]
fn two_backwards_at_once_into_an_add_slot_give_the_sum() -> Result<()> {
    let weights = [ones(N)?, ones(N)?];
    for weight in &weights {
        weight.set_grad_req(GradReq::Add);
    }
    for (round, found) in race(&weights).iter().enumerate() {
        let sum = vec![(round + 1) as f64 * USES as f64 * 11.0; N];
        assert!(*found == [sum.clone(), sum], "round {round}: {}, {}", found[0][0], found[1][0]);
    }
    Ok(())
}

#[test]
fn four_threads_at_once_infer_with_one_net_from_the_first_forward_on() -> Result<()> {
    for round in 0..50 {
        let net = sequential![Dense::new(16).activation(Activation::Relu), Dense::new(4)];
        net.initialize()?;
        let x = Rng::of("x").array((8, 5));
        let barrier = Barrier::new(4);
        let results = thread::scope(|scope| {
            let run = || {
                barrier.wait();
                (0..5).map(|_| bits(&net.call(&x).unwrap())).collect::<Vec<_>>()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let expected = bits(&net.call(&x)?);
        assert!(results.iter().flatten().all(|found| *found == expected), "round {round}");
    }
    Ok(())
}

#[test]
fn recording_belongs_to_one_thread() -> Result<()> {
    let weight = ones(2)?;
    let (here, there) = autograd::record(|| {
        let there = thread::scope(|scope| {
            let run = || (autograd::is_recording(), autograd::is_training());
            scope.spawn(run).join().unwrap()
        });
        ((autograd::is_recording(), autograd::is_training()), there)
    });
    assert_eq!((here, there), ((true, true), (false, false)));
    let quiet = thread::scope(|scope| scope.spawn(|| weight.data()?.square()).join().unwrap())?;
    assert!(quiet.backward().is_err());
    Ok(())
}

#[test]
fn a_graph_recorded_on_one_thread_can_be_continued_and_differentiated_on_others() -> Result<()> {
    let weight = ones(3)?;
    let record = || autograd::record(|| &weight.data()? * 3.0);
    let y = thread::scope(|scope| scope.spawn(record).join().unwrap())?;
    let z = thread::scope(|scope| {
        let extend = || autograd::record(|| &y.square()? + &weight.data()?);
        scope.spawn(extend).join().unwrap()
    })?;
    thread::scope(|scope| scope.spawn(|| z.backward()).join().unwrap())?;
    assert_eq!(gradient(&weight), [19.0; 3]);
    Ok(())
}

#[test]
fn a_reader_beside_an_editor_never_sees_half_an_edit() -> Result<()> {
    let weight = ones(N)?;
    thread::scope(|scope| {
        let editor = scope.spawn(|| {
            for i in 0..ROUNDS {
                weight.data().unwrap().fill(i as f64).unwrap();
            }
        });
        while !editor.is_finished() {
            let seen = value(&weight);
            assert!(seen.iter().all(|x| *x == seen[0]), "{seen:?}");
        }
    });
    Ok(())
}

/// Everything that a step of training leaves behind, bit for bit.
fn large_step() -> Result<Vec<u64>> {
    let mut rng = Rng::of("large");
    let (x, labels) = (rng.array((257, 300)), NdArray::arange::<i64>(257));
    labels.map_inplace(|x| x % 129.0)?;
    let net = sequential![
        Dense::with_prefix("a_", 511).activation(Activation::Sigmoid),
        Dense::with_prefix("b_", 129)
    ];
    net.initialize_with(&init::Zero, Reinit::Keep)?;
    net.call(&x)?;
    for parameter in &net.collect_params()? {
        let dims = parameter.data()?.dims().clone();
        parameter.set_data(&rng.array(dims))?;
    }
    let sgd = Sgd::new(0.1)?.momentum(0.9)?.wd(0.01)?.clip_gradient(0.5)?;
    let mut trainer = Trainer::new(&net.collect_params()?, sgd)?;
    let mut left = Vec::new();
    for _ in 0..2 {
        let (loss, rest) = autograd::record(|| {
            let y = net.call(&x)?;
            let rest = &y.softmax(0)?.sum_axes(&[1], false)? + &y.exp()?.sum()?;
            Ok::<_, Error>((y.softmax_cross_entropy(&labels)?, rest?))
        })?;
        autograd::Backward::new().run(&[&loss, &rest])?;
        left.extend([bits(&loss), bits(&rest), bits(&loss.sum()?)].concat());
        trainer.step(257)?;
    }
    for parameter in &net.collect_params()? {
        left.extend(bits(&parameter.data()?));
        left.extend(bits(&parameter.grad()?));
    }
    let long = rng.array(1_000_003);
    left.extend([bits(&long.sum()?), bits(&long.max()?), bits(&long.mean()?)].concat());
    left.extend(bits(&long.tanh()?.square()?));
    Ok(left)
}

#[test]
fn results_are_bit_equal_with_one_two_and_sixteen_threads() -> Result<()> {
    let with = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(large_step)
    };
    let one = with(1)?;
    for n_threads in [2, 16] {
        let many = with(n_threads)?;
        let first = one.iter().zip(&many).position(|(a, b)| a != b);
        assert_eq!((first, many.len()), (None, one.len()), "{n_threads} threads");
    }
    Ok(())
}
