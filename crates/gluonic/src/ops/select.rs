//! A choice between two arrays, element by element.

use std::borrow::Cow;
use std::sync::Arc;

use super::binary::sum_to;
use super::{edges, output};
use crate::array::{
    Buf, Compute, Element, NdArray, View, broadcast_dims, for_dtype, for_float, gather,
};
use crate::autograd::{Op, Sinks};
use crate::cpu::gather as kernel;
use crate::error::{Error, Result};
use crate::shape::Dims;

struct SelectNode {
    condition: Vec<bool>,
    dims: Dims,
    x_dims: Dims,
    y_dims: Dims,
}

impl Op for SelectNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => {
            self.side::<T>(0, &grad, sinks)?;
            self.side::<T>(1, &grad, sinks)
        })
    }
}

impl SelectNode {
    fn side<T: Compute>(&self, i: usize, grad: &Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        if !sinks.wanted(i) {
            return Ok(());
        }
        let to = if i == 0 { &self.x_dims } else { &self.y_dims };
        let fill = |out: &mut [T], add: bool| {
            kernel::select_grad(out, add, grad.slice(), &self.condition, i == 0);
        };
        if self.dims == *to {
            return sinks.write(i, grad.len(), fill);
        }
        let whole = Arc::new(Buf::new::<T>(grad.len(), |out| fill(out, false)));
        sum_to::<T>(sinks, i, &whole, &self.dims, to)
    }
}

/// The elements as they are stored, broadcast to `dims`.
pub(super) fn stored<'a, T: Element>(buf: &'a Buf, view: &View, dims: &Dims) -> Cow<'a, [T]> {
    if view.dims == *dims && view.is_contiguous() {
        return Cow::Borrowed(&buf.slice::<T>()[view.offset..][..dims.elem_count()]);
    }
    Cow::Owned(gather(buf.slice::<T>(), &view.broadcast(dims).expect("`dims` fits all")))
}

/// Which elements are not 0, broadcast to `dims`. A NaN is not 0.
pub(super) fn truths(condition: &NdArray, dims: &Dims) -> Result<Vec<bool>> {
    let buf = condition.cell.snapshot()?;
    Ok(for_dtype!(condition.dtype(), T => {
        let values = stored::<T>(&buf, &condition.view, dims);
        values.iter().map(|value| *value != T::default()).collect()
    }))
}

impl NdArray {
    /// `x` where this array is true (for numbers: not 0; a NaN is true), `y` elsewhere, with
    /// NumPy's broadcasting of all three.
    ///
    /// The element that is not chosen has the gradient 0, whatever it is: also where it is NaN or
    /// infinite. The condition has no gradient.
    ///
    /// # Errors
    /// [`Error::Broadcast`] if the sizes do not fit, [`Error::DTypeMismatch`] if the element types
    /// of `x` and `y` differ.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::from_slice(&[-1.0_f32, 2.0], 2)?;
    /// let zero = NdArray::scalar(0.0_f32);
    /// assert_eq!(x.gt(&zero)?.select(&x, &zero)?.to_vec::<f32>()?, [0.0, 2.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// NumPy and MXNet 1.9.1, `where`.
    #[doc(alias = "where", alias = "where_cond")]
    pub fn select(&self, x: &NdArray, y: &NdArray) -> Result<NdArray> {
        y.expect_dtype(x.dtype())?;
        let fail = |left: &Dims, right: &Dims| Error::Broadcast {
            op: "select",
            left: left.into(),
            right: right.into(),
        };
        let values = broadcast_dims(x.dims(), y.dims()).ok_or_else(|| fail(x.dims(), y.dims()))?;
        let dims =
            broadcast_dims(self.dims(), &values).ok_or_else(|| fail(self.dims(), &values))?;
        if let Some(shape) = NdArray::planned(&dims, x.dtype())? {
            return Ok(shape);
        }
        let edges = edges(&[x, y])?.beside(self)?;
        let condition = truths(self, &dims)?;
        let (xs, ys) = (x.cell.snapshot()?, y.cell.snapshot()?);
        let buf = for_dtype!(x.dtype(), T => Buf::new::<T>(dims.elem_count(), |out| {
            let xs = stored::<T>(&xs, &x.view, &dims);
            let ys = stored::<T>(&ys, &y.view, &dims);
            kernel::select(out, &condition, &xs, &ys);
        }));
        Ok(output(Arc::new(buf), x.dtype(), dims.clone(), edges, || {
            let (x_dims, y_dims) = (x.dims().clone(), y.dims().clone());
            Box::new(SelectNode { condition, dims, x_dims, y_dims })
        }))
    }
}
