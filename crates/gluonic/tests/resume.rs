//! Training that goes on in another process, as if it had not stopped: after an orderly end, and
//! after a kill at any moment.
//!
//! A binary of its own, since it starts itself.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use gluonic::checkpoint::Checkpointer;
use gluonic::metric::Accuracy;
use gluonic::optim::schedule::{Cosine, Warmup};
use gluonic::prelude::*;
use gluonic::{Average, data};

/// What the child does: `rule:steps:folder`, or `fit:folder`.
const JOB: &str = "GLUONIC_RESUME_JOB";
const EPOCHS: u64 = 3;

fn net() -> Result<Sequential> {
    random::seed(11);
    let net = sequential![
        Dense::new(32).activation(Activation::Relu),
        BatchNorm::new(),
        Dropout::new(0.25)?,
        Dense::new(10)
    ];
    net.initialize_with(&init::Xavier::default(), Reinit::Keep)?;
    net.infer_shapes(&[(1, 64)])?;
    Ok(net)
}

/// A few of the digits.
fn loader() -> Result<DataLoader> {
    let [images, labels] = {
        let digits = data::digits()?;
        let rows: Vec<usize> = (0..200).collect();
        let batch = digits.batch(&rows)?;
        let [images, labels] = batch.arrays()?.clone();
        [images.reshape((200, 64))?, labels]
    };
    let loader = DataLoader::new(ArrayDataset::new([&images, &labels])?, 16)?;
    Ok(loader.shuffle(true).workers(2))
}

fn trainer(rule: &str, net: &Sequential) -> Result<Trainer> {
    let cosine = Cosine::new(60)?.warmup(Warmup::linear(5, 0.0)?)?;
    if rule == "sgd" {
        return Trainer::new(net, Sgd::new(0.1)?.momentum(0.9)?.schedule(cosine));
    }
    let adam = Adam::new(0.01)?.schedule(cosine);
    let bias = Group::new(Selector::no_decay(), adam.clone())?;
    Trainer::grouped(net, [bias, Group::rest(adam.wd(0.01)?.clip_norm(1.0)?)])
}

/// Everything that has to be the same in the end.
fn outcome(net: &Sequential, average: &Average) -> Result<String> {
    let (values, averages) = (Checkpoint::from(&net.snapshot()?), average.snapshot()?);
    let drawn = ops::uniform(0.0, 1.0, 1)?.to_vec::<f32>()?;
    Ok(format!("{} {} {drawn:?}", values.root()?, Checkpoint::from(&averages).root()?))
}

/// Goes on for some steps, saves, and tells what came of it.
fn some_steps(rule: &str, steps: u64, folder: &Path) -> Result<String> {
    let (net, loader) = (net()?, loader()?);
    let mut trainer = trainer(rule, &net)?;
    let mut average = Average::ema(&net, 0.9)?;
    let mut checkpointer = Checkpointer::new(folder);
    Run::new(&net, &mut trainer).data(&loader).average(&mut average).resume(&checkpointer)?;
    let loss = SoftmaxCrossEntropyLoss::default();
    let end = trainer.num_update() + steps;
    while trainer.num_update() < end {
        for batch in &loader {
            let batch = batch?;
            let [x, y] = batch.arrays()?;
            autograd::record(|| loss.call(&net.call(x)?, y, None))?.backward()?;
            trainer.step(batch.n_samples())?;
            average.update()?;
            if trainer.num_update() == end {
                break;
            }
        }
    }
    Run::new(&net, &mut trainer).data(&loader).average(&mut average).save(&mut checkpointer)?;
    outcome(&net, &average)
}

/// Trains to the end, from the latest save on.
fn fit(folder: &Path) -> Result<String> {
    let (net, loader) = (net()?, loader()?);
    let mut trainer = trainer("adam", &net)?;
    let mut average = Average::ema(&net, 0.9)?;
    let mut checkpointer = Checkpointer::new(folder).keep_last(2)?;
    let loss = SoftmaxCrossEntropyLoss::default();
    let run = Run::new(&net, &mut trainer).data(&loader).average(&mut average);
    let objective = |batch: &data::Batch| {
        let [x, y] = batch.arrays()?;
        let output = net.call(x)?;
        Ok((loss.call(&output, y, None)?, output))
    };
    let held_out = self::loader()?;
    let fit = run.fit(objective).metric(Accuracy::default()).validation(&held_out);
    fit.accumulate(2)?.checkpoints(&mut checkpointer, 1)?.epochs(EPOCHS)?;
    outcome(&net, &average)
}

/// Not a test: what the tests start in a process of its own.
#[test]
fn child() {
    let Ok(job) = std::env::var(JOB) else { return };
    let parts: Vec<&str> = job.splitn(3, '|').collect();
    let outcome = match parts.as_slice() {
        ["fit", folder] => fit(Path::new(folder)),
        [rule, steps, folder] => some_steps(rule, steps.parse().unwrap(), Path::new(folder)),
        _ => panic!("{job}"),
    };
    // Past the harness, which may keep what tests print.
    writeln!(std::io::stdout(), "\noutcome: {}", outcome.unwrap()).unwrap();
}

fn start(job: String) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads", "1"])
        .env(JOB, job)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What a child has told, if it came to its end.
fn end_of(child: Child) -> Option<String> {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("outcome: ").map(str::to_owned))
}

#[test]
fn steps_in_several_processes_are_steps_in_one() {
    let folder = tempfile::tempdir().unwrap();
    for rule in ["sgd", "adam"] {
        let run = |steps: u64, name: &str| {
            let folder = folder.path().join(format!("{rule}-{name}"));
            end_of(start(format!("{rule}|{steps}|{}", folder.display()))).unwrap()
        };
        let whole = run(30, "whole");
        // In the middle of an epoch of 13 batches, at its end, and right behind it.
        run(7, "parts");
        run(6, "parts");
        run(1, "parts");
        assert_ne!(run(3, "parts"), whole);
        assert_eq!(run(13, "parts"), whole, "{rule}");
    }
}

#[test]
fn a_training_that_is_killed_at_any_moment_ends_as_one_that_is_not() {
    let kills = std::env::var("GLUONIC_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(50_u64);
    let folder = tempfile::tempdir().unwrap();
    let job = |name: &str| format!("fit|{}", folder.path().join(name).display());
    let start_of_all = Instant::now();
    let whole = end_of(start(job("whole"))).unwrap();
    let long = start_of_all.elapsed();
    let (mut interrupted, mut resumed) = (0, 0);
    for kill in 0..kills {
        let name = format!("killed-{kill}");
        let mut child = start(job(&name));
        // Spread over the whole time; the moments differ from run to run, as kills do.
        std::thread::sleep(long.mul_f64((kill as f64 + 0.5) / kills as f64));
        child.kill().unwrap();
        let outcome = end_of(child);
        interrupted += u64::from(outcome.is_none());
        let saved = Checkpointer::new(folder.path().join(&name)).latest().unwrap();
        resumed += u64::from(saved.is_some() && outcome.is_none());
        let ended = end_of(start(job(&name)));
        assert_eq!(ended.as_ref(), Some(&whole), "kill {kill}, of a run saved at {saved:?}");
        std::fs::remove_dir_all(folder.path().join(&name)).unwrap();
    }
    eprintln!("{kills} kills, {interrupted} in time, {resumed} resumed from a step, in {long:?}");
    assert!(interrupted > kills / 4, "{interrupted} of {kills}");
}
