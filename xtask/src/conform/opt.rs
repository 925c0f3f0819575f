//! Parameters after each step of an optimizer, and whole steps of training, from `opt/`.

use std::path::Path;

use gluonic::autograd::{Backward, record};
use gluonic::optim::{self, Setting};
use gluonic::{BlockExt, Error, Parameter, ParameterDict, Trainer};
use serde_json::{Value, json};

use super::args::Args;
use super::compare::{UPDATED, VALUE, near};
use super::json::number;
use super::losses::Loss;
use super::net::{Builder, text};
use super::npz::Npz;
use super::{Check, Problem, Tally, json_of};

pub(super) fn run(folder: &Path, tally: &mut Tally) -> Result<(), String> {
    let folder = folder.join("opt");
    let index = json_of(&folder.join("index.json"))?;
    tally.index(&index, |name, entry| {
        let file = folder.join(format!("{name}.npz"));
        if entry["net"].is_null() {
            check_updates(entry, &file)
        } else {
            check_training(entry, &file)
        }
    });
    Ok(())
}

fn trainer(params: &ParameterDict, entry: &Value) -> Check<Trainer> {
    let name = text(&entry["optimizer"])?;
    let mut args = Args::new(format!("optimizer `{name}`"), &entry["args"]);
    let rescale = args.number("rescale_grad")?;
    let mut settings = Vec::new();
    for key in ["centered", "bias_correction", "momentum_correction", "multi_precision"] {
        settings.extend(args.flag(key)?.map(|flag| (key, Setting::Flag(flag))));
    }
    for (key, value) in args.rest() {
        // MXNet has two names for one thing.
        let own = if key == "eps" { "epsilon" } else { key };
        let number = number(value).ok_or_else(|| {
            Problem::Differs(format!("argument `{key}` of optimizer `{name}` is {value}"))
        })?;
        settings.push((own, Setting::Number(number)));
    }
    let optimizer = match optim::create(name, &settings) {
        Err(error @ Error::UnknownWord { .. }) => return Err(Problem::Later(error.to_string())),
        made => made?,
    };
    let mut trainer = Trainer::new(params, optimizer)?;
    if let Some(rescale) = rescale {
        trainer.set_rescale_grad(rescale)?;
    }
    Ok(trainer)
}

fn steps(entry: &Value) -> Check<(usize, u64)> {
    let (batch_size, steps) = (entry["batch_size"].as_u64(), entry["steps"].as_u64());
    let pair = batch_size.zip(steps).map(|(batch_size, steps)| (batch_size as usize, steps));
    pair.ok_or_else(|| Problem::differs("the case has no batch_size or no steps"))
}

/// Gradients are given, parameters follow.
fn check_updates(entry: &Value, file: &Path) -> Check {
    let (batch_size, steps) = steps(entry)?;
    // What the library lacks comes before what the file says.
    trainer(&ParameterDict::new(""), entry)?;
    let npz = Npz::open(file)?;
    let mut params = ParameterDict::new("");
    for (key, value) in npz.iter() {
        let Some(name) = key.strip_prefix("w0:") else { continue };
        let parameter = Parameter::new(name, value.dims());
        parameter.initialize()?;
        parameter.set_data(value)?;
        parameter.set_lr_mult(number(&entry["lr_mult"][name]).unwrap_or(1.0))?;
        parameter.set_wd_mult(number(&entry["wd_mult"][name]).unwrap_or(1.0))?;
        params.insert(&parameter)?;
    }
    if params.is_empty() {
        return Err(Problem::differs("the case has no parameters"));
    }
    let mut trainer = trainer(&params, entry)?;
    for step in 1..=steps {
        for parameter in &params {
            // The gradient of `sum(w · g)` is `g`, to the last bit.
            let g = npz.get(&format!("g{step}:{}", parameter.name()))?;
            record(|| (&parameter.data()? * g)?.sum())?.backward()?;
        }
        trainer.step(batch_size)?;
        check_weights(&params, &npz, step)?;
    }
    Ok(())
}

fn check_weights(params: &ParameterDict, npz: &Npz, step: u64) -> Check {
    params.iter().try_for_each(|parameter| {
        let key = format!("w{step}:{}", parameter.name());
        near(&key, npz.get(&key)?, &parameter.data()?, UPDATED)
    })
}

/// A network and batches are given; losses, gradients and parameters follow.
fn check_training(entry: &Value, file: &Path) -> Check {
    let (batch_size, steps) = steps(entry)?;
    let net = gluonic::name::manager(|| Builder::case(&network(text(&entry["net"])?)?))?;
    let loss = Loss::new(text(&entry["loss"])?, &entry["loss_args"])?;
    let params = net.collect_params()?;
    net.initialize()?;
    let mut trainer = trainer(&params, entry)?;
    let npz = Npz::open(file)?;
    for parameter in &params {
        parameter.set_data(npz.get(&format!("w0:{}", parameter.name()))?)?;
    }
    for step in 1..=steps {
        let (x, label) = (npz.get(&format!("x{step}"))?, npz.get(&format!("t{step}"))?);
        let found = record(|| loss.call(&net.call(x)?, label, None))?;
        let key = format!("loss{step}");
        near(&key, npz.get(&key)?, &found, VALUE)?;
        Backward::new().run(&[&found])?;
        for parameter in &params {
            let key = format!("g{step}:{}", parameter.name());
            near(&key, npz.get(&key)?, &parameter.grad()?, VALUE)?;
        }
        trainer.step(batch_size)?;
        check_weights(&params, &npz, step)?;
    }
    Ok(())
}

/// The network of a line such as `Dense(6->5,relu), s=Dense(5->5), Dense(5->5,params=s.params)`:
/// layers with a name are built first, the others in order.
fn network(line: &str) -> Check<Value> {
    let (mut pre, mut children) = (Vec::new(), Vec::new());
    for item in line.split(')').filter(|item| !item.trim().is_empty()) {
        let fail = || Problem::Differs(format!("the case has a layer `{item})`"));
        let (head, inner) = item.split_once('(').ok_or_else(fail)?;
        let head = head.trim_start_matches([',', ' ']);
        let (id, layer) = head.split_once('=').map_or((None, head), |(id, t)| (Some(id), t));
        let mut node = json!({"t": layer.to_lowercase(), "args": {}});
        for word in inner.split(',').map(str::trim) {
            if let Some((in_units, units)) = word.split_once("->") {
                let count = |text: &str| text.parse::<u64>().map_err(|_| fail());
                node["args"]["in_units"] = count(in_units)?.into();
                node["args"]["units"] = count(units)?.into();
            } else if let Some(shared) = word.strip_prefix("params=") {
                node["params_of"] = shared.trim_end_matches(".params").into();
            } else {
                node["args"]["activation"] = word.into();
            }
        }
        if let Some(id) = id {
            node["id"] = id.into();
            pre.push(node);
            children.push(json!({"t": "ref", "ref": id}));
        } else {
            children.push(node);
        }
    }
    Ok(json!({"pre": pre, "net": {"t": "sequential", "children": children}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_a_network() {
        let net = network("Dense(6->5,relu), s=Dense(5->5), Dense(5->5,params=s.params)").unwrap();
        let s = json!({"t": "dense", "args": {"in_units": 5, "units": 5}, "id": "s"});
        assert_eq!(net["pre"], json!([s]));
        let first = json!({"in_units": 6, "units": 5, "activation": "relu"});
        assert_eq!(net["net"]["children"][0]["args"], first);
        assert_eq!(net["net"]["children"][1], json!({"t": "ref", "ref": "s"}));
        assert_eq!(net["net"]["children"][2]["params_of"], "s");
        assert!(network("Dense 6->5)").is_err());
    }
}
