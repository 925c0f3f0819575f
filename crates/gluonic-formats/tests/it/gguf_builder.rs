//! A builder of GGUF files, honest or not.

/// A file under construction: numbers in the order of the format.
#[derive(Clone, Default)]
pub(crate) struct Gguf(pub(crate) Vec<u8>);

pub(crate) const U8: u32 = 0;
pub(crate) const U32: u32 = 4;
pub(crate) const BOOL: u32 = 7;
pub(crate) const STRING: u32 = 8;
pub(crate) const ARRAY: u32 = 9;

pub(crate) const F32: u32 = 0;
pub(crate) const Q4_0: u32 = 2;
pub(crate) const I8: u32 = 24;

impl Gguf {
    pub(crate) fn new(version: u32, n_tensors: u64, n_pairs: u64) -> Self {
        Self(b"GGUF".to_vec()).u32(version).u64(n_tensors).u64(n_pairs)
    }

    pub(crate) fn u32(self, number: u32) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    pub(crate) fn u64(self, number: u64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub(crate) fn text(self, text: &[u8]) -> Self {
        self.u64(text.len() as u64).bytes(text)
    }

    /// A key and the kind of its value, which comes next.
    pub(crate) fn key(self, key: &str, kind: u32) -> Self {
        self.text(key.as_bytes()).u32(kind)
    }

    /// An entry of the list of tensors; dims as the file has them, innermost first.
    pub(crate) fn tensor(self, name: &str, dims: &[u64], number: u32, offset: u64) -> Self {
        let start = self.text(name.as_bytes()).u32(dims.len() as u32);
        dims.iter().fold(start, |file, &dim| file.u64(dim)).u32(number).u64(offset)
    }

    /// Zeros up to a multiple of 32.
    pub(crate) fn pad(mut self) -> Self {
        self.0.resize(self.0.len().next_multiple_of(32), 0);
        self
    }
}

/// A file with tensors of two types and a few pairs.
pub(crate) fn small(version: u32) -> Vec<u8> {
    Gguf::new(version, 3, 3)
        .key("general.architecture", STRING)
        .text(b"test")
        .key("general.alignment", U32)
        .u32(32)
        .key("list", ARRAY)
        .u32(STRING)
        .u64(2)
        .text(b"x")
        .text("ü".as_bytes())
        .tensor("a", &[3, 2], F32, 0)
        .tensor("q", &[32], Q4_0, 32)
        .tensor("none", &[0, 3], I8, 64)
        .pad()
        .bytes(&[1; 24])
        .pad()
        .bytes(&[2; 18])
        .pad()
        .0
}
