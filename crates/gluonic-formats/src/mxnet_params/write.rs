//! Writing the list back.
//!
//! Arrays are written as V2, which every MXNet 1.x reads. If one has no dims or a dim of 0, all
//! dense ones are written as V3: V2 cannot say it, and MXNet reads no file that mixes both.

use std::io::Write;

use super::{Array, Context, FORMAT, NDARRAY_V2, NDARRAY_V3, Params, Value, flag_of};
use crate::{
    DType, Error, RawTensor, TensorSpec,
    archive::refuse_duplicates,
    detect::MXNET_LIST_MAGIC,
    spec::{Data, data_of, put_data, specs_of},
};

/// Writes tensors into a new vector; see [`write_to`].
///
/// # Errors
/// As [`write_to`].
pub fn write(tensors: &[RawTensor<'_>]) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    write_to(&mut bytes, tensors)?;
    Ok(bytes)
}

/// Writes tensors in the order given, with their names, as arrays on `cpu(0)`.
///
/// # Memory
/// The table of names; no tensor is copied.
///
/// # Errors
/// * [`Error::NotRepresentable`] for an element type that MXNet lacks.
/// * [`Error::Duplicate`] if two tensors have one name.
/// * [`Error::Write`] if `out` refuses bytes.
pub fn write_to(out: &mut dyn Write, tensors: &[RawTensor<'_>]) -> Result<(), Error> {
    write_from(out, &specs_of(tensors), &mut data_of(tensors))
}

/// As [`write_to`], of tensors whose bytes are asked for in their order.
///
/// # Errors
/// Those of [`write_to`]; [`Error::ByteLength`] if `data` gives more or fewer bytes than a tensor
/// has, [`Error::Write`] with what it fails with.
pub fn write_from(
    out: &mut dyn Write,
    tensors: &[TensorSpec<'_>],
    data: &mut Data<'_>,
) -> Result<(), Error> {
    refuse_duplicates(tensors.iter().map(|spec| spec.name))?;
    let np_shape = tensors.iter().any(|spec| needs_np_shape(spec.shape));
    let context = Context::default();
    let heads = tensors.iter().map(|spec| Head::dense(spec, context, np_shape));
    let heads = heads.collect::<Result<Vec<_>, _>>()?;
    put(out, &Head::list(tensors.len()).0)?;
    for (index, (spec, head)) in tensors.iter().zip(heads).enumerate() {
        put(out, &head.0)?;
        put_data(out, FORMAT, index, spec, data)?;
    }
    put(out, &Head::table(tensors.iter().map(|spec| spec.name)).0)
}

impl Params<'_> {
    /// Writes the arrays in their order, with their devices; trailing bytes are not written.
    ///
    /// # Memory
    /// The table of names; no array is copied.
    ///
    /// # Errors
    /// Those of [`write_to`], and [`Error::Sparse`] if the shapes of a sparse array's parts do
    /// not fit each other.
    pub fn write_to(&self, out: &mut dyn Write) -> Result<(), Error> {
        if self.named {
            refuse_duplicates(self.arrays.iter().map(Array::name))?;
        }
        // All that can be refused is refused before the first byte is out.
        let np_shape = self.arrays.iter().any(|array| match &array.value {
            Value::Dense(tensor) => needs_np_shape(tensor.shape()),
            Value::RowSparse(_) | Value::Csr(_) => false,
        });
        let heads = self.arrays.iter().map(|array| Head::of(array, np_shape));
        let heads = heads.collect::<Result<Vec<_>, _>>()?;
        put(out, &Head::list(self.arrays.len()).0)?;
        for (array, head) in self.arrays.iter().zip(heads) {
            put(out, &head.0)?;
            match &array.value {
                Value::Dense(tensor) => put(out, tensor.data())?,
                Value::RowSparse(sparse) => {
                    put(out, sparse.values.data())?;
                    put(out, sparse.indices.data())?;
                }
                Value::Csr(sparse) => {
                    put(out, sparse.values.data())?;
                    put(out, sparse.indptr.data())?;
                    put(out, sparse.indices.data())?;
                }
            }
        }
        let named = if self.named { self.arrays.as_slice() } else { &[] };
        put(out, &Head::table(named.iter().map(Array::name)).0)
    }
}

fn needs_np_shape(shape: &[usize]) -> bool {
    shape.is_empty() || shape.contains(&0)
}

fn put(out: &mut dyn Write, bytes: &[u8]) -> Result<(), Error> {
    out.write_all(bytes).map_err(|source| Error::Write { format: FORMAT, source })
}

/// What stands before an array's data, and around all arrays.
#[derive(Default)]
struct Head(Vec<u8>);

impl Head {
    /// What stands before the first array.
    fn list(n_arrays: usize) -> Self {
        let mut head = Self::default();
        head.u64(MXNET_LIST_MAGIC);
        head.u64(0);
        head.u64(n_arrays as u64);
        head
    }

    /// What stands after the last array.
    fn table<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> Self {
        let mut table = Self::default();
        table.u64(names.len() as u64);
        for name in names {
            table.u64(name.len() as u64);
            table.0.extend_from_slice(name.as_bytes());
        }
        table
    }

    fn dense(spec: &TensorSpec<'_>, context: Context, np_shape: bool) -> Result<Self, Error> {
        let mut head = Self::default();
        head.u32(if np_shape { NDARRAY_V3 } else { NDARRAY_V2 });
        head.i32(0);
        head.shape(spec.name, spec.shape)?;
        head.context(context);
        head.dtype(spec.dtype)?;
        Ok(head)
    }

    fn of(array: &Array<'_>, np_shape: bool) -> Result<Self, Error> {
        let mut head = Self::default();
        match &array.value {
            Value::Dense(tensor) => return Self::dense(&tensor.into(), array.context, np_shape),
            Value::RowSparse(sparse) => {
                let check = sparse.check();
                head.sparse(array, 1, &sparse.shape, &sparse.values, &[&sparse.indices], check)?;
            }
            Value::Csr(sparse) => {
                let (check, aux) = (sparse.check(), [&sparse.indptr, &sparse.indices]);
                head.sparse(array, 2, &sparse.shape, &sparse.values, &aux, check)?;
            }
        }
        Ok(head)
    }

    fn sparse(
        &mut self,
        array: &Array<'_>,
        storage_type: i32,
        shape: &[usize],
        values: &RawTensor<'_>,
        aux: &[&RawTensor<'_>],
        check: Result<(), &'static str>,
    ) -> Result<(), Error> {
        let name = array.name();
        check.map_err(|reason| Error::Sparse { name: name.into(), reason })?;
        self.u32(NDARRAY_V2);
        self.i32(storage_type);
        self.shape(name, values.shape())?;
        self.shape(name, shape)?;
        self.context(array.context);
        self.dtype(values.dtype())?;
        for part in aux {
            self.dtype(part.dtype())?;
            self.shape(name, part.shape())?;
        }
        Ok(())
    }

    fn shape(&mut self, name: &str, shape: &[usize]) -> Result<(), Error> {
        let refused = |what| Error::NotRepresentable { format: FORMAT, what, name: name.into() };
        let n_dims = i32::try_from(shape.len()).map_err(|_| refused("the number of dims of"))?;
        self.i32(n_dims);
        for &dim in shape {
            let dim = i64::try_from(dim).map_err(|_| refused("a dim of"))?;
            self.0.extend_from_slice(&dim.to_le_bytes());
        }
        Ok(())
    }

    fn context(&mut self, context: Context) {
        self.i32(context.device_type);
        self.i32(context.device_id);
    }

    fn dtype(&mut self, dtype: DType) -> Result<(), Error> {
        let Some(flag) = flag_of(dtype) else {
            let (what, name) = ("the element type", dtype.name().into());
            return Err(Error::NotRepresentable { format: FORMAT, what, name });
        };
        self.i32(flag);
        Ok(())
    }

    fn i32(&mut self, number: i32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }
}
