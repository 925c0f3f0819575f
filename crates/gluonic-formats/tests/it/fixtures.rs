//! Files that MXNet 1.9.1 wrote, or that it read when they were made by hand.

use gluonic_formats::{
    Error, Format, Limits, Storage, detect, mxnet_params, read, read_header, safetensors,
};

use crate::support::{bytes_of, description, elements, number, stems};

#[test]
fn every_array_has_the_name_type_shape_and_values_that_mxnet_saw() {
    for stem in stems() {
        let (bytes, expected) = (bytes_of(&format!("{stem}.params")), description(&stem));
        assert_eq!(detect(&bytes).unwrap(), Format::MxnetParams, "{stem}");
        let archive = read(&bytes, &Limits::default()).unwrap();
        let arrays = expected["arrays"].as_array().unwrap();
        assert_eq!(archive.tensors.len(), arrays.len(), "{stem}");
        assert_eq!(archive.named, expected["named"].as_bool().unwrap(), "{stem}");
        for (index, (tensor, array)) in archive.tensors.iter().zip(arrays).enumerate() {
            let number_name = index.to_string();
            assert_eq!(tensor.name(), array["name"].as_str().unwrap_or(&number_name), "{stem}");
            let place = format!("{stem}: {}", tensor.name());
            assert_eq!(tensor.dtype().name(), array["dtype"].as_str().unwrap(), "{place}");
            let shape: Vec<usize> = serde_json::from_value(array["shape"].clone()).unwrap();
            assert_eq!(tensor.shape(), shape, "{place}");
            let values = elements(tensor);
            let first: Vec<f64> = array["first"].as_array().unwrap().iter().map(number).collect();
            assert_eq!(first.len(), values.len().min(8), "{place}");
            for (value, expected) in values.iter().zip(&first) {
                assert!(same(*value, *expected), "{place}: {value} {expected}");
            }
            let (sum, expected) = (values.iter().sum::<f64>(), number(&array["sum"]));
            let near = (sum - expected).abs() <= 1e-9 * (1.0 + expected.abs());
            assert!(near || (sum.is_nan() && expected.is_nan()), "{place}: {sum} {expected}");
        }
    }
}

/// Equal but for the last digit, which is lost in reading the description's decimals.
fn same(value: f64, expected: f64) -> bool {
    let sign = value.is_sign_negative() == expected.is_sign_negative();
    let near = (value - expected).abs() <= f64::EPSILON * expected.abs();
    (value.is_nan() && expected.is_nan()) || (sign && (value == expected || near))
}

#[test]
fn what_mxnet_wrote_is_rewritten_byte_for_byte() {
    let mut identical = 0;
    for stem in stems() {
        let bytes = bytes_of(&format!("{stem}.params"));
        let params = mxnet_params::read(&bytes, &Limits::default()).unwrap();
        let mut again = Vec::new();
        params.write_to(&mut again).unwrap();
        if description(&stem)["rewrite_identical"].as_bool().unwrap() || stem == "v3_np" {
            assert_eq!(again, bytes, "{stem}");
            identical += 1;
        }
        let mut reread = mxnet_params::read(&again, &Limits::default()).unwrap();
        reread.trailing_bytes = params.trailing_bytes;
        assert_eq!(reread, params, "{stem}");
    }
    assert!(identical >= 20, "{identical}");
}

#[test]
fn the_header_says_what_the_arrays_are() {
    for stem in stems() {
        let bytes = bytes_of(&format!("{stem}.params"));
        let header = read_header(&bytes, &Limits::default()).unwrap();
        let archive = read(&bytes, &Limits::default()).unwrap();
        assert_eq!(header.entries.len(), archive.tensors.len());
        for (entry, tensor) in header.entries.iter().zip(&archive.tensors) {
            assert_eq!(
                (&*entry.name, entry.dtype, &*entry.shape),
                (tensor.name(), tensor.dtype(), tensor.shape())
            );
            if entry.storage == Storage::Dense {
                assert_eq!(&bytes[entry.range.clone()], tensor.data(), "{stem}");
            }
        }
    }
}

#[test]
fn dense_arrays_borrow_the_file() {
    let bytes = bytes_of("mlp.params");
    let archive = read(&bytes, &Limits::default()).unwrap();
    for tensor in &archive.tensors {
        assert!(bytes.as_ptr_range().contains(&tensor.data().as_ptr()));
    }
}

#[test]
fn sparse_arrays_keep_their_parts() {
    let bytes = bytes_of("sparse.params");
    let params = mxnet_params::read(&bytes, &Limits::default()).unwrap();
    let mxnet_params::Value::RowSparse(rows) = &params.arrays[0].value else { panic!() };
    assert_eq!(elements(&rows.indices), [1.0, 4.0]);
    assert_eq!(rows.to_dense(&Limits::default()).unwrap().shape(), [6, 3]);
    let mxnet_params::Value::Csr(csr) = &params.arrays[2].value else { panic!() };
    assert_eq!(elements(&csr.indptr), [0.0, 2.0, 2.0, 3.0]);
    assert_eq!(elements(&csr.indices), [0.0, 2.0, 1.0]);
}

#[test]
fn devices_and_trailing_bytes_are_kept_track_of() {
    let bytes = bytes_of("ctx.params");
    let params = mxnet_params::read(&bytes, &Limits::default()).unwrap();
    assert_eq!(params.arrays[0].context, mxnet_params::Context { device_type: 2, device_id: 1 });
    assert_eq!(params.arrays[1].context.device_type, 3);
    assert_eq!(params.trailing_bytes, "trailing".len());
    let mut again = Vec::new();
    params.write_to(&mut again).unwrap();
    assert_eq!(again, bytes[..bytes.len() - 8]);
}

#[test]
fn files_become_safetensors_and_stay_the_same() {
    for stem in stems() {
        let bytes = bytes_of(&format!("{stem}.params"));
        let archive = read(&bytes, &Limits::default()).unwrap();
        let converted = safetensors::write(&archive.tensors, &archive.metadata).unwrap();
        let back = read(&converted, &Limits::default()).unwrap();
        assert_eq!(back.tensors.len(), archive.tensors.len());
        for tensor in &archive.tensors {
            assert_eq!(back.get(tensor.name()), Some(tensor), "{stem}");
        }
    }
}

#[test]
fn corrupt_files_are_refused_each_with_its_own_error() {
    let refused = |stem: &str| {
        let bytes = bytes_of(&format!("bad_{stem}.bin"));
        let error = read(&bytes, &Limits::default()).unwrap_err();
        assert!(read_header(&bytes, &Limits::default()).is_err());
        assert!(mxnet_params::read(&bytes, &Limits::default()).is_err());
        error
    };
    assert!(matches!(refused("empty_file"), Error::Empty));
    assert!(matches!(refused("bad_magic"), Error::UnknownFormat { .. }));
    let error = refused("cut_header");
    assert!(matches!(error, Error::Truncated { offset: 8, expected: 8, found: 4, .. }), "{error}");
    let error = refused("cut_array");
    assert!(
        matches!(error, Error::Truncated { what: "an element type", offset: 60, .. }),
        "{error}"
    );
    let error = refused("cut_names");
    assert!(matches!(error, Error::Truncated { what: "the length of a name", .. }), "{error}");
    let error = refused("names_mismatch");
    assert!(matches!(error, Error::NamesMismatch { arrays: 1, names: 0xF993_FAC9, .. }), "{error}");
    let error = refused("bad_flag");
    assert_eq!(error.to_string(), "tensor `array 0` has the unknown element type `99`");
    let error = refused("neg_ndim");
    assert!(matches!(error, Error::Negative { index: 0, found: -1, offset: 32, .. }), "{error}");
    // No file of the folder is left out above.
    assert_eq!(description("bad").as_object().unwrap().len(), 8);
}
