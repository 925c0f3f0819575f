//! The fused dense layer: `act(x · Wᵀ + b)`.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Flat, compute_type, edges, output};
use crate::array::{Buf, NdArray, for_float};
use crate::autograd::{Op, Sinks};
use crate::cpu::dense::{Act, activate, activate_grad, fill_rows};
use crate::cpu::gemm::{Matrix, product};
use crate::cpu::reduce;
use crate::error::{Error, Result};
use crate::shape::Dims;

/// The shape rule: rows, input width, output width.
fn plan(x: &Dims, weight: &Dims, bias: Option<&Dims>) -> Result<(usize, usize, usize)> {
    let fail =
        || Error::Dense { input: x.into(), weight: weight.into(), bias: bias.map(Into::into) };
    let ([lead @ .., width], [units, in_units]) = (&**x, &**weight) else { return Err(fail()) };
    if width != in_units || bias.is_some_and(|bias| **bias != [*units]) {
        return Err(fail());
    }
    Ok((lead.iter().product(), *in_units, *units))
}

struct DenseNode {
    x: Flat,
    weight: Flat,
    y: Option<(Act, Arc<Buf>)>,
    m: usize,
    k: usize,
    n: usize,
}

impl Op for DenseNode {
    fn backward(&self, mut grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let (m, k, n) = (self.m, self.k, self.n);
        for_float!(grad.dtype(), T => {
            if let Some((act, y)) = &self.y {
                grad = Arc::new(Buf::new::<T>(grad.len(), |out| {
                    activate_grad(*act, out, false, grad.slice(), y.slice());
                }));
            }
            let g = grad.slice::<T>();
            // dW = gᵀ · x, db = Σ rows of g, dx = g · W, each straight into its destination.
            sinks.write::<T>(1, n * k, |out, add| {
                let x = Matrix::rows(self.x.slice(), k);
                product((n, k, m), out, add, Matrix::rows(g, n).transposed(), x);
            })?;
            if sinks.edges.len() > 2 {
                sinks.write::<T>(2, n, |out, add| reduce::sum_axis(out, add, g, m, n))?;
            }
            sinks.write::<T>(0, m * k, |out, add| {
                let weight = Matrix::rows(self.weight.slice(), k);
                product((m, k, n), out, add, Matrix::rows(g, n), weight);
            })
        })
    }
}

/// `x · Wᵀ + b` along the last axis of `x`.
///
/// # Shapes
/// `x` is `(…, in_units)`, `weight` `(units, in_units)`, `bias` `(units,)`; the result is
/// `(…, units)`.
///
/// # Errors
/// [`Error::Dense`] if the sizes do not fit; [`Error::DTypeMismatch`] if the element types differ,
/// [`Error::NoArithmetic`] if they are not floating-point.
#[doc(alias = "linear", alias = "FullyConnected")]
pub fn dense(x: &NdArray, weight: &NdArray, bias: Option<&NdArray>) -> Result<NdArray> {
    dense_act(x, weight, bias, None)
}

/// [`dense`] with an activation, in one pass.
pub(crate) fn dense_act(
    x: &NdArray,
    weight: &NdArray,
    bias: Option<&NdArray>,
    act: Option<Act>,
) -> Result<NdArray> {
    let (m, k, n) = plan(x.dims(), weight.dims(), bias.map(NdArray::dims))?;
    let inputs: SmallVec<[&NdArray; 3]> = [x, weight].into_iter().chain(bias).collect();
    let compute = compute_type("dense", &inputs)?;
    let mut dims = x.dims().clone();
    let last = dims.len() - 1;
    dims.as_mut()[last] = n;
    if let Some(shape) = NdArray::planned(&dims, x.dtype())? {
        return Ok(shape);
    }
    let edges = edges(&inputs)?;
    let (xs, ws) = (Flat::new(x)?, Flat::new(weight)?);
    let bs = bias.map(Flat::new).transpose()?;
    let y = Arc::new(for_float!(compute, T => Buf::new::<T>(m * n, |y| {
        if let Some(bs) = &bs {
            fill_rows(y, bs.slice::<T>());
        }
        let weight = Matrix::rows(ws.slice(), k).transposed();
        product((m, n, k), y, bs.is_some(), Matrix::rows(xs.slice::<T>(), k), weight);
        if let Some(act) = act {
            activate(act, y);
        }
    })));
    Ok(output(y.clone(), x.dtype(), dims, edges, || {
        Box::new(DenseNode { x: xs, weight: ws, y: act.map(|act| (act, y)), m, k, n })
    }))
}
