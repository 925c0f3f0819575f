//! Handwritten digits that are part of this crate.

use super::array_dataset::ArrayDataset;
use super::file::DataFile;
use crate::array::NdArray;
use crate::error::Result;

const FILE: &[u8] = include_bytes!("../../data/digits.csv.gz");
const SIDE: usize = 8;
const PIXELS: usize = SIDE * SIDE;

/// 1,797 handwritten digits: images of `(1, 8, 8)`, `float32` from 0 to 1, and labels from 0 to 9,
/// `int64`. They are part of this crate, so that examples and tests have real data.
///
/// # Errors
/// None; the type is that of the other data sets.
///
/// # Examples
/// ```
/// use gluonic::data::{Dataset, digits};
/// let digits = digits()?;
/// assert_eq!(digits.len(), 1797);
/// let [images, labels] = digits.arrays()?;
/// assert_eq!(images.dims().to_string(), "(1797, 1, 8, 8)");
/// assert_eq!(labels.to_vec::<i64>()?[..3], [0, 1, 2]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
/// Repository, <https://doi.org/10.24432/C50P49>, CC BY 4.0: the test part, in the copy that the
/// Python package scikit-learn ships (`load_digits`), its values 0 to 16 divided by 16.
#[doc(alias = "load_digits")]
pub fn digits() -> Result<ArrayDataset> {
    let file = DataFile::of("<digits>".into(), FILE.to_vec())?;
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    let mut at = 0;
    for line in file.bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = str::from_utf8(line).unwrap_or_default().trim_end();
        let values = text.split(',').map(str::parse::<u8>).collect::<Result<Vec<_>, _>>();
        match values.as_deref() {
            Ok([image @ .., label]) if image.len() == PIXELS => {
                pixels.extend(image.iter().map(|value| f32::from(*value) / 16.0));
                labels.push(file.label(at, *label, 10)?);
            }
            _ => return Err(file.fail(at, "line", "64 pixels and a digit", text)),
        }
        at += line.len();
    }
    let n = labels.len();
    let images = NdArray::from_vec(pixels, (n, 1, SIDE, SIDE))?;
    ArrayDataset::new([&images, &NdArray::from_vec(labels, n)?])
}
