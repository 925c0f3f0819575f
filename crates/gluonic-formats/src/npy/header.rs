//! The header of an array: a Python dict of three keys, read strictly and never evaluated.

use crate::{DType, Error, Format, Limits, cursor::Cursor, limits::Budget};

/// What stands before an array's elements.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ArrayHeader {
    pub(super) dtype: DType,
    pub(super) big_endian: bool,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
    /// Where the elements begin.
    pub(super) len: usize,
}

/// How many bytes are surely enough for [`head_len`].
pub(crate) const PREFIX: usize = 12;

/// How long the header is, marks and all, given the first [`PREFIX`] bytes.
pub(crate) fn head_len(format: Format, bytes: &[u8], limits: &Limits) -> Result<usize, Error> {
    let mut cursor = Cursor::new(format, bytes);
    let mark = cursor.take(6, "an array's mark")?;
    if mark != super::MAGIC {
        let found = mark.iter().fold(0, |n, &byte| n << 8 | u64::from(byte));
        return Err(Error::Magic { format, what: "array mark", offset: 0, found });
    }
    let (major, minor) = (cursor.u8("an array's version")?, cursor.u8("an array's version")?);
    let what = "the length of an array's header";
    let len = match (major, minor) {
        (1, 0) => cursor.u16(what)?.into(),
        (2 | 3, 0) => cursor.u32(what)?.into(),
        _ => {
            let found = u64::from(major) << 8 | u64::from(minor);
            return Err(Error::Magic { format, what: "array version", offset: 6, found });
        }
    };
    let len = Limits::check(format, what, limits.max_header_bytes, len)?;
    Ok(len.saturating_add(cursor.offset() as usize))
}

/// Reads the header of the array called `name`.
pub(super) fn parse(
    format: Format,
    name: &str,
    bytes: &[u8],
    limits: &Limits,
    budget: &mut Budget,
) -> Result<ArrayHeader, Error> {
    let len = head_len(format, bytes, limits)?;
    let start = if bytes.get(6) == Some(&1) { 10 } else { 12 };
    let mut cursor = Cursor::at(format, bytes, start);
    let text = cursor.take(len.saturating_sub(start) as u64, "an array's header")?;
    let mut parser = Parser { format, name, text, place: 0, start, limits, budget };
    let (descr, fortran_order, shape) = parser.dict()?;
    let (dtype, big_endian) = parser.dtype(&descr)?;
    Ok(ArrayHeader { dtype, big_endian, fortran_order, shape, len })
}

/// What `descr` says: the code of a type, or a list of fields of which only the text is kept.
enum Descr<'t> {
    Code(&'t [u8]),
    Fields(&'t [u8]),
}

struct Parser<'p> {
    format: Format,
    name: &'p str,
    text: &'p [u8],
    place: usize,
    /// Where the text begins in the array's bytes.
    start: usize,
    limits: &'p Limits,
    budget: &'p mut Budget,
}

impl<'p> Parser<'p> {
    fn dict(&mut self) -> Result<(Descr<'p>, bool, Vec<usize>), Error> {
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        self.expect(b'{', "it must begin with `{`")?;
        while !self.eat(b'}') {
            let key = self.string("a key")?;
            self.expect(b':', "a `:` is missing")?;
            let twice = match key {
                b"descr" => descr.replace(self.descr()?).is_some(),
                b"fortran_order" => fortran_order.replace(self.boolean()?).is_some(),
                b"shape" => shape.replace(self.shape()?).is_some(),
                _ => return Err(self.fail("a key is none of `descr`, `fortran_order`, `shape`")),
            };
            if twice {
                let key = String::from_utf8_lossy(key).into();
                return Err(Error::Duplicate { key, place: "the keys of the array's header" });
            }
            // A list of fields cannot be read whatever follows, nor is its end looked for.
            if matches!(descr, Some(Descr::Fields(_))) {
                return Ok((Descr::Fields(self.text), false, Vec::new()));
            }
            if !self.eat(b',') {
                self.expect(b'}', "a `,` or `}` is missing")?;
                break;
            }
        }
        if self.peek().is_some() {
            return Err(self.fail("text follows the `}`"));
        }
        let missing = |field| Error::MissingField { name: self.name.into(), field };
        Ok((
            descr.ok_or_else(|| missing("descr"))?,
            fortran_order.ok_or_else(|| missing("fortran_order"))?,
            shape.ok_or_else(|| missing("shape"))?,
        ))
    }

    fn descr(&mut self) -> Result<Descr<'p>, Error> {
        match self.peek() {
            Some(b'[' | b'(' | b'{') => {
                Ok(Descr::Fields(self.text.get(self.place..).unwrap_or_default()))
            }
            _ => self.string("the type").map(Descr::Code),
        }
    }

    /// The element type, and whether its bytes are in the big-endian order.
    fn dtype(&self, descr: &Descr<'_>) -> Result<(DType, bool), Error> {
        let (Descr::Code(text) | Descr::Fields(text)) = descr;
        let found: Box<str> = String::from_utf8_lossy(text.get(..80).unwrap_or(text)).trim().into();
        let name = self.name.into();
        if matches!(descr, Descr::Fields(_)) {
            return Err(Error::NotNumbers { name, kind: "records", found });
        }
        let (order, code) = match text {
            [order @ (b'<' | b'>' | b'=' | b'|'), code @ ..] => (*order, code),
            code => (b'|', &**code),
        };
        let dtype = match code {
            b"b1" | b"?" => DType::Bool,
            b"u1" => DType::U8,
            b"i1" => DType::I8,
            b"u2" => DType::U16,
            b"i2" => DType::I16,
            b"u4" => DType::U32,
            b"i4" => DType::I32,
            b"u8" => DType::U64,
            b"i8" => DType::I64,
            b"f2" => DType::F16,
            b"f4" => DType::F32,
            b"f8" => DType::F64,
            b"c8" => DType::C64,
            b"c16" => DType::C128,
            // What `ml_dtypes` makes of its bfloat16; raw bytes cannot be big-endian.
            b"V2" if order != b'>' => DType::BF16,
            _ => {
                let kind = match code.first() {
                    Some(b'O') => "Python objects",
                    Some(b'U' | b'S' | b'a' | b'T') => "texts",
                    Some(b'M' | b'm') => "dates or times",
                    Some(b'V') => "raw bytes",
                    _ => return Err(Error::UnknownDType { name, found }),
                };
                return Err(Error::NotNumbers { name, kind, found });
            }
        };
        Ok((dtype, order == b'>'))
    }

    fn boolean(&mut self) -> Result<bool, Error> {
        self.peek();
        for (word, value) in [(b"True".as_slice(), true), (b"False", false)] {
            if self.text.get(self.place..).is_some_and(|rest| rest.starts_with(word)) {
                self.place += word.len();
                return Ok(value);
            }
        }
        Err(self.fail("`fortran_order` is neither `True` nor `False`"))
    }

    fn shape(&mut self) -> Result<Vec<usize>, Error> {
        self.expect(b'(', "the shape is not a tuple")?;
        let (mut shape, mut comma) = (Vec::new(), true);
        while !self.eat(b')') {
            if !comma {
                return Err(self.fail("a `,` or `)` is missing in the shape"));
            }
            let rank = shape.len() as u64 + 1;
            Limits::check(self.format, "the number of dims", self.limits.max_rank, rank)?;
            self.budget.spend(3 * size_of::<usize>())?;
            shape.push(self.dim()?);
            comma = self.eat(b',');
        }
        if shape.len() == 1 && !comma {
            return Err(self.fail("the shape is not a tuple"));
        }
        Ok(shape)
    }

    fn dim(&mut self) -> Result<usize, Error> {
        self.peek();
        let rest = self.text.get(self.place..).unwrap_or_default();
        let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = rest.get(..len).unwrap_or_default();
        if len == 0 || (len > 1 && digits.starts_with(b"0")) {
            return Err(self.fail("a dim is not a number of 0 or more"));
        }
        let dim = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        let dim = dim.ok_or_else(|| self.fail("a dim is beyond the address space"))?;
        self.place += len;
        // Python 2 marked its long integers.
        if self.text.get(self.place) == Some(&b'L') {
            self.place += 1;
        }
        Ok(dim)
    }

    fn string(&mut self, what: &str) -> Result<&'p [u8], Error> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else {
            return Err(self.fail(&format!("{what} is not a quoted text")));
        };
        let rest = self.text.get(self.place + 1..).unwrap_or_default();
        let len = rest.iter().position(|&byte| byte == quote || byte == b'\\');
        match len.and_then(|len| rest.split_at_checked(len)) {
            Some((string, [end, ..])) if *end == quote => {
                self.place += string.len() + 2;
                Ok(string)
            }
            Some(_) => Err(self.fail(&format!("{what} has an escape"))),
            None => Err(self.fail(&format!("{what} has no end"))),
        }
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.get(self.place..)?;
        self.place += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.text.get(self.place).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.place += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, otherwise: &str) -> Result<(), Error> {
        if self.eat(byte) { Ok(()) } else { Err(self.fail(otherwise)) }
    }

    fn fail(&self, reason: &str) -> Error {
        Error::Header {
            format: self.format,
            key: Some(self.name.into()),
            offset: (self.start + self.place) as u64,
            reason: reason.into(),
        }
    }
}

/// Makes the header of an array, byte for byte as NumPy 2 does; `None` for an element type that
/// NumPy lacks.
pub(super) fn write(dtype: DType, shape: &[usize]) -> Option<Vec<u8>> {
    /// NumPy leaves room for the first dim to grow to as many digits.
    const GROWTH: usize = 21;
    let code = match dtype {
        DType::Bool => "|b1",
        DType::U8 => "|u1",
        DType::I8 => "|i1",
        DType::U16 => "<u2",
        DType::I16 => "<i2",
        DType::U32 => "<u4",
        DType::I32 => "<i4",
        DType::U64 => "<u8",
        DType::I64 => "<i8",
        DType::F16 => "<f2",
        DType::BF16 => "<V2",
        DType::F32 => "<f4",
        DType::F64 => "<f8",
        DType::C64 => "<c8",
        DType::C128 => "<c16",
        _ => return None,
    };
    let dims: Vec<_> = shape.iter().map(usize::to_string).collect();
    let comma = if dims.len() == 1 { "," } else { "" };
    let mut text = format!(
        "{{'descr': '{code}', 'fortran_order': False, 'shape': ({}{comma}), }}",
        dims.join(", ")
    );
    if let Some(first) = dims.first() {
        text.extend(std::iter::repeat_n(' ', GROWTH.saturating_sub(first.len())));
    }
    let (version, prefix) = if text.len() + 64 < u16::MAX.into() { (1, 10) } else { (2, 12) };
    let len = (prefix + text.len() + 1).next_multiple_of(64);
    let mut header = [super::MAGIC, &[version, 0]].concat();
    if version == 1 {
        header.extend(((len - prefix) as u16).to_le_bytes());
    } else {
        header.extend(((len - prefix) as u32).to_le_bytes());
    }
    header.extend(text.as_bytes());
    header.resize(len - 1, b' ');
    header.push(b'\n');
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str) -> Result<ArrayHeader, Error> {
        let mut bytes = [super::super::MAGIC, &[1, 0], &(text.len() as u16).to_le_bytes()].concat();
        bytes.extend(text.as_bytes());
        let limits = Limits::default();
        let mut budget = Budget::new(Format::Npy, &limits, bytes.len());
        parse(Format::Npy, "w", &bytes, &limits, &mut budget)
    }

    #[test]
    fn keys_come_in_any_order_and_with_any_space() {
        let plain =
            parse_text("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }").unwrap();
        assert_eq!(
            (plain.dtype, plain.fortran_order, &*plain.shape),
            (DType::F32, true, &[3, 4][..])
        );
        for text in [
            "{ \"shape\" :(3,4,),\n'fortran_order':True,'descr':'<f4'}   \n",
            "{'fortran_order': True, 'shape': (3L, 4L), 'descr': '=f4'}",
        ] {
            let other = parse_text(text).unwrap();
            assert_eq!(ArrayHeader { len: plain.len, ..other }, plain, "{text}");
        }
        let scalar = parse_text("{'descr': '>i8', 'fortran_order': False, 'shape': ()}").unwrap();
        assert_eq!((scalar.big_endian, scalar.shape), (true, vec![]));
    }

    #[test]
    fn what_is_no_header_is_refused_with_the_place() {
        let with = |descr: &str, fortran: &str, shape: &str| {
            format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}}}")
        };
        for (text, reason) in [
            (with("'<f4'", "False", "(3)"), "the shape is not a tuple"),
            (with("'<f4'", "False", "[3]"), "the shape is not a tuple"),
            (with("'<f4'", "False", "(-3,)"), "a dim is not a number of 0 or more"),
            (with("'<f4'", "False", "(03,)"), "a dim is not a number of 0 or more"),
            (with("'<f4'", "False", "(3 4)"), "a `,` or `)` is missing in the shape"),
            (
                with("'<f4'", "False", "(99999999999999999999,)"),
                "a dim is beyond the address space",
            ),
            (with("'<f4'", "0", "(3,)"), "`fortran_order` is neither `True` nor `False`"),
            (with("f()", "False", "(3,)"), "the type is not a quoted text"),
            (with("'\\x3cf4'", "False", "(3,)"), "the type has an escape"),
            (with("'<f4", "False", "(3,)") + " ", "a `,` or `}` is missing"),
            ("__import__('os')".to_owned(), "it must begin with `{`"),
            ("{'descr': '<f4'} or 1".to_owned(), "text follows the `}`"),
            ("{'other': 1}".to_owned(), "a key is none of `descr`, `fortran_order`, `shape`"),
            ("{'descr': '".to_owned(), "the type has no end"),
        ] {
            match parse_text(&text) {
                Err(Error::Header { reason: found, .. }) => assert_eq!(&*found, reason, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        let twice = "{'descr': '<f4', 'descr': '<f4'}";
        assert!(matches!(parse_text(twice), Err(Error::Duplicate { .. })));
        let missing = parse_text("{'descr': '<f4', 'shape': ()}").unwrap_err();
        assert_eq!(missing.to_string(), "tensor `w` has no field `fortran_order`");
    }

    #[test]
    fn what_holds_no_numbers_is_refused_by_its_kind() {
        for (descr, message) in [
            ("'|O'", "tensor `w` holds Python objects (`|O`), not numbers"),
            ("'<U3'", "tensor `w` holds texts (`<U3`), not numbers"),
            ("'|S3'", "tensor `w` holds texts (`|S3`), not numbers"),
            ("'<M8[ns]'", "tensor `w` holds dates or times (`<M8[ns]`), not numbers"),
            ("'<V1'", "tensor `w` holds raw bytes (`<V1`), not numbers"),
            ("'>V2'", "tensor `w` holds raw bytes (`>V2`), not numbers"),
            ("'<f16'", "tensor `w` has the unknown element type `<f16`"),
        ] {
            let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': ()}}");
            assert_eq!(parse_text(&text).unwrap_err().to_string(), message);
        }
        let record = "{'descr': [('a', '<f4'), ('b', [('c', '<i8')])], 'fortran_order': False}";
        assert!(matches!(parse_text(record), Err(Error::NotNumbers { kind: "records", .. })));
        let deep = format!("{{'descr': {}", "[(".repeat(30_000));
        assert!(matches!(parse_text(&deep), Err(Error::NotNumbers { .. })));
    }

    #[test]
    fn headers_too_long_for_16_bits_are_of_version_2() {
        let shape = vec![1; 30_000];
        let header = write(DType::F32, &shape).unwrap();
        assert!(header.starts_with(b"\x93NUMPY\x02\0") && header.len().is_multiple_of(64));
        let limits = Limits::unbounded();
        let mut budget = Budget::new(Format::Npy, &limits, 0);
        let read = parse(Format::Npy, "w", &header, &limits, &mut budget).unwrap();
        assert_eq!((read.shape, read.len), (shape, header.len()));
    }
}
