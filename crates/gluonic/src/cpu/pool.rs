//! The largest element, or the mean, under windows that move over an `(outer, pixels, inner)`
//! array: `inner` is 1 with channels first, and the number of channels with channels last.

use super::window::Windows;
use super::{Float, in_chunks, in_two_chunks, kernel};

/// Takes over what is larger, from a line of the input into a line of the output. The first of
/// equal elements stays; a NaN is larger than everything.
#[inline(always)]
fn take_larger<'a, T: Float>(
    best: &mut [T],
    index: &mut [u32],
    x: impl Iterator<Item = &'a T>,
    (first, step): (usize, usize),
) {
    let (mut at, step) = (first as u32, step as u32);
    for ((best, index), x) in best.iter_mut().zip(index).zip(x) {
        let larger = *x > *best || (x.is_nan() && !best.is_nan());
        *best = if larger { *x } else { *best };
        *index = if larger { at } else { *index };
        at = at.wrapping_add(step);
    }
}

kernel! {
    fn max_of_windows[T: Float](
        windows: &Windows,
        inner: usize,
        y: &mut [T],
        index: &mut [u32],
        x: &[T],
    ) {
        let ([_, height, width], [_, height_in, width_in]) = (windows.output, windows.input);
        let (stride, padding) = (windows.stride[2], windows.padding[2]);
        let lines = y.chunks_exact_mut(width * inner).zip(index.chunks_exact_mut(width * inner));
        for (line, (y, index)) in lines.enumerate() {
            let (z0, z1) = windows.span(0, line / height);
            let (y0, y1) = windows.span(1, line % height);
            let first = (z0 * height_in + y0) * width_in;
            let places = y.chunks_exact_mut(inner).zip(index.chunks_exact_mut(inner));
            for (place, (y, index)) in places.enumerate() {
                let at = first + windows.span(2, place).0;
                y.copy_from_slice(&x[at * inner..][..inner]);
                index.fill(at as u32);
            }
            for z in z0..z1 {
                for iy in y0..y1 {
                    let start = (z * height_in + iy) * width_in;
                    for k in 0..windows.kernel[2] {
                        let (from, to) = windows.inside(k);
                        if from == to {
                            continue;
                        }
                        let at = start + from * stride + k - padding;
                        if inner == 1 {
                            let x = x[at..].iter().step_by(stride);
                            take_larger(&mut y[from..to], &mut index[from..to], x, (at, stride));
                            continue;
                        }
                        for place in from..to {
                            let at = at + (place - from) * stride;
                            let x = x[at * inner..][..inner].iter();
                            let (y, index) = (&mut y[place * inner..], &mut index[place * inner..]);
                            take_larger(&mut y[..inner], &mut index[..inner], x, (at, 0));
                        }
                    }
                }
            }
        }
    }

    fn add_to_largest[T: Float](inner: usize, x: &mut [T], y: &[T], index: &[u32]) {
        for (y, index) in y.chunks_exact(inner).zip(index.chunks_exact(inner)) {
            for (channel, (y, index)) in y.iter().zip(index).enumerate() {
                x[*index as usize * inner + channel] += *y;
            }
        }
    }

    fn mean_of_windows[T: Float](
        windows: &Windows,
        inner: usize,
        count_padding: bool,
        y: &mut [T],
        x: &[T],
    ) {
        y.fill(T::ZERO);
        for_each_pair(windows, |place, pixel| {
            let x = &x[pixel * inner..][..inner];
            for (y, x) in y[place * inner..][..inner].iter_mut().zip(x) {
                *y += *x;
            }
        });
        for (place, y) in y.chunks_exact_mut(inner).enumerate() {
            let n = T::of(count(windows, count_padding, place) as f64);
            for y in y {
                *y = *y / n;
            }
        }
    }

    fn spread_mean[T: Float](
        windows: &Windows,
        inner: usize,
        count_padding: bool,
        x: &mut [T],
        y: &[T],
    ) {
        for_each_pair(windows, |place, pixel| {
            let n = T::of(count(windows, count_padding, place) as f64);
            let y = &y[place * inner..][..inner];
            for (x, y) in x[pixel * inner..][..inner].iter_mut().zip(y) {
                *x += *y / n;
            }
        });
    }
}

/// Calls `f` with every place of the window and every pixel under it, in order.
#[inline(always)]
fn for_each_pair(windows: &Windows, mut f: impl FnMut(usize, usize)) {
    let ([depth, height, width], [_, height_in, width_in]) = (windows.output, windows.input);
    for place in 0..depth * height * width {
        let (z0, z1) = windows.span(0, place / width / height);
        let (y0, y1) = windows.span(1, place / width % height);
        let (x0, x1) = windows.span(2, place % width);
        for z in z0..z1 {
            for y in y0..y1 {
                let line = (z * height_in + y) * width_in;
                for x in x0..x1 {
                    f(place, line + x);
                }
            }
        }
    }
}

/// The number of elements that a mean is over. With the padding counted a window still ends where
/// the padding does.
#[inline(always)]
fn count(windows: &Windows, count_padding: bool, place: usize) -> usize {
    let [_, height, width] = windows.output;
    let place = [place / width / height, place / width % height, place % width];
    (0..3)
        .map(|axis| {
            if count_padding {
                let start = place[axis] * windows.stride[axis];
                let end = windows.input[axis] + 2 * windows.padding[axis];
                windows.kernel[axis].min(end - start)
            } else {
                let (start, end) = windows.span(axis, place[axis]);
                end - start
            }
        })
        .product()
}

/// The largest element under each window, and at which pixel it is.
pub(crate) fn max<T: Float>(
    windows: &Windows,
    inner: usize,
    y: &mut [T],
    index: &mut [u32],
    x: &[T],
) {
    let (places, pixels) = (windows.places() * inner, windows.pixels() * inner);
    let work = y.len() * windows.taps();
    in_two_chunks((y, places), (index, places), work, &|i, y, index| {
        max_of_windows(windows, inner, y, index, &x[i * pixels..][..pixels]);
    });
}

/// The gradient of [`max`]: that of each window goes to its largest element.
pub(crate) fn max_grad<T: Float>(
    windows: &Windows,
    inner: usize,
    x: &mut [T],
    add: bool,
    y: &[T],
    index: &[u32],
) {
    let (places, pixels) = (windows.places() * inner, windows.pixels() * inner);
    let work = x.len() + y.len();
    in_chunks(x, pixels, work, &|i, x| {
        if !add {
            x.fill(T::ZERO);
        }
        if inner > 0 {
            let (y, index) = (&y[i * places..][..places], &index[i * places..][..places]);
            add_to_largest(inner, x, y, index);
        }
    });
}

/// The mean under each window.
pub(crate) fn mean<T: Float>(
    windows: &Windows,
    inner: usize,
    count_padding: bool,
    y: &mut [T],
    x: &[T],
) {
    let (places, pixels) = (windows.places() * inner, windows.pixels() * inner);
    let work = y.len() * windows.taps();
    in_chunks(y, places, work, &|i, y| {
        mean_of_windows(windows, inner, count_padding, y, &x[i * pixels..][..pixels]);
    });
}

/// The gradient of [`mean`].
pub(crate) fn mean_grad<T: Float>(
    windows: &Windows,
    inner: usize,
    count_padding: bool,
    x: &mut [T],
    add: bool,
    y: &[T],
) {
    let (places, pixels) = (windows.places() * inner, windows.pixels() * inner);
    let work = y.len() * windows.taps();
    in_chunks(x, pixels, work, &|i, x| {
        if !add {
            x.fill(T::ZERO);
        }
        spread_mean(windows, inner, count_padding, x, &y[i * places..][..places]);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Windows = Windows {
        input: [1, 1, 4],
        output: [1, 1, 2],
        kernel: [1, 1, 2],
        stride: [1, 1, 2],
        dilation: [1; 3],
        padding: [0; 3],
    };

    #[test]
    fn the_first_of_equal_elements_and_a_nan_win() {
        let (mut y, mut index) = ([0.0; 2], [0; 2]);
        max(&LINE, 1, &mut y, &mut index, &[2.0_f32, 2.0, 1.0, f32::NAN]);
        assert!(y[0] == 2.0 && y[1].is_nan() && index == [0, 3], "{y:?} {index:?}");
        max(&LINE, 1, &mut y, &mut index, &[f32::NEG_INFINITY; 4]);
        assert_eq!((y, index), ([f32::NEG_INFINITY; 2], [0, 2]));
    }

    #[test]
    fn a_window_that_reaches_beyond_the_padding_counts_what_is_there() {
        let windows = Windows { output: [1, 1, 3], padding: [0, 0, 1], kernel: [1, 1, 3], ..LINE };
        let mut y = [0.0; 3];
        mean(&windows, 1, true, &mut y, &[3.0_f64; 4]);
        assert_eq!(y, [2.0, 3.0, 1.5]);
        mean(&windows, 1, false, &mut y, &[3.0_f64; 4]);
        assert_eq!(y, [3.0; 3]);
    }
}
