//! Norms, variances and the logarithm of a sum of exponentials, over all axes or some.

use std::sync::Arc;

use super::reduce::{Plan, arranged, plan};
use super::{Flat, compute_type, edges, output};
use crate::array::{Buf, Compute, NdArray, View, for_float, gather};
use crate::autograd::{Op, Sinks};
use crate::cpu::{Float, elementwise, reduce as kernel};
use crate::error::Result;
use crate::shape::Dims;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fold {
    L1,
    L2,
    LogSumExp,
}

impl Fold {
    fn name(self) -> &'static str {
        match self {
            Fold::L1 => "l1_norm",
            Fold::L2 => "l2_norm",
            Fold::LogSumExp => "logsumexp",
        }
    }

    /// Folds the middle axis of an `(outer, n, inner)` array.
    fn run<T: Compute>(self, out: &mut [T], x: &[T], n: usize, inner: usize) {
        let sum_of = |out: &mut [T], f: fn(T) -> T| {
            let terms = Buf::new::<T>(x.len(), |terms| elementwise::map(terms, x, f));
            kernel::sum_axis(out, false, terms.slice(), n, inner);
        };
        match self {
            Fold::L1 => sum_of(out, T::abs),
            Fold::L2 => {
                sum_of(out, |x| x * x);
                for out in out {
                    *out = out.sqrt();
                }
            }
            Fold::LogSumExp => kernel::log_sum_exp(out, x, n, inner),
        }
    }
}

struct FoldNode {
    fold: Fold,
    x: Flat,
    y: Arc<Buf>,
    dims: Dims,
    kept_dims: Dims,
}

impl Op for FoldNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let view = View::new(self.kept_dims.clone()).broadcast(&self.dims).expect("sizes of 1");
        for_float!(grad.dtype(), T => {
            let (x, y, g) = (self.x.slice::<T>(), self.y.slice::<T>(), grad.slice::<T>());
            sinks.write::<T>(0, x.len(), |out, add| match self.fold {
                Fold::L1 => {
                    let sign = |x: T| if x > T::ZERO {
                        T::ONE
                    } else if x < T::ZERO {
                        -T::ONE
                    } else {
                        x
                    };
                    elementwise::zip(out, add, &gather(g, &view), x, |g, x| g * sign(x));
                }
                Fold::L2 => {
                    let ratio = |(g, y): (&T, &T)| if *y == T::ZERO { T::ZERO } else { *g / *y };
                    let ratios: Vec<T> = g.iter().zip(y).map(ratio).collect();
                    elementwise::zip(out, add, &gather(&ratios, &view), x, |r, x| r * x);
                }
                Fold::LogSumExp => {
                    let (g, y) = (gather(g, &view), gather(y, &view));
                    elementwise::zip3(out, add, &g, x, &y, |g, x, y| {
                        if y == T::NEG_INFINITY { T::ZERO } else { g * (x - y).exp() }
                    });
                }
            })
        })
    }
}

impl NdArray {
    /// The sum of absolute values over `axes` (none means all), as [`NdArray::sum_axes`]. The
    /// derivative at 0 is 0.
    ///
    /// # Errors
    /// As [`NdArray::sum_axes`].
    pub fn l1_norm(&self, axes: &[isize], keep_dims: bool) -> Result<NdArray> {
        self.fold(Fold::L1, axes, keep_dims)
    }

    /// The Euclidean norm `√Σx²` over `axes` (none means all), as [`NdArray::sum_axes`]. The
    /// derivative where the norm is 0 is 0, as in PyTorch; in MXNet it is NaN.
    ///
    /// # Errors
    /// As [`NdArray::sum_axes`].
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::from_slice(&[3.0_f32, 4.0], 2)?;
    /// assert_eq!(x.l2_norm(&[], false)?.to_scalar::<f32>()?, 5.0);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    #[doc(alias = "norm")]
    pub fn l2_norm(&self, axes: &[isize], keep_dims: bool) -> Result<NdArray> {
        self.fold(Fold::L2, axes, keep_dims)
    }

    /// `log Σ exp(x)` over `axes` (none means all), as [`NdArray::sum_axes`], with the maximum
    /// taken out first, so that no finite input overflows. Of no elements, and of elements that
    /// all are -∞, it is -∞, with the gradient 0.
    ///
    /// # Errors
    /// As [`NdArray::sum_axes`].
    pub fn logsumexp(&self, axes: &[isize], keep_dims: bool) -> Result<NdArray> {
        self.fold(Fold::LogSumExp, axes, keep_dims)
    }

    /// The variance over `axes` (none means all): the mean squared distance from the mean, with
    /// `n - correction` for `n` in the mean, so 0 for the biased variance that batch normalization
    /// takes and 1 for the unbiased one. NaN if there are not more than `correction` elements.
    ///
    /// # Errors
    /// As [`NdArray::sum_axes`].
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::from_slice(&[1.0_f32, 3.0], 2)?;
    /// assert_eq!(x.var_axes(&[], 0, false)?.to_scalar::<f32>()?, 1.0);
    /// assert_eq!(x.var_axes(&[], 1, false)?.to_scalar::<f32>()?, 2.0);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// NumPy, `var`, where `correction` is `ddof`.
    pub fn var_axes(&self, axes: &[isize], correction: usize, keep_dims: bool) -> Result<NdArray> {
        let compute = compute_type("var_axes", &[self])?;
        let plan = plan("var_axes", self.dims(), axes)?;
        let x = if compute == self.dtype() { self.clone() } else { self.cast(compute)? };
        let squares = (&x - &x.mean_axes(axes, true)?)?.square()?;
        let n = plan.n.checked_sub(correction).filter(|n| *n > 0);
        let factor = n.map_or(f64::NAN, |n| 1.0 / n as f64);
        let var = (&squares.sum_axes(axes, keep_dims)? * factor)?;
        if compute == self.dtype() { Ok(var) } else { var.cast(self.dtype()) }
    }

    fn fold(&self, fold: Fold, axes: &[isize], keep_dims: bool) -> Result<NdArray> {
        let compute = compute_type(fold.name(), &[self])?;
        let plan: Plan = plan(fold.name(), self.dims(), axes)?;
        if let Some(shape) = NdArray::planned(plan.output(keep_dims), self.dtype())? {
            return Ok(shape);
        }
        let edges = edges(&[self])?;
        let flat = Flat::new(self)?;
        let y = Arc::new(for_float!(compute, T => {
            let moved = arranged::<T>(&flat, self.dims(), &plan);
            Buf::new::<T>(plan.dims.elem_count(), |out| {
                fold.run(out, moved.as_deref().unwrap_or(flat.slice()), plan.n, plan.inner);
            })
        }));
        let dims = plan.output(keep_dims).clone();
        Ok(output(y.clone(), self.dtype(), dims, edges, || {
            let (dims, kept_dims) = (self.dims().clone(), plan.kept_dims);
            Box::new(FoldNode { fold, x: flat, y, dims, kept_dims })
        }))
    }
}
