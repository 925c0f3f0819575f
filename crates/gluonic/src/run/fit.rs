//! A loop over epochs: steps, metrics, validation, an early end, saves.

use std::fmt;

use serde_json::{Value, json};

use super::Run;
use crate::array::NdArray;
use crate::autograd::{self, GradReq};
use crate::checkpoint::Checkpointer;
use crate::data::{Batch, DataLoader};
use crate::error::{Error, Result, one_or_more};
use crate::metric::Metric;
use crate::param::Parameter;

/// What a loop computes of a batch: the loss, one value for each sample, and the output that
/// metrics compare with the batch's last array.
type Objective<'a> = dyn Fn(&Batch) -> Result<(NdArray, NdArray)> + 'a;

/// What is told of each step and each epoch.
type OnEvent<'a> = dyn FnMut(&Event<'_>) -> Result<()> + 'a;

/// A loop that trains a [`Run`] for some epochs.
///
/// ```text
/// for each epoch, for each batch:   forward under record, backward, step after `accumulate` batches
///                                   update of the averages; a save after every so many steps
/// after each epoch:                 validation, whether it is over
/// ```
///
/// Everything more special is a loop of one's own, with [`Run::resume`] and [`Run::save`].
///
/// # Examples
/// ```
/// use gluonic::metric::Accuracy;
/// use gluonic::prelude::*;
/// let x = ops::uniform(0.0, 1.0, (40, 2))?;
/// let y = NdArray::from_vec(x.to_vec::<f32>()?.chunks(2).map(|x| i64::from(x[0] > x[1])).collect(), 40)?;
/// let loader = DataLoader::new(ArrayDataset::new([&x, &y])?, 8)?.shuffle(true);
/// let net = Dense::new(2);
/// net.initialize()?;
/// let mut trainer = Trainer::new(&net, Adam::new(0.1)?)?;
/// let loss = SoftmaxCrossEntropyLoss::default();
/// let report = Run::new(&net, &mut trainer)
///     .data(&loader)
///     .fit(|batch| {
///         let [x, y] = batch.arrays()?;
///         let output = net.call(x)?;
///         Ok((loss.call(&output, y, None)?, output))
///     })
///     .metric(Accuracy::default())
///     .epochs(20)?;
/// let [first, .., last] = report.epochs.as_slice() else { panic!("there are 20") };
/// assert!(last.training.loss < first.training.loss);
/// assert!(last.training.metrics[0].1 > 0.9);
/// # Ok::<(), gluonic::Error>(())
/// ```
pub struct Fit<'a> {
    run: Run<'a>,
    objective: Box<Objective<'a>>,
    accumulate: usize,
    metrics: Vec<Box<dyn Metric + 'a>>,
    validation: Option<&'a DataLoader>,
    patience: Option<u64>,
    saves: Option<(&'a mut Checkpointer, u64)>,
    progress: Box<OnEvent<'a>>,
}

impl<'a> Run<'a> {
    /// A loop over the batches of its loader. `objective` gives, of a batch, the loss, one value for
    /// each sample, and the output that metrics compare with the batch's last array.
    pub fn fit(self, objective: impl Fn(&Batch) -> Result<(NdArray, NdArray)> + 'a) -> Fit<'a> {
        Fit {
            run: self,
            objective: Box::new(objective),
            accumulate: 1,
            metrics: Vec::new(),
            validation: None,
            patience: None,
            saves: None,
            progress: Box::new(|_| Ok(())),
        }
    }
}

impl<'a> Fit<'a> {
    /// With one step for so many batches, whose gradients are added up: as one batch that is so
    /// many times as large. An epoch that does not come out even ends with a smaller one.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is 0.
    pub fn accumulate(self, batches: usize) -> Result<Self> {
        Ok(Fit { accumulate: one_or_more("accumulate", batches)?, ..self })
    }

    /// With a metric, over each epoch and over the validation.
    #[must_use]
    pub fn metric(mut self, metric: impl Metric + 'a) -> Self {
        self.metrics.push(Box::new(metric));
        self
    }

    /// With a look at other data after each epoch, without training.
    #[must_use]
    pub fn validation(self, loader: &'a DataLoader) -> Self {
        Fit { validation: Some(loader), ..self }
    }

    /// With an end after so many epochs in which the loss, of the validation if there is one, was
    /// not smaller than the smallest before.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is 0.
    #[doc(alias = "early_stopping")]
    pub fn patience(self, epochs: u64) -> Result<Self> {
        Ok(Fit { patience: Some(one_or_more("patience", epochs)?), ..self })
    }

    /// With a save after every so many steps, and after the last one; and beginning where the latest
    /// one was made, if there is one.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is 0.
    pub fn checkpoints(self, checkpointer: &'a mut Checkpointer, steps: u64) -> Result<Self> {
        Ok(Fit { saves: Some((checkpointer, one_or_more("steps", steps)?)), ..self })
    }

    /// With something that is told of each step and each epoch: to print it, to draw a bar. Its
    /// error ends the loop.
    #[must_use]
    pub fn progress(self, on_event: impl FnMut(&Event<'_>) -> Result<()> + 'a) -> Self {
        Fit { progress: Box::new(on_event), ..self }
    }

    /// Trains until so many epochs are over, those before a resume included.
    ///
    /// The loss of an epoch that was resumed in its middle is over all of it, metrics are over the
    /// rest of it.
    ///
    /// # Errors
    /// [`Error::Setting`] if the run has no loader; as [`Run::resume`], [`Run::save`],
    /// [`Trainer::step`](crate::Trainer::step); the data's, the objective's and the metrics'.
    pub fn epochs(mut self, epochs: u64) -> Result<FitReport> {
        let Some(loader) = self.run.loader else {
            let (setting, found) = ("data", "none".into());
            return Err(Error::Setting { setting, expected: "a loader", found });
        };
        let mut state = State::default();
        let mut report = FitReport { epochs: Vec::new(), resumed: None, is_early: false };
        if let Some((checkpointer, _)) = &self.saves
            && let Some(step) = checkpointer.latest()?
        {
            let saved = self.run.resume_from(&checkpointer.path(step))?;
            if let Some(fit) = &saved.fit {
                let problem = "what it says of the loop cannot be understood";
                let path = || checkpointer.path(step).join(super::RUN);
                let fail = || Error::Resume { path: path(), problem: problem.into() };
                state = State::of(fit).ok_or_else(fail)?;
            }
            report.resumed = Some(step);
        }
        let adding = (self.accumulate > 1).then(|| Adding::begin(&self.run));
        while loader.position().epoch() < epochs && !self.is_over(&state) {
            let mut epoch = EpochReport {
                epoch: loader.position().epoch(),
                training: self.train(loader, &mut state)?,
                validation: None,
            };
            epoch.validation = self.validation.map(|loader| self.validate(loader)).transpose()?;
            state.judge(epoch.validation.as_ref().unwrap_or(&epoch.training).loss);
            (self.progress)(&Event::Epoch(&epoch))?;
            report.epochs.push(epoch);
            let is_last = loader.position().epoch() >= epochs || self.is_over(&state);
            self.save(&state, is_last)?;
        }
        report.is_early = loader.position().epoch() < epochs;
        drop(adding);
        Ok(report)
    }

    fn is_over(&self, state: &State) -> bool {
        self.patience.is_some_and(|patience| state.waited >= patience)
    }

    /// The rest of an epoch.
    fn train(&mut self, loader: &DataLoader, state: &mut State) -> Result<Evaluation> {
        let epoch = loader.position().epoch();
        let (mut waiting, mut added) = (0, 0);
        for batch in loader {
            let batch = batch?;
            let (loss, output) = autograd::record(|| (self.objective)(&batch))?;
            loss.backward()?;
            state.add(&loss, batch.n_samples())?;
            count(&mut self.metrics, &batch, &output)?;
            (waiting, added) = (waiting + batch.n_samples(), added + 1);
            let position = loader.position();
            let is_last = position.epoch() > epoch || position.batches() >= loader.n_batches();
            if added < self.accumulate && !is_last {
                continue;
            }
            self.run.step_averaged(waiting)?;
            if self.accumulate > 1 {
                self.run.trainer.parameters().iter().try_for_each(zero)?;
            }
            (waiting, added) = (0, 0);
            (self.progress)(&Event::Step(&Progress {
                epoch,
                batches: position.batches(),
                of_batches: loader.n_batches(),
                step: self.run.step(),
                loss: state.loss(),
            }))?;
            // The last step of an epoch is saved when the epoch has been judged.
            if !is_last {
                self.save(state, false)?;
            }
        }
        let training = Evaluation { loss: state.loss(), metrics: values(&mut self.metrics) };
        (state.sum, state.samples) = (0.0, 0);
        Ok(training)
    }

    fn validate(&mut self, loader: &DataLoader) -> Result<Evaluation> {
        let mut sum = State::default();
        for batch in loader {
            let batch = batch?;
            let (loss, output) = (self.objective)(&batch)?;
            sum.add(&loss, batch.n_samples())?;
            count(&mut self.metrics, &batch, &output)?;
        }
        Ok(Evaluation { loss: sum.loss(), metrics: values(&mut self.metrics) })
    }

    /// Saves if it is time, and the step is not saved yet.
    fn save(&mut self, state: &State, is_last: bool) -> Result<()> {
        let step = self.run.step();
        let Some((checkpointer, steps)) = &mut self.saves else { return Ok(()) };
        if (is_last || step.is_multiple_of(*steps)) && checkpointer.latest()? != Some(step) {
            self.run.save_beside(checkpointer, Some(state.value()))?;
        }
        Ok(())
    }
}

impl Run<'_> {
    fn step_averaged(&mut self, batch_size: usize) -> Result<()> {
        self.trainer.step(batch_size)?;
        self.averages.iter_mut().try_for_each(|average| average.update())
    }
}

fn zero(parameter: &Parameter) -> Result<()> {
    if parameter.grad_req() == GradReq::Null { Ok(()) } else { parameter.zero_grad() }
}

/// Counts a batch, whose last array holds the labels.
fn count(metrics: &mut [Box<dyn Metric + '_>], batch: &Batch, output: &NdArray) -> Result<()> {
    let Some(labels) = batch.last() else { return Ok(()) };
    metrics.iter_mut().try_for_each(|metric| metric.update(labels, output))
}

/// The values of metrics, which start again.
fn values(metrics: &mut [Box<dyn Metric + '_>]) -> Vec<(String, f64)> {
    let value = |metric: &mut Box<dyn Metric + '_>| {
        let value = (metric.name().to_owned(), metric.value());
        metric.reset();
        value
    };
    metrics.iter_mut().map(value).collect()
}

/// Lets gradients add up, until it is dropped.
struct Adding(Vec<Parameter>);

impl Adding {
    fn begin(run: &Run<'_>) -> Adding {
        let parameters = run.trainer.parameters().iter();
        let writing = parameters.filter(|parameter| parameter.grad_req() == GradReq::Write);
        let writing: Vec<Parameter> = writing.cloned().collect();
        for parameter in &writing {
            parameter.set_grad_req(GradReq::Add);
        }
        Adding(writing)
    }
}

impl Drop for Adding {
    fn drop(&mut self) {
        for parameter in &self.0 {
            parameter.set_grad_req(GradReq::Write);
        }
    }
}

/// What the loop remembers.
#[derive(Clone, Debug, Default)]
struct State {
    /// Of the losses of the epoch's samples so far.
    sum: f64,
    samples: u64,
    /// The smallest loss of an epoch.
    best: Option<f64>,
    /// How many epochs have passed since.
    waited: u64,
}

impl State {
    fn add(&mut self, loss: &NdArray, samples: usize) -> Result<()> {
        self.sum += loss.to_f64_vec()?.iter().sum::<f64>();
        self.samples += samples as u64;
        Ok(())
    }

    /// The mean over samples; NaN if there were none.
    fn loss(&self) -> f64 {
        self.sum / self.samples as f64
    }

    fn judge(&mut self, loss: f64) {
        if !loss.is_nan() && self.best.is_none_or(|best| loss < best) {
            (self.best, self.waited) = (Some(loss), 0);
        } else {
            self.waited += 1;
        }
    }

    fn value(&self) -> Value {
        let State { sum, samples, best, waited } = self;
        // As text, since JSON has no infinity, and no NaN.
        let (sum, best) = (sum.to_string(), best.map(|best| best.to_string()));
        json!({"sum": sum, "samples": samples, "best": best, "waited": waited})
    }

    fn of(value: &Value) -> Option<State> {
        let float = |name: &str| value[name].as_str().and_then(|text| text.parse().ok());
        let count = |name: &str| value[name].as_u64();
        let (sum, samples, waited) = (float("sum")?, count("samples")?, count("waited")?);
        let best = if value["best"].is_null() { None } else { Some(float("best")?) };
        Some(State { sum, samples, best, waited })
    }
}

/// What a loop tells while it runs.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A step was made.
    Step(&'a Progress),
    /// An epoch is over.
    Epoch(&'a EpochReport),
}

/// Where a loop is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The batches of the epoch so far.
    pub batches: usize,
    /// The batches that it has.
    pub of_batches: usize,
    /// The steps since training began.
    pub step: u64,
    /// The mean loss of the epoch's samples so far.
    pub loss: f64,
}

/// The mean loss of some samples, and metrics over them.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The mean of the losses; NaN if there were no samples.
    pub loss: f64,
    /// The metrics by name.
    pub metrics: Vec<(String, f64)>,
}

/// What came of an epoch.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EpochReport {
    /// The epoch, from 0.
    pub epoch: u64,
    /// While it was trained.
    pub training: Evaluation,
    /// After it, on other data.
    pub validation: Option<Evaluation>,
}

/// What came of a loop.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FitReport {
    /// Its epochs, without those before a resume.
    pub epochs: Vec<EpochReport>,
    /// The step that it went on from.
    pub resumed: Option<u64>,
    /// Whether it ended because the loss grew no smaller.
    pub is_early: bool,
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "loss {:.6}", self.loss)?;
        self.metrics.iter().try_for_each(|(name, value)| write!(f, ", {name} {value:.4}"))
    }
}

impl fmt::Display for EpochReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {}: {}", self.epoch, self.training)?;
        self.validation.iter().try_for_each(|seen| write!(f, "; validation {seen}"))
    }
}

impl fmt::Debug for Fit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fit").field("run", &self.run).finish_non_exhaustive()
    }
}
