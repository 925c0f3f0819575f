//! The shape rule of windows that move over an input, for convolutions and poolings.

use crate::cpu::window::Windows;
use crate::error::{Error, Result, WindowError};
use crate::shape::Dims;

/// The settings of a window; a setting with one number holds for every axis.
pub(super) struct WindowSettings<'a> {
    pub(super) op: &'static str,
    pub(super) kernel: &'a Dims,
    pub(super) strides: &'a Dims,
    pub(super) padding: &'a Dims,
    pub(super) dilation: &'a Dims,
}

/// A setting of each of `rank` spatial axes.
pub(super) fn per_axis(setting: &'static str, values: &Dims, rank: usize) -> Result<Vec<usize>> {
    match values.len() {
        1 => Ok(vec![values[0]; rank]),
        n if n == rank => Ok(values.to_vec()),
        _ => Err(Error::Setting {
            setting,
            expected: "one number, or one for each spatial axis",
            found: format!("{values} for {rank} axes").into(),
        }),
    }
}

fn positive(setting: &'static str, values: &[usize]) -> Result<()> {
    if values.contains(&0) {
        let found = Dims::from(values).to_string().into();
        return Err(Error::Setting { setting, expected: "1 or more", found });
    }
    Ok(())
}

/// Three axes from one, two or three: the first ones are filled up.
fn three(values: &[usize], filling: usize) -> [usize; 3] {
    let mut out = [filling; 3];
    out[3 - values.len()..].copy_from_slice(values);
    out
}

impl WindowSettings<'_> {
    fn lists(&self, rank: usize) -> Result<[Vec<usize>; 4]> {
        let kernel = per_axis("kernel_size", self.kernel, rank)?;
        let strides = per_axis("strides", self.strides, rank)?;
        let padding = per_axis("padding", self.padding, rank)?;
        let dilation = per_axis("dilation", self.dilation, rank)?;
        positive("kernel_size", &kernel)?;
        positive("strides", &strides)?;
        positive("dilation", &dilation)?;
        Ok([kernel, strides, padding, dilation])
    }

    /// The windows over the spatial axes of `dims`, which start at axis `first`. With `ceil` the
    /// last window may reach beyond the padding, if it starts inside the input.
    pub(super) fn over(
        &self,
        dims: &Dims,
        first: usize,
        rank: usize,
        ceil: bool,
    ) -> Result<Windows> {
        let [kernel, strides, padding, dilation] = self.lists(rank)?;
        let input = &dims[first..first + rank];
        let mut output = Vec::with_capacity(rank);
        for axis in 0..rank {
            let window = extent(kernel[axis], dilation[axis]);
            let padded = padding[axis].checked_mul(2).and_then(|p| p.checked_add(input[axis]));
            let (Some(window), Some(padded)) = (window, padded) else {
                return Err(Error::TooLarge { shape: dims.into() });
            };
            if window > padded || (ceil && input[axis] == 0) {
                return Err(Error::Window(Box::new(WindowError {
                    op: self.op,
                    input: dims.into(),
                    axis: first + axis,
                    padding: padding[axis],
                    window,
                })));
            }
            let mut n = (padded - window) / strides[axis] + 1;
            let reached = (n - 1) * strides[axis] + window;
            if ceil && reached < padded && n * strides[axis] < input[axis] + padding[axis] {
                n += 1;
            }
            output.push(n);
        }
        Ok(Windows {
            input: three(input, 1),
            output: three(&output, 1),
            kernel: three(&kernel, 1),
            stride: three(&strides, 1),
            dilation: three(&dilation, 1),
            padding: three(&padding, 0),
        })
    }

    /// The windows of a transposed convolution: those of the convolution that leads from its output
    /// to its input, which is `dims` from axis `first` on.
    pub(super) fn transposed(
        &self,
        dims: &Dims,
        first: usize,
        rank: usize,
        extra: &Dims,
    ) -> Result<Windows> {
        let [kernel, strides, padding, dilation] = self.lists(rank)?;
        let extra = per_axis("output_padding", extra, rank)?;
        let places = &dims[first..first + rank];
        let mut pixels = Vec::with_capacity(rank);
        for axis in 0..rank {
            if extra[axis] >= strides[axis].max(dilation[axis]) {
                return Err(Error::Setting {
                    setting: "output_padding",
                    expected: "smaller than the strides or the dilation",
                    found: Dims::from(&extra[..]).to_string().into(),
                });
            }
            let size = || {
                let reached = places[axis].checked_sub(1)?.checked_mul(strides[axis])?;
                let size = reached.checked_add(extent(kernel[axis], dilation[axis])?)?;
                size.checked_add(extra[axis])
            };
            let size = size().and_then(|size| size.checked_sub(padding[axis].checked_mul(2)?));
            pixels.push(size.filter(|size| *size > 0).ok_or_else(|| {
                Error::Window(Box::new(WindowError {
                    op: self.op,
                    input: dims.into(),
                    axis: first + axis,
                    padding: padding[axis],
                    window: extent(kernel[axis], dilation[axis]).unwrap_or(usize::MAX),
                }))
            })?);
        }
        Ok(Windows {
            input: three(&pixels, 1),
            output: three(places, 1),
            kernel: three(&kernel, 1),
            stride: three(&strides, 1),
            dilation: three(&dilation, 1),
            padding: three(&padding, 0),
        })
    }
}

/// The elements from the first tap of a window to the last.
fn extent(kernel: usize, dilation: usize) -> Option<usize> {
    (kernel - 1).checked_mul(dilation)?.checked_add(1)
}

/// An error about an input of which the channels were moved to the second axis, told of the input as
/// it is.
pub(super) fn of_channels_last(error: Error, x: &Dims) -> Error {
    match error {
        Error::Misfit { op, needs, .. } => Error::Misfit { op, input: x.into(), needs },
        Error::Window(mut error) => {
            error.input = x.into();
            error.axis -= 1;
            Error::Window(error)
        }
        error => error,
    }
}

/// The sizes of a result that has `channels` instead of the channels of `dims`, and these spatial
/// sizes.
pub(super) fn with_spatial(
    dims: &Dims,
    channels: usize,
    spatial: &[usize; 3],
    channels_last: bool,
) -> Dims {
    let rank = dims.len() - 2;
    let mut out = vec![dims[0]];
    if !channels_last {
        out.push(channels);
    }
    out.extend(&spatial[3 - rank..]);
    if channels_last {
        out.push(channels);
    }
    out.into()
}
