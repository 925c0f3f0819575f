//! MNIST, and what is given in the same files.

use std::path::Path;

use super::array_dataset::ArrayDataset;
use super::file::DataFile;
use super::idx;
use crate::array::NdArray;
use crate::error::Result;

/// Which part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// To train with.
    Train,
    /// To test with.
    Test,
}

/// MNIST from the files in a folder: images of `(28, 28, 1)`, `uint8`, and labels from 0 to 9,
/// `int64`. Also Fashion-MNIST and KMNIST, which come in files of the same names.
///
/// The files are `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, of the test part
/// `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, as they are or with `.gz`. Nothing is
/// downloaded.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) if a file cannot be read;
/// [`Error::DataFile`](crate::Error::DataFile) if it is damaged or something else, with the place.
///
/// # Examples
/// ```no_run
/// use gluonic::data::{Split, mnist, transforms::ToTensor};
/// use gluonic::prelude::*;
/// let train = mnist("data/mnist", Split::Train)?.transform_first(ToTensor);
/// let loader = DataLoader::new(train, 64)?.shuffle(true).workers(2);
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits"; shapes and file
/// names as MXNet 1.9.1, `gluon/data/vision/datasets.py`, class `MNIST`. DIFFERENCE: labels are
/// `int32` there.
#[doc(alias = "MNIST", alias = "FashionMNIST")]
pub fn mnist(folder: impl AsRef<Path>, split: Split) -> Result<ArrayDataset> {
    let (folder, part) = (folder.as_ref(), if split == Split::Train { "train" } else { "t10k" });
    let images = DataFile::find(folder, &format!("{part}-images-idx3-ubyte"))?;
    let labels = DataFile::find(folder, &format!("{part}-labels-idx1-ubyte"))?;
    let x = bytes_of(&images, 3)?;
    let y = bytes_of(&labels, 1)?.to_vec::<u8>()?;
    if x.dims()[0] != y.len() {
        let expected = format!("{}, as there are images", x.dims()[0]);
        return Err(labels.fail(4, "number of labels", expected, y.len()));
    }
    // The labels follow the magic number and one size.
    let y = y.into_iter().enumerate().map(|(i, label)| labels.label(8 + i, label, 10));
    let y = NdArray::from_vec(y.collect::<Result<Vec<_>>>()?, x.dims()[0])?;
    ArrayDataset::new([&x.expand_dims(3)?, &y])
}

/// The array of a file, which must be of bytes and of that rank.
fn bytes_of(file: &DataFile, rank: usize) -> Result<NdArray> {
    let [.., code, found] = file.array::<4>(0, "magic number")?;
    let array = idx::parse(file)?;
    if code == 0x08 && array.rank() == rank {
        return Ok(array);
    }
    let expected = format!("0x08{rank:02x}");
    Err(file.fail(
        2,
        "magic number",
        expected,
        format!("{:#06x}", u16::from_be_bytes([code, found])),
    ))
}
