//! A value of which most rows are zero: the gradient of a table of which few rows were used.

use std::sync::Arc;

use super::buffer::Buf;
use super::dtype::{Compute, DType, for_dtype};
use crate::cpu::elementwise::add_into;

/// Some rows of a value, whose other rows are zero. A row is what one index along the first axis
/// chooses.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Which rows: ascending, each once.
    numbers: Vec<usize>,
    /// Their elements, one row after another.
    values: Arc<Buf>,
    /// The number of elements of a row.
    width: usize,
}

impl Rows {
    /// A value of zeros.
    pub(crate) fn none(dtype: DType, width: usize) -> Rows {
        Rows { numbers: Vec::new(), values: Arc::new(Buf::zeros(dtype, 0)), width }
    }

    pub(crate) fn numbers(&self) -> &[usize] {
        &self.numbers
    }

    pub(crate) fn values(&self) -> &Arc<Buf> {
        &self.values
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The value with the runs of `more` added to the rows of the same place in `numbers`, which
    /// may repeat: in this order, so that the sums have the same bits as in a whole array.
    pub(crate) fn plus<T: Compute>(&self, numbers: &[usize], more: &[T]) -> Rows {
        let width = self.width;
        let mut all = [&self.numbers, numbers].concat();
        all.sort_unstable();
        all.dedup();
        let start = |number| width * all.partition_point(|known| known < number);
        let old = (self.values.dtype() != T::DTYPE).then(|| self.values.convert(T::DTYPE));
        let old = old.as_ref().unwrap_or(&self.values).slice::<T>();
        let values = Buf::new::<T>(all.len() * width, |out| {
            out.fill(T::default());
            for (number, row) in self.numbers.iter().zip(old.chunks_exact(width.max(1))) {
                out[start(number)..][..width].copy_from_slice(row);
            }
            for (number, row) in numbers.iter().zip(more.chunks_exact(width.max(1))) {
                add_into(&mut out[start(number)..][..width], row);
            }
        });
        let dtype = self.values.dtype();
        let values = if dtype == T::DTYPE { values } else { values.convert(dtype) };
        Rows { numbers: all, values: Arc::new(values), width }
    }

    /// The rows in another element type.
    pub(crate) fn convert(&self, dtype: DType) -> Rows {
        let values = Arc::new(self.values.convert(dtype));
        Rows { numbers: self.numbers.clone(), values, width: self.width }
    }

    /// Writes elements into the same rows of another value of their type, which `buf` holds all of.
    pub(crate) fn scatter(&self, values: &Buf, buf: &mut Buf) {
        for_dtype!(values.dtype(), T => {
            let (out, width) = (buf.slice_mut::<T>(), self.width);
            let rows = values.slice::<T>().chunks_exact(width.max(1));
            for (number, row) in self.numbers.iter().zip(rows) {
                out[number * width..][..width].copy_from_slice(row);
            }
        });
    }

    /// The elements of the same rows of another value, which `buf` holds all of.
    pub(crate) fn gather(&self, buf: &Buf) -> Buf {
        let width = self.width;
        for_dtype!(buf.dtype(), T => Buf::new::<T>(self.numbers.len() * width, |out| {
            for (number, row) in self.numbers.iter().zip(out.chunks_exact_mut(width.max(1))) {
                row.copy_from_slice(&buf.slice()[number * width..][..width]);
            }
        }))
    }

    /// The value with all its rows, `n` elements.
    pub(crate) fn whole(&self, n: usize) -> Buf {
        // Zeroed pages come lazily: what no row touches costs nothing before it is read.
        let mut buf = Buf::zeros(self.values.dtype(), n);
        self.scatter(&self.values, &mut buf);
        buf
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(rows: &Rows) -> Vec<f64> {
        rows.values().slice::<f64>().to_vec()
    }

    #[test]
    fn rows_are_sorted_and_each_is_there_once() {
        let none = Rows::none(DType::F64, 2);
        assert_eq!(none.whole(6).slice::<f64>(), [0.0; 6]);
        let first = none.plus(&[2, 0, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!((first.numbers(), values(&first)), (&[0, 2][..], vec![3.0, 4.0, 6.0, 8.0]));
        let both = first.plus(&[1, 2], &[10.0, 20.0, 30.0, 40.0]);
        assert_eq!(both.numbers(), [0, 1, 2]);
        assert_eq!(both.whole(6).slice::<f64>(), [3.0, 4.0, 10.0, 20.0, 36.0, 48.0]);
    }

    #[test]
    fn other_rows_are_neither_read_nor_written() {
        let mut buf = Buf::from_vec(vec![7.0_f64, 8.0, 9.0]);
        let rows = Rows::none(DType::F64, 1).plus(&[1], &[5.0]);
        assert_eq!(rows.gather(&buf).slice::<f64>(), [8.0]);
        rows.scatter(rows.values(), &mut buf);
        assert_eq!(buf.slice::<f64>(), [7.0, 5.0, 9.0]);
    }

    #[test]
    fn rows_without_elements_are_counted() {
        let rows = Rows::none(DType::F32, 0).plus::<f32>(&[3, 1], &[]);
        assert_eq!((rows.numbers(), rows.whole(0).len()), (&[1, 3][..], 0));
    }

    #[test]
    fn half_precision_is_added_in_single() {
        let rows = Rows::none(DType::F16, 1).plus(&[0, 0, 0], &[2048.0_f32, 1.0, 1.0]);
        assert_eq!(rows.convert(DType::F32).values().slice::<f32>(), [2050.0]);
    }
}
