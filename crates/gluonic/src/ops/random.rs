//! Random arrays, and dropout. Inside an initializer they draw from the parameter's own address,
//! so that an initializer written by a user repeats too.

use std::sync::Arc;

use super::{Flat, compute_type, edges, output};
use crate::array::{Buf, DType, NdArray, for_dtype, for_float};
use crate::autograd::{Op, Sinks, is_training};
use crate::cpu::elementwise as kernel;
use crate::error::{Error, Result};
use crate::random::{
    self, Address, Drawn, Draws, Filler, Law, Stream, current_stream, fill_bernoulli,
};
use crate::shape::Dims;

/// An array drawn from a law.
///
/// # Shapes
/// Element i in row-major order is element i of the law: `(2, 3)` and `6` hold the same values.
///
/// # Randomness
/// Takes the next key of the process, or inside [`random::with_address`] (so inside an
/// initializer) the next draw there. See [`draw_at`] for a key and a path of one's own.
///
/// # Errors
/// [`Error::LawDType`] if the law has no values of this element type, or such that it cannot hold:
/// continuous laws need a floating-point type, of booleans there is only the Bernoulli law;
/// [`Error::Setting`] if a permutation has fewer elements; [`Error::TooLarge`] if the element
/// count does not fit the address space. Then no key is taken.
///
/// # Examples
/// ```
/// use gluonic::random::Law;
/// use gluonic::{DType, ops};
/// let mask = ops::draw(&Law::bernoulli(0.3)?, (4, 5), DType::Bool)?;
/// let dice = ops::draw(&Law::integers(1, 7)?, 100, DType::U8)?;
/// assert!(dice.to_vec::<u8>()?.iter().all(|face| (1..=6).contains(face)));
/// # Ok::<(), gluonic::Error>(())
/// ```
#[doc(alias = "sample", alias = "rand")]
pub fn draw(law: &Law, dims: impl Into<Dims>, dtype: DType) -> Result<NdArray> {
    drawn(law, 0, dims.into(), dtype, current_stream)
}

/// As [`draw`], from draw 0 of an address: elements `start`, `start + 1`, … of what is drawn
/// there, so that any slice alone equals that slice of the whole.
///
/// What an initializer draws for a parameter is draw 0 at the parameter's address.
/// `Address::new(seed, "")` is a seed for one call.
///
/// # Errors
/// As [`draw`]; [`Error::Setting`] if the last element would have a number beyond 2⁶⁴.
///
/// # Examples
/// ```
/// use gluonic::random::{Address, Law};
/// use gluonic::{DType, ops};
/// let (law, address) = (Law::normal(0.0, 1.0)?, Address::new(42, ""));
/// let whole = ops::draw_at(&law, &address, 0, (100, 8), DType::F32)?;
/// let rows = ops::draw_at(&law, &address, 30 * 8, (2, 8), DType::F32)?;
/// assert_eq!(rows.to_vec::<f32>()?, whole.to_vec::<f32>()?[240..256]);
/// # Ok::<(), gluonic::Error>(())
/// ```
pub fn draw_at(
    law: &Law,
    address: &Address,
    start: u64,
    dims: impl Into<Dims>,
    dtype: DType,
) -> Result<NdArray> {
    drawn(law, start, dims.into(), dtype, || address.stream(0))
}

/// As [`draw`], from the next of these draws: for layers that draw at every call.
///
/// # Errors
/// As [`draw`]; then nothing is counted.
pub fn draw_from(law: &Law, draws: &Draws, dims: impl Into<Dims>, dtype: DType) -> Result<NdArray> {
    drawn(law, 0, dims.into(), dtype, || draws.next_stream())
}

/// Takes the stream only when everything has been checked.
fn drawn(
    law: &Law,
    start: u64,
    dims: Dims,
    dtype: DType,
    stream: impl FnOnce() -> Stream,
) -> Result<NdArray> {
    let n = dims.checked_count().ok_or_else(|| Error::TooLarge { shape: (&dims).into() })?;
    let end = start.checked_add(n as u64);
    if let Some(limit) = law.elem_count() {
        Dims::from(limit)
            .checked_count()
            .ok_or_else(|| Error::TooLarge { shape: Dims::from(limit).into() })?;
        if end.is_none_or(|end| end > limit as u64) {
            let found = format!("{n} elements from {start} on of {law}").into();
            let expected = "within the permutation";
            return Err(Error::Setting { setting: "dims", expected, found });
        }
    }
    if end.is_none() {
        let found = format!("{start} with {n} elements").into();
        return Err(Error::Setting {
            setting: "start", expected: "below 2⁶⁴ at the end", found
        });
    }
    let buf = for_dtype!(dtype, T => {
        let fill = filler::<T>(law, dtype)?;
        if let Some(shape) = NdArray::planned(&dims, dtype)? {
            return Ok(shape);
        }
        let stream = stream();
        Buf::new::<T>(n, |out| fill(stream, start, out))
    });
    Ok(NdArray::from_buf(buf, dims))
}

fn filler<T: Drawn>(law: &Law, dtype: DType) -> Result<Filler<'_, T>> {
    T::filler(law).map_err(|needs| {
        let fits = |&dtype: &DType| for_dtype!(dtype, T => T::filler(law).is_ok());
        let fitting = DType::ALL.iter().copied().filter(fits).collect();
        Error::LawDType { law: law.to_string().into(), dtype, needs, fitting }
    })
}

/// An `f32` array drawn from `U[low, high)`: [`draw`] of [`Law::uniform`].
///
/// # Errors
/// As [`Law::uniform`] and [`draw`].
pub fn uniform(low: f64, high: f64, dims: impl Into<Dims>) -> Result<NdArray> {
    draw(&Law::uniform(low, high)?, dims, DType::F32)
}

/// An `f32` array drawn from the normal distribution: [`draw`] of [`Law::normal`].
///
/// # Errors
/// As [`Law::normal`] and [`draw`].
pub fn normal(mean: f64, std: f64, dims: impl Into<Dims>) -> Result<NdArray> {
    draw(&Law::normal(mean, std)?, dims, DType::F32)
}

/// An `i64` array of whole numbers, each of `low, low + 1, …, high - 1` equally likely: [`draw`]
/// of [`Law::integers`].
///
/// # Errors
/// As [`Law::integers`] and [`draw`].
pub fn integers(low: i64, high: i64, dims: impl Into<Dims>) -> Result<NdArray> {
    draw(&Law::integers(low, high)?, dims, DType::I64)
}

/// The numbers 0, 1, …, `n - 1` in a random order, each order equally likely: those that [`draw`]
/// of [`Law::permutation`] puts in an array.
#[doc(alias = "shuffle")]
pub fn permutation(n: usize) -> Vec<usize> {
    random::permutation(current_stream(), n)
}

struct DropoutNode {
    mask: Buf,
}

impl Op for DropoutNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => sinks.write::<T>(0, grad.len(), |out, add| {
            kernel::zip(out, add, grad.slice(), self.mask.slice(), |g, mask| g * mask);
        }))
    }
}

/// In training mode, each element is 0 with probability `rate` and else divided by `1 - rate`;
/// otherwise `x` itself.
///
/// # Randomness
/// Draws as [`draw`] does. The layer [`Dropout`] has draws of its own.
///
/// [`Dropout`]: crate::nn::Dropout
///
/// # Errors
/// [`Error::Setting`] if `rate` is not in `[0, 1]`; [`Error::NoArithmetic`] if the element type is
/// not a floating-point one.
///
/// # Source
/// Srivastava et al. (2014), "Dropout", scaled in training as MXNet 1.9.1, `nn.Dropout`.
pub fn dropout(x: &NdArray, rate: f64) -> Result<NdArray> {
    dropout_from(x, rate, current_stream)
}

/// [`dropout`] that draws from the stream given, and takes it only when it draws.
pub(crate) fn dropout_from(
    x: &NdArray,
    rate: f64,
    stream: impl FnOnce() -> Stream,
) -> Result<NdArray> {
    if !(0.0..=1.0).contains(&rate) {
        return Err(Error::Setting {
            setting: "rate",
            expected: "between 0 and 1",
            found: rate.to_string().into(),
        });
    }
    let compute = compute_type("dropout", &[x])?;
    if let Some(shape) = NdArray::planned(x.dims(), x.dtype())? {
        return Ok(shape);
    }
    if !is_training() || rate == 0.0 {
        return Ok(x.clone());
    }
    let edges = edges(&[x])?;
    let flat = Flat::new(x)?;
    let (stream, keep) = (stream(), 1.0 - rate);
    let scale = if keep > 0.0 { 1.0 / keep } else { 0.0 };
    let (y, mask) = for_float!(compute, T => {
        let mask = Buf::new::<T>(x.elem_count(), |mask| {
            fill_bernoulli(stream, 0, mask, keep, scale as T);
        });
        let y = Buf::new::<T>(x.elem_count(), |y| {
            kernel::zip(y, false, flat.slice(), mask.slice(), |x, mask| x * mask);
        });
        (y, mask)
    });
    Ok(output(Arc::new(y), x.dtype(), x.dims().clone(), edges, || Box::new(DropoutNode { mask })))
}
