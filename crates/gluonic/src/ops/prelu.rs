//! The leaky rectifier whose slope is learned.

use std::sync::Arc;

use super::conv::scratch;
use super::{Flat, compute_type, edges, output};
use crate::array::{Buf, NdArray, for_float};
use crate::autograd::{Op, Sinks};
use crate::cpu::norm::{ByChannel, map, sums};
use crate::error::{Error, Result};

struct PreluNode {
    sizes: ByChannel,
    x: Flat,
    alpha: Flat,
}

impl Op for PreluNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let sizes = self.sizes;
        for_float!(grad.dtype(), T => {
            let (x, g, alpha) = (self.x.slice::<T>(), grad.slice::<T>(), self.alpha.slice::<T>());
            sinks.write::<T>(1, sizes.channels, |out, add| {
                if !add {
                    out.fill(0.0);
                }
                let memory = if sizes.inner == 1 { sizes.len() } else { sizes.partial() };
                scratch::<T>(memory, &mut |memory| {
                    sums(sizes, out, (x, g), [alpha, alpha], memory, |x, g, _| {
                        if x > T::default() { T::default() } else { g * x }
                    });
                });
            })?;
            sinks.write::<T>(0, x.len(), |out, add| {
                map(sizes, out, add, (x, g), [alpha; 4], |x, g, [a, ..]| {
                    if x > T::default() { g } else { a * g }
                });
            })
        })
    }
}

/// The leaky rectifier with a slope that is learned: `x` above 0, `alpha · x` elsewhere.
///
/// # Shapes
/// `alpha` is `(1,)`, or `(channels,)` for the channels on axis 1 of `x`.
///
/// # Errors
/// [`Error::Misfit`] if `alpha` does not fit; [`Error::DTypeMismatch`] and
/// [`Error::NoArithmetic`].
///
/// # Source
/// He et al. (2015), "Delving deep into rectifiers", equation 1.
pub fn prelu(x: &NdArray, alpha: &NdArray) -> Result<NdArray> {
    let compute = compute_type("prelu", &[x, alpha])?;
    let n = x.elem_count();
    let sizes = match (&**alpha.dims(), x.dims().get(1)) {
        ([1], _) => ByChannel { outer: 1, channels: 1, inner: n },
        ([channels], Some(found)) if channels == found => {
            let inner = x.dims()[2..].iter().product();
            ByChannel { outer: x.dims()[0], channels: *channels, inner }
        }
        (_, found) => {
            let needs = match found {
                Some(found) => format!("alpha {} is neither (1,) nor ({found},)", alpha.dims()),
                None => format!("alpha {} is not (1,)", alpha.dims()),
            };
            let (op, needs) = ("prelu", needs.into());
            return Err(Error::Misfit { op, input: x.dims().into(), needs });
        }
    };
    if let Some(shape) = NdArray::planned(x.dims(), x.dtype())? {
        return Ok(shape);
    }
    let edges = edges(&[x, alpha])?;
    let (flat, slope) = (Flat::new(x)?, Flat::new(alpha)?);
    let y = for_float!(compute, T => Buf::new::<T>(n, |y| {
        let (x, alpha) = (flat.slice::<T>(), slope.slice::<T>());
        map(sizes, y, false, (x, x), [alpha; 4], |x, _, [a, ..]| {
            if x > T::default() { x } else { a * x }
        });
    }));
    Ok(output(Arc::new(y), x.dtype(), x.dims().clone(), edges, || {
        Box::new(PreluNode { sizes, x: flat, alpha: slope })
    }))
}
