//! Edits in place: what is written where, for every way to say it and every element type.

use gluonic::array::Scalar;
use gluonic::prelude::*;
use ndarray::SliceInfoElem;

use crate::support::{Rng, array, bits, error, variant};

/// 0, 1, …, 11 as three rows of four.
fn counted() -> NdArray {
    NdArray::arange::<f32>(12).reshape((3, 4)).unwrap()
}

/// What `edit` makes of the counted array.
#[track_caller]
fn check(edit: impl FnOnce(&NdArray) -> Result<()>, expected: [[f32; 4]; 3]) {
    let x = counted();
    let (handle, version) = (x.clone(), x.version());
    edit(&x).unwrap();
    assert_eq!(handle.to_vec::<f32>().unwrap(), expected.concat());
    assert_eq!(handle.version(), version + 1, "one edit, one version");
}

#[track_caller]
fn check_refused(edit: impl FnOnce(&NdArray) -> Result<()>, expected: &str) {
    let x = counted();
    assert_eq!(variant(&error(edit(&x))), expected);
    assert_eq!(x.to_vec::<f32>().unwrap(), counted().to_vec::<f32>().unwrap());
}

const ROWS: [[f32; 4]; 3] = [[0., 1., 2., 3.], [4., 5., 6., 7.], [8., 9., 10., 11.]];

#[test]
fn an_element_a_row_a_column_and_a_range_are_set_by_index() {
    let [a, b, c] = ROWS;
    check(|x| x.set(s![0, 0], 42.0), [[42., 1., 2., 3.], b, c]);
    check(|x| x.set(s![-1, -2], 42), [a, b, [8., 9., 42., 11.]]);
    check(|x| x.set(s![1], 0.5), [a, [0.5; 4], c]);
    check(|x| x.set(s![.., 1], -1.0), [[0., -1., 2., 3.], [4., -1., 6., 7.], [8., -1., 10., 11.]]);
    check(|x| x.set(s![..2, 2..], 0.0), [[0., 1., 0., 0.], [4., 5., 0., 0.], c]);
    check(|x| x.set(s![..;2, ..;3], true), [[1., 1., 2., 1.], b, [1., 9., 10., 1.]]);
    check(|x| x.set(s![.., ..], 9.0), [[9.0; 4]; 3]);
    check(|x| x.set(s![2..2, ..], 9.0), ROWS);
    check(|x| x.set(s![1..100, 3], 9.0), [a, [4., 5., 6., 9.], [8., 9., 10., 9.]]);
}

#[test]
fn an_index_that_does_not_fit_is_refused() {
    check_refused(|x| x.set(s![3, 0], 1.0), "Index");
    check_refused(|x| x.set(s![0, -5], 1.0), "Index");
    check_refused(|x| x.set(s![0, 0, 0], 1.0), "Index");
    let no_step = [SliceInfoElem::Slice { start: 0, end: None, step: 0 }];
    check_refused(|x| x.set(no_step, 1.0), "Index");
}

#[test]
fn an_array_is_assigned_with_broadcasting() {
    let [a, _, c] = ROWS;
    let row = array(&[1., 2., 3., 4.], 4);
    check(|x| x.assign(&row), [[1., 2., 3., 4.]; 3]);
    check(|x| x.set(s![1, ..], &row), [a, [1., 2., 3., 4.], c]);
    check(|x| x.set(s![1, ..;-1], &row), [a, [4., 3., 2., 1.], c]);
    check(|x| x.assign(&array(&[1., 2., 3.], (3, 1))), [[1.; 4], [2.; 4], [3.; 4]]);
    check(|x| x.assign(&NdArray::scalar(7.0_f64)), [[7.; 4]; 3]);
    check(|x| x.set(s![1], &row.row(0)?), [a, [1.; 4], c]);
    check_refused(|x| x.assign(&array(&[1., 2., 3.], 3)), "Broadcast");
    check_refused(|x| x.set(s![0, ..], &counted()), "Broadcast");
    check_refused(|x| x.assign(&array(&[0.; 12], (1, 3, 4))), "Broadcast");
}

#[test]
fn parts_that_overlap_are_copied_as_if_the_source_were_read_first() {
    let [a, b, c] = ROWS;
    check(|x| x.set(s![1.., ..], &x.slice(s![..2, ..])?), [a, a, b]);
    check(|x| x.set(s![..2, ..], &x.slice(s![1.., ..])?), [b, c, c]);
    check(
        |x| x.assign(&x.slice(s![..;-1, ..;-1])?),
        [[11., 10., 9., 8.], [7., 6., 5., 4.], [3., 2., 1., 0.]],
    );
    check(|x| x.set(s![0, 1..], &x.slice(s![0, ..3])?), [[0., 0., 1., 2.], b, c]);
    check(|x| x.assign(&x.row(1)?), [b; 3]);
    check(|x| x.add_assign(&x.clone()), ROWS.map(|row| row.map(|v| v + v)));
    check(
        |x| x.set(s![.., ..3], &x.slice(s![.., ..3])?.transpose()?),
        [[0., 4., 8., 3.], [1., 5., 9., 7.], [2., 6., 10., 11.]],
    );
}

#[test]
fn a_mask_says_which_elements_are_set_and_broadcasts() -> Result<()> {
    let [a, b, _] = ROWS;
    let five = NdArray::full(1, 5.0, DType::F32)?;
    check(|x| x.fill_where(&x.gt(&five)?, 0.0), [a, [4., 5., 0., 0.], [0.; 4]]);
    let rows = NdArray::from_slice(&[false, false, true], (3, 1))?;
    check(|x| x.fill_where(&rows, -1), [a, b, [-1.; 4]]);
    check_refused(|x| x.fill_where(&counted(), 0.0), "DTypeMismatch");
    check_refused(|x| x.fill_where(&NdArray::from_slice(&[true, false], 2)?, 0.0), "Broadcast");
    let x = counted();
    x.transpose()?.fill_where(&NdArray::from_slice(&[true, false, false], 3)?, 9.0)?;
    assert_eq!(x.row(0)?.to_vec::<f32>()?, [9.0; 4]);
    assert_eq!(x.row(1)?.to_vec::<f32>()?, b);
    Ok(())
}

#[test]
fn arithmetic_in_place_takes_numbers_and_arrays() {
    let by = |f: fn(f32) -> f32| ROWS.map(|row| row.map(f));
    check(|x| x.add_assign(1), by(|v| v + 1.0));
    check(|x| x.sub_assign(0.5), by(|v| v - 0.5));
    check(|x| x.mul_assign(-2.0), by(|v| v * -2.0));
    check(|x| x.div_assign(4.0), by(|v| v / 4.0));
    check(|x| x.map_inplace(|v| v * v), by(|v| v * v));
    check(
        |x| x.mul_assign(&array(&[0., 1., 2., 3.], 4)),
        ROWS.map(|[p, q, r, s]| [p * 0., q, r * 2., s * 3.]),
    );
    check(
        |x| x.row(2)?.add_assign(&NdArray::arange::<u8>(4)),
        [ROWS[0], ROWS[1], [8., 10., 12., 14.]],
    );
    check_refused(|x| x.add_assign(&array(&[0.; 3], 3)), "Broadcast");
}

#[test]
fn a_view_lent_to_a_closure_writes_through_every_layout() -> Result<()> {
    let [a, b, c] = ROWS;
    check(|x| x.edit::<f32, _>(|mut v| v[[2, 0]] = -1.0), [a, b, [-1., 9., 10., 11.]]);
    check(|x| x.transpose()?.edit::<f32, _>(|mut v| v[[0, 2]] = -1.0), [a, b, [-1., 9., 10., 11.]]);
    check(
        |x| x.slice(s![..;-2, 1..;2])?.edit::<f32, _>(|mut v| v[[0, 1]] = -1.0),
        [a, b, [8., 9., 10., -1.]],
    );
    check(|x| x.slice(s![1, ..])?.edit::<f32, _>(|mut v| v.fill(0.0)), [a, [0.; 4], c]);
    check_refused(|x| x.edit::<f64, _>(|_| ()), "DTypeMismatch");
    let x = counted();
    let mean = x.edit::<f32, _>(|view| view.mean())?;
    assert_eq!(mean, Some(5.5));
    Ok(())
}

#[test]
fn an_array_in_which_elements_stand_for_several_is_read_and_not_edited() -> Result<()> {
    let row = array(&[1., 2.], 2);
    let wide = row.broadcast_to((3, 2))?;
    for refused in [
        wide.fill(0.0),
        wide.add_assign(1.0),
        wide.assign(&array(&[0.; 6], (3, 2))),
        wide.map_inplace(|x| x),
        wide.set(s![.., 0], 0.0),
        wide.fill_where(&NdArray::full((3, 2), true, DType::Bool)?, 0.0),
        wide.edit::<f32, _>(|_| ()),
    ] {
        assert_eq!(variant(&error(refused)), "BroadcastEdit");
    }
    assert_eq!(row.to_vec::<f32>()?, [1., 2.]);
    // One row of it stands for itself alone.
    wide.row(1)?.fill(5.0)?;
    assert_eq!(wide.to_vec::<f32>()?, [5.0; 6]);
    Ok(())
}

/// What each element type makes of a number, by Rust's `as`.
fn converted(value: f64, dtype: DType) -> f64 {
    match dtype {
        DType::Bool => f64::from(u8::from(value != 0.0)),
        DType::U8 => f64::from(value as u8),
        DType::I8 => f64::from(value as i8),
        DType::U16 => f64::from(value as u16),
        DType::I16 => f64::from(value as i16),
        DType::U32 => f64::from(value as u32),
        DType::I32 => f64::from(value as i32),
        DType::U64 => value as u64 as f64,
        DType::I64 => value as i64 as f64,
        DType::F16 => half::f16::from_f64(value).to_f64(),
        DType::BF16 => half::bf16::from_f64(value).to_f64(),
        DType::F32 => f64::from(value as f32),
        _ => value,
    }
}

#[test]
fn every_element_type_converts_as_rust_does_whichever_way_it_is_written() -> Result<()> {
    let values =
        [0.0, -0.0, 1.0, -1.0, 2.7, -2.7, 300.0, -40_000.0, 1e10, -1e20, f64::INFINITY, f64::NAN];
    let source = NdArray::from_slice(&values, values.len())?;
    for &dtype in DType::ALL {
        let expected: Vec<u64> = values.iter().map(|x| converted(*x, dtype).to_bits()).collect();
        let x = NdArray::zeros(values.len(), dtype)?;
        x.assign(&source)?;
        assert_eq!(bits(&x), expected, "assign, {dtype}");
        assert_eq!(bits(&source.cast(dtype)?), expected, "cast, {dtype}");
        for (i, value) in values.into_iter().enumerate() {
            x.fill(0.0)?;
            x.set(s![i as isize], value)?;
            assert_eq!(bits(&x)[i], expected[i], "set {value}, {dtype}");
        }
        assert_eq!(bits(&NdArray::full(1, values[4], dtype)?), expected[4..5], "full, {dtype}");
        x.fill(1.0)?;
        x.map_inplace(|x| x * 2.7)?;
        assert_eq!(bits(&x)[0], expected[4], "map, {dtype}");
    }
    Ok(())
}

#[test]
fn between_any_two_types_an_assignment_equals_a_cast() -> Result<()> {
    let mut rng = Rng::of("casts");
    for &from in DType::ALL {
        let source = NdArray::from_vec(rng.vec(40, -300.0, 300.0), (5, 8))?.cast(from)?;
        for &to in DType::ALL {
            let x = NdArray::zeros((5, 8), to)?;
            x.assign(&source)?;
            assert_eq!(bits(&x), bits(&source.cast(to)?), "{from} to {to}");
            let turned = NdArray::zeros((8, 5), to)?;
            turned.transpose()?.assign(&source)?;
            assert_eq!(bits(&turned.transpose()?), bits(&x), "{from} to {to}, turned");
        }
    }
    Ok(())
}

#[test]
fn large_integers_are_never_rounded_on_their_way() -> Result<()> {
    let big = [u64::MAX, (1 << 53) + 1, 0];
    let x = NdArray::from_slice(&big, 3)?;
    let y = NdArray::zeros(3, DType::U64)?;
    y.assign(&x)?;
    assert_eq!(y.to_vec::<u64>()?, big);
    y.fill(u64::MAX - 1)?;
    assert_eq!(y.to_vec::<u64>()?, [u64::MAX - 1; 3]);
    let signed = x.cast(DType::I64)?.to_vec::<i64>()?;
    assert_eq!(signed, big.map(|value| value as i64));
    assert_eq!(Scalar::from(u64::MAX), Scalar::Int(i128::from(u64::MAX)));
    Ok(())
}

#[test]
fn arrays_without_elements_and_scalars_are_edited_like_others() -> Result<()> {
    for dims in [Dims::from((0, 3)), Dims::from((3, 0)), Dims::from(0)] {
        let x = NdArray::zeros(&dims, DType::F32)?;
        x.fill(1.0)?;
        x.add_assign(1.0)?;
        x.assign(&NdArray::scalar(1.0_f32))?;
        x.map_inplace(|x| x + 1.0)?;
        x.fill_where(&NdArray::scalar(true), 1.0)?;
        x.edit::<f32, _>(|view| assert!(view.is_empty()))?;
        x.read::<f32, _>(|view| assert!(view.is_empty()))?;
        assert!(x.to_vec::<f32>()?.is_empty() && x.deep_clone()?.dims() == &dims);
    }
    // A part of nothing, which would begin beyond the end.
    let part = NdArray::zeros((0, 5), DType::F32)?.slice(s![.., 3])?;
    part.fill(1.0)?;
    assert!(part.to_vec::<f32>()?.is_empty() && part.exp()?.to_vec::<f32>()?.is_empty());
    let scalar = NdArray::scalar(2_i32);
    scalar.mul_assign(3)?;
    scalar.set([], 7)?;
    assert_eq!(scalar.to_scalar::<i32>()?, 7);
    Ok(())
}

#[test]
fn random_edits_through_random_views_agree_with_a_plain_vector() -> Result<()> {
    let mut rng = Rng::new(77);
    let x = NdArray::zeros((6, 7), DType::F64)?;
    let mut plain = vec![vec![0.0; 7]; 6];
    for _ in 0..500 {
        let mut axis = |n: usize| {
            let (a, b) = (rng.below(n + 1), rng.below(n + 1));
            let step = [1, 2, 3, -1, -2, -3][rng.below(6)];
            let (start, end) = (a.min(b), a.max(b));
            let mut picked: Vec<usize> = (start..end).collect();
            if step < 0 {
                picked.reverse();
            }
            let picked: Vec<usize> =
                picked.into_iter().step_by(isize::unsigned_abs(step)).collect();
            let elem =
                SliceInfoElem::Slice { start: start as isize, end: Some(end as isize), step };
            (elem, picked)
        };
        let ((rows, i_s), (cols, j_s)) = (axis(6), axis(7));
        let value = rng.between(-1.0, 1.0);
        let values = rng.vec(i_s.len() * j_s.len(), -1.0, 1.0);
        let add = rng.below(2) == 0;
        let part = x.slice([rows, cols])?;
        assert_eq!(**part.dims(), [i_s.len(), j_s.len()]);
        if add {
            part.add_assign(value)?;
        } else {
            x.set([rows, cols], &NdArray::from_slice(&values, (i_s.len(), j_s.len()))?)?;
        }
        for (a, &i) in i_s.iter().enumerate() {
            for (b, &j) in j_s.iter().enumerate() {
                plain[i][j] = if add { plain[i][j] + value } else { values[a * j_s.len() + b] };
            }
        }
        assert_eq!(x.to_vec::<f64>()?, plain.concat());
    }
    Ok(())
}
