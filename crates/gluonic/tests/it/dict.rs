//! Sets of parameters: looking up, sharing, agreeing, selecting, printing.

use gluonic::nn::BlockCore;
use gluonic::prelude::*;

use crate::support::{array, error, value, variant};

fn spec() -> ParamSpec {
    ParamSpec::new((8, 8))
}

/// What asking again with other wishes says about an attribute.
#[track_caller]
fn check_clash(first: &ParamSpec, second: &ParamSpec, expected: &str) {
    let mut params = ParameterDict::new("net_");
    params.get_or_create("w", first).unwrap();
    let clash = error(params.get_or_create("w", second));
    assert_eq!(variant(&clash), "Attribute");
    assert_eq!(clash.to_string(), format!("parameter `net_w` has {expected}"));
    assert_eq!(params.len(), 1);
}

#[test]
fn a_parameter_is_made_once_and_found_ever_after() -> Result<()> {
    let mut params = ParameterDict::new("net_");
    let made = params.get_or_create("w", &spec())?;
    assert_eq!(made.name(), "net_w");
    assert!(params.get_or_create("w", &ParamSpec::of_any_shape())?.ptr_eq(&made));
    assert!(params["net_w"].ptr_eq(&made) && params.get("net_w")?.ptr_eq(&made));
    assert!(params.contains("net_w") && !params.contains("w"));
    assert_eq!(variant(&error(params.get("w"))), "UnknownParameter");
    Ok(())
}

#[test]
fn what_contradicts_an_existing_parameter_is_refused_by_attribute() {
    check_clash(&spec(), &ParamSpec::new([Some(9), None]), "shape (8, 8), expected (9, ?)");
    check_clash(&spec(), &ParamSpec::new(8), "shape (8, 8), expected (8,)");
    check_clash(&spec(), &spec().dtype(DType::F64), "dtype float32, expected float64");
    check_clash(&spec(), &spec().grad_req(GradReq::Add), "grad_req write, expected add");
    check_clash(&spec(), &spec().lr_mult(2.0), "lr_mult 1, expected 2");
    check_clash(&spec(), &spec().wd_mult(0.0), "wd_mult 1, expected 0");
    check_clash(
        &spec().init(&init::One),
        &spec().init(&init::Zero),
        r#"init ["one", {}], expected ["zero", {}]"#,
    );
}

#[test]
fn two_wishes_for_a_shape_become_what_both_know() -> Result<()> {
    let mut params = ParameterDict::new("");
    let weight = params.get_or_create("w", &ParamSpec::new([Some(8), None, None]))?;
    params.get_or_create("w", &ParamSpec::new([None, Some(3), None]))?;
    assert_eq!(weight.shape().unwrap().to_string(), "(8, 3, ?)");
    let any = params.get_or_create("a", &ParamSpec::of_any_shape())?;
    params.get_or_create("a", &ParamSpec::new(4))?;
    assert_eq!(any.shape().unwrap().to_string(), "(4,)");
    Ok(())
}

#[test]
fn a_refused_wish_changes_nothing_of_the_parameter() -> Result<()> {
    let mut params = ParameterDict::new("");
    let weight = params.get_or_create("w", &ParamSpec::new([Some(8), None]))?;
    let wish = ParamSpec::new((8, 3)).init(&init::One).dtype(DType::F64);
    error(params.get_or_create("w", &wish));
    assert_eq!(weight.shape().unwrap().to_string(), "(8, ?)");
    assert!(weight.initializer().is_none());
    Ok(())
}

#[test]
fn the_first_sharer_with_an_initializer_sets_it_for_all() -> Result<()> {
    let mut params = ParameterDict::new("");
    let weight = params.get_or_create("w", &ParamSpec::new(2))?;
    params.get_or_create("w", &ParamSpec::new(2).init(&init::Constant::new(3.0)))?;
    params.get_or_create("w", &ParamSpec::new(2))?;
    params.initialize()?;
    assert_eq!(value(&weight), [3.0, 3.0]);
    Ok(())
}

#[test]
fn a_sharer_finds_what_is_there_and_keeps_what_it_makes_to_itself() -> Result<()> {
    let source = Dense::with(DenseConfig {
        units: 2,
        use_bias: false,
        prefix: Some("a_".into()),
        ..Default::default()
    })?;
    let tied = Dense::sharing(2, &source.params())?;
    assert!(tied.weight()?.ptr_eq(&source.weight()?));
    assert_eq!(tied.bias()?.name(), "a_bias");
    let names = |layer: &Dense| layer.params().names().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        (names(&source), names(&tied)),
        (vec!["a_weight".into()], vec!["a_weight".into(), "a_bias".into()])
    );
    Ok(())
}

#[test]
fn a_constant_is_made_once_and_its_value_may_not_change() -> Result<()> {
    let core = BlockCore::with_prefix("Scale", "s_");
    let factor = array(&[1.0, 2.0], 2);
    let message = |result: Result<Parameter>| error(result).to_string();
    assert_eq!(
        message(core.get_constant("c", None)),
        "constant `s_c` does not exist; give a value to make it"
    );
    let made = core.get_constant("c", Some(&factor))?;
    assert!(core.get_constant("c", None)?.ptr_eq(&made));
    assert!(core.get_constant("c", Some(&factor.deep_clone()?))?.ptr_eq(&made));
    for other in [array(&[1.0, 3.0], 2), array(&[1.0, 2.0], (1, 2))] {
        assert_eq!(
            message(core.get_constant("c", Some(&other))),
            "constant `s_c` exists already with another value"
        );
    }
    core.get("w", &ParamSpec::new(2))?;
    assert_eq!(
        message(core.get_constant("w", Some(&factor))),
        "constant `s_w` exists already but is not a constant"
    );
    Ok(())
}

#[test]
fn an_update_with_another_parameter_of_one_name_changes_nothing() -> Result<()> {
    let (mut a, mut b) = (ParameterDict::new(""), ParameterDict::new(""));
    let shared = Parameter::new("shared", 1);
    a.insert(&shared)?;
    a.insert(&Parameter::new("x", 1))?;
    b.insert(&Parameter::new("new", 1))?;
    b.insert(&shared)?;
    b.insert(&Parameter::new("x", 1))?;
    assert_eq!(error(a.update(&b)).to_string(), "two different parameters are named `x`");
    assert_eq!(a.names().map(|name| &**name).collect::<Vec<_>>(), ["shared", "x"]);
    let mut c = ParameterDict::new("");
    c.insert(&shared)?;
    c.insert(&Parameter::new("y", 1))?;
    a.update(&c)?;
    assert_eq!(a.names().map(|name| &**name).collect::<Vec<_>>(), ["shared", "x", "y"]);
    Ok(())
}

#[test]
fn a_pattern_selects_by_the_start_of_the_name_and_may_select_nothing() -> Result<()> {
    let mut params = ParameterDict::new("net_");
    for name in ["dense0_weight", "dense0_bias", "dense1_weight", "dense10_bias", "m_dense0_weight"]
    {
        params.insert(&Parameter::new(name, 1))?;
    }
    let select = |pattern: &str| -> Result<Vec<String>> {
        let selected = params.select(pattern)?;
        assert_eq!(selected.prefix(), "net_");
        Ok(selected.names().map(ToString::to_string).collect())
    };
    assert_eq!(select("dense0.*")?, ["dense0_weight", "dense0_bias"]);
    assert_eq!(select("dense1")?, ["dense1_weight", "dense10_bias"]);
    assert_eq!(select("dense0_weight|.*10")?, ["dense0_weight", "dense10_bias"]);
    assert_eq!(select(".*(?<!bias)$")?, ["dense0_weight", "dense1_weight", "m_dense0_weight"]);
    assert_eq!((select("weight")?.len(), select("")?.len()), (0, 5));
    for bad in ["(", "a)(b", "*"] {
        assert_eq!(variant(&error(select(bad))), "Pattern");
    }
    Ok(())
}

#[test]
fn values_and_gradients_are_reached_by_name_and_set_all_at_once() -> Result<()> {
    let net = name::manager(|| sequential![Dense::new(1), Dense::new(1)]);
    let params = net.collect_params()?;
    assert_eq!(variant(&error(params.datas())), "Uninitialized");
    params.initialize_with(&init::One, Reinit::Keep)?;
    net.call(&array(&[2.0], (1, 1)))?;
    autograd::record(|| net.call(&array(&[2.0], (1, 1))))?.backward()?;
    assert_eq!(params.datas()?["dense0_weight"].to_vec::<f32>()?, [1.0]);
    assert_eq!(params.grads()?["dense0_weight"].to_vec::<f32>()?, [2.0]);
    assert!(params.grads()?["dense0_weight"].same_memory(&net[0].weight()?.grad()?));
    params.zero_grad()?;
    assert!(params.grads()?.values().all(|g| g.to_vec::<f32>().unwrap() == [0.0]));
    params.select(".*bias")?.set_grad_req(GradReq::Null);
    let trained: Vec<_> = params.grads()?.keys().map(ToString::to_string).collect();
    assert_eq!(trained, ["dense0_weight", "dense1_weight"]);
    params.set_lr_mult(0.5)?;
    params.set_wd_mult(0.0)?;
    params.cast(DType::F64)?;
    assert!(params.iter().all(|p| (p.lr_mult(), p.wd_mult(), p.dtype()) == (0.5, 0.0, DType::F64)));
    assert_eq!(variant(error(params.set_lr_mult(-1.0)).root()), "Setting");
    Ok(())
}

#[test]
fn cloning_a_set_copies_the_list_and_not_the_parameters() -> Result<()> {
    let mut params = ParameterDict::new("");
    let weight = params.get_or_create("w", &ParamSpec::new(1))?;
    let copy = params.clone();
    params.insert(&Parameter::new("x", 1))?;
    assert_eq!((copy.len(), copy["w"].ptr_eq(&weight)), (1, true));
    assert_eq!((&params).into_iter().count(), 2);
    Ok(())
}

#[test]
#[should_panic(expected = "no parameter is named `net_wieght`: did you mean `net_weight`?")]
fn an_index_that_is_not_there_panics_with_the_nearest_name() {
    let mut params = ParameterDict::new("net_");
    params.get_or_create("weight", &spec()).unwrap();
    let _ = &params["net_wieght"];
}

#[test]
fn everything_prints_as_gluon_prints_it() -> Result<()> {
    name::manager(|| {
        let net = sequential![
            Dense::new(256).activation(Activation::Relu),
            sequential![Dense::new(10), Dropout::new(0.5)?]
        ];
        assert_eq!(
            net.to_string(),
            "Sequential(\n  (0): Dense(None -> 256, Activation(relu))\n  (1): Sequential(\n    (0): Dense(None -> 10, linear)\n    (1): Dropout(p = 0.5, axes=())\n  )\n)"
        );
        net.initialize()?;
        net.call(&NdArray::ones((2, 20), DType::F32)?)?;
        assert_eq!(net[0].to_string(), "Dense(20 -> 256, Activation(relu))");
        let part = net.select_params("dense0")?;
        assert_eq!(
            part.to_string(),
            "sequential0_ (\n  Parameter dense0_weight (shape=(256, 20), dtype=float32)\n  Parameter dense0_bias (shape=(256,), dtype=float32)\n)"
        );
        Ok::<_, Error>(())
    })?;
    assert_eq!(ParameterDict::new("foo_").to_string(), "foo_ (\n\n)");
    assert_eq!(ParameterDict::new("").to_string(), "(\n\n)");
    assert_eq!(Sequential::new().to_string(), "Sequential(\n\n)");
    let deferred = Parameter::new("w", [Some(256), None]);
    assert_eq!(deferred.to_string(), "Parameter w (shape=(256, 0), dtype=float32)");
    let unknown = Parameter::with_spec("w", &ParamSpec::of_any_shape().dtype(DType::BF16));
    assert_eq!(unknown.to_string(), "Parameter w (shape=None, dtype=bfloat16)");
    let constant = Parameter::constant("c", &NdArray::ones((2, 2), DType::I64)?)?;
    assert_eq!(constant.to_string(), "Constant c (shape=(2, 2), dtype=int64)");
    assert_eq!(ActivationLayer::new(Activation::SoftRelu).to_string(), "Activation(softrelu)");
    assert_eq!(gluonic::nn::Flatten::new().to_string(), "Flatten");
    assert_eq!(L2Loss::default().to_string(), "L2Loss(batch_axis=0, w=1.0)");
    Ok(())
}
