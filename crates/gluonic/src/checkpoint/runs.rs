//! A box of a tensor as runs of neighbouring elements, which are what can be read of a file.

use std::ops::Range;

use super::rename::Region;
use crate::error::Result;

/// The elements of a box in the order of their source.
pub(super) struct Runs {
    /// Where the box starts in the source.
    from: usize,
    /// Where its first element goes.
    to: usize,
    /// The axes of the box that are not one run: how long, how far apart in the source, and there.
    outer: Vec<Axis>,
    /// The axes that are one run in the source.
    inner: Vec<Axis>,
    /// How many elements a run has.
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Axis {
    len: usize,
    from: usize,
    to: usize,
}

/// Neighbouring elements of a source, of which some belong to a box.
pub(super) struct Span {
    pub(super) from: usize,
    pub(super) len: usize,
    /// Where the first run goes.
    to: usize,
    /// The runs in it: how many, how far apart in the source, and in the output.
    runs: Axis,
    /// Which elements of a run it has.
    part: Range<usize>,
}

impl Runs {
    pub(super) fn of(shape: &[usize], region: &Region) -> Runs {
        let mut stride = 1;
        let mut from = 0;
        let mut axes: Vec<Axis> = Vec::with_capacity(shape.len()); // From the last on.
        for axis in (0..shape.len()).rev() {
            from += region.start[axis] * stride;
            let this = Axis { len: region.len[axis], from: stride, to: region.steps[axis] };
            stride *= shape[axis];
            match axes.last_mut() {
                _ if this.len == 1 => {}
                Some(last)
                    if this.from == last.from * last.len && this.to == last.to * last.len =>
                {
                    last.len *= this.len;
                }
                _ => axes.push(this),
            }
        }
        let mut len = 1;
        let mut n_inner = 0;
        while let Some(axis) = axes.get(n_inner).filter(|axis| axis.from == len) {
            len *= axis.len;
            n_inner += 1;
        }
        let mut outer = axes.split_off(n_inner);
        outer.reverse();
        axes.reverse();
        Runs { from, to: region.to, outer, inner: axes, len }
    }

    /// Whether the elements of each run are a run in the output too, and long enough to be read by
    /// themselves.
    pub(super) fn stay_together(&self, long: usize) -> bool {
        (self.outer.is_empty() || self.len >= long)
            && match self.inner.as_slice() {
                [] => true,
                [one] => one.to == 1,
                _ => false,
            }
    }

    /// Calls `visit` for each run: where it is in the source, where it goes, how long it is.
    pub(super) fn each(
        &self,
        visit: &mut dyn FnMut(usize, usize, usize) -> Result<()>,
    ) -> Result<()> {
        odometer(&self.outer, self.from, self.to, &mut |from, to| visit(from, to, self.len))
    }

    /// Calls `visit` with spans of at most `most` elements, of several runs if no more than `gap`
    /// elements lie between them.
    pub(super) fn each_span(
        &self,
        most: usize,
        gap: usize,
        visit: &mut dyn FnMut(Span) -> Result<()>,
    ) -> Result<()> {
        let one = Axis { len: 1, from: 0, to: 0 };
        let (rest, last) = match self.outer.split_last() {
            Some((last, rest)) if last.from - self.len <= gap && last.from <= most => (rest, *last),
            _ => (self.outer.as_slice(), one),
        };
        // How many runs a span has; if not even one, a span has a part of one.
        let more = (most - self.len.min(most)).checked_div(last.from);
        let n_runs = 1 + more.unwrap_or(0);
        let part = if n_runs > 1 { self.len } else { self.len.min(most) };
        odometer(rest, self.from, self.to, &mut |from, to| {
            for first in (0..last.len).step_by(n_runs) {
                let n = n_runs.min(last.len - first);
                for start in (0..self.len).step_by(part) {
                    let part = start..self.len.min(start + part);
                    visit(Span {
                        from: from + first * last.from + start,
                        len: (n - 1) * last.from + part.len(),
                        to: to + first * last.to,
                        runs: Axis { len: n, ..last },
                        part,
                    })?;
                }
            }
            Ok(())
        })
    }

    /// Puts the elements of a span, of `size` bytes, into their places.
    pub(super) fn scatter(&self, span: &Span, bytes: &[u8], size: usize, out: &mut [u8]) {
        for run in 0..span.runs.len {
            let (from, to) = (run * span.runs.from, span.to + run * span.runs.to);
            let bytes = &bytes[from * size..][..span.part.len() * size];
            match self.inner.as_slice() {
                [] => out[to * size..][..size].copy_from_slice(bytes),
                [one] if one.to == 1 => {
                    out[(to + span.part.start) * size..][..bytes.len()].copy_from_slice(bytes);
                }
                [one] => strided(bytes, size, to + span.part.start * one.to, one.to, out),
                axes => {
                    for (place, bytes) in span.part.clone().zip(bytes.chunks_exact(size)) {
                        let mut left = place;
                        let to = axes.iter().rev().fold(to, |to, axis| {
                            let here = left % axis.len;
                            left /= axis.len;
                            to + here * axis.to
                        });
                        out[to * size..][..size].copy_from_slice(bytes);
                    }
                }
            }
        }
    }
}

/// Puts elements into every `step`th place.
fn strided(bytes: &[u8], size: usize, to: usize, step: usize, out: &mut [u8]) {
    fn fixed<const N: usize>(bytes: &[u8], out: &mut [u8], step: usize) {
        let places = out.chunks_mut(step * N);
        for (element, place) in bytes.as_chunks::<N>().0.iter().zip(places) {
            place[..N].copy_from_slice(element);
        }
    }
    let out = &mut out[to * size..];
    match size {
        1 => fixed::<1>(bytes, out, step),
        2 => fixed::<2>(bytes, out, step),
        4 => fixed::<4>(bytes, out, step),
        8 => fixed::<8>(bytes, out, step),
        _ => {
            let places = out.chunks_mut(step * size);
            for (element, place) in bytes.chunks_exact(size).zip(places) {
                place[..size].copy_from_slice(element);
            }
        }
    }
}

/// Goes through all indices of these axes, the last one fastest.
fn odometer(
    axes: &[Axis],
    mut from: usize,
    mut to: usize,
    visit: &mut dyn FnMut(usize, usize) -> Result<()>,
) -> Result<()> {
    let mut index = vec![0; axes.len()];
    loop {
        visit(from, to)?;
        let mut axis = axes.len();
        loop {
            let Some(next) = axis.checked_sub(1) else { return Ok(()) };
            axis = next;
            let Axis { len, from: step, to: put } = axes[axis];
            index[axis] += 1;
            if index[axis] < len {
                (from, to) = (from + step, to + put);
                break;
            }
            index[axis] = 0;
            (from, to) = (from - step * (len - 1), to - put * (len - 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(shape: &[usize], region: &Region, most: usize, gap: usize) -> Vec<(usize, usize)> {
        let mut spans = Vec::new();
        let mut visit = |span: Span| {
            spans.push((span.from, span.len));
            Ok(())
        };
        Runs::of(shape, region).each_span(most, gap, &mut visit).unwrap();
        spans
    }

    #[test]
    fn near_runs_are_read_together_and_far_ones_each_by_itself() {
        // Two of five columns.
        let columns = Region::of(vec![0, 1], vec![4, 2]);
        assert_eq!(spans(&[4, 5], &columns, 100, 3), [(1, 17)]);
        assert_eq!(spans(&[4, 5], &columns, 12, 3), [(1, 12), (16, 2)]);
        assert_eq!(spans(&[4, 5], &columns, 100, 2), [(1, 2), (6, 2), (11, 2), (16, 2)]);
        assert_eq!(
            spans(&[1, 5], &Region::of(vec![0, 0], vec![1, 5]), 2, 9),
            [(0, 2), (2, 2), (4, 1)]
        );
    }

    #[test]
    fn a_box_of_whole_rows_is_one_run() {
        let rows = Region::of(vec![1, 0, 0], vec![2, 3, 4]);
        let runs = Runs::of(&[5, 3, 4], &rows);
        assert!(runs.stay_together(usize::MAX));
        let mut found = Vec::new();
        runs.each(&mut |from, to, len| {
            found.push((from, to, len));
            Ok(())
        })
        .unwrap();
        assert_eq!(found, [(12, 0, 24)]);
    }
}
