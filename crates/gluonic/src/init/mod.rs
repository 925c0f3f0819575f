//! What parameters start as.
//!
//! An [`Initializer`] fills one array. Which one runs: the explicit argument of the parameter's own
//! [`initialize_with`](crate::Parameter::initialize_with), else the parameter's own initializer,
//! else the one given to the whole block, else [`Uniform`] with scale 0.07.
//!
//! | | values | elsewhere |
//! | --- | --- | --- |
//! | [`Zero`], [`One`] | 0, 1 | `zeros_`, `ones_` |
//! | [`Constant`] | a number, or an array that broadcasts | `constant_`, `fill` |
//! | [`Uniform`] | `U[-scale, scale)` | `uniform_`, `RandomUniform` |
//! | [`Normal`] | `N(0, sigma²)` | `normal_`, `RandomNormal` |
//! | [`TruncNormal`] | `N(mean, sigma²)` between `low` and `high` | `trunc_normal_`, `TruncatedNormal` |
//! | [`Xavier`] | `U[-s, s)` or `N(0, s²)`, `s² = magnitude / f` | `xavier_uniform_`, `glorot_normal` |
//! | [`MsraPrelu`] | `N(0, s²)`, `s² = 2 / ((1 + slope²) f)` | `MSRAPrelu` |
//! | [`Kaiming`] | variance `gain² / f`, uniform or normal | `kaiming_normal_`, `he_uniform` |
//! | [`Lecun`] | variance `1 / fan_in`, uniform or normal | `lecun_normal` |
//! | [`Orthogonal`] | orthogonal rows or columns of length `scale` | `orthogonal_` |
//! | [`DeltaOrthogonal`] | the same at the center of a kernel, else 0 | `delta_orthogonal` |
//! | [`Sparse`] | `N(0, sigma²)`, a share of each column 0 | `sparse_` |
//! | [`Identity`] | 1 on the diagonal, else 0 | `eye_` |
//! | [`Dirac`] | 1 at the center of a kernel from `i` to `i`, else 0 | `dirac_` |
//! | [`Bilinear`] | the kernel of bilinear upsampling | `BilinearFiller` |
//! | [`LstmBias`] | 0, and `forget_bias` for the forget gate | `unit_forget_bias` |
//! | [`Mixed`] | those of the first pattern that matches the name | |
//! | [`Load`] | those of an array of the same name | |
//!
//! `f` is `fan_in`, `fan_out` or their mean. What these are for a weight, [`Fan::of`] alone decides,
//! from the [`Layout`] that its layer declares.
//!
//! Each has a text form, MXNet's, by [`Initializer::dumps`] and back by [`loads`]; [`register`] adds
//! those of users. Values depend only on the address (key, path), the shape and the element's index:
//! see [`random`](crate::random).

mod args;
mod bilinear;
mod constant;
mod fan;
mod identity;
mod kaiming;
mod load;
mod lstm_bias;
mod mixed;
mod normal;
mod orthogonal;
mod registry;
mod scaling;
mod sparse;
mod text;
mod trunc_normal;
mod uniform;
mod xavier;

use std::fmt;
use std::sync::Arc;

pub use args::Args;
pub use bilinear::Bilinear;
pub use constant::{Constant, One, Zero};
pub use fan::{Fan, Layout};
pub use identity::{Dirac, Identity};
pub use kaiming::{Kaiming, Lecun, Nonlinearity};
pub use load::Load;
pub use lstm_bias::LstmBias;
pub use mixed::Mixed;
pub use normal::Normal;
pub use orthogonal::{DeltaOrthogonal, Orthogonal};
pub use registry::{loads, register};
pub use scaling::{Draw, Factor};
pub use sparse::Sparse;
pub use trunc_normal::TruncNormal;
pub use uniform::Uniform;
pub use xavier::{MsraPrelu, Xavier};

use crate::array::{DType, NdArray, Scalar};
use crate::error::{Error, Result};
use crate::name::{ParamName, ParamPath};
use crate::random::{Address, with_address};
use crate::shape::Dims;

/// What an initializer is told about the parameter that it fills.
#[derive(Clone, Debug, PartialEq)]
pub struct InitDesc {
    /// The parameter's global name, such as `dense0_weight`.
    pub name: ParamName,
    /// Its path in the block that is initialized, such as `0.weight`; alone, its name.
    pub path: ParamPath,
    /// The sizes of the array.
    pub dims: Dims,
    /// Its element type.
    pub dtype: DType,
    /// What its axes mean.
    pub layout: Layout,
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

    /// Fills `data` as the ending of the parameter's name says: `weight` by the initializer, `bias`,
    /// `beta` and `min` with 0, `gamma` and `max` with 1.
    ///
    /// This is what calling an initializer does in MXNet. Blocks do not use it: there a bias is 0
    /// because its layer says so.
    ///
    /// # Errors
    /// [`Error::InitSuffix`] for any other name; what the initializer returns.
    ///
    /// # Examples
    /// ```
    /// use gluonic::{DType, NdArray, init::{InitDesc, Initializer, Layout, Normal}, random::Address};
    /// let desc = InitDesc {
    ///     name: "fc_gamma".into(),
    ///     path: "fc.gamma".into(),
    ///     dims: 2.into(),
    ///     dtype: DType::F32,
    ///     layout: Layout::Dense,
    /// };
    /// let data = NdArray::zeros(2, DType::F32)?;
    /// Normal::new(0.01).init_by_name(&desc, &data, &Address::new(7, "fc.gamma"))?;
    /// assert_eq!(data.to_vec::<f32>()?, [1.0, 1.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `initializer.py`, `Initializer.__call__`.
    fn init_by_name(&self, desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        let ends_in = |suffixes: &[&str]| suffixes.iter().any(|suffix| desc.name.ends_with(suffix));
        if ends_in(&["weight"]) {
            with_address(address, || self.init_weight(desc, data, address))
        } else if ends_in(&["bias", "beta", "min"]) {
            data.fill(0.0)
        } else if ends_in(&["gamma", "max"]) {
            data.fill(1.0)
        } else {
            Err(Error::InitSuffix { name: desc.name.clone() })
        }
    }

    /// The initializer as JSON in MXNet's form, `["normal", {"sigma": 0.01}]`, with numbers as they
    /// were given: `3` and `3.0` are two texts. Initializers are equal if their texts are.
    fn dumps(&self) -> String {
        format!("[{}, {{}}]", serde_json::Value::from(format!("{self:?}").to_lowercase()))
    }
}

/// Equal by [`Initializer::dumps`]: [`One`] is not `Constant(1)`.
impl PartialEq for dyn Initializer {
    fn eq(&self, other: &Self) -> bool {
        self.dumps() == other.dumps()
    }
}

/// What [`loads`] returns is an initializer itself.
impl Initializer for Arc<dyn Initializer> {
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        (**self).init_weight(desc, data, address)
    }

    fn init_by_name(&self, desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        (**self).init_by_name(desc, data, address)
    }

    fn dumps(&self) -> String {
        (**self).dumps()
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

/// A scale as a float, refused if it is negative or not finite.
fn check_scale(setting: &'static str, scale: Scalar) -> Result<f64> {
    let value = scale.to_f64();
    if value.is_finite() && value >= 0.0 {
        return Ok(value);
    }
    let found = text::number(scale).into();
    Err(Error::Setting { setting, expected: "finite and not negative", found })
}

/// Refuses element types that have no random values.
fn check_random(data: &NdArray) -> Result<()> {
    if data.dtype().is_float() { Ok(()) } else { Err(Error::RandomDType { dtype: data.dtype() }) }
}
