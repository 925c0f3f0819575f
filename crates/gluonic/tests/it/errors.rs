//! The message and the hint of every error, by the misuse that leads to it.

use std::fmt::Write as _;
use std::sync::Arc;

use gluonic::autograd::{Backward, Function, apply, record};
use gluonic::nn::{BlockCore, Member};
use gluonic::prelude::*;
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
    hint: run one batch through the model; waiting: `0.weight`, `1.weight`
    ");
    let alone = Parameter::new("fc_weight", [Some(2), None]);
    alone.initialize().unwrap();
    assert_snapshot!(told("Deferred", alone.data()), @r"
    parameter `fc_weight` has shape (2, ?): its initialization waits for the first forward
    hint: run one batch through the model, or give `in_units` when the layer is built
    ");
    assert_snapshot!(told("Deferred", net.save_parameters("net.params")), @r"
    parameter `dense0_weight` has shape (4, ?): its initialization waits for the first forward
    hint: run one batch through the model; waiting: `0.weight`, `1.weight`
    ");
    let cannot_wait = Parameter::with_spec("fc_weight", &ParamSpec::new([Some(2), None]));
    assert_snapshot!(told("UnknownShape", cannot_wait.initialize()), @r"
    cannot initialize parameter `fc_weight`: its shape (2, ?) is not known
    hint: run one batch through the model, or give `in_units` when the layer is built
    ");
    let any = Parameter::with_spec("fc_weight", &ParamSpec::of_any_shape());
    assert_snapshot!(told("UnknownShape", any.initialize()), @r"
    cannot initialize parameter `fc_weight`: its shape (any rank) is not known
    hint: run one batch through the model, or give `in_units` when the layer is built
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
    assert_snapshot!(told("Setting", Dense::with(DenseConfig { units: 0, ..Default::default() })), @"`units` must be 1 or more, found 0");
    assert_snapshot!(told("Setting", Dropout::new(1.5)), @"`rate` must be between 0 and 1, found 1.5");
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
    hint: use `.safetensors` or `.params`
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
