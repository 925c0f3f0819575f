//! Convolutions: the columns under the windows, a tile at a time, times the weight.
//!
//! Channels come first. A transposed convolution is the gradient of a convolution with respect to its input, so
//! the three kernels here are all there is.
//!
//! # Source
//! Chellapilla, Puri and Simard (2006), "High performance convolutional neural networks for
//! document processing", §3: unfolding to a matrix product.

use super::gemm::{Matrix, product_into};
use super::window::Windows;
use super::{Float, in_chunks, kernel, reduce};

/// The size of a tile of columns: it stays in the second-level cache, between being written and
/// being read by the product.
const TILE_BYTES: usize = 1 << 18;
/// A narrower tile would leave the product's own blocks half empty.
const TILE_MIN: usize = 64;
/// With fewer pieces than this, the products inside them are split among threads as well.
const FEW_PIECES: usize = 8;
/// The most partial sums of a weight's gradient, and the most elements in all of them.
const PARTS: usize = 8;
const PARTS_ELEMENTS: usize = 1 << 22;

/// Lends `n` elements of scratch memory, with arbitrary values.
pub(crate) type Scratch<'a, T> = dyn Fn(usize, &mut dyn FnMut(&mut [T])) + Sync + 'a;

/// The sizes of a convolution.
#[derive(Clone, Debug)]
pub(crate) struct Sizes {
    /// The number of samples.
    pub(crate) n: usize,
    pub(crate) groups: usize,
    /// The channels of one group.
    pub(crate) c_in: usize,
    pub(crate) c_out: usize,
    pub(crate) windows: Windows,
}

impl Sizes {
    /// Elements of one channel of the input.
    fn pixels(&self) -> usize {
        self.windows.pixels()
    }

    /// Elements of one channel of the output: places of the window.
    fn places(&self) -> usize {
        self.windows.places()
    }

    /// The number of weights of one output channel.
    fn rows(&self) -> usize {
        self.c_in * self.windows.taps()
    }

    fn weights(&self) -> usize {
        self.groups * self.c_out * self.rows()
    }

    fn flop(&self) -> usize {
        2 * self.n * self.weights() * self.places()
    }

    /// Whether the columns are the input itself.
    fn is_plain(&self) -> bool {
        self.windows.taps() == 1 && self.windows.stride == [1; 3] && self.windows.padding == [0; 3]
    }

    /// Whether each output channel sees one input channel, of which there are many: products would
    /// be of vectors.
    fn is_depthwise(&self) -> bool {
        self.c_in == 1 && self.c_out <= 4 && self.groups > 1
    }

    fn tile<T>(&self) -> usize {
        let fitting = TILE_BYTES / (self.rows() * size_of::<T>()).max(1);
        fitting.next_multiple_of(16).max(TILE_MIN).min(self.places())
    }

    fn tiles<T>(&self) -> impl Iterator<Item = (usize, usize)> + use<T> {
        let (size, places) = (self.tile::<T>(), self.places());
        (0..places).step_by(size.max(1)).map(move |start| (start, size.min(places - start)))
    }

    /// The number of partial sums of the weight's gradient, for which the caller has memory.
    pub(crate) fn parts(&self) -> usize {
        self.n.min(PARTS).min(PARTS_ELEMENTS / self.weights().max(1)).max(1)
    }

    /// Cuts the columns of the places from `start` on, `n` of them, into runs along the last axis:
    /// row of the columns, first place counted from `start`, length, and where the run starts in
    /// the input, if it is not in the padding. In the input its stride is that of the last axis.
    #[inline(always)]
    fn for_each_run(
        &self,
        (start, n): (usize, usize),
        mut f: impl FnMut(usize, usize, usize, Option<usize>),
    ) {
        let windows = self.windows;
        let [_, height, width] = windows.output;
        let [_, kernel_height, kernel_width] = windows.kernel;
        let [depth_in, height_in, width_in] = windows.input;
        let (stride, dilation) = (windows.stride[2], windows.dilation[2]);
        // Divisions once, not for each run: runs are short where images are small.
        let (line0, x0) = (start / width.max(1), start % width.max(1));
        let (z0, y0) = (line0 / height.max(1), line0 % height.max(1));
        let (mut channel, mut kz, mut ky, mut kx) = (0, 0, 0, 0);
        for row in 0..self.rows() {
            let (first, end) = windows.inside(kx);
            let (mut z, mut y, mut x, mut at) = (z0, y0, x0, 0);
            while at < n {
                let next = width.min(x + n - at);
                match windows.at(0, z, kz).zip(windows.at(1, y, ky)) {
                    Some((iz, iy)) => {
                        let from = first.clamp(x, next);
                        let to = end.clamp(from, next);
                        if from > x {
                            f(row, at, from - x, None);
                        }
                        if to > from {
                            let line = (channel * depth_in + iz) * height_in + iy;
                            let ix = from * stride + kx * dilation - windows.padding[2];
                            f(row, at + from - x, to - from, Some(line * width_in + ix));
                        }
                        if next > to {
                            f(row, at + to - x, next - to, None);
                        }
                    }
                    None => f(row, at, next - x, None),
                }
                at += next - x;
                (x, y) = (0, y + 1);
                if y == height {
                    (y, z) = (0, z + 1);
                }
            }
            kx += 1;
            if kx == kernel_width {
                (kx, ky) = (0, ky + 1);
            }
            if ky == kernel_height {
                (ky, kz) = (0, kz + 1);
            }
            if kz == windows.kernel[0] {
                (kz, channel) = (0, channel + 1);
            }
        }
    }
}

kernel! {
    /// The columns of some places: `rows` by `tile.1`.
    fn unfold[T: Float](sizes: &Sizes, tile: (usize, usize), columns: &mut [T], x: &[T]) {
        let stride = sizes.windows.stride[2];
        sizes.for_each_run(tile, |row, at, n, source| {
            let columns = &mut columns[row * tile.1 + at..][..n];
            match source {
                None => columns.fill(T::ZERO),
                Some(source) if stride == 1 => {
                    for (column, x) in columns.iter_mut().zip(&x[source..][..n]) {
                        *column = *x;
                    }
                }
                Some(source) => {
                    for (column, x) in columns.iter_mut().zip(x[source..].iter().step_by(stride)) {
                        *column = *x;
                    }
                }
            }
        });
    }

    /// Adds the columns of some places back to where they come from.
    fn fold[T: Float](sizes: &Sizes, tile: (usize, usize), columns: &[T], x: &mut [T]) {
        let stride = sizes.windows.stride[2];
        sizes.for_each_run(tile, |row, at, n, source| {
            let columns = &columns[row * tile.1 + at..][..n];
            match source {
                None => {}
                Some(source) if stride == 1 => {
                    for (x, column) in x[source..][..n].iter_mut().zip(columns) {
                        *x += *column;
                    }
                }
                Some(source) => {
                    for (x, column) in x[source..].iter_mut().step_by(stride).zip(columns) {
                        *x += *column;
                    }
                }
            }
        });
    }

    /// One output channel of a depthwise convolution, added to `y`.
    fn slide[T: Float](sizes: &Sizes, y: &mut [T], x: &[T], weight: &[T]) {
        let stride = sizes.windows.stride[2];
        sizes.for_each_run((0, y.len()), |tap, at, n, source| {
            let (y, w) = (&mut y[at..][..n], weight[tap]);
            match source {
                None => {}
                Some(source) if stride == 1 => {
                    for (y, x) in y.iter_mut().zip(&x[source..][..n]) {
                        *y += w * *x;
                    }
                }
                Some(source) => {
                    for (y, x) in y.iter_mut().zip(x[source..].iter().step_by(stride)) {
                        *y += w * *x;
                    }
                }
            }
        });
    }

    /// The gradient of a depthwise convolution's input channel, added to `x`.
    fn slide_back[T: Float](sizes: &Sizes, y: &[T], x: &mut [T], weight: &[T]) {
        let stride = sizes.windows.stride[2];
        sizes.for_each_run((0, y.len()), |tap, at, n, source| {
            let (y, w) = (&y[at..][..n], weight[tap]);
            match source {
                None => {}
                Some(source) if stride == 1 => {
                    for (x, y) in x[source..][..n].iter_mut().zip(y) {
                        *x += w * *y;
                    }
                }
                Some(source) => {
                    for (x, y) in x[source..].iter_mut().step_by(stride).zip(y) {
                        *x += w * *y;
                    }
                }
            }
        });
    }

    /// The gradient of a depthwise convolution's weight for one output channel, added to `weight`.
    fn correlate[T: Float](sizes: &Sizes, y: &[T], x: &[T], weight: &mut [T]) {
        let stride = sizes.windows.stride[2];
        sizes.for_each_run((0, y.len()), |tap, at, n, source| {
            let Some(source) = source else { return };
            let mut sum = T::ZERO;
            for (y, x) in y[at..][..n].iter().zip(x[source..].iter().step_by(stride)) {
                sum += *y * *x;
            }
            weight[tap] += sum;
        });
    }
}

/// `y = w ∗ x`, or `y += w ∗ x` when `add`; then `finish` sees each group of each sample once.
pub(crate) fn forward<T: Float>(
    sizes: &Sizes,
    y: &mut [T],
    add: bool,
    x: &[T],
    weight: &[T],
    scratch: &Scratch<'_, T>,
    finish: &(dyn Fn(&mut [T]) + Sync),
) {
    let (places, pixels, rows) = (sizes.places(), sizes.pixels(), sizes.rows());
    let (size, input) = (sizes.c_out * places, sizes.c_in * pixels);
    let may_split = sizes.n * sizes.groups < FEW_PIECES;
    in_chunks(y, size, sizes.flop(), &|i, y| {
        let x = &x[i * input..][..input];
        let weight = &weight[i % sizes.groups * sizes.c_out * rows..][..sizes.c_out * rows];
        if sizes.is_depthwise() {
            if !add {
                y.fill(T::ZERO);
            }
            for (y, weight) in y.chunks_exact_mut(places).zip(weight.chunks_exact(rows)) {
                slide(sizes, y, x, weight);
            }
            return finish(y);
        }
        let weight = Matrix::rows(weight, rows);
        if sizes.is_plain() {
            let (shape, x) = ((sizes.c_out, places, rows), Matrix::rows(x, places));
            product_into(shape, (y, places), add, weight, x, may_split);
            return finish(y);
        }
        scratch(rows * sizes.tile::<T>(), &mut |columns| {
            for tile in sizes.tiles::<T>() {
                unfold(sizes, tile, columns, x);
                let (start, n) = tile;
                let columns = Matrix::rows(&*columns, n);
                let shape = (sizes.c_out, n, rows);
                product_into(shape, (&mut y[start..], places), add, weight, columns, may_split);
            }
        });
        finish(y);
    });
}

/// The gradient of the input: `x = wᵀ ∗ y`, or `x += wᵀ ∗ y` when `add`; then `finish` sees each
/// group of each sample once.
pub(crate) fn backward_input<T: Float>(
    sizes: &Sizes,
    x: &mut [T],
    add: bool,
    y: &[T],
    weight: &[T],
    scratch: &Scratch<'_, T>,
    finish: &(dyn Fn(&mut [T]) + Sync),
) {
    let (places, pixels, rows) = (sizes.places(), sizes.pixels(), sizes.rows());
    let (size, output) = (sizes.c_in * pixels, sizes.c_out * places);
    let may_split = sizes.n * sizes.groups < FEW_PIECES;
    in_chunks(x, size, sizes.flop(), &|i, x| {
        let y = &y[i * output..][..output];
        let weight = &weight[i % sizes.groups * sizes.c_out * rows..][..sizes.c_out * rows];
        if sizes.is_plain() && !sizes.is_depthwise() {
            let (shape, y) = ((rows, places, sizes.c_out), Matrix::rows(y, places));
            let weight = Matrix::rows(weight, rows).transposed();
            product_into(shape, (x, places), add, weight, y, may_split);
            return finish(x);
        }
        if !add {
            x.fill(T::ZERO);
        }
        if sizes.is_depthwise() {
            for (y, weight) in y.chunks_exact(places.max(1)).zip(weight.chunks_exact(rows)) {
                slide_back(sizes, y, x, weight);
            }
            return finish(x);
        }
        let weight = Matrix::rows(weight, rows).transposed();
        scratch(rows * sizes.tile::<T>(), &mut |columns| {
            for tile in sizes.tiles::<T>() {
                let (start, n) = tile;
                let y = Matrix { data: y, start, row: places as isize, col: 1 };
                product_into((rows, n, sizes.c_out), (columns, n), false, weight, y, may_split);
                fold(sizes, tile, columns, x);
            }
        });
        finish(x);
    });
}

/// The gradient of the weight, or that added to it when `add`. `parts` has memory for
/// [`Sizes::parts`] of them: samples are summed in parts, and the parts in order, so that the
/// result does not depend on the number of threads.
pub(crate) fn backward_weight<T: Float>(
    sizes: &Sizes,
    out: &mut [T],
    add: bool,
    (y, x): (&[T], &[T]),
    parts: &mut [T],
    scratch: &Scratch<'_, T>,
) {
    let (n_parts, n_weights) = (sizes.parts(), sizes.weights());
    if !add {
        out.fill(T::ZERO);
    }
    if n_parts == 1 {
        return add_samples(sizes, 0..sizes.n, out, (y, x), scratch, true);
    }
    in_chunks(parts, n_weights, sizes.flop(), &|i, part| {
        part.fill(T::ZERO);
        let samples = i * sizes.n / n_parts..(i + 1) * sizes.n / n_parts;
        add_samples(sizes, samples, part, (y, x), scratch, n_parts < FEW_PIECES);
    });
    reduce::add_rows(out, parts, n_parts);
}

/// Adds the weight's gradient of some samples.
fn add_samples<T: Float>(
    sizes: &Sizes,
    samples: std::ops::Range<usize>,
    out: &mut [T],
    (y, x): (&[T], &[T]),
    scratch: &Scratch<'_, T>,
    may_split: bool,
) {
    let (places, pixels, rows) = (sizes.places(), sizes.pixels(), sizes.rows());
    let (input, output) = (sizes.c_in * pixels, sizes.c_out * places);
    let columns = if sizes.is_plain() || sizes.is_depthwise() { 0 } else { sizes.tile::<T>() };
    scratch(rows * columns, &mut |columns| {
        for i in samples.start * sizes.groups..samples.end * sizes.groups {
            let (x, y) = (&x[i * input..][..input], &y[i * output..][..output]);
            let out = &mut out[i % sizes.groups * sizes.c_out * rows..][..sizes.c_out * rows];
            if sizes.is_depthwise() {
                for (y, out) in y.chunks_exact(places.max(1)).zip(out.chunks_exact_mut(rows)) {
                    correlate(sizes, y, x, out);
                }
            } else if sizes.is_plain() {
                let (y, x) = (Matrix::rows(y, places), Matrix::rows(x, places).transposed());
                let shape = (sizes.c_out, rows, places);
                product_into(shape, (out, rows), true, y, x, may_split);
            } else {
                for tile in sizes.tiles::<T>() {
                    unfold(sizes, tile, columns, x);
                    let (start, n) = tile;
                    let y = Matrix { data: y, start, row: places as isize, col: 1 };
                    let columns = Matrix::rows(&*columns, n).transposed();
                    let shape = (sizes.c_out, rows, n);
                    product_into(shape, (out, rows), true, y, columns, may_split);
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_every_place_of_every_row_once_whatever_the_tile() {
        let sizes = Sizes {
            n: 1,
            groups: 1,
            c_in: 2,
            c_out: 1,
            windows: Windows {
                input: [2, 5, 4],
                output: [3, 4, 3],
                kernel: [2, 2, 3],
                stride: [1, 2, 2],
                dilation: [1, 3, 1],
                padding: [1, 2, 2],
            },
        };
        for size in [1, 3, 7, 36] {
            let mut seen = vec![0; sizes.rows() * sizes.places()];
            for start in (0..sizes.places()).step_by(size) {
                let n = size.min(sizes.places() - start);
                sizes.for_each_run((start, n), |row, at, len, source| {
                    for i in 0..len {
                        seen[row * sizes.places() + start + at + i] += 1;
                        let x = source.map(|source| source + i * sizes.windows.stride[2]);
                        assert!(x.is_none_or(|x| x < sizes.c_in * sizes.pixels()));
                    }
                });
            }
            assert!(seen.iter().all(|&count| count == 1), "tiles of {size}");
        }
    }
}
