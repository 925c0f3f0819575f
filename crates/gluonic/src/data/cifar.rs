//! CIFAR-10 and CIFAR-100, in their binary version.

use std::path::Path;

use super::array_dataset::ArrayDataset;
use super::file::DataFile;
use super::mnist::Split;
use crate::array::NdArray;
use crate::error::Result;

const SIDE: usize = 32;
/// The pixels of one channel.
const PLANE: usize = SIDE * SIDE;
const IMAGE: usize = 3 * PLANE;

/// CIFAR-10 from the files of its binary version in a folder: images of `(32, 32, 3)`, `uint8`, and
/// labels from 0 to 9, `int64`.
///
/// The files are `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, as they are or with
/// `.gz`. Nothing is downloaded.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) if a file cannot be read;
/// [`Error::DataFile`](crate::Error::DataFile) if it is damaged or something else, with the place.
///
/// # Source
/// A. Krizhevsky (2009), "Learning multiple layers of features from tiny images"; shapes and file
/// names as MXNet 1.9.1, `gluon/data/vision/datasets.py`, class `CIFAR10`. DIFFERENCE: labels are
/// `int32` there.
#[doc(alias = "CIFAR10")]
pub fn cifar10(folder: impl AsRef<Path>, split: Split) -> Result<ArrayDataset> {
    let names: &[&str] = match split {
        Split::Train => &[
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin",
        ],
        Split::Test => &["test_batch.bin"],
    };
    read(folder.as_ref(), names, &[10], 0)
}

/// Which of the two labels of CIFAR-100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cifar100Label {
    /// One of 20 groups of classes, as Gluon by default.
    #[default]
    Coarse,
    /// One of 100 classes.
    Fine,
}

/// CIFAR-100 from the files of its binary version in a folder, `train.bin` and `test.bin`; else as
/// [`cifar10`].
///
/// # Errors
/// As [`cifar10`].
///
/// # Source
/// As [`cifar10`]; MXNet 1.9.1, `gluon/data/vision/datasets.py`, class `CIFAR100`.
#[doc(alias = "CIFAR100")]
pub fn cifar100(
    folder: impl AsRef<Path>,
    split: Split,
    label: Cifar100Label,
) -> Result<ArrayDataset> {
    let name = if split == Split::Train { "train.bin" } else { "test.bin" };
    let place = usize::from(label == Cifar100Label::Fine);
    read(folder.as_ref(), &[name], &[20, 100], place)
}

/// Records of one label for each of `classes`, then the pixels channel by channel. Takes the label
/// at `place`.
fn read(folder: &Path, names: &[&str], classes: &[u8], place: usize) -> Result<ArrayDataset> {
    let record = classes.len() + IMAGE;
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for name in names {
        let file = DataFile::find(folder, name)?;
        let n = file.bytes.len();
        if n == 0 || n % record != 0 {
            let expected = format!("whole records of {record} bytes, one or more");
            return Err(file.fail(
                n - n % record,
                "end",
                expected,
                format!("{} bytes", n % record),
            ));
        }
        pixels.reserve_exact(n / record * IMAGE);
        for (i, bytes) in file.bytes.chunks_exact(record).enumerate() {
            let (own, image) = bytes.split_at(classes.len());
            for (j, (label, classes)) in own.iter().zip(classes).enumerate() {
                let label = file.label(i * record + j, *label, *classes)?;
                if j == place {
                    labels.push(label);
                }
            }
            let (red, rest) = image.split_at(PLANE);
            let (green, blue) = rest.split_at(PLANE);
            let colors = red.iter().zip(green).zip(blue);
            pixels.extend(colors.flat_map(|((red, green), blue)| [*red, *green, *blue]));
        }
    }
    let n = labels.len();
    let x = NdArray::from_vec(pixels, (n, SIDE, SIDE, 3))?;
    ArrayDataset::new([&x, &NdArray::from_vec(labels, n)?])
}
