//! Connectionist temporal classification: the sum over all alignments, in the logarithm.

use rayon::prelude::*;

use super::softmax::log_softmax;
use super::{Float, threads};

/// `log(eᵃ + eᵇ)`.
#[inline(always)]
fn log_add<T: Float>(a: T, b: T) -> T {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    // Where the higher is -∞ the lower is too, or a NaN.
    if high == T::MIN { low } else { high + (low - high).exp().ln_1p() }
}

/// One sample: its frames of scores, `classes` each, of which the first `frames` count, and its
/// labels. The blank is the last class.
pub(crate) struct Sample<'a, T> {
    pub(crate) scores: &'a [T],
    pub(crate) frames: usize,
    pub(crate) classes: usize,
    pub(crate) labels: &'a [u32],
}

impl<T: Float> Sample<'_, T> {
    /// The labels with a blank before, between and after.
    fn symbol(&self, s: usize) -> usize {
        if s.is_multiple_of(2) { self.classes - 1 } else { self.labels[s / 2] as usize }
    }

    /// Whether an alignment may go from state `s - 2` to `s`, leaving out the blank between.
    fn skips(&self, s: usize) -> bool {
        s % 2 == 1 && s >= 3 && self.labels[s / 2] != self.labels[s / 2 - 1]
    }

    /// The negative logarithm of the probability of the labels, and its gradient by the scores;
    /// infinite, with a gradient of 0, if the frames are too few for the labels.
    fn run(&self, grad: Option<&mut [T]>) -> T {
        let (frames, classes, states) = (self.frames, self.classes, 2 * self.labels.len() + 1);
        let mut log = vec![T::ZERO; frames * classes];
        log_softmax(&mut log, &self.scores[..frames * classes], classes);
        let at = |t: usize, s: usize| log[t * classes + self.symbol(s)];
        let mut alpha = vec![T::MIN; frames * states];
        for t in 0..frames {
            let (before, now) = alpha.split_at_mut(t * states);
            let before = before.rchunks(states).next();
            for s in 0..states {
                let reached = match before {
                    None if s < 2 => T::ZERO,
                    None => T::MIN,
                    Some(before) => {
                        let mut sum = before[s];
                        if s >= 1 {
                            sum = log_add(sum, before[s - 1]);
                        }
                        if self.skips(s) {
                            sum = log_add(sum, before[s - 2]);
                        }
                        sum
                    }
                };
                now[s] = reached + at(t, s);
            }
        }
        let log_likelihood = match alpha.rchunks(states).next() {
            None if states == 1 => T::ZERO,
            None => T::MIN,
            Some([.., a, b]) => log_add(*a, *b),
            Some(last) => last[0],
        };
        if let Some(grad) = grad {
            self.gradient(grad, &log, &alpha, log_likelihood);
        }
        -log_likelihood
    }

    /// `softmax - posterior` for each frame, by the sums over what may still come.
    fn gradient(&self, grad: &mut [T], log: &[T], alpha: &[T], log_likelihood: T) {
        let (frames, classes, states) = (self.frames, self.classes, 2 * self.labels.len() + 1);
        grad.fill(T::ZERO);
        if log_likelihood == T::MIN {
            return;
        }
        let mut beta = vec![T::MIN; states];
        let mut next = vec![T::MIN; states];
        for t in (0..frames).rev() {
            for s in 0..states {
                beta[s] = if t + 1 == frames {
                    if s + 2 >= states { T::ZERO } else { T::MIN }
                } else {
                    let mut sum = next[s];
                    if s + 1 < states {
                        sum = log_add(sum, next[s + 1]);
                    }
                    if s + 2 < states && self.skips(s + 2) {
                        sum = log_add(sum, next[s + 2]);
                    }
                    sum
                };
            }
            let row = t * classes..(t + 1) * classes;
            let (grad, log) = (&mut grad[row.clone()], &log[row]);
            for (grad, log) in grad.iter_mut().zip(log) {
                *grad = log.exp();
            }
            for s in 0..states {
                let symbol = self.symbol(s);
                let posterior = (alpha[t * states + s] + beta[s] - log_likelihood).exp();
                grad[symbol] = grad[symbol] - posterior;
                next[s] = beta[s] + log[symbol];
            }
        }
    }
}

/// What computes the loss of sample `i`, and its gradient if that is wanted.
type Each<'a, T> = dyn Fn(usize, &mut T, Option<&mut [T]>) + Sync + 'a;

/// The loss of each sample and, if `grads` is there, its gradient by the scores.
pub(crate) fn ctc<'a, T: Float>(
    losses: &mut [T],
    grads: Option<&mut [T]>,
    sample: impl Fn(usize) -> Sample<'a, T> + Sync,
) {
    each(losses, grads, &|i, loss, grad| *loss = sample(i).run(grad));
}

/// Samples are apart, so the threads change no bit.
fn each<T: Float>(losses: &mut [T], grads: Option<&mut [T]>, run: &Each<T>) {
    let n = losses.len();
    let parallel = threads() > 1 && n > 1;
    match grads {
        Some(grads) if !grads.is_empty() => {
            let size = grads.len() / n;
            let all = losses.par_iter_mut().zip(grads.par_chunks_mut(size)).enumerate();
            if parallel {
                return all.for_each(|(i, (loss, grad))| run(i, loss, Some(grad)));
            }
            let all = losses.iter_mut().zip(grads.chunks_mut(size)).enumerate();
            all.for_each(|(i, (loss, grad))| run(i, loss, Some(grad)));
        }
        _ if parallel => {
            losses.par_iter_mut().enumerate().for_each(|(i, loss)| run(i, loss, None));
        }
        _ => losses.iter_mut().enumerate().for_each(|(i, loss)| run(i, loss, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum over every alignment of the frames, each written out.
    fn slow(scores: &[f64], classes: usize, labels: &[u32]) -> f64 {
        let frames = scores.len() / classes;
        let blank = classes - 1;
        let mut total = 0.0;
        for code in 0..classes.pow(frames as u32) {
            let path: Vec<usize> =
                (0..frames).map(|t| code / classes.pow(t as u32) % classes).collect();
            let mut read: Vec<usize> = path.clone();
            read.dedup();
            read.retain(|symbol| *symbol != blank);
            if read.iter().map(|s| *s as u32).eq(labels.iter().copied()) {
                let of = |t: usize| {
                    let row = &scores[t * classes..(t + 1) * classes];
                    let sum: f64 = row.iter().map(|x| x.exp()).sum();
                    row[path[t]].exp() / sum
                };
                total += (0..frames).map(of).product::<f64>();
            }
        }
        -total.ln()
    }

    #[test]
    fn the_loss_is_the_sum_over_every_alignment() {
        let scores: Vec<f64> = (0..15).map(|i| (f64::from(i) * 1.7).sin()).collect();
        for labels in [&[0, 1][..], &[1, 1], &[0], &[], &[0, 1, 0]] {
            let sample = Sample { scores: &scores, frames: 5, classes: 3, labels };
            let (found, expected) = (sample.run(None), slow(&scores, 3, labels));
            assert!((found - expected).abs() < 1e-12, "{labels:?}: {expected}, found {found}");
        }
    }

    #[test]
    fn labels_longer_than_the_frames_are_impossible_and_have_no_gradient() {
        let sample = Sample { scores: &[0.5; 6], frames: 2, classes: 3, labels: &[1, 1] };
        let mut grad = [9.0; 6];
        assert_eq!(sample.run(Some(&mut grad)), f64::INFINITY);
        assert_eq!(grad, [0.0; 6]);
        let none = Sample { scores: &[0.5; 6], frames: 0, classes: 3, labels: &[] };
        assert_eq!(none.run(None), 0.0);
    }
}
