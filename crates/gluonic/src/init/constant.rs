//! Constant values.

use super::registry::FromArgs;
use super::text::{list, number, text};
use super::{Args, InitDesc, Initializer};
use crate::array::{NdArray, Operand, Scalar, for_dtype};
use crate::error::Result;
use crate::random::Address;

/// Zeros, for any element type.
///
/// # Examples
/// ```
/// use gluonic::{Parameter, Reinit, init::Zero};
/// let bias = Parameter::new("bias", 2);
/// bias.initialize_with(&Zero, Reinit::Keep)?;
/// assert_eq!(bias.data()?.to_vec::<f32>()?, [0.0; 2]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `initializer.py`, class `Zero`.
#[doc(alias = "zeros_")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zero;

impl Initializer for Zero {
    fn init_weight(&self, _desc: &InitDesc, data: &NdArray, _address: &Address) -> Result<()> {
        data.fill(0.0)
    }

    fn dumps(&self) -> String {
        text("zero", &[])
    }
}

/// Ones, for any element type.
///
/// # Examples
/// ```
/// use gluonic::{Parameter, Reinit, init::One};
/// let gamma = Parameter::new("gamma", 2);
/// gamma.initialize_with(&One, Reinit::Keep)?;
/// assert_eq!(gamma.data()?.to_vec::<f32>()?, [1.0; 2]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `initializer.py`, class `One`.
#[doc(alias = "ones_")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct One;

impl Initializer for One {
    fn init_weight(&self, _desc: &InitDesc, data: &NdArray, _address: &Address) -> Result<()> {
        data.fill(1.0)
    }

    fn dumps(&self) -> String {
        text("one", &[])
    }
}

/// One value for every element, or an array that broadcasts to the parameter's shape.
///
/// # Errors
/// [`Error::Broadcast`](crate::Error::Broadcast) when the array does not broadcast.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, Parameter, Reinit, init::Constant};
/// let weight = Parameter::new("weight", (2, 2));
/// weight.initialize_with(&Constant::new(42.0), Reinit::Keep)?;
/// assert_eq!(weight.data()?.to_vec::<f32>()?, [42.0; 4]);
/// let row = NdArray::from_slice(&[1.0_f32, 2.0], 2)?;
/// weight.initialize_with(&Constant::new(&row), Reinit::Force)?;
/// assert_eq!(weight.data()?.to_vec::<f32>()?, [1.0, 2.0, 1.0, 2.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `initializer.py`, class `Constant`.
#[doc(alias = "constant_", alias = "fill")]
#[derive(Clone, Debug)]
pub struct Constant {
    value: Operand,
}

impl Constant {
    /// The value: a number, or an array.
    pub fn new(value: impl Into<Operand>) -> Self {
        Constant { value: value.into() }
    }
}

impl Initializer for Constant {
    fn init_weight(&self, _desc: &InitDesc, data: &NdArray, _address: &Address) -> Result<()> {
        match &self.value {
            Operand::Scalar(value) => data.fill(*value),
            Operand::Array(array) => data.assign(array),
        }
    }

    fn dumps(&self) -> String {
        let value = match &self.value {
            Operand::Scalar(value) => number(*value),
            Operand::Array(array) => nested(&scalars(array), array.dims()),
        };
        text("constant", &[("value", value)])
    }
}

impl FromArgs for Zero {
    fn from_args(_args: &mut Args) -> Result<Self> {
        Ok(Zero)
    }
}

impl FromArgs for One {
    fn from_args(_args: &mut Args) -> Result<Self> {
        Ok(One)
    }
}

impl FromArgs for Constant {
    fn from_args(args: &mut Args) -> Result<Self> {
        Ok(Constant { value: args.operand("value")? })
    }
}

/// The elements of an array; none of one that is being edited.
fn scalars(array: &NdArray) -> Vec<Scalar> {
    for_dtype!(array.dtype(), T => {
        let values = array.to_vec::<T>().unwrap_or_default();
        values.into_iter().map(Into::into).collect()
    })
}

/// A nested JSON list of the sizes `dims`.
fn nested(values: &[Scalar], dims: &[usize]) -> String {
    let Some((&n, rest)) = dims.split_first() else {
        return values.first().map_or_else(|| "null".to_owned(), |value| number(*value));
    };
    let size: usize = rest.iter().product();
    list((0..n).map(|i| nested(values.get(i * size..(i + 1) * size).unwrap_or_default(), rest)))
}
