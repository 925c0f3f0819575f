//! Steps of training and of averages allocate nothing after the first.
//!
//! A binary of its own, since it counts the allocations of its threads.
#![allow(clippy::unwrap_used, unsafe_code, missing_docs)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use gluonic::prelude::*;
use gluonic::{Average, optim};

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; only their number is kept.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending counts no more.
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[track_caller]
fn check(name: &str, dtype: DType) {
    let parameters: Vec<Parameter> = [vec![], vec![0], vec![600], vec![7, 9], vec![2, 3, 4]]
        .into_iter()
        .enumerate()
        .map(|(i, dims)| {
            let spec = ParamSpec::new(dims.as_slice()).dtype(dtype);
            Parameter::with_spec(format!("w{i}"), &spec)
        })
        .collect();
    parameters.iter().try_for_each(Parameter::initialize).unwrap();
    let settings = [("multi_precision", true.into())];
    let mut trainer = Trainer::of(&parameters, optim::create(name, &settings).unwrap()).unwrap();
    for step in 0..3 {
        for parameter in &parameters {
            let loss = autograd::record(|| parameter.data()?.square()).unwrap();
            loss.backward().unwrap();
        }
        let before = COUNT.get();
        trainer.step(1).unwrap();
        let count = COUNT.get() - before;
        assert!(step == 0 || count == 0, "{name} {dtype}: {count} in step {step}");
    }
}

#[test]
fn an_update_of_averages_allocates_nothing_after_the_first() {
    for dtype in [DType::F32, DType::F64, DType::F16, DType::I32] {
        let mut params = ParameterDict::new("");
        for (i, dims) in [vec![], vec![0], vec![600], vec![7, 9], vec![2, 3, 4]].iter().enumerate()
        {
            let spec = ParamSpec::new(dims.as_slice()).dtype(dtype);
            let parameter = Parameter::with_spec(format!("w{i}"), &spec);
            parameter.initialize_with(&init::One, Reinit::Keep).unwrap();
            params.insert(&parameter).unwrap();
        }
        let averages = [Average::swa(&params), Average::ema_with_warm_up(&params, 0.9).unwrap()];
        for mut average in averages {
            for update in 0..3 {
                let before = COUNT.get();
                average.update().unwrap();
                let count = COUNT.get() - before;
                assert!(update == 0 || count == 0, "{dtype}: {count} in update {update}");
                average.swap(|| Ok(())).unwrap();
            }
        }
    }
}

#[test]
fn a_step_allocates_nothing_after_the_first() {
    for name in [
        "sgd",
        "nag",
        "adam",
        "adamw",
        "adamax",
        "nadam",
        "rmsprop",
        "adagrad",
        "adadelta",
        "ftrl",
        "ftml",
        "lamb",
        "lars",
        "signum",
        "sgld",
        "lion",
        "adafactor",
    ] {
        for dtype in [DType::F32, DType::F64, DType::F16] {
            if (name, dtype) != ("adafactor", DType::F16) {
                check(name, dtype);
            }
        }
    }
}
