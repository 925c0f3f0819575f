//! What is done with sequences of different lengths, steps first.

use crate::array::NdArray;
use crate::error::Result;
use crate::shape::Dims;

/// Zeros behind the end of each sample.
pub(super) fn masked(x: &NdArray, lengths: Option<&[usize]>) -> Result<NdArray> {
    let Some(lengths) = lengths else { return Ok(x.clone()) };
    let n_steps = x.dims()[0];
    let inside = (0..n_steps).flat_map(|t| lengths.iter().map(move |length| t < *length));
    let mut dims = vec![1; x.rank()];
    dims[..2].copy_from_slice(&[n_steps, lengths.len()]);
    x.there(|| {
        let inside = NdArray::from_vec(inside.collect::<Vec<bool>>(), dims)?;
        inside.select(x, &NdArray::zeros((), x.dtype())?)
    })
}

/// Each sample from its end to its start; what is behind the end stays there.
pub(super) fn reversed(x: &NdArray, lengths: Option<&[usize]>) -> Result<NdArray> {
    let Some(lengths) = lengths else { return x.flip(&[0]) };
    let batch = lengths.len();
    let place = |t: usize, n: usize| if t < lengths[n] { lengths[n] - 1 - t } else { t };
    let rows = (0..x.dims()[0]).flat_map(|t| (0..batch).map(move |n| (t, n)));
    let rows: Vec<usize> = rows.map(|(t, n)| place(t, n) * batch + n).collect();
    merged(x)?.take(&rows)?.reshape(x.dims())
}

/// Of the states after 0, 1, … steps, that of each sample at its end.
pub(super) fn at_ends(states: &NdArray, lengths: &[usize]) -> Result<NdArray> {
    let rows = lengths.iter().enumerate().map(|(n, length)| length * lengths.len() + n);
    merged(states)?.take(&rows.collect::<Vec<_>>())
}

/// The first two axes as one.
fn merged(x: &NdArray) -> Result<NdArray> {
    let rows = x.dims()[0] * x.dims()[1];
    let dims: Vec<usize> = std::iter::once(rows).chain(x.dims()[2..].iter().copied()).collect();
    x.reshape(Dims::from(dims))
}
