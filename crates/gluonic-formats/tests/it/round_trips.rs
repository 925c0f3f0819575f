//! Writing, then reading, is identity.

use gluonic_formats::{
    Archive, DType, Error, Format, Limits, RawTensor, byte_len, mxnet_params, npy, npz, read,
    read_header,
    safetensors::{self, Layout, Order},
    write_to,
};
use indexmap::IndexMap;
use proptest::{collection::vec, prelude::*};

fn tensor(dtypes: Vec<DType>) -> impl Strategy<Value = RawTensor<'static>> {
    let shape = vec(0_usize..5, 0..5);
    (".{0,12}", proptest::sample::select(dtypes), shape, any::<u64>()).prop_map(
        |(name, dtype, mut shape, seed)| {
            if byte_len(dtype, &shape).is_none() {
                shape.push(4); // Makes sub-byte elements fill whole bytes.
            }
            let len = byte_len(dtype, &shape).unwrap() as u64;
            let data: Vec<u8> = (0..len).map(|i| (seed >> (i % 57)) as u8 ^ i as u8).collect();
            RawTensor::new(name, dtype, shape, data).unwrap()
        },
    )
}

fn tensors(dtypes: Vec<DType>) -> impl Strategy<Value = Vec<RawTensor<'static>>> {
    vec(tensor(dtypes), 0..8).prop_map(|tensors| {
        let named = tensors.into_iter().enumerate();
        // Distinct names, of any characters.
        named
            .map(|(index, t)| {
                let name = format!("{}{index}", t.name());
                t.with_name(name)
            })
            .collect()
    })
}

fn dtypes_of(format: Format) -> Vec<DType> {
    DType::ALL
        .into_iter()
        .filter(|&dtype| match format {
            Format::Safetensors => dtype.safetensors_name().is_some(),
            Format::Npz => dtype <= DType::F64 || matches!(dtype, DType::C64 | DType::C128),
            _ => dtype <= DType::F64,
        })
        .collect()
}

proptest! {
    #[test]
    fn safetensors_come_back_as_given(
        tensors in tensors(dtypes_of(Format::Safetensors)),
        metadata in vec((".{0,8}", ".{0,8}"), 0..4),
    ) {
        let mut metadata: IndexMap<String, String> = metadata.into_iter().collect();
        metadata.sort_keys();
        let layout = Layout::new(&tensors, &metadata, Order::Given).unwrap();
        let mut bytes = Vec::new();
        layout.write_to(&mut bytes, &tensors).unwrap();
        prop_assert_eq!(layout.file_len(), bytes.len() as u64);
        let archive = read(&bytes, &Limits::default()).unwrap();
        let (named, format) = (true, Format::Safetensors);
        let ties = vec![];
        prop_assert_eq!(archive, Archive { tensors, metadata, ties, named, format });
    }

    #[test]
    fn canonical_safetensors_do_not_depend_on_the_order_given(
        tensors in tensors(dtypes_of(Format::Safetensors))
            .prop_flat_map(|tensors| (Just(tensors.clone()), Just(tensors).prop_shuffle())),
    ) {
        let bytes = safetensors::write(&tensors.0, &IndexMap::new()).unwrap();
        prop_assert_eq!(&bytes, &safetensors::write(&tensors.1, &IndexMap::new()).unwrap());
        let archive = read(&bytes, &Limits::default()).unwrap();
        prop_assert_eq!(&safetensors::write(&archive.tensors, &IndexMap::new()).unwrap(), &bytes);
        for tensor in &tensors.0 {
            prop_assert_eq!(archive.get(tensor.name()), Some(tensor));
        }
    }

    #[test]
    fn params_come_back_as_given(
        tensors in tensors(dtypes_of(Format::MxnetParams)),
        named: bool,
    ) {
        let params = mxnet_params::Params::of(tensors.iter().map(RawTensor::to_borrowed), named);
        let mut bytes = Vec::new();
        params.write_to(&mut bytes).unwrap();
        let archive = read(&bytes, &Limits::default()).unwrap();
        prop_assert_eq!(archive.named, named && !tensors.is_empty());
        for (index, (back, given)) in archive.tensors.into_iter().zip(&tensors).enumerate() {
            let name = if named { given.name().to_owned() } else { index.to_string() };
            prop_assert_eq!(back, given.clone().with_name(name));
        }
        if named {
            prop_assert_eq!(mxnet_params::write(&tensors).unwrap(), bytes);
        }
    }

    #[test]
    fn npz_come_back_as_given(tensors in tensors(dtypes_of(Format::Npz))) {
        // Neither absolute nor leading out of a folder, which is refused.
        let inside = |name: &str| format!("te{}", name.replace('\0', "0").replace("..", "__"));
        let tensors: Vec<_> = tensors
            .into_iter()
            .map(|tensor| {
                let name = inside(tensor.name());
                tensor.with_name(name)
            })
            .collect();
        let bytes = npz::write(&tensors).unwrap();
        let archive = read(&bytes, &Limits::default()).unwrap();
        for tensor in &archive.tensors {
            let place = tensor.data().as_ptr() as usize - bytes.as_ptr() as usize;
            prop_assert!(tensor.data().is_empty() || place.is_multiple_of(64));
        }
        prop_assert_eq!(&archive.tensors, &tensors);
        prop_assert_eq!(npz::write(&archive.tensors).unwrap(), bytes);
    }

    #[test]
    fn npy_come_back_as_given(tensor in tensor(dtypes_of(Format::Npz))) {
        let bytes = npy::write(&tensor).unwrap();
        let archive = read(&bytes, &Limits::default()).unwrap();
        prop_assert!(!archive.named);
        prop_assert_eq!(&archive.tensors, &[tensor.with_name("0")]);
        for len in 0..bytes.len() {
            prop_assert!(read(&bytes[..len], &Limits::default()).is_err());
        }
    }

    #[test]
    fn every_truncation_is_noticed(tensors in tensors(dtypes_of(Format::MxnetParams))) {
        // Not every name may stand in a zip file.
        let numbered = tensors.into_iter().enumerate();
        let tensors: Vec<_> = numbered.map(|(index, t)| t.with_name(index.to_string())).collect();
        for format in [Format::Safetensors, Format::MxnetParams, Format::Npz] {
            let mut bytes = Vec::new();
            write_to(&mut bytes, format, &tensors, &IndexMap::new()).unwrap();
            prop_assert!(read(&bytes, &Limits::default()).is_ok());
            for len in 0..bytes.len() {
                prop_assert!(read(&bytes[..len], &Limits::default()).is_err(), "{format} at {len}");
                prop_assert!(read_header(&bytes[..len], &Limits::default()).is_err());
            }
        }
    }
}

/// A sink that takes only so much.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let len = bytes.len().min(self.0);
        self.0 -= len;
        if len == 0 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(len) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_reported_wherever_it_happens() {
    let tensors = [RawTensor::new("w", DType::F32, vec![2], vec![0; 8]).unwrap()];
    for format in [Format::Safetensors, Format::MxnetParams, Format::Npz, Format::Npy] {
        let mut bytes = Vec::new();
        write_to(&mut bytes, format, &tensors, &IndexMap::new()).unwrap();
        for room in 0..bytes.len() {
            let result = write_to(&mut Full(room), format, &tensors, &IndexMap::new());
            assert!(matches!(result, Err(Error::Write { .. })), "{format} at {room}");
        }
        write_to(&mut Full(bytes.len()), format, &tensors, &IndexMap::new()).unwrap();
    }
}
