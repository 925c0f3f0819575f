//! The gradient of every operation that rearranges elements, and of every loss, for every layout of
//! its inputs, against central differences.

use gluonic::prelude::*;
use ndarray::NewAxis;

use crate::gradients::With::{Fails, Works};
use crate::gradients::{Row, Sizes, check_table, row};

/// A class number for each place of the axes before the last.
fn labels(x: &NdArray) -> Result<NdArray> {
    let (classes, rest) = x.dims().split_last().map_or((1, &[][..]), |(n, rest)| (*n, rest));
    let n: usize = rest.iter().product();
    NdArray::from_vec((0..n).map(|i| (i * 2 % classes.max(1)) as i64).collect(), rest)
}

fn shapes() -> Vec<Row> {
    const FLAT: Sizes = &[&[3, 4]];
    const CUBE: Sizes = &[&[2, 3, 4]];
    let (axis, index) = (Fails(&[&[]], "Axis"), Fails(&[&[]], "Index"));
    let (any, empty) = (Works(&[&[]]), Works(&[&[0, 4]]));
    vec![
        row("to_context", FLAT, any, empty, |x| {
            x[0].to_context(Context::cpu(1))?.square()?.to_context(Context::cpu(0))
        }),
        row("reshape", FLAT, any, empty, |x| x[0].reshape(x[0].elem_count())),
        row(
            "reshape to other sizes",
            FLAT,
            Fails(&[&[]], "ElemCount"),
            Fails(&[&[0, 4]], "ElemCount"),
            |x| x[0].reshape((2, 6)),
        ),
        row("flatten", CUBE, axis, Works(&[&[2, 0, 3]]), |x| x[0].flatten()),
        row("squeeze", &[&[3, 1, 2]], axis, Works(&[&[0, 1, 2]]), |x| x[0].squeeze(1)),
        row("expand_dims", FLAT, any, empty, |x| x[0].expand_dims(-1)),
        row("transpose", CUBE, any, Works(&[&[2, 0, 3]]), |x| x[0].transpose()),
        row("permute", CUBE, axis, Works(&[&[2, 0, 3]]), |x| x[0].permute(&[2, 0, -2])),
        row("broadcast_to", FLAT, any, empty, |x| {
            let dims = [&[2][..], x[0].dims()].concat();
            x[0].broadcast_to(dims)
        }),
        row("slice with a step", CUBE, index, Works(&[&[2, 3, 0]]), |x| {
            x[0].slice(s![1.., ..;2, -3..-1])
        }),
        row("slice backwards", CUBE, index, Works(&[&[2, 3, 0]]), |x| {
            x[0].slice(s![..;-1, 1..;-2, ..;-3])
        }),
        row("slice to an element", CUBE, index, Fails(&[&[2, 3, 0]], "Index"), |x| {
            x[0].slice(s![-1, 0, 2])
        }),
        row("slice out of nothing", CUBE, index, Works(&[&[2, 0, 3]]), |x| {
            x[0].slice(s![1, .., 2])
        }),
        row("slice with new axes", FLAT, index, Works(&[&[3, 0]]), |x| {
            x[0].slice(s![NewAxis, 1, NewAxis, ..])
        }),
        row("row", FLAT, index, Fails(&[&[0, 4]], "Index"), |x| x[0].row(-1)),
        row("row of nothing", FLAT, index, Works(&[&[3, 0]]), |x| x[0].row(2)),
        row("take", FLAT, index, Fails(&[&[0, 4]], "Index"), |x| x[0].take(&[2, 0, 2])),
        row("take of nothing", CUBE, index, Works(&[&[2, 0, 3]]), |x| x[0].take(&[1, 1, 0])),
    ]
}

fn losses() -> Vec<Row> {
    const FLAT: Sizes = &[&[3, 4]];
    const TWO: Sizes = &[&[3, 4], &[3, 4]];
    const WEIGHTED: Sizes = &[&[3, 4], &[3, 4], &[3, 1]];
    let axis = Fails(&[&[]], "Axis");
    let empty = Works(&[&[0, 4]]);
    let no_class = Fails(&[&[3, 0]], "Label");
    vec![
        row("softmax_cross_entropy", FLAT, axis, empty, |x| {
            x[0].softmax_cross_entropy(&labels(&x[0])?)
        }),
        row("cross entropy of many axes", &[&[2, 3, 4]], axis, no_class, |x| {
            x[0].softmax_cross_entropy(&labels(&x[0])?)
        }),
        row("pick", FLAT, axis, empty, |x| x[0].pick(&labels(&x[0])?, -1)),
        row("L2", TWO, Fails(&[&[], &[]], "Axis"), Works(&[&[0, 4], &[0, 4]]), |x| {
            L2Loss::default().call(&x[0], &x[1], None)
        }),
        row(
            "weighted L2",
            WEIGHTED,
            Fails(&[&[], &[], &[]], "Axis"),
            Works(&[&[0, 4], &[0, 4], &[0, 1]]),
            |x| L2Loss { weight: 0.3, batch_axis: 0 }.call(&x[0], &x[1], Some(&x[2])),
        ),
        row("L2 along axis 1", TWO, Fails(&[&[], &[]], "Axis"), Works(&[&[3, 0], &[3, 0]]), |x| {
            L2Loss { weight: 1.0, batch_axis: 1 }.call(&x[0], &x[1], None)
        }),
        row("sparse cross entropy", FLAT, axis, empty, |x| {
            SoftmaxCrossEntropyLoss::default().call(&x[0], &labels(&x[0])?, None)
        }),
        row(
            "sparse cross entropy along axis 1",
            &[&[2, 3, 4]],
            axis,
            Fails(&[&[2, 0, 4]], "Label"),
            |x| {
                let label = NdArray::arange::<f32>(8).map_below(3)?.reshape((2, 4))?;
                SoftmaxCrossEntropyLoss { axis: 1, ..Default::default() }.call(&x[0], &label, None)
            },
        ),
        row(
            "weighted sparse cross entropy",
            &[&[3, 4], &[3]],
            Fails(&[&[], &[]], "Axis"),
            Works(&[&[0, 4], &[0]]),
            |x| {
                let loss = SoftmaxCrossEntropyLoss { weight: Some(0.7), ..Default::default() };
                loss.call(&x[0], &labels(&x[0])?, Some(&x[1]))
            },
        ),
        row("sparse cross entropy from logits", FLAT, axis, empty, |x| {
            let loss = SoftmaxCrossEntropyLoss { from_logits: true, ..Default::default() };
            loss.call(&x[0].log_softmax(-1)?, &labels(&x[0])?, None)
        }),
        row(
            "dense cross entropy",
            TWO,
            Fails(&[&[], &[]], "Axis"),
            Works(&[&[0, 4], &[0, 4]]),
            |x| {
                let loss = SoftmaxCrossEntropyLoss { sparse_label: false, ..Default::default() };
                loss.call(&x[0], &x[1], None)
            },
        ),
        row(
            "dense cross entropy along axis 1",
            &[&[2, 3, 4], &[2, 3, 4]],
            Fails(&[&[], &[]], "Axis"),
            Works(&[&[0, 3, 2], &[0, 3, 2]]),
            |x| {
                let loss =
                    SoftmaxCrossEntropyLoss { sparse_label: false, axis: 1, ..Default::default() };
                loss.call(&x[0], &x[1], None)
            },
        ),
        row(
            "weighted dense cross entropy from logits",
            WEIGHTED,
            Fails(&[&[], &[], &[]], "Axis"),
            Works(&[&[0, 4], &[0, 4], &[0, 1]]),
            |x| {
                let loss = SoftmaxCrossEntropyLoss {
                    sparse_label: false,
                    from_logits: true,
                    weight: Some(2.0),
                    ..Default::default()
                };
                loss.call(&x[0], &x[1], Some(&x[2]))
            },
        ),
    ]
}

trait MapBelow: Sized {
    fn map_below(self, n: usize) -> Result<Self>;
}

impl MapBelow for NdArray {
    /// Each number modulo `n`.
    fn map_below(self, n: usize) -> Result<Self> {
        self.map_inplace(|x| x % n as f64)?;
        Ok(self)
    }
}

#[test]
fn changes_of_shape_have_the_right_gradient_in_every_layout() {
    check_table(&shapes());
}

#[test]
fn losses_have_the_right_gradient_in_every_layout() {
    check_table(&losses());
}
