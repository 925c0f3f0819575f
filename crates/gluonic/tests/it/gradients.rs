//! The gradient of every differentiable operation, for every layout of its inputs, against
//! central differences. What an operation refuses is listed with its error.

use std::sync::Arc;

use gluonic::autograd::{Function, apply};
use gluonic::loss::{L2Loss, SoftmaxCrossEntropyLoss};
use gluonic::prelude::*;
use gluonic::random::{Address, with_address};
use ndarray::NewAxis;

use crate::support::gradcheck::{Layout, check};
use crate::support::variant;

type Sizes = &'static [&'static [usize]];
type Operation = fn(&[NdArray]) -> Result<NdArray>;

/// What an operation does with inputs of unusual sizes.
#[derive(Clone, Copy)]
enum With {
    /// Differentiates them.
    Works(Sizes),
    /// Refuses them, with this error.
    Fails(Sizes, &'static str),
}
use With::{Fails, Works};

struct Row {
    name: &'static str,
    sizes: Sizes,
    scalar: With,
    empty: With,
    domain: (f64, f64),
    f: Operation,
}

const ANY: (f64, f64) = (-1.5, 1.5);
const POSITIVE: (f64, f64) = (0.3, 2.0);

fn row(name: &'static str, sizes: Sizes, scalar: With, empty: With, f: Operation) -> Row {
    Row { name, sizes, scalar, empty, domain: ANY, f }
}

/// A function of each element.
fn unary(name: &'static str, domain: (f64, f64), f: Operation) -> Row {
    Row { domain, ..row(name, &[&[3, 4]], Works(&[&[]]), Works(&[&[0, 4]]), f) }
}

/// A function of two arrays that broadcast.
fn binary(name: &'static str, domain: (f64, f64), f: Operation) -> [Row; 2] {
    let (scalar, empty) = (Works(&[&[], &[]]), Works(&[&[0, 4], &[4]]));
    let same = Row { domain, ..row(name, &[&[3, 4], &[3, 4]], scalar, empty, f) };
    let (scalar, empty) = (Works(&[&[], &[2, 2]]), Works(&[&[3, 1], &[3, 0]]));
    [same, Row { domain, ..row(name, &[&[3, 1], &[2, 1, 4]], scalar, empty, f) }]
}

/// `x³ · y`, with a gradient that a user wrote.
struct CubeTimes;

impl Function for CubeTimes {
    fn forward(&self, keep: &mut Vec<NdArray>, inputs: &[NdArray]) -> Result<NdArray> {
        keep.extend_from_slice(inputs);
        &inputs[0].powf(3.0)? * &inputs[1]
    }

    fn backward(
        &self,
        keep: &[NdArray],
        grad: &NdArray,
        _wanted: &[bool],
    ) -> Result<Vec<Option<NdArray>>> {
        let [x, y] = keep else { unreachable!("two were kept") };
        let dx = (&(&(&x.square()? * y)? * grad)? * 3.0)?;
        Ok(vec![Some(dx), Some((&x.powf(3.0)? * grad)?)])
    }
}

/// A class number for each place of the axes before the last.
fn labels(x: &NdArray) -> Result<NdArray> {
    let (classes, rest) = x.dims().split_last().map_or((1, &[][..]), |(n, rest)| (*n, rest));
    let n: usize = rest.iter().product();
    NdArray::from_vec((0..n).map(|i| (i * 2 % classes.max(1)) as i64).collect(), rest)
}

fn elementwise() -> Vec<Row> {
    let one = [
        unary("neg", ANY, |x| x[0].neg()),
        unary("abs", ANY, |x| x[0].abs()),
        unary("exp", ANY, |x| x[0].exp()),
        unary("log", POSITIVE, |x| x[0].log()),
        unary("sqrt", POSITIVE, |x| x[0].sqrt()),
        unary("square", ANY, |x| x[0].square()),
        unary("sin", ANY, |x| x[0].sin()),
        unary("cos", ANY, |x| x[0].cos()),
        unary("powf 2.5", POSITIVE, |x| x[0].powf(2.5)),
        unary("powf 3", ANY, |x| x[0].powf(3.0)),
        unary("powf -1", POSITIVE, |x| x[0].powf(-1.0)),
        unary("powf 0", ANY, |x| x[0].powf(0.0)),
        unary("relu", ANY, |x| x[0].relu()),
        unary("sigmoid", ANY, |x| x[0].sigmoid()),
        unary("tanh", ANY, |x| x[0].tanh()),
        unary("softplus", ANY, |x| x[0].softplus()),
        unary("softsign", ANY, |x| x[0].softsign()),
        unary("x + number", ANY, |x| &x[0] + 1.5),
        unary("number + x", ANY, |x| 1.5 + &x[0]),
        unary("x - number", ANY, |x| &x[0] - 1.5),
        unary("number - x", ANY, |x| 1.5 - &x[0]),
        unary("x * number", ANY, |x| &x[0] * -2.5),
        unary("number * x", ANY, |x| -2.5 * &x[0]),
        unary("x / number", ANY, |x| &x[0] / 0.7),
        unary("number / x", POSITIVE, |x| 0.7 / &x[0]),
        unary("-x", ANY, |x| -&x[0]),
        unary("cast to the same type", ANY, |x| x[0].cast(DType::F64)),
        unary("dropout", ANY, |x| {
            with_address(&Address::new(5, "dropout"), || ops::dropout(&x[0], 0.4))
        }),
    ];
    let two = [
        binary("add", ANY, |x| &x[0] + &x[1]),
        binary("sub", ANY, |x| &x[0] - &x[1]),
        binary("mul", ANY, |x| &x[0] * &x[1]),
        binary("div", POSITIVE, |x| &x[0] / &x[1]),
        binary("pow", POSITIVE, |x| x[0].pow(&x[1])),
        binary("maximum", ANY, |x| x[0].maximum(&x[1])),
        binary("minimum", ANY, |x| x[0].minimum(&x[1])),
        binary("a user's function", ANY, |x| {
            // A user's function does not broadcast gradients by itself.
            let dims = (&x[0] + &x[1])?.dims().clone();
            let wide = [x[0].broadcast_to(&dims)?, x[1].broadcast_to(&dims)?];
            apply(&Arc::new(CubeTimes), &wide)
        }),
    ];
    one.into_iter().chain(two.into_iter().flatten()).collect()
}

fn reductions() -> Vec<Row> {
    const CUBE: Sizes = &[&[2, 3, 4]];
    let (all, axis) = (Works(&[&[]]), Fails(&[&[]], "Axis"));
    let nothing = Works(&[&[3, 0, 2]]);
    let best_of_nothing = Fails(&[&[3, 0, 2]], "Empty");
    vec![
        row("sum", CUBE, all, nothing, |x| x[0].sum()),
        row("sum 0", CUBE, axis, nothing, |x| x[0].sum_axes(&[0], false)),
        row("sum 1 kept", CUBE, axis, nothing, |x| x[0].sum_axes(&[1], true)),
        row("sum -1", CUBE, axis, nothing, |x| x[0].sum_axes(&[-1], false)),
        row("sum 0 and 2", CUBE, axis, nothing, |x| x[0].sum_axes(&[2, 0], false)),
        row("sum 0 and 2 kept", CUBE, axis, nothing, |x| x[0].sum_axes(&[0, -1], true)),
        row("mean", CUBE, all, nothing, |x| x[0].mean()),
        row("mean 1", CUBE, axis, Works(&[&[0, 3, 2]]), |x| x[0].mean_axes(&[1], false)),
        row("mean 0 and 2 kept", CUBE, axis, nothing, |x| x[0].mean_axes(&[0, 2], true)),
        row("max", CUBE, all, best_of_nothing, |x| x[0].max()),
        row("max 1", CUBE, axis, best_of_nothing, |x| x[0].max_axes(&[1], false)),
        row("max -1 kept", CUBE, axis, nothing, |x| x[0].max_axes(&[-1], true)),
        row("max 0 and 2", CUBE, axis, nothing, |x| x[0].max_axes(&[0, 2], false)),
        row("min", CUBE, all, best_of_nothing, |x| x[0].min()),
        row("min 0", CUBE, axis, nothing, |x| x[0].min_axes(&[0], false)),
        row("min 0 and 2 kept", CUBE, axis, nothing, |x| x[0].min_axes(&[0, 2], true)),
        row("softmax -1", CUBE, axis, Works(&[&[2, 0]]), |x| x[0].softmax(-1)),
        row("softmax 0", CUBE, axis, nothing, |x| x[0].softmax(0)),
        row("softmax 1", CUBE, axis, nothing, |x| x[0].softmax(1)),
        row("log_softmax -1", CUBE, axis, Works(&[&[2, 0]]), |x| x[0].log_softmax(-1)),
        row("log_softmax 0", CUBE, axis, nothing, |x| x[0].log_softmax(0)),
        row("log_softmax 1", CUBE, axis, nothing, |x| x[0].log_softmax(1)),
    ]
}

fn products() -> Vec<Row> {
    let scalars = Fails(&[&[], &[]], "Matmul");
    let rows = Works(&[&[0, 4], &[4, 2]]);
    let inner = Works(&[&[3, 0], &[0, 2]]);
    let matmul: Operation = |x| x[0].matmul(&x[1]);
    let no_scalars = Fails(&[&[], &[2, 4], &[2]], "Dense");
    let dense: Operation = |x| ops::dense(&x[0], &x[1], x.get(2));
    vec![
        row("matmul", &[&[3, 4], &[4, 2]], scalars, rows, matmul),
        row("matmul of nothing", &[&[1, 4], &[4, 1]], scalars, inner, matmul),
        row("vector · vector", &[&[4], &[4]], scalars, Works(&[&[0], &[0]]), matmul),
        row("matrix · vector", &[&[3, 4], &[4]], scalars, Works(&[&[3, 0], &[0]]), matmul),
        row("vector · matrix", &[&[4], &[4, 2]], scalars, Works(&[&[4], &[4, 0]]), matmul),
        row("stacks", &[&[2, 3, 4], &[2, 4, 2]], scalars, Works(&[&[0, 3, 4], &[0, 4, 2]]), matmul),
        row(
            "broadcast stacks",
            &[&[2, 1, 3, 4], &[3, 4, 2]],
            scalars,
            Works(&[&[0, 3, 4], &[4, 2]]),
            matmul,
        ),
        row(
            "stack · matrix",
            &[&[3, 2, 4], &[4, 2]],
            scalars,
            Works(&[&[2, 0, 4], &[4, 2]]),
            matmul,
        ),
        row("stack · vector", &[&[2, 3, 4], &[4]], scalars, Works(&[&[2, 3, 0], &[0]]), matmul),
        row("vector · stack", &[&[4], &[2, 4, 3]], scalars, Works(&[&[4], &[0, 4, 3]]), matmul),
        row(
            "dense",
            &[&[3, 4], &[2, 4]],
            Fails(&[&[], &[2, 4]], "Dense"),
            Works(&[&[0, 4], &[2, 4]]),
            dense,
        ),
        row(
            "dense with bias",
            &[&[3, 4], &[2, 4], &[2]],
            no_scalars,
            Works(&[&[0, 4], &[2, 4], &[2]]),
            dense,
        ),
        row(
            "dense of width 0",
            &[&[1, 1], &[2, 1], &[2]],
            no_scalars,
            Works(&[&[3, 0], &[2, 0], &[2]]),
            dense,
        ),
        row(
            "dense of many axes",
            &[&[2, 3, 4], &[5, 4], &[5]],
            no_scalars,
            Works(&[&[2, 0, 4], &[5, 4], &[5]]),
            dense,
        ),
    ]
}

fn shapes() -> Vec<Row> {
    const FLAT: Sizes = &[&[3, 4]];
    const CUBE: Sizes = &[&[2, 3, 4]];
    let (axis, index) = (Fails(&[&[]], "Axis"), Fails(&[&[]], "Index"));
    let (any, empty) = (Works(&[&[]]), Works(&[&[0, 4]]));
    vec![
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
            x[0].slice(s![1.., ..;2, 1..-1])
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
        row("pick_last", FLAT, axis, empty, |x| x[0].pick_last(&labels(&x[0])?)),
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

/// Every way to give each of `n` inputs a layout; from three inputs on, all alike or one apart.
fn layouts(n: usize) -> Vec<Vec<Layout>> {
    let mut all: Vec<Vec<Layout>> = Vec::new();
    for one in Layout::ALL {
        match n {
            1 => all.push(vec![one]),
            2 => all.extend(Layout::ALL.map(|other| vec![one, other])),
            _ => {
                all.push(vec![one; n]);
                all.extend((0..n).map(|i| {
                    let mut apart = vec![Layout::Contiguous; n];
                    apart[i] = one;
                    apart
                }));
            }
        }
    }
    all
}

#[track_caller]
fn check_table(rows: &[Row]) {
    for Row { name, sizes, scalar, empty, domain, f } in rows {
        let all = [Works(sizes), *scalar, *empty];
        for (with, layouts) in
            all.iter().flat_map(|with| layouts(sizes.len()).into_iter().map(move |l| (with, l)))
        {
            let (sizes, expected) = match with {
                Works(sizes) => (sizes, "Ok"),
                Fails(sizes, error) => (sizes, *error),
            };
            let result = check(name, f, sizes, &layouts, *domain);
            let found = result.map_or_else(|error| variant(&error), |()| "Ok".to_owned());
            assert_eq!(found, expected, "{name} of {sizes:?}, {layouts:?}");
        }
    }
}

#[test]
fn elementwise_operations_have_the_right_gradient_in_every_layout() {
    check_table(&elementwise());
}

#[test]
fn reductions_have_the_right_gradient_in_every_layout() {
    check_table(&reductions());
}

#[test]
fn products_have_the_right_gradient_in_every_layout() {
    check_table(&products());
}

#[test]
fn changes_of_shape_have_the_right_gradient_in_every_layout() {
    check_table(&shapes());
}

#[test]
fn losses_have_the_right_gradient_in_every_layout() {
    check_table(&losses());
}
