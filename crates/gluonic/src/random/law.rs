//! Laws as values: what is drawn, without where from and as what.

use std::fmt;
use std::sync::Arc;

use half::{bf16, f16};

use super::by_attempts::{Attempts, Waiting};
use super::categorical::{cumulative, fill_categorical};
use super::discrete::{Integer, fill_bernoulli, fill_integers, permutation};
use super::normal::{Normal, fill_normal};
use super::philox::Stream;
use super::truncated_normal::{Truncated, TruncatedNormal};
use super::uniform::{Uniform, fill_uniform};
use crate::error::{Error, Result};

/// A law of random values. [`ops::draw`](crate::ops::draw) and its neighbors make arrays of one.
///
/// Element `i` of what is drawn depends on the address drawn from and on `i` alone, as
/// `docs/randomness.md` specifies, so any slice alone equals that slice of the whole. The
/// exception in cost is the permutation: each slice of it computes the whole.
///
/// # Examples
/// ```
/// use gluonic::random::{Address, Law};
/// use gluonic::{DType, ops};
///
/// let law = Law::truncated_normal(0.0, 1.0, -2.0, 2.0)?;
/// assert_eq!(law.to_string(), "truncated_normal(mean=0, std=1, low=-2, high=2)");
/// let address = Address::new(7, "fc.weight");
/// let whole = ops::draw_at(&law, &address, 0, 1000, DType::BF16)?.to_f64_vec()?;
/// let slice = ops::draw_at(&law, &address, 990, 10, DType::BF16)?.to_f64_vec()?;
/// assert_eq!(slice, whole[990..]);
/// # Ok::<(), gluonic::Error>(())
/// ```
#[doc(alias = "distribution")]
#[derive(Clone, Debug, PartialEq)]
pub struct Law(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Uniform { low: f64, high: f64 },
    Normal { mean: f64, std: f64 },
    TruncatedNormal { mean: f64, std: f64, low: f64, high: f64 },
    Integers { low: i64, high: i64 },
    Bernoulli { p: f64 },
    Categorical { weights: Arc<[f64]>, sums: Arc<[f64]> },
    Permutation { n: usize },
    Waiting(Waiting),
}

/// A number as one writes it: neither as 300 zeros nor as `1e0`.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0.0 || !self.0.is_finite() || (1e-5..1e16).contains(&self.0.abs()) {
            self.0.fmt(f)
        } else {
            write!(f, "{:e}", self.0)
        }
    }
}

fn refuse<T>(setting: &'static str, expected: &'static str, found: impl fmt::Display) -> Result<T> {
    Err(Error::Setting { setting, expected, found: found.to_string().into() })
}

impl Law {
    /// The uniform law on `[low, high)`, of floating-point numbers. Equal bounds give that value.
    ///
    /// # Errors
    /// [`Error::Setting`] if a bound is not finite or `low > high`.
    pub fn uniform(low: f64, high: f64) -> Result<Law> {
        if !(low <= high && low.is_finite() && high.is_finite()) {
            let found = format!("{} with high {}", Short(low), Short(high));
            return refuse("low", "finite and not above `high`", found);
        }
        Ok(Law(Kind::Uniform { low, high }))
    }

    /// The normal law, of floating-point numbers.
    ///
    /// # Errors
    /// [`Error::Setting`] if `mean` is not finite, or `std` is negative or not finite.
    #[doc(alias = "gaussian")]
    pub fn normal(mean: f64, std: f64) -> Result<Law> {
        check_mean(mean)?;
        if !(std.is_finite() && std >= 0.0) {
            return refuse("std", "finite and not negative", Short(std));
        }
        Ok(Law(Kind::Normal { mean, std }))
    }

    /// The normal law given that the value lies in `[low, high]`, of floating-point numbers.
    /// Either bound may be infinite. `mean` and `std` are those of the law before the cut.
    ///
    /// # Errors
    /// [`Error::Setting`] if `mean` is not finite, `std` is not positive and finite, `low` is not
    /// below `high`, or both bounds are more than 37 standard deviations away on one side.
    ///
    /// # Source
    /// By the inverse of the distribution function: Wichura (1988), "Algorithm AS 241", PPND16.
    pub fn truncated_normal(mean: f64, std: f64, low: f64, high: f64) -> Result<Law> {
        check_mean(mean)?;
        if !(std.is_finite() && std > 0.0) {
            return refuse("std", "finite and positive", Short(std));
        }
        if low.is_nan() || high.is_nan() || low >= high {
            let found = format!("{} with high {}", Short(low), Short(high));
            return refuse("low", "below `high`", found);
        }
        if Truncated::new::<f64>(mean, std, low, high).is_none() {
            let (setting, bound) = if low > mean { ("low", low) } else { ("high", high) };
            let (bound, mean, std) = (Short(bound), Short(mean), Short(std));
            let found = format!("{bound} with mean {mean} and std {std}");
            return refuse(setting, "within 37 standard deviations of the mean", found);
        }
        Ok(Law(Kind::TruncatedNormal { mean, std, low, high }))
    }

    /// The whole numbers `low`, `low + 1`, …, `high - 1`, each equally likely.
    ///
    /// # Errors
    /// [`Error::Setting`] unless `low < high`.
    #[doc(alias = "randint")]
    pub fn integers(low: i64, high: i64) -> Result<Law> {
        if low >= high {
            return refuse("low", "below `high`", format!("{low} with high {high}"));
        }
        Ok(Law(Kind::Integers { low, high }))
    }

    /// 1 with probability `p`, otherwise 0; of booleans, `true` and `false`.
    ///
    /// # Errors
    /// [`Error::Setting`] if `p` is not in `[0, 1]`.
    pub fn bernoulli(p: f64) -> Result<Law> {
        if !(0.0..=1.0).contains(&p) {
            return refuse("p", "between 0 and 1", p);
        }
        Ok(Law(Kind::Bernoulli { p }))
    }

    /// The class numbers 0, 1, …, `n - 1` of n weights, each as likely as its share of their sum.
    /// A class of weight 0 is never drawn.
    ///
    /// # Errors
    /// [`Error::Setting`] if a weight is negative or not finite, or their sum is 0 or not finite.
    #[doc(alias = "multinomial", alias = "choice")]
    pub fn categorical(weights: &[f64]) -> Result<Law> {
        let wrong = |weight: &f64| !(weight.is_finite() && *weight >= 0.0);
        if let Some(i) = weights.iter().position(wrong) {
            let found = format!("{} at position {i}", Short(weights[i]));
            return refuse("weights", "finite and not negative", found);
        }
        let sums: Arc<[f64]> = cumulative(weights).collect();
        let total = sums.last().copied().unwrap_or(0.0);
        if !(total > 0.0 && total.is_finite()) {
            let found = format!("the sum {}", Short(total));
            return refuse("weights", "of a positive and finite sum", found);
        }
        Ok(Law(Kind::Categorical { weights: weights.into(), sums }))
    }

    /// The numbers 0, 1, …, `n - 1` in a random order, each order equally likely. Element i is
    /// what comes at place i; there are n elements.
    ///
    /// # Memory
    /// `n` numbers while any slice is drawn.
    #[doc(alias = "shuffle")]
    pub fn permutation(n: usize) -> Law {
        Law(Kind::Permutation { n })
    }

    /// The exponential law of the mean `scale`, of floating-point numbers.
    ///
    /// # Errors
    /// [`Error::Setting`] if `scale` is negative or not finite.
    pub fn exponential(scale: f64) -> Result<Law> {
        not_negative("scale", scale)?;
        Ok(Law(Kind::Waiting(Waiting::Exponential { scale })))
    }

    /// The gamma law of the mean `shape · scale`, of floating-point numbers.
    ///
    /// # Errors
    /// [`Error::Setting`] if `shape` is not positive and finite, or `scale` is negative or not
    /// finite.
    ///
    /// # Source
    /// Marsaglia and Tsang (2000), "A simple method for generating gamma variables".
    pub fn gamma(shape: f64, scale: f64) -> Result<Law> {
        positive("shape", shape)?;
        not_negative("scale", scale)?;
        Ok(Law(Kind::Waiting(Waiting::Gamma { shape, scale })))
    }

    /// The Poisson law of the mean `rate`: whole numbers from 0 on.
    ///
    /// # Errors
    /// [`Error::Setting`] if `rate` is negative, or above 2⁴⁰.
    ///
    /// # Source
    /// Hörmann (1993), "The transformed rejection method for generating Poisson random variables",
    /// algorithm PTRS, from a rate of 10 on.
    pub fn poisson(rate: f64) -> Result<Law> {
        rate_of("rate", rate)?;
        Ok(Law(Kind::Waiting(Waiting::Poisson { rate })))
    }

    /// The number of failures before success `k`, each try succeeding with probability `p`; for a
    /// `k` that is not whole, the Poisson law of a rate that is drawn from the gamma law of shape
    /// `k` and scale `(1 - p) / p`.
    ///
    /// # Errors
    /// [`Error::Setting`] if `k` is not positive and finite, or `p` is not in `(0, 1]`, or the mean
    /// is above 2⁴⁰.
    pub fn negative_binomial(k: f64, p: f64) -> Result<Law> {
        positive("k", k)?;
        if !(p > 0.0 && p <= 1.0) {
            return refuse("p", "above 0 and at most 1", Short(p));
        }
        let scale = (1.0 - p) / p;
        rate_of("p", k * scale)?;
        Ok(Law(Kind::Waiting(Waiting::Mixed { shape: k, scale })))
    }

    /// The negative binomial law by its mean and its dispersion: the variance is
    /// `mean + dispersion · mean²`. Without dispersion it is the Poisson law.
    ///
    /// # Errors
    /// [`Error::Setting`] if `mean` is negative or above 2⁴⁰, or `dispersion` is negative or not
    /// finite.
    ///
    /// # Source
    /// MXNet 1.9.1, `random.generalized_negative_binomial(mu, alpha)`.
    pub fn dispersed(mean: f64, dispersion: f64) -> Result<Law> {
        rate_of("mean", mean)?;
        not_negative("dispersion", dispersion)?;
        if dispersion == 0.0 || mean == 0.0 {
            return Law::poisson(mean);
        }
        let (shape, scale) = (1.0 / dispersion, dispersion * mean);
        Ok(Law(Kind::Waiting(Waiting::Mixed { shape, scale })))
    }

    fn is_continuous(&self) -> bool {
        use Waiting::{Exponential, Gamma};
        matches!(
            self.0,
            Kind::Uniform { .. }
                | Kind::Normal { .. }
                | Kind::TruncatedNormal { .. }
                | Kind::Waiting(Exponential { .. } | Gamma { .. })
        )
    }

    /// The number of elements there are, where it is limited.
    pub(crate) fn elem_count(&self) -> Option<usize> {
        match self.0 {
            Kind::Permutation { n } => Some(n),
            _ => None,
        }
    }
}

fn positive(setting: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    refuse(setting, "positive and finite", Short(value))
}

fn not_negative(setting: &'static str, value: f64) -> Result<()> {
    if value >= 0.0 && value.is_finite() {
        return Ok(());
    }
    refuse(setting, "finite and not negative", Short(value))
}

/// Checks the mean of a law of whole numbers, of which all that are likely must have an `f64`.
fn rate_of(setting: &'static str, mean: f64) -> Result<()> {
    if (0.0..=1_099_511_627_776.0).contains(&mean) {
        return Ok(());
    }
    refuse(setting, "such that the mean is between 0 and 2⁴⁰", format!("a mean of {}", Short(mean)))
}

fn check_mean(mean: f64) -> Result<()> {
    if mean.is_finite() { Ok(()) } else { refuse("mean", "finite", mean) }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            &Kind::Uniform { low, high } => {
                write!(f, "uniform(low={}, high={})", Short(low), Short(high))
            }
            &Kind::Normal { mean, std } => {
                write!(f, "normal(mean={}, std={})", Short(mean), Short(std))
            }
            &Kind::TruncatedNormal { mean, std, low, high } => {
                let (mean, std, low, high) = (Short(mean), Short(std), Short(low), Short(high));
                write!(f, "truncated_normal(mean={mean}, std={std}, low={low}, high={high})")
            }
            Kind::Integers { low, high } => write!(f, "integers(low={low}, high={high})"),
            &Kind::Bernoulli { p } => write!(f, "bernoulli(p={})", Short(p)),
            Kind::Categorical { weights, .. } if weights.len() <= 5 => {
                write!(f, "categorical(weights={weights:?})")
            }
            Kind::Categorical { weights, .. } => {
                write!(f, "categorical({} weights)", weights.len())
            }
            Kind::Permutation { n } => write!(f, "permutation(n={n})"),
            Kind::Waiting(law) => match *law {
                Waiting::Exponential { scale } => write!(f, "exponential(scale={})", Short(scale)),
                Waiting::Gamma { shape, scale } => {
                    write!(f, "gamma(shape={}, scale={})", Short(shape), Short(scale))
                }
                Waiting::Poisson { rate } => write!(f, "poisson(rate={})", Short(rate)),
                Waiting::Mixed { shape, scale } => {
                    write!(f, "poisson(rate=gamma(shape={}, scale={}))", Short(shape), Short(scale))
                }
            },
        }
    }
}

/// Writes elements `start`, `start + 1`, … of a stream to a slice.
pub(crate) type Filler<'a, T> = Box<dyn FnOnce(Stream, u64, &mut [T]) + 'a>;

/// What a continuous law needs.
const FLOATS: &str = "a floating-point type";

/// An element type that there are laws of.
pub(crate) trait Drawn: Sized {
    /// How a law is drawn in this type, or what type it needs.
    fn filler(law: &Law) -> Result<Filler<'_, Self>, Box<str>>;
}

macro_rules! drawn {
    ($filler:ident: $($type:ty)*) => {$(
        impl Drawn for $type {
            fn filler(law: &Law) -> Result<Filler<'_, Self>, Box<str>> {
                $filler(law)
            }
        }
    )*};
}
drawn!(float: f16 bf16 f32 f64);
drawn!(number: u8 i8 u16 i16 u32 i32 u64 i64);

impl Drawn for bool {
    fn filler(law: &Law) -> Result<Filler<'_, Self>, Box<str>> {
        match law.0 {
            Kind::Bernoulli { p } => Ok(Box::new(move |s, i, out| {
                fill_bernoulli(s, i, out, p, true);
            })),
            _ if law.is_continuous() => Err(FLOATS.into()),
            _ => Err("a type of numbers".into()),
        }
    }
}

/// An element type that the continuous laws have values of.
trait Float: Uniform + Normal + TruncatedNormal + Integer {
    /// The largest finite value.
    const MAX: f64;

    /// The nearest value.
    fn from_f64(value: f64) -> Self;

    /// Whether the uniform law can compute `high - low`.
    fn can_subtract(high: f64, low: f64) -> bool {
        (high as f32 - low as f32).is_finite()
    }
}

impl Float for f16 {
    const MAX: f64 = 65504.0;

    fn from_f64(value: f64) -> Self {
        f16::from_f64(value)
    }
}

impl Float for bf16 {
    const MAX: f64 = f32::from_bits(0x7F7F_0000) as f64;

    fn from_f64(value: f64) -> Self {
        bf16::from_f64(value)
    }
}

impl Float for f32 {
    const MAX: f64 = f32::MAX as f64;

    fn from_f64(value: f64) -> Self {
        value as f32
    }
}

impl Float for f64 {
    const MAX: f64 = f64::MAX;

    fn from_f64(value: f64) -> Self {
        value
    }

    fn can_subtract(high: f64, low: f64) -> bool {
        (high - low).is_finite()
    }
}

/// Checks that a type holds everything between two numbers.
fn check_range<T: Float>(low: f64, high: f64) -> Result<(), Box<str>> {
    if low.abs() <= T::MAX && high.abs() <= T::MAX {
        return Ok(());
    }
    Err(format!("a type that holds {} to {}", Short(low), Short(high)).into())
}

fn float<T: Float>(law: &Law) -> Result<Filler<'_, T>, Box<str>> {
    match law.0 {
        Kind::Uniform { low, high } => {
            check_range::<T>(low, high)?;
            if !T::can_subtract(high, low) {
                return Err("a type that holds `high - low`".into());
            }
            Ok(Box::new(move |s, i, out| fill_uniform(s, i, out, low, high)))
        }
        Kind::Normal { mean, std } => {
            check_range::<T>(mean - 10.0 * std, mean + 10.0 * std)?;
            Ok(Box::new(move |s, i, out| fill_normal(s, i, out, mean, std)))
        }
        Kind::TruncatedNormal { mean, std, low, high } => {
            check_range::<T>(low.max(mean - 38.0 * std), high.min(mean + 38.0 * std))?;
            // It is computed in f64, whatever the type.
            let overflows = |bound: f64| bound.is_finite() && !(bound - mean).is_finite();
            if overflows(low) || overflows(high) {
                return Err("a type that holds the bounds less the mean".into());
            }
            let law = Truncated::new::<T>(mean, std, low, high);
            let law = law.ok_or_else(|| format!("a type with a value in [{low}, {high}]"))?;
            Ok(Box::new(move |s, i, out| law.fill(s, i, out)))
        }
        Kind::Waiting(law @ (Waiting::Exponential { .. } | Waiting::Gamma { .. })) => {
            Ok(Box::new(move |s, i, out| Attempts::fill(s, i, out, law, T::from_f64)))
        }
        _ => number(law),
    }
}

fn number<T: Integer>(law: &Law) -> Result<Filler<'_, T>, Box<str>> {
    match &law.0 {
        Kind::Uniform { .. }
        | Kind::Normal { .. }
        | Kind::TruncatedNormal { .. }
        | Kind::Waiting(Waiting::Exponential { .. } | Waiting::Gamma { .. }) => Err(FLOATS.into()),
        &Kind::Waiting(law) => {
            // What is larger becomes the largest of the type: it is hardly ever drawn.
            let (lowest, highest) = T::RANGE;
            let number = move |x: f64| {
                T::from_i64((x as i64).clamp(lowest, i64::try_from(highest).unwrap_or(i64::MAX)))
            };
            Ok(Box::new(move |s, i, out| Attempts::fill(s, i, out, law, number)))
        }
        &Kind::Integers { low, high } => {
            check_integers::<T>(low, high.saturating_sub(1))?;
            Ok(Box::new(move |s, i, out| fill_integers(s, i, out, low, high)))
        }
        &Kind::Bernoulli { p } => Ok(Box::new(move |s, i, out| {
            fill_bernoulli(s, i, out, p, T::from_i64(1));
        })),
        Kind::Categorical { sums, .. } => {
            check_integers::<T>(0, sums.len() as i64 - 1)?;
            Ok(Box::new(|s, i, out| fill_categorical(s, i, out, sums)))
        }
        &Kind::Permutation { n } => {
            check_integers::<T>(0, i64::try_from(n).unwrap_or(i64::MAX).max(1) - 1)?;
            Ok(Box::new(move |s, i, out| {
                let order = permutation(s, n);
                for (x, at) in out.iter_mut().zip(order.into_iter().skip(i as usize)) {
                    *x = T::from_i64(at as i64);
                }
            }))
        }
    }
}

/// Checks that a type holds each of `first..=last`.
fn check_integers<T: Integer>(first: i64, last: i64) -> Result<(), Box<str>> {
    let (lowest, highest) = T::RANGE;
    if first >= lowest && i128::from(last) <= i128::from(highest) {
        return Ok(());
    }
    Err(format!("a type that holds every whole number from {first} to {last}").into())
}
