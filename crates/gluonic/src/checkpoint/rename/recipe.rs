//! How a tensor is made of others, byte for byte: which part, in which order of axes.

use std::borrow::Cow;

use gluonic_formats::{DType, byte_len, elem_count};

/// How a tensor is made, from the inside out.
///
/// Recipes are kept in their shortest form: parts that are put together again are the whole, and
/// axes that are put back are in their place. So two equal recipes are one tensor, and a recipe
/// that changes nothing is a [`Recipe::Source`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recipe {
    /// The source of that number, as it is.
    Source(usize),
    /// A part along an axis.
    Slice {
        /// What it is a part of.
        of: Box<Recipe>,
        /// The axis.
        axis: usize,
        /// Where the part starts.
        start: usize,
        /// How long it is.
        len: usize,
    },
    /// Tensors one after the other along an axis.
    Concat {
        /// The tensors.
        parts: Vec<Recipe>,
        /// The axis.
        axis: usize,
    },
    /// The same elements with the axes in another order.
    Permute {
        /// What they are taken of.
        of: Box<Recipe>,
        /// Axis `i` of the result is axis `axes[i]` of what it was.
        axes: Vec<usize>,
    },
}

/// A shape and its bytes.
pub(in crate::checkpoint) type Made<'a> = (Vec<usize>, Cow<'a, [u8]>);

impl Recipe {
    /// Part `start..start + len` of an axis of `of`, which has that shape.
    pub(super) fn slice(
        of: Recipe,
        shape: &[usize],
        axis: usize,
        start: usize,
        len: usize,
        dims: impl Fn(&Recipe) -> Vec<usize>,
    ) -> Recipe {
        if start == 0 && shape.get(axis) == Some(&len) {
            return of;
        }
        match of {
            Recipe::Slice { of, axis: inner, start: before, .. } if inner == axis => {
                Recipe::Slice { of, axis, start: before + start, len }
            }
            Recipe::Concat { parts, axis: inner } if inner == axis => {
                // Whole members come out as they went in.
                let mut at = 0;
                let mut inside = Vec::new();
                for part in &parts {
                    let long = dims(part).get(axis).copied().unwrap_or(0);
                    if long > 0 && at >= start && at + long <= start + len {
                        inside.push((part, long));
                    }
                    at += long;
                }
                if len > 0 && inside.iter().map(|(_, long)| long).sum::<usize>() == len {
                    let parts = inside.into_iter().map(|(part, _)| part.clone()).collect();
                    return Recipe::concat(parts, axis, dims);
                }
                let of = Box::new(Recipe::Concat { parts, axis });
                Recipe::Slice { of, axis, start, len }
            }
            of => Recipe::Slice { of: Box::new(of), axis, start, len },
        }
    }

    pub(super) fn concat(
        parts: Vec<Recipe>,
        axis: usize,
        dims: impl Fn(&Recipe) -> Vec<usize>,
    ) -> Recipe {
        let mut joined: Vec<Recipe> = Vec::new();
        for part in parts {
            // A neighbour's continuation makes it longer.
            if let (
                Some(Recipe::Slice { of, axis: a, start, len }),
                Recipe::Slice { of: next, axis: b, start: next_start, len: next_len },
            ) = (joined.last_mut(), &part)
                && (*a, &*of, *start + *len) == (*b, next, *next_start)
                && *a == axis
            {
                *len += next_len;
                continue;
            }
            joined.push(part);
        }
        if joined.len() > 1 {
            return Recipe::Concat { parts: joined, axis };
        }
        match joined.pop() {
            Some(Recipe::Slice { of, axis, start: 0, len })
                if dims(&of).get(axis) == Some(&len) =>
            {
                *of
            }
            Some(only) => only,
            None => Recipe::Concat { parts: joined, axis },
        }
    }

    pub(super) fn permute(of: Recipe, order: &[usize]) -> Recipe {
        let (of, axes) = match of {
            Recipe::Permute { of, axes } => {
                (of, order.iter().filter_map(|axis| axes.get(*axis).copied()).collect())
            }
            of => (Box::new(of), order.to_vec()),
        };
        if is_identity(&axes) { *of } else { Recipe::Permute { of, axes } }
    }

    /// How many tensors are made on the way, this one included.
    pub(super) fn nodes(&self) -> usize {
        match self {
            Recipe::Source(_) => 1,
            Recipe::Slice { of, .. } | Recipe::Permute { of, .. } => 1 + of.nodes(),
            Recipe::Concat { parts, .. } => 1 + parts.iter().map(Recipe::nodes).sum::<usize>(),
        }
    }

    /// Calls `visit` with the number of every source, as often as it is used.
    pub(in crate::checkpoint) fn sources(&self, visit: &mut impl FnMut(usize)) {
        match self {
            Recipe::Source(source) => visit(*source),
            Recipe::Slice { of, .. } | Recipe::Permute { of, .. } => of.sources(visit),
            Recipe::Concat { parts, .. } => parts.iter().for_each(|part| part.sources(visit)),
        }
    }

    /// The shape of what it makes, of sources with these shapes.
    pub(in crate::checkpoint) fn shape(&self, source: &impl Fn(usize) -> Vec<usize>) -> Vec<usize> {
        match self {
            Recipe::Source(number) => source(*number),
            Recipe::Slice { of, axis, len, .. } => {
                let mut shape = of.shape(source);
                if let Some(dim) = shape.get_mut(*axis) {
                    *dim = *len;
                }
                shape
            }
            Recipe::Concat { parts, axis } => {
                let mut parts = parts.iter().map(|part| part.shape(source));
                let mut shape = parts.next().unwrap_or_default();
                for part in parts {
                    if let (Some(dim), Some(more)) = (shape.get_mut(*axis), part.get(*axis)) {
                        *dim += more;
                    }
                }
                shape
            }
            Recipe::Permute { of, axes } => permuted(&of.shape(source), axes),
        }
    }

    /// Makes it. `read` must give tensors of the shapes that were planned with.
    pub(in crate::checkpoint) fn make<'a, E>(
        &self,
        dtype: DType,
        read: &mut dyn FnMut(usize) -> Result<Made<'a>, E>,
    ) -> Result<Made<'a>, E> {
        match self {
            Recipe::Source(source) => read(*source),
            Recipe::Slice { of, axis, start, len } => {
                let (mut shape, data) = of.make(dtype, read)?;
                let data = sliced(data, &shape, *axis, *start, *len);
                shape[*axis] = *len;
                Ok((shape, data))
            }
            Recipe::Concat { parts, axis } => {
                let made = parts.iter().map(|part| part.make(dtype, read));
                Ok(joined(&made.collect::<Result<Vec<_>, E>>()?, *axis))
            }
            Recipe::Permute { of, axes } => {
                let (shape, data) = of.make(dtype, read)?;
                let data = reordered(&data, &shape, axes, dtype);
                Ok((permuted(&shape, axes), data.into()))
            }
        }
    }
}

fn is_identity(axes: &[usize]) -> bool {
    axes.iter().enumerate().all(|(i, axis)| i == *axis)
}

pub(super) fn permuted(shape: &[usize], axes: &[usize]) -> Vec<usize> {
    axes.iter().filter_map(|axis| shape.get(*axis).copied()).collect()
}

/// Whether parts that start and end at these places of an axis are whole bytes, or whole blocks of
/// quantized elements.
pub(super) fn is_whole_bytes(dtype: DType, shape: &[usize], axis: usize, place: usize) -> bool {
    let inner = shape.get(axis + 1..).and_then(elem_count).unwrap_or(0);
    let (block, _) = dtype.block();
    // Modulo the elements of a block, so that nothing overflows.
    (inner % block * (place % block)).is_multiple_of(block)
}

fn sliced<'a>(
    data: Cow<'a, [u8]>,
    shape: &[usize],
    axis: usize,
    start: usize,
    len: usize,
) -> Cow<'a, [u8]> {
    let outer = elem_count(&shape[..axis]).unwrap_or(0);
    let dim = shape[axis];
    if data.is_empty() || outer == 0 || dim == 0 || len == 0 {
        return Cow::Owned(Vec::new());
    }
    let row = data.len() / outer;
    // In bits, as a place may be inside a byte for one step along the axis, but not for `start`.
    let byte = |place: usize| (row as u128 * 8 * place as u128 / dim as u128 / 8) as usize;
    let (from, to) = (byte(start), byte(start + len));
    if outer == 1 {
        return match data {
            Cow::Borrowed(data) => Cow::Borrowed(&data[from..to]),
            Cow::Owned(mut data) => {
                data.truncate(to);
                data.drain(..from);
                Cow::Owned(data)
            }
        };
    }
    let mut out = Vec::with_capacity((to - from) * outer);
    data.chunks_exact(row).for_each(|row| out.extend_from_slice(&row[from..to]));
    Cow::Owned(out)
}

fn joined<'a>(parts: &[Made<'_>], axis: usize) -> Made<'a> {
    let mut shape = parts.first().map(|(shape, _)| shape.clone()).unwrap_or_default();
    shape[axis] = parts.iter().map(|(shape, _)| shape[axis]).sum();
    let outer = elem_count(&shape[..axis]).unwrap_or(0);
    let mut out = Vec::with_capacity(parts.iter().map(|(_, data)| data.len()).sum());
    for i in 0..outer {
        for (_, data) in parts {
            let row = data.len() / outer;
            out.extend_from_slice(&data[i * row..(i + 1) * row]);
        }
    }
    (shape, out.into())
}

/// The elements in another order of axes. They must be whole bytes.
fn reordered(data: &[u8], shape: &[usize], axes: &[usize], dtype: DType) -> Vec<u8> {
    let size = dtype.size_in_bytes().unwrap_or(1);
    if data.is_empty() {
        return Vec::new();
    }
    let mut strides = vec![size; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    // Axes of one element move nothing, and neighbours that stay neighbours are one axis.
    let mut order: Vec<(usize, usize)> = Vec::new();
    for &axis in axes.iter().filter(|axis| shape[**axis] != 1) {
        let (dim, stride) = (shape[axis], strides[axis]);
        match order.last_mut() {
            Some((last, step)) if *step == dim * stride => (*last, *step) = (*last * dim, stride),
            _ => order.push((dim, stride)),
        }
    }
    // Axes that stay last are rows, copied as a whole.
    let block = match order.last() {
        Some((dim, stride)) if *stride == size => {
            let block = dim * size;
            order.pop();
            block
        }
        _ => size,
    };
    let mut out = Vec::with_capacity(byte_len(DType::U8, &[data.len()]).unwrap_or(0));
    let (dim, stride) = order.pop().unwrap_or((1, 0));
    let rows = order.iter().map(|(dim, _)| dim).product::<usize>();
    let mut index = vec![0; order.len()];
    let mut from = 0;
    for _ in 0..rows {
        match block {
            1 => gather::<1>(&mut out, &data[from..], dim, stride),
            2 => gather::<2>(&mut out, &data[from..], dim, stride),
            4 => gather::<4>(&mut out, &data[from..], dim, stride),
            8 => gather::<8>(&mut out, &data[from..], dim, stride),
            16 => gather::<16>(&mut out, &data[from..], dim, stride),
            _ => (0..dim).for_each(|i| {
                let start = from + i * stride;
                out.extend_from_slice(&data[start..start + block]);
            }),
        }
        for axis in (0..order.len()).rev() {
            index[axis] += 1;
            from += order[axis].1;
            if index[axis] < order[axis].0 {
                break;
            }
            from -= order[axis].0 * order[axis].1;
            index[axis] = 0;
        }
    }
    out
}

fn gather<const N: usize>(out: &mut Vec<u8>, data: &[u8], dim: usize, stride: usize) {
    out.extend((0..dim).flat_map(|i| {
        let mut element = [0; N];
        element.copy_from_slice(&data[i * stride..i * stride + N]);
        element
    }));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One element after the other, by its coordinates.
    fn slow(data: &[u8], shape: &[usize], axes: &[usize], size: usize) -> Vec<u8> {
        let out_shape = permuted(shape, axes);
        let count: usize = shape.iter().product();
        let mut out = vec![0; data.len()];
        for i in 0..count {
            let mut left = i;
            let mut coordinates = vec![0; shape.len()];
            for axis in (0..shape.len()).rev() {
                coordinates[axis] = left % shape[axis];
                left /= shape[axis];
            }
            let place = axes.iter().zip(&out_shape).fold(0, |at, (a, d)| at * d + coordinates[*a]);
            out[place * size..(place + 1) * size].copy_from_slice(&data[i * size..(i + 1) * size]);
        }
        out
    }

    proptest! {
        #[test]
        fn any_order_of_axes_is_that_of_the_coordinates(
            (shape, axes) in prop::collection::vec(0_usize..4, 0..7).prop_flat_map(|shape| {
                let axes = Just((0..shape.len()).collect::<Vec<_>>()).prop_shuffle();
                (Just(shape), axes)
            }),
            dtype in prop::sample::select(vec![
                DType::U8, DType::F16, DType::F32, DType::F64, DType::C128,
            ]),
        ) {
            let len = byte_len(dtype, &shape).unwrap();
            let data: Vec<u8> = (0..len).map(|i| (i * 7 % 251) as u8).collect();
            let size = dtype.size_in_bytes().unwrap();
            prop_assert_eq!(reordered(&data, &shape, &axes, dtype), slow(&data, &shape, &axes, size));
        }
    }

    #[test]
    fn a_part_along_the_first_axis_borrows_its_bytes() {
        let data: Vec<u8> = (0..6).collect();
        let part = sliced(Cow::Borrowed(&data), &[3, 2], 0, 1, 2);
        assert!(matches!(part, Cow::Borrowed([2, 3, 4, 5])));
        assert_eq!(&*sliced(Cow::Borrowed(&data), &[3, 2], 1, 1, 1), [1, 3, 5]);
    }

    #[test]
    fn elements_of_half_a_byte_are_cut_at_whole_bytes() {
        assert!(is_whole_bytes(DType::F4, &[3, 2], 0, 1));
        assert!(!is_whole_bytes(DType::F4, &[2, 3], 1, 1));
        assert!(is_whole_bytes(DType::F4, &[2, 4], 1, 2));
        assert!(is_whole_bytes(DType::F6E2M3, &[8], 0, 4));
        assert!(!is_whole_bytes(DType::F6E2M3, &[8], 0, 2));
        assert_eq!(&*sliced(Cow::Borrowed(&[1, 2, 3, 4]), &[2, 4], 1, 2, 2), [2, 4]);
    }
}
