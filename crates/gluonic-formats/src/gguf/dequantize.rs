//! From blocks to floats.
//!
//! Each function decodes one block, in `f32` and in ggml's order of operations, so that the
//! values are those that llama.cpp computes with.
#![allow(clippy::indexing_slicing)] // Places within arrays whose length the type states.

use half::f16;

use super::QuantType;
use crate::{DType, Error, RawTensor, byte_len};

/// Turns a quantized tensor into one of `F32`.
///
/// Each type decodes an integer `q` from a few bits and gives `d·q`, or `d·q − m` where the block
/// has minima: `d` and `m` are half floats of the block, which the `K` types multiply by small
/// integers, one for each 16 or 32 elements.
///
/// # Memory
/// 4 bytes an element: 7 times the input for `Q4_0`, 12 times for `Q2_K`.
///
/// # Errors
/// [`Error::NotDequantizable`] for a tensor of another type than `Q4_0`, `Q4_1`, `Q5_0`, `Q5_1`,
/// `Q8_0`, `Q2_K`, `Q3_K`, `Q4_K`, `Q5_K` or `Q6_K`.
///
/// # Examples
/// ```
/// use gluonic_formats::{DType, QuantType, RawTensor, gguf};
/// let mut block = vec![0x00, 0x38]; // the scale, 0.5 as a half float
/// block.extend([3; 32]); // 32 integers of 8 bits
/// let tensor = RawTensor::new("w", DType::Quantized(QuantType::Q8_0), vec![32], block)?;
/// let floats = gguf::dequantize(&tensor)?;
/// assert_eq!(floats.dtype(), DType::F32);
/// assert_eq!(floats.data()[..4], 1.5_f32.to_le_bytes());
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
///
/// # Source
/// The blocks as ggml, `ggml-common.h` and `ggml-quants.c`, functions `dequantize_row_…`.
pub fn dequantize(tensor: &RawTensor<'_>) -> Result<RawTensor<'static>, Error> {
    let (name, shape) = (tensor.name(), tensor.shape());
    let Some(len) = byte_len(DType::F32, shape) else {
        let (name, shape) = (name.into(), shape.into());
        return Err(Error::ShapeSize { name, dtype: DType::F32, shape });
    };
    let blocks = tensor.data();
    let mut data = Vec::with_capacity(len);
    match tensor.dtype() {
        DType::Quantized(QuantType::Q4_0) => decode(blocks, q4_0, &mut data),
        DType::Quantized(QuantType::Q4_1) => decode(blocks, q4_1, &mut data),
        DType::Quantized(QuantType::Q5_0) => decode(blocks, q5_0, &mut data),
        DType::Quantized(QuantType::Q5_1) => decode(blocks, q5_1, &mut data),
        DType::Quantized(QuantType::Q8_0) => decode(blocks, q8_0, &mut data),
        DType::Quantized(QuantType::Q2K) => decode(blocks, q2_k, &mut data),
        DType::Quantized(QuantType::Q3K) => decode(blocks, q3_k, &mut data),
        DType::Quantized(QuantType::Q4K) => decode(blocks, q4_k, &mut data),
        DType::Quantized(QuantType::Q5K) => decode(blocks, q5_k, &mut data),
        DType::Quantized(QuantType::Q6K) => decode(blocks, q6_k, &mut data),
        dtype => return Err(Error::NotDequantizable { name: name.into(), dtype }),
    }
    RawTensor::new(name.to_owned(), DType::F32, shape.to_vec(), data)
}

/// Decodes blocks of `N` bytes and `M` elements.
fn decode<const N: usize, const M: usize>(
    blocks: &[u8],
    decode_block: fn(&[u8; N], &mut [f32; M]),
    data: &mut Vec<u8>,
) {
    let mut floats = [0.0; M];
    for block in blocks.as_chunks().0 {
        decode_block(block, &mut floats);
        data.extend(floats.iter().flat_map(|float| float.to_le_bytes()));
    }
}

/// The half float at a place.
fn half(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// Low bits of the first half of the elements, high bits of the second.
fn nibbles(bytes: &[u8], at: usize) -> u8 {
    let half = bytes.len();
    if at < half { bytes[at] & 15 } else { bytes[at - half] >> 4 }
}

fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let d = half(block, 0);
    for (i, x) in out.iter_mut().enumerate() {
        *x = f32::from(nibbles(&block[2..], i) as i8 - 8) * d;
    }
}

fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let (d, m) = (half(block, 0), half(block, 2));
    for (i, x) in out.iter_mut().enumerate() {
        *x = f32::from(nibbles(&block[4..], i)) * d + m;
    }
}

/// Four bits as in `Q4_0`, the fifth from a word that has one for each element.
fn fifth(word: &[u8], low: &[u8], at: usize) -> u8 {
    nibbles(low, at) | (word[at / 8] >> (at % 8) & 1) << 4
}

fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let d = half(block, 0);
    for (i, x) in out.iter_mut().enumerate() {
        *x = f32::from(fifth(&block[2..6], &block[6..], i) as i8 - 16) * d;
    }
}

fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let (d, m) = (half(block, 0), half(block, 2));
    for (i, x) in out.iter_mut().enumerate() {
        *x = f32::from(fifth(&block[4..8], &block[8..], i)) * d + m;
    }
}

fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let d = half(block, 0);
    for (x, q) in out.iter_mut().zip(&block[2..]) {
        *x = f32::from(*q as i8) * d;
    }
}

/// Two bits: each run of 32 bytes holds 128 elements, the first 32 in the lowest bits.
fn pairs_of_bits(bytes: &[u8], at: usize) -> u8 {
    bytes[at / 128 * 32 + at % 32] >> (at / 32 % 4 * 2) & 3
}

fn q2_k(block: &[u8; 84], out: &mut [f32; 256]) {
    let (scales, quants) = (&block[..16], &block[16..80]);
    let (d, dmin) = (half(block, 80), half(block, 82));
    for (group, xs) in out.chunks_exact_mut(16).enumerate() {
        let dl = d * f32::from(scales[group] & 15);
        let ml = dmin * f32::from(scales[group] >> 4);
        for (i, x) in xs.iter_mut().enumerate() {
            *x = dl * f32::from(pairs_of_bits(quants, group * 16 + i)) - ml;
        }
    }
}

fn q3_k(block: &[u8; 110], out: &mut [f32; 256]) {
    let (high, quants, scales) = (&block[..32], &block[32..96], &block[96..108]);
    let d = half(block, 108);
    for (group, xs) in out.chunks_exact_mut(16).enumerate() {
        // Four bits in the first eight bytes, two more in the last four.
        let low = nibbles(&scales[..8], group);
        let scale = low | (scales[8 + group % 4] >> (group / 4 * 2) & 3) << 4;
        let dl = d * f32::from(scale as i8 - 32);
        for (i, x) in xs.iter_mut().enumerate() {
            let at = group * 16 + i;
            // The third bit is stored inverted: where it is clear, 4 is taken off.
            let third = high[at % 32] >> (at / 32) & 1;
            *x = dl * f32::from(pairs_of_bits(quants, at) as i8 - 4 * (1 - third as i8));
        }
    }
}

/// Scale and minimum of a group of 32, packed in 12 bytes as eight pairs of six bits.
fn scale_and_min(packed: &[u8], group: usize) -> (u8, u8) {
    if group < 4 {
        return (packed[group] & 63, packed[group + 4] & 63);
    }
    let low = packed[group + 4];
    let (scale_top, min_top) = (packed[group - 4] >> 6, packed[group] >> 6);
    (low & 15 | scale_top << 4, low >> 4 | min_top << 4)
}

fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let (packed, quants) = (&block[4..16], &block[16..]);
    let (d, dmin) = (half(block, 0), half(block, 2));
    for (group, xs) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_and_min(packed, group);
        let (dl, ml) = (d * f32::from(scale), dmin * f32::from(min));
        let run = &quants[group / 2 * 32..][..32];
        for (i, x) in xs.iter_mut().enumerate() {
            *x = dl * f32::from(nibbles(run, group % 2 * 32 + i)) - ml;
        }
    }
}

fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let (packed, high, quants) = (&block[4..16], &block[16..48], &block[48..]);
    let (d, dmin) = (half(block, 0), half(block, 2));
    for (group, xs) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_and_min(packed, group);
        let (dl, ml) = (d * f32::from(scale), dmin * f32::from(min));
        let run = &quants[group / 2 * 32..][..32];
        for (i, x) in xs.iter_mut().enumerate() {
            let q = nibbles(run, group % 2 * 32 + i) | (high[i] >> group & 1) << 4;
            *x = dl * f32::from(q) - ml;
        }
    }
}

fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let d = half(block, 208);
    for (group, xs) in out.chunks_exact_mut(16).enumerate() {
        let dl = d * f32::from(scales[group] as i8);
        for (i, x) in xs.iter_mut().enumerate() {
            let at = group * 16 + i;
            let run = &low[at / 128 * 64..][..64];
            let q = nibbles(run, at % 128) | pairs_of_bits(high, at) << 4;
            *x = dl * f32::from(q as i8 - 32);
        }
    }
}
