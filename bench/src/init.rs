//! Filling large arrays with random values, beside writing one value to as many places.

use std::hint::black_box;

use gluonic::init::{InitDesc, Initializer, Layout, Normal, Uniform};
use gluonic::prelude::*;
use gluonic::random::Address;
use rayon::prelude::*;

use crate::{Args, race};

const N: usize = 100_000_000;

pub fn run(args: &Args) {
    let (uniform, normal) = (Uniform::default(), Normal::default());
    let laws: [(&str, &dyn Initializer); 2] = [("uniform", &uniform), ("normal", &normal)];
    let address = Address::new(7, "weight");
    let desc = InitDesc {
        name: "weight".into(),
        path: "weight".into(),
        dims: N.into(),
        dtype: DType::F32,
        layout: Layout::Dense,
    };
    for (law, init) in laws {
        let existing = format!("{law}_1e8");
        if existing.contains(&args.filter) {
            let data = NdArray::ones(N, DType::F32).expect("memory for the array");
            let mut memory = vec![1.0_f32; N];
            race(
                &existing,
                args,
                &mut [
                    ("gluonic", &mut || {
                        init.init_weight(&desc, &data, &address).expect("it draws")
                    }),
                    ("limit", &mut || fill(&mut memory, args.threads)),
                ],
            );
        }
        let fresh = format!("{law}_1e8_fresh");
        if fresh.contains(&args.filter) {
            race(
                &fresh,
                args,
                &mut [
                    ("gluonic", &mut || {
                        let data = NdArray::zeros(N, DType::F32).expect("memory for the array");
                        init.init_weight(&desc, &data, &address).expect("it draws");
                        black_box(data);
                    }),
                    ("limit", &mut || {
                        let mut memory = vec![0.0_f32; N];
                        fill(&mut memory, args.threads);
                        black_box(memory);
                    }),
                ],
            );
        }
    }
}

/// The memory traffic alone.
fn fill(memory: &mut [f32], threads: usize) {
    let part = memory.len().div_ceil(threads);
    memory.par_chunks_mut(part).for_each(|part| part.fill(black_box(0.5)));
}
