//! One step of a recurrent layer, forward and backward: what happens between the matrix products.
//!
//! A step works on the rows of a batch, in place. Rows are apart, so that splitting them among
//! threads changes no bit.

use super::dense::sigmoid;
use super::{Float, kernel, threads};

/// Elements of gates that one thread takes at least: each costs an exponential.
const PIECE: usize = 1 << 13;

/// Which recurrence it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    RnnRelu,
    RnnTanh,
    Lstm,
    Gru,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mode::RnnRelu | Mode::RnnTanh => "rnn",
            Mode::Lstm => "lstm",
            Mode::Gru => "gru",
        }
    }

    /// How many rows of the weights belong to one hidden unit.
    pub(crate) fn gates(self) -> usize {
        match self {
            Mode::RnnRelu | Mode::RnnTanh => 1,
            Mode::Lstm => 4,
            Mode::Gru => 3,
        }
    }

    /// How many arrays its state consists of.
    pub(crate) fn states(self) -> usize {
        if self == Mode::Lstm { 2 } else { 1 }
    }

    /// How many arrays of the hidden size a step keeps for its gradient, beside the gates.
    pub(crate) fn kept(self) -> usize {
        usize::from(matches!(self, Mode::Lstm | Mode::Gru))
    }
}

/// Where a step stands in the sequence.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) mode: Mode,
    /// The hidden size.
    pub(crate) width: usize,
    pub(crate) t: usize,
    pub(crate) reverse: bool,
    /// The length of each row's sequence; empty if all are whole.
    pub(crate) lengths: &'a [usize],
}

impl Place<'_> {
    /// Whether the sequence of row `n` reaches this step.
    #[inline(always)]
    fn active(&self, n: usize) -> bool {
        self.lengths.is_empty() || self.t < self.lengths[n]
    }

    /// Whether a step in reverse is the first one of row `n`, although it is not the first of all.
    #[inline(always)]
    fn starts(&self, n: usize) -> bool {
        self.reverse && !self.lengths.is_empty() && self.t + 1 == self.lengths[n]
    }

    fn split(self, n: usize) -> (Self, Self) {
        let (low, high) = if self.lengths.is_empty() {
            (self.lengths, self.lengths)
        } else {
            self.lengths.split_at(n)
        };
        (Place { lengths: low, ..self }, Place { lengths: high, ..self })
    }
}

/// The rows of one forward step, `width` elements each but for the gates.
pub(crate) struct Forward<'a, T> {
    pub(crate) place: Place<'a>,
    /// Sums on entry, of the input's part alone for a GRU; gates on return.
    pub(crate) gates: &'a mut [T],
    /// `h · Wᵀ + b`, for a GRU only.
    pub(crate) hidden: &'a [T],
    pub(crate) h: &'a mut [T],
    /// For an LSTM only.
    pub(crate) c: &'a mut [T],
    pub(crate) out: &'a mut [T],
    /// What backward needs: the new `c` of an LSTM, the hidden part of a GRU's new gate. May be
    /// empty.
    pub(crate) kept: &'a mut [T],
}

/// The rows of one backward step.
pub(crate) struct Backward<'a, T> {
    pub(crate) place: Place<'a>,
    pub(crate) gates: &'a [T],
    pub(crate) kept: &'a [T],
    /// The `c` of an LSTM or `h` of a GRU before the step; empty if all rows start here.
    pub(crate) before: &'a [T],
    /// The same before the first step.
    pub(crate) initial: &'a [T],
    /// The gradient of this step's output.
    pub(crate) grad: &'a [T],
    /// The gradient of the state after the step on entry. On return, that of `c` before it; that
    /// of `h` lacks what comes through the weights.
    pub(crate) dh: &'a mut [T],
    pub(crate) dc: &'a mut [T],
    /// The gradient of the sums.
    pub(crate) dgates: &'a mut [T],
    /// The gradient of `h · Wᵀ + b`, for a GRU only: its other gates are sums.
    pub(crate) dhidden: &'a mut [T],
}

/// Splits at row `n`; what is empty stays so.
fn split<T>(x: &[T], n: usize, width: usize) -> (&[T], &[T]) {
    x.split_at((n * width).min(x.len()))
}

fn split_mut<T>(x: &mut [T], n: usize, width: usize) -> (&mut [T], &mut [T]) {
    x.split_at_mut((n * width).min(x.len()))
}

impl<T: Float> Forward<'_, T> {
    pub(crate) fn run(self) {
        let Place { mode, width, .. } = self.place;
        let n_rows = self.out.len() / width.max(1);
        if self.gates.len() < 2 * PIECE || n_rows < 2 || threads() == 1 {
            return match mode {
                Mode::RnnRelu | Mode::RnnTanh => rnn(self),
                Mode::Lstm => lstm(self),
                Mode::Gru => gru(self),
            };
        }
        let n = n_rows / 2;
        let (low, high) = self.place.split(n);
        let gates = split_mut(self.gates, n, mode.gates() * width);
        let hidden = split(self.hidden, n, mode.gates() * width);
        let (h, c) = (split_mut(self.h, n, width), split_mut(self.c, n, width));
        let (out, kept) = (split_mut(self.out, n, width), split_mut(self.kept, n, width));
        let low = Forward {
            place: low,
            gates: gates.0,
            hidden: hidden.0,
            h: h.0,
            c: c.0,
            out: out.0,
            kept: kept.0,
        };
        let high = Forward {
            place: high,
            gates: gates.1,
            hidden: hidden.1,
            h: h.1,
            c: c.1,
            out: out.1,
            kept: kept.1,
        };
        rayon::join(|| low.run(), || high.run());
    }
}

impl<T: Float> Backward<'_, T> {
    pub(crate) fn run(self) {
        let Place { mode, width, .. } = self.place;
        let n_rows = self.dh.len() / width.max(1);
        if self.dgates.len() < 2 * PIECE || n_rows < 2 || threads() == 1 {
            return match mode {
                Mode::RnnRelu | Mode::RnnTanh => rnn_grad(self),
                Mode::Lstm => lstm_grad(self),
                Mode::Gru => gru_grad(self),
            };
        }
        let n = n_rows / 2;
        let wide = mode.gates() * width;
        let (low, high) = self.place.split(n);
        let (gates, kept) = (split(self.gates, n, wide), split(self.kept, n, width));
        let (before, initial) = (split(self.before, n, width), split(self.initial, n, width));
        let grad = split(self.grad, n, width);
        let (dh, dc) = (split_mut(self.dh, n, width), split_mut(self.dc, n, width));
        let (dgates, dhidden) = (split_mut(self.dgates, n, wide), split_mut(self.dhidden, n, wide));
        let low = Backward {
            place: low,
            gates: gates.0,
            kept: kept.0,
            before: before.0,
            initial: initial.0,
            grad: grad.0,
            dh: dh.0,
            dc: dc.0,
            dgates: dgates.0,
            dhidden: dhidden.0,
        };
        let high = Backward {
            place: high,
            gates: gates.1,
            kept: kept.1,
            before: before.1,
            initial: initial.1,
            grad: grad.1,
            dh: dh.1,
            dc: dc.1,
            dgates: dgates.1,
            dhidden: dhidden.1,
        };
        rayon::join(|| low.run(), || high.run());
    }
}

#[inline(always)]
fn row<T>(x: &[T], n: usize, width: usize) -> &[T] {
    &x[n * width..][..width]
}

#[inline(always)]
fn row_mut<T>(x: &mut [T], n: usize, width: usize) -> &mut [T] {
    &mut x[n * width..][..width]
}

kernel! {
    fn rnn[T: Float](rows: Forward<'_, T>) {
        let Forward { place, gates, h, out, .. } = rows;
        let (width, relu) = (place.width, place.mode == Mode::RnnRelu);
        for n in 0..out.len() / width.max(1) {
            let out = row_mut(out, n, width);
            if !place.active(n) {
                out.fill(T::ZERO);
                continue;
            }
            let h = row_mut(h, n, width);
            for ((gate, h), out) in row_mut(gates, n, width).iter_mut().zip(h).zip(out) {
                let y = if !relu {
                    gate.tanh()
                } else if *gate <= T::ZERO {
                    T::ZERO
                } else {
                    *gate
                };
                (*gate, *h, *out) = (y, y, y);
            }
        }
    }

    fn rnn_grad[T: Float](rows: Backward<'_, T>) {
        let Backward { place, gates, grad, dh, dgates, .. } = rows;
        let (width, relu) = (place.width, place.mode == Mode::RnnRelu);
        for n in 0..dh.len() / width.max(1) {
            let dgates = row_mut(dgates, n, width);
            if !place.active(n) {
                dgates.fill(T::ZERO);
                continue;
            }
            let items = dgates.iter_mut().zip(row(gates, n, width)).zip(row(grad, n, width));
            for (((dgate, y), grad), dh) in items.zip(row_mut(dh, n, width)) {
                let g = *dh + *grad;
                *dgate = if !relu {
                    g * (T::ONE - *y * *y)
                } else if *y <= T::ZERO {
                    T::ZERO
                } else {
                    g
                };
                *dh = T::ZERO;
            }
        }
    }

    /// `c' = f·c + i·g`, `h' = o·tanh(c')`.
    fn lstm[T: Float](rows: Forward<'_, T>) {
        let Forward { place, gates, h, c, out, kept, .. } = rows;
        let width = place.width;
        for n in 0..out.len() / width.max(1) {
            let out = row_mut(out, n, width);
            if !place.active(n) {
                out.fill(T::ZERO);
                continue;
            }
            let (input, gates) = row_mut(gates, n, 4 * width).split_at_mut(width);
            let (forget, gates) = gates.split_at_mut(width);
            let (cell, output) = gates.split_at_mut(width);
            let gates = input.iter_mut().zip(forget).zip(cell).zip(output);
            let (h, c) = (row_mut(h, n, width), row_mut(c, n, width));
            for (((((i, f), g), o), c), (h, out)) in gates.zip(&mut *c).zip(h.iter_mut().zip(out)) {
                (*i, *f, *g, *o) = (sigmoid(*i), sigmoid(*f), g.tanh(), sigmoid(*o));
                *c = *f * *c + *i * *g;
                let y = *o * c.tanh();
                (*h, *out) = (y, y);
            }
            if !kept.is_empty() {
                row_mut(kept, n, width).copy_from_slice(c);
            }
        }
    }

    fn lstm_grad[T: Float](rows: Backward<'_, T>) {
        let width = rows.place.width;
        for n in 0..rows.dh.len() / width.max(1) {
            if !rows.place.active(n) {
                row_mut(rows.dgates, n, 4 * width).fill(T::ZERO);
                continue;
            }
            let from_start = rows.before.is_empty() || rows.place.starts(n);
            let before = row(if from_start { rows.initial } else { rows.before }, n, width);
            let (input, gates) = row(rows.gates, n, 4 * width).split_at(width);
            let (forget, gates) = gates.split_at(width);
            let (cell, output) = gates.split_at(width);
            let (after, grad) = (row(rows.kept, n, width), row(rows.grad, n, width));
            let dgates = row_mut(rows.dgates, n, 4 * width);
            let (dh, dc) = (row_mut(rows.dh, n, width), row_mut(rows.dc, n, width));
            for j in 0..width {
                let (i, f, g, o) = (input[j], forget[j], cell[j], output[j]);
                let tanh = after[j].tanh();
                let by_h = dh[j] + grad[j];
                let by_c = dc[j] + by_h * o * (T::ONE - tanh * tanh);
                dgates[j] = by_c * g * (i * (T::ONE - i));
                dgates[width + j] = by_c * before[j] * (f * (T::ONE - f));
                dgates[2 * width + j] = by_c * i * (T::ONE - g * g);
                dgates[3 * width + j] = by_h * tanh * (o * (T::ONE - o));
                dc[j] = by_c * f;
                dh[j] = T::ZERO;
            }
        }
    }

    /// `n = tanh(x + r·hidden)`, `h' = (1 - z)·n + z·h`.
    fn gru[T: Float](rows: Forward<'_, T>) {
        let Forward { place, gates, hidden, h, out, kept, .. } = rows;
        let width = place.width;
        for n in 0..out.len() / width.max(1) {
            let out = row_mut(out, n, width);
            if !place.active(n) {
                out.fill(T::ZERO);
                continue;
            }
            let (reset, gates) = row_mut(gates, n, 3 * width).split_at_mut(width);
            let (update, new) = gates.split_at_mut(width);
            let hidden = row(hidden, n, 3 * width);
            let h = row_mut(h, n, width);
            for j in 0..width {
                let r = sigmoid(reset[j] + hidden[j]);
                let z = sigmoid(update[j] + hidden[width + j]);
                let y = (new[j] + r * hidden[2 * width + j]).tanh();
                (reset[j], update[j], new[j]) = (r, z, y);
                h[j] = (T::ONE - z) * y + z * h[j];
            }
            out.copy_from_slice(h);
            if !kept.is_empty() {
                row_mut(kept, n, width).copy_from_slice(&hidden[2 * width..]);
            }
        }
    }

    fn gru_grad[T: Float](rows: Backward<'_, T>) {
        let width = rows.place.width;
        for n in 0..rows.dh.len() / width.max(1) {
            if !rows.place.active(n) {
                row_mut(rows.dgates, n, 3 * width).fill(T::ZERO);
                row_mut(rows.dhidden, n, 3 * width).fill(T::ZERO);
                continue;
            }
            let from_start = rows.before.is_empty() || rows.place.starts(n);
            let before = row(if from_start { rows.initial } else { rows.before }, n, width);
            let (reset, gates) = row(rows.gates, n, 3 * width).split_at(width);
            let (update, new) = gates.split_at(width);
            let (hidden, grad) = (row(rows.kept, n, width), row(rows.grad, n, width));
            let dgates = row_mut(rows.dgates, n, 3 * width);
            let dhidden = row_mut(rows.dhidden, n, 3 * width);
            let dh = row_mut(rows.dh, n, width);
            for j in 0..width {
                let (r, z, y) = (reset[j], update[j], new[j]);
                let by_h = dh[j] + grad[j];
                let by_new = by_h * (T::ONE - z) * (T::ONE - y * y);
                dgates[j] = by_new * hidden[j] * (r * (T::ONE - r));
                dgates[width + j] = by_h * (before[j] - y) * (z * (T::ONE - z));
                dgates[2 * width + j] = by_new;
                dhidden[j] = dgates[j];
                dhidden[width + j] = dgates[width + j];
                dhidden[2 * width + j] = by_new * r;
                dh[j] = by_h * z;
            }
        }
    }
}
