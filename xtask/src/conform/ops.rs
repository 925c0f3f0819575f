//! Outputs and gradients of layers, from `ops/`.

use std::path::Path;
use std::sync::PoisonError;

use gluonic::autograd::{Backward, GradReq, record, record_predict};
use gluonic::{Block, BlockExt, NdArray};
use serde_json::Value;

use super::compare::{NORMALIZED, VALUE, near};
use super::net::{Builder, Unrolled, text};
use super::npz::Npz;
use super::{Check, Problem, Tally, json_of};

pub(super) fn run(folder: &Path, tally: &mut Tally) -> Result<(), String> {
    let folder = folder.join("ops");
    let index = json_of(&folder.join("index.json"))?;
    tally.index(&index, |name, entry| check(entry, &folder.join(format!("{name}.npz"))));
    Ok(())
}

fn check(entry: &Value, file: &Path) -> Check {
    let layer = gluonic::name::manager(|| Builder::default().build(&entry["layer"]))?;
    let npz = Npz::open(file)?;
    npz.get("y")?;
    let found = outputs(layer.as_dyn(), entry, &npz)?;
    let normalizes = text(&entry["layer"]["t"])? == "batchnorm";
    let fixed_gamma = normalizes && entry["layer"]["args"]["scale"] == false;
    let by_batch = normalizes && entry["layer"]["args"]["use_global_stats"] != true;
    let predicts = by_batch && entry["train"] == false;
    for (key, expected) in npz.iter() {
        if ["x", "h0", "c0"].contains(&key) || key.starts_with("p:") || key.starts_with("dy") {
            continue;
        }
        // DIFFERENCE: MXNet's forward overwrites a gamma that it does not use; ours does not write.
        if fixed_gamma && key.starts_with("after:gamma") {
            continue;
        }
        // DIFFERENCE: MXNet's `backward` differentiates as in training unless it is told not to, and so
        // gives the gradient of another function than the one that was recorded.
        if predicts && key == "gx" {
            continue;
        }
        let value = found.iter().find(|(known, _)| known == key).map(|(_, value)| value);
        let missing = || Problem::Differs(format!("{key}: expected an array, found none"));
        let tolerance = if normalizes && key.starts_with('y') { NORMALIZED } else { VALUE };
        near(key, expected, value.ok_or_else(missing)?, tolerance)?;
    }
    Ok(())
}

/// Everything that the layer computes in the steps of a case, by the keys of its file.
fn outputs(layer: &dyn Block, entry: &Value, npz: &Npz) -> Check<Vec<(String, NdArray)>> {
    layer.initialize()?;
    for (key, value) in npz.iter() {
        if let Some(path) = key.strip_prefix("p:") {
            // The shapes may wait for the first forward: then the values do too.
            layer.find_param(path)?.set_data(value)?;
        }
    }
    let x = npz.get("x")?;
    let x = if npz.find("gx").is_some() { x.attach_grad(GradReq::Write)? } else { x.clone() };
    let mut found = Vec::new();
    // Of a recurrent cell: the first states, then the last ones.
    let states = Unrolled::states(layer);
    let leaf = |key: &str| Ok::<_, Problem>(npz.get(key)?.attach_grad(GradReq::Write)?);
    let begin = match states {
        Some(_) => vec![leaf("h0")?, leaf("c0")?],
        None => Vec::new(),
    };
    let set = |values: &[NdArray]| {
        states.map(|states| {
            let mut states = states.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *states, values.to_vec())
        })
    };
    for step in 0..entry["steps"].as_u64().unwrap_or(1) {
        let suffix = if step == 0 { String::new() } else { format!("@{step}") };
        set(&begin);
        let train = entry["train"] != false;
        let y = if train { record(|| layer.call(&x)) } else { record_predict(|| layer.call(&x)) }?;
        Backward::new().head(npz.get(&format!("dy{suffix}"))?).run(&[&y])?;
        found.push((format!("y{suffix}"), y));
        if npz.find("gx").is_some() {
            found.push((format!("gx{suffix}"), x.grad()?.deep_clone()?));
        }
        for (path, parameter) in layer.named_parameters() {
            found.push(if parameter.grad_req() == GradReq::Null {
                (format!("after:{path}{suffix}"), parameter.data()?.deep_clone()?)
            } else {
                (format!("g:{path}{suffix}"), parameter.grad()?.deep_clone()?)
            });
        }
    }
    if let Some([_, cell]) = set(&begin).as_deref() {
        found.push(("c_last".to_owned(), cell.clone()));
    }
    for (key, state) in ["gh0", "gc0"].into_iter().zip(&begin) {
        found.push((key.to_owned(), state.grad()?.deep_clone()?));
    }
    found.push(("y_eval".to_owned(), layer.call(&x)?));
    Ok(found)
}
