//! Adafactor.

use super::Step;
use super::common::optimizer;
use super::step::InPieces;
use crate::array::{DType, for_float};
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::shape::Dims;

optimizer! {
    /// Adafactor: the mean squares of a matrix's gradients by their means over rows and over
    /// columns, which need next to no memory, and steps in proportion to the size of the weights.
    ///
    /// With `g = clip(rescale · gradient)` at the update number `t`, and `b = t^beta2_decay`: the
    /// means of `g²` over each row, `R`, and over each column, `C`, of the last two axes follow by
    /// `R = (1 - b)·R + b·mean(g²)`; `V = R·C/max(mean(R), ε1)`, `u = g/√max(V, ε1²)`. Then
    /// `w = (1 - lr·wd)·w - α·u/max(1, rms(u)/d)` with `α = max(ε2, rms(w))·min(lr, 1/√t)`. Of a
    /// vector or a scalar `V` is the running mean of `g²` itself. Defaults: `lr = 0.01`,
    /// `beta2_decay = -0.8`, `ε1` the spacing of the computing type at 1, `ε2 = 0.001`, `d = 1`.
    ///
    /// # Memory
    /// One number for each row and each column of the last two axes, `row` and `col`; of a vector
    /// one more array, `var`. Gradients of half-precision matrices are widened as a whole while
    /// they are used; otherwise nothing is allocated after the first step.
    ///
    /// # Examples
    /// ```
    /// use gluonic::optim;
    /// use gluonic::prelude::*;
    /// let weight = Parameter::new("weight", 1);
    /// weight.initialize_with(&init::One, Reinit::Keep)?;
    /// let mut trainer = Trainer::of([&weight], optim::Adafactor::new(0.1)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert!((weight.data()?.to_scalar::<f32>()? - 0.9).abs() < 1e-6);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// PyTorch, `_adafactor.py`, class `Adafactor` (MXNet 1.9.1 has none); Shazeer and Stern
    /// (2018), "Adafactor: adaptive learning rates with sublinear memory cost", algorithms 4 and 5.
    pub struct Adafactor, "adafactor", lr: 0.01 {
        /// The power of `t` by which the present squares count.
        beta2_decay: f64 = -0.8, NotPositive;
        /// The least that roots and means count for.
        epsilon1: Option<f64> = None, Positive;
        /// The least that the size of the weights counts for.
        epsilon2: f64 = 1e-3, NotNegative;
        /// The largest root mean square of a step, before the learning rate.
        d: f64 = 1.0, OneOrMore;
    }

    fn arrays(&self, dims: &Dims) -> Vec<(&'static str, Dims)> {
        let [batch @ .., rows, cols] = &dims[..] else { return vec![("var", dims.clone())] };
        let with = |last: [usize; 2]| Dims::from([batch, &last[..]].concat());
        vec![("row", with([*rows, 1])), ("col", with([1, *cols]))]
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        let elements: usize = step.dims().iter().product();
        if elements == 0 {
            return Ok(());
        }
        for_float!(step.dtype(), T => self.update_as::<T>(step, elements))
    }
}

impl Adafactor {
    fn update_as<T: InPieces>(&self, step: &mut Step<'_>, elements: usize) -> Result<()> {
        let double = T::DTYPE == DType::F64;
        let spacing = if double { f64::EPSILON } else { f32::EPSILON.into() };
        let t = step.updates() as f64;
        let (rows, cols) = match step.dims() {
            [.., rows, cols] => (*rows, *cols),
            _ => (1, elements),
        };
        let factored = kernel::Factored {
            read: step.reading::<T>(),
            beta2: T::of(1.0 - t.powf(self.beta2_decay)),
            epsilon: T::of(self.epsilon1.unwrap_or(spacing)),
            rows,
            cols,
        };
        let keep = 1.0 - step.lr() * step.wd();
        let rate = step.lr().min(t.sqrt().recip());
        // The factor on `u`, from the sums of squares of weights and of `u`.
        let scale = |[weights, steps]: [f64; 2]| {
            let rms = |sum: f64| (sum / elements as f64).sqrt();
            rate * rms(weights).max(self.epsilon2) / (rms(steps) / self.d).max(1.0)
        };
        if step.dims().len() < 2 {
            let sums = step.pieces::<T, 1>(&|_, w, g, [var]| {
                kernel::follow_squares(factored, g, var);
                kernel::factored_sums(factored, T::ONE, w, g, var)
            })?;
            let (keep, scale) = (T::of(keep), T::of(scale(sums)));
            step.pieces::<T, 1>(&|_, w, g, [var]| {
                kernel::factored_step(factored, T::ONE, keep, scale, w, g, var);
                [0.0; 2]
            })?;
            return Ok(());
        }
        let gradient = step.raw_gradient()?;
        let wide = (gradient.dtype() != T::DTYPE).then(|| gradient.convert(T::DTYPE));
        let wide = wide.as_ref().unwrap_or(&gradient);
        let (row, col) = (step.kept(0).clone(), step.kept(1).clone());
        let (mut row, mut col) = (row.cell.edit()?, col.cell.edit()?);
        kernel::follow_means::<T>(
            factored,
            wide.slice(),
            row.buf().slice_mut(),
            col.buf().slice_mut(),
        );
        let (row, col) = (row.buf().slice_mut::<T>() as &[T], col.buf().slice_mut::<T>() as &[T]);
        let sums = step.weights::<T>(&|start, w, g, []| {
            let mut sums = [0.0; 2];
            kernel::each_run(factored, row, start, w.len(), &mut |row, run, cols| {
                let col = &col[cols];
                let [a, b] = kernel::factored_sums(factored, row, &w[run.clone()], &g[run], col);
                sums = [sums[0] + a, sums[1] + b];
            });
            sums
        })?;
        let (keep, scale) = (T::of(keep), T::of(scale(sums)));
        step.weights::<T>(&|start, w, g, []| {
            kernel::each_run(factored, row, start, w.len(), &mut |row, run, cols| {
                let (w, col) = (&mut w[run.clone()], &col[cols]);
                kernel::factored_step(factored, row, keep, scale, w, &g[run], col);
            });
            [0.0; 2]
        })?;
        Ok(())
    }
}
