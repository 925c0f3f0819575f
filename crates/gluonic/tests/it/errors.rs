//! The message and the hint of every error, by the misuse that leads to it.

use std::fmt::Write as _;
use std::sync::Arc;

use gluonic::Average;
use gluonic::autograd::{Backward, Function, apply, record};
use gluonic::checkpoint::rename::{RenameRules, TensorInfo};
use gluonic::checkpoint::{Checkpointer, ExportOptions};
use gluonic::nn::{BlockCore, Member};
use gluonic::prelude::*;
use gluonic::random::Law;
use insta::assert_snapshot;

use crate::support::{array, error, variant, write};

/// The error of the variant `expected` as a user sees it: the message, its causes, the hint.
#[track_caller]
fn told<T>(expected: &str, result: Result<T>) -> String {
    told_of(expected, &error(result))
}

#[track_caller]
fn told_of(expected: &str, error: &Error) -> String {
    assert_eq!(variant(error), expected);
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        write!(text, "\ncause: {cause}").unwrap();
        source = cause.source();
    }
    if let Some(hint) = error.hint() {
        write!(text, "\nhint: {hint}").unwrap();
    }
    text
}

fn weight() -> Parameter {
    Parameter::new("fc_weight", (2, 3))
}

fn ready() -> Parameter {
    let weight = weight();
    weight.initialize_with(&init::One, Reinit::Keep).unwrap();
    weight
}

fn x() -> NdArray {
    array(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], (2, 3))
}

fn layer() -> Dense {
    name::manager(|| Dense::new(4))
}

fn ready_layer() -> Dense {
    let layer = layer();
    layer.initialize().unwrap();
    layer.infer_shapes(&[(1, 2)]).unwrap();
    layer
}

#[test]
fn errors_of_the_life_of_a_parameter() {
    assert_snapshot!(told("Uninitialized", weight().data()), @r"
    parameter `fc_weight` has not been initialized
    hint: call `initialize` on the block that holds it
    ");
    let net = name::manager(|| sequential![Dense::new(4), Dense::new(2)]);
    net.initialize().unwrap();
    assert_snapshot!(told("Deferred", net[0].weight().unwrap().data()), @r"
    parameter `dense0_weight` has shape (4, ?): its initialization waits for the first forward
    hint: run one batch through the model, or `infer_shapes`; waiting: `0.weight`, `1.weight`
    ");
    let alone = Parameter::new("fc_weight", [Some(2), None]);
    alone.initialize().unwrap();
    assert_snapshot!(told("Deferred", alone.data()), @r"
    parameter `fc_weight` has shape (2, ?): its initialization waits for the first forward
    hint: run one batch through the model, use `infer_shapes`, or give `in_units` or `in_channels` when the layer is built
    ");
    assert_snapshot!(told("Deferred", net.save_parameters("net.params")), @r"
    parameter `dense0_weight` has shape (4, ?): its initialization waits for the first forward
    hint: run one batch through the model, or `infer_shapes`; waiting: `0.weight`, `1.weight`
    ");
    let cannot_wait = Parameter::with_spec("fc_weight", &ParamSpec::new([Some(2), None]));
    assert_snapshot!(told("UnknownShape", cannot_wait.initialize()), @r"
    cannot initialize parameter `fc_weight`: its shape (2, ?) is not known
    hint: run one batch through the model, use `infer_shapes`, or give `in_units` or `in_channels` when the layer is built
    ");
    let any = Parameter::with_spec("fc_weight", &ParamSpec::of_any_shape());
    assert_snapshot!(told("UnknownShape", any.initialize()), @r"
    cannot initialize parameter `fc_weight`: its shape (any rank) is not known
    hint: run one batch through the model, use `infer_shapes`, or give `in_units` or `in_channels` when the layer is built
    ");
    let null = ready();
    null.set_grad_req(GradReq::Null);
    assert_snapshot!(told("NoGrad", null.grad()), @r"
    parameter `fc_weight` has no gradient: its grad_req is null
    hint: set its grad_req to write or add
    ");
    let frozen = ready();
    frozen.freeze();
    assert_snapshot!(told("Frozen", frozen.grad()), @r"
    parameter `fc_weight` has no gradient: it is frozen
    hint: call `unfreeze` on it first
    ");
    let apart = weight();
    apart.initialize_on(&[Context::cpu(0), Context::cpu(1)]).unwrap();
    assert_snapshot!(told("NotOnContext", apart.data_on(Context::cpu(2))), @r"
    parameter `fc_weight` is not on cpu(2) but on [cpu(0), cpu(1)]
    hint: bring the input to where the parameter is with `to_context`, or the parameter to more contexts with `reset_ctx` or `initialize_on`
    ");
    assert_snapshot!(told("NoGrad", x().grad()), @r"
    the array has no gradient: its grad_req is null
    hint: set its grad_req to write or add
    ");
    assert_snapshot!(told("ShapeMismatch", ready().set_data(&x().transpose().unwrap())), @r"
    parameter `fc_weight` has shape (2, 3), found (3, 2)
    hint: build the layer with these sizes, or reshape the value
    ");
    let vector = Parameter::new("fc_bias", 3);
    let refused = error(vector.initialize_with(&init::Xavier::default(), Reinit::Keep));
    assert_snapshot!(told_of("InitRank", refused.root()), @r"
    initializer `xavier` cannot be applied to shape (3,): it needs rank 2 or more
    hint: use `Uniform` or `Normal` for vectors, or give the parameter its own initializer
    ");
    let whole = Parameter::with_spec("steps", &ParamSpec::new(3).dtype(DType::I64));
    let refused = error(whole.initialize());
    assert_snapshot!(told_of("At", &refused), @r"
    parameter `steps`
    cause: cannot draw random values of type int64
    hint: use `Zero`, `One` or `Constant`, or cast the parameter to a floating-point type
    ");
    assert_snapshot!(told_of("RandomDType", refused.root()), @r"
    cannot draw random values of type int64
    hint: use `Zero`, `One` or `Constant`, or cast the parameter to a floating-point type
    ");
}

/// The error of the variant `expected` of an initializer on a parameter.
#[track_caller]
fn refused(expected: &str, init: &dyn Initializer, spec: &ParamSpec) -> String {
    let weight = Parameter::with_spec("fc_weight", spec);
    let refused = error(weight.initialize_with(init, Reinit::Keep));
    assert_eq!(refused.name().unwrap(), "fc_weight");
    told_of(expected, refused.root())
}

#[test]
fn errors_of_shapes_and_settings_of_initializers() {
    let of = |dims: &[usize]| ParamSpec::new(Dims::from(dims));
    assert_snapshot!(refused("InitRank", &init::Orthogonal::default(), &of(&[4])), @r"
    initializer `orthogonal` cannot be applied to shape (4,): it needs rank 2 or more
    hint: use `Uniform` or `Normal` for vectors, or give the parameter its own initializer
    ");
    assert_snapshot!(refused("InitRank", &init::Dirac::default(), &of(&[4, 4])), @r"
    initializer `dirac` cannot be applied to shape (4, 4): it needs rank 3 or more
    hint: give the parameter its own initializer, or use `Mixed` with a pattern for it
    ");
    assert_snapshot!(refused("InitRank", &init::LstmBias::default(), &of(&[])), @r"
    initializer `lstmbias` cannot be applied to shape (): it needs rank 1 or more
    hint: give the parameter its own initializer, or use `Mixed` with a pattern for it
    ");
    assert_snapshot!(refused("InitShape", &init::Bilinear, &of(&[4, 4])), @r"
    initializer `bilinear` cannot be applied to shape (4, 4): it needs four axes, of which the last two are height and width
    hint: give the parameter its own initializer, or use `Mixed` with a pattern for it
    ");
    assert_snapshot!(refused("NoArithmetic", &init::Bilinear, &of(&[1, 1, 4, 4]).dtype(DType::I8)), @r"
    `bilinear` needs a floating-point element type, found int8
    hint: use `cast(DType::F32)`
    ");
    assert_snapshot!(refused("InitShape", &init::Identity, &of(&[4, 4, 3])), @r"
    initializer `identity` cannot be applied to shape (4, 4, 3): it needs two axes; for convolutions, there is `Dirac`
    hint: give the parameter its own initializer, or use `Mixed` with a pattern for it
    ");
    assert_snapshot!(refused("InitShape", &init::Sparse::new(0.5), &of(&[4])), @r"
    initializer `sparse` cannot be applied to shape (4,): it needs two axes
    hint: give the parameter its own initializer, or use `Mixed` with a pattern for it
    ");
    assert_snapshot!(refused("InitShape", &init::DeltaOrthogonal::default(), &of(&[4, 5, 3])), @r"
    initializer `deltaorthogonal` cannot be applied to shape (4, 5, 3): it needs at least as many outputs as inputs
    hint: give the parameter its own initializer, or use `Mixed` with a pattern for it
    ");
    let layout = init::Layout::Conv { groups: 4, channels_last: false };
    assert_snapshot!(refused("Groups", &init::Xavier::default(), &of(&[6, 2, 3]).layout(layout)), @r"
    4 groups do not divide the 6 units on axis 0 of shape (6, 2, 3)
    hint: choose groups that divide both inputs and outputs
    ");
    assert_snapshot!(refused("Groups", &init::Dirac { groups: Some(0) }, &of(&[6, 2, 3])), @r"
    0 groups do not divide the 6 units on axis 0 of shape (6, 2, 3)
    hint: choose groups that divide both inputs and outputs
    ");
    assert_snapshot!(refused("Setting", &init::Normal::new(f64::NAN), &of(&[2])), @"`sigma` must be finite and not negative, found NaN");
    assert_snapshot!(refused("Setting", &init::Uniform::new(-1), &of(&[2])), @"`scale` must be finite and not negative, found -1");
    assert_snapshot!(refused("Setting", &init::Sparse::new(1.5), &of(&[2, 2])), @"`sparsity` must be between 0 and 1, found 1.5");
    let cut = init::TruncNormal { sigma: 0.into(), ..init::TruncNormal::default() };
    assert_snapshot!(refused("Setting", &cut, &of(&[2])), @"`sigma` must be finite and positive, found 0");
    let cut = init::TruncNormal { low: 3.into(), ..init::TruncNormal::default() };
    assert_snapshot!(refused("Setting", &cut, &of(&[2])), @"`low` must be below `high`, found 3 with high 2");
    let prelu = init::MsraPrelu { slope: f64::INFINITY.into(), ..init::MsraPrelu::default() };
    assert_snapshot!(refused("Setting", &prelu, &of(&[2, 2])), @"`slope` must be finite, found Infinity");
    assert_snapshot!(refused("Broadcast", &init::Constant::new(&array(&[1.0; 3], 3)), &of(&[3, 2])), @"`assign`: shapes (3, 2) and (3,) do not broadcast");
}

#[test]
fn errors_of_texts_of_initializers() {
    let told = |expected: &str, text: &str| told(expected, init::loads(text).map(|_| ()));
    assert_snapshot!(told("UnknownWord", "xaver"), @r"
    no initializer is called `xaver`
    hint: did you mean `xavier`?
    ");
    assert_snapshot!(told("UnknownWord", ""), @"no initializer is called ``");
    assert_snapshot!(told("UnknownWord", r#"["xavier", {"rnd_type": "gausian"}]"#), @r"
    no rnd_type is called `gausian`
    hint: did you mean `gaussian`?
    ");
    assert_snapshot!(told("UnknownWord", r#"["xavier", {"factor_type": "xyz"}]"#), @r"
    no factor_type is called `xyz`
    hint: did you mean `avg` or `in` or `out`?
    ");
    assert_snapshot!(told("InitArgument", r#"["normal", {"sigmma": 0.5}]"#), @r"
    initializer `normal` has no argument `sigmma`
    hint: did you mean `sigma`?
    ");
    assert_snapshot!(told("InitArgument", r#"["xavier", {"gain": 2}]"#), @r"
    initializer `xavier` has no argument `gain`
    hint: it takes `rnd_type`, `factor_type`, `magnitude`
    ");
    assert_snapshot!(told("InitArgument", r#"["zero", {"value": 1}]"#), @r"
    initializer `zero` has no argument `value`
    hint: it takes no arguments
    ");
    assert_snapshot!(told("InitArgument", r#"["normal", {"sigma": "wide"}]"#), @r#"initializer `normal` needs a number for the argument `sigma`, found "wide""#);
    assert_snapshot!(told("InitArgument", r#"["dirac", {"groups": 1.5}]"#), @"initializer `dirac` needs a whole number for the argument `groups`, found 1.5");
    assert_snapshot!(told("InitArgument", r#"["xavier", {"rnd_type": 1}]"#), @"initializer `xavier` needs a word for the argument `rnd_type`, found 1");
    assert_snapshot!(told("InitArgument", "constant"), @r#"
    initializer `constant` needs the argument `value`
    hint: write `["constant", {"value": …}]`
    "#);
    assert_snapshot!(told("InitArgument", r#"["constant", {"value": [[1, 2], [3]]}]"#), @"initializer `constant` needs a number or nested lists of numbers of one length for the argument `value`, found [[1, 2], [3]]");
    assert_snapshot!(told("InitArgument", r#"["mixed", {"patterns": ["a", "b"], "initializers": ["one"]}]"#), @"initializer `mixed` needs one initializer for each pattern for the argument `initializers`, found 1");
    assert_snapshot!(told("InitText", r#"["normal", {"sigma": 0.5}"#), @r#"
    `["normal", {"sigma": 0.5}` is not the text of an initializer: EOF while parsing a list at line 1 column 25
    hint: write a name, `xavier`, or a name and arguments, `["normal", {"sigma": 0.5}]`
    "#);
    assert_snapshot!(told("InitText", r#"["normal", 0.5]"#), @r#"
    `["normal", 0.5]` is not the text of an initializer: a list must have a name and an object of arguments
    hint: write a name, `xavier`, or a name and arguments, `["normal", {"sigma": 0.5}]`
    "#);
    assert_snapshot!(told("InitText", r#"{"sigma": 0.5}"#), @r#"
    `{"sigma": 0.5}` is not the text of an initializer: it has no name under `initializer`
    hint: write a name, `xavier`, or a name and arguments, `["normal", {"sigma": 0.5}]`
    "#);
    assert_snapshot!(told("InitText", r#"["mixed", {"patterns": ["a"], "initializers": [NaN]}]"#), @r#"
    `NaN` is not the text of an initializer: it is neither a name nor a list
    hint: write a name, `xavier`, or a name and arguments, `["normal", {"sigma": 0.5}]`
    "#);
}

#[test]
fn errors_of_initializers_that_go_by_name() {
    let weight = weight();
    let desc = init::InitDesc {
        name: "bn_running_mean".into(),
        path: "0.running_mean".into(),
        dims: 2.into(),
        dtype: DType::F32,
        layout: init::Layout::Dense,
    };
    let address = random::Address::new(7, "0.running_mean");
    assert_snapshot!(told("InitSuffix", init::One.init_by_name(&desc, &x(), &address)), @r"
    cannot tell from its name how to initialize parameter `bn_running_mean`: it ends in none of `weight`, `bias`, `gamma`, `beta`, `min`, `max`
    hint: call `init_weight`, or give the parameter its own initializer
    ");
    let mixed = init::Mixed::new().when("conv", &init::One).unwrap();
    let mixed = mixed.when("dense", &init::One).unwrap();
    assert_snapshot!(told("NoPattern", weight.initialize_with(&mixed, Reinit::Keep)), @r"
    parameter `fc_weight` matches none of the patterns `conv`, `dense`
    hint: add the pattern `.*` at the end, with an initializer for all others
    ");
    assert_snapshot!(told("Pattern", init::Mixed::new().when("(", &init::One)), @r"
    invalid pattern `(`: Parsing error at position 1: Opening parenthesis without closing parenthesis
    hint: patterns are regular expressions as Python's; put a `\` before special characters
    ");
    let load = |key: &str, value| init::Load::new([(key, value)]).unwrap();
    let near = load("fc_wieght", x());
    assert_snapshot!(told("NotLoaded", weight.initialize_with(&near, Reinit::Keep)), @r"
    parameter `fc_weight` has no value to load, and there is no default initializer
    hint: did you mean `fc_wieght`? If not, give an initializer for what is missing by `default_init`
    ");
    let far = load("zzz", x());
    assert_snapshot!(told("NotLoaded", weight.initialize_with(&far, Reinit::Keep)), @r"
    parameter `fc_weight` has no value to load, and there is no default initializer
    hint: give an initializer for what is missing by `default_init`
    ");
    let other = load("fc_weight", x().transpose().unwrap());
    assert_snapshot!(told("ShapeMismatch", weight.initialize_with(&other, Reinit::Keep)), @r"
    parameter `fc_weight` has shape (2, 3), found (3, 2)
    hint: build the layer with these sizes, or reshape the value
    ");
    let twice = init::Load::new([("arg:w", x()), ("aux:w", x())]);
    assert_snapshot!(told("TwoValues", twice), @r"
    two values are named `w`: `arg:w` and `aux:w`
    hint: take one of them out
    ");
}

#[test]
fn errors_of_laws() {
    let draw = |law: Result<Law>, dtype| ops::draw(&law?, 3, dtype);
    assert_snapshot!(told("LawDType", draw(Law::integers(-5, 300), DType::U8)), @r"
    cannot draw integers(low=-5, high=300) as uint8: it needs a type that holds every whole number from -5 to 299
    hint: it can be drawn as `int16`, `int32`, `int64`, `float16`, `float32`, `float64`
    ");
    assert_snapshot!(told("LawDType", draw(Law::normal(0.0, 1.0), DType::I64)), @r"
    cannot draw normal(mean=0, std=1) as int64: it needs a floating-point type
    hint: it can be drawn as `float16`, `bfloat16`, `float32`, `float64`
    ");
    assert_snapshot!(told("LawDType", draw(Law::normal(0.0, 1.0), DType::Bool)), @r"
    cannot draw normal(mean=0, std=1) as bool: it needs a floating-point type
    hint: it can be drawn as `float16`, `bfloat16`, `float32`, `float64`
    ");
    assert_snapshot!(told("LawDType", draw(Law::uniform(0.0, 1e5), DType::F16)), @r"
    cannot draw uniform(low=0, high=100000) as float16: it needs a type that holds 0 to 100000
    hint: it can be drawn as `bfloat16`, `float32`, `float64`
    ");
    assert_snapshot!(told("LawDType", draw(Law::uniform(-1e308, 1e308), DType::F64)), @"cannot draw uniform(low=-1e308, high=1e308) as float64: it needs a type that holds `high - low`");
    let between = Law::truncated_normal(0.0, 1.0, 1.0001, 1.0002);
    assert_snapshot!(told("LawDType", draw(between, DType::F16)), @r"
    cannot draw truncated_normal(mean=0, std=1, low=1.0001, high=1.0002) as float16: it needs a type with a value in [1.0001, 1.0002]
    hint: it can be drawn as `float32`, `float64`
    ");
    assert_snapshot!(told("Setting", Law::uniform(2.0, 1.0)), @"`low` must be finite and not above `high`, found 2 with high 1");
    assert_snapshot!(told("Setting", Law::truncated_normal(0.0, 1.0, 50.0, 60.0)), @"`low` must be within 37 standard deviations of the mean, found 50 with mean 0 and std 1");
    assert_snapshot!(told("Setting", Law::categorical(&[1.0, -2.0])), @"`weights` must be finite and not negative, found -2 at position 1");
    assert_snapshot!(told("Setting", Law::categorical(&[])), @"`weights` must be of a positive and finite sum, found the sum 0");
    assert_snapshot!(told("Setting", draw(Ok(Law::permutation(2)), DType::I64)), @"`dims` must be within the permutation, found 3 elements from 0 on of permutation(n=2)");
}

#[test]
fn errors_of_names_and_sets() {
    let net = name::manager(|| sequential![Dense::new(4), Dense::new(2)]);
    let params = net.collect_params().unwrap();
    assert_snapshot!(told("UnknownParameter", params.get("dense0_wieght")), @r"
    no parameter is named `dense0_wieght`
    hint: did you mean `dense0_weight` or `dense1_weight` or `dense0_bias`?
    ");
    assert_snapshot!(told("UnknownParameter", params.get("zzz")), @"no parameter is named `zzz`");
    assert_snapshot!(told("UnknownChild", net.child(7).map(|_| ())), @"block `sequential0` has no child `7`");
    assert_snapshot!(told("UnknownChild", net.child_named("O").map(|_| ())), @"block `sequential0` has no child `O`");
    let twice = sequential![Dense::with_prefix("a_", 1), Dense::with_prefix("a_", 1)];
    assert_snapshot!(told("DuplicateName", twice.collect_params()), @r"
    two different parameters are named `a_weight`
    hint: give one of the blocks another prefix, or share one block
    ");
    let tied = Sequential::new();
    let shared = std::sync::Arc::new(ready_layer());
    tied.add_shared(shared.clone());
    tied.add_shared(shared);
    let mut two = tied.snapshot().unwrap();
    two.insert("1.bias", &NdArray::ones(4, DType::F32).unwrap()).unwrap();
    assert_snapshot!(told("TiedValues", tied.restore(&two)), @r"
    parameter `dense0_bias` is at `0.bias` and at `1.bias`, which have different values
    hint: give it one value under one of its paths
    ");
    assert_snapshot!(told("Attribute", Dense::sharing(5, &net[0].params())), @"parameter `dense0_weight` has shape (4, ?), expected (5, ?)");
    let core = BlockCore::with_prefix("Scale", "scale_");
    assert_snapshot!(told("Constant", core.get_constant("factor", None)), @"constant `scale_factor` does not exist; give a value to make it");
    assert_snapshot!(told("Prefix", params.save("net.params", "enc_")), @r"
    parameter `dense0_weight` does not start with the prefix `enc_`
    hint: build the children inside `name_scope`, or save by path
    ");
    assert_snapshot!(told("Pattern", params.select("(dense")), @r"
    invalid pattern `(dense`: Parsing error at position 6: Opening parenthesis without closing parenthesis
    hint: patterns are regular expressions as Python's; put a `\` before special characters
    ");
    assert_snapshot!(told("Selector", net.select("0.* & kind:wieght")), @r"
    cannot read the selector: expected a kind: `weight`, `bias`, `statistic`, `constant`
      0.* & kind:wieght
                 ^
    hint: did you mean `weight`?
    ");
    assert_snapshot!(told("NothingSelected", net.freeze("0.wieght & kind:weight")), @r"
    `0.wieght & kind:weight` selects none of the 4 parameters of `sequential0`: `0.wieght` matches nothing
    hint: did you mean `0.weight` or `1.weight`?
    ");
    assert_snapshot!(told("NothingSelected", net.freeze("0.* & 1.*")), @r"
    `0.* & 1.*` selects none of the 4 parameters of `sequential0`: each term matches some, but none fits them all
    hint: `Selection::explain` shows what each term matches, `named_parameters` every path
    ");
    assert_snapshot!(told("NothingSelected", params.selection("tag:x").and_then(|none| none.freeze())), @r"
    `tag:x` selects none of the 4 parameters of `sequential0`
    hint: `Selection::explain` shows what each term matches, `named_parameters` every path
    ");
    assert_snapshot!(told("UnknownWord", "rellu".parse::<Activation>()), @r"
    no activation is called `rellu`
    hint: did you mean `relu`?
    ");
}

#[test]
fn errors_of_arrays_and_operations() {
    let x = x();
    assert_snapshot!(told("ElemCount", x.reshape((4, 2))), @"shape (4, 2) has not 6 elements");
    assert_snapshot!(told("NoMemory", NdArray::zeros((1 << 30, 1 << 26), DType::F32)), @"an array of shape (1073741824, 67108864) takes 288230376151711744 bytes of memory, which are not to be had");
    assert_snapshot!(told("TooLarge", NdArray::zeros((usize::MAX, 2), DType::F32)), @"shape (18446744073709551615, 2) is too large");
    assert_snapshot!(told("DTypeMismatch", x.to_vec::<f64>()), @r"
    expected element type float64, found float32
    hint: use `cast(DType::F64)`
    ");
    assert_snapshot!(told("NoArithmetic", NdArray::arange::<i64>(3).exp()), @r"
    `exp` needs a floating-point element type, found int64
    hint: use `cast(DType::F32)`
    ");
    assert_snapshot!(told("Index", x.slice(s![2, ..])), @"index [2, ..] does not fit shape (2, 3)");
    assert_snapshot!(told("OperandShape", ops::concat(&[&x, &x.transpose().unwrap()], 0)), @"`concat`: expected an array of shape (?, 3), found (3, 2)");
    assert_snapshot!(told("Einsum", ops::einsum("ij,kl->im", &[&x, &x])), @r"
    einsum: no operand has the axis `m`
      ij,kl->im
              ^
    ");
    assert_snapshot!(told("Einsum", ops::einsum("ij,jk", &[&x, &x])), @r"
    einsum: axis `j` has size 3, found 2
      ij,jk
         ^
    ");
    assert_snapshot!(told("Einsum", ops::einsum("...i->i", &[&x])), @r"
    einsum: the result lacks `...`
      ...i->i
            ^
    ");
    assert_snapshot!(told("Einsum", ops::einsum("ij-jk", &[&x, &x])), @r"
    einsum: expected a letter, `...`, `,` or `->`, found `-`
      ij-jk
        ^
    ");
    assert_snapshot!(told("Einsum", ops::einsum("ij,jk", &[&x])), @r"
    einsum: expected 2 operands, found 1
      ij,jk
    ");
    assert_snapshot!(told("Einsum", ops::einsum("ijk->i", &[&x])), @r"
    einsum: expected an operand of rank 3, found shape (2, 3)
      ijk->i
      ^
    ");
    assert_snapshot!(told("Index", x.take(&[0, 5])), @"index [5] does not fit shape (2, 3)");
    assert_snapshot!(told("Axis", x.softmax(2)), @"`softmax`: axis 2 does not fit an array of rank 2");
    assert_snapshot!(told("Broadcast", &x + &array(&[1.0, 2.0], 2)), @"`add`: shapes (2, 3) and (2,) do not broadcast");
    assert_snapshot!(told("Matmul", x.matmul(&x)), @"matmul: shapes (2, 3) and (2, 3) have no product");
    assert_snapshot!(told("Dense", ops::dense(&x, &array(&[1.0, 2.0], (1, 2)), None)), @"dense: input (2, 3) does not fit weight (1, 2)");
    let bias = array(&[1.0, 2.0], 2);
    assert_snapshot!(told("Dense", ops::dense(&x, &array(&[1.0; 3], (1, 3)), Some(&bias))), @"dense: input (2, 3) does not fit weight (1, 3) and bias (2,)");
    assert_snapshot!(told("Empty", NdArray::zeros((0, 3), DType::F32).unwrap().max()), @"`max` of no elements: shape (0, 3)");
    let labels = NdArray::from_slice(&[0_i64, 3], 2).unwrap();
    assert_snapshot!(told("Label", x.softmax_cross_entropy(&labels)), @"label 3 at position 1 is not a class number below 3");
    let labels = NdArray::arange::<i64>(3);
    assert_snapshot!(told("LabelShape", x.softmax_cross_entropy(&labels)), @"labels of shape (2,) expected, found (3,)");
    let ids = NdArray::from_slice(&[0, 5], 2).unwrap();
    assert_snapshot!(told("Id", ops::embedding(&ids, &x)), @"id 5 at position 1 is not a row number below 2");
    let image = NdArray::ones((1, 2, 3, 4), DType::F32).unwrap();
    let kernel = |dims: [usize; 4]| NdArray::ones(dims, DType::F32).unwrap();
    let conv = |weight: &NdArray, padding: usize| {
        let options = ops::ConvOptions { padding: padding.into(), ..Default::default() };
        ops::conv(&image, weight, None, &options)
    };
    assert_snapshot!(told("Misfit", conv(&kernel([8, 3, 3, 3]), 0)), @"`conv`: input (1, 2, 3, 4) does not fit: it has 2 channels, weight (8, 3, 3, 3) needs 3");
    assert_snapshot!(told("Window", conv(&kernel([8, 2, 9, 3]), 1)), @r"
    `conv`: a window of 9 does not fit input (1, 2, 3, 4): axis 2 has 3 and a padding of 1 on both sides
    hint: use a larger input, more padding or a smaller kernel
    ");
    let options = ops::ConvOptions { padding: 3.into(), ..Default::default() };
    assert_snapshot!(told("Window", ops::conv_transpose(&image, &kernel([2, 8, 1, 1]), None, &options, 0)), @r"
    `conv_transpose`: a window of 1 does not fit input (1, 2, 3, 4): axis 2 has 3 and a padding of 3 on both sides
    hint: use a larger input or less padding
    ");
    let second = x.to_context(Context::cpu(1)).unwrap();
    assert_snapshot!(told("Contexts", x.add(&second)), @r"
    arrays on cpu(0) and on cpu(1) cannot be computed with together
    hint: bring one to the other with `to_context`, or the parameters of a block to its input with `reset_ctx`
    ");
    assert_snapshot!(told("Split", data::split_data(&x, 4, 1, true)), @r"
    shape (2, 3) does not split into 4 equal parts along axis 1
    hint: use a batch size that is a multiple of 4, or `split_data` with `even_split` false
    ");
    let inner = x.edit::<f32, _>(|_| x.fill(0.0)).unwrap();
    assert_snapshot!(told("BeingEdited", inner), @r"
    this array is being edited by this thread
    hint: leave the closure that edits it first
    ");
    let wide = x.row(0).unwrap().broadcast_to((2, 3)).unwrap();
    assert_snapshot!(told("BroadcastEdit", wide.fill(0.0)), @r"
    an array broadcast to shape (2, 3) cannot be edited
    hint: edit the array it was made from, or a `deep_clone`
    ");
    let inferred = layer().infer_shapes_with(&[(2, 3)], |xs| xs[0].to_vec::<f32>());
    assert_snapshot!(told("ShapeOnly", inferred), @r"
    this array has a shape but no values: shapes are being inferred
    hint: run one batch through the model, or look at values outside of its forward: shapes do not tell them
    ");
    #[allow(unsafe_code, reason = "refused before anything is read")]
    // SAFETY: the array has no element.
    let foreign = unsafe {
        NdArray::from_foreign(std::ptr::null_mut(), DType::F32, (0, 2), &[1], Box::new(()))
    };
    assert_snapshot!(told("Foreign", foreign), @"memory from outside cannot be shared: there must be a stride for each size");
    assert_snapshot!(told("NotWhole", x.row(0).unwrap().attach_grad(GradReq::Write)), @r"
    `attach_grad` needs a whole array, found a view on a part
    hint: use `deep_clone` first
    ");
}

struct Stingy;

impl Function for Stingy {
    fn forward(&self, _keep: &mut Vec<NdArray>, inputs: &[NdArray]) -> Result<NdArray> {
        inputs[0].deep_clone()
    }

    fn backward(&self, _: &[NdArray], _: &NdArray, _: &[bool]) -> Result<Vec<Option<NdArray>>> {
        Ok(Vec::new())
    }

    fn name(&self) -> &'static str {
        "stingy"
    }
}

#[test]
fn errors_of_differentiation() {
    let leaf = x().attach_grad(GradReq::Write).unwrap();
    let y = record(|| leaf.exp()).unwrap();
    assert_snapshot!(told("HeadShape", Backward::new().head(&array(&[1.0], 1)).run(&[&y])), @"gradient of shape (2, 3) expected, found (1,)");
    y.backward().unwrap();
    assert_snapshot!(told("GraphFreed", y.backward()), @r"
    cannot differentiate: the graph was freed by an earlier backward
    hint: use `Backward::new().retain_graph(true)` in the earlier backward
    ");
    assert_snapshot!(told("NotRecorded", leaf.exp().unwrap().backward()), @r"
    cannot differentiate: nothing was recorded
    hint: compute the loss inside `autograd::record`, from parameters that are not frozen and whose grad_req is not null
    ");
    y.fill(0.0).unwrap();
    assert_snapshot!(told("StaleArray", record(|| y.exp())), @r"
    an array was edited after it was recorded, and is used under record again
    hint: edit a `deep_clone`, or compute the array again after the edit
    ");
    let y = record(|| apply(&Arc::new(Stingy), &[leaf])).unwrap();
    assert_snapshot!(told("FunctionGrads", y.backward()), @"function `stingy` returned 0 gradients, expected 1");
}

struct TwoInputs {
    core: BlockCore,
}

impl Block for TwoInputs {
    fn core(&self) -> &BlockCore {
        &self.core
    }

    fn visit<'a>(&'a self, _visit: &mut dyn FnMut(&str, Member<'a>)) {}

    fn forward(&self, _x: &NdArray) -> Result<NdArray> {
        Err(Error::NoForward { block: self.core.class().into() })
    }

    fn as_dyn(&self) -> &dyn Block {
        self
    }
}

#[test]
fn errors_of_blocks_and_training() {
    assert_snapshot!(told("Setting", Sgd::new(-1.0)), @"`learning_rate` must be finite and not negative, found -1");
    assert_snapshot!(told("Setting", Dense::with(DenseConfig { in_units: Some(0), ..Default::default() })), @"`in_units` must be 1 or more, found 0");
    assert_snapshot!(told("Setting", Dropout::new(1.5)), @"`rate` must be between 0 and 1, found 1.5");
    let pool = name::manager(|| MaxPool2D::new(3));
    assert_snapshot!(told("InBlock", pool.call(&NdArray::ones((1, 1, 2, 5), DType::F32).unwrap())), @r"
    block `pool0`
    cause: `max_pool`: a window of 3 does not fit input (1, 1, 2, 5): axis 2 has 2
    hint: use a larger input, more padding or a smaller kernel
    ");
    let block = TwoInputs { core: BlockCore::with_prefix("TwoInputs", "two_") };
    assert_snapshot!(told("NoForward", block.call(&x())), @"block `TwoInputs` has no forward");
    let mut trainer = Trainer::of([&ready()], Sgd::new(0.1).unwrap()).unwrap();
    assert_snapshot!(told("StaleGradients", trainer.step(1)), @r"
    the gradient of `fc_weight` has not been updated by backward since the last step
    hint: use all parameters in the forward, or call `step_ignoring_stale`
    ");
    let many: Vec<Parameter> = (0..12).map(|i| Parameter::new(format!("w{i}"), 1)).collect();
    many.iter().try_for_each(Parameter::initialize).unwrap();
    let mut trainer = Trainer::of(&many, Sgd::new(0.1).unwrap()).unwrap();
    assert_snapshot!(told("StaleGradients", trainer.step(1)), @r"
    the gradient of `w0`, `w1`, `w2`, `w3`, `w4`, `w5`, `w6`, `w7`, `w8`, `w9` and 2 more has not been updated by backward since the last step
    hint: use all parameters in the forward, or call `step_ignoring_stale`
    ");
    let apart = weight();
    apart.initialize_on(&[Context::cpu(0), Context::cpu(1)]).unwrap();
    let mut trainer = Trainer::of([&apart], Sgd::new(0.1).unwrap()).unwrap();
    record(|| apart.data()?.square()).unwrap().backward().unwrap();
    assert_snapshot!(told("StaleGradients", trainer.step(1)), @r"
    the gradient of `fc_weight on cpu(1)` has not been updated by backward since the last step
    hint: use all parameters in the forward, or call `step_ignoring_stale`
    ");
    let second = || record(|| apart.data()?.square()).unwrap().backward();
    context::with(Context::cpu(1), second).unwrap();
    assert_snapshot!(told("NotSummed", trainer.update(1)), @r"
    the gradient of `fc_weight` has not been summed over its contexts
    hint: call `Trainer::allreduce_grads` first, or `step`, which does both
    ");
    let scheduled = Sgd::new(0.1).unwrap().schedule(|base: f64, _: u64| base);
    let mut trainer = Trainer::of([&ready()], scheduled).unwrap();
    assert_snapshot!(told("Scheduled", trainer.set_learning_rate(0.2)), @r"
    the learning rate is given by a schedule
    hint: change the schedule, or build the optimizer without one
    ");
    let holder = ready_layer();
    let group = |selector: &str| Group::new(selector, Sgd::default()).unwrap();
    let grouped = |groups: Vec<Group>| Trainer::grouped(&holder, groups);
    assert_snapshot!(told("Grouping", grouped(vec![group("weight")])), @r"
    the groups do not fit: none takes `bias`
    hint: add `Group::rest(…)`, or train a selection without them
    ");
    assert_snapshot!(told("Grouping", grouped(vec![group("*"), group("kind:bias")])), @r"
    the groups do not fit: both `*` and `kind:bias` take `bias`
    hint: take them out of one of the two: `(*) & !(kind:bias)`
    ");
    let same = vec![group("weight").named("a"), group("bias").named("a")];
    assert_snapshot!(told("Grouping", grouped(same)), @r"
    the groups do not fit: several are named `a`
    hint: give them names by `Group::named`
    ");
    let mut trainer = grouped(vec![group("weight"), group("bias")]).unwrap();
    assert_snapshot!(told("SeveralGroups", trainer.set_learning_rate(0.1)), @r"
    the trainer has several groups: `weight`, `bias`
    hint: say which: `trainer.group_mut(name)?`
    ");
    assert_snapshot!(told("UnknownWord", trainer.group_mut("wieght").map(|_| ())), @r"
    no group is called `wieght`
    hint: did you mean `weight`?
    ");
    let folder = tempfile::tempdir().unwrap();
    let mut checkpointer = Checkpointer::new(folder.path());
    let mut one = Trainer::new(&holder, Sgd::default()).unwrap();
    Run::new(&holder, &mut one).save(&mut checkpointer).unwrap();
    let dropout = sequential![Dropout::new(0.5).unwrap()];
    let mut none = Trainer::new(&dropout, Sgd::default()).unwrap();
    let refused = told("Resume", Run::new(&dropout, &mut none).resume(&checkpointer));
    assert_snapshot!(refused.replace(&format!("{}/", folder.path().display()), ""), @r"
    cannot resume from `step-00000000/run.json`: it has no random draws of `0.draws`
    hint: build model, data and averages as in the run that was saved by `Run::save`
    ");
    let (weight, mut params) = (ready(), ParameterDict::new(""));
    params.insert(&weight).unwrap();
    weight.grad().unwrap().fill(f64::NAN).unwrap();
    assert_snapshot!(told("NotFinite", clip_global_norm(&params, 1.0)), @r"
    the gradient of `fc_weight` is not finite
    hint: leave this step out, or lower the learning rate or the scale of the loss
    ");
    let layer = layer();
    layer.initialize().unwrap();
    layer.call(&x()).unwrap();
    let refused = error(layer.call(&array(&[1.0; 2], (1, 2))));
    assert_snapshot!(told_of("At", &refused), @r"
    parameter `dense0_weight`
    cause: dense: input (1, 2) does not fit weight (4, 3) and bias (4,)
    ");
    assert_eq!(variant(refused.root()), "Dense");
    assert_eq!(refused.name().unwrap(), "dense0_weight");
}

#[test]
fn errors_of_states() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.states");
    let mut adam = Trainer::of([&ready()], Adam::default()).unwrap();
    let mut told = |trainer: &Trainer| {
        trainer.save_states(&file).unwrap();
        let text = told("States", adam.load_states(&file));
        text.replace(&format!("{}/", folder.path().display()), "")
    };
    let sgd = Trainer::of([&ready()], Sgd::default()).unwrap();
    assert_snapshot!(told(&sgd), @r"
    cannot load the states of the optimizer from `net.states`: they are of the optimizer `sgd`, the trainer's is `adam`
    hint: build the trainer with the optimizer of the file
    ");
    let layer = Trainer::new(&ready_layer(), Adam::default()).unwrap();
    assert_snapshot!(told(&layer), @r"
    cannot load the states of the optimizer from `net.states`: they lack the parameter `fc_weight`, and there is no parameter `bias`, `weight` here
    hint: build the trainer as the one that was saved: `Trainer::new(&net, …)` calls parameters by path, one of a set by name
    ");
    let grouped = [Group::rest(Adam::default()).named("all")];
    let mut params = ParameterDict::new("");
    params.insert(&ready()).unwrap();
    let grouped = Trainer::grouped(&params, grouped).unwrap();
    assert_snapshot!(told(&grouped), @r"
    cannot load the states of the optimizer from `net.states`: they lack the group `rest`, and there is no group `all` here
    hint: build the trainer with the groups of the file
    ");
    let larger = Parameter::new("fc_weight", (2, 4));
    larger.initialize().unwrap();
    let larger = Trainer::of([&larger], Adam::default()).unwrap();
    assert_snapshot!(told(&larger), @"cannot load the states of the optimizer from `net.states`: parameter `fc_weight` has shape (2, 3), found (2, 4)");
}

#[test]
fn errors_of_data() {
    let samples = || ArrayDataset::new([&NdArray::arange::<f32>(5)]).unwrap();
    assert_snapshot!(told("NoSample", samples().get(5)), @"there is no sample 5: the data set has 5");
    let failing = samples().transform_first(|_: &NdArray| Err(Error::user("reading", "no disk")));
    assert_snapshot!(told("Sample", failing.get(3)), @r"
    sample 3
    cause: reading failed
    cause: no disk
    ");
    let panicking = samples().transform_first(|_: &NdArray| panic!("out of ideas"));
    let loader = DataLoader::new(panicking, 2).unwrap();
    let refused = error(loader.iter().next().unwrap());
    assert_snapshot!(told_of("InBatch", &refused), @r"
    batch 0 of epoch 0
    cause: sample 0
    cause: it panicked: out of ideas
    ");
    assert_snapshot!(told_of("Panicked", refused.root()), @"it panicked: out of ideas");
    let ragged = data::FnDataset::new(2, |i| Ok(NdArray::zeros(i, DType::F32)?.into()));
    assert_snapshot!(told("Ragged", ragged.batch(&[0, 1])), @r"
    sample 1 does not fit sample 0: array 0, expected shape (0,), float32, found shape (1,), float32
    hint: bring the samples to one size by a transform, or fill them up by `batchify(|samples| Batch::pad(samples, 0.0))`
    ");
    assert_snapshot!(told("ArrayCount", samples().arrays::<2>()), @"expected 2 arrays, found 1");
    let loader = DataLoader::new(samples(), 2).unwrap();
    let other = DataLoader::new(samples(), 3).unwrap();
    assert_snapshot!(told("Position", loader.seek(&other.position())), @r"
    cannot seek: the loader has `batch_size` 2, the position 3
    hint: make the loader as the one that the position is of, with the same data
    ");
    assert_snapshot!(told("PositionText", "{\"key\": \"0x7\"}".parse::<data::Position>()), @r"
    not the position of a data loader: it has no `epoch`
    hint: use the text that a `Position` displays as
    ");
    let folder = tempfile::tempdir().unwrap();
    write(folder.path().join("x"), [0, 0, 8, 1, 0, 0, 0, 9, 1]);
    let text = told("DataFile", data::read_idx(folder.path().join("x")));
    assert_snapshot!(text.replace(&format!("{}/", folder.path().display()), ""), @r"
    cannot read `x`: elements at byte 8: expected 9 bytes, found 1 byte
    hint: fetch the file again, or compare its size with the original
    ");
}

#[test]
fn errors_of_averages() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.average");
    let layer = ready_layer();
    let mut average = Average::ema(&layer, 0.5).unwrap();
    assert_snapshot!(told("NoAverages", average.copy_to_parameters()), @r"
    there are no averages yet: nothing has updated them
    hint: call `update` after a step of training
    ");
    let mut told = |other: &Average| {
        other.save(&file).unwrap();
        let text = told("Averages", average.load(&file));
        text.replace(&format!("{}/", folder.path().display()), "")
    };
    assert_snapshot!(told(&Average::swa(&layer)), @r"
    cannot load the averages from `net.average`: they are averages by `swa`, expected `ema`
    hint: make it by `Average::swa`
    ");
    let of_set = Average::ema(&layer.collect_params().unwrap(), 0.5).unwrap();
    assert_snapshot!(told(&of_set), @r"
    cannot load the averages from `net.average`: they lack the parameter `bias`, `weight`, and there is no parameter `dense0_weight`, `dense0_bias` here
    hint: make it of what the saved one was made of: a block and a selection call parameters by path, a set by name
    ");
}

#[test]
fn errors_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let told = |expected: &str, result: Result<()>| {
        told(expected, result).replace(&format!("{}/", folder.path().display()), "")
    };
    let layer = layer();
    let load = |name: &str| layer.load_parameters(at(name), &LoadOptions::default()).map(|_| ());
    assert_snapshot!(told("Io", load("missing.params")), @r"
    cannot read `missing.params`
    cause: No such file or directory (os error 2)
    ");
    write(at("page.safetensors"), "<!DOCTYPE html>\n<html><body>Not found</body></html>\n");
    assert_snapshot!(told("Format", load("page.safetensors")), @r"
    cannot read `page.safetensors`
    cause: the file holds no parameters: it is an HTML page
    hint: the download got a message instead of the file; check the address and your access
    ");
    let params = layer.collect_params().unwrap();
    params.initialize().unwrap();
    layer.call(&x()).unwrap();
    assert_snapshot!(told("Suffix", layer.save_parameters(at("layer.bin"))), @r"
    cannot tell the format of `layer.bin` from its suffix
    hint: use `.safetensors`, `.params` or `.npz`
    ");
    layer.save_parameters(at("layer.params")).unwrap();
    let other = Dense::with_prefix("other_", 5);
    let result = other.load_parameters(at("layer.params"), &LoadOptions::default());
    assert_snapshot!(told("Load", result.map(|_| ())), @r"
    `layer.params` does not fit the model, nothing was loaded
      `bias` has shape (5,), found (4,)
      `weight` has shape (5, ?), found (4, 3)
    hint: build the model with the file's sizes
    ");
    let recorded = SaveOptions { digests: true, ..SaveOptions::default() };
    layer.save_parameters_with(at("recorded.params"), &recorded).unwrap();
    write(at("recorded.params.digests.json"), "{}");
    let unusable = Checkpoint::open(at("recorded.params")).and_then(|file| file.verify());
    assert_snapshot!(told("Record", unusable.map(|_| ())), @r"
    the record of digests `recorded.params.digests.json` cannot be used: it has no `gluonic.bytes`
    hint: save the file with digests again, or remove the record
    ");
    let as_params = SaveOptions {
        format: Some(gluonic_formats::Format::MxnetParams),
        ..SaveOptions::default()
    };
    let mut checkpointer = Checkpointer::new(at("runs"));
    checkpointer.save(7, &layer).unwrap();
    let again = checkpointer.save(7, &layer).map(|_| ());
    assert_snapshot!(told("StepExists", again), @r"
    step 7 is in `runs` already, as the latest
    hint: number steps upwards, or remove its folder first
    ");
    let second = Checkpointer::new(at("runs")).save(8, &layer).map(|_| ());
    assert_snapshot!(told("Locked", second), @r"
    cannot save into `runs`: another process or checkpointer does
    hint: give each run a folder of its own; of several processes of one run, let one save
    ");
    assert_snapshot!(told("Io", layer.save_parameters(at("missing/layer.params"))), @r"
    cannot write `missing/layer.params`
    cause: no file can be made in `missing`: No such file or directory (os error 2)
    ");
    assert_snapshot!(told("Io", layer.save_parameters_with(at("runs"), &as_params)), @r"
    cannot write `runs`
    cause: it is a folder
    ");
    std::fs::hard_link(at("layer.params"), at("twin.params")).unwrap();
    assert_snapshot!(told("HardLinks", layer.save_parameters(at("layer.params"))), @r"
    cannot write `layer.params`: the same file has 2 hard links
    hint: a save makes a new file of this one name, and the others would keep the old values: remove this name first, or save under another one
    ");
    let mut closed = std::fs::metadata(at("page.safetensors")).unwrap().permissions();
    closed.set_readonly(true);
    std::fs::set_permissions(at("page.safetensors"), closed).unwrap();
    assert_snapshot!(told("ReadOnly", layer.save_parameters(at("page.safetensors"))), @r"
    cannot write `page.safetensors`: it is read-only
    hint: allow writing to it, or save under another name
    ");
    let half =
        gluonic_formats::RawTensor::new("w", gluonic_formats::DType::F8E4M3, vec![2], vec![0; 2]);
    let bytes = gluonic_formats::safetensors::write(&[half.unwrap()], &indexmap::IndexMap::new());
    write(at("half.safetensors"), bytes.unwrap());
    let half = Checkpoint::open(at("half.safetensors")).unwrap();
    assert_snapshot!(told("TensorDType", half.get("w").map(|_| ())), @r"
    tensor `w` has element type float8_e4m3fn, which arrays cannot hold
    hint: convert the file to a type that arrays can hold
    ");
    let params = Checkpoint::open(at("layer.params")).unwrap();
    assert_snapshot!(told("UnknownTensor", params.get("wieght").map(|_| ())), @r"
    no tensor of `layer.params` is named `wieght`
    hint: did you mean `weight`?
    ");
    let plan = layer.plan_load(&params, &LoadPolicy::default()).unwrap();
    layer.cast(DType::F64).unwrap();
    assert_snapshot!(told("Outdated", plan.apply(&layer).map(|_| ())), @r"
    out of date: `weight` was float32, is float64 now
    hint: open the file again if it is the file, and plan again
    ");
    let text = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n";
    let mut fortran = b"\x93NUMPY\x01\0".to_vec();
    fortran.extend((text.len() as u16).to_le_bytes());
    fortran.extend(text.as_bytes());
    fortran.extend([0; 24]);
    write(at("fortran.npy"), fortran);
    let fortran = Checkpoint::open(at("fortran.npy")).unwrap();
    let options = ExportOptions { memory: Some(40), ..ExportOptions::default() };
    assert_snapshot!(told("Memory", fortran.export(at("c.npz"), &options).map(|_| ())), @r"
    tensor `0` takes 48 bytes of memory at once, allowed are 40
    hint: allow 48 bytes; it is compressed, or its elements share bytes, so that it is made whole
    ");
    // A folder that cannot be made durable needs a failing disk, so this one is made by hand.
    let uncertain = Error::DurabilityUncertain {
        path: "net.params".into(),
        source: std::io::Error::other("the disk is gone"),
    };
    assert_snapshot!(told_of("DurabilityUncertain", &uncertain), @r"
    `net.params` is written, but may be lost in a power failure
    cause: the disk is gone
    ");
}

#[test]
fn errors_of_rename_rules() {
    let read = |text: &str| text.parse::<RenameRules>();
    assert_snapshot!(told("RenameText", read("[[rule]]\nform = 'a'")), @r"
    cannot read the rename rules, line 2, column 1: expected `split`, `concat`, `drop`, `tie`, `from`, `to`, `axis`, `sizes`, `permute`, `transpose`, found `form`
      form = 'a'
      ^
    hint: did you mean `from`?
    ");
    let rules = read("unused = 'error'\n[[rule]]\ndrop = 'fc.bais'").unwrap();
    let bias = TensorInfo::new("fc.bias", [2], gluonic_formats::DType::F32);
    assert_snapshot!(told("Rename", rules.plan(&[bias])), @r"
    the rename rules do not fit, nothing was renamed
      rule 1: expected a key that `drop fc.bais` matches, found none
    hint: did you mean `fc.bias`?
    ");
}

#[test]
fn errors_of_users_code() {
    assert_snapshot!(told_of("User", &Error::user("the initializer", "it had no idea")), @r"
    the initializer failed
    cause: it had no idea
    ");
}

#[test]
fn at_is_added_once_and_not_to_errors_that_name_their_parameter() {
    let (name, other) = ("fc_weight".into(), "fc_bias".into());
    let at = Error::BeingEdited.at(&name).at(&other);
    assert_eq!(at.name(), Some(&name));
    assert_eq!(variant(&Error::Uninitialized { name: name.clone() }.at(&other)), "Uninitialized");
    assert_eq!(Error::NoGrad { name: None }.at(&name).name(), Some(&name));
}
