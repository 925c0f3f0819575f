//! Names, shapes, states, and what acts in training only.

use gluonic::nn::rnn::{
    BidirectionalCell, CellConfig, DropoutCell, Gru, GruCell, Lstm, LstmCell, RecurrentCell,
    RecurrentConfig, ResidualCell, Rnn, RnnCell, SequenceLayout, SequentialRnnCell, Unroll,
    ZoneoutCell,
};
use gluonic::nn::{Block, Member};
use gluonic::prelude::*;

use super::{KINDS, Layer, assert_near, config, fill, lengths, wave};
use crate::support::bits;

#[test]
fn names_paths_and_prints_are_those_of_gluon() -> Result<()> {
    // As MXNet 1.9.1 prints them.
    name::manager(|| {
        let lstm = Lstm::with(&RecurrentConfig {
            hidden_size: 100,
            num_layers: 2,
            dropout: 0.5,
            bidirectional: true,
            input_size: Some(10),
            ..RecurrentConfig::default()
        })?;
        assert_eq!(
            lstm.to_string(),
            "LSTM(10 -> 100, TNC, num_layers=2, dropout=0.5, bidirectional)"
        );
        let params = lstm.params();
        let names: Vec<_> = params.iter().map(ToString::to_string).collect();
        assert_eq!(names[0], "Parameter lstm0_l0_i2h_weight (shape=(400, 10), dtype=float32)");
        assert_eq!(names[4], "Parameter lstm0_r0_i2h_weight (shape=(400, 10), dtype=float32)");
        assert_eq!(names[8], "Parameter lstm0_l1_i2h_weight (shape=(400, 200), dtype=float32)");
        assert_eq!(names[15], "Parameter lstm0_r1_h2h_bias (shape=(400,), dtype=float32)");
        assert_eq!(names.len(), 16);
        assert!(lstm.find_param("r1_h2h_bias")?.ptr_eq(&params["lstm0_r1_h2h_bias"]));
        assert_eq!(Rnn::new(3).name(), "rnn0");
        assert_eq!(Gru::new(3).name(), "gru0");
        assert_eq!(RnnCell::new(8).to_string(), "RNNCell(None -> 8, tanh)");

        let net = SequentialRnnCell::new();
        let residual = net.name_scope(|| {
            net.add(LstmCell::new(2));
            net.add(DropoutCell::new(0.5)?);
            let residual = ResidualCell::new(GruCell::new(2));
            net.add(residual.clone());
            Ok::<_, Error>(residual)
        })?;
        assert_eq!(
            net.to_string(),
            "SequentialRNNCell(\n(0): LSTMCell(None -> 8)\n(1): DropoutCell(rate=0.5, axes=())\n\
             (2): ResidualCell(GRUCell(None -> 6))\n)"
        );
        let paths: Vec<_> =
            net.named_parameters().iter().map(|(path, p)| format!("{path} {}", p.name())).collect();
        assert_eq!(paths[0], "0.i2h_weight sequentialrnncell0_lstm0_i2h_weight");
        assert_eq!(paths[7], "2.base_cell.h2h_bias sequentialrnncell0_gru0_h2h_bias");
        assert_eq!(paths.len(), 8);
        assert_eq!(net.collect_params()?.iter().count(), 8);
        assert_eq!(residual.params().prefix(), "sequentialrnncell0_gru0_");

        let zoneout = ZoneoutCell::new(LstmCell::new(2), 0.5, 0.25)?;
        let inner = zoneout.child(0)?.name();
        assert_eq!(zoneout.prefix(), format!("{inner}_zoneout"));
        let both = BidirectionalCell::new(LstmCell::new(2), LstmCell::new(2));
        assert_eq!(
            both.to_string(),
            "BidirectionalCell(forward=LSTMCell(None -> 8), backward=LSTMCell(None -> 8))"
        );
        let mut keys = Vec::new();
        both.visit(&mut |key, member| {
            assert!(matches!(member, Member::Block(_)));
            keys.push(key.to_owned());
        });
        assert_eq!((keys.join(" "), both.name().as_str()), ("l_cell r_cell".to_owned(), ""));
        Ok(())
    })
}

#[test]
fn shapes_are_inferred_without_values() -> Result<()> {
    let layer = Lstm::with(&RecurrentConfig {
        hidden_size: 1 << 20,
        num_layers: 2,
        bidirectional: true,
        ..RecurrentConfig::default()
    })?;
    let y = layer.infer_shapes(&[(1 << 10, 1 << 10, 1 << 20)])?;
    assert_eq!(y.to_string(), "(1024, 1024, 2097152)");
    let shape = layer.param("r1_i2h_weight")?.shape();
    assert_eq!(shape.unwrap().to_string(), "(4194304, 2097152)");

    let net = SequentialRnnCell::new();
    net.add(BidirectionalCell::new(GruCell::new(2), RnnCell::new(3)));
    net.add(ZoneoutCell::new(LstmCell::new(4), 0.5, 0.5)?);
    let dims = net.infer_shapes_with(&[Dims::from((7, 2, 6)), Dims::from(2)], |inputs| {
        let options = Unroll { valid_length: Some(&inputs[1]), ..Unroll::default() };
        Ok(net.unroll(&inputs[0], &options)?.0.dims().clone())
    })?;
    assert_eq!(dims.to_string(), "(7, 2, 4)");
    assert_eq!(net.pending().len(), 0);
    Ok(())
}

#[test]
fn nothing_to_compute_gives_nothing_or_the_states_as_they_were() -> Result<()> {
    for kind in KINDS {
        let layer = Layer::new(kind, &config(3, 2, 2, true))?;
        fill(layer.block())?;
        let info = layer.state_info(4).into_iter().enumerate();
        let states = info.map(|(i, dims)| wave(dims, i)?.attach_grad(GradReq::Write));
        let states = states.collect::<Result<Vec<_>>>()?;
        let empty = NdArray::zeros((0, 4, 3), DType::F64)?;
        let (y, last) = autograd::record(|| layer.call_with(&empty, &states, None))?;
        assert_eq!(y.dims().to_string(), "(0, 4, 4)");
        assert_eq!(bits(&last[0]), bits(&states[0]));
        let loss = autograd::record(|| layer.call_with(&empty, &states, None)?.1[0].sum())?;
        loss.backward()?;
        assert_eq!(states[0].grad()?.to_vec::<f64>()?, vec![1.0; 32]);
        let y = layer.block().call(&NdArray::zeros((5, 0, 3), DType::F64)?)?;
        assert_eq!(y.dims().to_string(), "(5, 0, 4)");
    }
    Ok(())
}

#[test]
fn states_that_are_given_come_back_and_hooks_see_the_outputs() -> Result<()> {
    let layer = Gru::with(&config(3, 2, 1, false))?;
    fill(&layer)?;
    let x = wave((4, 2, 3), 0)?;
    let whole = layer.call(&x)?;
    // Half of the sequence, and from its states the rest.
    let (first, states) =
        layer.call_with(&x.slice(s![..2])?, &layer.begin_state(2, DType::F64)?, None)?;
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let hook = {
        let seen = seen.clone();
        layer.register_forward_hook(move |_, x, y| {
            seen.lock().unwrap().push(format!("{} {}", x.dims(), y.dims()));
            Ok(())
        })
    };
    let (second, _) = layer.call_with(&x.slice(s![2..])?, &states, None)?;
    drop(hook);
    assert_eq!(*seen.lock().unwrap(), ["(2, 2, 3) (2, 2, 2)"]);
    let parts = ops::concat(&[&first, &second], 0)?;
    assert_near("parts", &parts.to_f64_vec()?, &whole.to_f64_vec()?, 1e-14);
    Ok(())
}

#[test]
fn dropout_acts_between_layers_in_training_only() -> Result<()> {
    let (plain, dropped) =
        (config(3, 64, 2, false), RecurrentConfig { dropout: 0.5, ..config(3, 64, 2, false) });
    let (plain, dropped) = (Lstm::with(&plain)?, Lstm::with(&dropped)?);
    fill(&plain)?;
    fill(&dropped)?;
    let x = wave((4, 2, 3), 0)?;
    assert_eq!(bits(&plain.call(&x)?), bits(&dropped.call(&x)?));
    let train = |layer: &Lstm| Ok::<_, Error>(bits(&autograd::train_mode(|| layer.call(&x))?));
    assert_eq!(train(&plain)?, bits(&plain.call(&x)?));
    assert_ne!(train(&dropped)?, train(&dropped)?);
    // The last layer is not dropped: with everything zeroed below, it still sees its biases.
    let all = Lstm::with(&RecurrentConfig { dropout: 1.0, ..config(3, 64, 2, false) })?;
    fill(&all)?;
    let y = autograd::train_mode(|| all.call(&x))?;
    assert!(y.to_f64_vec()?.iter().all(|y| y.is_finite() && *y != 0.0));
    Ok(())
}

#[test]
fn zoneout_keeps_old_values_in_training_only() -> Result<()> {
    let base = GruCell::with(&CellConfig {
        hidden_size: 2,
        input_size: Some(2),
        dtype: DType::F64,
        ..CellConfig::default()
    })?;
    let cell = ZoneoutCell::new(base.clone(), 1.0, 1.0)?;
    fill(&cell)?;
    let x = wave((3, 2), 0)?;
    let states = vec![wave((3, 2), 1)?, wave((3, 2), 2)?];
    let (y, next) = autograd::train_mode(|| cell.step(&x, &states))?;
    assert_eq!(bits(&next[0]), bits(&states[0]));
    assert_eq!((bits(&y), bits(&next[1])), (bits(&states[1]), bits(&states[1])));
    let (y, next) = cell.step(&x, &states)?;
    assert_eq!(bits(&y), bits(&base.step(&x, &states[..1])?.0));
    assert_eq!(bits(&next[1]), bits(&y));
    Ok(())
}

#[test]
fn a_residual_cell_adds_the_inputs_that_count() -> Result<()> {
    let config = CellConfig {
        hidden_size: 2,
        input_size: Some(4),
        dtype: DType::F64,
        ..CellConfig::default()
    };
    let base = BidirectionalCell::new(LstmCell::with(&config)?, GruCell::with(&config)?);
    let cell = ResidualCell::new(base.clone());
    fill(&cell)?;
    let x = wave((2, 3, 4), 0)?;
    let of = lengths(&[3, 1]);
    let layout = SequenceLayout::Ntc;
    let options = Unroll { layout, valid_length: Some(&of), ..Unroll::default() };
    let (y, _) = cell.unroll(&x, &options)?;
    let inputs = x.deep_clone()?;
    inputs.slice(s![1, 1..])?.fill(0.0)?;
    let expected = base.unroll(&x, &options)?.0.add(&inputs)?;
    assert_near("residual", &y.to_f64_vec()?, &expected.to_f64_vec()?, 0.0);
    assert_eq!(y.slice(s![1, 1..])?.to_f64_vec()?, [0.0; 8]);
    Ok(())
}
