//! Activations with a slope or a scale, and those of the exponential and of the normal
//! distribution.

use std::sync::Arc;

use super::conv::scratch;
use super::unary::{Unary, unary};
use super::{Flat, compute_type, edges, output};
use crate::array::{Buf, Compute, NdArray, for_float, shapes_only};
use crate::autograd::{Op, Sinks};
use crate::cpu::dense::sigmoid;
use crate::cpu::norm::{ByChannel, map, sums};
use crate::error::{Error, Result};

#[derive(Clone, Copy)]
struct LeakyRelu(f64);

impl Unary for LeakyRelu {
    const NAME: &'static str = "leaky_relu";

    #[inline(always)]
    fn f<T: Compute>(self, x: T) -> T {
        if x > T::ZERO { x } else { T::of(self.0) * x }
    }

    #[inline(always)]
    fn df<T: Compute>(self, x: T) -> T {
        if x > T::ZERO { T::ONE } else { T::of(self.0) }
    }
}

/// `x` above 0, `slope · x` elsewhere; the derivative at 0 is `slope`, as in MXNet.
///
/// # Errors
/// [`Error::NoArithmetic`] if the element type is not a floating-point one.
///
/// # Source
/// Maas, Hannun and Ng (2013), "Rectifier nonlinearities improve neural network acoustic models",
/// §2.
pub fn leaky_relu(x: &NdArray, slope: f64) -> Result<NdArray> {
    unary(x, LeakyRelu(slope))
}

/// `scale · x` above 0, `scale · alpha · (eˣ - 1)` elsewhere.
#[derive(Clone, Copy)]
struct Elu {
    alpha: f64,
    scale: f64,
}

impl Unary for Elu {
    const NAME: &'static str = "elu";

    #[inline(always)]
    fn f<T: Compute>(self, x: T) -> T {
        let scale = T::of(self.scale);
        if x > T::ZERO { scale * x } else { scale * (T::of(self.alpha) * x.exp_m1()) }
    }

    #[inline(always)]
    fn df<T: Compute>(self, x: T) -> T {
        let scale = T::of(self.scale);
        if x > T::ZERO { scale } else { scale * (T::of(self.alpha) * x.exp()) }
    }
}

/// The exponential linear unit: `x` above 0, `alpha · (eˣ - 1)` elsewhere.
///
/// # Errors
/// [`Error::NoArithmetic`] if the element type is not a floating-point one.
///
/// # Source
/// Clevert, Unterthiner and Hochreiter (2016), "Fast and accurate deep network learning by
/// exponential linear units", equation 16.
pub fn elu(x: &NdArray, alpha: f64) -> Result<NdArray> {
    unary(x, Elu { alpha, scale: 1.0 })
}

/// The scaled exponential linear unit: [`elu`] with the `alpha` and the factor that keep mean 0 and
/// variance 1 from layer to layer.
///
/// # Errors
/// [`Error::NoArithmetic`] if the element type is not a floating-point one.
///
/// # Source
/// Klambauer et al. (2017), "Self-normalizing neural networks", equation 2 and §A1.
pub fn selu(x: &NdArray) -> Result<NdArray> {
    let (alpha, scale) = (1.673_263_242_354_377_2, 1.050_700_987_355_480_5);
    unary(x, Elu { alpha, scale })
}

#[derive(Clone, Copy)]
struct Gelu;

/// The distribution function of the normal distribution.
fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

impl Unary for Gelu {
    const NAME: &'static str = "gelu";

    fn f<T: Compute>(self, x: T) -> T {
        x * T::of(normal_cdf(x.into().to_f64()))
    }

    fn df<T: Compute>(self, x: T) -> T {
        let x = x.into().to_f64();
        let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
        // Far out 0 · ∞ would be NaN.
        let product = if density == 0.0 { 0.0 } else { x * density };
        T::of(normal_cdf(x) + product)
    }
}

/// The Gaussian error linear unit `x · Φ(x)`, Φ being the distribution function of the normal
/// distribution, exactly and not by the approximation with `tanh`.
///
/// # Errors
/// [`Error::NoArithmetic`] if the element type is not a floating-point one.
///
/// # Source
/// Hendrycks and Gimpel (2016), "Gaussian error linear units", §2.
pub fn gelu(x: &NdArray) -> Result<NdArray> {
    unary(x, Gelu)
}

#[derive(Clone, Copy)]
struct Swish(f64);

impl Unary for Swish {
    const NAME: &'static str = "swish";

    #[inline(always)]
    fn f<T: Compute>(self, x: T) -> T {
        x * sigmoid(T::of(self.0) * x)
    }

    #[inline(always)]
    fn df<T: Compute>(self, x: T) -> T {
        let beta = T::of(self.0);
        let s = sigmoid(beta * x);
        s + beta * x * (s * (T::ONE - s))
    }
}

/// `x · σ(beta · x)`, σ being the logistic function; with `beta` 1 also called SiLU.
///
/// # Errors
/// [`Error::NoArithmetic`] if the element type is not a floating-point one.
///
/// # Source
/// Ramachandran, Zoph and Le (2017), "Searching for activation functions", §4.
#[doc(alias = "silu")]
pub fn swish(x: &NdArray, beta: f64) -> Result<NdArray> {
    unary(x, Swish(beta))
}

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
    if shapes_only() {
        return NdArray::shape_only(x.dims(), x.dtype());
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
