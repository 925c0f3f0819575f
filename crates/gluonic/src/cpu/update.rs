//! Updates of parameters, in place and in one pass.

use rayon::prelude::*;

use super::elementwise::PIECE;
use super::{Float, kernel, threads};

/// The numbers of one SGD step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sgd<T> {
    pub(crate) lr: T,
    pub(crate) wd: T,
    pub(crate) momentum: T,
    pub(crate) rescale: T,
    /// Gradients are clipped to `[-clip, clip]` when it is finite.
    pub(crate) clip: T,
}

#[inline(always)]
fn clipped<T: Float>(g: T, clip: T) -> T {
    if g > clip {
        clip
    } else if g < -clip {
        -clip
    } else {
        g
    }
}

kernel! {
    fn momentum_piece[T: Float](sgd: Sgd<T>, w: &mut [T], g: &[T], v: &mut [T]) {
        let Sgd { lr, wd, momentum, rescale, clip } = sgd;
        let decay = lr * wd;
        for ((w, g), v) in w.iter_mut().zip(g).zip(v) {
            *v = momentum * *v - decay * *w - lr * clipped(rescale * *g, clip);
            *w += *v;
        }
    }

    fn plain_piece[T: Float](sgd: Sgd<T>, w: &mut [T], g: &[T]) {
        let Sgd { lr, wd, rescale, clip, .. } = sgd;
        let keep = T::ONE - lr * wd;
        for (w, g) in w.iter_mut().zip(g) {
            *w = keep * *w - lr * clipped(rescale * *g, clip);
        }
    }
}

/// `v = momentum·v - lr·wd·w - lr·clip(rescale·g); w += v`.
pub(crate) fn sgd_momentum<T: Float>(sgd: Sgd<T>, w: &mut [T], g: &[T], v: &mut [T]) {
    if w.len() < 2 * PIECE || threads() == 1 {
        return momentum_piece(sgd, w, g, v);
    }
    let chunks = w.par_chunks_mut(PIECE).zip(g.par_chunks(PIECE)).zip(v.par_chunks_mut(PIECE));
    chunks.for_each(|((w, g), v)| momentum_piece(sgd, w, g, v));
}

/// `w = (1 - lr·wd)·w - lr·clip(rescale·g)`.
pub(crate) fn sgd<T: Float>(sgd: Sgd<T>, w: &mut [T], g: &[T]) {
    if w.len() < 2 * PIECE || threads() == 1 {
        return plain_piece(sgd, w, g);
    }
    w.par_chunks_mut(PIECE).zip(g.par_chunks(PIECE)).for_each(|(w, g)| plain_piece(sgd, w, g));
}
