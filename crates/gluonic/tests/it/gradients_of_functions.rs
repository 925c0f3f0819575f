//! The gradient of the functions of one number that no layer needs, and of products, for every
//! layout of their inputs, against central differences.

use crate::gradients::With::Works;
use crate::gradients::{ANY, POSITIVE, Row, check_table, row, unary};

/// Where the inverse functions of sine and tangent are defined.
const INSIDE: (f64, f64) = (-0.9, 0.9);
/// Where that of the hyperbolic cosine is.
const ABOVE_ONE: (f64, f64) = (1.1, 3.0);

fn functions() -> Vec<Row> {
    vec![
        unary("log2", POSITIVE, |x| x[0].log2()),
        unary("log10", POSITIVE, |x| x[0].log10()),
        unary("cbrt", POSITIVE, |x| x[0].cbrt()),
        unary("rcbrt", POSITIVE, |x| x[0].rcbrt()),
        unary("reciprocal", POSITIVE, |x| x[0].reciprocal()),
        unary("tan", INSIDE, |x| x[0].tan()),
        unary("arcsin", INSIDE, |x| x[0].arcsin()),
        unary("arccos", INSIDE, |x| x[0].arccos()),
        unary("arctan", ANY, |x| x[0].arctan()),
        unary("sinh", ANY, |x| x[0].sinh()),
        unary("cosh", ANY, |x| x[0].cosh()),
        unary("arcsinh", ANY, |x| x[0].arcsinh()),
        unary("arccosh", ABOVE_ONE, |x| x[0].arccosh()),
        unary("arctanh", INSIDE, |x| x[0].arctanh()),
        unary("degrees", ANY, |x| x[0].degrees()),
        unary("radians", ANY, |x| x[0].radians()),
        unary("erfinv", INSIDE, |x| x[0].erfinv()),
        unary("gamma", POSITIVE, |x| x[0].gamma()),
        unary("gammaln", POSITIVE, |x| x[0].gammaln()),
        unary("smooth_l1", ANY, |x| x[0].smooth_l1(1.3)),
        // Away from the places where they jump.
        unary("floor", (0.1, 0.9), |x| x[0].floor()),
        unary("ceil", (0.1, 0.9), |x| x[0].ceil()),
        unary("trunc", (0.1, 0.9), |x| x[0].trunc()),
        unary("round", (0.6, 1.4), |x| x[0].round()),
        unary("round_half_even", (0.6, 1.4), |x| x[0].round_half_even()),
        unary("round_half_down", (0.6, 1.4), |x| x[0].round_half_down()),
    ]
}

fn products() -> Vec<Row> {
    let (scalar, empty) = (Works(&[&[]]), Works(&[&[0, 4]]));
    vec![
        row("prod", &[&[3, 4]], scalar, empty, |x| x[0].prod()),
        row("prod_axes", &[&[2, 3, 4]], Works(&[&[2]]), empty, |x| x[0].prod_axes(&[0], false)),
        row("prod_axes, kept", &[&[2, 3, 4]], Works(&[&[2]]), empty, |x| {
            x[0].prod_axes(&[-1], true)
        }),
        row("prod_axes, apart", &[&[2, 3, 4]], Works(&[&[2, 2, 2]]), Works(&[&[0, 4, 1]]), |x| {
            x[0].prod_axes(&[0, 2], false)
        }),
    ]
}

#[test]
fn functions_of_one_number_have_the_right_gradient_in_every_layout() {
    check_table(&functions());
}

#[test]
fn products_have_the_right_gradient_in_every_layout() {
    check_table(&products());
}
