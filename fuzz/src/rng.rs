//! Random numbers that are the same for the same seed, on every machine.

/// `SplitMix64`: enough for choosing what to break.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The numbers of one execution of a run: they depend on both arguments only.
    pub fn new(seed: u64, execution: u64) -> Self {
        let mut rng = Self(seed);
        Self(rng.next() ^ execution.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    /// Any number.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, or 0 if that is 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of them.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.below(items.len())]
    }

    /// A part of something that long: start and end, small ones more often.
    pub fn part(&mut self, len: usize) -> std::ops::Range<usize> {
        let longest = *self.pick(&[1, 2, 4, 8, 32, len]);
        let start = self.below(len);
        start..start + self.below(longest.min(len - start) + 1)
    }
}
