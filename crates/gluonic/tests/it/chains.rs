//! Graphs as deep as a program can make them: nothing recurses.

use std::thread;

use gluonic::prelude::*;

const DEPTH: usize = 100_000;
/// Far too small for a recursion of `DEPTH` levels, whatever a frame needs.
const STACK: usize = 256 * 1024;

fn leaf() -> Result<NdArray> {
    NdArray::from_slice(&[1.0_f64, -2.0], 2)?.attach_grad(GradReq::Write)
}

fn chain(x: &NdArray) -> Result<NdArray> {
    autograd::record(|| {
        let mut y = x.clone();
        for i in 0..DEPTH {
            y = match i % 4 {
                0 => &y + 1.0,
                1 => y.neg(),
                2 => &y + x,
                _ => y.reshape((2, 1))?.reshape(2),
            }?;
        }
        Ok(y)
    })
}

fn on_a_small_stack(f: fn() -> Result<()>) -> Result<()> {
    thread::Builder::new().stack_size(STACK).spawn(f).unwrap().join().unwrap()
}

fn forward_backward_drop() -> Result<()> {
    let x = leaf()?;
    let y = chain(&x)?;
    y.backward()?;
    assert_eq!(x.grad()?.to_vec::<f64>()?, expected());
    drop(y);
    Ok(())
}

/// The derivative by the rule of the chain, step by step.
fn expected() -> [f64; 2] {
    let mut derivative = 1.0;
    for i in 0..DEPTH {
        match i % 4 {
            1 => derivative = -derivative,
            2 => derivative += 1.0,
            _ => {}
        }
    }
    [derivative; 2]
}

#[test]
fn a_chain_of_a_hundred_thousand_operations_runs_forward_and_backward() -> Result<()> {
    forward_backward_drop()
}

#[test]
fn it_does_so_on_a_small_stack() -> Result<()> {
    on_a_small_stack(forward_backward_drop)
}

#[test]
fn it_can_be_dropped_without_a_backward_on_a_small_stack() -> Result<()> {
    on_a_small_stack(|| {
        drop(chain(&leaf()?)?);
        Ok(())
    })
}

#[test]
fn it_can_be_kept_and_dropped_after_a_backward_on_a_small_stack() -> Result<()> {
    on_a_small_stack(|| {
        let x = leaf()?;
        let y = chain(&x)?;
        autograd::Backward::new().retain_graph(true).run(&[&y])?;
        drop(y);
        assert_eq!(x.grad()?.to_vec::<f64>()?, expected());
        Ok(())
    })
}

#[test]
fn a_ladder_in_which_each_step_is_used_twice_takes_no_exponential_time() -> Result<()> {
    let x = leaf()?;
    let y = autograd::record(|| (0..1000).try_fold(x.clone(), |y, _| &(&y * 0.5)? + &(&y * 0.5)?))?;
    y.backward()?;
    assert_eq!(x.grad()?.to_vec::<f64>()?, [1.0, 1.0]);
    Ok(())
}
