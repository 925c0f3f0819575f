//! What differentiation promises beside the numbers: sums over uses, heads, kept graphs, slots,
//! and what happens at ties and kinks.

use std::sync::Arc;

use gluonic::autograd::{Backward, Function, apply, grad, pause, record};
use gluonic::nn::Activation;
use gluonic::prelude::*;

use crate::support::{Rng, array, bits, error, gradient, variant};

/// `f32` keeps 24 bits; sums of a few terms lose two or three of them.
const F32_TOLERANCE: f64 = 1e-6;
/// `f16` keeps 11 bits.
const F16_TOLERANCE: f64 = 2e-3;
/// `bf16` keeps 8 bits.
const BF16_TOLERANCE: f64 = 1e-2;

fn leaf(values: &[f64]) -> NdArray {
    leaf_with(values, GradReq::Write)
}

fn leaf_with(values: &[f64], req: GradReq) -> NdArray {
    NdArray::from_slice(values, values.len()).unwrap().attach_grad(req).unwrap()
}

#[track_caller]
fn check(x: &NdArray, expected: &[f64]) {
    assert_eq!(x.grad().unwrap().to_vec::<f64>().unwrap(), expected);
}

#[test]
fn an_input_used_twice_gets_the_sum_of_both_gradients() -> Result<()> {
    let x = leaf(&[2.0, -3.0]);
    record(|| &x * &x)?.backward()?;
    check(&x, &[4.0, -6.0]);
    record(|| &(&x * 3.0)? + &x.square()?)?.backward()?;
    check(&x, &[7.0, -3.0]);
    record(|| x.reshape((1, 2))?.matmul(&x.reshape((2, 1))?))?.backward()?;
    check(&x, &[4.0, -6.0]);
    Ok(())
}

#[test]
fn two_outputs_are_differentiated_as_their_sum_each_with_its_head() -> Result<()> {
    let x = leaf(&[1.0, 2.0]);
    let (y, z) = record(|| Ok::<_, Error>(((&x * 3.0)?, x.square()?)))?;
    Backward::new().retain_graph(true).run(&[&y, &z])?;
    check(&x, &[5.0, 7.0]);
    let heads = [array(&[1.0, 0.0], 2), array(&[0.0, 10.0], 2)];
    Backward::new().head(&heads[0]).head(&heads[1]).run(&[&y, &z])?;
    check(&x, &[3.0, 40.0]);
    Ok(())
}

#[test]
fn a_head_may_lie_in_any_layout_and_have_any_type_but_not_other_sizes() -> Result<()> {
    let x = leaf(&[1.0, 1.0, 1.0, 1.0]);
    let y = record(|| &x.reshape((2, 2))? * 1.0)?;
    let head = NdArray::arange::<i32>(4).reshape((2, 2))?.transpose()?;
    Backward::new().head(&head).retain_graph(true).run(&[&y])?;
    check(&x, &[0.0, 2.0, 1.0, 3.0]);
    let result = Backward::new().head(&head.reshape(4)?).retain_graph(true).run(&[&y]);
    assert_eq!(variant(&error(result)), "HeadShape");
    Backward::new().head(&head.row(0)?.broadcast_to((2, 2))?).run(&[&y])?;
    check(&x, &[0.0, 2.0, 0.0, 2.0]);
    Ok(())
}

#[test]
fn a_graph_lasts_for_one_backward_unless_it_is_retained() -> Result<()> {
    let x = leaf_with(&[3.0], GradReq::Add);
    let y = record(|| x.square()?.exp())?;
    let once = {
        Backward::new().retain_graph(true).run(&[&y])?;
        x.grad()?.to_vec::<f64>()?[0]
    };
    y.backward()?;
    check(&x, &[2.0 * once]);
    assert_eq!(variant(&error(y.backward())), "GraphFreed");
    assert_eq!(variant(&error(Backward::new().retain_graph(true).run(&[&y]))), "GraphFreed");
    check(&x, &[2.0 * once]);
    Ok(())
}

#[test]
fn grad_returns_gradients_and_leaves_every_slot_alone() -> Result<()> {
    let (x, y, z) = (leaf(&[2.0]), leaf(&[5.0]), leaf(&[7.0]));
    let loss = record(|| (&x * &y)?.square())?;
    let found = grad(&loss, &[&y, &x, &z, &y])?;
    let found: Vec<f64> = found.iter().map(|g| g.to_scalar().unwrap()).collect();
    assert_eq!(found, [40.0, 100.0, 0.0, 40.0]);
    for leaf in [&x, &y, &z] {
        check(leaf, &[0.0]);
    }
    let parameter = Parameter::new("weight", 1);
    parameter.initialize_with(&init::One, Reinit::Keep)?;
    let w = parameter.data()?;
    let loss = record(|| &w * 4.0)?;
    assert_eq!(grad(&loss, &[&w])?[0].to_scalar::<f32>()?, 4.0);
    assert_eq!(gradient(&parameter), [0.0]);
    let result = grad(&record(|| &w * 4.0)?, &[&w.detach()]);
    assert_eq!(variant(&error(result)), "NoGrad");
    Ok(())
}

#[test]
fn write_overwrites_add_adds_and_null_computes_nothing() -> Result<()> {
    let leaves = [GradReq::Write, GradReq::Add, GradReq::Null].map(|req| leaf_with(&[1.0], req));
    for _ in 0..3 {
        let sum = record(|| {
            let twice = |x: &NdArray| &(x * 2.0)? + x;
            &(&twice(&leaves[0])? + &twice(&leaves[1])?)? + &twice(&leaves[2])?
        })?;
        sum.backward()?;
    }
    check(&leaves[0], &[3.0]);
    check(&leaves[1], &[9.0]);
    assert_eq!(variant(&error(leaves[2].grad())), "NoGrad");
    Ok(())
}

#[test]
fn what_was_not_recorded_cannot_be_differentiated() -> Result<()> {
    let x = leaf(&[1.0]);
    for y in [&x * 2.0, record(|| pause(|| &x * 2.0)), record(|| &x.detach() * 2.0)] {
        assert_eq!(variant(&error(y?.backward())), "NotRecorded");
    }
    let null = leaf_with(&[1.0], GradReq::Null);
    assert_eq!(variant(&error(record(|| &null * 2.0)?.backward())), "NotRecorded");
    Ok(())
}

#[test]
fn a_graph_goes_on_through_a_second_record_and_outlives_the_first() -> Result<()> {
    let x = leaf(&[3.0]);
    let state = {
        let inner = record(|| x.square())?;
        record(|| &inner * 2.0)?
    };
    record(|| &state + &x)?.backward()?;
    check(&x, &[13.0]);
    Ok(())
}

#[test]
fn at_a_tie_the_gradient_is_shared_and_at_a_kink_it_is_zero() -> Result<()> {
    let x = leaf(&[2.0, 5.0, 5.0, 1.0]);
    record(|| x.max())?.backward()?;
    check(&x, &[0.0, 0.5, 0.5, 0.0]);
    let (a, b) = (leaf(&[1.0, 2.0]), leaf(&[1.0, 3.0]));
    record(|| a.maximum(&b))?.backward()?;
    check(&a, &[0.5, 0.0]);
    check(&b, &[0.5, 1.0]);
    record(|| a.minimum(&b))?.backward()?;
    check(&a, &[0.5, 1.0]);
    let zero = leaf(&[0.0, -0.0]);
    record(|| zero.abs())?.backward()?;
    check(&zero, &[0.0, 0.0]);
    record(|| zero.relu())?.backward()?;
    check(&zero, &[0.0, 0.0]);
    record(|| zero.powf(0.0))?.backward()?;
    check(&zero, &[0.0, 0.0]);
    record(|| zero.softsign())?.backward()?;
    check(&zero, &[1.0, 1.0]);
    Ok(())
}

#[test]
fn nan_is_never_hidden_by_relu_maximum_or_max() -> Result<()> {
    let x = NdArray::from_slice(&[f64::NAN, 1.0], 2)?;
    assert!(x.relu()?.to_vec::<f64>()?[0].is_nan());
    assert!(x.max()?.to_scalar::<f64>()?.is_nan());
    assert!(x.min()?.to_scalar::<f64>()?.is_nan());
    let zero = NdArray::zeros(2, DType::F64)?;
    for y in [x.maximum(&zero)?, zero.maximum(&x)?, x.minimum(&zero)?, zero.minimum(&x)?] {
        assert!(y.to_vec::<f64>()?[0].is_nan());
    }
    Ok(())
}

#[test]
fn half_and_single_precision_gradients_agree_with_double() -> Result<()> {
    let values = Rng::of("half").vec(12, -1.0, 1.0);
    let run = |dtype: DType| -> Result<Vec<f64>> {
        // Rounded first, so that only the arithmetic differs.
        let x = NdArray::from_slice(&values, (3, 4))?.cast(DType::BF16)?.cast(dtype)?;
        let (x, w) = (x.attach_grad(GradReq::Write)?, x.attach_grad(GradReq::Add)?);
        let y = record(|| ops::dense(&x, &w, None)?.tanh()?.sum())?;
        y.backward()?;
        assert_eq!((y.dtype(), x.grad()?.dtype()), (dtype, dtype));
        Ok([x.grad()?.to_f64_vec()?, w.grad()?.to_f64_vec()?].concat())
    };
    let exact = run(DType::F64)?;
    for (dtype, tolerance) in
        [(DType::F32, F32_TOLERANCE), (DType::F16, F16_TOLERANCE), (DType::BF16, BF16_TOLERANCE)]
    {
        for (found, exact) in run(dtype)?.iter().zip(&exact) {
            let error = (found - exact).abs() / exact.abs().max(1.0);
            assert!(error <= tolerance, "{dtype}: expected {exact}, found {found}");
        }
    }
    Ok(())
}

#[test]
fn a_gradient_goes_through_a_cast_between_floats_and_stops_at_integers() -> Result<()> {
    let x = leaf(&[1.5, -2.5]);
    let down_and_up = |x: &NdArray| x.cast(DType::F16)?.cast(DType::F32)?.cast(DType::F64);
    record(|| &down_and_up(&x)? * 3.0)?.backward()?;
    check(&x, &[3.0, 3.0]);
    let stopped = record(|| x.cast(DType::I32)?.cast(DType::F64))?;
    assert_eq!(variant(&error(stopped.backward())), "NotRecorded");
    Ok(())
}

#[test]
fn a_dense_layer_with_each_activation_has_the_gradients_of_its_parts() -> Result<()> {
    for act in Activation::ALL {
        let layer = |activation| {
            Dense::with(DenseConfig {
                units: 3,
                in_units: Some(4),
                activation,
                dtype: DType::F64,
                bias_initializer: None,
                ..DenseConfig::default()
            })
        };
        let (fused, plain) = (layer(Some(act))?, layer(None)?);
        fused.initialize()?;
        plain.initialize()?;
        plain.weight()?.set_data(&fused.weight()?.data()?)?;
        plain.bias()?.set_data(&fused.bias()?.data()?)?;
        let x = NdArray::from_vec(Rng::of("x").vec(8, -1.0, 1.0), (2, 4))?;
        let (x, x2) = (x.attach_grad(GradReq::Write)?, x.attach_grad(GradReq::Write)?);
        record(|| fused.call(&x)?.square())?.backward()?;
        record(|| act.apply(&plain.call(&x2)?)?.square())?.backward()?;
        assert_eq!(bits(&x.grad()?), bits(&x2.grad()?), "{act}");
        for key in ["weight", "bias"] {
            let (a, b) = (fused.param(key)?.grad()?, plain.param(key)?.grad()?);
            assert_eq!(bits(&a), bits(&b), "{act} {key}");
        }
    }
    Ok(())
}

#[test]
fn large_products_of_reversed_and_transposed_matrices_equal_those_of_their_copies() -> Result<()> {
    let mut rng = Rng::of("large");
    let (x, y) = (rng.array((70, 83)), rng.array((61, 83)));
    for (x, y) in [
        (x.slice(s![..;-1, ..;-1])?, y.slice(s![.., ..;-1])?.transpose()?),
        (x.slice(s![..;-1, ..])?, y.slice(s![..;-2, ..])?.transpose()?),
    ] {
        let copied = x.deep_clone()?.matmul(&y.deep_clone()?)?.to_f64_vec()?;
        for (found, expected) in x.matmul(&y)?.to_f64_vec()?.iter().zip(copied) {
            // The order of the sums may differ with the layout.
            assert!((found - expected).abs() <= 1e-5, "expected {expected}, found {found}");
        }
    }
    Ok(())
}

/// Returns what it is told to in backward.
struct Broken(UsersBackward);

type UsersBackward = fn(&NdArray) -> Result<Vec<Option<NdArray>>>;

impl Function for Broken {
    fn forward(&self, _keep: &mut Vec<NdArray>, inputs: &[NdArray]) -> Result<NdArray> {
        inputs[0].deep_clone()
    }

    fn backward(&self, _: &[NdArray], grad: &NdArray, _: &[bool]) -> Result<Vec<Option<NdArray>>> {
        (self.0)(grad)
    }

    fn name(&self) -> &'static str {
        "broken"
    }
}

#[test]
fn a_users_function_that_breaks_its_promise_is_an_error_and_leaves_no_fresh_gradient() -> Result<()>
{
    let weight = Parameter::new("weight", 2);
    weight.initialize_with(&init::One, Reinit::Keep)?;
    let cases: [(&str, UsersBackward); 3] = [
        ("FunctionGrads", |_| Ok(Vec::new())),
        ("HeadShape", |_| Ok(vec![Some(NdArray::zeros(3, DType::F32)?)])),
        ("User", |_| Err(Error::user("the gradient", "no idea"))),
    ];
    for (expected, backward) in cases {
        let w = weight.data()?;
        // The other use of the weight writes before the function fails.
        let loss = record(|| &apply(&Arc::new(Broken(backward)), std::slice::from_ref(&w))? + &w)?;
        assert_eq!(variant(&error(loss.backward())), expected);
        let mut trainer = Trainer::of([&weight], Sgd::new(1.0)?)?;
        assert_eq!(variant(&error(trainer.step(1))), "StaleGradients");
    }
    let w = weight.data()?;
    let none: UsersBackward = |_| Ok(vec![None]);
    record(|| &apply(&Arc::new(Broken(none)), std::slice::from_ref(&w))? + &w)?.backward()?;
    assert_eq!(gradient(&weight), [1.0, 1.0]);
    Ok(())
}

#[test]
fn grad_of_one_variable_named_twice_gives_its_gradient_twice() -> Result<()> {
    let x = array(&[3.0], 1).attach_grad(GradReq::Write)?;
    let y = autograd::record(|| x.square())?;
    let grads = autograd::grad(&y, &[&x, &x])?;
    for grad in grads {
        assert_eq!(grad.to_vec::<f32>()?, [6.0]);
    }
    Ok(())
}
