//! Layers against cells, and samples among longer ones against samples alone.

use gluonic::nn::Block;
use gluonic::nn::rnn::{
    BidirectionalCell, CellConfig, Lstm, RecurrentCell, RecurrentConfig, SequentialRnnCell, Unroll,
};
use gluonic::prelude::*;

use super::{KINDS, Layer, assert_near, cell, config, fill, lengths, wave};
use crate::support::{Rng, bits};

/// Gives a cell the values of one direction of a layer.
fn copy_into(cell: &dyn Block, layer: &dyn Block, prefix: &str) -> Result<()> {
    cell.initialize()?;
    for key in ["i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias"] {
        cell.param(key)?.set_data(&layer.param(&format!("{prefix}{key}"))?.data()?)?;
    }
    Ok(())
}

/// The products of a layer are larger than those of its cells, and may sum in another order: they
/// agree to 1e-6 in `f32`, 1e-13 in `f64`.
#[test]
fn a_layer_computes_what_its_cells_compute_step_by_step() -> Result<()> {
    for (kind, dtype, tolerance) in
        KINDS.iter().flat_map(|kind| [(kind, DType::F32, 1e-6), (kind, DType::F64, 1e-13)])
    {
        let (n_steps, batch, inputs, hidden) = (7, 5, 33, 17);
        let layer_config = RecurrentConfig {
            num_layers: 2,
            bidirectional: true,
            dtype,
            ..config(inputs, hidden, 2, true)
        };
        let layer = Layer::new(kind, &layer_config)?;
        fill(layer.block())?;
        let stack = SequentialRnnCell::new();
        for i in 0..2 {
            let inputs = if i == 0 { inputs } else { 2 * hidden };
            let one = |direction: &str| -> Result<_> {
                let config = CellConfig {
                    hidden_size: hidden,
                    input_size: Some(inputs),
                    dtype,
                    ..CellConfig::default()
                };
                let cell: std::sync::Arc<dyn RecurrentCell> = cell(kind, &config)?.into();
                copy_into(cell.as_dyn(), layer.block(), &format!("{direction}{i}_"))?;
                Ok(cell)
            };
            stack.add(BidirectionalCell::new(one("l")?, one("r")?));
        }
        let x = wave((n_steps, batch, inputs), 3)?.cast(dtype)?;
        let info = layer.state_info(batch).into_iter().enumerate();
        let states = info.map(|(i, dims)| wave(dims, 50 + i)?.cast(dtype));
        let states = states.collect::<Result<Vec<_>>>()?;
        // The cells list all states of one cell before those of the next.
        let of_cells = |states: &[NdArray]| -> Result<Vec<NdArray>> {
            (0..4).flat_map(|i| states.iter().map(move |state| state.row(i))).collect()
        };
        for of in [None, Some(lengths(&[7, 1, 0, 4, 6]))] {
            let (y, last) = layer.call_with(&x, &states, of.as_ref())?;
            let begin = of_cells(&states)?;
            let options = Unroll {
                begin_state: Some(&begin),
                valid_length: of.as_ref(),
                ..Unroll::default()
            };
            let (z, ends) = stack.unroll(&x, &options)?;
            assert_near(kind, &y.to_f64_vec()?, &z.to_f64_vec()?, tolerance);
            for (last, end) in of_cells(&last)?.iter().zip(&ends) {
                assert_near(kind, &last.to_f64_vec()?, &end.to_f64_vec()?, tolerance);
            }
        }
    }
    Ok(())
}

#[test]
fn a_sample_among_longer_ones_computes_what_it_computes_alone() -> Result<()> {
    let mut rng = Rng::new(11);
    for kind in KINDS {
        let layer = Layer::new(kind, &config(3, 4, 2, true))?;
        fill(layer.block())?;
        let (n_steps, batch) = (6, 5);
        let x = wave((n_steps, batch, 3), 1)?;
        let info = layer.state_info(batch).into_iter().enumerate();
        let states = info.map(|(i, dims)| wave(dims, 70 + i)).collect::<Result<Vec<_>>>()?;
        let of: Vec<i64> = (0..batch).map(|_| rng.below(n_steps + 1) as i64).collect();
        let (y, last) = layer.call_with(&x, &states, Some(&lengths(&of)))?;
        for (n, &length) in of.iter().enumerate() {
            let n = n as isize;
            let own: Vec<_> =
                states.iter().map(|state| state.slice(s![.., n..=n])).collect::<Result<_>>()?;
            let (alone, ends) =
                layer.call_with(&x.slice(s![..length as isize, n..=n])?, &own, None)?;
            let seen = y.slice(s![..length as isize, n..=n])?;
            assert_near(kind, &seen.to_f64_vec()?, &alone.to_f64_vec()?, 1e-13);
            let behind = y.slice(s![length as isize.., n])?.to_f64_vec()?;
            assert!(behind.iter().all(|value| *value == 0.0), "{behind:?}");
            for (last, end) in last.iter().zip(&ends) {
                let last = last.slice(s![.., n..=n])?.to_f64_vec()?;
                assert_near(kind, &last, &end.to_f64_vec()?, 1e-13);
            }
        }
    }
    Ok(())
}

#[test]
fn what_stands_behind_the_end_of_a_sample_reaches_nothing() -> Result<()> {
    let layer = Lstm::with(&config(2, 3, 2, true))?;
    fill(&layer)?;
    let (of, states) = (lengths(&[2, 4]), layer.begin_state(2, DType::F64)?);
    let x = wave((4, 2, 2), 1)?;
    let expected = layer.call_with(&x, &states, Some(&of))?;
    x.slice(s![2.., 0])?.fill(f64::NAN)?;
    let found = layer.call_with(&x, &states, Some(&of))?;
    assert_eq!(bits(&found.0), bits(&expected.0));
    assert_eq!(bits(&found.1[1]), bits(&expected.1[1]));
    Ok(())
}
