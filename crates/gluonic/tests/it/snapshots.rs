//! What was recorded stays as it was: no later edit, by whatever way, changes a gradient.

use gluonic::prelude::*;

use crate::support::{Rng, array, bits, error, variant};

type Edit = fn(&Parameter, &std::path::Path) -> Result<()>;
type Model = fn(&NdArray, &NdArray) -> Result<NdArray>;

fn ready(dims: (usize, usize)) -> Result<Parameter> {
    let weight = Parameter::new("weight", dims);
    weight.initialize_with(&init::Zero, Reinit::Keep)?;
    weight.set_data(&Rng::of("weight").array(dims))?;
    Ok(weight)
}

/// The gradients by weight and input, with an edit of both between forward and backward.
fn gradients(model: Model, edit: Option<Edit>) -> Result<Vec<Vec<u64>>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weight.safetensors");
    let (weight, input) = (ready((3, 3))?, ready((3, 3))?);
    let mut dict = ParameterDict::new("");
    dict.insert(&weight)?;
    dict.save(&file, "")?;
    // A gradient that an optimizer may use, and a value other than the saved one.
    autograd::record(|| &weight.data()? + &input.data()?)?.backward()?;
    let loss = autograd::record(|| model(&weight.data()?, &input.data()?)?.tanh())?;
    if let Some(edit) = edit {
        let version = weight.data()?.version();
        edit(&weight, &file)?;
        edit(&input, &file)?;
        assert!(weight.data()?.version() > version, "the edit did nothing");
    }
    loss.backward()?;
    Ok(vec![bits(&weight.grad()?), bits(&input.grad()?)])
}

const MODELS: [(&str, Model); 6] = [
    ("dense", |w, x| ops::dense(x, w, None)),
    ("dense with bias", |w, x| ops::dense(x, w, Some(&x.row(0)?))),
    ("mul", |w, x| w * x),
    ("matmul", |w, x| w.matmul(&x.transpose()?)),
    ("exp", |w, x| &w.exp()? * &x.exp()?),
    ("square of a part", |w, x| &w.slice(s![1.., ..])?.square()? * &x.slice(s![..;-2, ..])?),
];

#[track_caller]
fn check(edit: Edit) {
    for (name, model) in MODELS {
        let expected = gradients(model, None).unwrap();
        assert_eq!(gradients(model, Some(edit)).unwrap(), expected, "{name}");
    }
}

#[test]
fn an_edit_in_place_does_not_reach_a_recorded_gradient() {
    check(|weight, _| weight.data()?.set(s![1, ..], 42.0));
    check(|weight, _| weight.data()?.map_inplace(|w| w * 3.0));
    check(|weight, _| weight.edit::<f32, _>(|mut view| view.fill(f32::NAN)));
    check(|weight, _| weight.data()?.transpose()?.row(0)?.fill(f64::INFINITY));
}

#[test]
fn set_data_does_not_reach_a_recorded_gradient() {
    check(|weight, _| weight.set_data(&array(&[5.0; 9], (3, 3))));
    check(|weight, _| autograd::record(|| weight.set_data(&array(&[5.0; 9], (3, 3)))));
}

#[test]
fn a_step_of_an_optimizer_does_not_reach_a_recorded_gradient() {
    check(|weight, _| Trainer::of([weight], Sgd::new(0.7)?)?.step(1));
    check(|weight, _| Trainer::of([weight], Sgd::new(0.7)?.momentum(0.9)?)?.step(1));
}

#[test]
fn a_load_does_not_reach_a_recorded_gradient() {
    check(|weight, file| {
        weight.data()?.fill(8.0)?;
        let mut dict = ParameterDict::new("");
        dict.insert(weight)?;
        dict.load(file, "", &LoadOptions::default()).map(|_| ())
    });
}

#[test]
fn a_new_initialization_does_not_reach_a_recorded_gradient() {
    check(|weight, _| weight.reinitialize());
    check(|weight, _| weight.initialize_with(&init::One, Reinit::Force));
}

#[test]
fn a_cast_after_recording_leaves_the_parameter_with_its_new_slot() -> Result<()> {
    let weight = ready((2, 2))?;
    let loss = autograd::record(|| weight.data()?.square())?;
    weight.cast(DType::F64)?;
    loss.backward()?;
    assert_eq!(weight.grad()?.to_vec::<f64>()?, [0.0; 4]);
    Ok(())
}

#[test]
fn an_intermediate_result_that_was_edited_may_not_be_recorded_again() -> Result<()> {
    let weight = ready((2, 2))?;
    let (y, part) = autograd::record(|| {
        let y = weight.data()?.exp()?;
        Ok::<_, Error>((y.clone(), y.row(0)?))
    })?;
    let before = bits(&y);
    part.fill(0.0)?;
    for used in [
        autograd::record(|| y.square()),
        autograd::record(|| &y + 1.0),
        autograd::record(|| &weight.data()? * &y),
        autograd::record(|| y.reshape(4)),
        autograd::record(|| y.transpose()),
        autograd::record(|| part.sum()),
        autograd::record(|| y.cast(DType::F64)),
        autograd::record(|| y.softmax(0)),
        autograd::record(|| weight.data()?.matmul(&y)),
    ] {
        assert_eq!(variant(&error(used)), "StaleArray");
    }
    // Outside `record` the edited value may be used, and what was recorded is as it was.
    assert_ne!(bits(&y), before);
    y.square()?;
    y.backward()?;
    assert_eq!(bits(&weight.grad()?), before);
    Ok(())
}

#[test]
fn an_edit_inside_record_counts_for_what_comes_after_it() -> Result<()> {
    let weight = Parameter::new("weight", 1);
    weight.initialize_with(&init::Constant::new(2.0), Reinit::Keep)?;
    let loss = autograd::record(|| {
        let before = weight.data()?.square()?;
        weight.data()?.fill(5.0)?;
        &before * &weight.data()?
    })?;
    loss.backward()?;
    // d(a² · b) = 2ab + a² with a = 2 before the edit and b = 5 after it.
    assert_eq!(weight.grad()?.to_scalar::<f32>()?, 24.0);
    Ok(())
}

/// Writes through a pin as code outside would: NumPy, C.
#[allow(unsafe_code, reason = "a pin is there for code outside Rust, which this plays")]
#[allow(clippy::cast_ptr_alignment, reason = "the memory is that of a vector of this type")]
fn write_from_outside(pin: &gluonic::array::Pin, value: f32) {
    assert_eq!(pin.dtype(), DType::F32);
    for i in 0..pin.len() {
        // SAFETY: the pin is alive, so its address is good for `len` elements of the type that
        // was checked, and no other thread touches the array.
        unsafe { pin.as_mut_ptr().cast::<f32>().add(i).write(value) };
    }
}

#[test]
fn a_foreign_write_through_a_pin_is_seen_by_reads_and_not_by_a_recorded_gradient() -> Result<()> {
    for (name, model) in MODELS {
        let expected = gradients(model, None)?;
        let pinned_before = [true, false];
        for before in pinned_before {
            let (weight, input) = (ready((3, 3))?, ready((3, 3))?);
            let early =
                before.then(|| Ok::<_, Error>((weight.data()?.pin()?, input.data()?.pin()?)));
            let early = early.transpose()?;
            let loss = autograd::record(|| model(&weight.data()?, &input.data()?)?.tanh())?;
            let pins = match early {
                Some(pins) => pins,
                None => (weight.data()?.pin()?, input.data()?.pin()?),
            };
            write_from_outside(&pins.0, 1000.0);
            write_from_outside(&pins.1, -1000.0);
            assert_eq!(weight.data()?.to_vec::<f32>()?, [1000.0; 9]);
            loss.backward()?;
            let found = vec![bits(&weight.grad()?), bits(&input.grad()?)];
            assert_eq!(found, expected, "{name}, pinned before: {before}");
        }
    }
    Ok(())
}
