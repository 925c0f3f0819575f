//! The loop over epochs, and what is saved of a run. That a run goes on in another process bit for
//! bit is tested in `tests/resume.rs`.

use gluonic::Average;
use gluonic::data::{Batch, LastBatch};
use gluonic::metric::Accuracy;
use gluonic::prelude::*;
use gluonic::run::{Event, Fit, FitReport};

use crate::support::{Rng, bits, error, photograph, read, variant, write};

fn net(seed: u64) -> Result<Sequential> {
    random::seed(seed);
    let net =
        sequential![Dense::new(6).activation(Activation::Tanh), Dropout::new(0.2)?, Dense::new(2)];
    net.initialize()?;
    net.infer_shapes(&[(1, 3)])?;
    Ok(net)
}

fn dataset(n: usize) -> Result<ArrayDataset> {
    let x = Rng::new(5).array((n, 3));
    let labels = x.to_f64_vec()?.chunks(3).map(|x| i64::from(x[0] > x[1])).collect();
    ArrayDataset::new([&x, &NdArray::from_vec(labels, n)?])
}

fn objective(net: &Sequential) -> impl Fn(&Batch) -> Result<(NdArray, NdArray)> {
    move |batch| {
        let [x, y] = batch.arrays()?;
        let output = net.call(x)?;
        Ok((SoftmaxCrossEntropyLoss::default().call(&output, y, None)?, output))
    }
}

fn values(net: &Sequential) -> Result<Vec<Vec<u64>>> {
    net.named_parameters().iter().map(|(_, parameter)| Ok(bits(&parameter.data()?))).collect()
}

#[test]
fn a_fit_does_what_the_loop_by_hand_does_and_tells_of_it() -> Result<()> {
    let (fitted, by_hand) = (net(3)?, net(3)?);
    // Both draw masks from the same places.
    random::seed(4);
    let loader = DataLoader::new(dataset(20)?, 6)?.seed(9).shuffle(true);
    let mut trainer = Trainer::new(&fitted, Adam::new(0.05)?)?;
    let mut average = Average::swa(&fitted);
    let (mut steps, mut lines) = (Vec::new(), Vec::new());
    let held_out = loader_of_8()?;
    let run = Run::new(&fitted, &mut trainer).data(&loader).average(&mut average);
    let fit = run.fit(objective(&fitted)).metric(Accuracy::default()).validation(&held_out);
    let report = fit
        .progress(|event| {
            match event {
                Event::Step(progress) => {
                    steps.push((progress.epoch, progress.batches, progress.step));
                }
                Event::Epoch(epoch) => lines.push(epoch.to_string()),
                _ => {}
            }
            Ok(())
        })
        .epochs(2)?;
    assert_eq!(
        steps,
        [(0, 1, 1), (0, 2, 2), (0, 3, 3), (0, 4, 4), (1, 1, 5), (1, 2, 6), (1, 3, 7), (1, 4, 8)]
    );
    assert!(lines[0].starts_with("epoch 0: loss 0."), "{lines:?}");
    assert!(lines[0].contains(", accuracy 0.") && lines[0].contains("; validation loss 0."));
    assert_eq!((report.epochs.len(), report.resumed, report.is_early), (2, None, false));
    assert_eq!(average.updates(), 8);

    random::seed(4);
    let loader = DataLoader::new(dataset(20)?, 6)?.seed(9).shuffle(true);
    let mut trainer = Trainer::new(&by_hand, Adam::new(0.05)?)?;
    for epoch in 0..2 {
        let mut sum = 0.0;
        for batch in &loader {
            let batch = batch?;
            let loss = autograd::record(|| Ok(objective(&by_hand)(&batch)?.0))?;
            loss.backward()?;
            trainer.step(batch.n_samples())?;
            sum += loss.to_f64_vec()?.iter().sum::<f64>();
        }
        assert_eq!(report.epochs[epoch].training.loss, sum / 20.0);
    }
    assert_eq!(values(&fitted)?, values(&by_hand)?);
    Ok(())
}

fn loader_of_8() -> Result<DataLoader> {
    DataLoader::new(dataset(8)?, 3)
}

#[test]
fn gradients_of_several_batches_are_those_of_one() -> Result<()> {
    let train = |batch_size: usize, accumulate: usize| -> Result<_> {
        let net = Dense::with(DenseConfig { units: 2, in_units: Some(3), ..Default::default() })?;
        net.initialize_with(&init::Constant::new(0.25), Reinit::Keep)?;
        let net = sequential![net];
        let loader = DataLoader::new(dataset(20)?, batch_size)?;
        let mut trainer = Trainer::new(&net, Sgd::new(0.1)?.momentum(0.9)?)?;
        let run = Run::new(&net, &mut trainer).data(&loader);
        let report = run.fit(objective(&net)).accumulate(accumulate)?.epochs(3)?;
        assert_eq!(net[0].weight()?.grad_req(), GradReq::Write);
        let named = net.named_parameters();
        let values = named.iter().map(|(_, parameter)| parameter.data()?.to_f64_vec());
        Ok((report, trainer.num_update(), values.collect::<Result<Vec<_>>>()?.concat()))
    };
    let (report, steps, one) = train(8, 1)?;
    let (other_report, other_steps, added) = train(4, 2)?;
    assert_eq!((steps, other_steps), (9, 9));
    assert!(one.iter().zip(&added).all(|(a, b)| (a - b).abs() < 1e-6), "{one:?} {added:?}");
    let losses = |report: &FitReport| report.epochs[2].training.loss;
    assert!((losses(&report) - losses(&other_report)).abs() < 1e-6);
    Ok(())
}

#[test]
fn a_fit_ends_when_the_loss_grows_no_smaller() -> Result<()> {
    let net = net(3)?;
    let (loader, held_out) = (DataLoader::new(dataset(20)?, 5)?, loader_of_8()?);
    let mut trainer = Trainer::new(&net, Sgd::new(0.0)?)?;
    let run = Run::new(&net, &mut trainer).data(&loader);
    let report = run.fit(objective(&net)).validation(&held_out).patience(2)?.epochs(50)?;
    assert_eq!((report.epochs.len(), report.is_early), (3, true));
    // A loss that is no number is never the smallest.
    let mut trainer = Trainer::new(&net, Sgd::new(0.0)?)?;
    let run = Run::new(&net, &mut trainer).data(&loader);
    let nan = |batch: &Batch| {
        let (loss, output) = objective(&net)(batch)?;
        Ok(((&loss * f64::NAN)?, output))
    };
    assert_eq!(run.fit(nan).patience(2)?.epochs(50)?.epochs.len(), 2);
    Ok(())
}

#[test]
fn saves_come_at_their_steps_and_a_fit_goes_on_in_the_middle_of_an_epoch() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let fit = |name: &str, fail_at: Option<u64>| -> Result<_> {
        let net = net(3)?;
        let loader =
            DataLoader::new(dataset(20)?, 3)?.shuffle(true).last_batch(LastBatch::Rollover);
        let mut trainer = Trainer::new(&net, Adam::new(0.05)?)?;
        let mut checkpointer = Checkpointer::new(folder.path().join(name));
        let run = Run::new(&net, &mut trainer).data(&loader);
        let fit = run.fit(objective(&net)).checkpoints(&mut checkpointer, 4)?;
        let report = fit
            .progress(|event| match event {
                Event::Step(progress) if Some(progress.step) == fail_at => {
                    Err(Error::user("training", "the power is gone"))
                }
                _ => Ok(()),
            })
            .epochs(3);
        Ok((report, checkpointer.steps()?, values(&net)?))
    };
    let (report, steps, whole) = fit("whole", None)?;
    assert_eq!(steps, [4, 8, 12, 16, 20]);
    let report = report?;
    let (failed, steps, _) = fit("parts", Some(10))?;
    assert_eq!(variant(&error(failed)), "User");
    assert_eq!(steps, [4, 8]);
    let (resumed, _, values) = fit("parts", None)?;
    let resumed = resumed?;
    assert_eq!(values, whole);
    assert_eq!(resumed.resumed, Some(8));
    // The loss of an epoch is over all of it, although it was begun by another.
    assert_eq!(resumed.epochs.last(), report.epochs.last());
    assert_eq!(resumed.epochs[0].training.loss, report.epochs[1].training.loss);
    // Nothing is left to do.
    let (again, _, values) = fit("parts", None)?;
    assert_eq!((again?.epochs.len(), values), (0, whole));
    Ok(())
}

#[test]
fn what_cannot_be_resumed_changes_nothing() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpointer = Checkpointer::new(folder.path());
    let saved = net(3)?;
    let loader = DataLoader::new(dataset(20)?, 5)?;
    let mut trainer = Trainer::new(&saved, Adam::new(0.05)?)?;
    assert_eq!(Run::new(&saved, &mut trainer).resume(&checkpointer)?, None);
    autograd::record(|| saved.call(&Rng::new(1).array((2, 3)))?.square())?.backward()?;
    trainer.step(2)?;
    Run::new(&saved, &mut trainer).data(&loader).save_async(&mut checkpointer)?.wait()?;

    let net = net(8)?;
    let before = photograph(&net);
    let mut adam = Trainer::new(&net, Adam::new(0.05)?)?;
    let refused = error(Run::new(&net, &mut adam).resume(&checkpointer));
    assert!(refused.to_string().ends_with("run.json`: it was saved with a loader of data"));
    let other = DataLoader::new(dataset(20)?, 4)?;
    let refused = error(Run::new(&net, &mut adam).data(&other).resume(&checkpointer));
    assert_eq!(variant(&refused), "Position");
    let mut average = Average::swa(&net);
    let mut run = Run::new(&net, &mut adam).data(&loader).average(&mut average);
    let refused = error(run.resume(&checkpointer));
    assert!(refused.to_string().ends_with("it has 0 averages, the run 1"), "{refused}");
    let mut sgd = Trainer::new(&net, Sgd::new(0.05)?)?;
    loader.seek(&DataLoader::new(dataset(20)?, 5)?.position())?;
    let place = loader.position();
    let refused = error(Run::new(&net, &mut sgd).data(&loader).resume(&checkpointer));
    assert_eq!(variant(&refused), "States");
    assert_eq!(loader.position(), place);
    assert_eq!(photograph(&net), before);

    let plain = sequential![Dense::new(6), Dense::new(2)];
    plain.initialize()?;
    plain.infer_shapes(&[(1, 3)])?;
    let mut trainer = Trainer::new(&plain, Adam::new(0.05)?)?;
    let refused = error(Run::new(&plain, &mut trainer).data(&loader).resume(&checkpointer));
    assert!(
        refused.to_string().ends_with("the model has no random draws at `1.draws`"),
        "{refused}"
    );

    // What others or damage leave there is told, whatever it is.
    let file = checkpointer.path(1).join("run.json");
    let text = String::from_utf8(read(&file)).unwrap();
    for broken in [
        "",
        "{}",
        "[]",
        "nul",
        &text.replace("0x", "1x"),
        &text.replace("\"count\":0", "\"count\":-1"),
    ] {
        write(&file, broken);
        let refused = error(Run::new(&net, &mut adam).data(&loader).resume(&checkpointer));
        assert_eq!(variant(&refused), "Resume", "{broken}");
    }
    assert_eq!(photograph(&net), before);
    assert_eq!(Run::new(&net, &mut adam).step(), 0);
    Ok(())
}

fn fit<'a>(net: &'a Sequential, trainer: &'a mut Trainer) -> Fit<'a> {
    Run::new(net, trainer).fit(objective(net))
}

#[test]
fn a_run_on_other_contexts_than_the_current_one_is_resumed_too() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpointer = Checkpointer::new(folder.path());
    let contexts = [Context::cpu(1), Context::cpu(2)];
    let step = |net: &Sequential, trainer: &mut Trainer, seed: u64| -> Result<()> {
        for part in data::split_and_load(&Rng::new(seed).array((4, 3)), &contexts)? {
            autograd::record(|| net.call(&part)?.square())?.backward()?;
        }
        trainer.step(4)
    };
    let make = || -> Result<(Sequential, Trainer)> {
        let net = sequential![Dense::new(4), BatchNorm::new(), Dense::new(2)];
        net.initialize_on(&contexts)?;
        net.infer_shapes(&[(2, 3)])?;
        let trainer = Trainer::new(&net, Adam::new(0.05)?)?;
        Ok((net, trainer))
    };
    let weights = |net: &Sequential| -> Result<Vec<Vec<u64>>> {
        let weights = net.select("kind:weight & rank:2")?;
        weights.iter().map(|weight| Ok(bits(&weight.data_on(contexts[1])?))).collect()
    };
    let (first, mut trainer) = make()?;
    step(&first, &mut trainer, 1)?;
    Run::new(&first, &mut trainer).save(&mut checkpointer)?;
    step(&first, &mut trainer, 2)?;
    let (second, mut again) = make()?;
    assert_eq!(Run::new(&second, &mut again).resume(&checkpointer)?, Some(1));
    step(&second, &mut again, 2)?;
    assert_eq!(weights(&first)?, weights(&second)?);
    Ok(())
}

#[test]
fn a_fit_without_data_and_counts_of_0_are_refused() -> Result<()> {
    let net = net(3)?;
    let mut trainer = Trainer::new(&net, Adam::new(0.05)?)?;
    let refused = error(Run::new(&net, &mut trainer).fit(objective(&net)).epochs(1));
    assert_eq!(refused.to_string(), "`data` must be a loader, found none");
    assert_eq!(variant(&error(fit(&net, &mut trainer).accumulate(0))), "Setting");
    assert_eq!(variant(&error(fit(&net, &mut trainer).patience(0))), "Setting");
    let folder = tempfile::tempdir().unwrap();
    let mut checkpointer = Checkpointer::new(folder.path());
    let refused = error(fit(&net, &mut trainer).checkpoints(&mut checkpointer, 0));
    assert_eq!(variant(&refused), "Setting");
    Ok(())
}
