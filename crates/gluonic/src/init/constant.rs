//! Constant values.

use super::{InitDesc, Initializer, json_number};
use crate::array::{NdArray, Operand};
use crate::error::Result;
use crate::random::Address;

/// Zeros, for any element type.
///
/// # Source
/// MXNet 1.9.1, `initializer.py`, class `Zero`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zero;

impl Initializer for Zero {
    fn init_weight(&self, _desc: &InitDesc, data: &NdArray, _address: &Address) -> Result<()> {
        data.fill(0.0)
    }

    fn dumps(&self) -> String {
        r#"["zero", {}]"#.to_owned()
    }
}

/// Ones, for any element type.
///
/// # Source
/// MXNet 1.9.1, `initializer.py`, class `One`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct One;

impl Initializer for One {
    fn init_weight(&self, _desc: &InitDesc, data: &NdArray, _address: &Address) -> Result<()> {
        data.fill(1.0)
    }

    fn dumps(&self) -> String {
        r#"["one", {}]"#.to_owned()
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
            Operand::Scalar(value) => json_number(value.to_f64()),
            Operand::Array(array) => nested(&array.to_f64_vec().unwrap_or_default(), array.dims()),
        };
        format!(r#"["constant", {{"value": {value}}}]"#)
    }
}

/// A nested JSON list of the sizes `dims`, with floats as Python writes them.
fn nested(values: &[f64], dims: &[usize]) -> String {
    let Some((&n, rest)) = dims.split_first() else {
        return values.first().map_or_else(String::new, |value| format!("{value:?}"));
    };
    let size: usize = rest.iter().product();
    let items = (0..n).map(|i| nested(&values[i * size..(i + 1) * size], rest));
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}
