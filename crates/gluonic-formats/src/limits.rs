//! How much a reader may believe, and size arithmetic that cannot wrap.
//!
//! Every length in a file is a claim. [`Limits`] says which claims are refused outright; the
//! functions here compute sizes with checks; a [`Budget`] bounds what a reader allocates by the
//! length of its input, so that no file can make it take more.

use crate::{DType, Error, Format};

/// Bounds for a reader. The defaults fit every honest file we know of.
///
/// # Memory
/// Beyond the input itself a reader allocates at most
/// `memory_floor + memory_ratio · input length` bytes, whatever the input claims.
///
/// # Examples
/// ```
/// use gluonic_formats::{Error, Limits, safetensors};
/// let limits = Limits { max_tensors: 0, ..Limits::default() };
/// let mut bytes = vec![53, 0, 0, 0, 0, 0, 0, 0];
/// bytes.extend(br#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#);
/// assert!(matches!(safetensors::read(&bytes, &limits), Err(Error::Limit { found: 1, .. })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest text header, in bytes. Default 100,000,000, as the safetensors library.
    pub max_header_bytes: usize,
    /// Most tensors in a file. Default 1,000,000.
    pub max_tensors: usize,
    /// Longest tensor name, in bytes. Default 65,536.
    pub max_name_bytes: usize,
    /// Most dimensions of a tensor. Default 32, as MXNet and NumPy 1.
    pub max_rank: usize,
    /// Bytes allocated per byte of input. Default 2.
    pub memory_ratio: usize,
    /// Bytes allocated for even the smallest input. Default 16 MiB.
    pub memory_floor: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_header_bytes: 100_000_000,
            max_tensors: 1_000_000,
            max_name_bytes: 65_536,
            max_rank: 32,
            memory_ratio: 2,
            memory_floor: 16 << 20,
        }
    }
}

impl Limits {
    /// Limits that refuse nothing, for input that the caller made himself.
    pub fn unbounded() -> Self {
        Self {
            max_header_bytes: usize::MAX,
            max_tensors: usize::MAX,
            max_name_bytes: usize::MAX,
            max_rank: usize::MAX,
            memory_ratio: usize::MAX,
            memory_floor: usize::MAX,
        }
    }

    /// Refuses a claim above its limit.
    pub(crate) fn check(
        format: Format,
        what: &'static str,
        limit: usize,
        found: u64,
    ) -> Result<usize, Error> {
        match usize::try_from(found) {
            Ok(found) if found <= limit => Ok(found),
            _ => Err(Error::Limit { format, what, limit: limit as u64, found }),
        }
    }
}

/// What a reader may still allocate.
#[derive(Debug)]
pub(crate) struct Budget {
    format: Format,
    total: usize,
    left: usize,
}

impl Budget {
    /// What one tensor costs beyond its dims and an owned name: entry, tensor, a place in the
    /// set that finds duplicates, and the slack of growing vectors.
    pub(crate) const TENSOR: usize = 320;
    /// What one metadata pair costs beyond its text.
    pub(crate) const PAIR: usize = 192;
    /// What one member of a zip file costs: its record and its places in the set that finds
    /// duplicates and in the list that finds overlaps.
    pub(crate) const MEMBER: usize = 144;

    pub(crate) fn new(format: Format, limits: &Limits, input_len: usize) -> Self {
        let total =
            limits.memory_floor.saturating_add(limits.memory_ratio.saturating_mul(input_len));
        Self { format, total, left: total }
    }

    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), Error> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Error::Limit {
                format: self.format,
                what: "memory for the reader",
                limit: self.total as u64,
                found: (self.total - self.left).saturating_add(bytes) as u64,
            }),
        }
    }

    /// Takes note that an allocation is over.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        self.left = self.left.saturating_add(bytes).min(self.total);
    }
}

/// Returns how many elements a shape has, or `None` if arrays of it cannot exist.
///
/// # Shapes
/// The empty shape has one element. A zero dim gives zero elements, but the product of the other
/// dims must still fit, as strides are made of them (NumPy refuses such arrays too).
///
/// # Examples
/// ```
/// use gluonic_formats::elem_count;
/// assert_eq!(elem_count(&[64, 100]), Some(6400));
/// assert_eq!(elem_count(&[]), Some(1));
/// assert_eq!(elem_count(&[0, 3]), Some(0));
/// assert_eq!(elem_count(&[0, usize::MAX, 2]), None);
/// ```
pub fn elem_count(shape: &[usize]) -> Option<usize> {
    let strides = nonzero_product(shape)?;
    Some(if shape.contains(&0) { 0 } else { strides })
}

/// Returns how many bytes a tensor takes, or `None` if it exceeds the address space or its
/// elements do not fill whole bytes.
///
/// # Shapes
/// The blocks of a quantized type do not cross rows: the innermost dim must be a multiple of them.
///
/// # Examples
/// ```
/// use gluonic_formats::{DType, QuantType, byte_len};
/// assert_eq!(byte_len(DType::F32, &[64, 100]), Some(25_600));
/// assert_eq!(byte_len(DType::F4, &[3]), None); // a byte and a half
/// assert_eq!(byte_len(DType::Quantized(QuantType::Q8_0), &[2, 64]), Some(136));
/// assert_eq!(byte_len(DType::U8, &[1 << 32, 1 << 32]), None);
/// ```
pub fn byte_len(dtype: DType, shape: &[usize]) -> Option<usize> {
    let strides = nonzero_product(shape)?;
    let (elems, bytes) = dtype.block();
    let len = strides.div_ceil(elems).checked_mul(bytes)?;
    // Slices and strides are limited to `isize::MAX` bytes.
    isize::try_from(len).ok()?;
    if shape.contains(&0) {
        return Some(0);
    }
    let row = match dtype {
        DType::Quantized(_) => shape.last().copied().unwrap_or(1),
        _ => strides,
    };
    row.is_multiple_of(elems).then_some(len)
}

fn nonzero_product(shape: &[usize]) -> Option<usize> {
    let product =
        shape.iter().filter(|&&dim| dim != 0).try_fold(1, |n: usize, &dim| n.checked_mul(dim))?;
    isize::try_from(product).ok()?;
    Some(product)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_budget_counts_down_and_names_the_total() {
        let limits = Limits { memory_floor: 10, memory_ratio: 2, ..Limits::default() };
        let mut budget = Budget::new(Format::Safetensors, &limits, 5);
        budget.spend(15).unwrap();
        budget.spend(5).unwrap();
        let error = budget.spend(1).unwrap_err();
        assert!(matches!(error, Error::Limit { limit: 20, found: 21, .. }), "{error}");
    }

    #[test]
    fn sub_byte_elements_must_fill_whole_bytes() {
        assert_eq!(byte_len(DType::F4, &[2, 3]), Some(3));
        assert_eq!(byte_len(DType::F6E2M3, &[4]), Some(3));
        assert_eq!(byte_len(DType::F6E2M3, &[2]), None);
        assert_eq!(byte_len(DType::F4, &[3, 0]), Some(0));
    }

    #[test]
    fn quantized_rows_are_whole_blocks() {
        let len = |shape: &[usize]| byte_len(DType::Quantized(crate::QuantType::Q6K), shape);
        assert_eq!(len(&[3, 512]), Some(6 * 210));
        assert_eq!(len(&[512, 3]), None);
        assert_eq!(len(&[]), None);
        assert_eq!(len(&[3, 0]), Some(0));
        assert_eq!(len(&[1 << 40, 1 << 40]), None);
    }

    #[test]
    fn sizes_stop_at_the_address_space() {
        let half = 1_usize << (usize::BITS - 2);
        assert_eq!(byte_len(DType::U8, &[half]), Some(half));
        assert_eq!(byte_len(DType::U8, &[half, 2]), None);
        assert_eq!(byte_len(DType::F64, &[half, 0]), None);
        assert_eq!(byte_len(DType::F4, &[half, 4]), None);
    }

    proptest! {
        #[test]
        fn sizes_agree_with_wide_arithmetic(
            shape in prop::collection::vec(0_usize..1 << 20, 0..5),
        ) {
            let strides: u128 = shape.iter().filter(|&&d| d > 0).map(|&d| d as u128).product();
            let count = if shape.contains(&0) { 0 } else { strides };
            let fits = |bytes: u128| bytes <= isize::MAX as u128;
            prop_assert_eq!(elem_count(&shape).map(|n| n as u128), fits(strides).then_some(count));
            prop_assert_eq!(
                byte_len(DType::F32, &shape).map(|n| n as u128),
                fits(strides * 4).then_some(count * 4)
            );
        }
    }
}
