//! To and from `ndarray`.

use ndarray::{ArrayD, IxDyn};

use super::{Element, NdArray};
use crate::error::Result;

impl NdArray {
    /// The elements as an owned `ndarray` array.
    ///
    /// # Errors
    /// As [`NdArray::to_vec`].
    #[expect(clippy::missing_panics_doc, reason = "the sizes are those of the values")]
    pub fn to_ndarray<T: Element>(&self) -> Result<ArrayD<T>> {
        let array = ArrayD::from_shape_vec(IxDyn(self.dims()), self.to_vec()?);
        Ok(array.expect("as many elements as the sizes say"))
    }

    /// An array of an `ndarray` array's elements. Memory in row-major order is taken over without
    /// a copy.
    #[expect(clippy::missing_panics_doc, reason = "the sizes are those of the values")]
    pub fn from_ndarray<T: Element, D: ndarray::Dimension>(array: ndarray::Array<T, D>) -> NdArray {
        let dims = array.shape().to_vec();
        let values = if array.is_standard_layout() {
            array.into_raw_vec_and_offset()
        } else {
            (array.iter().copied().collect(), None)
        };
        let (mut values, offset) = values;
        let n: usize = dims.iter().product();
        if offset.unwrap_or(0) > 0 || values.len() != n {
            let start = offset.unwrap_or(0);
            values = values[start..start + n].to_vec();
        }
        NdArray::from_vec(values, dims).expect("as many elements as the sizes say")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{array, s};

    #[test]
    fn arrays_go_there_and_back_in_any_layout() {
        let x = array![[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let back = NdArray::from_ndarray(x.clone()).to_ndarray::<f32>().unwrap();
        assert_eq!(back, x.clone().into_dyn());
        let part = x.clone().reversed_axes().slice_move(s![1.., ..]);
        assert_eq!(
            NdArray::from_ndarray(part.clone()).to_ndarray::<f32>().unwrap(),
            part.into_dyn()
        );
    }
}
