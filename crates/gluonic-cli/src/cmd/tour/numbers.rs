//! What the checks measure.

use gluonic::prelude::*;

/// How many standard errors a measured value may be away from its law: by chance, one check in
/// two million is.
pub(super) const SIGMAS: f64 = 5.0;

/// The count, mean and standard deviation of some values, and the largest absolute value.
pub(super) struct Moments {
    pub(super) n: f64,
    pub(super) mean: f64,
    pub(super) std: f64,
    pub(super) max_abs: f64,
}

impl Moments {
    pub(super) fn of(array: &NdArray) -> Result<Moments> {
        Ok(Moments::of_values(&array.to_f64_vec()?))
    }

    pub(super) fn of_values(values: &[f64]) -> Moments {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        let max_abs = values.iter().fold(0.0, |max, value| value.abs().max(max));
        Moments { n, mean, std: variance.sqrt(), max_abs }
    }

    /// How far the mean may be from that of a law with this standard deviation.
    pub(super) fn mean_tolerance(&self, std: f64) -> f64 {
        SIGMAS * std / self.n.sqrt()
    }

    /// How far the standard deviation may be from that of a law with this one and this kurtosis:
    /// 3 for the normal law, 9/5 for the uniform one.
    pub(super) fn std_tolerance(&self, std: f64, kurtosis: f64) -> f64 {
        SIGMAS * std * ((kurtosis - 1.0) / (4.0 * self.n)).sqrt()
    }
}

/// The square root of the sum of the squares.
pub(super) fn norm(array: &NdArray) -> Result<f64> {
    Ok(array.to_f64_vec()?.iter().map(|value| value * value).sum::<f64>().sqrt())
}

/// Whether every element is this one.
pub(super) fn all_are(array: &NdArray, value: f64) -> Result<bool> {
    Ok(array.to_f64_vec()?.iter().all(|x| *x == value))
}

/// How many elements have the same bits in both.
pub(super) fn n_same_bits(a: &NdArray, b: &NdArray) -> Result<usize> {
    let (a, b) = (a.to_vec::<f32>()?, b.to_vec::<f32>()?);
    Ok(a.iter().zip(&b).filter(|(a, b)| a.to_bits() == b.to_bits()).count())
}

/// Whether both have the same size and the same bits.
pub(super) fn same_bits(a: &NdArray, b: &NdArray) -> Result<bool> {
    Ok(a.dims() == b.dims() && n_same_bits(a, b)? == a.elem_count())
}
