//! Operations written by users.

use std::sync::Arc;

use super::graph::Op;
use super::sink::Sinks;
use super::{edges, pause, track};
use crate::array::{Buf, NdArray};
use crate::context::{self, Context};
use crate::error::{Error, Result};
use crate::shape::Dims;

/// An operation with a gradient of its own, written on arrays.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use gluonic::{NdArray, Result, autograd::{self, Function, GradReq, apply}};
///
/// /// Rounds, and pretends for the gradient that it did not.
/// struct StraightThrough;
///
/// impl Function for StraightThrough {
///     fn forward(&self, _keep: &mut Vec<NdArray>, inputs: &[NdArray]) -> Result<NdArray> {
///         let y = inputs[0].deep_clone()?;
///         y.map_inplace(f64::round)?;
///         Ok(y)
///     }
///     fn backward(&self, _keep: &[NdArray], grad: &NdArray, _wanted: &[bool]) -> Result<Vec<Option<NdArray>>> {
///         Ok(vec![Some(grad.clone())])
///     }
/// }
///
/// let x = NdArray::from_slice(&[0.4_f32, 1.6], 2)?.attach_grad(GradReq::Write)?;
/// let y = autograd::record(|| apply(&Arc::new(StraightThrough), &[x.clone()]))?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 2.0]);
/// y.backward()?;
/// assert_eq!(x.grad()?.to_vec::<f32>()?, [1.0, 1.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `autograd.py`, class `Function`.
pub trait Function: Send + Sync + 'static {
    /// Computes the output. Not recorded. What `backward` needs goes into `keep`, and is kept as
    /// it is now: a later edit does not reach it.
    ///
    /// # Errors
    /// Whatever goes wrong; [`apply`] hands it on.
    fn forward(&self, keep: &mut Vec<NdArray>, inputs: &[NdArray]) -> Result<NdArray>;

    /// Computes one gradient per input from that of the output, `None` standing for zeros. Those
    /// of which `wanted` is false are not used.
    ///
    /// # Errors
    /// Whatever goes wrong; [`backward`](super::backward) hands it on.
    fn backward(
        &self,
        keep: &[NdArray],
        grad: &NdArray,
        wanted: &[bool],
    ) -> Result<Vec<Option<NdArray>>>;

    /// The name in messages.
    fn name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }
}

/// Runs a user's operation and, under `record`, records it.
///
/// # Errors
/// What [`Function::forward`] returns; [`Error::StaleArray`] if an input was edited after it was
/// recorded.
pub fn apply<F: Function>(function: &Arc<F>, inputs: &[NdArray]) -> Result<NdArray> {
    let edges = edges(&inputs.iter().collect::<Vec<_>>())?;
    let mut keep = Vec::new();
    let context = edges.context;
    let output = context::with(context, || pause(|| function.forward(&mut keep, inputs)))?;
    if !edges.is_recorded() {
        return Ok(output.detach());
    }
    let frozen = keep.into_iter().map(|kept| {
        let snapshot = kept.cell.snapshot()?;
        let kept_on = kept.context();
        Ok(NdArray { view: kept.view, ..NdArray::from_buf_on(kept_on, snapshot, Dims::from(0)) })
    });
    let op = User {
        function: function.clone(),
        keep: frozen.collect::<Result<_>>()?,
        inputs: inputs.iter().map(|input| input.dims().clone()).collect(),
        output: output.dims().clone(),
        context,
    };
    Ok(NdArray { track: track(edges, || Box::new(op)), ..output.detach() })
}

struct User<F> {
    function: Arc<F>,
    keep: Vec<NdArray>,
    inputs: Vec<Dims>,
    output: Dims,
    context: Context,
}

impl<F: Function> Op for User<F> {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let wanted: Vec<bool> = (0..self.inputs.len()).map(|i| sinks.wanted(i)).collect();
        let compute = grad.dtype();
        let grad = NdArray::from_buf_on(self.context, grad, self.output.clone());
        let backward = || pause(|| self.function.backward(&self.keep, &grad, &wanted));
        let grads = context::with(self.context, backward)?;
        if grads.len() != self.inputs.len() {
            return Err(Error::FunctionGrads {
                function: self.function.name(),
                expected: self.inputs.len(),
                found: grads.len(),
            });
        }
        // Everything is checked before the first gradient is handed on.
        let mut checked = Vec::new();
        for (i, (grad, dims)) in grads.into_iter().zip(&self.inputs).enumerate() {
            let Some(grad) = grad.filter(|_| wanted[i]) else { continue };
            if grad.dims() != dims {
                return Err(Error::HeadShape { expected: dims.into(), found: grad.dims().into() });
            }
            let whole = if grad.is_whole() { grad } else { grad.deep_clone()? };
            let buf = whole.cell.snapshot()?;
            checked
                .push((i, if buf.dtype() == compute { buf } else { buf.convert(compute).into() }));
        }
        checked.iter().try_for_each(|(i, buf)| sinks.pass(*i, buf))
    }
}
