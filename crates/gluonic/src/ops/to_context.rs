//! From one context to another.

use std::sync::Arc;

use super::shape::PassNode;
use super::{Flat, edges, track};
use crate::array::{Buf, NdArray, for_dtype, shapes_only};
use crate::context::{self, Context};
use crate::error::Result;

impl NdArray {
    /// The same elements on another context: the array itself if it is there, else a copy. The
    /// gradient goes back to where the array is.
    ///
    /// # Memory
    /// Contexts share the memory of the machine, so that whole arrays are copied only when one of
    /// the two is edited.
    ///
    /// # Errors
    /// [`Error::BeingEdited`](crate::Error::BeingEdited) inside an edit of this array by the same
    /// thread; [`Error::StaleArray`](crate::Error::StaleArray) under `record`, if the array was
    /// edited after it was recorded.
    ///
    /// # Examples
    /// ```
    /// use gluonic::{Context, NdArray};
    /// let x = NdArray::arange::<f32>(3);
    /// let y = x.to_context(Context::cpu(1))?;
    /// y.fill(0.0)?;
    /// assert_eq!((y.context().to_string(), x.to_vec::<f32>()?), ("cpu(1)".into(), vec![0.0, 1.0, 2.0]));
    /// assert!(x.to_context(Context::cpu(0))?.same_memory(&x));
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `ndarray.py`, `NDArray.as_in_context`.
    #[doc(alias = "as_in_context", alias = "as_in_ctx", alias = "copyto", alias = "to_device")]
    pub fn to_context(&self, context: Context) -> Result<NdArray> {
        if self.context() == context {
            return Ok(self.clone());
        }
        if shapes_only() {
            return context::with(context, || NdArray::shape_only(self.dims(), self.dtype()));
        }
        let edges = edges(&[self])?;
        let buf = if self.is_whole() {
            self.cell.snapshot()?
        } else {
            let flat = Flat::stored(self)?;
            Arc::new(for_dtype!(self.dtype(), T => Buf::from_vec(flat.slice::<T>().to_vec())))
        };
        let track = track(edges, || Box::new(PassNode));
        Ok(NdArray { track, ..NdArray::from_buf_on(context, buf, self.dims().clone()) })
    }
}
