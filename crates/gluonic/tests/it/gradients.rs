//! The gradient of every operation that computes, for every layout of its inputs, against central
//! differences (those that rearrange elements, and losses, are in `gradients_of_parts`). What an operation refuses is listed with its error.

use std::sync::Arc;

use gluonic::autograd::{Function, apply};
use gluonic::prelude::*;
use gluonic::random::{Address, with_address};

use crate::support::gradcheck::{Layout, check};
use crate::support::variant;

pub(crate) type Sizes = &'static [&'static [usize]];
pub(crate) type Operation = fn(&[NdArray]) -> Result<NdArray>;

/// What an operation does with inputs of unusual sizes.
#[derive(Clone, Copy)]
pub(crate) enum With {
    /// Differentiates them.
    Works(Sizes),
    /// Refuses them, with this error.
    Fails(Sizes, &'static str),
}
use With::{Fails, Works};

pub(crate) struct Row {
    name: &'static str,
    sizes: Sizes,
    scalar: With,
    empty: With,
    domain: (f64, f64),
    f: Operation,
}

pub(crate) const ANY: (f64, f64) = (-1.5, 1.5);
pub(crate) const POSITIVE: (f64, f64) = (0.3, 2.0);

impl Row {
    /// With inputs from another range.
    pub(crate) fn of(self, domain: (f64, f64)) -> Row {
        Row { domain, ..self }
    }
}

pub(crate) fn row(
    name: &'static str,
    sizes: Sizes,
    scalar: With,
    empty: With,
    f: Operation,
) -> Row {
    Row { name, sizes, scalar, empty, domain: ANY, f }
}

/// A function of each element.
pub(crate) fn unary(name: &'static str, domain: (f64, f64), f: Operation) -> Row {
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
        unary("number ^ x", ANY, |x| x[0].scalar_pow(1.7)),
        unary("x mod number", ANY, |x| x[0].remainder_scalar(0.37)),
        unary("number mod x", POSITIVE, |x| x[0].scalar_remainder(3.1)),
        unary("x div number", ANY, |x| x[0].floor_divide_scalar(0.37)),
        unary("number div x", POSITIVE, |x| x[0].scalar_floor_divide(3.1)),
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
        binary("remainder", POSITIVE, |x| x[0].remainder(&x[1])),
        binary("floor_divide", POSITIVE, |x| x[0].floor_divide(&x[1])),
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

/// The largest relative error of one operation, by the layouts that its inputs had.
#[derive(Default)]
struct Errors([f64; Layout::ALL.len()]);

impl Errors {
    fn add(&mut self, layouts: &[Layout], error: f64) {
        for (of, known) in Layout::ALL.iter().zip(&mut self.0) {
            if layouts.contains(of) {
                *known = known.max(error);
            }
        }
    }

    /// A line of the table of `cargo xtask gradcheck`, which asks for it by `GLUONIC_GRADCHECK`.
    fn show(&self, name: &str) {
        if std::env::var_os("GLUONIC_GRADCHECK").is_some() {
            let errors: Vec<_> = self.0.iter().map(|error| format!("{error:.1e}")).collect();
            eprintln!("gradcheck|{name}|{}", errors.join("|"));
        }
    }
}

#[track_caller]
pub(crate) fn check_table(rows: &[Row]) {
    for Row { name, sizes, scalar, empty, domain, f } in rows {
        let mut errors = Errors::default();
        let all = [Works(sizes), *scalar, *empty];
        for (with, layouts) in
            all.iter().flat_map(|with| layouts(sizes.len()).into_iter().map(move |l| (with, l)))
        {
            let (sizes, expected) = match with {
                Works(sizes) => (sizes, "Ok"),
                Fails(sizes, error) => (sizes, *error),
            };
            let result = check(name, f, sizes, &layouts, *domain);
            let found = match result {
                Ok(error) => {
                    errors.add(&layouts, error);
                    "Ok".to_owned()
                }
                Err(error) => variant(&error),
            };
            assert_eq!(found, expected, "{name} of {sizes:?}, {layouts:?}");
        }
        errors.show(name);
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
