//! The life of one parameter: its states, what each refuses, and its settings.

use gluonic::nn::BlockCore;
use gluonic::param::Kind;
use gluonic::prelude::*;

use crate::support::{array, error, gradient, value, variant};

fn deferred() -> Parameter {
    let weight = Parameter::new("w", [Some(3), None]);
    weight.initialize().unwrap();
    weight
}

fn ready() -> Parameter {
    let weight = Parameter::new("w", (2, 2));
    weight.initialize_with(&init::One, Reinit::Keep).unwrap();
    weight
}

#[track_caller]
fn check<T>(result: Result<T>, expected: &str) {
    assert_eq!(variant(error(result).root()), expected);
}

#[test]
fn an_uninitialized_parameter_refuses_what_needs_a_value() {
    let weight = Parameter::new("w", (2, 2));
    assert!(!weight.is_initialized() && !weight.is_deferred());
    check(weight.data(), "Uninitialized");
    check(weight.grad(), "Uninitialized");
    check(weight.set_data(&array(&[0.0; 4], (2, 2))), "Uninitialized");
    check(weight.edit::<f32, _>(|_| ()), "Uninitialized");
    check(Trainer::of([&weight], Sgd::new(0.1).unwrap()), "Uninitialized");
    let layer = Dense::new(2);
    check(layer.call(&array(&[1.0], (1, 1))), "Uninitialized");
    let file = tempfile::tempdir().unwrap().path().join("layer.params");
    check(layer.save_parameters(file), "Uninitialized");
    // What needs none: shape, type, settings, a zeroing of the gradient that is not there.
    weight.zero_grad().unwrap();
    weight.cast(DType::F64).unwrap();
    weight.set_grad_req(GradReq::Add);
    weight.initialize().unwrap();
    assert_eq!((weight.dtype(), weight.grad().unwrap().dtype()), (DType::F64, DType::F64));
    assert_eq!(weight.grad_req(), GradReq::Add);
}

#[test]
fn a_failed_set_data_says_nothing_about_the_shape() {
    let weight = Parameter::new("w", [None, None]);
    check(weight.set_data(&array(&[0.0; 4], (2, 2))), "Uninitialized");
    assert_eq!(weight.shape().unwrap().to_string(), "(?, ?)");
}

#[test]
fn a_deferred_parameter_refuses_what_needs_a_value_and_takes_what_does_not() {
    let weight = deferred();
    assert!(weight.is_deferred() && !weight.is_initialized());
    check(weight.data(), "Deferred");
    check(weight.grad(), "Deferred");
    check(weight.edit::<f32, _>(|_| ()), "Deferred");
    check(weight.set_data(&array(&[0.0; 4], (2, 2))), "ShapeMismatch");
    check(weight.set_data(&array(&[0.0; 3], 3)), "ShapeMismatch");
    weight.zero_grad().unwrap();
    weight.set_data(&array(&[1.0; 6], (3, 2))).unwrap();
    let unknown = Parameter::with_spec("u", &ParamSpec::of_any_shape().deferred());
    unknown.initialize().unwrap();
    check(unknown.data(), "UnknownShape");
    assert_eq!(unknown.to_string(), "Parameter u (shape=None, dtype=float32)");
}

#[test]
fn initializing_a_shape_that_may_not_wait_is_an_error() {
    let cannot_wait = Parameter::with_spec("w", &ParamSpec::new([Some(3), None]));
    check(cannot_wait.initialize(), "UnknownShape");
    assert_eq!(
        error(cannot_wait.initialize()).to_string(),
        "cannot initialize parameter `w`: its shape (3, ?) is not known"
    );
    let unknown = Parameter::with_spec("u", &ParamSpec::of_any_shape());
    assert_eq!(
        error(unknown.initialize()).to_string(),
        "cannot initialize parameter `u`: its shape (any rank) is not known"
    );
    assert!(!cannot_wait.is_deferred() && !unknown.is_deferred());
}

#[test]
fn initializing_twice_keeps_the_value_unless_forced() {
    let weight = ready();
    weight.initialize_with(&init::Zero, Reinit::Keep).unwrap();
    assert_eq!(value(&weight), [1.0; 4]);
    autograd::record(|| weight.data()?.square()).unwrap().backward().unwrap();
    weight.initialize_with(&init::Zero, Reinit::Force).unwrap();
    assert_eq!((value(&weight), gradient(&weight)), (vec![0.0; 4], vec![0.0; 4]));
    check(Trainer::of([&weight], Sgd::new(0.1).unwrap()).unwrap().step(1), "StaleGradients");
}

#[test]
fn the_explicit_initializer_wins_over_the_own_and_the_own_over_the_blocks() {
    let run = |own: bool, explicit: bool| {
        let core = BlockCore::with_prefix("Scale", "scale_");
        let spec = ParamSpec::new(1);
        let spec = if own { spec.init(&init::Constant::new(2.0)) } else { spec };
        let weight = core.get("w", &spec).unwrap();
        if explicit {
            weight.initialize_with(&init::Constant::new(3.0), Reinit::Keep).unwrap();
        } else {
            core.params().initialize_with(&init::One, Reinit::Keep).unwrap();
        }
        value(&weight)[0]
    };
    assert_eq!([run(false, false), run(true, false), run(true, true)], [1.0, 2.0, 3.0]);
}

#[test]
fn a_shape_can_become_more_known_and_never_less_or_another() {
    let weight = Parameter::new("w", [Some(256), None]);
    check(weight.set_shape((255, 20)), "ShapeMismatch");
    check(weight.set_shape((256, 20, 1)), "ShapeMismatch");
    weight.set_shape((256, 20)).unwrap();
    check(weight.set_shape([Some(256), None]), "ShapeMismatch");
    assert_eq!(weight.shape().unwrap().to_string(), "(256, 20)");
    let any = Parameter::with_spec("w", &ParamSpec::of_any_shape());
    any.set_shape([None, Some(2)]).unwrap();
    check(any.set_shape(2), "ShapeMismatch");
}

#[test]
fn set_data_refuses_other_sizes_even_those_that_would_broadcast() {
    let weight = ready();
    for wrong in [array(&[5.0], 1), array(&[5.0; 2], (1, 2)), NdArray::scalar(5.0_f32)] {
        check(weight.set_data(&wrong), "ShapeMismatch");
    }
    assert_eq!(value(&weight), [1.0; 4]);
    weight.set_data(&NdArray::from_slice(&[1_i64, 2, 3, 4], (2, 2)).unwrap()).unwrap();
    assert_eq!((value(&weight), weight.dtype()), (vec![1.0, 2.0, 3.0, 4.0], DType::F32));
}

#[test]
fn a_change_of_grad_req_starts_the_gradient_over() {
    let weight = ready();
    let train = || autograd::record(|| weight.data()?.square()).unwrap().backward();
    train().unwrap();
    weight.set_grad_req(GradReq::Write);
    assert_eq!(gradient(&weight), [2.0; 4], "no change is no change");
    weight.set_grad_req(GradReq::Add);
    assert_eq!(gradient(&weight), [0.0; 4]);
    train().unwrap();
    train().unwrap();
    assert_eq!(gradient(&weight), [4.0; 4]);
    weight.set_grad_req(GradReq::Null);
    check(weight.grad(), "NoGrad");
    assert_eq!(
        error(weight.grad()).to_string(),
        "parameter `w` has no gradient: its grad_req is null"
    );
    check(train(), "NotRecorded");
    weight.set_grad_req(GradReq::Write);
    assert_eq!(gradient(&weight), [0.0; 4]);
}

#[test]
fn a_backward_that_does_not_meet_a_parameter_leaves_its_gradient() {
    let (used, unused) = (ready(), ready());
    autograd::record(|| &used.data()? + &unused.data()?).unwrap().backward().unwrap();
    autograd::record(|| used.data()?.square()).unwrap().backward().unwrap();
    assert_eq!((gradient(&used), gradient(&unused)), (vec![2.0; 4], vec![1.0; 4]));
}

#[test]
fn zero_grad_zeroes_in_place_and_does_nothing_where_there_is_no_gradient() {
    let weight = ready();
    let handle = weight.grad().unwrap();
    autograd::record(|| weight.data()?.square()).unwrap().backward().unwrap();
    assert_eq!(handle.to_f64_vec().unwrap(), [2.0; 4]);
    weight.zero_grad().unwrap();
    assert_eq!(handle.to_f64_vec().unwrap(), [0.0; 4]);
    weight.set_grad_req(GradReq::Null);
    weight.zero_grad().unwrap();
}

#[test]
fn multipliers_must_be_numbers_that_make_sense() {
    let weight = ready();
    assert_eq!((weight.lr_mult(), weight.wd_mult()), (1.0, 1.0));
    weight.set_lr_mult(0.0).unwrap();
    weight.set_wd_mult(2.5).unwrap();
    for wrong in [-1.0, f64::NAN, f64::INFINITY] {
        check(weight.set_lr_mult(wrong), "Setting");
        check(weight.set_wd_mult(wrong), "Setting");
    }
    assert_eq!((weight.lr_mult(), weight.wd_mult()), (0.0, 2.5));
}

#[test]
fn tags_are_a_sorted_set_of_words() {
    let weight = ready();
    for tag in ["head", "frozen", "head"] {
        weight.tag(tag);
    }
    assert_eq!(weight.tags(), ["frozen".into(), Box::<str>::from("head")]);
    assert!(weight.untag("head") && !weight.untag("head"));
    assert_eq!(weight.tags().len(), 1);
}

#[test]
fn a_constant_has_its_own_value_and_never_a_gradient() {
    for dtype in [DType::F64, DType::I64, DType::Bool, DType::U8] {
        let source = NdArray::from_slice(&[1_i32, 0, 1], 3).unwrap().cast(dtype).unwrap();
        let constant = Parameter::constant("c", &source).unwrap();
        source.fill(0.0).unwrap();
        assert_eq!((constant.kind(), constant.grad_req()), (Kind::Constant, GradReq::Null));
        check(constant.data(), "Uninitialized");
        constant.initialize().unwrap();
        assert_eq!((value(&constant), constant.dtype()), (vec![1.0, 0.0, 1.0], dtype));
        constant.set_grad_req(GradReq::Write);
        assert_eq!(constant.grad_req(), GradReq::Null);
        check(constant.grad(), "NoGrad");
        assert_eq!(constant.to_string(), format!("Constant c (shape=(3,), dtype={dtype})"));
        constant.data().unwrap().fill(0.0).unwrap();
        constant.reinitialize().unwrap();
        assert_eq!(value(&constant), [1.0, 0.0, 1.0]);
    }
}

#[test]
fn large_integers_survive_as_constants() {
    let source = NdArray::from_slice(&[i64::MAX, i64::MIN, (1 << 53) + 1], 3).unwrap();
    let constant = Parameter::constant("c", &source).unwrap();
    constant.initialize().unwrap();
    let found = constant.data().unwrap().to_vec::<i64>().unwrap();
    assert_eq!(found, [i64::MAX, i64::MIN, (1 << 53) + 1]);
}

#[test]
fn statistics_and_integers_have_no_gradient_whatever_is_asked() {
    let spec = ParamSpec::new(2).grad_req(GradReq::Write);
    for parameter in [
        Parameter::with_spec("s", &spec.clone().kind(Kind::Statistic)),
        Parameter::with_spec("i", &spec.dtype(DType::I32).init(&init::Zero)),
    ] {
        parameter.initialize().unwrap();
        parameter.set_grad_req(GradReq::Add);
        assert_eq!(parameter.grad_req(), GradReq::Null);
        check(parameter.grad(), "NoGrad");
    }
}

#[test]
fn random_values_of_an_integer_type_are_refused_and_constant_ones_are_not() {
    for dtype in [DType::I32, DType::Bool] {
        let weight = Parameter::with_spec("w", &ParamSpec::new(2).dtype(dtype));
        check(weight.initialize(), "RandomDType");
        assert!(!weight.is_initialized());
        weight.initialize_with(&init::One, Reinit::Keep).unwrap();
        assert_eq!(value(&weight), [1.0, 1.0]);
    }
}

#[test]
fn every_floating_point_type_is_stored_trained_and_cast() {
    for dtype in [DType::F16, DType::BF16, DType::F32, DType::F64] {
        let weight = Parameter::with_spec("w", &ParamSpec::new(2).dtype(dtype));
        weight.initialize_with(&init::Constant::new(1.5), Reinit::Keep).unwrap();
        autograd::record(|| weight.data()?.square()).unwrap().backward().unwrap();
        assert_eq!((weight.grad().unwrap().dtype(), gradient(&weight)), (dtype, vec![3.0; 2]));
        for other in [DType::F64, DType::BF16, DType::F16, DType::F32] {
            weight.cast(other).unwrap();
            assert_eq!((value(&weight), gradient(&weight)), (vec![1.5; 2], vec![3.0; 2]));
        }
        weight.cast(DType::I32).unwrap();
        assert_eq!((value(&weight), weight.grad_req()), (vec![1.0; 2], GradReq::Null));
    }
}

#[test]
fn scalars_and_parameters_without_elements_live_like_others() {
    for (dims, n) in [(Dims::from(()), 1), (Dims::from((0, 3)), 0), (Dims::from((2, 0)), 0)] {
        let weight = Parameter::new("w", Shape::from(&dims));
        weight.initialize().unwrap();
        autograd::record(|| weight.data()?.square()).unwrap().backward().unwrap();
        assert_eq!((value(&weight).len(), gradient(&weight).len()), (n, n));
        Trainer::of([&weight], Sgd::new(0.1).unwrap().momentum(0.9).unwrap())
            .unwrap()
            .step(1)
            .unwrap();
        weight.set_data(&NdArray::ones(&dims, DType::F64).unwrap()).unwrap();
        weight.reinitialize().unwrap();
        weight.cast(DType::F16).unwrap();
        let text = format!("{weight:#}");
        assert!(text.contains("data"), "{text}");
    }
}
