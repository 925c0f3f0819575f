//! Files that PyTorch wrote.

use gluonic_formats::{
    DType, Error, Format, Limits, RawTensor, Storage, detect, read, read_header,
};
use serde_json::Value;

use crate::support::{elements, fixture};

fn names<'t>(tensors: &'t [RawTensor<'_>]) -> Vec<&'t str> {
    tensors.iter().map(RawTensor::name).collect()
}

#[test]
fn every_tensor_has_the_type_shape_and_bytes_that_pytorch_loads() {
    for (stem, format) in [("state_zip", Format::TorchZip), ("state_legacy", Format::TorchLegacy)] {
        let bytes = fixture(&format!("{stem}.pt"));
        assert_eq!(detect(&bytes).unwrap(), format);
        let archive = read(&bytes, &Limits::default()).unwrap();
        let expected: Value = serde_json::from_slice(&fixture(&format!("{stem}.json"))).unwrap();
        let expected = expected.as_object().unwrap();
        assert_eq!(names(&archive.tensors), expected.keys().collect::<Vec<_>>());
        for (tensor, facts) in archive.tensors.iter().zip(expected.values()) {
            let place = format!("{stem}: {}", tensor.name());
            assert_eq!(tensor.dtype().name(), facts["dtype"].as_str().unwrap(), "{place}");
            let shape: Vec<usize> = serde_json::from_value(facts["shape"].clone()).unwrap();
            assert_eq!(tensor.shape(), shape, "{place}");
            let hex = facts["bytes"].as_str().unwrap().as_bytes();
            let digits = hex.chunks(2).map(|two| std::str::from_utf8(two).unwrap());
            let bytes: Vec<_> = digits.map(|two| u8::from_str_radix(two, 16).unwrap()).collect();
            assert_eq!(tensor.data(), bytes, "{place}");
        }
    }
}

#[test]
fn tensors_that_are_the_same_view_are_tied() {
    for file in ["state_zip.pt", "state_legacy.pt"] {
        let bytes = fixture(file);
        let archive = read(&bytes, &Limits::default()).unwrap();
        assert_eq!(archive.ties, [[0, 1]], "{file}");
        assert_eq!(names(&archive.tensors)[..2], ["emb.weight", "head.weight"]);
        assert_eq!(read_header(&bytes, &Limits::default()).unwrap().ties, archive.ties);
    }
}

#[test]
fn contiguous_tensors_borrow_the_file_and_the_header_tells_which() {
    for file in ["state_zip.pt", "state_legacy.pt"] {
        let bytes = fixture(file);
        let archive = read(&bytes, &Limits::default()).unwrap();
        let header = read_header(&bytes, &Limits::default()).unwrap();
        for (tensor, entry) in archive.tensors.iter().zip(&header.entries) {
            let borrowed = bytes.as_ptr_range().contains(&tensor.data().as_ptr());
            let empty = tensor.data().is_empty();
            assert_eq!(borrowed || empty, entry.storage == Storage::Dense, "{}", tensor.name());
        }
        let encoded = header.entries.iter().filter(|entry| entry.storage == Storage::Encoded);
        let encoded: Vec<_> = encoded.map(|entry| &*entry.name).collect();
        assert_eq!(encoded, ["head.transposed", "head.column", "head.expanded"]);
    }
}

#[test]
fn a_file_that_was_packed_again_is_the_same() {
    let (stored, deflated) = (fixture("state_zip.pt"), fixture("deflated.pt"));
    let expected = read(&stored, &Limits::default()).unwrap();
    assert_eq!(read(&deflated, &Limits::default()).unwrap(), expected);
    let header = read_header(&deflated, &Limits::default()).unwrap();
    assert!(header.entries.iter().all(|entry| entry.storage == Storage::Encoded));
}

#[test]
fn checkpoints_are_flattened_and_what_is_no_tensor_is_metadata() {
    for file in ["checkpoint_zip.pt", "checkpoint_legacy.pt"] {
        let bytes = fixture(file);
        let archive = read(&bytes, &Limits::default()).unwrap();
        let keys = names(&archive.tensors);
        assert_eq!(keys[..2], ["model.0.weight", "model.0.bias"]);
        for name in ["model.1.num_batches_tracked", "optimizer.state.0.exp_avg", "param", "list.0"]
        {
            assert!(keys.contains(&name), "{name} in {keys:?}");
        }
        assert_eq!(elements(archive.get("model.0.weight").unwrap()), [0.25; 4]);
        assert_eq!(elements(archive.get("list.1.x").unwrap()), [2.0]);
        let text = |key: &str| archive.metadata.get(key).map(String::as_str);
        assert_eq!(text("epoch"), Some("3"));
        assert_eq!(text("best"), Some("0.75"));
        assert_eq!(text("note"), Some("a é"));
        assert_eq!(text("done"), Some("false"));
        assert_eq!(text("nothing"), None);
        assert_eq!(text("args"), Some("<argparse.Namespace>"));
        assert_eq!(text("config"), Some("<__main__.Config>"));
        assert_eq!(text("dtype"), Some("torch.float32"));
        assert_eq!(text("steps.1"), Some("1099511627776"));
        assert_eq!(text("optimizer.param_groups.0.lr"), Some("0.125"));
        assert!(archive.named);
    }
}

#[test]
fn a_tensor_and_a_list_of_tensors_have_no_names() {
    let bytes = fixture("tensor.pt");
    let archive = read(&bytes, &Limits::default()).unwrap();
    assert!(!archive.named);
    assert_eq!((names(&archive.tensors), archive.tensors[0].shape()), (vec!["0"], &[2, 2][..]));
    assert_eq!(elements(&archive.tensors[0]), [1.0, 2.0, 3.0, 4.0]);
    let bytes = fixture("list.pt");
    let archive = read(&bytes, &Limits::default()).unwrap();
    assert!(!archive.named);
    assert_eq!(names(&archive.tensors), ["0", "1"]);
}

#[test]
fn newer_protocols_and_files_without_checksums_are_read() {
    for file in ["protocol4.pt", "protocol5.pt", "no_crc.pt"] {
        let bytes = fixture(file);
        let archive = read(&bytes, &Limits::default()).unwrap();
        assert_eq!(archive.tensors[0].dtype(), DType::F32);
        assert_eq!(elements(archive.get("w").unwrap()), [0.0, 1.0, 2.0], "{file}");
    }
}

#[test]
fn tensors_that_are_not_dense_are_refused_by_name() {
    let message = |file: &str| read(&fixture(file), &Limits::default()).unwrap_err().to_string();
    assert_eq!(message("sparse.pt"), "tensor `w` is sparse, which cannot be read");
    assert_eq!(message("quantized.pt"), "tensor `w` is quantized, which cannot be read");
    assert_eq!(
        message("meta.pt"),
        "tensor `w` is on the meta device, without elements, which cannot be read"
    );
}

#[test]
fn a_whole_module_is_refused_with_the_way_out() {
    let error = read(&fixture("module.pt"), &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Foreign { .. }));
    assert_eq!(
        error.to_string(),
        "the pickle needs the Python object `torch.nn.modules.container.Sequential`, which is not \
         known and was not run"
    );
    assert!(error.hint().unwrap().contains("state_dict"));
}
