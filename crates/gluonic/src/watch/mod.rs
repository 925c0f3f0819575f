//! A look at the values and gradients of parameters while they are trained.
//!
//! [`Watch`] makes [`Record`]s of numbers at some of the steps, and [`Finding`]s of what goes wrong.
//! It changes nothing: training has the same bits with it and without.

mod finding;
mod history;
mod record;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

pub use finding::{Finding, Place, Trouble};
use history::History;
pub use record::{Record, Values};

use crate::array::Buf;
use crate::checkpoint::HasParameters;
use crate::cpu::statistics::{Summary, bin, histogram, is_finite};
use crate::error::{Error, Result, one_or_more};
use crate::name::ParamPath;
use crate::param::{Parameter, table};
use crate::suggest::nearest;
use crate::trainer::Trainer;

/// Of how many measured steps records are kept, if nothing else is said.
const KEPT: usize = 100;

/// Records numbers about parameters and their gradients during training, and finds the first
/// parameter that becomes NaN or infinite, that gets no gradient any more, or that explodes.
///
/// [`Watch::step`] stands in place of [`Trainer::step`]. Of each measured step it keeps a [`Record`]
/// for each parameter: of the value and the gradient that the step began with, and of how far the
/// step moved the value. A tied parameter counts once, under its first path; one without a value has
/// no record; one that is frozen or has no gradient has a record without.
///
/// What it finds is told once for each parameter and place:
///
/// - [`Trouble::NaN`] and [`Trouble::Infinite`]: elements that are not finite, in the value before
///   the step, in the gradient, or, where both were finite, in what the step has made of them.
/// - [`Trouble::Exploding`]: the norm of the value or of the gradient is more than 1000 times the
///   median of its norms at the measured steps before, three or more of them that were not 0. A
///   norm that grows by a factor from step to step comes there sooner or later, one that grows
///   linearly never, since it is twice its median.
/// - [`Trouble::Dead`]: every element of the gradient was 0 at five measured steps in a row.
///
/// # Memory
/// A measured step copies the parameters that are being updated, one on each thread at a time, for
/// as long as it takes: no more than the largest ones, as many as there are threads. Of each
/// parameter up to 64 earlier norms of value and gradient are kept; where they are more, those of
/// every second, fourth, … measured step.
///
/// # Examples
/// ```
/// use gluonic::{Watch, prelude::*};
/// let net = Dense::with(DenseConfig { units: 1, in_units: Some(2), ..Default::default() })?;
/// net.initialize_with(&init::One, Reinit::Keep)?;
/// let mut trainer = Trainer::new(&net, Sgd::new(0.5)?)?;
/// let mut watch = Watch::new(&net).every(2)?.check_finite();
/// let x = NdArray::ones((1, 2), DType::F32)?;
/// for _ in 0..2 {
///     autograd::record(|| net.call(&x))?.backward()?;
///     watch.step(&mut trainer, 1)?;
/// }
/// let record = watch.latest("weight")?.unwrap();
/// assert_eq!((record.step, record.value.statistics.mean), (2, 0.5));
/// assert_eq!(record.update_ratio(), Some(1.0));
/// assert!(watch.finding().is_none());
/// assert_eq!(
///     watch.to_string(),
///     "step 2\n\
///      path      norm     mean     std  gradient  zeros  not finite  update\n\
///      weight  0.7071   0.5000  0.0000    1.4142      0           0  1.0000\n\
///      bias    0.5000  -0.5000  0.0000    1.0000      0           0  1.0000"
/// );
/// # Ok::<(), gluonic::Error>(())
/// ```
pub struct Watch {
    every: u64,
    bins: Option<usize>,
    kept: usize,
    check_finite: bool,
    step: u64,
    items: Vec<Item>,
    /// The place of each parameter among the items.
    places: HashMap<usize, usize, foldhash::fast::RandomState>,
    /// Those of one measured step together.
    records: VecDeque<Box<[Record]>>,
    findings: Vec<Finding>,
}

struct Item {
    parameter: Parameter,
    path: ParamPath,
    value: History,
    gradient: History,
}

/// What is measured of one parameter before a step.
struct Before {
    value: (Summary, Values),
    gradient: Option<(Summary, Values)>,
}

/// What a step has done to one parameter.
#[derive(Clone, Copy)]
struct Update {
    /// The norm of what was added.
    norm: f64,
    /// About the value after it, if the norm is not finite.
    after: Option<Summary>,
}

impl Watch {
    /// Watches the parameters of a block, a [`ParameterDict`](crate::ParameterDict) or a
    /// [`Selection`](crate::Selection), at every step. They may be without values still.
    pub fn new(params: &(impl HasParameters + ?Sized)) -> Self {
        let (mut items, mut places) = (Vec::new(), HashMap::default());
        for (path, parameter) in params.chosen() {
            places.entry(parameter.id()).or_insert_with(|| {
                let (value, gradient) = (History::default(), History::default());
                items.push(Item { parameter, path: (&*path).into(), value, gradient });
                items.len() - 1
            });
        }
        Watch {
            every: 1,
            bins: None,
            kept: KEPT,
            check_finite: false,
            step: 0,
            items,
            places,
            records: VecDeque::new(),
            findings: Vec::new(),
        }
    }

    /// Measures the steps `n`, `2n`, `3n`, … only. The others cost nothing.
    ///
    /// # Errors
    /// [`Error::Setting`] if `n` is 0.
    pub fn every(mut self, n: u64) -> Result<Self> {
        self.every = one_or_more("every", n)?;
        Ok(self)
    }

    /// Counts the elements of each value and gradient in equal parts of the range from the smallest
    /// to the largest.
    ///
    /// # Errors
    /// [`Error::Setting`] if `bins` is 0.
    pub fn histogram(mut self, bins: usize) -> Result<Self> {
        self.bins = Some(one_or_more("bins", bins)?);
        Ok(self)
    }

    /// Keeps the records of the last `n` measured steps; 100 if this is not called.
    #[must_use]
    pub fn keep(mut self, n: usize) -> Self {
        self.kept = n;
        self
    }

    /// Looks for elements that are not finite at the steps that are not measured too. This reads
    /// values and gradients once.
    #[must_use]
    #[doc(alias = "detect_anomaly")]
    pub fn check_finite(mut self) -> Self {
        self.check_finite = true;
        self
    }

    /// Does [`Trainer::step`], and measures if it is the turn of this step.
    ///
    /// # Errors
    /// As [`Trainer::step`]; [`Error::BeingEdited`] inside an edit of a parameter or gradient by the
    /// same thread. Then nothing has changed, and the step does not count.
    pub fn step(&mut self, trainer: &mut Trainer, batch_size: usize) -> Result<()> {
        self.step_with(trainer, batch_size, false)
    }

    /// Does [`Trainer::step_ignoring_stale`], and measures if it is the turn of this step.
    ///
    /// # Errors
    /// As [`Watch::step`], but for stale gradients.
    pub fn step_ignoring_stale(&mut self, trainer: &mut Trainer, batch_size: usize) -> Result<()> {
        self.step_with(trainer, batch_size, true)
    }

    fn step_with(
        &mut self,
        trainer: &mut Trainer,
        batch_size: usize,
        ignore_stale: bool,
    ) -> Result<()> {
        let step = self.step + 1;
        let is_measured = step.is_multiple_of(self.every);
        if is_measured || self.check_finite {
            // On this thread: another one would wait for the end of the edit.
            self.items.iter().try_for_each(|item| item.parameter.refuse_own_edit())?;
        }
        if !is_measured {
            let found = if self.check_finite { self.not_finite()? } else { Vec::new() };
            trainer.step_with(batch_size, ignore_stale, None)?;
            self.step = step;
            self.tell(found);
            return Ok(());
        }
        let before = self.items.par_iter().map(|item| item.measure(self.bins));
        let before = before.collect::<Result<Vec<_>>>()?;
        let places: Vec<Option<usize>> =
            trainer.parameters().iter().map(|p| self.places.get(&p.id()).copied()).collect();
        let updates = Mutex::new(vec![None; self.items.len()]);
        trainer.step_with(
            batch_size,
            ignore_stale,
            Some(&|i, before, after| {
                let Some(place) = places[i] else { return };
                let norm = before.difference(after).squares.sqrt();
                let after = (!norm.is_finite()).then(|| after.summary());
                let mut updates = updates.lock().unwrap_or_else(PoisonError::into_inner);
                updates[place] = Some(Update { norm, after });
            }),
        )?;
        self.step = step;
        self.take(before, updates.into_inner().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    /// What is not finite before a step that is not measured.
    fn not_finite(&self) -> Result<Vec<(Place, usize, Trouble)>> {
        let found = self.items.par_iter().enumerate().map(|(i, item)| {
            let mut found = Vec::new();
            for place in [Place::Value, Place::Gradient] {
                let summary = item.at(place, |read| (!read.is_finite()).then(|| read.summary()))?;
                let trouble = summary.flatten().and_then(|summary| Trouble::of(&summary));
                found.extend(trouble.map(|trouble| (place, i, trouble)));
            }
            Ok(found)
        });
        Ok(found.collect::<Result<Vec<_>>>()?.concat())
    }

    /// Makes records and findings of what was measured.
    fn take(&mut self, before: Vec<Option<Before>>, updates: Vec<Option<Update>>) {
        let (mut records, mut found) = (Vec::new(), Vec::new());
        for (i, (before, update)) in before.into_iter().zip(updates).enumerate() {
            let Some(Before { value, gradient }) = before else { continue };
            let item = &mut self.items[i];
            let bad_value = Trouble::of(&value.0);
            let bad_gradient = gradient.as_ref().and_then(|(summary, _)| Trouble::of(summary));
            let bad_update = update.and_then(|update| Trouble::of(&update.after?));
            let bad_update = bad_update.filter(|_| bad_value.is_none() && bad_gradient.is_none());
            let norm = value.1.statistics.norm();
            let value_explodes = item.value.follow(norm, bad_value.is_none());
            let gradient_trouble = gradient.as_ref().and_then(|(summary, values)| {
                let is_dead = summary.zeros == summary.count && summary.count > 0;
                let dead = item.gradient.follow_dead(is_dead);
                let norm = values.statistics.norm();
                dead.or_else(|| item.gradient.follow(norm, bad_gradient.is_none()))
            });
            let of_value = bad_value.or(value_explodes);
            let of_gradient = bad_gradient.or(gradient_trouble);
            found.extend(of_value.map(|trouble| (Place::Value, i, trouble)));
            found.extend(of_gradient.map(|trouble| (Place::Gradient, i, trouble)));
            found.extend(bad_update.map(|trouble| (Place::Update, i, trouble)));
            records.push(Record {
                step: self.step,
                path: item.path.clone(),
                kind: item.parameter.kind(),
                value: value.1,
                gradient: gradient.map(|(_, values)| values),
                update_norm: update.map(|update| update.norm),
            });
        }
        self.tell(found);
        self.records.push_back(records.into());
        while self.records.len() > self.kept {
            self.records.pop_front();
        }
    }

    /// Adds what was found at this step, causes in front of effects: what is not finite, in values,
    /// then in gradients, then after the step; then the rest.
    fn tell(&mut self, mut found: Vec<(Place, usize, Trouble)>) {
        found.sort_by_key(|(place, i, trouble)| (trouble.rank(), *place, *i));
        for (place, i, trouble) in found {
            let path = &self.items[i].path;
            let known = self.findings.iter().any(|known| {
                known.path == *path && known.place == place && known.trouble.is_like(&trouble)
            });
            if !known {
                self.findings.push(Finding { step: self.step, path: path.clone(), place, trouble });
            }
        }
    }

    /// The number of steps so far, measured or not.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The records that are kept, the oldest first; those of one step in the order of the walk.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().flatten()
    }

    /// The latest record of a parameter, by its first path; `None` if none is kept.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], with the nearest paths.
    pub fn latest(&self, path: &str) -> Result<Option<&Record>> {
        if !self.items.iter().any(|item| *item.path == *path) {
            return Err(Error::UnknownParameter {
                name: path.into(),
                nearest: nearest(path, self.items.iter().map(|item| &*item.path)),
            });
        }
        Ok(self.records.iter().rev().flatten().find(|record| *record.path == *path))
    }

    /// What was found first: at the earliest step, there the cause in front of its effects, and else
    /// in the order of the walk.
    pub fn finding(&self) -> Option<&Finding> {
        self.findings.first()
    }

    /// Everything that was found, in the order of [`Watch::finding`].
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The records that are kept as lines of JSON, each an object: `step`, `path`, `kind`, `value`,
    /// `gradient`, `update_norm`, `update_ratio`. What is not a finite number is `null`.
    pub fn to_json(&self) -> String {
        let lines: Vec<String> = self.records().map(Record::to_json).collect();
        lines.join("\n")
    }
}

/// The value or the gradient of a parameter, to be read.
enum Reading {
    Whole(Arc<Buf>),
    /// The rows that are not zero, and the number of elements of the others.
    Rows(Arc<Buf>, usize),
}

impl Reading {
    fn buf(&self) -> (&Buf, usize) {
        match self {
            Reading::Whole(buf) => (buf, 0),
            Reading::Rows(buf, zeros) => (buf, *zeros),
        }
    }

    fn is_finite(&self) -> bool {
        let (buf, _) = self.buf();
        is_finite(buf.len(), &|start, out| buf.read_f64(start, out))
    }

    fn summary(&self) -> Summary {
        let (buf, zeros) = self.buf();
        buf.summary().and(&Summary::of_zeros(zeros))
    }

    fn histogram(&self, summary: &Summary, bins: usize) -> Vec<usize> {
        let ((buf, zeros), range) = (self.buf(), (summary.min, summary.max));
        let read = |start: usize, out: &mut [f64]| buf.read_f64(start, out);
        let mut counts = histogram(buf.len(), &read, range, bins);
        if zeros > 0 {
            counts[bin(0.0, range, bins)] += zeros;
        }
        counts
    }

    fn values(&self, bins: Option<usize>) -> (Summary, Values) {
        let summary = self.summary();
        let histogram = bins.map(|bins| self.histogram(&summary, bins).into());
        (summary, Values { statistics: (&summary).into(), histogram })
    }
}

impl Item {
    /// Reads the value or the gradient, if there is one.
    fn at<R>(&self, place: Place, read: impl FnOnce(&Reading) -> R) -> Result<Option<R>> {
        let cell = match place {
            Place::Gradient => {
                let slot = self.parameter.memory().and_then(|ready| ready.first.slot);
                slot.map(|slot| slot.cell.clone())
            }
            _ => self.parameter.value().ok().map(|value| value.cell),
        };
        let Some(cell) = cell else { return Ok(None) };
        let reading = || match cell.rows()? {
            Some(rows) => {
                let zeros = cell.len() - rows.values().len();
                Ok(Reading::Rows(rows.values().clone(), zeros))
            }
            None => cell.snapshot().map(Reading::Whole),
        };
        let reading = reading().map_err(|error: Error| error.at(self.parameter.name()))?;
        Ok(Some(read(&reading)))
    }

    fn measure(&self, bins: Option<usize>) -> Result<Option<Before>> {
        let Some(value) = self.at(Place::Value, |read| read.values(bins))? else { return Ok(None) };
        let gradient = self.at(Place::Gradient, |read| read.values(bins))?;
        Ok(Some(Before { value, gradient }))
    }
}

impl fmt::Display for Watch {
    /// Writes the records of the last measured step as a table, and everything that was found.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.records.back() {
            None => write!(f, "no records of {} steps", self.step)?,
            Some(records) => {
                let step = records.first().map_or(self.step, |record| record.step);
                writeln!(f, "step {step}")?;
                let rows = records.iter().map(Record::row);
                let rows: Vec<_> = std::iter::once(Record::head()).chain(rows).collect();
                table::write(f, &rows)?;
            }
        }
        self.findings.iter().try_for_each(|finding| write!(f, "\n{finding}"))
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("parameters", &self.items.len())
            .field("every", &self.every)
            .field("steps", &self.step)
            .field("findings", &self.findings)
            .finish_non_exhaustive()
    }
}
