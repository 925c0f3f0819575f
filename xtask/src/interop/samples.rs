//! The tensors that are exchanged: every element type a peer knows, in the shapes that go wrong.

use gluonic_formats::{DType, RawTensor, byte_len};

const SHAPES: [&[usize]; 5] = [&[], &[0], &[3], &[2, 3], &[2, 1, 4]];

/// The element types of NumPy without extensions.
pub(super) const NUMPY: [DType; 14] = [
    DType::Bool,
    DType::U8,
    DType::I8,
    DType::U16,
    DType::I16,
    DType::U32,
    DType::I32,
    DType::U64,
    DType::I64,
    DType::F16,
    DType::F32,
    DType::F64,
    DType::C64,
    DType::C128,
];

/// Those that MXNet 1.9.1 has arrays of.
pub(super) const MXNET: [DType; 9] = [
    DType::F16,
    DType::F32,
    DType::F64,
    DType::U8,
    DType::I8,
    DType::I32,
    DType::I64,
    DType::Bool,
    DType::BF16,
];

/// One tensor of each type and shape. `plain` leaves out the shapes that MXNet has no arrays of
/// unless it is told to think as NumPy.
pub(super) fn samples(dtypes: &[DType], plain: bool) -> Vec<RawTensor<'static>> {
    let shapes = || SHAPES.iter().filter(|shape| !plain || (!shape.is_empty() && shape[0] > 0));
    let pairs = dtypes.iter().flat_map(|dtype| shapes().map(move |shape| (*dtype, *shape)));
    pairs.enumerate().filter_map(|(n, (dtype, shape))| sample(n, dtype, shape)).collect()
}

/// `None` for shapes whose elements do not fill whole bytes.
fn sample(n: usize, dtype: DType, shape: &[usize]) -> Option<RawTensor<'static>> {
    let len = byte_len(dtype, shape)?;
    let byte = |i: usize| if dtype == DType::Bool { (i + n) % 2 } else { i * 37 + n };
    let data: Vec<u8> = (0..len).map(|i| byte(i) as u8).collect();
    let name = format!("block.{n}.größe/{}_重み", dtype.name());
    RawTensor::new(name, dtype, shape.to_vec(), data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_comes_in_every_shape_that_it_can_have() {
        assert_eq!(samples(&NUMPY, false).len(), NUMPY.len() * SHAPES.len());
        assert_eq!(samples(&[DType::F32], true).len(), 3);
        // Of three elements of half a byte there is no tensor.
        assert_eq!(samples(&[DType::F4], false).len(), 3);
    }
}
