//! Steps 7 and 8: setting values by hand, at any time.

use gluonic::nn::Activation::Relu;
use gluonic::prelude::*;

use super::check::{Tour, run, show};
use super::digits::Digits;
use super::numbers::{all_are, same_bits};

pub(super) fn directly(tour: &mut Tour, digits: &Digits) -> Result<()> {
    tour.step(
        "Setting values directly",
        "Data is a handle on the parameter's own memory: numbers, rows, ranges, masks and whole \
         arrays are written in place.",
    );
    run!(tour, let x = digits.images.slice(s![0..2, ..])?);
    run!(tour, let net = sequential![Dense::new(256).activation(Relu), Dense::new(10)]);
    run!(tour, net.initialize()?);
    run!(tour, net.call(&x)?);
    run!(tour, let weight = net[0].weight()?);
    run!(tour, let data = weight.data()?);
    let before = data.deep_clone()?;

    run!(tour, data.add_assign(1.0)?);
    show!(tour, data.slice(s![0, 0..6])?);
    let sum = before.add_scalar(1.0)?;
    tour.holds("+= 1 reached every weight", same_bits(&data, &sum)?);
    run!(tour, data.set(s![0, 0], 42.0)?);
    show!(tour, data.slice(s![0, 0..6])?);
    tour.equal("[0, 0] is 42", 42.0, weight.data()?.slice(s![0, 0])?.to_scalar::<f32>()?);
    tour.holds(
        "and nothing else changed",
        same_bits(&data.slice(s![1.., ..])?, &sum.slice(s![1.., ..])?)?,
    );

    run!(tour, data.set(s![1, ..], &NdArray::arange::<f32>(64))?);
    show!(tour, data.slice(s![1, 0..6])?);
    let counted = NdArray::arange::<f32>(64);
    tour.holds("row 1 counts from 0 to 63", same_bits(&data.row(1)?, &counted)?);
    run!(tour, data.set(s![2..4, ..;2], -1.0)?);
    show!(tour, data.slice(s![2..4, 0..6])?);
    tour.holds("every second of rows 2 and 3 is -1", all_are(&data.slice(s![2..4, ..;2])?, -1.0)?);
    run!(tour, let negative = data.lt(&NdArray::scalar(0.0_f32))?);
    run!(tour, data.fill_where(&negative, 0.0)?);
    show!(tour, data.slice(s![2..4, 0..6])?);
    tour.holds("under the mask all became 0", all_are(&data.slice(s![2..4, ..;2])?, 0.0)?);
    tour.at_least("the smallest weight left", 0.0, f64::from(data.min()?.to_scalar::<f32>()?));

    run!(tour, weight.set_data(&NdArray::ones((256, 64), DType::F32)?)?);
    show!(tour, data.slice(s![0, 0..6])?);
    tour.holds("set_data wrote into the memory that we hold", all_are(&data, 1.0)?);
    let error = super::check::fails!(tour, weight.set_data(&NdArray::ones((64, 256), DType::F32)?));
    tour.holds("a wrong shape is refused", matches!(error, Some(Error::ShapeMismatch { .. })));
    Ok(())
}

pub(super) fn while_recording(tour: &mut Tour, digits: &Digits) -> Result<()> {
    tour.step(
        "Setting values inside a recording",
        "What was recorded keeps the value it was computed with. The gradient is that of the \
         forward, to the last bit, and the edit stays.",
    );
    run!(tour, let x = digits.images.slice(s![0..32, ..])?);
    run!(tour, let labels = digits.labels.slice(s![0..32])?);
    run!(tour, let loss_fn = SoftmaxCrossEntropyLoss::default());
    run!(tour, let net = sequential![Dense::new(256).activation(Relu), Dense::new(10)]);
    run!(tour, net.initialize()?);
    run!(tour, let loss = autograd::record(|| loss_fn.call(&net.call(&x)?, &labels, None))?);
    run!(tour, loss.backward()?);
    let first = net[0].weight()?.grad()?.deep_clone()?;
    let second = net[1].weight()?.grad()?.deep_clone()?;
    show!(tour, net[1].weight()?.grad()?.slice(s![0, 0..6])?);

    tour.text("The same forward again, with both weights overwritten before backward.");
    run!(tour, net.zero_grad()?);
    run!(tour, let zeros = NdArray::zeros((10, 256), DType::F32)?);
    run!(tour, let loss = autograd::record(|| {
        let y = net.call(&x)?;
        net[0].weight()?.data()?.mul_assign(-3.0)?;
        net[1].weight()?.set_data(&zeros)?;
        loss_fn.call(&y, &labels, None)
    })?);
    run!(tour, loss.backward()?);
    show!(tour, net[1].weight()?.grad()?.slice(s![0, 0..6])?);
    show!(tour, net[1].weight()?.data()?.slice(s![0, 0..6])?);
    tour.holds(
        "net[1]'s gradient is that without the edit",
        same_bits(&second, &net[1].weight()?.grad()?)?,
    );
    // The gradient of the first layer goes through the second layer's weight as it was.
    tour.holds(
        "net[0]'s too, which goes through the other weight",
        same_bits(&first, &net[0].weight()?.grad()?)?,
    );
    tour.holds("and it is not zero", !all_are(&first, 0.0)?);
    tour.holds("the edit stays", all_are(&net[1].weight()?.data()?, 0.0)?);
    Ok(())
}
