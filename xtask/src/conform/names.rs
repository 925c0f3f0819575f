//! Names, prefixes, printed forms, order and selection of parameters, from `names.json`.

use std::path::Path;

use gluonic::optim::Sgd;
use gluonic::{Block, BlockExt, DType, NdArray, Parameter, Trainer};
use serde_json::{Value, json};

use super::compare::same;
use super::net::{Builder, dims, text};
use super::{Check, Tally, json_of};

pub(super) fn run(folder: &Path, tally: &mut Tally) -> Result<(), String> {
    let cases = json_of(&folder.join("names.json"))?;
    tally.index(&cases, |_, case| gluonic::name::manager(|| check(case)));
    Ok(())
}

fn check(case: &Value) -> Check {
    let net = Builder::case(case)?;
    let net = net.as_dyn();
    check_printed(net, case, "before")?;
    same("name", &case["name"], &json!(net.name()))?;
    same("prefix", &case["prefix"], &json!(net.prefix()))?;
    same("params_prefix", &case["params_prefix"], &json!(net.params().prefix()))?;
    net.initialize()?;
    if !case["x"].is_null() {
        net.call(&NdArray::ones(dims(&case["x"])?, DType::F32)?)?;
    }
    check_printed(net, case, "after")?;
    check_parameters(net, case)?;
    let params = net.collect_params()?;
    let trainer = Trainer::new(&params, Sgd::new(0.1)?)?;
    let order: Vec<_> = trainer.parameters().iter().map(|p| &**p.name()).collect();
    same("trainer_order", &case["trainer_order"], &json!(order))?;
    for (pattern, expected) in case["regex"].as_object().into_iter().flatten() {
        let selected = net.select_params(pattern)?;
        let names: Vec<_> = selected.names().map(|name| &**name).collect();
        same(&format!("regex `{pattern}`"), expected, &json!(names))?;
    }
    Ok(())
}

/// Compares how the network and its parameters print. NumPy's class of an element type counts as
/// its name: MXNet prints whichever its caller wrote.
fn check_printed(net: &dyn Block, case: &Value, when: &str) -> Check {
    let what = format!("repr_{when}");
    same(&what, &case[&what], &json!(net.to_string()))?;
    let what = format!("params_repr_{when}");
    let expected = text(&case[&what])?.replace("<class 'numpy.", "").replace("'>", "");
    same(&what, &json!(expected), &json!(net.collect_params()?.to_string()))
}

fn check_parameters(net: &dyn Block, case: &Value) -> Check {
    let collected = net.collect_params()?;
    let rows = collected.iter().map(|p| json!([&**p.name(), shape(p), p.grad_req().name()]));
    same("collect_params", &case["collect_params"], &rows.collect())?;
    let named = net.named_parameters();
    let rows = named.iter().map(|(path, p)| json!([&**path, &**p.name()]));
    same("structural", &case["structural"], &rows.collect())?;
    let mut distinct: Vec<&Parameter> = Vec::new();
    for (_, parameter) in &named {
        if !distinct.iter().any(|known| known.ptr_eq(parameter)) {
            distinct.push(parameter);
        }
    }
    same("distinct_params", &case["distinct_params"], &json!(distinct.len()))
}

/// The sizes, 0 for an unknown one as in MXNet; null if not even the rank is known.
fn shape(parameter: &Parameter) -> Value {
    let shape = parameter.shape();
    shape.map_or(Value::Null, |shape| shape.iter().map(|dim| dim.unwrap_or(0)).collect())
}
