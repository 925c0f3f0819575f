//! Checkpoints of a training run: complete or absent, kept or removed, in the background.
#![allow(clippy::disallowed_methods, reason = "tests look at files from outside")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use gluonic::checkpoint::Checkpointer;
use gluonic::prelude::*;
use gluonic::storage;

use crate::support::{Rng, bits, error, photograph, read, value, variant};

/// Three layers, the last two of which are tied; all values are `fill`.
fn net(fill: f64) -> Sequential {
    let layer = |in_units| {
        Dense::with(DenseConfig { units: 16, in_units: Some(in_units), ..Default::default() })
            .unwrap()
    };
    let middle = layer(16);
    let last = Dense::sharing(16, &middle.params()).unwrap();
    let net = sequential![layer(64), middle, last];
    net.initialize_with(&init::Constant::new(fill), Reinit::Keep).unwrap();
    set(&net, fill);
    net
}

fn set(net: &Sequential, fill: f64) {
    for (_, parameter) in net.named_parameters() {
        parameter.data().unwrap().fill(fill).unwrap();
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_step_is_what_the_block_was_and_as_save_parameters_writes_it() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpointer = Checkpointer::new(folder.path().join("runs/a"));
    assert_eq!((checkpointer.steps()?, checkpointer.latest()?), (vec![], None));
    let again = net(0.0);
    assert!(checkpointer.load_latest(&again, &LoadOptions::default())?.is_none());
    let net = net(0.25);
    net[0].weight()?.data()?.set(s![0, 0], 7.0)?;
    let step = checkpointer.save(3, &net)?;
    assert_eq!(step, folder.path().join("runs/a/step-00000003"));
    assert_eq!(names(&folder.path().join("runs/a")), [".lock", "latest", "step-00000003"]);
    assert_eq!(read(folder.path().join("runs/a/latest")), b"step-00000003\n");
    let plain = folder.path().join("plain.safetensors");
    net.save_parameters(&plain)?;
    assert_eq!(read(&plain), read(step.join("model.safetensors")));
    let (loaded, _report) = checkpointer.load_latest(&again, &LoadOptions::default())?.unwrap();
    assert_eq!(loaded, 3);
    for ((_, one), (_, two)) in net.named_parameters().iter().zip(again.named_parameters()) {
        assert_eq!(bits(&one.data()?), bits(&two.data()?));
    }
    Ok(())
}

#[test]
fn a_save_in_the_background_has_the_values_of_its_snapshot_while_training_goes_on() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpointer = Checkpointer::new(folder.path()).keep_last(2)?;
    let net = net(1.0);
    let (go, wait) = mpsc::channel();
    let pending = checkpointer.save_async_with(1, net.snapshot()?, move |folder| {
        wait.recv().unwrap();
        storage::write_atomically(&folder.join("epoch"), |out| out.write_all(b"4"))
    })?;
    set(&net, 2.0);
    assert!(!pending.is_finished() && pending.step() == 1);
    assert_eq!(checkpointer.latest()?, None);
    go.send(()).unwrap();
    let step = pending.wait()?;
    assert_eq!(names(&step), ["epoch", "model.safetensors"]);
    let again = self::net(0.0);
    let _report = checkpointer.load_latest(&again, &LoadOptions::default())?;
    assert_eq!(value(&again[0].bias()?), [1.0; 16]);
    // The next one waits for the one before, and none is left out.
    for step in 2..=6 {
        set(&net, step as f64);
        let _pending = checkpointer.save_async(step, net.snapshot()?)?;
    }
    checkpointer.finish()?;
    assert_eq!(checkpointer.steps()?, [5, 6]);
    let _report = checkpointer.load_latest(&again, &LoadOptions::default())?;
    assert_eq!(value(&again[0].bias()?), [6.0; 16]);
    Ok(())
}

#[test]
fn an_error_in_the_background_reaches_somebody_and_changes_no_step() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpointer = Checkpointer::new(folder.path());
    let net = net(1.0);
    checkpointer.save(1, &net)?;
    let before = names(folder.path());
    let fail = |_: &Path| Err(Error::user("the scheduler", "it has no state"));
    // Whoever waits gets it, and then nobody else.
    let pending = checkpointer.save_async_with(2, net.snapshot()?, fail)?;
    assert_eq!(variant(&error(pending.wait())), "User");
    checkpointer.finish()?;
    // If nobody waits, the next call has it.
    drop(checkpointer.save_async_with(2, net.snapshot()?, fail)?);
    assert_eq!(error(checkpointer.save(3, &net)).to_string(), "the scheduler failed");
    let panicking = checkpointer.save_async_with(2, net.snapshot()?, |_| panic!("on purpose"))?;
    let panicked = error(panicking.wait());
    assert_eq!(panicked.to_string(), "the save in the background failed");
    assert_eq!(std::error::Error::source(&panicked).unwrap().to_string(), "on purpose");
    assert_eq!(names(folder.path()), before);
    checkpointer.save(3, &net)?;
    assert_eq!(checkpointer.steps()?, [1, 3]);
    Ok(())
}

#[test]
fn what_makes_no_sense_is_refused() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let new = || Checkpointer::new(folder.path());
    assert_eq!(variant(&error(new().keep_last(0))), "Setting");
    assert_eq!(variant(&error(new().keep_every(0))), "Setting");
    let mut checkpointer = new();
    let waiting = Dense::new(2);
    assert_eq!(variant(&error(checkpointer.save(1, &waiting))), "Uninitialized");
    checkpointer.save(1, &net(1.0))?;
    assert_eq!(variant(&error(checkpointer.save(1, &net(1.0)))), "StepExists");
    assert_eq!(variant(&error(new().save(2, &net(1.0)))), "Locked");
    // Readers need no lock.
    assert_eq!(new().latest()?, Some(1));
    drop(checkpointer);
    new().save(2, &net(1.0))?;
    // A folder removed by hand, and a file damaged by hand.
    std::fs::remove_dir_all(new().path(2)).unwrap();
    assert_eq!(new().latest()?, Some(1));
    std::fs::write(folder.path().join("latest"), "stp").unwrap();
    assert_eq!(variant(&error(new().latest())), "Io");
    Ok(())
}

#[test]
fn leftovers_go_with_the_next_save_and_are_no_steps() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join(".step-00000002.1-0.gluonic-tmp");
    std::fs::create_dir_all(left.join("deep")).unwrap();
    std::fs::write(left.join("deep/model.safetensors"), "half").unwrap();
    std::fs::write(folder.path().join(".latest.1-0.gluonic-tmp"), "st").unwrap();
    let mut checkpointer = Checkpointer::new(folder.path());
    assert!(checkpointer.steps()?.is_empty());
    checkpointer.save(3, &net(1.0))?;
    assert_eq!(names(folder.path()), [".lock", "latest", "step-00000003"]);
    Ok(())
}

#[test]
fn a_tied_parameter_is_one_value_of_a_snapshot_even_where_it_is_pinned() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let net = net(1.0);
    let before = photograph(&net);
    let _pin = net[1].weight()?.data()?.pin()?;
    let mut checkpointer = Checkpointer::new(folder.path());
    let step = checkpointer.save(1, &net)?;
    let bytes = read(step.join("model.safetensors"));
    let archive = gluonic_formats::read(&bytes, &gluonic_formats::Limits::default()).unwrap();
    assert_eq!(archive.tensors.len(), 4);
    assert_eq!(photograph(&net), before);
    Ok(())
}

const CHILD: &str = "GLUONIC_TEST_SAVES_INTO";

/// Saves steps until it is killed, half of them in the background: each parameter of step `n` is
/// `n`. Trains from where it was, as a run that is restarted.
fn save_until_killed(folder: &str) -> Result<()> {
    let mut checkpointer = Checkpointer::new(folder).keep_last(2)?.keep_every(50)?;
    let first = checkpointer.latest()?.map_or(1, |latest| latest + 1);
    let net = net(0.0);
    for step in first.. {
        set(&net, step as f64);
        if step % 2 == 0 {
            checkpointer.save(step, &net)?;
        } else {
            let _pending = checkpointer.save_async(step, net.snapshot()?)?;
        }
    }
    Ok(())
}

#[test]
fn a_run_that_is_killed_at_any_moment_leaves_a_latest_step_that_loads() -> Result<()> {
    const KILLS: usize = 20;
    if let Ok(folder) = std::env::var(CHILD) {
        return save_until_killed(&folder);
    }
    let seed = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let mut rng = Rng::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let reader = Checkpointer::new(folder.path());
    let mut last = 0;
    for kill in 0..KILLS {
        let name =
            "checkpointer::a_run_that_is_killed_at_any_moment_leaves_a_latest_step_that_loads";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It has begun when it has saved a step, unless it fails.
        while reader.latest().unwrap().unwrap_or(0) <= last {
            assert!(child.try_wait().unwrap().is_none(), "kill {kill}: the child has ended");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(rng.below(40_000) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        let net = net(-1.0);
        let (step, _report) = reader.load_latest(&net, &LoadOptions::default())?.unwrap();
        assert!(step > last);
        for (path, parameter) in net.named_parameters() {
            let values = value(&parameter);
            assert!(values.iter().all(|x| *x == step as f64), "kill {kill}: {path} of {step}");
        }
        last = step;
    }
    let mut next = Checkpointer::new(folder.path()).keep_last(1)?;
    next.save(last + 1, &net(1.0))?;
    assert_eq!(names(folder.path()).iter().filter(|name| name.starts_with('.')).count(), 1);
    Ok(())
}
