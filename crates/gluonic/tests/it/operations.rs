//! What operations promise beside gradients: element types, NaN, ties, unusual sizes, errors.

use gluonic::ops::{Order, Pad};
use gluonic::prelude::*;
use gluonic::s;

use crate::support::{array, error, variant};

fn values(x: Result<NdArray>) -> Vec<f64> {
    x.unwrap().to_f64_vec().unwrap()
}

fn ints(values: &[i64]) -> NdArray {
    NdArray::from_slice(values, values.len()).unwrap()
}

#[test]
fn what_moves_elements_works_on_every_element_type() -> Result<()> {
    let mask = NdArray::from_slice(&[true, false], (1, 2))?;
    let near = |x: &NdArray| x.to_f64_vec().unwrap();
    for &dtype in DType::ALL {
        let x = array(&[0.0, 1.0, 1.0, 0.0], (2, 2)).cast(dtype)?;
        let moved = [
            (ops::concat(&[&x, &x], 1)?, vec![0., 1., 0., 1., 1., 0., 1., 0.]),
            (ops::stack(&[&x.row(0)?, &x.row(1)?], 1)?, vec![0., 1., 1., 0.]),
            (x.split(2, 1)?.remove(1), vec![1., 0.]),
            (x.take_axis(&ints(&[1, -2]), 1)?, vec![1., 0., 0., 1.]),
            (x.take_along_axis(&ints(&[1, 0]).reshape((2, 1))?, 1)?, vec![1., 1.]),
            (mask.select(&x, &x.flip(&[1])?)?, vec![0., 0., 1., 1.]),
            (x.tile(&[2, 1])?, vec![0., 1., 1., 0., 0., 1., 1., 0.]),
            (x.repeat(2, 1)?, vec![0., 0., 1., 1., 1., 1., 0., 0.]),
            (x.pad(&[(0, 0), (1, 0)], Pad::Constant(1.0))?, vec![1., 0., 1., 1., 1., 0.]),
            (x.pad(&[(0, 0), (0, 1)], Pad::Reflect)?, vec![0., 1., 0., 1., 0., 1.]),
            (x.diagonal(0, 1)?, vec![0., 0.]),
            (x.sort(1, Order::Descending)?, vec![1., 0., 1., 0.]),
            (ints(&[1, 0]).one_hot(2, dtype)?, vec![0., 1., 1., 0.]),
        ];
        for (i, (y, expected)) in moved.iter().enumerate() {
            assert_eq!((y.dtype(), near(y)), (dtype, expected.clone()), "{i} of {dtype}");
        }
        assert_eq!(x.argmax(1, false)?.to_vec::<i64>()?, [1, 0], "{dtype}");
        let arithmetic = x.exp();
        assert_eq!(arithmetic.is_ok(), dtype.is_float(), "{dtype}");
    }
    Ok(())
}

#[test]
fn half_types_are_computed_in_single_precision() -> Result<()> {
    for dtype in [DType::F16, DType::BF16] {
        let x = NdArray::full(1000, 300.0, dtype)?;
        // The squares and the running sums of `float16` would be infinite.
        let norm = values(x.l2_norm(&[], false))[0];
        assert!((norm - 9486.8).abs() < 40.0, "{dtype}: {norm}");
        assert_eq!(values(x.var_axes(&[], 0, false)), [0.0], "{dtype}");
        let y = (x.l2_norm(&[], true)?, x.gelu()?, x.masked_softmax(&x, -1)?, x.erf()?);
        assert!([y.0.dtype(), y.1.dtype(), y.2.dtype(), y.3.dtype()].iter().all(|d| *d == dtype));
    }
    Ok(())
}

#[test]
fn activations_have_the_values_of_mxnet() -> Result<()> {
    let x = NdArray::from_slice(&[-1.0, 0.0, 2.5], 3)?;
    // Computed by MXNet 1.9.1 in `float32`.
    for (found, expected) in [
        (x.gelu(), [-0.158_655_27, 0.0, 2.484_475_9]),
        (x.selu(), [-1.111_330_7, 0.0, 2.626_752_6]),
        (x.elu(0.7), [-0.442_484_35, 0.0, 2.5]),
        (x.hard_sigmoid(0.2, 0.5), [0.3, 0.5, 1.0]),
        (x.erf(), [-0.842_700_78, 0.0, 0.999_593_02]),
    ] {
        for (found, expected) in values(found).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "expected {expected}, found {found}");
        }
    }
    Ok(())
}

#[test]
fn a_nan_stays_where_it_is_not_masked_away() -> Result<()> {
    let x = NdArray::from_slice(&[f64::NAN, 1.0], 2)?;
    for y in [x.sign(), x.clip(-1.0, 1.0), x.gelu(), x.silu(), x.leaky_relu(0.1), x.elu(1.0)] {
        assert!(values(y)[0].is_nan());
    }
    for y in [x.logsumexp(&[], false), x.l1_norm(&[], false), x.l2_norm(&[], false)] {
        assert!(values(y)[0].is_nan());
    }
    let mask = NdArray::from_slice(&[false, true], 2)?;
    assert_eq!(values(x.masked_softmax(&mask, 0)), [0.0, 1.0]);
    assert_eq!(values(mask.select(&x, &NdArray::scalar(7.0))), [7.0, 1.0]);
    Ok(())
}

#[test]
fn at_ties_and_kinks_the_gradient_is_as_stated() -> Result<()> {
    let grad = |x: &[f64], f: fn(&NdArray) -> Result<NdArray>| -> Result<Vec<f64>> {
        let x = NdArray::from_slice(x, x.len())?.attach_grad(GradReq::Write)?;
        autograd::record(|| f(&x))?.backward()?;
        x.grad()?.to_vec()
    };
    assert_eq!(grad(&[0.0, 0.0], |x| x.l2_norm(&[], false))?, [0.0, 0.0]);
    assert_eq!(grad(&[0.0, -2.0], |x| x.l1_norm(&[], false))?, [0.0, -1.0]);
    assert_eq!(grad(&[-1.0, 1.0, 2.0], |x| x.clip(-1.0, 1.0))?, [1.0, 1.0, 0.0]);
    assert_eq!(grad(&[0.0], |x| x.leaky_relu(0.25))?, [0.25]);
    let infinite = [f64::NEG_INFINITY; 2];
    assert_eq!(grad(&infinite, |x| x.logsumexp(&[], false))?, [0.0, 0.0]);
    assert_eq!(grad(&[1.0, 2.0], |x| ops::concat(&[x, x], 0))?, [2.0, 2.0]);
    assert_eq!(grad(&[1.0, 2.0], |x| x.take_axis(&ints(&[1, 1, -1]), 0))?, [0.0, 3.0]);
    Ok(())
}

#[test]
fn extreme_values_neither_overflow_nor_vanish() -> Result<()> {
    let x = NdArray::from_slice(&[1e4, -1e4, 0.0], 3)?;
    assert_eq!(values(x.logsumexp(&[], false)), [1e4]);
    assert_eq!(values(x.log_sigmoid()), [0.0, -1e4, -(2.0_f64.ln())]);
    assert_eq!(values(x.silu()), [1e4, 0.0, 0.0]);
    let infinite = NdArray::from_slice(&[f64::INFINITY, 1.0], 2)?;
    assert_eq!(values(infinite.logsumexp(&[], false)), [f64::INFINITY]);
    let none = NdArray::zeros((2, 0), DType::F64)?;
    assert_eq!(values(none.logsumexp(&[1], false)), [f64::NEG_INFINITY; 2]);
    assert_eq!(values(none.var_axes(&[1], 0, false)).len(), 2);
    Ok(())
}

#[test]
fn einsum_equals_products_sums_and_transposes() -> Result<()> {
    let x = NdArray::arange::<f64>(6).reshape((2, 3))?;
    let cube = NdArray::arange::<f64>(12).reshape((2, 3, 2))?;
    let same = |found: NdArray, expected: NdArray| {
        assert_eq!(found.dims(), expected.dims());
        assert_eq!(found.to_f64_vec().unwrap(), expected.to_f64_vec().unwrap());
    };
    same(ops::einsum("ij->ji", &[&x])?, x.transpose()?);
    same(ops::einsum("ba", &[&x])?, x.transpose()?);
    same(ops::einsum("ij,kj", &[&x, &x])?, x.matmul(&x.transpose()?)?);
    same(ops::einsum("ij,ij->", &[&x, &x])?, x.square()?.sum()?);
    same(ops::einsum("ij,ij->ij", &[&x, &x])?, x.square()?);
    same(ops::einsum("ij,ijk->ik", &[&x, &cube])?, {
        x.expand_dims(1)?.matmul(&cube)?.squeeze(1)?
    });
    same(ops::einsum(",ij->ij", &[&NdArray::scalar(2.0), &x])?, (&x * 2.0)?);
    same(ops::einsum("", &[&NdArray::scalar(2.0)])?, NdArray::scalar(2.0));
    same(ops::einsum("ij,kl->", &[&x, &x])?, NdArray::scalar(225.0));
    Ok(())
}

#[test]
fn the_ellipsis_of_einsum_stands_for_axes_that_broadcast() -> Result<()> {
    let x = NdArray::arange::<f64>(24).reshape((2, 3, 4))?;
    let y = NdArray::arange::<f64>(8).reshape((4, 2))?;
    let same = |found: NdArray, expected: NdArray| {
        assert_eq!(found.dims(), expected.dims());
        assert_eq!(found.to_f64_vec().unwrap(), expected.to_f64_vec().unwrap());
    };
    same(ops::einsum("...ij,jk->...ik", &[&x, &y])?, x.matmul(&y)?);
    same(ops::einsum("...i->...", &[&x])?, x.sum_axes(&[-1], false)?);
    same(ops::einsum("...ij->...ji", &[&x])?, x.swap_axes(1, 2)?);
    same(ops::einsum("i...->...i", &[&x])?, x.permute(&[1, 2, 0])?);
    same(ops::einsum("ba...", &[&x])?, x.permute(&[2, 1, 0])?);
    same(ops::einsum("...,...", &[&x, &x])?, x.square()?);
    let row = x.slice(s![..1, .., ..1])?;
    same(ops::einsum("...,...->...", &[&x, &row])?, x.mul(&row)?);
    let first = x.slice(s![0, ..1])?;
    same(ops::einsum("i...k,...k->i...", &[&x, &first])?, {
        x.mul(&first)?.sum_axes(&[-1], false)?
    });
    same(ops::einsum("...ij,...jk", &[&y, &y.transpose()?])?, y.matmul(&y.transpose()?)?);
    let none = x.slice(s![..0])?;
    same(ops::einsum("...,...->...", &[&none, &row])?, none);
    let told = |text: &str, operands: &[&NdArray]| {
        error(ops::einsum(text, operands)).to_string().lines().next().unwrap().to_owned()
    };
    assert_eq!(told("..i", &[&x]), "einsum: expected `...`, three of them");
    assert_eq!(told("...i...", &[&x]), "einsum: `...` stands twice for the same array");
    assert_eq!(told("ijk->...i", &[&x]), "einsum: no operand has `...`");
    assert_eq!(told("...,...->...", &[&x, &y]), "einsum: axes of `...` have sizes 4 and 2");
    assert_eq!(
        told("...ijkl->...", &[&x]),
        "einsum: expected an operand of rank 4 or more, found shape (2, 3, 4)"
    );
    Ok(())
}

#[test]
fn blocks_are_gathered_by_several_indices_and_scattered_back() -> Result<()> {
    let x = NdArray::arange::<f64>(24).reshape((2, 3, 4))?;
    let indices = NdArray::from_slice(&[0_i32, 1, 1, 2, 0, -1], (2, 3))?;
    let blocks = x.gather_nd(&indices)?;
    assert_eq!(blocks.dims().to_string(), "(3, 4)");
    for (i, (a, b)) in [(0, 2), (1, 0), (1, 2)].into_iter().enumerate() {
        let expected = x.slice(s![a, b])?.to_vec::<f64>()?;
        assert_eq!(blocks.row(i as isize)?.to_vec::<f64>()?, expected);
    }
    // In any layout, of any type, down to single elements, or the whole for no index at all.
    let (turned, back) = (x.transpose()?, indices.transpose()?.slice(s![..;-1])?.transpose()?);
    assert_eq!(turned.gather_nd(&back.cast(DType::F16)?)?.dims().to_string(), "(3, 2)");
    let one = NdArray::from_slice(&[1_u8, 2, 3], 3)?;
    assert_eq!(x.cast(DType::I8)?.gather_nd(&one)?.to_scalar::<i8>()?, 23);
    let whole = x.gather_nd(&NdArray::zeros((0, 2), DType::I64)?)?;
    assert_eq!(whole.dims().to_string(), "(2, 2, 3, 4)");
    assert_eq!(whole.row(1)?.to_vec::<f64>()?, x.to_vec::<f64>()?);
    assert_eq!(x.gather_nd(&NdArray::zeros((1, 0), DType::I64)?)?.dims().to_string(), "(0, 3, 4)");

    let twice = NdArray::from_slice(&[0_i64, 0, 1, 1], (2, 2))?;
    let sum = NdArray::from_slice(&[1.0_f32, 2.0, 10.0, 20.0], (2, 2))?;
    assert_eq!(sum.scatter_nd(&twice, (1, 2, 2))?.to_vec::<f32>()?, [0.0, 0.0, 11.0, 22.0]);
    for (refused, found) in [
        ("Misfit", x.gather_nd(&NdArray::scalar(1_i64))),
        ("Misfit", x.gather_nd(&NdArray::zeros((4, 1), DType::I64)?)),
        ("Index", x.gather_nd(&NdArray::from_slice(&[2_i64], (1, 1))?)),
        ("Index", x.gather_nd(&NdArray::from_slice(&[f32::NAN], (1, 1))?)),
        ("OperandShape", sum.scatter_nd(&twice, (1, 2, 3))),
        ("Index", sum.scatter_nd(&twice, (1, 1, 2))),
        ("NoArithmetic", one.scatter_nd(&NdArray::zeros((1, 3), DType::I64)?, 5)),
        ("TooLarge", sum.scatter_nd(&twice, (usize::MAX, 2, 2))),
    ] {
        assert_eq!(variant(&error(found)), refused);
    }
    Ok(())
}

#[test]
fn bad_input_is_told_by_name_and_changes_nothing() -> Result<()> {
    let x = array(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], (2, 3));
    let int = NdArray::arange::<i32>(3);
    let cases: Vec<(&str, Result<NdArray>)> = vec![
        ("Setting", ops::concat(&[], 0)),
        ("DTypeMismatch", ops::concat(&[&x, &int], 0)),
        ("OperandShape", ops::concat(&[&x, &x.row(0)?], 0)),
        ("OperandShape", ops::stack(&[&x, &x.transpose()?], 0)),
        ("Axis", ops::stack(&[&x], 4)),
        ("Setting", x.split(2, 1).map(|mut parts| parts.remove(0))),
        ("Setting", x.split(0, 1).map(|mut parts| parts.remove(0))),
        ("Setting", x.split_at(&[2, 1], 1).map(|mut parts| parts.remove(0))),
        ("Index", x.take_axis(&ints(&[0, 3]), 1)),
        ("Index", x.take_axis(&ints(&[-4]), 1)),
        ("Index", x.take_axis(&array(&[f32::NAN], 1), 0)),
        ("Label", ints(&[0, 5]).one_hot(5, DType::F32)),
        ("Label", x.pick(&ints(&[0, -1]), 1)),
        ("LabelShape", x.pick(&ints(&[0]), 1)),
        ("Broadcast", x.gt(&x)?.select(&x, &int.cast(DType::F32)?.slice(s![..2])?)),
        ("DTypeMismatch", x.gt(&x)?.select(&x, &int)),
        ("Broadcast", x.masked_softmax(&NdArray::ones((4, 2, 3), DType::Bool)?, -1)),
        ("Empty", NdArray::zeros((2, 0), DType::F32)?.argmax(1, false)),
        ("NoArithmetic", int.gelu()),
        ("NoArithmetic", int.log()),
        ("Axis", x.diagonal(1, -1)),
        ("TooLarge", x.tile(&[usize::MAX, 2])),
        ("TooLarge", x.repeat(usize::MAX, 0)),
        ("Setting", x.pad(&[(1, 1)], Pad::Edge)),
        ("Setting", x.pad(&[(0, 0), (3, 0)], Pad::Reflect)),
        ("OperandShape", x.scatter_add(&ints(&[0, 1]).reshape((2, 1))?, &x, 1)),
    ];
    for (i, (expected, result)) in cases.into_iter().enumerate() {
        assert_eq!(variant(&error(result)), expected, "case {i}");
    }
    assert_eq!(variant(&error(x.topk(4, 1, Order::Ascending))), "Setting");
    Ok(())
}

#[test]
fn integers_compute_and_wrap_as_in_mxnet() -> Result<()> {
    // Measured with MXNet 1.9.1: int32 7, -7, 5 with 3, 3, -3; uint8 250, 3, 1; int8 127, -128, 1.
    let (x, y) = (ints(&[7, -7, 5]).cast(DType::I32)?, ints(&[3, 3, -3]).cast(DType::I32)?);
    let cases = [
        (x.add(&y), [10.0, -4.0, 2.0]),
        (x.sub(&y), [4.0, -10.0, 8.0]),
        (x.mul(&y), [21.0, -21.0, -15.0]),
        (x.div(&y), [2.0, -2.0, -1.0]),
        (x.remainder(&y), [1.0, 2.0, -1.0]),
        (x.floor_divide(&y), [2.0, -3.0, -2.0]),
        (x.pow(&y), [343.0, -343.0, 0.0]),
        (x.maximum(&y), [7.0, 3.0, 5.0]),
        (x.neg(), [-7.0, 7.0, -5.0]),
        (x.abs(), [7.0, 7.0, 5.0]),
        (x.mul_scalar(2.5), [14.0, -14.0, 10.0]),
        (x.div_scalar(2), [3.0, -3.0, 2.0]),
        (x.scalar_sub(2.5), [-5.0, 9.0, -3.0]),
        (x.scalar_div(1), [0.0, 0.0, 0.0]),
        (x.remainder_scalar(-3), [-2.0, -1.0, -1.0]),
        (x.div(&(x.sub(&x)?)), [0.0, 0.0, 0.0]),
    ];
    for (i, (result, expected)) in cases.into_iter().enumerate() {
        assert_eq!(result.as_ref().unwrap().dtype(), DType::I32, "{i}");
        assert_eq!(values(result), expected, "{i}");
    }
    let u = ints(&[250, 3, 1]).cast(DType::U8)?;
    assert_eq!(values(u.add(&u)), [244.0, 6.0, 2.0]);
    assert_eq!(values(u.add_scalar(300)), [38.0, 47.0, 45.0]);
    let i = ints(&[127, -128, 1]).cast(DType::I8)?;
    assert_eq!(values(i.neg()), [-127.0, -128.0, -1.0]);
    let large = ints(&[1 << 62, -5]);
    assert_eq!(large.add_scalar(1)?.to_vec::<i64>()?, [(1 << 62) + 1, -4]);
    assert_eq!(
        (values(x.sum()), values(x.max()), values(x.min())),
        (vec![5.], vec![7.], vec![-7.])
    );
    let matrix = ints(&[1, 2, 3, 4, 5, 6]).reshape((2, 3))?;
    assert_eq!(values(matrix.sum_axes(&[0], false)), [5.0, 7.0, 9.0]);
    assert_eq!(values(matrix.max_axes(&[1], true)), [3.0, 6.0]);
    assert_eq!(values(matrix.transpose()?.add(&ints(&[10, 20]))), [11., 24., 12., 25., 13., 26.]);
    let wide = matrix.sum_axes(&[0, 1], false)?;
    assert_eq!((wide.rank(), wide.dtype()), (0, DType::I64));
    Ok(())
}

#[test]
fn integers_are_changed_in_place_without_a_detour_by_floats() -> Result<()> {
    let x = ints(&[1 << 62, -7, 5]);
    x.add_assign(1)?;
    assert_eq!(x.to_vec::<i64>()?, [(1 << 62) + 1, -6, 6]);
    x.sub_assign(&ints(&[1 << 62, 0, 0]))?;
    x.remainder_assign(4)?;
    assert_eq!(x.to_vec::<i64>()?, [1, 2, 2]);
    let u = ints(&[250, 3]).cast(DType::U8)?;
    u.add_assign(&u.clone())?;
    u.mul_assign(2)?;
    assert_eq!(u.to_vec::<u8>()?, [232, 12]);
    // Strides, also backwards, and broadcasting.
    let m = ints(&[1, 2, 3, 4, 5, 6]).reshape((2, 3))?;
    m.slice(s![.., ..;-2])?.mul_assign(&ints(&[10, 100]))?;
    assert_eq!(m.to_vec::<i64>()?, [100, 2, 30, 400, 5, 60]);
    m.transpose()?.floor_divide_assign(&ints(&[7, 9]))?;
    assert_eq!(m.to_vec::<i64>()?, [14, 0, 4, 44, 0, 6]);
    m.pow_assign(2)?;
    assert_eq!(m.to_vec::<i64>()?, [196, 0, 16, 1936, 0, 36]);
    Ok(())
}

#[test]
fn booleans_are_added_multiplied_and_counted_but_not_subtracted() -> Result<()> {
    let x = NdArray::from_slice(&[true, true, false], 3)?;
    let y = NdArray::from_slice(&[true, false, false], 3)?;
    assert_eq!(x.add(&y)?.to_vec::<bool>()?, [true, true, false]);
    assert_eq!(x.mul(&y)?.to_vec::<bool>()?, [true, false, false]);
    assert_eq!(x.bit_xor(&y)?.to_vec::<bool>()?, [false, true, false]);
    assert_eq!(x.sum()?.to_scalar::<i64>()?, 2);
    let refused =
        [x.sub(&y), x.div(&y), x.neg(), x.add_scalar(1), ints(&[1]).cast(DType::F32)?.bit_not()];
    for result in refused {
        assert_eq!(variant(&error(result)), "NoArithmetic");
    }
    assert_eq!(variant(&error(x.sub_assign(&y))), "NoArithmetic");
    let bits = ints(&[12, 10]);
    assert_eq!(values(bits.bit_and(&ints(&[10]))), [8.0, 10.0]);
    assert_eq!(values(bits.bit_or(&ints(&[1]))), [13.0, 11.0]);
    assert_eq!(values(bits.bit_not()), [-13.0, -11.0]);
    Ok(())
}

#[test]
fn remainders_of_floats_have_the_sign_of_the_divisor() -> Result<()> {
    // Measured with MXNet 1.9.1.
    let (x, y) = (array(&[7.0, -7.0, 5.5], 3), array(&[3.0, 3.0, -3.0], 3));
    assert_eq!(values(x.remainder(&y)), [1.0, 2.0, -0.5]);
    assert_eq!(values(x.remainder_scalar(-3.0)), [-2.0, -1.0, -0.5]);
    assert_eq!(values(x.scalar_remainder(3.0)), [3.0, -4.0, 3.0]);
    assert_eq!(values(x.remainder_scalar(0.0)), [0.0, 0.0, 0.0]);
    assert_eq!(values(x.floor_divide(&y)), [2.0, -3.0, -2.0]);
    // As `f64`, 0.3 is less than three times 0.1.
    assert_eq!(values(NdArray::from_slice(&[0.3_f64], 1)?.floor_divide_scalar(0.1)), [2.0]);
    let infinite = values(x.floor_divide_scalar(0.0));
    assert_eq!((infinite[0], infinite[1]), (f64::INFINITY, f64::NEG_INFINITY));
    Ok(())
}
