//! Gradients against differences.

use gluonic::nn::Block;
use gluonic::nn::rnn::CellConfig;
use gluonic::prelude::*;

use super::{KINDS, Layer, cell, config, fill, lengths, wave};
use crate::support::gradcheck::TOLERANCE;

/// Compares the gradients of everything that `leaves` names, a value and its gradient each, with
/// central differences of `loss`.
#[track_caller]
pub(crate) fn check_gradients(
    what: &str,
    loss: &dyn Fn() -> Result<NdArray>,
    leaves: &dyn Fn() -> Result<Vec<(NdArray, NdArray)>>,
) -> Result<()> {
    const STEP: f64 = 1e-5;
    autograd::record(loss)?.backward()?;
    let value = || loss()?.to_scalar::<f64>();
    for (i, (leaf, grad)) in leaves()?.into_iter().enumerate() {
        let grad = grad.to_f64_vec()?;
        let flat = leaf.detach().reshape(leaf.elem_count())?;
        for (at, found) in grad.into_iter().enumerate() {
            let moved = |by: f64| {
                let old = flat.slice(s![at as isize])?.to_scalar::<f64>()?;
                flat.set(s![at as isize], old + by)?;
                let moved = value();
                flat.set(s![at as isize], old)?;
                moved
            };
            let expected = (moved(STEP)? - moved(-STEP)?) / (2.0 * STEP);
            let error = (found - expected).abs() / found.abs().max(expected.abs()).max(1e-3);
            assert!(error <= TOLERANCE, "{what}: leaf {i}, element {at}: {expected}, {found}");
        }
    }
    Ok(())
}

/// The values of the parameters of a block, each with its gradient.
pub(crate) fn parameters_of(block: &dyn Block) -> Result<Vec<(NdArray, NdArray)>> {
    let params = block.collect_params()?;
    params.iter().map(|p| Ok((p.data()?, p.grad()?))).collect()
}

#[test]
fn gradients_of_layers_are_their_differences() -> Result<()> {
    for kind in KINDS {
        for (n_layers, bi, of) in
            [(1, false, None), (2, true, None), (2, true, Some([3_i64, 0, 1]))]
        {
            let layer = Layer::new(kind, &config(2, 2, n_layers, bi))?;
            fill(layer.block())?;
            let x = wave((3, 3, 2), 7)?.attach_grad(GradReq::Write)?;
            let info = layer.state_info(3).into_iter().enumerate();
            let states = info.map(|(i, dims)| wave(dims, 9 + i)?.attach_grad(GradReq::Write));
            let states = states.collect::<Result<Vec<_>>>()?;
            let of = of.map(|of| lengths(&of));
            let loss = || {
                let (y, last) = layer.call_with(&x, &states, of.as_ref())?;
                let mut loss = y.mul(&wave(y.dims(), 20)?)?.sum()?;
                for (i, last) in last.iter().enumerate() {
                    loss = loss.add(&last.mul(&wave(last.dims(), 30 + i)?)?.sum()?)?;
                }
                Ok(loss)
            };
            let leaves = || {
                let mut leaves = parameters_of(layer.block())?;
                for leaf in std::iter::once(&x).chain(&states) {
                    leaves.push((leaf.clone(), leaf.grad()?));
                }
                Ok(leaves)
            };
            check_gradients(&format!("{kind} {n_layers} {bi} {of:?}"), &loss, &leaves)?;
        }
    }
    Ok(())
}

#[test]
fn gradients_add_up_where_an_input_or_a_weight_is_used_twice() -> Result<()> {
    for kind in KINDS {
        let first = cell(
            kind,
            &CellConfig {
                hidden_size: 2,
                input_size: Some(2),
                dtype: DType::F64,
                ..CellConfig::default()
            },
        )?;
        let tied = cell(
            kind,
            &CellConfig {
                hidden_size: 2,
                input_size: Some(2),
                dtype: DType::F64,
                params: Some(first.params()),
                ..CellConfig::default()
            },
        )?;
        fill(first.as_dyn())?;
        let x = wave((3, 2), 5)?.attach_grad(GradReq::Write)?;
        let loss = || {
            // The input is also the first state.
            let states = vec![x.clone(); first.state_info(3).len()];
            let (y, states) = first.step(&x, &states)?;
            let (z, _) = tied.step(&y, &states)?;
            z.mul(&wave(z.dims(), 11)?)?.sum()
        };
        let leaves = || {
            let mut leaves = parameters_of(first.as_dyn())?;
            leaves.push((x.clone(), x.grad()?));
            Ok(leaves)
        };
        check_gradients(kind, &loss, &leaves)?;
    }
    Ok(())
}
