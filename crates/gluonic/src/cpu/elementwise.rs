//! Kernels that treat each element alike.

use rayon::prelude::*;

use super::{Float, kernel, threads};

/// Elements per parallel piece; below two pieces one thread does it all.
pub(crate) const PIECE: usize = 1 << 16;

kernel! {
    fn map_piece[T: Float, F: Fn(T) -> T](out: &mut [T], x: &[T], f: F) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = f(*x);
        }
    }

    fn zip_piece[T: Float, F: Fn(T, T) -> T](out: &mut [T], add: bool, x: &[T], y: &[T], f: F) {
        let items = out.iter_mut().zip(x).zip(y);
        if add {
            for ((out, x), y) in items {
                *out += f(*x, *y);
            }
        } else {
            for ((out, x), y) in items {
                *out = f(*x, *y);
            }
        }
    }

    /// `out = f(x, y, z)`, or `out += f(x, y, z)` when `add`.
    pub(crate) fn zip3[T: Float, F: Fn(T, T, T) -> T](
        out: &mut [T],
        add: bool,
        x: &[T],
        y: &[T],
        z: &[T],
        f: F,
    ) {
        let items = out.iter_mut().zip(x).zip(y).zip(z);
        if add {
            for (((out, x), y), z) in items {
                *out += f(*x, *y, *z);
            }
        } else {
            for (((out, x), y), z) in items {
                *out = f(*x, *y, *z);
            }
        }
    }

    /// `out += x`.
    pub(crate) fn add_into[T: Float](out: &mut [T], x: &[T]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out += *x;
        }
    }

    /// `out = f(x, y)` over two strided operands: `rows` gives, for each run of `n` results, the
    /// starts of its operands; the strides along a run are the same for all.
    pub(crate) fn zip_strided[T: Float, F: Fn(T, T) -> T](
        out: &mut [T],
        n: usize,
        x: (&[T], isize),
        y: (&[T], isize),
        rows: &[(isize, isize)],
        f: F,
    ) {
        let ((x, x_stride), (y, y_stride)) = (x, y);
        for (out, &(x0, y0)) in out.chunks_exact_mut(n.max(1)).zip(rows) {
            match (x_stride, y_stride) {
                (1, 1) => {
                    let (x, y) = (&x[x0 as usize..][..n], &y[y0 as usize..][..n]);
                    for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
                        *out = f(*x, *y);
                    }
                }
                (1, 0) => {
                    let (x, y) = (&x[x0 as usize..][..n], y[y0 as usize]);
                    for (out, x) in out.iter_mut().zip(x) {
                        *out = f(*x, y);
                    }
                }
                (0, 1) => {
                    let (x, y) = (x[x0 as usize], &y[y0 as usize..][..n]);
                    for (out, y) in out.iter_mut().zip(y) {
                        *out = f(x, *y);
                    }
                }
                _ => {
                    for (i, out) in out.iter_mut().enumerate() {
                        let i = i as isize;
                        let x = x[(x0 + i * x_stride) as usize];
                        *out = f(x, y[(y0 + i * y_stride) as usize]);
                    }
                }
            }
        }
    }
}

/// `out = f(x)`.
pub(crate) fn map<T: Float>(out: &mut [T], x: &[T], f: impl Fn(T) -> T + Copy + Sync) {
    in_pieces(out, x, x, &|out, x, _| map_piece(out, x, f));
}

/// `out = f(x, y)`, or `out += f(x, y)` when `add`.
pub(crate) fn zip<T: Float>(
    out: &mut [T],
    add: bool,
    x: &[T],
    y: &[T],
    f: impl Fn(T, T) -> T + Copy + Sync,
) {
    in_pieces(out, x, y, &|out, x, y| zip_piece(out, add, x, y, f));
}

/// A kernel on one piece of an output and of two inputs.
type Piece<'a, T> = dyn Fn(&mut [T], &[T], &[T]) + Sync + 'a;

/// Runs a kernel on pieces of its slices, which have one length, in parallel if they are long. The
/// kernel is behind a reference so that the machinery is compiled once and not for each kernel.
fn in_pieces<T: Float>(out: &mut [T], x: &[T], y: &[T], kernel: &Piece<T>) {
    if out.len() < 2 * PIECE || threads() == 1 {
        return kernel(out, x, y);
    }
    let pieces = out.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).zip(y.par_chunks(PIECE));
    pieces.for_each(|((out, x), y)| kernel(out, x, y));
}
