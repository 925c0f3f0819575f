//! Formulas that follow the regularized or the moving leader.

use super::super::{Float, kernel};
use super::{Reading, sign};

kernel! {
    /// `z += g - (√(n + g²) - √n)·w/lr; n += g²;
    /// w = (|z| > λ1)·(sign(z)·λ1 - z)/((β + √n)/lr + wd)`.
    pub(crate) fn ftrl[T: Float](
        read: Reading<T>, lr: T, wd: T, lamda1: T, beta: T,
        w: &mut [T], g: &[T], z: &mut [T], n: &mut [T],
    ) {
        for (((w, g), z), n) in w.iter_mut().zip(g).zip(z).zip(n) {
            let g = read.of(*g);
            let grown = *n + g * g;
            *z = *z + g - (grown.sqrt() - n.sqrt()) * *w / lr;
            *n = grown;
            let moved = (sign(*z) * lamda1 - *z) / ((beta + grown.sqrt()) / lr + wd);
            // A NaN must not become 0.
            *w = if z.abs() <= lamda1 { T::ZERO } else { moved };
        }
    }

    /// `v = β2·v + (1 - β2)·g²; d' = scale·(√(v·correction) + ε);
    /// z = β1·z + (1 - β1)·g - (d' - β1·d)·w; d = d'; w = -z/d`.
    pub(crate) fn ftml[T: Float](
        read: Reading<T>, wd: T, betas: (T, T), epsilon: T, scale: T, correction: T,
        w: &mut [T], g: &[T], d: &mut [T], v: &mut [T], z: &mut [T],
    ) {
        let (beta1, beta2) = betas;
        for ((((w, g), d), v), z) in w.iter_mut().zip(g).zip(d).zip(v).zip(z) {
            let g = read.decayed(*g, wd * *w);
            *v = beta2 * *v + (T::ONE - beta2) * (g * g);
            let next = scale * ((*v * correction).sqrt() + epsilon);
            *z = beta1 * *z + (T::ONE - beta1) * g - (next - beta1 * *d) * *w;
            *d = next;
            *w = -*z / next;
        }
    }
}
