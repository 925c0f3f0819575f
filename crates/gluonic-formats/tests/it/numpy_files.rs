//! Files that NumPy wrote, and files that are the same as NumPy's.

use gluonic_formats::{
    DType, Error, Format, Limits, RawTensor, Storage, detect, npy, npz, read, read_header,
};

use crate::support::{elements, fixture};

fn read_npy(file: &str) -> RawTensor<'static> {
    let bytes = fixture(file);
    assert_eq!(detect(&bytes).unwrap(), Format::Npy);
    let mut archive = read(&bytes, &Limits::default()).unwrap();
    assert!(!archive.named);
    archive.tensors.remove(0).into_owned()
}

#[track_caller]
fn check(file: &str, dtype: DType, shape: &[usize], expected: &[f64]) {
    let tensor = read_npy(file);
    assert_eq!((tensor.name(), tensor.dtype(), tensor.shape()), ("0", dtype, shape));
    assert_eq!(elements(&tensor), expected);
}

#[test]
fn arrays_of_every_version_and_order_have_numpys_elements() {
    let ramp = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    for file in ["f32.npy", "f32_v2.npy", "f32_v3.npy"] {
        check(file, DType::F32, &[2, 3], &ramp);
    }
    check("big_endian.npy", DType::F64, &[2, 3], &ramp);
    let count: Vec<f64> = (0..24).map(f64::from).collect();
    check("fortran.npy", DType::I16, &[2, 3, 4], &count);
    check("scalar.npy", DType::F64, &[], &[2.5]);
    check("empty.npy", DType::U16, &[3, 0, 2], &[]);
    check("bool.npy", DType::Bool, &[3], &[1.0, 0.0, 1.0]);
    check("bf16.npy", DType::BF16, &[3], &[1.0, -2.0, 0.5]);
}

#[test]
fn complex_numbers_are_swapped_by_halves() {
    let tensor = read_npy("big_fortran.npy");
    assert_eq!((tensor.dtype(), tensor.shape()), (DType::C64, &[2, 3][..]));
    let floats = tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
    let expected: Vec<f32> = (0..6_u8).flat_map(|n| [n.into(), 2.0 * f32::from(n)]).collect();
    assert_eq!(floats.collect::<Vec<_>>(), expected);
}

#[test]
fn arrays_of_no_numbers_are_refused_by_name() {
    let message = |file: &str| read(&fixture(file), &Limits::default()).unwrap_err().to_string();
    assert_eq!(message("object.npy"), "tensor `0` holds Python objects (`|O`), not numbers");
    assert_eq!(message("text.npy"), "tensor `0` holds texts (`<U2`), not numbers");
    assert_eq!(message("date.npy"), "tensor `0` holds dates or times (`<M8[D]`), not numbers");
    assert_eq!(message("float8.npy"), "tensor `0` holds raw bytes (`<V1`), not numbers");
    assert!(message("record.npy").starts_with("tensor `0` holds records (`"));
}

#[test]
fn what_is_written_is_numpys_byte_for_byte() {
    for file in ["f32.npy", "scalar.npy", "empty.npy", "bool.npy", "bf16.npy"] {
        assert_eq!(npy::write(&read_npy(file)).unwrap(), fixture(file), "{file}");
    }
}

#[test]
fn archives_are_the_same_stored_compressed_and_streamed() {
    let stored = fixture("stored.npz");
    let expected = read(&stored, &Limits::default()).unwrap();
    let names: Vec<_> = expected.tensors.iter().map(RawTensor::name).collect();
    assert_eq!(names, ["fc/weight", "fc.bias", "n", "t"]);
    assert_eq!(elements(&expected.tensors[3]), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    for file in ["deflated.npz", "streamed.npz"] {
        let bytes = fixture(file);
        assert_eq!(read(&bytes, &Limits::default()).unwrap(), expected, "{file}");
    }
    let again = npz::write(&expected.tensors).unwrap();
    assert_eq!(read(&again, &Limits::default()).unwrap(), expected);
}

#[test]
fn stored_arrays_borrow_the_file_and_the_header_tells_which() {
    let bytes = fixture("stored.npz");
    let archive = read(&bytes, &Limits::default()).unwrap();
    let header = read_header(&bytes, &Limits::default()).unwrap();
    for (tensor, entry) in archive.tensors.iter().zip(&header.entries) {
        let borrowed = bytes.as_ptr_range().contains(&tensor.data().as_ptr());
        assert_eq!(borrowed, entry.storage == Storage::Dense, "{}", tensor.name());
    }
    assert_eq!(header.entries[3].storage, Storage::Encoded);
    let bytes = fixture("deflated.npz");
    let header = read_header(&bytes, &Limits::default()).unwrap();
    assert!(header.entries.iter().all(|entry| entry.storage == Storage::Encoded));
    assert_eq!(header.entries[0].shape, [2, 3]);
}

#[test]
fn a_length_that_differs_from_the_shape_is_told_in_bytes() {
    let mut bytes = fixture("f32.npy");
    bytes.pop();
    let error = read(&bytes, &Limits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tensor `0` with shape (2, 3) of float32 takes 24 bytes, found 23"
    );
    bytes.extend([0; 9]);
    assert!(matches!(
        read(&bytes, &Limits::default()),
        Err(Error::ByteLength { expected: 24, found: 32, .. })
    ));
}

#[test]
fn shapes_and_header_lengths_are_not_believed() {
    let header = |shape: &str| {
        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}");
        let len = (text.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\0".as_slice(), &len, text.as_bytes()].concat()
    };
    let refused = |bytes: &[u8]| read(bytes, &Limits::default()).unwrap_err();
    assert!(matches!(refused(&header("(8000000000000,)")), Error::ByteLength { found: 0, .. }));
    assert!(matches!(refused(&header("(4294967296, 4294967296)")), Error::ShapeSize { .. }));
    assert!(matches!(refused(&header("(0, 4611686018427387904, 4)")), Error::ShapeSize { .. }));
    let many = format!("({})", "1,".repeat(33));
    assert!(matches!(refused(&header(&many)), Error::Limit { limit: 32, found: 33, .. }));
    let bomb = b"\x93NUMPY\x02\0\xff\xff\xff\xff{'descr'";
    assert!(matches!(refused(bomb), Error::Limit { limit: 100_000_000, .. }));
    let long = b"\x93NUMPY\x02\0\xff\xff\xff\0{'descr'";
    assert!(matches!(refused(long), Error::Truncated { expected: 0xff_ffff, found: 8, .. }));
    assert!(matches!(refused(b"\x93NUMPY\x04\0\0\0"), Error::Magic { what: "array version", .. }));
}

#[test]
fn names_that_no_zip_should_hold_are_not_written() {
    let long = "n".repeat(65_532);
    for name in ["../w", "a/../../w", "/etc/w", "\\w", "C:\\w", "a\0b", &long] {
        let tensor = RawTensor::new(name, DType::U8, vec![1], vec![1]).unwrap();
        let error = npz::write(&[tensor]).unwrap_err();
        assert!(matches!(error, Error::NotRepresentable { .. }), "{name}");
    }
    let odd = RawTensor::new("x:0/..w", DType::U8, vec![1], vec![1]).unwrap();
    let bytes = npz::write(std::slice::from_ref(&odd)).unwrap();
    assert_eq!(read(&bytes, &Limits::default()).unwrap().tensors, [odd]);
    let float8 = RawTensor::new("w", DType::F8E4M3, vec![1], vec![1]).unwrap();
    assert_eq!(
        npz::write(&[float8]).unwrap_err().to_string(),
        "npz cannot hold the element type `float8_e4m3fn`"
    );
}
