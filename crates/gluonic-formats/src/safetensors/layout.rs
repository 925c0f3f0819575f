//! Where everything goes in a file to be written.
//!
//! The main type is [`Layout`]: made from names, types and shapes alone, it holds the header's
//! bytes and each tensor's place, so that data can be written one tensor at a time, or several
//! at once by writers that can seek.

use std::{cmp::Reverse, io::Write, ops::Range};

use indexmap::IndexMap;

use super::METADATA;
use crate::{
    DType, Error, Format, RawTensor, TensorSpec,
    archive::refuse_duplicates,
    raw::check_len,
    spec::{Data, data_of, put_data, specs_of},
};

/// In which order the tensors' bytes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// Widest element type first, then by name, so that every tensor is aligned and the same
    /// content gives the same bytes. This is the safetensors library's order.
    #[default]
    Canonical,
    /// As given, and so read back. Stock readers accept it, but tensors may not be aligned.
    Given,
}

/// The header and the places of a file to be written.
///
/// # Examples
/// ```
/// use gluonic_formats::{DType, RawTensor, safetensors::{Layout, Order}};
/// let tensors = [
///     RawTensor::new("a", DType::U8, vec![1], vec![7])?,
///     RawTensor::new("b", DType::F32, vec![1], vec![0; 4])?,
/// ];
/// let layout = Layout::new(&tensors, &Default::default(), Order::Canonical)?;
/// assert_eq!(layout.order(), [1, 0]); // `b` first, so that its floats are aligned
/// let end = layout.header().len() as u64;
/// assert_eq!(layout.range(0), Some(end + 4..end + 5));
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Layout {
    header: Vec<u8>,
    order: Vec<usize>,
    ranges: Vec<Range<u64>>,
}

impl Layout {
    /// Plans a file of these tensors. Metadata is written sorted by key.
    ///
    /// # Errors
    /// * [`Error::NotRepresentable`] for an element type that the format lacks, or a tensor
    ///   named `__metadata__`.
    /// * [`Error::Duplicate`] if two tensors have one name.
    pub fn new(
        tensors: &[RawTensor<'_>],
        metadata: &IndexMap<String, String>,
        order: Order,
    ) -> Result<Self, Error> {
        Self::of_specs(&specs_of(tensors), metadata, order)
    }

    /// Plans a file of tensors whose bytes are made later.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and [`Error::ShapeSize`] if a tensor cannot exist.
    pub fn of_specs(
        tensors: &[TensorSpec<'_>],
        metadata: &IndexMap<String, String>,
        order: Order,
    ) -> Result<Self, Error> {
        refuse_duplicates(tensors.iter().map(|spec| spec.name))?;
        let mut sorted: Vec<_> = tensors.iter().enumerate().collect();
        if order == Order::Canonical {
            sorted.sort_by_key(|(_, spec)| (Reverse(width_rank(spec.dtype)), spec.name));
        }
        let mut json = Json(b"{".to_vec());
        if !metadata.is_empty() {
            let mut pairs: Vec<_> = metadata.iter().collect();
            pairs.sort_unstable();
            json.key(METADATA)?;
            json.text("{");
            for (key, value) in pairs {
                json.key(key)?;
                json.string(value)?;
            }
            json.text("}");
        }
        let mut end = 0_u64;
        let mut order = Vec::with_capacity(tensors.len());
        let mut ranges = vec![0..0; tensors.len()];
        for (place, spec) in sorted {
            let range = end..end.saturating_add(spec.byte_len()? as u64);
            json.entry(spec, &range)?;
            end = range.end;
            order.push(place);
            if let Some(slot) = ranges.get_mut(place) {
                *slot = range;
            }
        }
        json.text("}");
        let mut header = json.0;
        header.resize(header.len().next_multiple_of(8), b' ');
        let prefix = (header.len() as u64).to_le_bytes();
        header.splice(..0, prefix);
        for range in &mut ranges {
            range.start = range.start.saturating_add(header.len() as u64);
            range.end = range.end.saturating_add(header.len() as u64);
        }
        Ok(Self { header, order, ranges })
    }

    /// The file's bytes before the data: length and header.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// The tensors' places in the list given, in the order of their bytes in the file.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Where in the file the bytes of the tensor given at `index` go.
    pub fn range(&self, index: usize) -> Option<Range<u64>> {
        self.ranges.get(index).cloned()
    }

    /// How long the file will be.
    pub fn file_len(&self) -> u64 {
        self.ranges.iter().map(|range| range.end).max().unwrap_or(self.header.len() as u64)
    }

    /// Writes the file: the header, then the bytes of these tensors, which must be those that
    /// the layout was made of.
    ///
    /// # Errors
    /// * [`Error::ByteLength`] if a tensor has another length than planned.
    /// * [`Error::Write`] if `out` refuses bytes.
    pub fn write_to(&self, out: &mut dyn Write, tensors: &[RawTensor<'_>]) -> Result<(), Error> {
        self.write_from(out, &specs_of(tensors), &mut data_of(tensors))
    }

    /// Writes the file: the header, then the bytes that `data` gives for each of these tensors,
    /// which must be those that the layout was made of.
    ///
    /// # Errors
    /// * [`Error::ByteLength`] if a tensor has another length than planned, or `data` gives more or
    ///   fewer bytes.
    /// * [`Error::Write`] if `out` refuses bytes, or with what `data` fails with.
    pub fn write_from(
        &self,
        out: &mut dyn Write,
        tensors: &[TensorSpec<'_>],
        data: &mut Data<'_>,
    ) -> Result<(), Error> {
        let format = Format::Safetensors;
        out.write_all(&self.header).map_err(|source| Error::Write { format, source })?;
        for (index, spec, range) in self
            .order
            .iter()
            .filter_map(|&index| Some((index, tensors.get(index)?, self.range(index)?)))
        {
            let planned = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
            check_len(spec.name, spec.dtype, spec.shape, planned)?;
            put_data(out, format, index, spec, data)?;
        }
        Ok(())
    }
}

/// A header while it is written, always ready for the next key or value.
struct Json(Vec<u8>);

impl Json {
    fn text(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn string(&mut self, text: &str) -> Result<(), Error> {
        let format = Format::Safetensors;
        serde_json::to_writer(&mut self.0, text)
            .map_err(|error| Error::Write { format, source: error.into() })
    }

    fn key(&mut self, key: &str) -> Result<(), Error> {
        if self.0.last() != Some(&b'{') {
            self.text(",");
        }
        self.string(key)?;
        self.text(":");
        Ok(())
    }

    fn entry(&mut self, spec: &TensorSpec<'_>, range: &Range<u64>) -> Result<(), Error> {
        let TensorSpec { name, dtype, shape } = *spec;
        let format = Format::Safetensors;
        if name == METADATA {
            let what = "a tensor with the name";
            return Err(Error::NotRepresentable { format, what, name: name.into() });
        }
        let Some(type_name) = dtype.safetensors_name() else {
            let what = "the element type";
            return Err(Error::NotRepresentable { format, what, name: dtype.name().into() });
        };
        let dims: Vec<_> = shape.iter().map(usize::to_string).collect();
        self.key(name)?;
        self.text(&format!(
            r#"{{"dtype":"{type_name}","shape":[{}],"data_offsets":[{},{}]}}"#,
            dims.join(","),
            range.start,
            range.end
        ));
        Ok(())
    }
}

/// The place of an element type in the library's order of alignment, narrowest first.
fn width_rank(dtype: DType) -> usize {
    const ORDER: [DType; 22] = [
        DType::Bool,
        DType::F4,
        DType::F6E2M3,
        DType::F6E3M2,
        DType::U8,
        DType::I8,
        DType::F8E5M2,
        DType::F8E4M3,
        DType::F8E8M0,
        DType::F8E4M3Fnuz,
        DType::F8E5M2Fnuz,
        DType::I16,
        DType::U16,
        DType::F16,
        DType::BF16,
        DType::I32,
        DType::U32,
        DType::F32,
        DType::C64,
        DType::F64,
        DType::I64,
        DType::U64,
    ];
    ORDER.iter().position(|&other| other == dtype).unwrap_or(ORDER.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, byte_len, safetensors};

    fn tensor(name: &str, dtype: DType, len: usize) -> RawTensor<'_> {
        let size = byte_len(dtype, &[len]).unwrap();
        RawTensor::new(name, dtype, vec![len], vec![len as u8; size]).unwrap()
    }

    fn pairs(pairs: [(&str, &str); 2]) -> IndexMap<String, String> {
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn the_same_content_gives_the_same_bytes() {
        let (a, b) = (tensor("a", DType::F16, 3), tensor("b", DType::F32, 2));
        let one = safetensors::write(&[a.clone(), b.clone()], &pairs([("x", "1"), ("y", "2")]));
        let two = safetensors::write(&[b, a], &pairs([("y", "2"), ("x", "1")]));
        assert_eq!(one.unwrap(), two.unwrap());
    }

    #[test]
    fn the_given_order_is_read_back() {
        let tensors = [
            tensor("z", DType::U8, 1),
            tensor("e", DType::F64, 0),
            tensor("a", DType::F64, 2),
            tensor("m", DType::BF16, 2),
        ];
        let mut bytes = Vec::new();
        let layout = Layout::new(&tensors, &IndexMap::new(), Order::Given).unwrap();
        layout.write_to(&mut bytes, &tensors).unwrap();
        assert_eq!(bytes.len() as u64, layout.file_len());
        assert_eq!(safetensors::read(&bytes, &Limits::default()).unwrap().tensors, tensors);
    }

    #[test]
    fn in_canonical_order_every_tensor_is_aligned() {
        let tensors: Vec<_> =
            DType::ALL.iter().filter(|dtype| dtype.safetensors_name().is_some()).collect();
        let tensors: Vec<_> = tensors.iter().map(|d| tensor(d.name(), **d, 4)).collect();
        let layout = Layout::new(&tensors, &IndexMap::new(), Order::Canonical).unwrap();
        for (index, tensor) in tensors.iter().enumerate() {
            let size = tensor.dtype().size_in_bytes().unwrap_or(1) as u64;
            assert!(layout.range(index).unwrap().start.is_multiple_of(size), "{tensor:?}");
        }
    }

    #[test]
    fn the_header_is_the_librarys_byte_for_byte() {
        let tensors = [tensor("a", DType::F16, 1), tensor("é\"", DType::F32, 2)];
        let metadata = IndexMap::from([("format".to_owned(), "pt".to_owned())]);
        let layout = Layout::new(&tensors, &metadata, Order::Canonical).unwrap();
        let text = String::from_utf8(layout.header()[8..].to_vec()).unwrap();
        assert_eq!(
            text,
            "{\"__metadata__\":{\"format\":\"pt\"},\
             \"é\\\"\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\
             \"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[8,10]}}     "
                .trim_end()
                .to_owned()
                + &" ".repeat(text.len() - text.trim_end().len())
        );
        assert!(text.len().is_multiple_of(8));
        let empty = safetensors::write(&[], &IndexMap::new()).unwrap();
        assert_eq!(empty, b"\x08\0\0\0\0\0\0\0{}      ");
    }

    #[test]
    fn what_the_format_cannot_hold_is_refused() {
        let refused = |tensors: &[RawTensor<'_>]| {
            safetensors::write(tensors, &IndexMap::new()).unwrap_err().to_string()
        };
        assert_eq!(
            refused(&[tensor("__metadata__", DType::U8, 1)]),
            "safetensors cannot hold a tensor with the name `__metadata__`"
        );
        assert_eq!(
            refused(&[tensor("c", DType::C128, 1)]),
            "safetensors cannot hold the element type `complex128`"
        );
        let twice = [tensor("w", DType::U8, 1), tensor("w", DType::U8, 2)];
        assert_eq!(refused(&twice), "`w` occurs twice among the tensor names");
    }

    #[test]
    fn other_tensors_than_planned_are_refused() {
        let layout =
            Layout::new(&[tensor("w", DType::U8, 2)], &IndexMap::new(), Order::Given).unwrap();
        let error = layout.write_to(&mut Vec::new(), &[tensor("w", DType::U8, 3)]).unwrap_err();
        assert!(matches!(error, Error::ByteLength { expected: 3, found: 2, .. }), "{error}");
    }
}
