//! Parts of an array that share its memory.

use std::sync::Arc;

use ndarray::SliceInfoElem;

use super::{edges, track};
use crate::array::{Buf, NdArray, View, for_each_row, for_float};
use crate::autograd::{Op, Sinks, Track};
use crate::cpu::elementwise::add_into;
use crate::error::Result;

pub(super) struct SliceNode {
    /// The layout of the part inside the input's gradient; no element is there twice.
    pub(super) part: View,
    pub(super) n: usize,
}

impl Op for SliceNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => sinks.write::<T>(0, self.n, |out, add| {
            if !add {
                out.fill(0.0);
            }
            let mut rest = grad.slice::<T>();
            for_each_row(&self.part, |start, stride, n| {
                let (row, tail) = rest.split_at(n);
                rest = tail;
                if stride == 1 {
                    return add_into(&mut out[start as usize..][..n], row);
                }
                for (i, g) in (0..n as isize).zip(row) {
                    out[(start + i * stride) as usize] += *g;
                }
            });
        }))
    }
}

impl NdArray {
    /// The part that an index expression selects, as NumPy's basic indexing: numbers (negative
    /// ones count from the end), ranges with a step, new axes; axes not named are taken whole.
    /// Shares the memory: an edit of the part is an edit of the whole. A range with a negative
    /// step is walked from its end.
    ///
    /// # Errors
    /// [`Error::Index`](crate::Error::Index) if a number is out of range or there are more than
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
        let track = if edges.is_recorded() {
            let part = View::new(self.dims().clone()).slice(index)?;
            track(edges, || Box::new(SliceNode { part, n: self.elem_count() }))
        } else {
            Track::None
        };
        Ok(NdArray { track, ..self.with_view(view) })
    }

    /// The part of the first axis at `i`: a row of a matrix. Shares the memory.
    ///
    /// # Errors
    /// [`Error::Index`](crate::Error::Index) if there is no such row.
    pub fn row(&self, i: isize) -> Result<NdArray> {
        self.slice([SliceInfoElem::Index(i)])
    }
}
