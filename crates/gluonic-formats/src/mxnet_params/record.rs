//! The list of records and the table of names, as they stand in the file.
//!
//! [`read_list`] walks the file once, over the data, and gives for each array its type, shape
//! and place. Everything is checked here except the values of sparse indices.

use std::{borrow::Cow, ops::Range};

use super::{Context, FORMAT, NDARRAY_V1, NDARRAY_V2, NDARRAY_V3, dtype_of, sparse};
use crate::{
    DType, Error, Limits, Storage,
    archive::refuse_duplicates,
    cursor::Cursor,
    detect::MXNET_LIST_MAGIC,
    limits::{Budget, byte_len},
};

pub(super) struct List<'a> {
    pub(super) records: Vec<Record>,
    pub(super) names: Vec<Cow<'a, str>>,
    pub(super) named: bool,
    pub(super) trailing_bytes: usize,
}

pub(super) struct Record {
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    pub(super) range: Range<usize>,
    pub(super) context: Context,
    pub(super) storage: Storage,
    pub(super) sparse: Option<Box<SparseParts>>,
}

pub(super) struct SparseParts {
    pub(super) stored_shape: Vec<usize>,
    pub(super) aux: Vec<Aux>,
}

pub(super) struct Aux {
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    pub(super) range: Range<usize>,
}

pub(super) fn read_list<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    budget: &mut Budget,
) -> Result<List<'a>, Error> {
    let mut cursor = Cursor::new(FORMAT, bytes);
    let magic = cursor.u64("the list's mark")?;
    if magic != MXNET_LIST_MAGIC {
        return Err(Error::Magic { format: FORMAT, what: "list mark", offset: 0, found: magic });
    }
    cursor.u64("the reserved field")?;
    let what = "the number of arrays";
    let n_arrays = cursor.u64(what)?;
    Limits::check(FORMAT, what, limits.max_tensors, n_arrays)?;
    let mut records = Vec::new(); // Not `with_capacity`: the count is only a claim.
    for index in 0..n_arrays {
        budget.spend(Budget::TENSOR)?;
        records.push(Reader { cursor: &mut cursor, index, limits, budget }.record()?);
    }
    let names = read_names(&mut cursor, n_arrays, limits)?;
    let named = !names.is_empty();
    let names = if named { names } else { numbers(n_arrays) };
    Ok(List { records, names, named, trailing_bytes: cursor.left() })
}

fn read_names<'a>(
    cursor: &mut Cursor<'a>,
    n_arrays: u64,
    limits: &Limits,
) -> Result<Vec<Cow<'a, str>>, Error> {
    let offset = cursor.offset();
    let n_names = cursor.u64("the number of names")?;
    if n_names != 0 && n_names != n_arrays {
        return Err(Error::NamesMismatch { offset, arrays: n_arrays, names: n_names });
    }
    let mut names = Vec::new();
    for _ in 0..n_names {
        let len = cursor.u64("the length of a name")?;
        Limits::check(FORMAT, "the length of a name", limits.max_name_bytes, len)?;
        let offset = cursor.offset();
        let name = std::str::from_utf8(cursor.take(len, "a name")?).map_err(|error| {
            let offset = offset + error.valid_up_to() as u64;
            Error::NotUtf8 { format: FORMAT, what: "name", offset }
        })?;
        names.push(Cow::Borrowed(name));
    }
    refuse_duplicates(names.iter().map(AsRef::as_ref))?;
    Ok(names)
}

fn numbers(n_arrays: u64) -> Vec<Cow<'static, str>> {
    (0..n_arrays).map(|index| Cow::Owned(index.to_string())).collect()
}

/// Reads the record of one array.
struct Reader<'r, 'a> {
    cursor: &'r mut Cursor<'a>,
    index: u64,
    limits: &'r Limits,
    budget: &'r mut Budget,
}

impl Reader<'_, '_> {
    fn record(&mut self) -> Result<Record, Error> {
        let start = self.cursor.offset();
        let magic = self.cursor.u32("an array's mark")?;
        match magic {
            NDARRAY_V2 => self.modern(start, false),
            NDARRAY_V3 => self.modern(start, true),
            NDARRAY_V1 => {
                let shape = self.shape(start, false)?;
                self.dense(shape)
            }
            // Before 1.0 there was no mark: the first number is that of the dims.
            n_dims if n_dims as usize <= self.limits.max_rank => {
                let shape = self.shape_v0(start, n_dims)?;
                self.dense(shape)
            }
            _ => {
                let (what, found) = ("array mark", magic.into());
                Err(Error::Magic { format: FORMAT, what, offset: start, found })
            }
        }
    }

    fn modern(&mut self, start: u64, np_shape: bool) -> Result<Record, Error> {
        let offset = self.cursor.offset();
        let (storage, n_aux) = match self.cursor.i32("a storage type")? {
            0 => (Storage::Dense, 0),
            1 => (Storage::RowSparse, 1),
            2 => (Storage::Csr, 2),
            other => {
                let (what, found) = ("storage type", u64::from(other.cast_unsigned()));
                return Err(Error::Magic { format: FORMAT, what, offset, found });
            }
        };
        // A stored shape may be empty where an array's may not.
        let stored_shape = if n_aux == 0 { Vec::new() } else { self.shape(start, true)? };
        let shape = self.shape(start, np_shape)?;
        if n_aux == 0 {
            return self.dense(shape);
        }
        let context = self.context()?;
        let dtype = self.dtype()?;
        let mut aux = Vec::with_capacity(n_aux);
        for _ in 0..n_aux {
            let dtype = self.dtype()?;
            aux.push(Aux { dtype, shape: self.shape(start, true)?, range: 0..0 });
        }
        self.budget.spend(size_of::<SparseParts>() + n_aux * 2 * size_of::<Aux>())?;
        sparse::check_shapes(&shape, &stored_shape, aux.iter().map(|aux| &*aux.shape))
            .map_err(|reason| Error::Sparse { name: self.name(), reason })?;
        let range = self.data(dtype, &stored_shape)?;
        for part in &mut aux {
            part.range = self.data(part.dtype, &part.shape)?;
        }
        let sparse = Some(Box::new(SparseParts { stored_shape, aux }));
        Ok(Record { dtype, shape, range, context, storage, sparse })
    }

    fn dense(&mut self, shape: Vec<usize>) -> Result<Record, Error> {
        let context = self.context()?;
        let dtype = self.dtype()?;
        let range = self.data(dtype, &shape)?;
        Ok(Record { dtype, shape, range, context, storage: Storage::Dense, sparse: None })
    }

    /// Under NumPy's rules -1 means unknown and 0 dims are a scalar; before them, 0 dims meant
    /// that there is no array.
    fn shape(&mut self, start: u64, np_shape: bool) -> Result<Vec<usize>, Error> {
        let offset = self.cursor.offset();
        let what = "number of dims";
        let n_dims = self.cursor.i32("the number of dims")?;
        if (np_shape && n_dims == -1) || (!np_shape && n_dims == 0) {
            return Err(Error::NoneArray { index: self.index, offset: start });
        }
        let negative = || Error::Negative { index: self.index, what, offset, found: n_dims.into() };
        let n_dims = u64::try_from(n_dims).map_err(|_| negative())?;
        self.start_shape(n_dims)?;
        let mut shape = Vec::with_capacity(n_dims as usize); // At most `max_rank`, and paid for.
        for _ in 0..n_dims {
            let offset = self.cursor.offset();
            let dim = self.cursor.i64("a dim")?;
            if np_shape && dim == -1 {
                return Err(Error::NoneArray { index: self.index, offset: start });
            }
            let negative =
                || Error::Negative { index: self.index, what: "dim", offset, found: dim };
            let dim = u64::try_from(dim).map_err(|_| negative())?;
            shape.push(Limits::check(FORMAT, "a dim", usize::MAX, dim)?);
        }
        Ok(shape)
    }

    fn shape_v0(&mut self, start: u64, n_dims: u32) -> Result<Vec<usize>, Error> {
        if n_dims == 0 {
            return Err(Error::NoneArray { index: self.index, offset: start });
        }
        self.start_shape(n_dims.into())?;
        (0..n_dims).map(|_| Ok(self.cursor.u32("a dim")? as usize)).collect()
    }

    fn start_shape(&mut self, n_dims: u64) -> Result<(), Error> {
        let what = "the number of dims";
        let n_dims = Limits::check(FORMAT, what, self.limits.max_rank, n_dims)?;
        self.budget.spend(n_dims.saturating_mul(size_of::<usize>()))
    }

    fn context(&mut self) -> Result<Context, Error> {
        let device_type = self.cursor.i32("a device type")?;
        Ok(Context { device_type, device_id: self.cursor.i32("a device number")? })
    }

    fn dtype(&mut self) -> Result<DType, Error> {
        let flag = self.cursor.i32("an element type")?;
        dtype_of(flag).ok_or_else(|| Error::UnknownDType {
            name: self.name(),
            found: flag.to_string().into(),
        })
    }

    fn data(&mut self, dtype: DType, shape: &[usize]) -> Result<Range<usize>, Error> {
        match byte_len(dtype, shape) {
            Some(len) => self.cursor.range(len as u64, "an array's data"),
            None => Err(Error::ShapeSize { name: self.name(), dtype, shape: shape.into() }),
        }
    }

    /// Names come after the arrays.
    fn name(&self) -> Box<str> {
        format!("array {}", self.index).into()
    }
}
