//! Fills a slice with the elements of a stream that stand at its place.
//!
//! A [`Rule`] turns the words of [`LANES`] blocks into elements. [`fill`] cuts the slice into
//! chunks for the thread pool and each chunk into groups of blocks. Element `i` depends on the
//! stream and `i` alone, so neither cut can be seen in the values.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::philox::{LANES, Lanes, Stream};

/// Elements that one task computes: some tens of microseconds of work.
const CHUNK: usize = 1 << 16;

/// A rule that makes `N` elements from [`LANES`] blocks, the same number from each.
pub(super) trait Rule<const N: usize>: Copy + Send + Sync {
    /// The type of an element.
    type Item: Copy + Default + Send;

    /// Makes all elements of the blocks `first` to `first + LANES - 1`, given their words.
    ///
    /// Must be `#[inline(always)]`, so that it is compiled for the instruction set of its caller.
    fn elements(self, first: u64, words: &Lanes, out: &mut [Self::Item; N]);
}

/// Writes elements `start`, `start + 1`, … of `stream` to `out`.
pub(super) fn fill<const N: usize, L: Rule<N>>(
    stream: Stream,
    start: u64,
    out: &mut [L::Item],
    law: L,
) {
    let arch = Arch::new();
    if out.len() <= CHUNK || rayon::current_num_threads() == 1 {
        return arch.dispatch(Serial { stream, start, out, law });
    }
    out.par_chunks_mut(CHUNK).enumerate().for_each(|(i, out)| {
        let start = start.wrapping_add((i * CHUNK) as u64);
        arch.dispatch(Serial { stream, start, out, law });
    });
}

/// The work of one thread. A type and not a closure: `dispatch` compiles the body of a closure
/// apart, without the instruction set it has found.
struct Serial<'a, const N: usize, L: Rule<N>> {
    stream: Stream,
    start: u64,
    out: &'a mut [L::Item],
    law: L,
}

impl<const N: usize, L: Rule<N>> WithSimd for Serial<'_, N, L> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { stream, start, out, law } = self;
        let per_block = (N / LANES) as u64;
        let mut block = start / per_block;

        // Elements of the first block that lie before `start`.
        let skipped = (start % per_block) as usize;
        let (head, out) =
            out.split_at_mut(if skipped == 0 { 0 } else { out.len().min(N - skipped) });
        if !head.is_empty() {
            let mut group = [L::Item::default(); N];
            law.elements(block, &stream.lanes(block), &mut group);
            head.copy_from_slice(&group[skipped..skipped + head.len()]);
            block = block.wrapping_add(LANES as u64);
        }

        let (groups, tail) = out.as_chunks_mut::<N>();
        for group in groups {
            law.elements(block, &stream.lanes(block), group);
            block = block.wrapping_add(LANES as u64);
        }

        if !tail.is_empty() {
            let mut group = [L::Item::default(); N];
            law.elements(block, &stream.lanes(block), &mut group);
            tail.copy_from_slice(&group[..tail.len()]);
        }
    }
}

/// What every law has to pass, called by the tests beside each law.
#[cfg(test)]
pub(super) mod check {
    use std::fmt::Debug;

    use super::*;

    /// Several chunks and a rest, so that every thread count cuts it in another way.
    const LEN: usize = 5 * CHUNK + 1234;

    /// Checks that values depend neither on cuts nor on threads nor on the instruction set.
    #[track_caller]
    pub(in super::super) fn same_for_every_cut_thread_count_and_instruction_set<
        const N: usize,
        L: Rule<N>,
    >(
        law: L,
    ) where
        L::Item: PartialEq + Debug,
    {
        let stream = Stream::new(0xFEED_F00D_1234_5678, 3);
        // The second start makes the block number carry into its high word.
        for start in [0, (1 << 34) - 77] {
            let mut whole = vec![L::Item::default(); LEN];
            Serial { stream, start, out: &mut whole, law }.with_simd(pulp::Scalar::new());
            same_on_every_thread_count(stream, start, law, &whole);
            same_on_every_instruction_set(stream, start, law, &whole);
            same_for_every_sub_range(stream, start, law, &whole);
        }
    }

    fn same_on_every_thread_count<const N: usize, L: Rule<N>>(
        stream: Stream,
        start: u64,
        law: L,
        whole: &[L::Item],
    ) where
        L::Item: PartialEq + Debug,
    {
        for n_threads in [1, 2, 16] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let mut out = vec![L::Item::default(); whole.len()];
            pool.install(|| fill(stream, start, &mut out, law));
            assert!(out == whole, "{n_threads} threads give other values");
        }
    }

    fn same_on_every_instruction_set<const N: usize, L: Rule<N>>(
        stream: Stream,
        start: u64,
        law: L,
        whole: &[L::Item],
    ) where
        L::Item: PartialEq + Debug,
    {
        fn check<const N: usize, L: Rule<N>>(
            level: &str,
            whole: &[L::Item],
            run: impl FnOnce(&mut [L::Item]),
        ) where
            L::Item: PartialEq + Debug,
        {
            let mut out = vec![L::Item::default(); whole.len()];
            run(&mut out);
            assert!(out == whole, "{level} gives other values");
        }
        check::<N, L>("the widest level", whole, |out| {
            Arch::new().dispatch(Serial { stream, start, out, law });
        });
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(level) = pulp::x86::V2::try_new() {
                check::<N, L>("x86-64-v2", whole, |out| {
                    Simd::vectorize(level, Serial { stream, start, out, law });
                });
            }
            if let Some(level) = pulp::x86::V3::try_new() {
                check::<N, L>("x86-64-v3", whole, |out| {
                    Simd::vectorize(level, Serial { stream, start, out, law });
                });
            }
        }
    }

    fn same_for_every_sub_range<const N: usize, L: Rule<N>>(
        stream: Stream,
        start: u64,
        law: L,
        whole: &[L::Item],
    ) where
        L::Item: PartialEq + Debug,
    {
        for from in (0..9).chain([63, 64, 65, 1001, CHUNK - 1, CHUNK + 2]) {
            for len in [0, 1, 2, 3, 4, 5, 31, 32, 33, 61, 64, 67, 128, 1000, CHUNK + 5] {
                let mut part = vec![L::Item::default(); len];
                fill(stream, start + from as u64, &mut part, law);
                assert_eq!(part, whole[from..from + len], "elements {from}.. of {len}");
            }
        }
    }
}
