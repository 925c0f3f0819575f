//! Digests: 32 bytes that tell what tensors hold, whatever the format, the order or the files.
//!
//! Two files have one [`root`] if, and practically only if, they hold tensors of the same names,
//! element types, shapes and bytes. [`record`] makes the metadata that a writer puts into a file,
//! and [`verify`] names the tensors that were damaged since.
//!
//! The function is BLAKE3 with 32 bytes of output, without a key. Numbers are unsigned 64-bit
//! integers, little-endian; a text is its length in bytes as such a number, then its UTF-8.
//!
//! * **Of a tensor**: the 17 bytes `gluonic-tensor-1\n`; the element type's [`DType::name`] as a
//!   text; the number of dims, and each dim, outermost first; then the elements as
//!   [`RawTensor::data`] has them: little-endian, row-major, elements smaller than a byte and
//!   quantized blocks as the file packs them. The tensor's name is not part of it, so that tied
//!   tensors have one digest.
//! * **Of all** (the root): the 15 bytes `gluonic-root-1\n`; then for each tensor, sorted by the
//!   bytes of its name, the name as a text and the 32 bytes of its digest.
//!
//! Bytes count, not values: `-0.0` and `0.0` differ, and so do two NaNs of other bits. Metadata do
//! not count, so that the record can stand among them.
//!
//! In a file's metadata, [`ROOT_KEY`] holds the root in 64 lower-case hexadecimal digits, and
//! [`TENSORS_KEY`] a JSON object of such texts by tensor name, sorted, without spaces.

use std::{
    borrow::{Borrow, Cow},
    collections::BTreeMap,
    fmt,
    str::FromStr,
};

use indexmap::IndexMap;
use serde::de::DeserializeSeed;

use crate::{
    Archive, DType, Error, Format, Limits, RawTensor, byte_len,
    json::{StringMap, longest_escaped_string, reason_of},
    limits::Budget,
};

/// The metadata key of the root.
pub const ROOT_KEY: &str = "gluonic.digest";
/// The metadata key of the tensors' digests.
pub const TENSORS_KEY: &str = "gluonic.digests";

/// A BLAKE3 hash of 32 bytes.
///
/// `Display` gives 64 lower-case hexadecimal digits, which `FromStr` reads and nothing else.
///
/// # Examples
/// ```
/// use gluonic_formats::{DType, Digest, RawTensor, digest};
/// let bias = RawTensor::new("fc.bias", DType::F32, vec![2], vec![0; 8])?;
/// let digest = digest::of(&bias);
/// assert_eq!(digest.to_string().parse::<Digest>()?, digest);
/// assert_eq!(digest::of(&bias.with_name("other")), digest);
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Digest {
            place: text.into(),
            reason: "it must have 64 digits of 0-9 and a-f".into(),
        };
        let (pairs, []) = text.as_bytes().as_chunks() else { return Err(wrong()) };
        let pairs: &[[u8; 2]; 32] = pairs.try_into().map_err(|_| wrong())?;
        // Upper case is refused: one digest has one text.
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
            *byte =
                digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low).ok_or_else(wrong)?;
        }
        Ok(Self(bytes))
    }
}

/// The digest of a tensor.
pub fn of(tensor: &RawTensor<'_>) -> Digest {
    let mut hasher = started(tensor.dtype(), tensor.shape());
    hasher.update(tensor.data());
    finished(&hasher)
}

/// The digest of a tensor whose bytes come in pieces.
///
/// # Memory
/// About 2 KiB, however large the tensor.
///
/// # Examples
/// ```
/// use gluonic_formats::{DType, RawTensor, digest::{self, TensorHasher}};
/// let mut hasher = TensorHasher::new("w", DType::F32, &[1 << 10])?;
/// for _ in 0..16 {
///     hasher.update(&[7; 256]);
/// }
/// let whole = RawTensor::new("w", DType::F32, vec![1 << 10], vec![7; 4096])?;
/// assert_eq!(hasher.finish()?, digest::of(&whole));
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TensorHasher {
    name: Box<str>,
    dtype: DType,
    shape: Box<[usize]>,
    expected: u64,
    found: u64,
    hasher: Box<blake3::Hasher>,
}

impl TensorHasher {
    /// Begins a tensor; its name is for errors only.
    ///
    /// # Errors
    /// [`Error::ShapeSize`] if no tensor of this shape and element type can exist.
    pub fn new(name: &str, dtype: DType, shape: &[usize]) -> Result<Self, Error> {
        let (name, shape): (Box<str>, Box<[usize]>) = (name.into(), shape.into());
        let Some(expected) = byte_len(dtype, &shape) else {
            return Err(Error::ShapeSize { name, dtype, shape });
        };
        let hasher = Box::new(started(dtype, &shape));
        Ok(Self { name, dtype, shape, expected: expected as u64, found: 0, hasher })
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.found = self.found.saturating_add(bytes.len() as u64);
        self.hasher.update(bytes);
    }

    /// The digest.
    ///
    /// # Errors
    /// [`Error::ByteLength`] if there were more or fewer bytes than the tensor has.
    pub fn finish(self) -> Result<Digest, Error> {
        let Self { name, dtype, shape, expected, found, hasher } = self;
        if expected == found {
            Ok(finished(&hasher))
        } else {
            Err(Error::ByteLength { name, dtype, shape, expected, found })
        }
    }
}

/// The digest of each tensor, by name.
///
/// # Errors
/// [`Error::Duplicate`] if two tensors have one name.
pub fn digests<'t>(tensors: &'t [RawTensor<'_>]) -> Result<BTreeMap<&'t str, Digest>, Error> {
    crate::archive::refuse_duplicates(tensors.iter().map(RawTensor::name))?;
    Ok(tensors.iter().map(|tensor| (tensor.name(), of(tensor))).collect())
}

/// The digest of all tensors, from their digests by name.
///
/// # Examples
/// ```
/// use gluonic_formats::{DType, RawTensor, digest::{digests, root}};
/// let a = RawTensor::new("a", DType::U8, vec![1], vec![1])?;
/// let b = RawTensor::new("b", DType::U8, vec![1], vec![2])?;
/// let one = root(&digests(&[a.clone(), b.clone()])?);
/// assert_eq!(root(&digests(&[b, a])?), one);
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
pub fn root<N: Borrow<str>>(digests: &BTreeMap<N, Digest>) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"gluonic-root-1\n");
    for (name, digest) in digests {
        text(&mut hasher, name.borrow());
        hasher.update(&digest.0);
    }
    finished(&hasher)
}

/// The metadata that let [`verify`] find damage, to be written with the tensors they were made of.
pub fn record<N: Borrow<str>>(digests: &BTreeMap<N, Digest>) -> IndexMap<String, String> {
    let pairs: Vec<_> = digests
        .iter()
        .map(|(name, digest)| format!("{}:\"{digest}\"", serde_json::Value::from(name.borrow())))
        .collect();
    IndexMap::from([
        (ROOT_KEY.to_owned(), root(digests).to_string()),
        (TENSORS_KEY.to_owned(), format!("{{{}}}", pairs.join(","))),
    ])
}

/// A tensor that is not what it was when it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The tensor.
    pub name: String,
    /// Its recorded digest, or `None` if it was added since.
    pub expected: Option<Digest>,
    /// Its digest now, or `None` if it is gone.
    pub found: Option<Digest>,
}

/// Compares the tensors with the record among the metadata, and gives those that differ, sorted
/// by name; `None` if there is no record.
///
/// # Errors
/// [`Error::Digest`] if the record itself is damaged: one of its two keys is missing, a text in it
/// is malformed, or its root is not that of its digests. [`Error::Duplicate`] if two tensors have
/// one name, or one is recorded twice.
///
/// # Examples
/// ```
/// use gluonic_formats::{DType, Limits, RawTensor, digest, read, safetensors};
/// let tensors = [RawTensor::new("w", DType::U8, vec![2], vec![1, 2])?];
/// let metadata = digest::record(&digest::digests(&tensors)?);
/// let mut bytes = safetensors::write(&tensors, &metadata)?;
/// assert_eq!(digest::verify(&read(&bytes, &Limits::default())?)?.unwrap(), []);
///
/// *bytes.last_mut().unwrap() ^= 1;
/// let damage = digest::verify(&read(&bytes, &Limits::default())?)?.unwrap();
/// assert_eq!(damage[0].name, "w");
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
pub fn verify(archive: &Archive<'_>) -> Result<Option<Vec<Damage>>, Error> {
    compare(&archive.metadata, &digests(&archive.tensors)?)
}

/// As [`verify`], of tensors whose digests are known.
///
/// # Errors
/// As [`verify`].
pub fn compare<N: Borrow<str> + Ord>(
    metadata: &IndexMap<String, String>,
    digests: &BTreeMap<N, Digest>,
) -> Result<Option<Vec<Damage>>, Error> {
    let broken = |place: &str, reason: &str| {
        Err(Error::Digest { place: place.into(), reason: reason.into() })
    };
    let (expected_root, json) = match (metadata.get(ROOT_KEY), metadata.get(TENSORS_KEY)) {
        (None, None) => return Ok(None),
        (Some(root), Some(json)) => (root, json),
        (None, _) => return broken(ROOT_KEY, "it is missing"),
        (_, None) => return broken(TENSORS_KEY, "it is missing"),
    };
    let mut differing = parse(json)?;
    let Ok(expected_root) = expected_root.parse() else {
        return broken(ROOT_KEY, "it is no digest");
    };
    if root(&differing) != expected_root {
        return broken(ROOT_KEY, "it is not that of the digests recorded");
    }
    let mut damage = Vec::new();
    for (name, found) in digests {
        let (name, found) = (name.borrow(), *found);
        let expected = differing.remove(name);
        if expected != Some(found) {
            damage.push(Damage { name: name.to_owned(), expected, found: Some(found) });
        }
    }
    damage.extend(differing.into_iter().map(|(name, digest)| Damage {
        name: name.into_owned(),
        expected: Some(digest),
        found: None,
    }));
    damage.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(Some(damage))
}

/// Reads the recorded digests.
fn parse(json: &str) -> Result<BTreeMap<Cow<'_, str>, Digest>, Error> {
    let (format, limits) = (Format::Safetensors, Limits::default());
    let mut budget = Budget::new(format, &limits, json.len());
    budget.spend(longest_escaped_string(json).saturating_mul(3))?;
    let mut failure = None;
    let place = "the recorded digests";
    let seed = StringMap { place, budget: &mut budget, failure: &mut failure };
    let mut reader = serde_json::Deserializer::from_str(json);
    let result = seed.deserialize(&mut reader).and_then(|map| reader.end().map(|()| map));
    match (failure, result) {
        (Some(failure), _) => Err(failure),
        (None, Err(error)) => {
            Err(Error::Digest { place: TENSORS_KEY.into(), reason: reason_of(&error) })
        }
        (None, Ok(map)) => map
            .into_iter()
            .map(|(name, text)| match text.parse() {
                Ok(digest) => Ok((name, digest)),
                Err(_) => Err(Error::Digest {
                    place: TENSORS_KEY.into(),
                    reason: format!("tensor {name:?} has no digest of 64 digits").into(),
                }),
            })
            .collect(),
    }
}

fn started(dtype: DType, shape: &[usize]) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"gluonic-tensor-1\n");
    text(&mut hasher, dtype.name());
    number(&mut hasher, shape.len());
    for dim in shape {
        number(&mut hasher, *dim);
    }
    hasher
}

fn finished(hasher: &blake3::Hasher) -> Digest {
    Digest(*hasher.finalize().as_bytes())
}

fn number(hasher: &mut blake3::Hasher, number: usize) {
    hasher.update(&(number as u64).to_le_bytes());
}

fn text(hasher: &mut blake3::Hasher, text: &str) {
    number(hasher, text.len());
    hasher.update(text.as_bytes());
}
