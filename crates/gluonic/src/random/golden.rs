//! The checksums of `docs/randomness.md`, which a second implementation printed.

use std::num::NonZeroU64;

use half::{bf16, f16};

use super::categorical::{cumulative, fill_categorical};
use super::discrete::{fill_below, fill_integers};
use super::keys::Keys;
use super::truncated_normal::fill_truncated_normal;
use super::*;

const LEN: usize = 10_007;

/// Checks one row of the table: `bytes` gives the little-endian bytes of [`LEN`] elements.
#[track_caller]
fn check(expected: [u64; 3], bytes: impl Fn(Stream, u64) -> Vec<u8>) {
    let places = [
        (Address::new(0, "").stream(0), 0),
        (Address::new(7, "fc.weight").stream(0), 1),
        (Address::new(u64::MAX, "größe/0.weight").stream(3), (1 << 34) - 5),
    ];
    let found = places.map(|(stream, start)| fnv1a(&bytes(stream, start)));
    assert_eq!(found, expected, "expected {expected:X?}, found {found:X?}");
}

/// The bytes of what `fill` writes.
macro_rules! bytes {
    ($type:ty, $fill:expr) => {
        |stream, start| {
            let mut out = vec![<$type>::default(); LEN];
            let fill: fn(Stream, u64, &mut [$type]) = $fill;
            fill(stream, start, &mut out);
            out.iter().flat_map(|x| x.to_le_bytes()).collect()
        }
    };
}

#[test]
fn uniform_f32_agrees_with_the_second_implementation() {
    check(
        [0x307D_A0AA_2177_9684, 0xAAAF_1581_4825_116C, 0x2D30_2443_E31F_AFB7],
        bytes!(f32, |s, i, out| fill_uniform(s, i, out, -0.3, 1.1)),
    );
}

#[test]
fn uniform_f64_agrees_with_the_second_implementation() {
    check(
        [0xE1BB_CB49_3C5B_4E9C, 0x5B4F_DFB6_F85A_7CCD, 0xA77D_E47F_C370_048F],
        bytes!(f64, |s, i, out| fill_uniform(s, i, out, -0.3, 1.1)),
    );
}

#[test]
fn uniform_f16_agrees_with_the_second_implementation() {
    check(
        [0xBDD9_787B_2E96_E63A, 0x5D3F_015C_DC92_7E89, 0x5C93_1CA3_0DBD_4BD2],
        bytes!(f16, |s, i, out| fill_uniform(s, i, out, -0.3, 1.1)),
    );
}

#[test]
fn uniform_bf16_agrees_with_the_second_implementation() {
    check(
        [0x2907_1293_7333_A882, 0xB760_DA15_E388_DEA1, 0xF195_F32A_FF3F_DFA4],
        bytes!(bf16, |s, i, out| fill_uniform(s, i, out, -0.3, 1.1)),
    );
}

#[test]
fn normal_f32_agrees_with_the_second_implementation() {
    check(
        [0x63E2_74AE_EEE5_1EAA, 0xF605_3D1F_FB63_BE2A, 0x8917_DAFA_482D_BE59],
        bytes!(f32, |s, i, out| fill_normal(s, i, out, 0.1, 0.7)),
    );
}

#[test]
fn normal_f64_agrees_with_the_second_implementation() {
    check(
        [0x8F16_7159_94B8_6DBC, 0x1546_4117_3248_2C7A, 0x1C3D_55CE_23A1_40F6],
        bytes!(f64, |s, i, out| fill_normal(s, i, out, 0.1, 0.7)),
    );
}

#[test]
fn normal_f16_agrees_with_the_second_implementation() {
    check(
        [0x7A7D_F3A5_8732_7BAF, 0xAAE2_24DB_F444_2BD8, 0x2386_040D_0316_B7A8],
        bytes!(f16, |s, i, out| fill_normal(s, i, out, 0.1, 0.7)),
    );
}

#[test]
fn normal_bf16_agrees_with_the_second_implementation() {
    check(
        [0xF8E7_3455_28E4_069E, 0xA143_F4A7_4690_5BD2, 0x6D54_2C92_1A04_E612],
        bytes!(bf16, |s, i, out| fill_normal(s, i, out, 0.1, 0.7)),
    );
}

#[test]
fn normal_f64_between_bounds_agrees_with_the_second_implementation() {
    check(
        [0x20BD_EC42_3BE9_85DB, 0x191B_6B2E_B167_8838, 0xE17D_D5AC_D0F3_52BD],
        bytes!(f64, |s, i, out| fill_truncated_normal(s, i, out, 0.1, 0.7, -1.3, 1.5)),
    );
}

#[test]
fn normal_f32_between_bounds_agrees_with_the_second_implementation() {
    check(
        [0x3B5A_2E7B_29E3_51E6, 0x3166_B695_CFE6_5A1F, 0x72B8_0D45_D8A8_1925],
        bytes!(f32, |s, i, out| fill_truncated_normal(s, i, out, 0.1, 0.7, -1.3, 1.5)),
    );
}

#[test]
fn normal_f16_between_bounds_agrees_with_the_second_implementation() {
    check(
        [0x2A87_F916_CC72_8D06, 0x9AAF_8D6E_1EC9_E7E3, 0x055C_9246_3326_DE3C],
        bytes!(f16, |s, i, out| fill_truncated_normal(s, i, out, 0.1, 0.7, -1.3, 1.5)),
    );
}

#[test]
fn normal_bf16_between_bounds_agrees_with_the_second_implementation() {
    check(
        [0xEED2_9045_2873_9DE8, 0x068E_59FC_ED21_1A60, 0x8548_4181_1424_7D99],
        bytes!(bf16, |s, i, out| fill_truncated_normal(s, i, out, 0.1, 0.7, -1.3, 1.5)),
    );
}

#[test]
fn normal_far_out_agrees_with_the_second_implementation() {
    check(
        [0x9EC4_5B76_2D66_A6F4, 0x8EF1_E595_E23D_B4EB, 0x12DD_27A8_8091_5FB8],
        bytes!(f64, |s, i, out| fill_truncated_normal(s, i, out, 0.1, 0.7, 5.0, f64::INFINITY)),
    );
}

#[test]
fn integers_below_10_agree_with_the_second_implementation() {
    check(
        [0x4F55_7322_2FF3_F16E, 0x7F3E_3C8B_F9F1_7EC4, 0xC561_0EBA_5478_5E07],
        bytes!(u64, |s, i, out| fill_below(s, i, out, const { NonZeroU64::new(10).unwrap() })),
    );
}

#[test]
fn integers_that_reject_half_of_the_words_agree_with_the_second_implementation() {
    check(
        [0xABE8_4F09_A9F8_F2DB, 0xAC65_69AB_FF6D_953D, 0x3BFC_4533_3264_4CE5],
        bytes!(u64, |s, i, out| fill_below(
            s,
            i,
            out,
            const { NonZeroU64::new((1 << 63) + 1).unwrap() }
        )),
    );
}

#[test]
fn integers_in_a_range_agree_with_the_second_implementation() {
    check(
        [0x6A9C_4AC3_30B0_9FDE, 0x4CB5_7B9E_177A_C592, 0xF539_A5DC_DABB_953A],
        bytes!(i64, |s, i, out| fill_integers(s, i, out, -5, 12)),
    );
}

#[test]
fn bernoulli_agrees_with_the_second_implementation() {
    check(
        [0x430A_CE15_D4B5_B795, 0x64B8_B97E_F0AC_5715, 0x9500_5AD6_3BC4_2495],
        bytes!(f32, |s, i, out| fill_bernoulli(s, i, out, 0.3, 2.5)),
    );
}

#[test]
fn categorical_agrees_with_the_second_implementation() {
    check(
        [0xC892_2D2E_B9F5_6587, 0x776C_3360_5F24_7AA1, 0x5842_2809_481F_F782],
        bytes!(i64, |s, i, out| {
            let sums: Vec<f64> = cumulative(&[0.0, 1.0, 0.1, 0.0, 2.5, 0.0]).collect();
            fill_categorical(s, i, out, &sums);
        }),
    );
}

#[test]
fn permutation_agrees_with_the_second_implementation() {
    check([0x7033_B51D_026E_9CD3, 0x5C68_6122_8313_129F, 0x0446_E743_3F81_551F], |stream, _| {
        super::permutation(stream, LEN).into_iter().flat_map(|x| (x as u64).to_le_bytes()).collect()
    });
}

#[test]
fn counted_draws_agree_with_the_second_implementation() {
    let keys = Keys::new();
    keys.seed(7);
    let stream = Draws::of("dropout0".into(), &keys).next_under(&keys);
    assert_eq!(stream.block(0, 0), [0x270E_4FED, 0x0631_D381, 0xB558_5EB2, 0xCBA9_816C]);
}
