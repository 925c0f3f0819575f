//! The gradient of every operation that chooses, joins, repeats or reorders elements, and of the
//! further activations, for every layout of its inputs, against central differences.

use gluonic::ops::{Order, Pad, Pick};
use gluonic::prelude::*;
use gluonic::s;

use crate::gradients::With::{Fails, Works};
use crate::gradients::{ANY, POSITIVE, Row, Sizes, check_table, row, unary};

const FLAT: Sizes = &[&[3, 4]];
const CUBE: Sizes = &[&[2, 3, 4]];

fn ids(values: &[i64], dims: impl Into<Dims>) -> NdArray {
    NdArray::from_slice(values, dims).unwrap()
}

fn activations() -> Vec<Row> {
    vec![
        unary("expm1", ANY, |x| x[0].expm1()),
        unary("log1p", POSITIVE, |x| x[0].log1p()),
        unary("rsqrt", POSITIVE, |x| x[0].rsqrt()),
        unary("sign", ANY, |x| x[0].sign()),
        unary("erf", ANY, |x| x[0].erf()),
        unary("gelu", ANY, |x| x[0].gelu()),
        unary("gelu_tanh", ANY, |x| x[0].gelu_tanh()),
        unary("silu", ANY, |x| x[0].silu()),
        unary("selu", ANY, |x| x[0].selu()),
        unary("log_sigmoid", ANY, |x| x[0].log_sigmoid()),
        unary("leaky_relu", ANY, |x| x[0].leaky_relu(0.2)),
        unary("elu", ANY, |x| x[0].elu(0.7)),
        unary("hard_sigmoid", ANY, |x| x[0].hard_sigmoid(0.8, 0.5)),
        unary("clip", ANY, |x| x[0].clip(-0.6, 0.9)),
    ]
}

fn choices() -> Vec<Row> {
    let (axis, index) = (Fails(&[&[]], "Axis"), Fails(&[&[0, 4]], "Index"));
    let (two, empty) = (Works(&[&[], &[]]), Works(&[&[0, 4], &[4]]));
    vec![
        row("select", &[&[3, 4], &[3, 4]], two, empty, |x| {
            x[0].gt(&NdArray::scalar(0.0_f64))?.select(&x[0], &x[1])
        }),
        row("select, broadcast", &[&[3, 1], &[2, 1, 4]], two, Works(&[&[0, 1], &[4]]), |x| {
            NdArray::from_slice(&[1_u8, 0, 0, 5], 4)?.select(&x[0], &x[1])
        }),
        row("take_axis", CUBE, axis, Fails(&[&[2, 0, 4]], "Index"), |x| {
            x[0].take_axis(&ids(&[2, 0, -1, 2], (2, 2)), 1)
        }),
        row("take_axis, last", CUBE, axis, Works(&[&[0, 3, 4]]), |x| {
            x[0].take_axis(&ids(&[1, 1, 0], 3), -1)
        }),
        row("take_axis of one", FLAT, axis, index, |x| x[0].take_axis(&ids(&[1], ()), 0)),
        row("take_along_axis", FLAT, Fails(&[&[]], "Axis"), Fails(&[&[3, 0]], "Index"), |x| {
            x[0].take_along_axis(&ids(&[0, 2, 2, 1, 1, 1], (3, 2)), 1)
        }),
        row(
            "take_along_axis 0",
            FLAT,
            Fails(&[&[]], "Axis"),
            Fails(&[&[3, 0]], "OperandShape"),
            |x| x[0].take_along_axis(&ids(&[0, 2, 2, 1, 1, 1, 0, 0], (2, 4)), 0),
        ),
        row(
            "scatter_add",
            &[&[3, 4], &[3, 2]],
            Fails(&[&[], &[]], "Axis"),
            Fails(&[&[3, 0], &[3, 2]], "Index"),
            |x| x[0].scatter_add(&ids(&[0, 0, 3, 1, 2, 2], (3, 2)), &x[1], 1),
        ),
        row("gather_nd", CUBE, Fails(&[&[]], "Misfit"), Fails(&[&[2, 0, 4]], "Index"), |x| {
            x[0].gather_nd(&ids(&[1, 0, 1, 2, -1, 2], (2, 3)))
        }),
        row("gather_nd of blocks", CUBE, Fails(&[&[]], "Misfit"), Works(&[&[2, 0, 4]]), |x| {
            x[0].gather_nd(&ids(&[1, 1, 0], (1, 3)))
        }),
        row("picked", CUBE, Fails(&[&[]], "Index"), Fails(&[&[2, 0, 4]], "Index"), |x| {
            let places = |values: &[i64]| Pick::Places(ids(values, values.len()));
            x[0].picked(&[Pick::Part(s![..][0]), places(&[2, 0, 2]), places(&[1, -1, 1])])
        }),
        row(
            "picked by a mask",
            FLAT,
            Fails(&[&[]], "OperandShape"),
            Fails(&[&[0, 4]], "OperandShape"),
            |x| {
                let mask = NdArray::from_slice(&[true, false, true], 3)?;
                x[0].picked(&[Pick::Places(mask), Pick::Part(s![1..][0])])
            },
        ),
        row(
            "with_picked",
            &[&[3, 4], &[2, 4]],
            Fails(&[&[], &[]], "Index"),
            Fails(&[&[0, 4], &[2, 4]], "Index"),
            |x| x[0].with_picked(&[Pick::Places(ids(&[2, 0], 2))], &x[1]),
        ),
        row(
            "scatter_nd",
            &[&[3, 2]],
            Fails(&[&[]], "OperandShape"),
            Fails(&[&[3, 0]], "OperandShape"),
            |x| x[0].scatter_nd(&ids(&[1, 0, 1, 2, -1, 2], (2, 3)), (2, 3, 2)),
        ),
        row(
            "scatter_nd of nothing",
            &[&[0, 2]],
            Fails(&[&[]], "OperandShape"),
            Works(&[&[0, 2]]),
            |x| x[0].scatter_nd(&ids(&[], (1, 0)), (3, 2)),
        ),
        row("pick", CUBE, axis, Works(&[&[2, 3, 0]]), |x| {
            let n = x[0].dims().last().copied().unwrap_or(1) as i64;
            let labels: Vec<i64> = (0..2 * n).map(|i| i % 3).collect();
            x[0].pick(&ids(&labels, (2, n as usize)), 1)
        }),
        row("masked_softmax", CUBE, axis, Works(&[&[2, 0, 4]]), |x| {
            x[0].masked_softmax(&NdArray::from_slice(&[true, false, true, true], 4)?, -1)
        }),
        row("masked_softmax 1", CUBE, axis, Works(&[&[0, 3, 2]]), |x| {
            x[0].masked_softmax(&NdArray::from_slice(&[0.0_f32, 2.0, 1.0], (3, 1))?, 1)
        }),
        row("masked_softmax of nothing", FLAT, axis, Works(&[&[0, 4]]), |x| {
            x[0].masked_softmax(
                &NdArray::zeros((x[0].dims().first().copied().unwrap_or(1), 1), DType::Bool)?,
                1,
            )
        }),
    ]
}

fn joins() -> Vec<Row> {
    let axis = Fails(&[&[], &[]], "Axis");
    let one = Fails(&[&[]], "Axis");
    vec![
        row("concat", &[&[3, 4], &[2, 4]], axis, Works(&[&[0, 4], &[2, 4]]), |x| {
            ops::concat(&[&x[0], &x[1]], 0)
        }),
        row("concat -1", &[&[3, 2], &[3, 1]], axis, Works(&[&[3, 0], &[3, 0]]), |x| {
            ops::concat(&[&x[0], &x[1]], -1)
        }),
        row("concat 1", &[&[2, 3, 2], &[2, 1, 2]], axis, Works(&[&[2, 0, 2], &[2, 1, 2]]), |x| {
            ops::concat(&[&x[0], &x[1], &x[0]], 1)
        }),
        row("stack", &[&[3, 2], &[3, 2]], Works(&[&[], &[]]), Works(&[&[0, 2], &[0, 2]]), |x| {
            ops::stack(&[&x[0], &x[1]], 0)
        }),
        row("stack -1", &[&[3, 2], &[3, 2]], Works(&[&[], &[]]), Works(&[&[2, 0], &[2, 0]]), |x| {
            ops::stack(&[&x[0], &x[1]], -1)
        }),
        row("split", CUBE, one, Works(&[&[0, 3, 4]]), |x| {
            let parts = x[0].split(2, -1)?;
            &parts[0] * &parts[1]
        }),
        row("split_at", CUBE, one, Fails(&[&[2, 0, 4]], "Setting"), |x| {
            let parts = x[0].split_at(&[1, 1, 2], 1)?;
            &(&parts[0] * &parts[3])? + &parts[2]
        }),
    ]
}

fn arrangements() -> Vec<Row> {
    let (any, axis) = (Works(&[&[]]), Fails(&[&[]], "Axis"));
    let (empty, widths) = (Works(&[&[0, 4]]), Fails(&[&[]], "Setting"));
    vec![
        row("swap_axes", CUBE, axis, Works(&[&[2, 0, 4]]), |x| x[0].swap_axes(-1, 0)),
        row("flip", CUBE, any, Works(&[&[2, 0, 4]]), |x| x[0].flip(&[])),
        row("flip 1", CUBE, axis, Works(&[&[2, 0, 4]]), |x| x[0].flip(&[1])),
        row("diagonal", CUBE, axis, Works(&[&[2, 0, 4]]), |x| x[0].diagonal(0, 2)),
        row("diagonal 1 0", FLAT, axis, empty, |x| x[0].diagonal(1, 0)),
        row("tile", FLAT, any, empty, |x| x[0].tile(&[2, 1, 3])),
        row("repeat", FLAT, axis, empty, |x| x[0].repeat(3, 1)),
        row("repeat 0", FLAT, axis, empty, |x| x[0].repeat(2, 0)),
        row("pad", FLAT, widths, empty, |x| x[0].pad(&[(1, 2), (0, 3)], Pad::Constant(1.5))),
        row("pad, edge", FLAT, widths, Fails(&[&[0, 4]], "Setting"), |x| {
            x[0].pad(&[(1, 2), (3, 0)], Pad::Edge)
        }),
        row("pad, reflect", FLAT, widths, Fails(&[&[0, 4]], "Setting"), |x| {
            x[0].pad(&[(2, 1), (0, 3)], Pad::Reflect)
        }),
    ]
}

fn folds() -> Vec<Row> {
    let (any, axis) = (Works(&[&[]]), Fails(&[&[]], "Axis"));
    let nothing = Works(&[&[3, 0, 2]]);
    vec![
        row("l1_norm", CUBE, any, nothing, |x| x[0].l1_norm(&[], false)),
        row("l1_norm 1", CUBE, axis, nothing, |x| x[0].l1_norm(&[1], true)),
        row("l2_norm", CUBE, any, nothing, |x| x[0].l2_norm(&[], true)),
        row("l2_norm -1", CUBE, axis, nothing, |x| x[0].l2_norm(&[-1], false)),
        row("l2_norm 0 and 2", CUBE, axis, nothing, |x| x[0].l2_norm(&[0, 2], false)),
        row("logsumexp", CUBE, any, nothing, |x| x[0].logsumexp(&[], false)),
        row("logsumexp 1", CUBE, axis, nothing, |x| x[0].logsumexp(&[1], false)),
        row("logsumexp 0 and 2", CUBE, axis, nothing, |x| x[0].logsumexp(&[0, 2], true)),
        row("var_axes", CUBE, any, nothing, |x| x[0].var_axes(&[], 0, false)),
        row("var_axes 0 and 2", CUBE, axis, Works(&[&[0, 3, 2]]), |x| {
            x[0].var_axes(&[0, 2], 1, true)
        }),
        row("cumsum", CUBE, axis, nothing, |x| x[0].cumsum(1)),
        row("cumsum -1", CUBE, axis, nothing, |x| x[0].cumsum(-1)),
        row("sort", CUBE, axis, nothing, |x| x[0].sort(1, Order::Ascending)),
        row("sort -1", CUBE, axis, nothing, |x| x[0].sort(-1, Order::Descending)),
        row("topk", CUBE, axis, Fails(&[&[2, 0, 4]], "Setting"), |x| {
            Ok(x[0].topk(2, 1, Order::Descending)?.0)
        }),
    ]
}

fn contractions() -> Vec<Row> {
    let (one, two) = (Fails(&[&[]], "Einsum"), Fails(&[&[], &[]], "Einsum"));
    vec![
        row("einsum ij,jk->ik", &[&[3, 4], &[4, 2]], two, Works(&[&[3, 0], &[0, 2]]), |x| {
            ops::einsum("ij,jk->ik", &[&x[0], &x[1]])
        }),
        row(
            "einsum bhqd,bhkd->bhqk",
            &[&[2, 1, 3, 4], &[2, 1, 2, 4]],
            two,
            Works(&[&[0, 1, 3, 4], &[0, 1, 2, 4]]),
            |x| ops::einsum("bhqd, bhkd -> bhqk", &[&x[0], &x[1]]),
        ),
        row("einsum i,j->ji", &[&[3], &[2]], two, Works(&[&[0], &[2]]), |x| {
            ops::einsum("i,j->ji", &[&x[0], &x[1]])
        }),
        row("einsum ii", &[&[3, 3]], one, Works(&[&[0, 0]]), |x| ops::einsum("ii", &[&x[0]])),
        row("einsum iji->ji", &[&[3, 2, 3]], one, Works(&[&[0, 2, 0]]), |x| {
            ops::einsum("iji->ji", &[&x[0]])
        }),
        row("einsum ijk->k", CUBE, one, Works(&[&[2, 0, 3]]), |x| ops::einsum("ijk->k", &[&x[0]])),
        row(
            "einsum ...ij,...jk->...ik",
            &[&[2, 1, 3, 2], &[3, 2, 2]],
            two,
            Works(&[&[0, 1, 3, 2], &[3, 2, 2]]),
            |x| ops::einsum("...ij,...jk->...ik", &[&x[0], &x[1]]),
        ),
        row("einsum i...->...", CUBE, one, Works(&[&[2, 0, 3]]), |x| {
            ops::einsum("i...->...", &[&x[0]])
        }),
        row("einsum of one twice", &[&[2, 2]], one, Works(&[&[0, 0]]), |x| {
            ops::einsum("ij,jk,ki->", &[&x[0], &x[0], &x[0]])
        }),
    ]
}

#[test]
fn folds_have_the_right_gradient_in_every_layout() {
    check_table(&folds());
}

#[test]
fn contractions_have_the_right_gradient_in_every_layout() {
    check_table(&contractions());
}

#[test]
fn further_activations_have_the_right_gradient_in_every_layout() {
    check_table(&activations());
}

#[test]
fn choices_have_the_right_gradient_in_every_layout() {
    check_table(&choices());
}

#[test]
fn joins_have_the_right_gradient_in_every_layout() {
    check_table(&joins());
}

#[test]
fn arrangements_have_the_right_gradient_in_every_layout() {
    check_table(&arrangements());
}
