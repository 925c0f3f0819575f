//! Quantized blocks, against values worked out by hand and against slow decoders that follow the
//! format's description step by step, in `f64`, with no code in common with the crate's.

use gluonic_formats::{DType, QuantType, RawTensor, gguf::dequantize};
use proptest::{collection::vec, prelude::*, sample::select};

const ONE: [u8; 2] = [0x00, 0x3c];
const HALF: [u8; 2] = [0x00, 0x38];
const MINUS_TWO: [u8; 2] = [0x00, 0xc0];

fn decode(quant: QuantType, block: &[u8]) -> Vec<f32> {
    let (elems, bytes) = quant.block();
    let shape = vec![block.len() / bytes * elems];
    let tensor = RawTensor::new("w", DType::Quantized(quant), shape.clone(), block).unwrap();
    let floats = dequantize(&tensor).unwrap();
    assert_eq!((floats.name(), floats.dtype(), floats.shape()), ("w", DType::F32, &*shape));
    floats.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// A block of zeros with some bytes set.
fn block(quant: QuantType, parts: &[(usize, &[u8])]) -> Vec<u8> {
    let mut block = vec![0; quant.block().1];
    for (at, bytes) in parts {
        block[*at..*at + bytes.len()].copy_from_slice(bytes);
    }
    block
}

#[test]
fn q4_0_has_its_first_half_in_low_bits_and_8_as_zero() {
    let block = block(QuantType::Q4_0, &[(0, &HALF), (2, &[0xf0, 0x98])]);
    let floats = decode(QuantType::Q4_0, &block);
    // Byte 0 is elements 0 and 16: 0 and 15; byte 1 elements 1 and 17: 8 and 9.
    assert_eq!([floats[0], floats[16], floats[1], floats[17]], [-4.0, 3.5, 0.0, 0.5]);
    assert_eq!(floats[2], -4.0);
}

#[test]
fn q4_1_adds_its_minimum() {
    let block = block(QuantType::Q4_1, &[(0, &HALF), (2, &MINUS_TWO), (4, &[0xf3])]);
    let floats = decode(QuantType::Q4_1, &block);
    assert_eq!([floats[0], floats[16], floats[1]], [-0.5, 5.5, -2.0]);
}

#[test]
fn q5_0_takes_the_fifth_bit_from_a_word_of_its_own() {
    // Bits 0 and 31 of the word: elements 0 and 31.
    let block = block(QuantType::Q5_0, &[(0, &ONE), (2, &[1, 0, 0, 0x80]), (6, &[0x21])]);
    let floats = decode(QuantType::Q5_0, &block);
    assert_eq!([floats[0], floats[16], floats[31], floats[15]], [1.0, -14.0, 0.0, -16.0]);
}

#[test]
fn q5_1_adds_its_minimum_too() {
    let parts: [(usize, &[u8]); 4] = [(0, &ONE), (2, &MINUS_TWO), (4, &[1]), (8, &[0x21])];
    let floats = decode(QuantType::Q5_1, &block(QuantType::Q5_1, &parts));
    assert_eq!([floats[0], floats[16], floats[31]], [15.0, 0.0, -2.0]);
}

#[test]
fn q8_0_has_signed_bytes() {
    let block = block(QuantType::Q8_0, &[(0, &HALF), (2, &[0x80, 0x7f])]);
    assert_eq!(decode(QuantType::Q8_0, &block)[..3], [-64.0, 63.5, 0.0]);
}

#[test]
fn q2_k_has_scale_and_minimum_in_one_byte() {
    // Group 0 (elements 0 to 15) scale 3, minimum 1; group 2 (32 to 47) scale 1, minimum 0.
    let parts: [(usize, &[u8]); 4] =
        [(0, &[0x13, 0, 0x01]), (16, &[0b1110]), (80, &ONE), (82, &HALF)];
    let floats = decode(QuantType::Q2K, &block(QuantType::Q2K, &parts));
    // Byte 0: bits 0-1 are element 0 (2), bits 2-3 element 32 (3).
    assert_eq!([floats[0], floats[1], floats[32], floats[33]], [5.5, -0.5, 3.0, 0.0]);
}

#[test]
fn q3_k_takes_4_off_where_the_high_bit_is_clear() {
    // Scales: byte 0 low bits 1 with top bits 2 (byte 8, bits 0-1): 1 + 32 - 32 = 1 for group 0.
    let parts: [(usize, &[u8]); 4] =
        [(0, &[1]), (32, &[0b11]), (96, &[1, 0, 0, 0, 0, 0, 0, 0, 2]), (108, &ONE)];
    let floats = decode(QuantType::Q3K, &block(QuantType::Q3K, &parts));
    // Element 0: 3, high bit set; element 1: 0, clear; element 16 of group 1, scale -32.
    assert_eq!([floats[0], floats[1], floats[16]], [3.0, -4.0, 128.0]);
}

#[test]
fn q4_k_packs_scales_and_minima_of_six_bits() {
    // Group 0: scale 63 (byte 0), minimum 1 (byte 4). Group 4: byte 8 low bits 5, top bits of
    // byte 0 are 3: 5 + 48 = 53; its minimum: byte 8 high bits 2, top bits of byte 4 are 1: 18.
    let parts: [(usize, &[u8]); 5] = [
        (0, &ONE),
        (2, &HALF),
        (4, &[0xff, 0, 0, 0, 0x41, 0, 0, 0, 0x25]),
        (16, &[0x21]),
        (80, &[3]),
    ];
    let floats = decode(QuantType::Q4K, &block(QuantType::Q4K, &parts));
    assert_eq!([floats[0], floats[1], floats[128], floats[129]], [62.5, -0.5, 150.0, -9.0]);
    // Group 1 has the high bits of the same bytes, and scale 0 here.
    assert_eq!(floats[32], 0.0);
}

#[test]
fn q5_k_takes_the_fifth_bit_of_a_group_from_that_bit_of_a_byte() {
    let parts: [(usize, &[u8]); 4] =
        [(0, &ONE), (4, &[1, 1]), (16, &[0b10, 0b01]), (48, &[0x21, 0x43])];
    let floats = decode(QuantType::Q5K, &block(QuantType::Q5K, &parts));
    assert_eq!([floats[0], floats[1], floats[32], floats[33]], [1.0, 19.0, 18.0, 4.0]);
}

#[test]
fn q6_k_has_four_low_and_two_high_bits_and_32_as_zero() {
    let parts: [(usize, &[u8]); 4] =
        [(0, &[0x21]), (128, &[0b11_01_10_01]), (192, &[2, 0, 1, 0, 1, 0, 0xff]), (208, &ONE)];
    let floats = decode(QuantType::Q6K, &block(QuantType::Q6K, &parts));
    // Element 0: 1 + 16·1 - 32, scale 2; 32: 0 + 16·2 - 32, scale 1; 64: 2 + 16·1 - 32, scale 1;
    // 96: 0 + 16·3 - 32, scale -1.
    assert_eq!([floats[0], floats[32], floats[64], floats[96]], [-30.0, 0.0, -14.0, -16.0]);
}

fn f16(bytes: &[u8]) -> f64 {
    let bits = u16::from_le_bytes([bytes[0], bytes[1]]);
    let (exponent, mantissa) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => mantissa * 2_f64.powi(-24),
        _ => (1.0 + mantissa / 1024.0) * 2_f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// The eight scales and minima of `Q4_K` and `Q5_K`.
fn six_bit_pairs(packed: &[u8]) -> Vec<(f64, f64)> {
    let mut pairs = Vec::new();
    for j in 0..4 {
        pairs.push((packed[j] % 64, packed[j + 4] % 64));
    }
    for j in 0..4 {
        let low = packed[8 + j];
        pairs.push((low % 16 + packed[j] / 64 * 16, low / 16 + packed[j + 4] / 64 * 16));
    }
    pairs.into_iter().map(|(scale, min)| (scale.into(), min.into())).collect()
}

/// One block, slowly.
fn reference(quant: QuantType, b: &[u8]) -> Vec<f64> {
    let mut y = vec![f64::NAN; quant.block().0];
    match quant {
        QuantType::Q4_0 | QuantType::Q4_1 | QuantType::Q5_0 | QuantType::Q5_1 => {
            let (with_min, five) = match quant {
                QuantType::Q4_0 => (false, false),
                QuantType::Q4_1 => (true, false),
                QuantType::Q5_0 => (false, true),
                _ => (true, true),
            };
            let d = f16(b);
            let mut rest = &b[2..];
            let mut m = if five { -16.0 * d } else { -8.0 * d };
            if with_min {
                m = f16(rest);
                rest = &rest[2..];
            }
            let mut word = 0;
            if five {
                word = u32::from_le_bytes(rest[..4].try_into().unwrap());
                rest = &rest[4..];
            }
            for j in 0..16 {
                let high = |bit: usize| f64::from(word >> bit & 1) * 16.0;
                y[j] = (f64::from(rest[j] % 16) + high(j)) * d + m;
                y[j + 16] = (f64::from(rest[j] / 16) + high(j + 16)) * d + m;
            }
        }
        QuantType::Q8_0 => {
            for j in 0..32 {
                let byte = f64::from(b[2 + j]);
                y[j] = f16(b) * if byte > 127.0 { byte - 256.0 } else { byte };
            }
        }
        QuantType::Q2K => {
            let (d, dmin) = (f16(&b[80..]), f16(&b[82..]));
            let mut is = 0;
            for half in 0..2 {
                for shift in 0..4 {
                    for part in 0..2 {
                        for l in 0..16 {
                            let q = b[16 + 32 * half + 16 * part + l] / 4_u8.pow(shift) % 4;
                            let at = 128 * half + 32 * shift as usize + 16 * part + l;
                            y[at] = d * f64::from(b[is] % 16) * f64::from(q)
                                - dmin * f64::from(b[is] / 16);
                        }
                        is += 1;
                    }
                }
            }
        }
        QuantType::Q3K => {
            let s = &b[96..108];
            let mut scales = Vec::new();
            for k in 0..16 {
                let low = if k < 8 { s[k] % 16 } else { s[k - 8] / 16 };
                let high = s[8 + k % 4] / 4_u8.pow(k as u32 / 4) % 4;
                scales.push(f64::from(low) + 16.0 * f64::from(high) - 32.0);
            }
            let (d, mut is) = (f16(&b[108..]), 0);
            for half in 0..2 {
                for shift in 0..4 {
                    let mask = 1 << (4 * half + shift);
                    for part in 0..2 {
                        for l in 0..16 {
                            let column = 16 * part + l;
                            let q =
                                f64::from(b[32 + 32 * half + column] / 4_u8.pow(shift as u32) % 4);
                            let q = if b[column] & mask == 0 { q - 4.0 } else { q };
                            y[128 * half + 32 * shift + column] = d * scales[is] * q;
                        }
                        is += 1;
                    }
                }
            }
        }
        QuantType::Q4K | QuantType::Q5K => {
            let five = quant == QuantType::Q5K;
            let (d, dmin, pairs) = (f16(b), f16(&b[2..]), six_bit_pairs(&b[4..16]));
            let quants = if five { &b[48..] } else { &b[16..] };
            for run in 0..4 {
                for l in 0..32 {
                    let byte = quants[32 * run + l];
                    for (part, mut q) in [(0, byte % 16), (1, byte / 16)] {
                        let group = 2 * run + part;
                        if five && b[16 + l] & (1 << group) != 0 {
                            q += 16;
                        }
                        let (scale, min) = pairs[group];
                        y[32 * group + l] = d * scale * f64::from(q) - dmin * min;
                    }
                }
            }
        }
        QuantType::Q6K => {
            let d = f16(&b[208..]);
            for half in 0..2 {
                let (ql, qh, sc) = (&b[64 * half..], &b[128 + 32 * half..], &b[192 + 8 * half..]);
                for l in 0..32 {
                    let lows = [ql[l] % 16, ql[l + 32] % 16, ql[l] / 16, ql[l + 32] / 16];
                    for (quarter, low) in lows.into_iter().enumerate() {
                        let high = qh[l] / 4_u8.pow(quarter as u32) % 4;
                        let scale = f64::from(sc[l / 16 + 2 * quarter].cast_signed());
                        let q = f64::from(low) + 16.0 * f64::from(high) - 32.0;
                        y[128 * half + 32 * quarter + l] = d * scale * q;
                    }
                }
            }
        }
        other => panic!("{other}"),
    }
    y
}

/// Where the half floats of a block stand.
fn halves(quant: QuantType) -> &'static [usize] {
    match quant {
        QuantType::Q4_0 | QuantType::Q5_0 | QuantType::Q8_0 => &[0],
        QuantType::Q2K => &[80, 82],
        QuantType::Q3K => &[108],
        QuantType::Q6K => &[208],
        _ => &[0, 2],
    }
}

proptest! {
    #[test]
    fn every_block_decodes_as_the_description_says(
        quant in select(vec![
            QuantType::Q4_0, QuantType::Q4_1, QuantType::Q5_0, QuantType::Q5_1, QuantType::Q8_0,
            QuantType::Q2K, QuantType::Q3K, QuantType::Q4K, QuantType::Q5K, QuantType::Q6K,
        ]),
        mut bytes in vec(any::<u8>(), 2 * 210),
    ) {
        let size = quant.block().1;
        bytes.truncate(2 * size);
        for place in halves(quant) {
            for start in [0, size] {
                bytes[start + place + 1] &= 0xbf; // Finite: the exponent is below 16.
            }
        }
        let expected: Vec<f64> = bytes.chunks(size).flat_map(|b| reference(quant, b)).collect();
        let found = decode(quant, &bytes);
        prop_assert_eq!(found.len(), expected.len());
        for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
            // All products are exact in both; one rounding is left, that of the sum.
            prop_assert!(*found == *expected as f32, "{} at {}: {} {}", quant, place, found, expected);
        }
    }
}

#[test]
fn tensors_without_elements_decode_to_none() {
    let dtype = DType::Quantized(QuantType::Q4K);
    let tensor = RawTensor::new("w", dtype, vec![0, 256], vec![]).unwrap();
    assert_eq!(dequantize(&tensor).unwrap().shape(), [0, 256]);
}
