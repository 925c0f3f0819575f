//! A recurrent layer over a whole sequence as one operation.

use std::sync::Arc;

use super::{Flat, compute_type, edges, output};
use crate::array::{Buf, Compute, NdArray, for_float, shapes_only};
use crate::autograd::{Op, Sinks};
use crate::cpu::dense::fill_rows;
use crate::cpu::elementwise::{add_into, zip};
use crate::cpu::gemm::{Matrix, product};
use crate::cpu::reduce;
use crate::cpu::rnn::{Backward, Forward, Place};
use crate::error::{Error, Result};
use crate::s;
use crate::shape::{Dims, Shape};

pub(crate) use crate::cpu::rnn::Mode;

/// The arrays of one layer in one direction.
pub(crate) struct Weights {
    /// `(gates · hidden, inputs)`.
    pub(crate) i2h_weight: NdArray,
    /// `(gates · hidden, hidden)`.
    pub(crate) h2h_weight: NdArray,
    /// `(gates · hidden,)`.
    pub(crate) i2h_bias: NdArray,
    pub(crate) h2h_bias: NdArray,
}

/// How the sequence is walked.
#[derive(Clone, Default)]
pub(crate) struct Course {
    /// From its end.
    pub(crate) reverse: bool,
    /// The number of steps of each sample, if not all.
    pub(crate) lengths: Option<Arc<[usize]>>,
}

/// One length for each sample, at most the number of steps; nothing while shapes are inferred.
pub(crate) fn valid_lengths(
    lengths: Option<&NdArray>,
    n_steps: usize,
    batch: usize,
) -> Result<Option<Arc<[usize]>>> {
    let Some(lengths) = lengths else { return Ok(None) };
    if **lengths.dims() != [batch] {
        let (expected, found) = (Shape::from(batch), lengths.dims().into());
        return Err(Error::OperandShape { op: "valid_length", expected, found });
    }
    if shapes_only() {
        return Ok(None);
    }
    let read = |(sample, length): (usize, f64)| {
        let fits = length >= 0.0 && length <= n_steps as f64 && length.fract() == 0.0;
        fits.then_some(length as usize).ok_or_else(|| Error::Setting {
            setting: "valid_length",
            expected: "whole numbers from 0 to the number of steps",
            found: format!("{length} for sample {sample}, of {n_steps} steps").into(),
        })
    };
    let lengths = lengths.to_f64_vec()?.into_iter().enumerate().map(read);
    Ok(Some(lengths.collect::<Result<Vec<_>>>()?.into()))
}

#[derive(Clone, Copy)]
struct Sizes {
    mode: Mode,
    n_steps: usize,
    batch: usize,
    inputs: usize,
    hidden: usize,
}

impl Sizes {
    /// The shape rule.
    fn of(mode: Mode, x: &NdArray, weights: &Weights, states: &[NdArray]) -> Result<Sizes> {
        let expect = |array: &NdArray, expected: Shape| {
            if array.rank() == expected.len()
                && array
                    .dims()
                    .iter()
                    .zip(expected.iter())
                    .all(|(n, dim)| dim.is_none_or(|d| d == *n))
            {
                return Ok(());
            }
            let found = array.dims().into();
            Err(Error::OperandShape { op: mode.name(), expected, found })
        };
        expect(&weights.i2h_weight, Shape::from([None, None]))?;
        expect(&weights.h2h_weight, Shape::from([None, None]))?;
        let (inputs, hidden) = (weights.i2h_weight.dims()[1], weights.h2h_weight.dims()[1]);
        expect(x, Shape::from([None, None, Some(inputs)]))?;
        let (n_steps, batch) = (x.dims()[0], x.dims()[1]);
        let width = mode.gates() * hidden;
        expect(&weights.i2h_weight, Shape::from([Some(width), Some(inputs)]))?;
        expect(&weights.h2h_weight, Shape::from([Some(width), Some(hidden)]))?;
        expect(&weights.i2h_bias, Shape::from(width))?;
        expect(&weights.h2h_bias, Shape::from(width))?;
        states.iter().try_for_each(|state| expect(state, Shape::from((batch, hidden))))?;
        for rows in [[n_steps, batch, width], [n_steps.saturating_add(2), batch, hidden]] {
            let rows = Dims::from(rows);
            if rows.checked_count().is_none() {
                return Err(Error::TooLarge { shape: rows.into() });
            }
        }
        Ok(Sizes { mode, n_steps, batch, inputs, hidden })
    }

    /// The elements of a step: of its gates, and of its output.
    fn step(&self) -> (usize, usize) {
        let units = self.batch * self.hidden;
        (self.mode.gates() * units, units)
    }
}

impl Course {
    /// The place of the step number `i` in the order of computation.
    fn place(&self, sizes: &Sizes, i: usize) -> Place<'_> {
        let t = if self.reverse { sizes.n_steps - 1 - i } else { i };
        let lengths = self.lengths.as_deref().unwrap_or_default();
        Place { mode: sizes.mode, width: sizes.hidden, t, reverse: self.reverse, lengths }
    }
}

struct SequenceNode {
    sizes: Sizes,
    course: Course,
    x: Flat,
    i2h_weight: Flat,
    h2h_weight: Flat,
    /// The initial states, one after another.
    initial: Buf,
    gates: Buf,
    kept: Buf,
    /// The outputs of all steps.
    out: Arc<Buf>,
}

impl Op for SequenceNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => self.through_time::<T>(grad.slice(), sinks))
    }
}

impl SequenceNode {
    fn through_time<T: Compute>(&self, grad: &[T], sinks: &mut Sinks<'_>) -> Result<()> {
        let &Sizes { mode, n_steps, batch, inputs, hidden } = &self.sizes;
        let (wide, units) = self.sizes.step();
        let width = mode.gates() * hidden;
        let is_gru = mode == Mode::Gru;
        // Every row of every step is written.
        let mut dgates = Buf::new::<T>(n_steps * wide, |_| ());
        let mut dhidden = Buf::new::<T>(if is_gru { n_steps * wide } else { 0 }, |_| ());
        let mut dstates = Buf::new::<T>(mode.states() * units, |out| {
            out.copy_from_slice(&grad[n_steps * units..]);
        });
        let (dh, dc) = dstates.slice_mut::<T>().split_at_mut(units);
        let weight = self.h2h_weight.slice::<T>();
        let (out, kept) = (self.out.slice::<T>(), self.kept.slice::<T>());
        let initial = self.initial.slice::<T>();
        // A GRU looks back at h, an LSTM at c.
        let (looked, initial_looked) = match mode {
            Mode::Lstm => (kept, &initial[units..]),
            _ => (out, initial),
        };
        for i in (0..n_steps).rev() {
            let place = self.course.place(&self.sizes, i);
            let t = place.t;
            let before = match i {
                0 => &[][..],
                _ if place.reverse => &looked[(t + 1) * units..][..units],
                _ => &looked[(t - 1) * units..][..units],
            };
            let of_hidden = if is_gru { t * wide..(t + 1) * wide } else { 0..0 };
            let of_kept = mode.kept() * t * units..mode.kept() * (t + 1) * units;
            Backward {
                place,
                gates: &self.gates.slice::<T>()[t * wide..][..wide],
                kept: &kept[of_kept],
                before,
                initial: &initial_looked[..units],
                grad: &grad[t * units..][..units],
                dh: &mut *dh,
                dc: &mut *dc,
                dgates: &mut dgates.slice_mut()[t * wide..][..wide],
                dhidden: &mut dhidden.slice_mut()[of_hidden],
            }
            .run();
            let sums = if is_gru { &dhidden } else { &dgates };
            let sums = Matrix::rows(&sums.slice::<T>()[t * wide..][..wide], width);
            product((batch, hidden, width), dh, true, sums, Matrix::rows(weight, hidden));
        }
        let rows = n_steps * batch;
        let dgates = dgates.slice::<T>();
        let dhidden = if is_gru { dhidden.slice::<T>() } else { dgates };
        let by_gate = || Matrix::rows(dgates, width);
        sinks.write::<T>(0, rows * inputs, |out, add| {
            let weight = Matrix::rows(self.i2h_weight.slice(), inputs);
            product((rows, inputs, width), out, add, by_gate(), weight);
        })?;
        sinks.write::<T>(1, width * inputs, |out, add| {
            let x = Matrix::rows(self.x.slice(), inputs);
            product((width, inputs, rows), out, add, by_gate().transposed(), x);
        })?;
        sinks.write::<T>(2, width * hidden, |out, add| self.by_h2h_weight(out, add, dhidden))?;
        sinks.write::<T>(3, width, |out, add| reduce::sum_axis(out, add, dgates, rows, width))?;
        sinks.write::<T>(4, width, |out, add| reduce::sum_axis(out, add, dhidden, rows, width))?;
        for (i, by_state) in [dh, dc].into_iter().enumerate().take(mode.states()) {
            sinks.write::<T>(5 + i, units, |out, add| {
                if add { add_into(out, by_state) } else { out.copy_from_slice(by_state) }
            })?;
        }
        Ok(())
    }

    /// `Σ dsᵀ · h` over all steps, `h` being the state before the step: the initial one where a
    /// sample starts, the output of the step before elsewhere.
    fn by_h2h_weight<T: Compute>(&self, grad: &mut [T], add: bool, dhidden: &[T]) {
        let &Sizes { mode, n_steps, batch, hidden, .. } = &self.sizes;
        let (wide, units) = self.sizes.step();
        let width = mode.gates() * hidden;
        let first = Buf::new::<T>(wide, |first| {
            first.fill(T::ZERO);
            let rows = first.chunks_exact_mut(width.max(1));
            for (n, row) in rows.enumerate() {
                let length = self.course.lengths.as_ref().map_or(n_steps, |lengths| lengths[n]);
                if length > 0 {
                    let t = if self.course.reverse { length - 1 } else { 0 };
                    row.copy_from_slice(&dhidden[t * wide + n * width..][..width]);
                }
            }
        });
        let first = Matrix::rows(first.slice::<T>(), width).transposed();
        let initial = Matrix::rows(self.initial.slice::<T>(), hidden);
        product((width, hidden, batch), grad, add, first, initial);
        if n_steps > 1 {
            // Outputs behind the end of a sample are 0, so its first step adds nothing here.
            let rest = (n_steps - 1) * wide;
            let out = self.out.slice::<T>();
            let (sums, before) = if self.course.reverse {
                (&dhidden[..rest], &out[units..])
            } else {
                (&dhidden[wide..], out)
            };
            let sums = Matrix::rows(sums, width).transposed();
            let rows = (n_steps - 1) * batch;
            product((width, hidden, rows), grad, true, sums, Matrix::rows(before, hidden));
        }
    }
}

/// A layer in one direction over a sequence: the outputs `(steps, batch, hidden)`, and the states
/// at the end, each `(batch, hidden)`.
///
/// The products of all inputs are one; a step is one more, of the state, and one pass over the
/// gates. Where a sample has ended, its outputs are 0 and its state stays.
///
/// # Shapes
/// `x` is `(steps, batch, inputs)`, each state `(batch, hidden)`.
pub(crate) fn recurrent(
    mode: Mode,
    x: &NdArray,
    weights: &Weights,
    states: &[NdArray],
    course: &Course,
) -> Result<(NdArray, Vec<NdArray>)> {
    debug_assert_eq!(states.len(), mode.states(), "checked by the caller");
    let Weights { i2h_weight, h2h_weight, i2h_bias, h2h_bias } = weights;
    let own = [x, i2h_weight, h2h_weight, i2h_bias, h2h_bias];
    let inputs: Vec<&NdArray> = own.into_iter().chain(states).collect();
    let compute = compute_type(mode.name(), &inputs)?;
    let sizes = Sizes::of(mode, x, weights, states)?;
    let Sizes { n_steps, batch, hidden, .. } = sizes;
    let dims = Dims::from([n_steps + mode.states(), batch, hidden]);
    let whole = if let Some(shape) = NdArray::planned(&dims, x.dtype())? {
        shape
    } else {
        let edges = edges(&inputs)?;
        let (xs, ws, us) = (Flat::new(x)?, Flat::new(i2h_weight)?, Flat::new(h2h_weight)?);
        let (i2h_bias, h2h_bias) = (Flat::new(i2h_bias)?, Flat::new(h2h_bias)?);
        let states = states.iter().map(Flat::new).collect::<Result<Vec<_>>>()?;
        let (out, gates, kept, initial) = for_float!(compute, T => {
            let gates = input_sums::<T>(&sizes, &xs, &ws, &i2h_bias, &h2h_bias);
            let initial = Buf::new::<T>(states.len() * batch * hidden, |out| {
                let parts = out.chunks_exact_mut((batch * hidden).max(1));
                parts.zip(&states).for_each(|(out, state)| out.copy_from_slice(state.slice()));
            });
            let bias = h2h_bias.slice::<T>();
            walk::<T>(&sizes, course, us.slice(), bias, initial, gates, edges.is_recorded())
        });
        let out = Arc::new(out);
        output(out.clone(), x.dtype(), dims, edges, || {
            let (i2h_weight, h2h_weight, course) = (ws, us, course.clone());
            let x = xs;
            Box::new(SequenceNode {
                sizes,
                course,
                x,
                i2h_weight,
                h2h_weight,
                initial,
                gates,
                kept,
                out,
            })
        })
    };
    let end = n_steps as isize;
    let at_end = (0..mode.states()).map(|i| whole.row(end + i as isize));
    let at_end = at_end.collect::<Result<Vec<_>>>()?;
    Ok((whole.slice(s![..end])?, at_end))
}

/// What the inputs and biases add to the gates of every step. The hidden bias of a GRU is not
/// among it: the reset gate acts on it.
fn input_sums<T: Compute>(
    sizes: &Sizes,
    x: &Flat,
    weight: &Flat,
    i2h_bias: &Flat,
    h2h_bias: &Flat,
) -> Buf {
    let &Sizes { mode, n_steps, batch, inputs, hidden } = sizes;
    let width = mode.gates() * hidden;
    Buf::new::<T>(n_steps * batch * width, |sums| {
        let bias = Buf::new::<T>(width, |bias| match mode {
            Mode::Gru => bias.copy_from_slice(i2h_bias.slice()),
            _ => zip(bias, false, i2h_bias.slice(), h2h_bias.slice(), |a, b| a + b),
        });
        fill_rows(sums, bias.slice::<T>());
        let weight = Matrix::rows(weight.slice::<T>(), inputs).transposed();
        product(
            (n_steps * batch, width, inputs),
            sums,
            true,
            Matrix::rows(x.slice(), inputs),
            weight,
        );
    })
}

/// All steps: the outputs with the last states behind them, the gates, what backward needs beside
/// them if `keep`, and the initial states.
fn walk<T: Compute>(
    sizes: &Sizes,
    course: &Course,
    weight: &[T],
    bias: &[T],
    initial: Buf,
    mut gates: Buf,
    keep: bool,
) -> (Buf, Buf, Buf, Buf) {
    let &Sizes { mode, n_steps, batch, hidden, .. } = sizes;
    let (wide, units) = sizes.step();
    let width = mode.gates() * hidden;
    let n_kept = if keep { mode.kept() * n_steps * units } else { 0 };
    // Written by the active rows, and read for those only; the rest stays 0.
    let mut kept = Buf::new::<T>(n_kept, |kept| kept.fill(T::ZERO));
    let mut hidden_sums = Buf::new::<T>(if mode == Mode::Gru { wide } else { 0 }, |_| ());
    let out = Buf::new::<T>((n_steps + mode.states()) * units, |out| {
        let (out, states) = out.split_at_mut(n_steps * units);
        states.copy_from_slice(initial.slice());
        let (h, c) = states.split_at_mut(units);
        let weight = Matrix::rows(weight, hidden).transposed();
        for i in 0..n_steps {
            let place = course.place(sizes, i);
            let t = place.t;
            let gates = &mut gates.slice_mut::<T>()[t * wide..][..wide];
            let sums = if mode == Mode::Gru {
                let sums = hidden_sums.slice_mut::<T>();
                fill_rows(sums, bias);
                sums
            } else {
                &mut *gates
            };
            product((batch, width, hidden), sums, true, Matrix::rows(h, hidden), weight);
            let of_kept = if keep { mode.kept() * units } else { 0 };
            Forward {
                place,
                gates,
                hidden: hidden_sums.slice(),
                h: &mut *h,
                c: &mut *c,
                out: &mut out[t * units..][..units],
                kept: &mut kept.slice_mut()[t * of_kept..][..of_kept],
            }
            .run();
        }
    });
    (out, gates, kept, initial)
}
