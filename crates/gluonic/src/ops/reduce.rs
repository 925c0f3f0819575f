//! Sums, means, and the largest and smallest elements, over all axes or some.

use std::sync::Arc;

use super::{Flat, compute_type, edges, output, resolve_axis};
use crate::array::{Buf, DType, Element, NdArray, Scalar, View, for_float, for_integer, gather};
use crate::autograd::{Op, Sinks};
use crate::cpu::number::{self, Arith};
use crate::cpu::{Float, reduce as kernel};
use crate::error::{Error, Result};
use crate::shape::Dims;

/// The shape rule of a reduction: the input seen as `(outer, n, inner)`, where the middle axis
/// goes, after the axes have been brought into the order `order`.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) order: Vec<usize>,
    in_place: bool,
    pub(super) n: usize,
    pub(super) inner: usize,
    /// The sizes of the result without and with the reduced axes.
    pub(super) dims: Dims,
    pub(super) kept_dims: Dims,
}

impl Plan {
    pub(super) fn output(&self, keep_dims: bool) -> &Dims {
        if keep_dims { &self.kept_dims } else { &self.dims }
    }
}

pub(super) fn plan(op: &'static str, dims: &Dims, axes: &[isize]) -> Result<Plan> {
    let mut reduced = vec![axes.is_empty(); dims.len()];
    for &axis in axes {
        let resolved = resolve_axis(op, axis, dims.len())?;
        if std::mem::replace(&mut reduced[resolved], true) {
            return Err(Error::Axis { op, axis, rank: dims.len() });
        }
    }
    let all = || 0..dims.len();
    let n = all().filter(|&a| reduced[a]).map(|a| dims[a]).product();
    // One run of reduced axes can be summed where it lies; else it is moved to the end.
    let first = all().find(|&a| reduced[a]).unwrap_or(dims.len());
    let end = all().rev().find(|&a| reduced[a]).map_or(dims.len(), |a| a + 1);
    let in_place = (first..end).all(|a| reduced[a]);
    let order = all().filter(|&a| !reduced[a]).chain(all().filter(|&a| reduced[a])).collect();
    let inner = if in_place { dims[end..].iter().product() } else { 1 };
    let kept: Vec<usize> = all().filter(|&a| !reduced[a]).map(|a| dims[a]).collect();
    let kept_dims: Vec<usize> = all().map(|a| if reduced[a] { 1 } else { dims[a] }).collect();
    Ok(Plan { order, in_place, n, inner, dims: kept.into(), kept_dims: kept_dims.into() })
}

/// The input as `(outer, n, inner)`, moved if its reduced axes are apart.
pub(super) fn arranged<T: Element>(flat: &Flat, dims: &Dims, plan: &Plan) -> Option<Vec<T>> {
    (!plan.in_place)
        .then(|| gather(flat.slice::<T>(), &View::new(dims.clone()).permute(&plan.order)))
}

struct SumNode {
    dims: Dims,
    kept_dims: Dims,
    scale: f64,
}

impl Op for SumNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let view = View::new(self.kept_dims.clone()).broadcast(&self.dims).expect("sizes of 1");
        for_float!(grad.dtype(), T => {
            sinks.write::<T>(0, self.dims.elem_count(), |out, add| {
                let (grad, scale) = (grad.slice::<T>(), T::of(self.scale));
                let mut rest = &mut *out;
                crate::array::for_each_row(&view, |start, stride, n| {
                    let (row, tail) = std::mem::take(&mut rest).split_at_mut(n);
                    rest = tail;
                    for (i, out) in row.iter_mut().enumerate() {
                        let value = grad[(start + i as isize * stride) as usize] * scale;
                        *out = if add { *out + value } else { value };
                    }
                });
            })
        })
    }
}

struct BestNode {
    x: Flat,
    y: Arc<Buf>,
    dims: Dims,
    kept_dims: Dims,
    plan: Plan,
}

impl Op for BestNode {
    /// Elements that share the best value share its gradient.
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let view = View::new(self.kept_dims.clone()).broadcast(&self.dims).expect("sizes of 1");
        for_float!(grad.dtype(), T => {
            let x = self.x.slice::<T>();
            let best = gather(self.y.slice::<T>(), &view);
            let hits = |(x, best): (&T, &T)| x == best || (x.is_nan() && best.is_nan());
            let marks: Vec<T> =
                x.iter().zip(&best).map(|pair| if hits(pair) { T::ONE } else { T::ZERO }).collect();
            let moved = View::new(self.dims.clone()).permute(&self.plan.order);
            let grouped =
                if self.plan.in_place { marks.clone() } else { gather(&marks, &moved) };
            let mut counts = vec![T::ZERO; self.y.len()];
            kernel::sum_axis(&mut counts, false, &grouped, self.plan.n, self.plan.inner);
            let share: Vec<T> =
                grad.slice::<T>().iter().zip(&counts).map(|(g, n)| *g / *n).collect();
            let share = gather(&share, &view);
            sinks.write::<T>(0, x.len(), |out, add| {
                crate::cpu::elementwise::zip(out, add, &share, &marks, |g, mark| g * mark);
            })
        })
    }
}

impl NdArray {
    /// The sum of all elements, as a scalar. That of integers wraps; that of booleans is how many
    /// are true, as `int64`.
    ///
    /// # Errors
    /// [`Error::BeingEdited`] inside an edit of this array by the same thread.
    ///
    /// # Source
    /// Pairwise summation: Higham (1993), "The accuracy of floating point summation", §4.
    pub fn sum(&self) -> Result<NdArray> {
        self.reduce_sum("sum", &[], false, false)
    }

    /// The sum over `axes` (negative ones count from the end; none means all). The reduced axes
    /// stay, with size 1, when `keep_dims`.
    ///
    /// # Errors
    /// [`Error::Axis`] if an axis does not exist or is named twice; else as [`NdArray::sum`].
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::arange::<f32>(6).reshape((2, 3))?;
    /// assert_eq!(x.sum_axes(&[0], false)?.to_vec::<f32>()?, [3.0, 5.0, 7.0]);
    /// assert_eq!(x.sum_axes(&[-1], true)?.dims().to_string(), "(2, 1)");
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn sum_axes(&self, axes: &[isize], keep_dims: bool) -> Result<NdArray> {
        self.reduce_sum("sum", axes, keep_dims, false)
    }

    /// The mean of all elements, as a scalar; NaN if there are none.
    ///
    /// # Errors
    /// [`Error::NoArithmetic`] if the element type is not a floating-point one; else as
    /// [`NdArray::sum`].
    pub fn mean(&self) -> Result<NdArray> {
        self.reduce_sum("mean", &[], false, true)
    }

    /// The mean over `axes`, as [`NdArray::sum_axes`].
    ///
    /// # Errors
    /// As [`NdArray::mean`] and [`NdArray::sum_axes`].
    pub fn mean_axes(&self, axes: &[isize], keep_dims: bool) -> Result<NdArray> {
        self.reduce_sum("mean", axes, keep_dims, true)
    }

    /// The largest element, as a scalar. Elements that share the value share the gradient; a NaN
    /// is larger than everything.
    ///
    /// # Errors
    /// [`Error::Empty`] if there is no element; else as [`NdArray::sum`].
    pub fn max(&self) -> Result<NdArray> {
        self.reduce_best("max", &[], false)
    }

    /// The largest elements over `axes`, as [`NdArray::max`] and [`NdArray::sum_axes`].
    ///
    /// # Errors
    /// As [`NdArray::max`] and [`NdArray::sum_axes`].
    pub fn max_axes(&self, axes: &[isize], keep_dims: bool) -> Result<NdArray> {
        self.reduce_best("max", axes, keep_dims)
    }

    /// The smallest element, as [`NdArray::max`].
    ///
    /// # Errors
    /// As [`NdArray::max`].
    pub fn min(&self) -> Result<NdArray> {
        self.reduce_best("min", &[], false)
    }

    /// The smallest elements over `axes`, as [`NdArray::max_axes`].
    ///
    /// # Errors
    /// As [`NdArray::max_axes`].
    pub fn min_axes(&self, axes: &[isize], keep_dims: bool) -> Result<NdArray> {
        self.reduce_best("min", axes, keep_dims)
    }

    fn reduce_sum(
        &self,
        op: &'static str,
        axes: &[isize],
        keep_dims: bool,
        mean: bool,
    ) -> Result<NdArray> {
        let plan = plan(op, self.dims(), axes)?;
        if !mean && !self.dtype().is_float() {
            return self.reduce_integers(op, &plan, keep_dims, Arith::Add);
        }
        let compute = compute_type(op, &[self])?;
        if let Some(shape) = NdArray::planned(plan.output(keep_dims), self.dtype())? {
            return Ok(shape);
        }
        let edges = edges(&[self])?;
        let flat = Flat::new(self)?;
        let scale = if mean { 1.0 / plan.n as f64 } else { 1.0 };
        let buf = for_float!(compute, T => {
            let moved = arranged::<T>(&flat, self.dims(), &plan);
            Buf::new::<T>(plan.dims.elem_count(), |out| {
                let x = moved.as_deref().unwrap_or(flat.slice());
                kernel::sum_axis(out, false, x, plan.n, plan.inner);
                if mean {
                    let n = T::of(plan.n as f64);
                    for out in out {
                        *out /= n;
                    }
                }
            })
        });
        let dims = plan.output(keep_dims).clone();
        Ok(output(Arc::new(buf), self.dtype(), dims, edges, || {
            Box::new(SumNode { dims: self.dims().clone(), kept_dims: plan.kept_dims, scale })
        }))
    }

    fn reduce_best(&self, op: &'static str, axes: &[isize], keep_dims: bool) -> Result<NdArray> {
        let plan = plan(op, self.dims(), axes)?;
        if plan.n == 0 {
            return Err(Error::Empty { op, shape: self.dims().into() });
        }
        if !self.dtype().is_float() {
            let arith = if op == "max" { Arith::Maximum } else { Arith::Minimum };
            return self.reduce_integers(op, &plan, keep_dims, arith);
        }
        let compute = compute_type(op, &[self])?;
        if let Some(shape) = NdArray::planned(plan.output(keep_dims), self.dtype())? {
            return Ok(shape);
        }
        let edges = edges(&[self])?;
        let flat = Flat::new(self)?;
        let buf = Arc::new(for_float!(compute, T => {
            let moved = arranged::<T>(&flat, self.dims(), &plan);
            Buf::new::<T>(plan.dims.elem_count(), |out| {
                let x = moved.as_deref().unwrap_or(flat.slice());
                if op == "max" {
                    kernel::best_axis(out, x, plan.n, plan.inner, |a, b| a > b);
                } else {
                    kernel::best_axis(out, x, plan.n, plan.inner, |a, b| a < b);
                }
            })
        }));
        let dims = plan.output(keep_dims).clone();
        Ok(output(buf.clone(), self.dtype(), dims, edges, || {
            let kept_dims = plan.kept_dims.clone();
            Box::new(BestNode { x: flat, y: buf, dims: self.dims().clone(), kept_dims, plan })
        }))
    }

    /// A reduction of integers or booleans, which has no gradient. Sums and products wrap; the sum of
    /// booleans is their number, as `int64`.
    pub(super) fn reduce_integers(
        &self,
        op: &'static str,
        plan: &Plan,
        keep_dims: bool,
        arith: Arith,
    ) -> Result<NdArray> {
        if self.dtype() == DType::Bool && op == "sum" {
            return self.cast(DType::I64)?.reduce_integers(op, plan, keep_dims, arith);
        }
        let dims = plan.output(keep_dims);
        if let Some(shape) = NdArray::planned(dims, self.dtype())? {
            return Ok(shape);
        }
        let flat = Flat::stored(self)?;
        let buf = for_integer!(self.dtype(), T => {
            let moved = arranged::<T>(&flat, self.dims(), plan);
            let x = moved.as_deref().unwrap_or(flat.slice());
            Buf::new::<T>(dims.elem_count(), |out| {
                // What a sum or a product of nothing is.
                out.fill(T::from_scalar(Scalar::Int(i128::from(arith == Arith::Mul))));
                number::fold_axis(arith, out, x, plan.n, plan.inner);
            })
        });
        Ok(NdArray::from_buf_on(self.context(), buf, dims.clone()))
    }
}
