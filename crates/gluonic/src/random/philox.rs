//! Philox4x32-10: a bijection of 128-bit counters chosen by a 64-bit key, used as a hash.
//!
//! [`philox4x32_10`] computes one block of four words; [`Stream::lanes`] computes [`LANES`]
//! consecutive blocks in a form that compilers turn into vector instructions.
//!
//! Source: Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3",
//! section 3.3 and table 2.

const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// Added to the two key words between rounds: the golden ratio and `sqrt(3) - 1`.
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Blocks computed together.
pub(super) const LANES: usize = 16;

/// The words of [`LANES`] blocks: `lanes[j][i]` has word `j` of block `i` in its low half.
///
/// The high halves hold leftovers of the multiplications. Lanes are 64 bits wide because the
/// vector multiplication of 32-bit words reads and writes such lanes; narrowing them every
/// round costs more than computing at half width.
pub(super) type Lanes = [[u64; LANES]; 4];

const LOW_HALF: u64 = 0xFFFF_FFFF;

/// Returns the 64-bit number whose low half is word `low` and whose high half is word `high`.
#[inline(always)]
pub(super) fn join(low: u64, high: u64) -> u64 {
    (low & LOW_HALF) | (high << 32)
}

/// Computes one block.
#[inline]
pub(super) fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..ROUNDS {
        let p0 = u64::from(MULTIPLIERS[0]) * u64::from(c0);
        let p1 = u64::from(MULTIPLIERS[1]) * u64::from(c2);
        c0 = (p1 >> 32) as u32 ^ c1 ^ k0;
        c1 = p1 as u32;
        c2 = (p0 >> 32) as u32 ^ c3 ^ k1;
        c3 = p0 as u32;
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0, c1, c2, c3]
}

/// One draw at one address: an endless row of blocks, each found by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    key: [u32; 2],
    draw: u32,
}

impl Stream {
    /// A stream whose Philox key is the low and the high half of `key`.
    pub(super) const fn new(key: u64, draw: u32) -> Self {
        Self { key: [key as u32, (key >> 32) as u32], draw }
    }

    /// The next draw at the same address.
    pub(super) fn next_draw(self) -> Self {
        Self { draw: self.draw.wrapping_add(1), ..self }
    }

    /// Computes block `block`. Attempt 0 is the block all laws use; later ones replace words
    /// which a law rejected.
    #[inline]
    pub(super) fn block(self, block: u64, attempt: u32) -> [u32; 4] {
        philox4x32_10([block as u32, (block >> 32) as u32, self.draw, attempt], self.key)
    }

    /// Computes blocks `first` to `first + LANES - 1`, at attempt 0.
    #[inline(always)]
    pub(super) fn lanes(self, first: u64) -> Lanes {
        let mut c0: [u64; LANES] = std::array::from_fn(|i| first.wrapping_add(i as u64));
        let mut c1 = c0.map(|block| block >> 32);
        let mut c2 = [u64::from(self.draw); LANES];
        let mut c3 = [0; LANES];
        let [mut k0, mut k1] = self.key;
        for _ in 0..ROUNDS {
            for i in 0..LANES {
                let p0 = (c0[i] & LOW_HALF) * u64::from(MULTIPLIERS[0]);
                let p1 = (c2[i] & LOW_HALF) * u64::from(MULTIPLIERS[1]);
                c0[i] = (p1 >> 32) ^ c1[i] ^ u64::from(k0);
                c1[i] = p1;
                c2[i] = (p0 >> 32) ^ c3[i] ^ u64::from(k1);
                c3[i] = p0;
            }
            k0 = k0.wrapping_add(WEYL[0]);
            k1 = k1.wrapping_add(WEYL[1]);
        }
        [c0, c1, c2, c3]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The three known answers for `philox4x32 10` distributed with Random123.
    #[test]
    fn philox_gives_the_known_answers_of_random123() {
        let ones = u32::MAX;
        assert_eq!(
            philox4x32_10([0; 4], [0; 2]),
            [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]
        );
        assert_eq!(
            philox4x32_10([ones; 4], [ones; 2]),
            [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]
        );
        assert_eq!(
            philox4x32_10(
                [0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344],
                [0xA409_3822, 0x299F_31D0]
            ),
            [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1]
        );
    }

    #[test]
    fn low_half_of_the_key_is_the_first_key_word() {
        let stream = Stream::new(0x299F_31D0_A409_3822, 0x1319_8A2E);
        assert_eq!(
            stream.block(0x85A3_08D3_243F_6A88, 0x0370_7344),
            [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1]
        );
    }

    fn check_lanes(key: u64, draw: u32, first: u64) {
        let stream = Stream::new(key, draw);
        let [w0, w1, w2, w3] = stream.lanes(first);
        for i in 0..LANES {
            let words = [w0[i], w1[i], w2[i], w3[i]].map(|word| word as u32);
            assert_eq!(words, stream.block(first.wrapping_add(i as u64), 0), "lane {i}");
        }
    }

    #[test]
    fn lanes_carry_into_the_high_counter_word() {
        for first in [0, (1 << 32) - 3, u64::MAX - 3] {
            check_lanes(0x0123_4567_89AB_CDEF, 5, first);
        }
    }

    proptest! {
        #[test]
        fn lanes_equal_single_blocks(key: u64, draw: u32, first: u64) {
            check_lanes(key, draw, first);
        }
    }
}
