//! Initializers by name and from text.

use gluonic::init::{
    Args, Constant, InitDesc, Kaiming, Mixed, Nonlinearity, Normal, One, Xavier, Zero,
};
use gluonic::prelude::*;
use gluonic::random::Address;
use proptest::prelude::*;

use super::{all, draw, values};
use crate::support::{array, bits, error, value, variant};

#[test]
fn a_text_gives_the_initializer_it_was_made_from() {
    for (init, dims) in all() {
        let text = init.dumps();
        if text.contains("load") {
            assert_eq!(variant(&error(init::loads(&text))), "UnknownWord");
            continue;
        }
        let loaded = init::loads(&text).unwrap();
        assert_eq!(loaded.dumps(), text);
        assert!(*loaded == *init);
        assert_eq!(bits(&draw(&loaded, &dims, DType::F32).unwrap()), {
            bits(&draw(&init, &dims, DType::F32).unwrap())
        });
    }
}

#[test]
fn texts_are_those_of_python() {
    let dumps = |init: &dyn Initializer| init.dumps();
    assert_eq!(dumps(&Xavier { magnitude: 3.0.into(), ..Xavier::default() }), {
        r#"["xavier", {"rnd_type": "uniform", "factor_type": "avg", "magnitude": 3.0}]"#
    });
    assert_eq!(dumps(&Normal::new(1)), r#"["normal", {"sigma": 1}]"#);
    assert_eq!(dumps(&Normal::new(1e-5)), r#"["normal", {"sigma": 1e-05}]"#);
    assert_eq!(dumps(&Constant::new(f64::NAN)), r#"["constant", {"value": NaN}]"#);
    assert_eq!(dumps(&Constant::new(&NdArray::arange::<i64>(2))), {
        r#"["constant", {"value": [0, 1]}]"#
    });
    assert_eq!(dumps(&Constant::new(&array(&[1.0, 2.0], (2, 1)))), {
        r#"["constant", {"value": [[1.0], [2.0]]}]"#
    });
    assert_eq!(dumps(&Kaiming::default()), {
        r#"["kaiming", {"rnd_type": "gaussian", "factor_type": "in", "nonlinearity": "relu"}]"#
    });
    let mixed = Mixed::new().when(".*\"bias", &Zero).unwrap().when(".*", &One).unwrap();
    assert_eq!(dumps(&mixed), {
        r#"["mixed", {"patterns": [".*\"bias", ".*"], "initializers": [["zero", {}], ["one", {}]]}]"#
    });
}

#[test]
fn every_form_of_a_text_is_accepted() {
    for (text, expected) in [
        ("zeros", r#"["zero", {}]"#),
        ("ones", r#"["one", {}]"#),
        (" Normal\n", r#"["normal", {"sigma": 0.01}]"#),
        ("gaussian", r#"["normal", {"sigma": 0.01}]"#),
        (r#"["normal", {"sigma": 0.5}]"#, r#"["normal", {"sigma": 0.5}]"#),
        (r#"["normal"]"#, r#"["normal", {"sigma": 0.01}]"#),
        (r#"{"initializer": "NORMAL", "sigma": 1}"#, r#"["normal", {"sigma": 1}]"#),
        (r#"["normal", {"sigma": null}]"#, r#"["normal", {"sigma": 0.01}]"#),
        ("MSRAPrelu", r#"["msraprelu", {"factor_type": "avg", "slope": 0.25}]"#),
        ("delta_orthogonal", r#"["deltaorthogonal", {"scale": 1.0}]"#),
        (r#"["constant", {"value": [[1, 2], [3, 4.5]]}]"#, {
            r#"["constant", {"value": [[1.0, 2.0], [3.0, 4.5]]}]"#
        }),
        (r#"["constant", {"value": [0, 18446744073709551615]}]"#, {
            r#"["constant", {"value": [0, 18446744073709551615]}]"#
        }),
        (r#"["constant", {"value": []}]"#, r#"["constant", {"value": []}]"#),
        (r#"["constant", {"value": -Infinity}]"#, r#"["constant", {"value": -Infinity}]"#),
        (r#"["constant", {"value": [true, false]}]"#, {
            r#"["constant", {"value": [true, false]}]"#
        }),
        (r#"["mixed", {"patterns": [".*"], "initializers": ["one"]}]"#, {
            r#"["mixed", {"patterns": [".*"], "initializers": [["one", {}]]}]"#
        }),
    ] {
        assert_eq!(init::loads(text).unwrap().dumps(), expected);
    }
}

#[test]
fn a_text_that_is_nested_too_deeply_or_too_large_for_a_float_is_refused() {
    let deep = format!("[\"constant\", {{\"value\": {}1{}}}]", "[".repeat(9999), "]".repeat(9999));
    for text in [&deep, r#"["normal", {"sigma": 1e999}]"#] {
        assert_eq!(variant(&error(init::loads(text))), "InitText");
    }
}

proptest! {
    #[test]
    fn no_argument_loses_a_digit(sigma: f64, slope in -1e300..1e300_f64, integer: i64) {
        prop_assume!(sigma.is_finite());
        let nonlinearity = Nonlinearity::LeakyRelu { slope: slope.into() };
        let kaiming = Kaiming { nonlinearity, ..Kaiming::default() };
        for init in [&Normal::new(sigma) as &dyn Initializer, &Normal::new(integer), &kaiming] {
            prop_assert_eq!(init::loads(&init.dumps()).unwrap().dumps(), init.dumps());
        }
        let loaded = init::loads(&Constant::new(sigma).dumps()).unwrap();
        prop_assert_eq!(values(&loaded, &[1]), [sigma]);
    }

    #[test]
    fn no_text_panics(text in r#"[\[{]?"?[a-z]{0,8}"?[,: ]{0,2}[\[{]?"?[a-z]{0,8}"?: ?-?[0-9a-zN.e]{0,5}[}\]]{0,3}"#) {
        init::loads(&text).ok();
    }
}

#[test]
fn equal_are_initializers_with_equal_texts() {
    let loads = |text: &str| init::loads(text).unwrap();
    assert!(*loads("one") != *loads(r#"["constant", {"value": 1}]"#));
    assert!(*loads("xavier") == *(&Xavier::default() as &dyn Initializer));
    assert!(*loads("xavier") != *loads(r#"["xavier", {"magnitude": 2}]"#));
}

/// An initializer of a user, with an argument.
#[derive(Clone, Debug)]
struct Ramp {
    step: f64,
}

impl Ramp {
    fn from_args(args: &mut Args) -> Result<Self> {
        Ok(Ramp { step: args.number("step")?.map_or(1.0, gluonic::array::Scalar::to_f64) })
    }
}

impl Initializer for Ramp {
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, _address: &Address) -> Result<()> {
        let ramp = NdArray::arange::<f64>(desc.dims.elem_count()).reshape(&desc.dims)?;
        data.assign(&(&ramp * self.step)?)
    }

    fn dumps(&self) -> String {
        format!(r#"["ramp", {{"step": {:?}}}]"#, self.step)
    }
}

#[test]
fn an_initializer_of_ones_own_is_known_by_its_name() -> Result<()> {
    assert_eq!(variant(&error(init::loads("ramp"))), "UnknownWord");
    init::register("Ramp", Ramp::from_args);
    let loaded = init::loads(r#"["RAMP", {"step": 0.5}]"#)?;
    assert_eq!(loaded.dumps(), r#"["ramp", {"step": 0.5}]"#);
    let layer = Dense::new(1);
    layer.initialize_with(&loaded, Reinit::Keep)?;
    layer.call(&NdArray::ones((1, 3), DType::F32)?)?;
    assert_eq!(value(&layer.weight()?), [0.0, 0.5, 1.0]);
    let made_by = layer.weight()?.provenance().unwrap().initializer;
    assert_eq!(made_by, loaded.dumps());
    let unknown = error(init::loads(r#"["ramp", {"stepp": 0.5}]"#));
    assert_eq!(unknown.hint().as_deref(), Some("did you mean `step`?"));
    // As a part of another one, and found by those who mistype it.
    let mixed = init::loads(r#"["mixed", {"patterns": [".*"], "initializers": ["ramp"]}]"#)?;
    assert_eq!(values(&mixed, &[3]), [0.0, 1.0, 2.0]);
    assert_eq!(error(init::loads("rampp")).hint().as_deref(), Some("did you mean `ramp`?"));
    init::register("ramp", |_| Ok(Ramp { step: 2.0 }));
    assert_eq!(init::loads("Ramp")?.dumps(), r#"["ramp", {"step": 2.0}]"#);
    Ok(())
}

#[test]
fn names_are_registered_and_read_by_many_threads_at_once() {
    std::thread::scope(|scope| {
        for i in 0..4 {
            scope.spawn(move || {
                for round in 0..50 {
                    let step = f64::from(round);
                    init::register(&format!("ramp{i}"), move |_| Ok(Ramp { step }));
                    let found = init::loads(&format!("ramp{i}")).unwrap();
                    assert_eq!(found.dumps(), Ramp { step }.dumps());
                    init::loads("xavier").unwrap();
                }
            });
        }
    });
}
