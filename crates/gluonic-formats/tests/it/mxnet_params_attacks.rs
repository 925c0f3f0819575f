//! Hand-made `.params` files that lie.

use gluonic_formats::{DType, Error, Limits, RawTensor, mxnet_params, read, read_header};

use crate::support::{Params, V1, V2, V3, elements};

#[track_caller]
fn refused(params: Params) -> Error {
    let error = mxnet_params::read(&params.0, &Limits::default()).unwrap_err();
    assert!(read_header(&params.0, &Limits::default()).is_err());
    error
}

/// One V2 array of two bytes, without the table of names.
fn one_array() -> Params {
    Params::with_arrays(1).u32(V2).i32(0).shape(&[2]).on_cpu(3).bytes(&[7, 8])
}

#[test]
fn counts_are_not_believed() {
    assert!(matches!(refused(Params::with_arrays(u64::MAX)), Error::Limit { .. }));
    let error = refused(Params::with_arrays(1_000_000));
    assert!(matches!(error, Error::Truncated { what: "an array's mark", .. }), "{error}");
    assert!(matches!(refused(one_array().u64(u64::MAX)), Error::NamesMismatch { .. }));
    let error = refused(one_array().u64(1).u64(1 << 62));
    assert!(matches!(error, Error::Limit { what: "the length of a name", .. }), "{error}");
    assert!(matches!(refused(one_array().u64(1).u64(9)), Error::Truncated { .. }));
}

#[test]
fn numbers_of_dims_are_not_believed() {
    for n_dims in [33, i32::MAX] {
        let error = refused(Params::with_arrays(1).u32(V2).i32(0).i32(n_dims));
        assert!(matches!(error, Error::Limit { what: "the number of dims", .. }), "{error}");
    }
    let error = refused(Params::with_arrays(1).u32(33));
    assert!(matches!(error, Error::Magic { what: "array mark", found: 33, .. }), "{error}");
    let error = refused(Params::with_arrays(1).u32(V3).i32(0).i32(-2));
    assert!(matches!(error, Error::Negative { found: -2, .. }), "{error}");
}

#[test]
fn dims_are_neither_negative_nor_beyond_the_address_space() {
    let error = refused(Params::with_arrays(1).u32(V2).i32(0).shape(&[2, -3]));
    assert!(matches!(error, Error::Negative { what: "dim", found: -3, .. }), "{error}");
    let big = Params::with_arrays(1).u32(V2).i32(0).shape(&[1 << 40, 1 << 40]).on_cpu(0);
    assert!(matches!(refused(big), Error::ShapeSize { .. }));
    let v0 = Params::with_arrays(1).u32(3).u32(u32::MAX).u32(u32::MAX).u32(u32::MAX).on_cpu(0);
    assert!(matches!(refused(v0), Error::ShapeSize { .. }));
    let long = Params::with_arrays(1).u32(V1).shape(&[1 << 60]).on_cpu(3);
    assert!(matches!(refused(long), Error::Truncated { what: "an array's data", .. }));
}

#[test]
fn arrays_without_data_are_refused() {
    for none in [
        Params::with_arrays(1).u32(0),
        Params::with_arrays(1).u32(V1).i32(0),
        Params::with_arrays(1).u32(V2).i32(0).i32(0),
        Params::with_arrays(1).u32(V3).i32(0).i32(-1),
        Params::with_arrays(1).u32(V3).i32(0).shape(&[2, -1]),
    ] {
        assert!(matches!(refused(none), Error::NoneArray { index: 0, offset: 24 }));
    }
}

#[test]
fn names_occur_once_and_are_utf8() {
    let two = Params::with_arrays(2)
        .u32(V2)
        .i32(0)
        .shape(&[1])
        .on_cpu(3)
        .bytes(&[1])
        .u32(V2)
        .i32(0)
        .shape(&[1])
        .on_cpu(3)
        .bytes(&[2]);
    let error = refused(two.u64(2).name(b"w").name(b"w"));
    assert!(matches!(&error, Error::Duplicate { key, .. } if &**key == "w"), "{error}");
    let error = refused(one_array().u64(1).name(b"ab\xff"));
    let end = one_array().0.len() as u64;
    assert!(matches!(error, Error::NotUtf8 { offset, .. } if offset == end + 18), "{error}");
}

#[test]
fn unknown_storage_and_element_types_are_refused() {
    let error = refused(Params::with_arrays(1).u32(V2).i32(3));
    assert!(matches!(error, Error::Magic { what: "storage type", found: 3, .. }), "{error}");
    for flag in [-1, 13, 99] {
        let params = Params::with_arrays(1).u32(V2).i32(0).shape(&[1]).on_cpu(flag);
        assert!(matches!(refused(params), Error::UnknownDType { .. }));
    }
}

#[test]
fn every_number_of_an_element_type_is_read() {
    use DType::*;
    let types = [F32, F64, F16, U8, I32, I8, I64, Bool, I16, U16, U32, U64, BF16];
    for (flag, dtype) in types.into_iter().enumerate() {
        let data = vec![0; dtype.size_in_bytes().unwrap()];
        let params = Params::with_arrays(1).u32(V2).i32(0).shape(&[1]).on_cpu(flag as i32);
        let params = params.bytes(&data).u64(1).name(b"w");
        let archive = read(&params.0, &Limits::default()).unwrap();
        assert_eq!(archive.tensors[0].dtype(), dtype);
        assert_eq!(mxnet_params::write(&archive.tensors).unwrap(), params.0);
    }
}

#[test]
fn all_record_versions_may_stand_in_one_file() {
    let params = Params::with_arrays(4)
        .u32(1)
        .u32(1)
        .on_cpu(3)
        .bytes(&[1])
        .u32(V1)
        .shape(&[1])
        .on_cpu(3)
        .bytes(&[2])
        .u32(V2)
        .i32(0)
        .shape(&[1])
        .on_cpu(3)
        .bytes(&[3])
        .u32(V3)
        .i32(0)
        .shape(&[])
        .on_cpu(3)
        .bytes(&[4])
        .u64(0);
    let archive = read(&params.0, &Limits::default()).unwrap();
    let values: Vec<_> = archive.tensors.iter().map(|tensor| tensor.data()[0]).collect();
    assert_eq!(values, [1, 2, 3, 4]);
    assert_eq!(archive.tensors[3].shape(), [0; 0]);
    assert_eq!(archive.tensors[2].name(), "2");
    assert!(!archive.named);
}

fn row_sparse(shape: &[i64], stored: &[i64], indices: &[i64]) -> Params {
    let params = Params::with_arrays(1).u32(V2).i32(1).shape(stored).shape(shape).on_cpu(3);
    let params = params.i32(6).shape(&[indices.len() as i64]);
    let n_values: i64 = stored.iter().product();
    let params = params.bytes(&vec![7; n_values.clamp(0, 100) as usize]);
    indices.iter().fold(params, |params, &index| params.u64(index as u64)).u64(1).name(b"w")
}

fn csr(shape: &[i64], indptr: &[i64], indices: &[i64]) -> Params {
    let n_values = indices.len() as i64;
    let params = Params::with_arrays(1).u32(V2).i32(2).shape(&[n_values]).shape(shape).on_cpu(3);
    let params = params.i32(6).shape(&[indptr.len() as i64]).i32(6).shape(&[n_values]);
    let params = params.bytes(&vec![7; indices.len()]);
    let params = indptr.iter().chain(indices).fold(params, |p, &index| p.u64(index as u64));
    params.u64(1).name(b"w")
}

#[test]
fn sparse_shapes_must_fit_each_other() {
    for params in [
        row_sparse(&[4, 2], &[2, 3], &[0, 1]),
        row_sparse(&[4, 2], &[2], &[0, 1]),
        row_sparse(&[4, 2], &[5, 2], &[0, 1, 2, 3, 4]),
        row_sparse(&[4, 2], &[2, 2], &[0]),
        csr(&[2, 2, 2], &[0, 0, 0], &[]),
        csr(&[2, 2], &[0, 0], &[]),
        csr(&[i64::MAX, 2], &[0, 0], &[]),
    ] {
        assert!(matches!(refused(params), Error::Sparse { .. }));
    }
}

#[test]
fn sparse_indices_must_ascend_within_bounds() {
    for params in [
        row_sparse(&[4, 1], &[2, 1], &[1, 1]),
        row_sparse(&[4, 1], &[2, 1], &[2, 0]),
        row_sparse(&[4, 1], &[1, 1], &[4]),
        row_sparse(&[4, 1], &[1, 1], &[-1]),
        row_sparse(&[4, 0], &[1, 0], &[4]),
        csr(&[2, 2], &[0, 2, 1], &[0]),
        csr(&[2, 2], &[0, 1, 9], &[0, 0]),
        csr(&[2, 2], &[1, 1, 2], &[0, 0]),
        csr(&[2, 2], &[0, 1, 1], &[0, 0]),
        csr(&[2, 2], &[0, 2, 2], &[1, 1]),
        csr(&[2, 2], &[0, 1, 1], &[2]),
        csr(&[2, 2], &[0, 1, 1], &[-1]),
    ] {
        assert!(mxnet_params::read(&params.0, &Limits::default()).is_ok());
        let error = read(&params.0, &Limits::default()).unwrap_err();
        assert!(matches!(&error, Error::Sparse { name, .. } if &**name == "w"), "{error}");
    }
}

#[test]
fn sparse_arrays_are_filled_with_zeros() {
    let dense = |params: Params| {
        let archive = read(&params.0, &Limits::default()).unwrap();
        elements(&archive.tensors[0])
    };
    assert_eq!(dense(row_sparse(&[4, 2], &[2, 2], &[0, 3])), [7., 7., 0., 0., 0., 0., 7., 7.]);
    assert_eq!(dense(row_sparse(&[2], &[1], &[1])), [0., 7.]);
    assert_eq!(dense(csr(&[2, 3], &[0, 2, 3], &[0, 2, 1])), [7., 0., 7., 0., 7., 0.]);
    // An all-zero matrix of MXNet has no row starts.
    assert_eq!(dense(csr(&[2, 2], &[], &[])), [0.; 4]);
}

#[test]
fn a_small_sparse_file_cannot_fill_the_memory() {
    let params = row_sparse(&[1 << 40, 1], &[1, 1], &[0]);
    assert!(mxnet_params::read(&params.0, &Limits::default()).is_ok());
    let error = read(&params.0, &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Limit { what: "memory for the reader", .. }), "{error}");
    let params = row_sparse(&[i64::MAX, 9], &[0, 9], &[]);
    assert!(matches!(read(&params.0, &Limits::default()), Err(Error::ShapeSize { .. })));
}

#[test]
fn one_shape_that_v2_cannot_say_makes_every_array_v3() {
    let tensor = |name, shape: &[usize]| {
        let len = shape.iter().product();
        RawTensor::new(name, DType::U8, shape.to_vec(), vec![1; len]).unwrap()
    };
    let marks = |bytes: &[u8], mark: u32| {
        bytes.windows(4).filter(|window| *window == mark.to_le_bytes()).count()
    };
    let plain = mxnet_params::write(&[tensor("a", &[2]), tensor("b", &[1])]).unwrap();
    assert_eq!((marks(&plain, V2), marks(&plain, V3)), (2, 0));
    for shape in [&[][..], &[0, 3]] {
        let tensors = [tensor("a", &[2]), tensor("b", shape)];
        let bytes = mxnet_params::write(&tensors).unwrap();
        assert_eq!((marks(&bytes, V2), marks(&bytes, V3)), (0, 2));
        assert_eq!(read(&bytes, &Limits::default()).unwrap().tensors, tensors);
    }
}

#[test]
fn what_mxnet_cannot_hold_is_refused_before_a_byte_is_written() {
    let good = RawTensor::new("a", DType::U8, vec![1], vec![1]).unwrap();
    let bad = RawTensor::new("b", DType::C64, vec![1], vec![1; 8]).unwrap();
    let mut out = Vec::new();
    let error = mxnet_params::write_to(&mut out, &[good.clone(), bad]).unwrap_err();
    assert_eq!(error.to_string(), "MXNet params cannot hold the element type `complex64`");
    assert!(mxnet_params::write_to(&mut out, &[good.clone(), good]).is_err());
    assert!(out.is_empty());
}
