//! Parts of an array that share its memory.

use std::sync::Arc;

use ndarray::SliceInfoElem;

use super::{edges, track};
use crate::array::{
    Buf, NdArray, View, for_dtype, for_each_row, for_float, gather_into, shapes_only,
};
use crate::autograd::{Op, Sinks};
use crate::error::{Error, Result};
use crate::shape::Dims;

struct SliceNode {
    /// The layout of the part inside the input's gradient.
    part: View,
    n: usize,
}

impl Op for SliceNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => sinks.write::<T>(0, self.n, |out, add| {
            if !add {
                out.fill(0.0);
            }
            let mut grads = grad.slice::<T>().iter();
            for_each_row(&self.part, |start, stride, n| {
                for (i, g) in (0..n as isize).zip(&mut grads) {
                    out[(start + i * stride) as usize] += *g;
                }
            });
        }))
    }
}

struct TakeNode {
    rows: Vec<usize>,
    width: usize,
    n: usize,
}

impl Op for TakeNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        let width = self.width;
        for_float!(grad.dtype(), T => sinks.write::<T>(0, self.n, |out, add| {
            if !add {
                out.fill(0.0);
            }
            for (row, grad) in self.rows.iter().zip(grad.slice::<T>().chunks_exact(width.max(1))) {
                crate::cpu::elementwise::add_into(&mut out[row * width..][..width], grad);
            }
        }))
    }
}

impl NdArray {
    /// The parts of the first axis at `rows`, in that order, repeated as often as they are named.
    ///
    /// # Memory
    /// A copy.
    ///
    /// # Errors
    /// [`Error::Index`] if there is no such row, or no axis.
    #[doc(alias = "index_select", alias = "gather")]
    pub fn take(&self, rows: &[usize]) -> Result<NdArray> {
        let bad = match self.dims().first() {
            None => Some("0".to_owned()),
            Some(n) => rows.iter().find(|row| *row >= n).map(ToString::to_string),
        };
        if let Some(index) = bad {
            return Err(Error::Index { index: index.into(), shape: self.dims().into() });
        }
        let mut dims = self.dims().clone();
        dims.as_mut()[0] = rows.len();
        if shapes_only() {
            return NdArray::shape_only(dims, self.dtype());
        }
        let edges = edges(&[self])?;
        let width = self.dims()[1..].iter().product();
        let buf = self.cell.snapshot()?;
        let taken = for_dtype!(self.dtype(), T => {
            let (all, first) = (buf.slice::<T>(), self.view.slice(&[SliceInfoElem::Index(0)]));
            let mut out = Vec::with_capacity(rows.len() * width);
            if let Ok(mut part) = first {
                let start = part.offset as isize;
                for row in rows {
                    part.offset = (start + *row as isize * self.view.strides[0]) as usize;
                    gather_into(all, &part, &mut out);
                }
            }
            Buf::from_vec(out)
        });
        let track = track(edges, || {
            Box::new(TakeNode { rows: rows.to_vec(), width, n: self.elem_count() })
        });
        Ok(NdArray { track, ..NdArray::from_buf(taken, dims) })
    }

    /// The part that an index expression selects, as NumPy's basic indexing: numbers (negative
    /// ones count from the end), ranges with a step, new axes; axes not named are taken whole.
    /// Shares the memory: an edit of the part is an edit of the whole. A range with a negative
    /// step is walked from its end.
    ///
    /// # Errors
    /// [`Error::Index`] if a number is out of range or there are more than
    /// there are axes.
    ///
    /// # Examples
    /// ```
    /// use gluonic::{NdArray, s};
    /// let x = NdArray::arange::<f32>(6).reshape((2, 3))?;
    /// assert_eq!(x.slice(s![-1, ..;2])?.to_vec::<f32>()?, [3.0, 5.0]);
    /// x.slice(s![.., 0])?.fill(9.0)?;
    /// assert_eq!(x.to_vec::<f32>()?, [9.0, 1.0, 2.0, 9.0, 4.0, 5.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn slice(&self, index: impl AsRef<[SliceInfoElem]>) -> Result<NdArray> {
        let index = index.as_ref();
        let view = self.view.slice(index)?;
        let edges = edges(&[self])?;
        let dims: Dims = self.dims().clone();
        let track = match edges {
            None => track(None, || unreachable!("nothing is recorded")),
            edges => {
                let part = View::new(dims).slice(index)?;
                track(edges, || Box::new(SliceNode { part, n: self.elem_count() }))
            }
        };
        Ok(NdArray { track, ..self.with_view(view) })
    }

    /// The part of the first axis at `i`: a row of a matrix. Shares the memory.
    ///
    /// # Errors
    /// [`Error::Index`] if there is no such row.
    pub fn row(&self, i: isize) -> Result<NdArray> {
        self.slice([SliceInfoElem::Index(i)])
    }
}
