//! Files of data sets: what they hold, and everything that can be wrong with them.

use std::io::Write as _;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use gluonic::data::{Cifar100Label, Split, cifar10, cifar100, mnist, read_idx};
use gluonic::prelude::*;

use crate::support::{error, variant, write};

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn idx(code: u8, dims: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, code, dims.len() as u8];
    bytes.extend(dims.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

/// The error of a file, without its folder.
#[track_caller]
fn told<T>(folder: &Path, result: Result<T>) -> String {
    let error = error(result);
    assert_eq!(variant(&error), "DataFile");
    assert!(error.hint().is_some());
    error.to_string().replace(&format!("{}/", folder.display()), "")
}

#[test]
fn idx_files_of_every_element_type_are_read_packed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    let values = [-3.0, 0.0, 2.5, 100.0, -1.0, 7.0];
    macro_rules! check {
        ($($code:literal $t:ty, $dtype:ident;)*) => {$(
            let typed = values.map(|x: f64| x as $t);
            let bytes: Vec<u8> = typed.iter().flat_map(|x| x.to_be_bytes()).collect();
            let bytes = idx($code, &[2, 1, 3], &bytes);
            for bytes in [pack(&bytes), bytes] {
                write(&file, bytes);
                let x = read_idx(&file).unwrap();
                assert_eq!((x.dtype(), x.dims()), (DType::$dtype, &(2, 1, 3).into()));
                assert_eq!(x.to_vec::<$t>().unwrap(), typed);
            }
        )*};
    }
    check! {
        0x08 u8, U8;
        0x09 i8, I8;
        0x0B i16, I16;
        0x0C i32, I32;
        0x0D f32, F32;
        0x0E f64, F64;
    }
}

#[test]
fn idx_files_may_have_no_elements_no_axes_or_many() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    for (dims, n) in [(&[][..], 1), (&[0, u32::MAX, u32::MAX], 0), (&[1; 255], 1)] {
        write(&file, idx(8, dims, &vec![5; n]));
        let x = read_idx(&file).unwrap();
        assert_eq!((x.rank(), x.to_vec::<u8>().unwrap()), (dims.len(), vec![5; n]));
    }
}

#[test]
fn damaged_idx_files_are_refused_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    let refused = |bytes: &[u8]| {
        write(&file, bytes);
        told(folder.path(), read_idx(&file))
    };
    for (bytes, expected) in [
        (vec![], "magic number at byte 0: expected 4 bytes, found 0 bytes"),
        (vec![0, 0, 8], "magic number at byte 0: expected 4 bytes, found 3 bytes"),
        (b"\x93NUMPY".to_vec(), "magic number at byte 0: expected two bytes 0, found 0x93 0x4e"),
        (
            idx(7, &[1], &[1]),
            "element type at byte 2: expected one of 0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e, found 0x07",
        ),
        (
            vec![0, 0, 8, 2, 0, 0, 0, 1, 0],
            "size of an axis at byte 8: expected 4 bytes, found 1 byte",
        ),
        (idx(8, &[3], &[1, 2]), "elements at byte 8: expected 3 bytes, found 2 bytes"),
        (idx(8, &[1], &[1, 2]), "elements at byte 8: expected 1 byte, found 2 bytes"),
        (
            idx(14, &[u32::MAX, 2], &[1]),
            "elements at byte 12: expected 68719476720 bytes, found 1 byte",
        ),
        (
            idx(8, &[u32::MAX; 3], &[1]),
            "sizes at byte 4: expected an array that fits into memory, found (4294967295, \
             4294967295, 4294967295)",
        ),
    ] {
        assert_eq!(refused(&bytes), format!("cannot read `x`: {expected}"));
    }
    let packed = pack(&idx(8, &[3], &[1, 2, 3]));
    let cut = refused(&packed[..packed.len() - 9]);
    assert!(cut.starts_with("cannot read `x`: packed data at byte "), "{cut}");
    let mut flipped = packed.clone();
    let last = flipped.len() - 6;
    flipped[last] ^= 1;
    let flipped = refused(&flipped);
    assert!(flipped.contains("expected a gzip stream, found"), "{flipped}");
    assert_eq!(variant(&error(read_idx(folder.path().join("none")))), "Io");
    assert_eq!(variant(&error(read_idx(folder.path()))), "Io");
}

#[test]
fn any_bytes_are_an_array_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    let whole = idx(11, &[2, 2], &[1; 8]);
    for packed in [false, true] {
        let whole = if packed { pack(&whole) } else { whole.clone() };
        for at in 0..whole.len() {
            write(&file, &whole[..at]);
            assert!(read_idx(&file).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                write(&file, bytes);
                let _ = read_idx(&file);
            }
        }
    }
}

/// Two images and labels of MNIST's train part.
fn write_mnist(folder: &Path) {
    let pixels: Vec<u8> = (0..2 * 28 * 28).map(|i| i as u8).collect();
    write(folder.join("train-images-idx3-ubyte"), idx(8, &[2, 28, 28], &pixels));
    write(folder.join("train-labels-idx1-ubyte.gz"), pack(&idx(8, &[2], &[9, 0])));
}

#[test]
fn mnist_is_read_from_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    write_mnist(folder.path());
    let samples = mnist(folder.path(), Split::Train).unwrap();
    let [images, labels] = samples.arrays().unwrap();
    assert_eq!((images.dims().to_string(), images.dtype()), ("(2, 28, 28, 1)".into(), DType::U8));
    assert_eq!(images.to_vec::<u8>().unwrap()[..3], [0, 1, 2]);
    assert_eq!(labels.to_vec::<i64>().unwrap(), [9, 0]);
    let missing = error(mnist(folder.path(), Split::Test)).to_string();
    assert!(missing.contains("t10k-images-idx3-ubyte.gz"), "{missing}");
}

#[test]
fn files_that_are_not_mnist_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let refused = |name: &str, bytes: &[u8]| {
        write_mnist(path);
        write(path.join(name), bytes);
        let told = told(path, mnist(path, Split::Train));
        std::fs::remove_file(path.join(name)).unwrap();
        told
    };
    let labels = "train-labels-idx1-ubyte";
    assert_eq!(
        refused(labels, &idx(8, &[2], &[1, 10])),
        "cannot read `train-labels-idx1-ubyte`: label at byte 9: expected a class below 10, found 10"
    );
    assert_eq!(
        refused(labels, &idx(8, &[3], &[1, 2, 3])),
        "cannot read `train-labels-idx1-ubyte`: number of labels at byte 4: expected 2, as there \
         are images, found 3"
    );
    assert_eq!(
        refused(labels, &idx(8, &[2, 1], &[1, 2])),
        "cannot read `train-labels-idx1-ubyte`: magic number at byte 2: expected 0x0801, found \
         0x0802"
    );
    assert_eq!(
        refused("train-images-idx3-ubyte", &idx(9, &[2, 1, 1], &[1, 2])),
        "cannot read `train-images-idx3-ubyte`: magic number at byte 2: expected 0x0803, found \
         0x0903"
    );
}

/// A record of CIFAR: labels, then planes of red, green and blue.
fn record(labels: &[u8], color: [u8; 3]) -> Vec<u8> {
    let planes = color.map(|value| vec![value; 1024]).concat();
    [labels, &planes].concat()
}

#[test]
fn cifar_is_read_from_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    for i in 1..=5 {
        let file = folder.path().join(format!("data_batch_{i}.bin"));
        write(file, [record(&[i], [i, 20, 30]), record(&[0], [1, 2, 3])].concat());
    }
    write(folder.path().join("test_batch.bin.gz"), pack(&record(&[9], [7, 8, 9])));
    let train = cifar10(folder.path(), Split::Train).unwrap();
    let [images, labels] = train.arrays().unwrap();
    assert_eq!((images.dims().to_string(), images.dtype()), ("(10, 32, 32, 3)".into(), DType::U8));
    assert_eq!(labels.to_vec::<i64>().unwrap(), [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]);
    assert_eq!(train.get(4).unwrap()[0].to_vec::<u8>().unwrap(), [3, 20, 30].repeat(1024));
    let test = cifar10(folder.path(), Split::Test).unwrap();
    assert_eq!(test.get(0).unwrap()[0].to_vec::<u8>().unwrap(), [7, 8, 9].repeat(1024));

    write(folder.path().join("train.bin"), record(&[19, 99], [1, 2, 3]));
    for (label, expected) in [(Cifar100Label::Coarse, 19), (Cifar100Label::Fine, 99)] {
        let train = cifar100(folder.path(), Split::Train, label).unwrap();
        assert_eq!(train.get(0).unwrap()[1].to_scalar::<i64>().unwrap(), expected);
    }
    assert_eq!(variant(&error(cifar100(folder.path(), Split::Test, Cifar100Label::Fine))), "Io");
}

#[test]
fn damaged_cifar_files_are_refused_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |bytes: &[u8]| {
        write(folder.path().join("test_batch.bin"), bytes);
        told(folder.path(), cifar10(folder.path(), Split::Test))
    };
    let whole = [record(&[1], [1; 3]), record(&[2], [1; 3])].concat();
    for (bytes, expected) in [
        (
            &whole[..0],
            "end at byte 0: expected whole records of 3073 bytes, one or more, found 0 bytes",
        ),
        (
            &whole[..whole.len() - 1],
            "end at byte 3073: expected whole records of 3073 bytes, one or more, found 3072 bytes",
        ),
        (
            &[&whole[..], &[0]].concat(),
            "end at byte 6146: expected whole records of 3073 bytes, one or more, found 1 bytes",
        ),
        (
            &[whole.clone(), record(&[10], [0; 3])].concat(),
            "label at byte 6146: expected a class below 10, found 10",
        ),
    ] {
        assert_eq!(refused(bytes), format!("cannot read `test_batch.bin`: {expected}"));
    }
    write(folder.path().join("train.bin"), record(&[20, 1], [0; 3]));
    for label in [Cifar100Label::Fine, Cifar100Label::Coarse] {
        let told = told(folder.path(), cifar100(folder.path(), Split::Train, label));
        assert!(told.ends_with("label at byte 0: expected a class below 20, found 20"), "{told}");
    }
}
