//! What arrays on several contexts compute, and how they are copied.

use gluonic::prelude::*;

use super::{CPU0, CPU1, CPU2};
use crate::support::{array, error, variant};

#[test]
fn what_an_operation_computes_is_where_its_inputs_are() {
    let x = array(&[1.0, 2.0, 3.0, 4.0], (2, 2)).to_context(CPU1).unwrap();
    let labels = NdArray::from_slice(&[0_i64, 1], 2).unwrap().to_context(CPU1).unwrap();
    let results = [
        (&x + 1.0).unwrap(),
        x.matmul(&x).unwrap(),
        x.transpose().unwrap(),
        x.transpose().unwrap().reshape(4).unwrap(),
        x.cast(DType::F64).unwrap(),
        x.cast(DType::I32).unwrap(),
        x.sum().unwrap(),
        x.argmax(1, false).unwrap(),
        x.argsort(0, ops::Order::Ascending).unwrap(),
        x.gt(&x).unwrap(),
        x.gt(&x).unwrap().select(&x, &x).unwrap(),
        x.slice(s![0]).unwrap(),
        x.deep_clone().unwrap(),
        x.take(&[1, 0]).unwrap(),
        x.take_axis(&labels, 0).unwrap(),
        x.pick(&labels, 1).unwrap(),
        labels.one_hot(3, DType::F32).unwrap(),
        ops::concat(&[&x, &x], 0).unwrap(),
        ops::embedding(&labels, &x).unwrap(),
        ops::batch_norm(&x, None, None, 1, 1e-5).unwrap().mean,
        x.attach_grad(GradReq::Write).unwrap().grad().unwrap(),
        SoftmaxCrossEntropyLoss { ignore_label: Some(1), ..Default::default() }
            .call(&x, &labels, None)
            .unwrap(),
    ];
    for (i, result) in results.iter().enumerate() {
        assert_eq!(result.context(), CPU1, "result {i}");
    }
    assert_eq!(x.sum().unwrap().to_scalar::<f32>().unwrap(), 10.0);
}

#[test]
fn inputs_on_different_contexts_are_refused_with_both_named() {
    let x = array(&[1.0, 2.0], 2);
    let y = x.to_context(CPU1).unwrap();
    let ids = NdArray::from_slice(&[0_i64], 1).unwrap().to_context(CPU2).unwrap();
    let failures = [
        x.add(&y),
        y.gt(&x),
        x.take_axis(&ids, 0),
        ops::concat(&[&x, &y], 0),
        autograd::record(|| x.attach_grad(GradReq::Write)?.mul(&y)),
        ops::embedding(&ids, &x.reshape((2, 1)).unwrap()),
        L2Loss::default().call(&x, &y, None),
    ];
    for failure in failures {
        assert_eq!(variant(&error(failure)), "Contexts");
    }
    for failure in [x.add_assign(&y), x.fill_where(&y.gt(&y).unwrap(), 0.0)] {
        assert_eq!(variant(&error(failure)), "Contexts");
    }
    // An assignment copies, wherever from.
    x.set(s![0], &y.slice(s![1]).unwrap()).unwrap();
    assert_eq!(x.to_vec::<f32>().unwrap(), [2.0, 2.0]);
}

#[test]
fn a_gradient_comes_back_from_another_context() {
    let x = array(&[1.0, 2.0], 2).attach_grad(GradReq::Write).unwrap();
    let y = autograd::record(|| x.slice(s![..;-1])?.to_context(CPU1)?.square()).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [4.0, 1.0]);
    y.backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec::<f32>().unwrap(), [2.0, 4.0]);
    assert_eq!((x.grad().unwrap().context(), y.context()), (CPU0, CPU1));
}

#[test]
fn a_copy_on_another_context_is_another_value() {
    for dims in [vec![], vec![0], vec![2, 3]] {
        let x = NdArray::ones(dims, DType::BF16).unwrap();
        let y = x.to_context(CPU2).unwrap();
        y.fill(3.0).unwrap();
        assert_eq!(x.to_f64_vec().unwrap(), vec![1.0; x.elem_count()]);
        assert_eq!((y.context(), y.dtype(), y.dims()), (CPU2, DType::BF16, x.dims()));
    }
}
