//! What is refused, by name.

use gluonic::nn::rnn::{
    BidirectionalCell, Gru, GruCell, Lstm, RecurrentCell, RecurrentConfig, RnnActivation,
    SequenceLayout, Unroll,
};
use gluonic::prelude::*;

use super::lengths;
use crate::support::{error, photograph};

/// The parameter that an error names, and what it says.
fn told(result: Result<impl Sized>) -> String {
    let error = error(result);
    let name = error.name().map(ToString::to_string).unwrap_or_default();
    format!("{name}: {}", error.root())
}

#[test]
fn what_does_not_fit_is_refused_by_name_and_changes_nothing() -> Result<()> {
    name::manager(|| {
        let layer = Lstm::new(4);
        layer.initialize()?;
        let before = photograph(&layer);
        let x = NdArray::ones((3, 2, 5), DType::F32)?;
        let states = layer.begin_state(2, DType::F32)?;
        let call = |x: &NdArray, states: &[NdArray], of: Option<&NdArray>| {
            told(layer.call_with(x, states, of))
        };
        let at = "lstm0_l0_i2h_weight";
        assert_eq!(
            call(&x.row(0)?, &states, None),
            format!("{at}: `lstm`: expected an array of shape (?, ?, ?), found (2, 5)")
        );
        assert_eq!(
            call(&x, &states[..1], None),
            format!(
                "{at}: `states` must be two arrays, such as the hidden and the cell state, found 1"
            )
        );
        assert_eq!(
            call(&x, &layer.begin_state(3, DType::F32)?, None),
            format!("{at}: `lstm`: expected an array of shape (1, 2, 4), found (1, 3, 4)")
        );
        assert_eq!(
            call(&x, &states, Some(&lengths(&[1, 2, 3]))),
            format!("{at}: `valid_length`: expected an array of shape (2,), found (3,)")
        );
        assert_eq!(
            call(&x, &states, Some(&lengths(&[1, 4]))),
            format!(
                "{at}: `valid_length` must be whole numbers from 0 to the number of steps, found 4 \
                 for sample 1, of 3 steps"
            )
        );
        assert_eq!(photograph(&layer), before);
        assert_eq!(
            call(&x, &layer.begin_state(2, DType::F64)?, None),
            format!("{at}: expected element type float32, found float64")
        );
        layer.call(&x)?;
        let wide = NdArray::ones((3, 2, 6), DType::F32)?;
        assert_eq!(
            told(layer.call(&wide)),
            format!("{at}: `lstm`: expected an array of shape (?, ?, 5), found (3, 2, 6)")
        );

        let cell = GruCell::new(4);
        let begin = cell.begin_state(2, DType::F32)?;
        assert_eq!(
            told(cell.step(&x, &begin)),
            "gru0_i2h_weight: `gru`: expected an array of shape (?, ?), found (3, 2, 5)"
        );
        assert_eq!(
            told(cell.step(&x.row(0)?, &[])),
            "gru0_i2h_weight: `states` must be one array, the hidden state, found 0"
        );
        assert_eq!(
            told(cell.unroll(&x.slice(s![..0])?, &Unroll::default())),
            "gru0_i2h_weight: `steps` must be 1 or more, found 0, in an input of shape (0, 2, 5)"
        );
        assert!(matches!(error(cell.call(&x)), Error::NoForward { .. }));
        let both = BidirectionalCell::new(cell.clone(), cell);
        assert!(matches!(error(both.step(&x.row(0)?, &[])), Error::NoForward { .. }));
        Ok(())
    })
}

#[test]
fn settings_that_make_no_sense_are_refused_when_the_layer_is_built() {
    let default = RecurrentConfig::default;
    let refused = [
        Gru::with(&RecurrentConfig { hidden_size: 0, ..default() }),
        Gru::with(&RecurrentConfig { hidden_size: usize::MAX, ..default() }),
        Gru::with(&RecurrentConfig { num_layers: 0, ..default() }),
        Gru::with(&RecurrentConfig { dropout: 1.5, ..default() }),
        Gru::with(&RecurrentConfig { input_size: Some(0), ..default() }),
        Gru::with(&RecurrentConfig { dtype: DType::I32, ..default() }),
    ];
    let found: Vec<String> = refused.map(|result| error(result).to_string()).into();
    assert_eq!(found[0], "`hidden_size` must be 1 or more, found 0");
    assert_eq!(found[3], "`dropout` must be between 0 and 1, found 1.5");
    assert_eq!(found[5], "`dtype` must be a floating-point type, found int32");
    let word = error("TCN".parse::<SequenceLayout>());
    assert_eq!(word.to_string(), "no sequence layout is called `TCN`");
    let word = error("tahn".parse::<RnnActivation>());
    assert_eq!(word.hint().as_deref(), Some("did you mean `tanh`?"));
}
