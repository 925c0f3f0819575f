//! Our side: a network saved and loaded as a user does it.

use std::hint::black_box;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use gluonic::prelude::*;
use gluonic::storage::Map;

use super::{Entry, Run, Task, Values};

/// A network with these values, of which none is an initial one any more and none has a gradient.
pub fn net(values: Values) -> Result<Sequential> {
    let net = Sequential::new();
    for _ in 0..values.tensors {
        net.add(Dense::with(DenseConfig {
            units: values.elements,
            in_units: Some(1),
            use_bias: false,
            ..DenseConfig::default()
        })?);
    }
    net.collect_params()?.set_grad_req(GradReq::Null);
    net.initialize_with(&init::Zero, Reinit::Keep)?;
    for (i, (_, parameter)) in net.named_parameters().iter().enumerate() {
        let value = |j: usize| ((i + j) % 1000) as f32 * 1e-3;
        let value = NdArray::from_vec((0..values.elements).map(value).collect(), values.elements)?;
        parameter.set_data(&value.reshape((values.elements, 1))?)?;
    }
    Ok(net)
}

pub fn entries(values: Values) -> std::result::Result<Vec<Entry>, String> {
    let net = Rc::new(net(values).map_err(|err| err.to_string())?);
    let with_net = || {
        let net = Rc::clone(&net);
        timed(move |task, file| match task {
            Task::Save => net.save_parameters(file).map(|()| None),
            _ => net.load_parameters(file, &LoadOptions::default()).map(|_| None),
        })
    };
    let arrays = |open: fn(&Path) -> Result<Checkpoint>| {
        timed(move |task, file| match task {
            Task::One => Ok(Some(vec![open(file)?.get("7.weight")?])),
            _ => Ok(Some(open(file)?.to_arrays()?.into_values().collect())),
        })
    };
    let entry = |name: &str, ending: &str, tasks: &[Task], run| Entry {
        name: name.to_owned(),
        ending: ending.to_owned(),
        tasks: tasks.to_vec(),
        run,
    };
    let (both, reads) = ([Task::Save, Task::Load], [Task::Load, Task::One]);
    Ok(vec![
        entry("gluonic", "safetensors", &both, with_net()),
        entry("gluonic to_arrays", "safetensors", &reads, arrays(|file| Checkpoint::open(file))),
        entry("gluonic mapped", "safetensors", &reads, arrays(mapped)),
        entry("gluonic .params", "params", &both, with_net()),
    ])
}

fn mapped(file: &Path) -> Result<Checkpoint> {
    struct Bytes(Map);
    impl AsRef<[u8]> for Bytes {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    Checkpoint::from_bytes(Bytes(Map::open(file)?))
}

/// Times what gives arrays or fills a network; freeing the arrays is not timed.
fn timed(run: impl Fn(Task, &Path) -> Result<Option<Vec<NdArray>>> + 'static) -> Run {
    Box::new(move |task, file| {
        let start = Instant::now();
        let result = run(task, file).map_err(|err| err.to_string())?;
        let time = start.elapsed();
        black_box(result);
        Ok(time.as_secs_f64() * 1e3)
    })
}
