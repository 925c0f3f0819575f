//! The gradient of attention for every layout of its inputs, against central differences: of queries,
//! keys, values, and a mask that is added.

use gluonic::ops::{AttentionMask, scaled_dot_product_attention};
use gluonic::prelude::*;
use gluonic::random::{Address, with_address};

use crate::attention::{ALL, CAUSAL, booleans, masked};
use crate::gradients::With::{Fails, Works};
use crate::gradients::{Row, Sizes, check_table, row};

fn rows() -> Vec<Row> {
    const THREE: Sizes = &[&[3, 2], &[4, 2], &[4, 3]];
    const HEADS: Sizes = &[&[2, 2, 3, 2], &[2, 2, 4, 2], &[2, 2, 4, 1]];
    let scalars = Fails(&[&[], &[], &[]], "Misfit");
    let scalar = Fails(&[&[]], "Misfit");
    let no_queries = Works(&[&[0, 2], &[4, 2], &[4, 3]]);
    let no_batch = Works(&[&[0, 2, 3, 2], &[0, 2, 4, 2], &[0, 2, 4, 1]]);
    vec![
        row("attention", THREE, scalars, no_queries, |x| {
            scaled_dot_product_attention(&x[0], &x[1], &x[2], &ALL, 0.0)
        }),
        row(
            "attention to nothing",
            HEADS,
            scalars,
            Works(&[&[2, 3, 2], &[2, 0, 2], &[2, 0, 1]]),
            |x| scaled_dot_product_attention(&x[0], &x[1], &x[2], &ALL, 0.0),
        ),
        row("attention of no features", THREE, scalars, Works(&[&[3, 0], &[4, 0], &[4, 3]]), |x| {
            scaled_dot_product_attention(&x[0], &x[1], &x[2], &ALL, 0.0)
        }),
        row(
            "attention, broadcast",
            &[&[3, 2], &[2, 1, 4, 2], &[2, 4, 3]],
            scalars,
            Works(&[&[2, 3, 2], &[1, 4, 2], &[0, 1, 4, 0]]),
            |x| scaled_dot_product_attention(&x[0], &x[1], &x[2], &ALL, 0.0),
        ),
        row("attention of one to itself", &[&[2, 3, 2]], scalar, Works(&[&[2, 0, 2]]), |x| {
            scaled_dot_product_attention(&x[0], &x[0], &x[0], &CAUSAL, 0.0)
        }),
        row("attention, some pairs", HEADS, scalars, no_batch, |x| {
            let mask = booleans(&[1, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 1], (3, 4))?;
            scaled_dot_product_attention(&x[0], &x[1], &x[2], &masked(&mask), 0.0)
        }),
        row(
            "attention, added mask",
            &[&[2, 2, 3, 2], &[2, 2, 4, 2], &[2, 2, 4, 1], &[2, 1, 3, 4]],
            Fails(&[&[], &[], &[], &[]], "Misfit"),
            Works(&[&[0, 2, 3, 2], &[0, 2, 4, 2], &[0, 2, 4, 1], &[3, 1]]),
            |x| scaled_dot_product_attention(&x[0], &x[1], &x[2], &masked(&x[3]), 0.0),
        ),
        row(
            "attention, added row",
            &[&[3, 2], &[4, 2], &[4, 2], &[4]],
            Fails(&[&[], &[], &[], &[]], "Misfit"),
            Works(&[&[3, 2], &[0, 2], &[0, 2], &[1]]),
            |x| scaled_dot_product_attention(&x[0], &x[1], &x[2], &masked(&x[3]), 0.0),
        ),
        row(
            "attention, lengths",
            &[&[3, 2, 2], &[3, 4, 2], &[3, 4, 1]],
            scalars,
            Fails(&[&[0, 2, 2], &[0, 4, 2], &[0, 4, 1]], "OperandShape"),
            |x| {
                let lengths = NdArray::from_slice(&[3_i64, 0, 1], 3)?;
                let mask = AttentionMask { valid_length: Some(&lengths), ..ALL };
                scaled_dot_product_attention(&x[0], &x[1], &x[2], &mask, 0.0)
            },
        ),
        row("attention with dropout", HEADS, scalars, no_batch, |x| {
            with_address(&Address::new(5, "attention"), || {
                scaled_dot_product_attention(&x[0], &x[1], &x[2], &ALL, 0.4)
            })
        }),
    ]
}

#[test]
fn attention_has_the_right_gradient_in_every_layout() {
    check_table(&rows());
}
