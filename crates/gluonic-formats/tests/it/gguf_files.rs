//! GGUF files that the package `gguf` wrote, or that were made by hand.

use gluonic_formats::{
    DType, Error, Format, Limits, QuantType, RawTensor, detect,
    gguf::{self, Value, dequantize},
    read, read_header, safetensors,
};

use crate::{
    gguf_builder::{Gguf, I8, small},
    support::elements,
};

#[allow(clippy::disallowed_methods)] // Tests may read files.
pub(crate) fn peer() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/peer.gguf")).unwrap()
}

fn check_values(tensor: &RawTensor<'_>, shape: &[usize], values: &[f64]) {
    assert_eq!(tensor.shape(), shape, "{tensor:?}");
    assert_eq!(elements(tensor), values, "{tensor:?}");
}

#[test]
fn plain_tensors_have_their_type_shape_and_values() {
    let bytes = peer();
    assert_eq!(detect(&bytes).unwrap(), Format::Gguf);
    let archive = read(&bytes, &Limits::default()).unwrap();
    let plain = [
        ("f32", DType::F32),
        ("f16", DType::F16),
        ("bf16", DType::BF16),
        ("f64", DType::F64),
        ("i8", DType::I8),
        ("i16", DType::I16),
        ("i32", DType::I32),
        ("i64", DType::I64),
    ];
    for (name, dtype) in plain {
        let tensor = archive.get(name).unwrap();
        assert_eq!(tensor.dtype(), dtype);
        check_values(tensor, &[2, 3], &[-3.0, -2.0, -1.0, 0.0, 1.0, 2.0]);
    }
    let deep: Vec<f64> = (0..24).map(f64::from).collect();
    check_values(archive.get("deep").unwrap(), &[1, 2, 3, 4], &deep);
}

#[test]
fn dims_come_outermost_first() {
    let file = Gguf::new(3, 1, 0).tensor("w", &[3, 2], I8, 0).pad().bytes(&[1, 2, 3, 4, 5, 6]);
    let archive = read(&file.0, &Limits::default()).unwrap();
    assert_eq!(archive.tensors[0].shape(), [2, 3]);
    assert_eq!(archive.tensors[0].data(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn tensors_borrow_the_file_and_the_header_says_where_they_stand() {
    for bytes in [peer(), small(2), small(3)] {
        let archive = read(&bytes, &Limits::default()).unwrap();
        let header = read_header(&bytes, &Limits::default()).unwrap();
        assert_eq!(header.metadata, archive.metadata);
        for (entry, tensor) in header.entries.iter().zip(&archive.tensors) {
            assert_eq!((&*entry.name, entry.dtype), (tensor.name(), tensor.dtype()));
            assert_eq!(&bytes[entry.range.clone()], tensor.data());
            assert!(
                tensor.data().is_empty() || bytes.as_ptr_range().contains(&tensor.data().as_ptr())
            );
        }
        // The data need not be there to plan.
        let head = &bytes[..header.entries.iter().map(|e| e.range.start).max().unwrap()];
        let again = gguf::read_header(head, bytes.len() as u64, &Limits::default()).unwrap();
        assert_eq!(again, header);
    }
}

#[test]
fn metadata_keep_their_types() {
    let bytes = peer();
    let metadata = gguf::read_metadata(&bytes, &Limits::default()).unwrap();
    assert_eq!((metadata.version, metadata.alignment), (3, 32));
    let expected = [
        ("general.architecture", Value::String("test")),
        ("general.name", Value::String("für Elise")),
        ("test.u8", Value::U8(u8::MAX)),
        ("test.i8", Value::I8(i8::MIN)),
        ("test.u16", Value::U16(u16::MAX)),
        ("test.i16", Value::I16(i16::MIN)),
        ("test.u32", Value::U32(u32::MAX)),
        ("test.i32", Value::I32(i32::MIN)),
        ("test.u64", Value::U64(u64::MAX)),
        ("test.i64", Value::I64(i64::MIN)),
        ("test.f32", Value::F32(1e-5)),
        ("test.f64", Value::F64(0.1)),
        ("test.bool", Value::Bool(true)),
    ];
    for (key, value) in expected {
        assert_eq!(metadata.pairs[key], value);
    }
    let Value::Array(tokens) = metadata.pairs["tokenizer.ggml.tokens"] else { panic!() };
    assert_eq!((tokens.len(), tokens.is_empty()), (100, false));
    assert_eq!(tokens.iter().nth(99), Some(Value::String("token99")));
    assert_eq!(tokens.iter().count(), 100);
}

#[test]
fn metadata_become_texts_and_long_arrays_are_left_out() {
    let bytes = peer();
    let archive = read(&bytes, &Limits::default()).unwrap();
    let texts = [
        ("general.name", "für Elise"),
        ("test.u64", "18446744073709551615"),
        ("test.i8", "-128"),
        ("test.f32", "1e-5"),
        ("test.f64", "0.1"),
        ("test.bool", "true"),
        ("test.numbers", "[1,2,3]"),
        ("test.texts", r#"["a","b\"","ü"]"#),
    ];
    for (key, text) in texts {
        assert_eq!(archive.metadata[key], text);
    }
    assert!(!archive.metadata.contains_key("tokenizer.ggml.tokens"));
}

#[test]
fn quantized_tensors_decode_to_the_bits_that_the_peer_gives() {
    let bytes = peer();
    let archive = read(&bytes, &Limits::default()).unwrap();
    let mut decoded = 0;
    for quant in QuantType::ALL {
        let name = quant.name();
        let Some(floats) = archive.get(&format!("{name}.f32")) else { continue };
        let tensor = archive.get(name).unwrap();
        assert_eq!(tensor.dtype(), DType::Quantized(quant));
        assert_eq!(tensor.shape(), [2, 256], "{name}");
        let found = dequantize(tensor).unwrap();
        assert_eq!(found, floats.clone().with_name(name), "{name}");
        decoded += 1;
    }
    assert_eq!(decoded, 10);
}

#[test]
fn types_without_a_decoder_have_a_name_and_pass_through() {
    let bytes = peer();
    let archive = read(&bytes, &Limits::default()).unwrap();
    let mut opaque = 0;
    for quant in QuantType::ALL {
        let Some(tensor) = archive.get(quant.name()) else { continue };
        assert_eq!(tensor.elem_count() / quant.block().0 * quant.block().1, tensor.data().len());
        if archive.get(&format!("{quant}.f32")).is_none() {
            let error = dequantize(tensor).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("tensor `{quant}` of {quant} cannot be dequantized")
            );
            assert!(error.hint().unwrap().contains("Q4_0"));
            opaque += 1;
        }
    }
    assert_eq!(opaque, 15);
    assert!(dequantize(archive.get("f32").unwrap()).is_err());
}

#[test]
fn a_quantized_file_does_not_become_safetensors_silently() {
    let bytes = small(3);
    let archive = read(&bytes, &Limits::default()).unwrap();
    let error = safetensors::write(&archive.tensors, &archive.metadata).unwrap_err();
    assert_eq!(error.to_string(), "safetensors cannot hold the element type `Q4_0`");
    let floats: Vec<_> = archive
        .tensors
        .iter()
        .map(|tensor| dequantize(tensor).unwrap_or_else(|_| tensor.clone().into_owned()))
        .collect();
    let bytes = safetensors::write(&floats, &archive.metadata).unwrap();
    let back = read(&bytes, &Limits::default()).unwrap();
    assert_eq!(back.get("q").unwrap().dtype(), DType::F32);
    assert_eq!(back.metadata["list"], r#"["x","ü"]"#);
}

#[test]
fn other_versions_and_byte_orders_are_refused_by_name() {
    let refused = |version: u32| match read(&small(version), &Limits::default()) {
        Err(error @ Error::Version { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let text = refused(1);
    assert_eq!(text, "GGUF file is of version 1; readable are 2 and 3, little-endian");
    assert!(refused(4).contains("of version 4;"));
    assert!(refused(3_u32.swap_bytes()).contains("of version 3 and big-endian;"));
    assert!(refused(0).contains("of version 0;"));
}

#[test]
fn a_file_without_tensors_needs_no_padding() {
    let file = Gguf::new(3, 0, 0);
    assert!(read(&file.0, &Limits::default()).unwrap().tensors.is_empty());
    assert!(read(&file.pad().0, &Limits::default()).unwrap().tensors.is_empty());
}
