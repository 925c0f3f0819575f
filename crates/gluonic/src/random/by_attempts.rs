//! Laws of waiting times and of counts, whose elements take as many words as they need.
//!
//! Element `i` reads the two 64-bit words of block `i` of the stream at attempt 0, then those at
//! attempt 1, and so on. A word `w` is the number `(⌊w / 2¹¹⌋ + ½) · 2⁻⁵³`, which lies in (0, 1).
//! Logarithms and exponentials are those of the crate `libm`, so every machine gives the same.

use rayon::prelude::*;

use super::inverse_normal::{LARGEST, SMALLEST, inverse_normal};
use super::philox::{Stream, join};

/// Elements that one task computes.
const CHUNK: usize = 1 << 12;

/// From this rate on, Poisson numbers are drawn by rejection.
const LARGE_RATE: f64 = 10.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Waiting {
    Exponential { scale: f64 },
    Gamma { shape: f64, scale: f64 },
    Poisson { rate: f64 },
    /// The Poisson law of a rate that is drawn from the gamma law.
    Mixed { shape: f64, scale: f64 },
}

/// The uniform numbers of one element.
pub(super) struct Attempts {
    stream: Stream,
    index: u64,
    attempt: u32,
    second: Option<u64>,
}

impl Attempts {
    /// Writes elements `start`, `start + 1`, … of a law to `out`.
    pub(super) fn fill<T: Send>(
        stream: Stream,
        start: u64,
        out: &mut [T],
        law: Waiting,
        to: impl Fn(f64) -> T + Sync,
    ) {
        out.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
            for (i, out) in out.iter_mut().enumerate() {
                let index = start.wrapping_add((chunk * CHUNK + i) as u64);
                let mut attempts = Attempts { stream, index, attempt: 0, second: None };
                *out = to(law.element(&mut attempts));
            }
        });
    }

    fn uniform(&mut self) -> f64 {
        let word = self.second.take().unwrap_or_else(|| {
            let [a, b, c, d] = self.stream.block(self.index, self.attempt).map(u64::from);
            self.attempt = self.attempt.wrapping_add(1);
            self.second = Some(join(c, d));
            join(a, b)
        });
        ((word >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
    }

    fn normal(&mut self) -> f64 {
        inverse_normal(self.uniform().clamp(SMALLEST, LARGEST))
    }

    /// Marsaglia and Tsang (2000), §2, and §6 for shapes below 1.
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let power = libm::exp(libm::log(self.uniform()) / shape);
            return self.gamma(shape + 1.0) * power;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let z = self.normal();
            let v = 1.0 + c * z;
            let u = self.uniform();
            if v <= 0.0 {
                continue;
            }
            let v = v * v * v;
            if libm::log(u) < 0.5 * z * z + d * (1.0 - v + libm::log(v)) {
                return d * v;
            }
        }
    }

    fn poisson(&mut self, rate: f64) -> f64 {
        if rate >= LARGE_RATE {
            return self.large_poisson(rate);
        }
        let limit = libm::exp(-rate);
        let (mut count, mut product) = (0.0, self.uniform());
        while product > limit {
            product *= self.uniform();
            count += 1.0;
        }
        count
    }

    /// Hörmann (1993), algorithm PTRS.
    fn large_poisson(&mut self, rate: f64) -> f64 {
        let (root, log_rate) = (rate.sqrt(), libm::log(rate));
        let b = 0.931 + 2.53 * root;
        let a = -0.059 + 0.024_83 * b;
        let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
        let v_r = 0.9277 - 3.6224 / (b - 2.0);
        loop {
            let u = self.uniform() - 0.5;
            let v = self.uniform();
            let us = 0.5 - u.abs();
            let k = ((2.0 * a / us + b) * u + rate + 0.43).floor();
            if us >= 0.07 && v <= v_r {
                return k;
            }
            if k < 0.0 || (us < 0.013 && v > us) {
                continue;
            }
            let left = libm::log(v * inverse_alpha / (a / (us * us) + b));
            if left <= k * log_rate - rate - libm::lgamma(k + 1.0) {
                return k;
            }
        }
    }
}

impl Waiting {
    fn element(self, attempts: &mut Attempts) -> f64 {
        match self {
            Waiting::Exponential { scale } => -libm::log(attempts.uniform()) * scale,
            Waiting::Gamma { shape, scale } => attempts.gamma(shape) * scale,
            Waiting::Poisson { rate } => attempts.poisson(rate),
            Waiting::Mixed { shape, scale } => {
                let rate = attempts.gamma(shape) * scale;
                attempts.poisson(rate)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance of many elements are those of the law, within five standard errors.
    fn check(law: Waiting, mean: f64, variance: f64, fourth: f64) {
        const N: usize = 100_000;
        let mut values = vec![0.0; N];
        Attempts::fill(Stream::new(0x1234_5678_9ABC_DEF0, 3), 0, &mut values, law, |x| x);
        let n = N as f64;
        let found = values.iter().sum::<f64>() / n;
        let spread = values.iter().map(|x| (x - found) * (x - found)).sum::<f64>() / n;
        assert!((found - mean).abs() <= 5.0 * (variance / n).sqrt(), "{law:?}: mean {found}");
        let error = ((fourth - variance * variance) / n).sqrt();
        assert!((spread - variance).abs() <= 5.0 * error, "{law:?}: variance {spread}");
    }

    #[test]
    fn moments_are_those_of_the_laws() {
        check(Waiting::Exponential { scale: 2.0 }, 2.0, 4.0, 9.0 * 16.0);
        for shape in [0.3, 1.0, 4.5] {
            // The fourth central moment of the gamma law is 3 k (k + 2).
            let fourth = 3.0 * shape * (shape + 2.0);
            check(Waiting::Gamma { shape, scale: 1.0 }, shape, shape, fourth);
        }
        for rate in [0.2, 3.0, 9.99, 10.0, 40.0, 1e6] {
            check(Waiting::Poisson { rate }, rate, rate, rate * (1.0 + 3.0 * rate));
        }
        // Negative binomial of k = 3 and p = 0.4: q = 0.6.
        let (mean, variance) = (3.0 * 0.6 / 0.4, 3.0 * 0.6 / 0.16);
        let kurtosis = 3.0 + 6.0 / 3.0 + 0.16 / (3.0 * 0.6);
        let mixed = Waiting::Mixed { shape: 3.0, scale: 1.5 };
        check(mixed, mean, variance, kurtosis * variance * variance);
    }

    #[test]
    fn a_slice_alone_equals_that_slice_of_the_whole() {
        let law = Waiting::Poisson { rate: 30.0 };
        let stream = Stream::new(7, 0);
        let (mut whole, mut part) = (vec![0.0; 10_000], vec![0.0; 100]);
        Attempts::fill(stream, 0, &mut whole, law, |x| x);
        Attempts::fill(stream, 5_000, &mut part, law, |x| x);
        assert_eq!(part, whole[5_000..5_100]);
    }
}
