//! Operations on arrays: one concept a file, each with its shape rule, its forward and its
//! backward side by side.
//!
//! All are methods of [`NdArray`] (or free functions where no operand comes first) and return
//! [`Result`]. Both operands have one element type; half-precision ones are computed in `f32`,
//! integers wrap.

mod activations;
mod arrange;
pub(crate) mod attention;
mod batch_norm;
mod binary;
mod compare;
pub(crate) mod conv;
pub(crate) mod conv_transpose;
mod ctc;
pub(crate) mod dense;
mod einsum;
mod embedding;
mod fold;
mod gather;
mod gather_nd;
mod index;
mod integer;
mod join;
mod layer_norm;
mod loss;
mod matmul;
mod operators;
mod order;
mod pick;
mod pool;
mod powers;
mod prelu;
mod product;
mod random;
mod reduce;
pub(crate) mod rnn;
mod rounding;
mod scan;
mod select;
mod shape;
mod smooth_l1;
mod softmax;
mod special;
mod to_context;
mod trigonometry;
mod unary;
mod window;

use std::sync::Arc;

pub use arrange::Pad;
pub use attention::{AttentionMask, scaled_dot_product_attention};
pub use batch_norm::{BatchNormed, batch_norm, batch_norm_by};
pub use conv::{ConvOptions, conv};
pub use conv_transpose::conv_transpose;
pub use dense::dense;
pub use einsum::{EinsumError, einsum};
pub use embedding::embedding;
pub use join::{concat, stack};
pub use layer_norm::{group_norm, instance_norm, layer_norm, rms_norm};
pub use order::Order;
pub use pick::Pick;
pub use pool::{PoolOptions, avg_pool, max_pool};
pub use prelu::prelu;
pub(crate) use unary::activation;

pub(crate) use random::dropout_from;
pub use random::{draw, draw_at, draw_from, dropout, integers, normal, permutation, uniform};

use crate::array::{Buf, DType, NdArray, View, for_dtype, gather};
use crate::autograd::{Inputs, Op};
pub(crate) use crate::autograd::{edges, track};
use crate::error::{Error, Result};
use crate::shape::Dims;

/// An output in the element type of the inputs, where they are, with its track.
pub(crate) fn output(
    buf: Arc<Buf>,
    dtype: DType,
    dims: Dims,
    inputs: Inputs,
    op: impl FnOnce() -> Box<dyn Op>,
) -> NdArray {
    let buf = if buf.dtype() == dtype { buf } else { Arc::new(buf.convert(dtype)) };
    let context = inputs.context;
    NdArray { track: track(inputs, op), ..NdArray::from_buf_on(context, buf, dims) }
}

/// The elements of an input as they are now, in the compute type, where they lie.
pub(crate) struct Input {
    pub(crate) buf: Arc<Buf>,
    pub(crate) view: View,
}

impl Input {
    pub(crate) fn new(array: &NdArray) -> Result<Input> {
        let mut buf = array.cell.snapshot()?;
        if let Some(compute) = array.dtype().compute()
            && compute != array.dtype()
        {
            buf = Arc::new(buf.convert(compute));
        }
        Ok(Input { buf, view: array.view.clone() })
    }
}

/// The elements of an input as they are now, in the compute type, one after another.
pub(crate) struct Flat {
    buf: Arc<Buf>,
    offset: usize,
    len: usize,
}

impl Flat {
    /// # Memory
    /// No copy if the array is contiguous.
    pub(crate) fn new(array: &NdArray) -> Result<Flat> {
        Ok(Flat::of(Input::new(array)?))
    }

    /// In the type that the array has, for operations that compute nothing.
    ///
    /// # Memory
    /// No copy if the array is contiguous.
    pub(crate) fn stored(array: &NdArray) -> Result<Flat> {
        Ok(Flat::of(Input { buf: array.cell.snapshot()?, view: array.view.clone() }))
    }

    fn of(Input { buf, view }: Input) -> Flat {
        let len = view.dims.elem_count();
        if view.is_contiguous() {
            return Flat { buf, offset: view.offset, len };
        }
        let buf = for_dtype!(buf.dtype(), T => Buf::from_vec(gather(buf.slice::<T>(), &view)));
        Flat { buf: Arc::new(buf), offset: 0, len }
    }

    pub(crate) fn whole(buf: &Arc<Buf>) -> Flat {
        Flat { len: buf.len(), offset: 0, buf: buf.clone() }
    }

    #[inline]
    pub(crate) fn slice<T: crate::array::Element>(&self) -> &[T] {
        &self.buf.slice()[self.offset..self.offset + self.len]
    }
}

/// The compute type of an operation on these inputs, which have one element type.
pub(crate) fn compute_type(op: &'static str, inputs: &[&NdArray]) -> Result<DType> {
    let dtype = inputs[0].dtype();
    for input in inputs {
        input.expect_dtype(dtype)?;
    }
    dtype.compute().ok_or(Error::NoArithmetic { op, dtype })
}

/// An axis counted from the end when negative.
pub(crate) fn resolve_axis(op: &'static str, axis: isize, rank: usize) -> Result<usize> {
    let resolved = if axis < 0 { axis + rank as isize } else { axis };
    usize::try_from(resolved).ok().filter(|axis| *axis < rank).ok_or(Error::Axis { op, axis, rank })
}
