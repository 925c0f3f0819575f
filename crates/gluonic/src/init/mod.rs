//! What parameters start as.
//!
//! An [`Initializer`] fills one array. Which one runs: the explicit argument of the parameter's own
//! [`initialize_with`](crate::Parameter::initialize_with), else the parameter's own initializer,
//! else the one given to the whole block, else [`Uniform`] with scale 0.07.
//!
//! Values depend only on the address (key, path) and the element's index: see
//! [`random`](crate::random).

mod constant;
mod fan;
mod normal;
mod uniform;
mod xavier;

use std::fmt;
use std::sync::Arc;

pub use constant::{Constant, One, Zero};
pub use fan::Fan;
pub use normal::Normal;
pub use uniform::Uniform;
pub use xavier::{Draw, Factor, Xavier};

use crate::array::{DType, NdArray};
use crate::error::{Error, Result};
use crate::name::ParamName;
use crate::random::{Address, with_address};
use crate::shape::Dims;

/// What an initializer is told about the parameter that it fills.
#[derive(Clone, Debug, PartialEq)]
pub struct InitDesc {
    /// The parameter's global name, such as `dense0_weight`.
    pub name: ParamName,
    /// The sizes of the array.
    pub dims: Dims,
    /// Its element type.
    pub dtype: DType,
}

/// A rule for initial values. Implement it (and `Clone` and `Debug`) for your own.
///
/// While it runs, `random::uniform` and `random::normal` on the same thread draw from the
/// parameter's own address, so that it gives the same values each time.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, Parameter, Result, init::{InitDesc, Initializer}, ops, random::Address};
///
/// /// U[-10, 10), with 0 in place of everything nearer to 0 than 5.
/// #[derive(Clone, Debug)]
/// struct MyInit;
///
/// impl Initializer for MyInit {
///     fn init_weight(&self, desc: &InitDesc, data: &NdArray, _address: &Address) -> Result<()> {
///         data.assign(&ops::uniform(-10.0, 10.0, &desc.dims)?)?;
///         data.map_inplace(|w| if w.abs() >= 5.0 { w } else { 0.0 })
///     }
/// }
///
/// let weight = Parameter::new("weight", (3, 4));
/// weight.initialize_with(&MyInit, gluonic::Reinit::Keep)?;
/// assert!(weight.data()?.to_vec::<f32>()?.iter().all(|w| *w == 0.0 || w.abs() >= 5.0));
/// # Ok::<(), gluonic::Error>(())
/// ```
pub trait Initializer: CloneInitializer + fmt::Debug + Send + Sync {
    /// Fills `data`, which may hold anything before.
    ///
    /// # Errors
    /// Whatever goes wrong: then no parameter is changed.
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()>;

    /// The initializer as JSON in MXNet's form, `["normal", {"sigma": 0.01}]`. Two with the same
    /// text count as equal.
    fn dumps(&self) -> String {
        format!("[{}, {{}}]", serde_json::Value::from(format!("{self:?}").to_lowercase()))
    }
}

/// Cloning behind a reference: what lets `&Normal::new(0.01)` be kept. Implemented for every
/// initializer that is `Clone`.
pub trait CloneInitializer {
    /// A counted copy.
    fn clone_initializer(&self) -> Arc<dyn Initializer>;
}

impl<T: Initializer + Clone + 'static> CloneInitializer for T {
    fn clone_initializer(&self) -> Arc<dyn Initializer> {
        Arc::new(self.clone())
    }
}

/// Whether parameters that have a value get a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reinit {
    /// They keep it, with a warning.
    #[default]
    Keep,
    /// They get a new one, in place: every handle sees it. Gradients become 0.
    Force,
}

/// The initializer of a whole block when none is given: [`Uniform`] with scale 0.07.
pub fn default_initializer() -> Arc<dyn Initializer> {
    Arc::new(Uniform::default())
}

/// A new array with the values of an initializer.
pub(crate) fn sample(
    init: &dyn Initializer,
    desc: &InitDesc,
    address: &Address,
) -> Result<NdArray> {
    let data = NdArray::zeros(&desc.dims, desc.dtype)?;
    crate::autograd::pause(|| with_address(address, || init.init_weight(desc, &data, address)))
        .map_err(|error| error.at(&desc.name))?;
    Ok(data)
}

/// Fills a whole array of a floating-point type by a random law.
macro_rules! fill_random {
    ($data:expr, |$out:ident: &mut [$T:ident]| $fill:expr) => {{
        let data: &$crate::array::NdArray = $data;
        macro_rules! run {
            ($t:ty) => {{
                type $T = $t;
                data.edit_slice::<$T>(|$out: &mut [$T]| $fill)
            }};
        }
        match data.dtype() {
            $crate::array::DType::F16 => run!(half::f16),
            $crate::array::DType::BF16 => run!(half::bf16),
            $crate::array::DType::F32 => run!(f32),
            $crate::array::DType::F64 => run!(f64),
            dtype => Err($crate::error::Error::RandomDType { dtype }),
        }
    }};
}
use fill_random;

impl NdArray {
    /// Lends a whole array to `edit` as a slice; a part of one by way of a copy.
    pub(crate) fn edit_slice<T: crate::array::Element>(
        &self,
        edit: impl FnOnce(&mut [T]),
    ) -> Result<()> {
        if self.is_whole() {
            let mut lock = self.cell.edit()?;
            edit(lock.buf().slice_mut());
            return Ok(());
        }
        let mut values = self.to_vec::<T>()?;
        edit(&mut values);
        self.assign(&NdArray::from_vec(values, self.dims())?)
    }
}

/// Refuses a scale that is negative or not finite.
fn check_scale(setting: &'static str, value: f64) -> Result<()> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(Error::Setting {
        setting,
        expected: "finite and not negative",
        found: value.to_string().into(),
    })
}

/// A number as Python's `json.dumps` writes it.
fn json_number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e16 {
        return format!("{}", value as i64);
    }
    format!("{value}")
}
