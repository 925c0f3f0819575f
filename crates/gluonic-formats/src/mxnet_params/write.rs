//! Writing the list back.
//!
//! Arrays are written as V2, which every MXNet 1.x reads. If one has no dims or a dim of 0, all
//! dense ones are written as V3: V2 cannot say it, and MXNet reads no file that mixes both.

use std::io::Write;

use super::{Array, Context, FORMAT, NDARRAY_V2, NDARRAY_V3, Params, Value, flag_of};
use crate::{Error, RawTensor, archive::refuse_duplicates, detect::MXNET_LIST_MAGIC};

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
    Params::of(tensors.iter().map(RawTensor::to_borrowed), true).write_to(out)
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
        let np_shape = self.arrays.iter().any(needs_np_shape);
        let heads = self.arrays.iter().map(|array| Head::of(array, np_shape));
        let heads = heads.collect::<Result<Vec<_>, _>>()?;
        let mut head = Head::default();
        head.u64(MXNET_LIST_MAGIC);
        head.u64(0);
        head.u64(self.arrays.len() as u64);
        put(out, &head.0)?;
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
        put(out, &self.table().0)
    }

    fn table(&self) -> Head {
        let mut table = Head::default();
        table.u64(if self.named { self.arrays.len() as u64 } else { 0 });
        for array in self.arrays.iter().filter(|_| self.named) {
            table.u64(array.name().len() as u64);
            table.0.extend_from_slice(array.name().as_bytes());
        }
        table
    }
}

fn needs_np_shape(array: &Array<'_>) -> bool {
    match &array.value {
        Value::Dense(tensor) => tensor.shape().is_empty() || tensor.shape().contains(&0),
        Value::RowSparse(_) | Value::Csr(_) => false,
    }
}

fn put(out: &mut dyn Write, bytes: &[u8]) -> Result<(), Error> {
    out.write_all(bytes).map_err(|source| Error::Write { format: FORMAT, source })
}

/// What stands before an array's data.
#[derive(Default)]
struct Head(Vec<u8>);

impl Head {
    fn of(array: &Array<'_>, np_shape: bool) -> Result<Self, Error> {
        let mut head = Self::default();
        match &array.value {
            Value::Dense(tensor) => {
                head.u32(if np_shape { NDARRAY_V3 } else { NDARRAY_V2 });
                head.i32(0);
                head.shape(tensor.name(), tensor.shape())?;
                head.context(array.context);
                head.dtype(tensor)?;
            }
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
        self.dtype(values)?;
        for part in aux {
            self.dtype(part)?;
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

    fn dtype(&mut self, tensor: &RawTensor<'_>) -> Result<(), Error> {
        let Some(flag) = flag_of(tensor.dtype()) else {
            let (what, name) = ("the element type", tensor.dtype().name().into());
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
