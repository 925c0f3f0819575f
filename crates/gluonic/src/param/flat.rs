//! All values of a set of parameters as one vector, for optimizers and analyses that want a point
//! in space.

use super::dict::ParameterDict;
use super::parameter::Parameter;
use crate::array::{Buf, DType, NdArray, for_dtype};
use crate::autograd::GradReq;
use crate::error::{Error, Result};
use crate::shape::Dims;

impl ParameterDict {
    /// The values of all parameters one after another, in the order of the set, each in row-major
    /// order.
    ///
    /// # Shapes
    /// `(n,)`, with `n` the number of all elements.
    ///
    /// # Memory
    /// One copy of every value.
    ///
    /// # Errors
    /// [`Error::DTypeMismatch`], with its name, if a parameter has another element type than the
    /// first; as [`Parameter::data`] if one has no value.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let net = Dense::with(DenseConfig { units: 2, in_units: Some(3), ..Default::default() })?;
    /// net.initialize()?;
    /// let params = net.collect_params()?;
    /// let point = params.to_flat()?;
    /// assert_eq!(point.dims().to_string(), "(8,)");
    /// params.set_flat(&(&point * 0.5)?)?;
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// PyTorch's `torch.nn.utils.parameters_to_vector`.
    #[doc(alias = "parameters_to_vector")]
    pub fn to_flat(&self) -> Result<NdArray> {
        flat(self.iter().map(|parameter| Ok((parameter, parameter.value()?))))
    }

    /// The gradients of all parameters that have one, one after another, as
    /// [`ParameterDict::to_flat`].
    ///
    /// # Errors
    /// As [`ParameterDict::to_flat`].
    pub fn grads_to_flat(&self) -> Result<NdArray> {
        let trained = self.iter().filter(|parameter| parameter.grad_req() != GradReq::Null);
        flat(trained.map(|parameter| Ok((parameter, parameter.grad()?))))
    }

    /// Gives all parameters the values that stand one after another in `flat`, in place, converted
    /// to their element types: the inverse of [`ParameterDict::to_flat`].
    ///
    /// # Memory
    /// One copy of every value.
    ///
    /// # Errors
    /// [`Error::ElemCount`] if `flat` has not as many elements as all parameters together; as
    /// [`Parameter::data`] if one has no value. Then nothing has changed.
    ///
    /// # Source
    /// PyTorch's `torch.nn.utils.vector_to_parameters`.
    #[doc(alias = "vector_to_parameters")]
    pub fn set_flat(&self, flat: &NdArray) -> Result<()> {
        let values = self.iter().map(|parameter| {
            parameter.refuse_own_edit_of_value()?;
            parameter.ready()
        });
        let values = values.collect::<Result<Vec<_>>>()?;
        let n: usize = values.iter().map(|ready| ready.dims.elem_count()).sum();
        if **flat.dims() != [n] {
            let found = flat.elem_count();
            return Err(Error::ElemCount { shape: Dims::from(n).into(), found });
        }
        // As it is now: one of the parameters may be a part of the same memory.
        let buf = flat.cell.snapshot()?;
        let source = NdArray { view: flat.view.clone(), ..NdArray::from_buf(buf, Dims::from(0)) };
        let mut start = 0;
        for value in values {
            let end = start + value.dims.elem_count();
            let part = source.slice(crate::s![start as isize..end as isize])?;
            value.assign(&part.reshape(&value.dims)?)?;
            start = end;
        }
        Ok(())
    }
}

/// Arrays one after another.
fn flat<'a>(arrays: impl Iterator<Item = Result<(&'a Parameter, NdArray)>>) -> Result<NdArray> {
    let mut bufs = Vec::new();
    let mut dtype = None;
    for array in arrays {
        let (parameter, array) = array?;
        let expected = *dtype.get_or_insert(array.dtype());
        array.expect_dtype(expected).map_err(|error| error.at(parameter.name()))?;
        bufs.push(array.cell.snapshot().map_err(|error| error.at(parameter.name()))?);
    }
    let dtype = dtype.unwrap_or(DType::F32);
    let n = bufs.iter().map(|buf| buf.len()).sum::<usize>();
    let whole = for_dtype!(dtype, T => Buf::new::<T>(n, |out| {
        let mut rest = out;
        for buf in bufs {
            let (part, after) = rest.split_at_mut(buf.len());
            part.copy_from_slice(buf.slice());
            rest = after;
        }
    }));
    Ok(NdArray::from_buf(whole, n.into()))
}
