//! Handles: whatever happens to a parameter, everyone who holds it or a view of it sees the one
//! value.

use std::path::Path;

use gluonic::prelude::*;

use crate::support::{Rng, array, bits, error, value, variant};

struct Watched {
    net: Sequential,
    weight: Parameter,
    /// Handles and views from before, each with how to see the same in the weight of now.
    data: NdArray,
    grad: NdArray,
    row: NdArray,
    corner: NdArray,
    turned: NdArray,
}

impl Watched {
    fn new() -> Result<Watched> {
        let net = sequential![Dense::new(4).activation(Activation::Tanh), Dense::new(2)];
        net.initialize()?;
        net.call(&array(&[0.5; 6], (2, 3)))?;
        let weight = net[0].weight()?;
        let data = weight.data()?;
        let (row, corner) = (data.row(2)?, data.slice(s![1..;2, ..;-1])?);
        let (grad, turned) = (weight.grad()?, data.transpose()?);
        Ok(Watched { net, weight, data, grad, row, corner, turned })
    }

    fn train(&self, trainer: &mut Trainer, rng: &mut Rng) -> Result<()> {
        let x = rng.array((2, 3));
        autograd::record(|| self.net.call(&x)?.square())?.backward()?;
        trainer.step(2)
    }

    /// One random change of the weight.
    fn change(&self, trainer: &mut Trainer, rng: &mut Rng, file: &Path) -> Result<()> {
        let number = rng.between(-1.0, 1.0);
        match rng.below(12) {
            0 => self.weight.data()?.set(s![rng.below(4) as isize, 1], number),
            1 => self.row.fill(number),
            2 => self.turned.add_assign(number),
            3 => self.corner.assign(&rng.array((2, 3))),
            4 => self.weight.edit::<f32, _>(|mut view| view[[0, 0]] = number as f32),
            5 => self.weight.set_data(&rng.array((4, 3))),
            6 => self.weight.reinitialize(),
            7 => self.net.initialize_with(&init::Normal::new(0.5), Reinit::Force),
            8 => self.net.save_parameters(file),
            9 => self.net.load_parameters(file, &LoadOptions::default()).map(|_| ()),
            10 => self.data.map_inplace(|x| x * number),
            _ => self.train(trainer, rng),
        }
    }

    #[track_caller]
    fn check(&self, step: usize) {
        let now = self.weight.data().unwrap();
        let rows: Vec<f64> = value(&self.weight);
        assert!(now.same_memory(&self.data), "step {step}");
        let at = |i: usize, j: usize| rows[i * 3 + j];
        let pick =
            |indices: &[(usize, usize)]| indices.iter().map(|&(i, j)| at(i, j)).collect::<Vec<_>>();
        let seen = |array: &NdArray| array.to_f64_vec().unwrap();
        assert_eq!(seen(&self.data), rows, "step {step}");
        assert_eq!(seen(&self.row), pick(&[(2, 0), (2, 1), (2, 2)]), "step {step}");
        let corner = [(1, 2), (1, 1), (1, 0), (3, 2), (3, 1), (3, 0)];
        assert_eq!(seen(&self.corner), pick(&corner), "step {step}");
        let columns: Vec<_> = (0..3).flat_map(|j| (0..4).map(move |i| (i, j))).collect();
        assert_eq!(seen(&self.turned), pick(&columns), "step {step}");
        assert!(self.weight.grad().unwrap().same_memory(&self.grad), "step {step}");
        assert_eq!(bits(&self.grad), bits(&self.weight.grad().unwrap()), "step {step}");
    }
}

#[test]
fn no_handle_or_view_goes_stale_over_a_hundred_random_changes() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let mut rng = Rng::new(11);
    let watched = Watched::new()?;
    watched.net.save_parameters(&file)?;
    let sgd = Sgd::new(0.1)?.momentum(0.9)?;
    let mut trainer = Trainer::new(&watched.net.collect_params()?, sgd)?;
    for step in 0..100 {
        let version = watched.data.version();
        watched.change(&mut trainer, &mut rng, &file)?;
        assert!(watched.data.version() >= version);
        watched.check(step);
    }
    Ok(())
}

#[test]
fn a_pinned_buffer_keeps_its_address_over_a_hundred_random_changes() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let mut rng = Rng::new(12);
    let watched = Watched::new()?;
    watched.net.save_parameters(&file)?;
    let mut trainer = Trainer::new(&watched.net.collect_params()?, Sgd::new(0.1)?.momentum(0.9)?)?;
    let (pin, grad_pin) = (watched.data.pin()?, watched.grad.pin()?);
    assert_eq!((pin.len(), pin.dtype()), (12, DType::F32));
    for step in 0..100 {
        // A graph that is alive must not make an edit move the buffer.
        let loss = autograd::record(|| watched.net.call(&rng.array((1, 3))))?;
        watched.change(&mut trainer, &mut rng, &file)?;
        watched.check(step);
        assert_eq!(watched.weight.data()?.pin()?.as_mut_ptr(), pin.as_mut_ptr(), "step {step}");
        assert_eq!(
            watched.weight.grad()?.pin()?.as_mut_ptr(),
            grad_pin.as_mut_ptr(),
            "step {step}"
        );
        drop(loss);
    }
    let address = pin.as_mut_ptr();
    drop(pin);
    watched.data.fill(1.0)?;
    assert_eq!(watched.data.pin()?.as_mut_ptr(), address);
    Ok(())
}

#[test]
fn cast_makes_new_memory_that_ties_follow_and_earlier_arrays_keep_the_old() -> Result<()> {
    let first = Dense::new(2);
    let tied = Dense::sharing(2, &first.params())?;
    first.initialize()?;
    first.call(&array(&[1.0, 2.0], (1, 2)))?;
    let weight = first.weight()?;
    let (before, old) = (weight.data()?, value(&weight));
    weight.cast(DType::F64)?;
    assert_eq!((weight.dtype(), tied.weight()?.dtype()), (DType::F64, DType::F64));
    assert!(!weight.data()?.same_memory(&before));
    assert!(weight.data()?.same_memory(&tied.weight()?.data()?));
    weight.data()?.fill(7.0)?;
    assert_eq!(before.to_f64_vec()?, old);
    assert_eq!(before.dtype(), DType::F32);
    // To the type that it has already: nothing happens.
    let same = weight.data()?;
    weight.cast(DType::F64)?;
    assert!(weight.data()?.same_memory(&same));
    Ok(())
}

#[test]
fn cast_keeps_the_gradient_and_its_freshness() -> Result<()> {
    let weight = Parameter::new("weight", 2);
    weight.initialize_with(&init::One, Reinit::Keep)?;
    autograd::record(|| weight.data()?.square())?.backward()?;
    weight.cast(DType::F64)?;
    assert_eq!(weight.grad()?.to_vec::<f64>()?, [2.0, 2.0]);
    Trainer::of([&weight], Sgd::new(0.25)?)?.step(1)?;
    assert_eq!(value(&weight), [0.5, 0.5]);
    Ok(())
}

#[test]
fn a_deep_clone_is_apart_in_value_gradient_and_settings() -> Result<()> {
    let weight = Parameter::new("weight", (2, 2));
    weight.initialize_with(&init::One, Reinit::Keep)?;
    autograd::record(|| weight.data()?.square())?.backward()?;
    let copy = weight.deep_clone()?;
    let handle = weight.clone();
    assert!(handle.ptr_eq(&weight) && !copy.ptr_eq(&weight));
    assert_eq!((copy.name(), value(&copy)), (weight.name(), value(&weight)));
    assert_eq!(bits(&copy.grad()?), bits(&weight.grad()?));
    weight.data()?.fill(3.0)?;
    weight.zero_grad()?;
    weight.set_lr_mult(5.0)?;
    weight.set_grad_req(GradReq::Null);
    assert_eq!((value(&copy), copy.grad()?.to_f64_vec()?), (vec![1.0; 4], vec![2.0; 4]));
    assert_eq!((copy.lr_mult(), copy.grad_req()), (1.0, GradReq::Write));
    copy.data()?.fill(9.0)?;
    assert_eq!((value(&weight), value(&handle)), (vec![3.0; 4], vec![3.0; 4]));
    Ok(())
}

#[test]
fn an_access_from_inside_an_edit_is_an_error_and_changes_nothing() -> Result<()> {
    let weight = Parameter::new("weight", 2);
    weight.initialize_with(&init::One, Reinit::Keep)?;
    autograd::record(|| weight.data()?.square())?.backward()?;
    let mut trainer = Trainer::of([&weight], Sgd::new(0.1)?)?;
    let inner = weight.edit::<f32, _>(|_| {
        [
            weight.set_data(&array(&[5.0, 5.0], 2)),
            weight.reinitialize(),
            weight.cast(DType::F64),
            weight.deep_clone().map(|_| ()),
            weight.data().and_then(|data| data.square()).map(|_| ()),
            weight.data().and_then(|data| data.pin()).map(|_| ()),
            trainer.step(1),
        ]
    })?;
    for result in inner {
        assert_eq!(variant(error(result).root()), "BeingEdited");
    }
    assert_eq!((value(&weight), weight.dtype()), (vec![1.0, 1.0], DType::F32));
    trainer.step(1)?;
    Ok(())
}
