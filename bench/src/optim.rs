//! One step of Adam over 100 million values, beside the memory traffic that it cannot do without.

use std::hint::black_box;
use std::time::Instant;

use gluonic::prelude::*;
use rayon::prelude::*;

use crate::{Args, report};

const VALUES: usize = 100_000_000;
const ROUNDS: usize = 7;

pub fn run(args: &Args) {
    for (case, tensors) in [("adam_20x5M", 20), ("adam_20kx5k", 20_000)] {
        if case.contains(&args.filter) {
            step(case, tensors, args).expect("memory for the arrays");
        }
    }
}

fn step(case: &str, tensors: usize, args: &Args) -> Result<()> {
    let size = VALUES / tensors;
    let parameters: Vec<Parameter> =
        (0..tensors).map(|i| Parameter::new(format!("w{i}"), size)).collect();
    parameters
        .iter()
        .try_for_each(|w| w.initialize_with(&init::Constant::new(0.5), Reinit::Keep))?;
    let mut trainer = Trainer::of(&parameters, Adam::new(1e-3)?)?;
    // Gradients have to be written before each step; that is not timed.
    let backward =
        || parameters.iter().try_for_each(|w| autograd::record(|| w.data()?.sum())?.backward());
    let mut memory = Memory::new(tensors, size);
    let (mut own, mut limit) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        backward()?;
        let start = Instant::now();
        trainer.step(1)?;
        let step = start.elapsed().as_secs_f64() * 1e3;
        let start = Instant::now();
        memory.pass();
        let pass = start.elapsed().as_secs_f64() * 1e3;
        // The first step makes the moments.
        if round > 0 {
            own.push(step);
            limit.push(pass);
        }
    }
    report(case, "gluonic", args, own, 1, None);
    report(case, "limit", args, limit, 1, None);
    Ok(())
}

/// The arrays of a step: weight, gradient and two moments, each tensor in memory of its own.
struct Memory(Vec<[Vec<f32>; 4]>);

impl Memory {
    fn new(tensors: usize, size: usize) -> Memory {
        Memory((0..tensors).map(|_| std::array::from_fn(|_| vec![0.5; size])).collect())
    }

    /// Reads four numbers and writes three for each value, and hardly computes.
    fn pass(&mut self) {
        const PIECE: usize = 1 << 16;
        let a = black_box(0.9_f32);
        self.0.par_iter_mut().for_each(|[w, g, m, v]| {
            let pieces = w.par_chunks_mut(PIECE).zip(g.par_chunks(PIECE));
            let moments = m.par_chunks_mut(PIECE).zip(v.par_chunks_mut(PIECE));
            pieces.zip(moments).for_each(|((w, g), (m, v))| {
                for (((w, g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
                    *m = a * *m + *g;
                    *v = a * *v + *g;
                    *w -= *m;
                }
            });
        });
    }
}
