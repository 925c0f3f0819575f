//! Averages of weights over the steps of training.

mod saved;

use std::sync::Arc;

use half::{bf16, f16};
use rayon::prelude::*;
use smallvec::SmallVec;

use crate::array::{Buf, Cell, DType, NdArray, for_dtype, unique};
use crate::checkpoint::HasParameters;
use crate::cpu::share;
use crate::cpu::update::follow;
use crate::error::{Error, Result};
use crate::name::ParamPath;
use crate::optim::{Decay, check};
use crate::param::{Kind, Parameter, Snapshot};
use crate::shape::Dims;
use crate::suggest::nearest;

/// A running average of parameters, for models that are better than those of any one step: an
/// exponential one ([`Average::ema`]) or an equal mean ([`Average::swa`]).
///
/// The first update takes the values as they are. Each later one moves every average `a` towards
/// the value `w` of its parameter, `a = a + r·(w - a)`, with `n` the number of updates before it:
///
/// | average | `r` |
/// | --- | --- |
/// | [`ema`](Average::ema) | `1 - decay` |
/// | [`ema_with_warm_up`](Average::ema_with_warm_up) | `1 - min(decay, (1 + n)/(10 + n))` |
/// | [`swa`](Average::swa) | `1/(n + 1)` |
///
/// So `a` is `decay·a + (1 - decay)·w` and `(n·a + w)/(n + 1)`, in a form that keeps an average of
/// equal values exactly.
///
/// Weights and biases are averaged, frozen ones too, a tied one once. Statistics, such as the
/// running mean of a batch normalization, are copied at each update, unless
/// [`average_statistics`](Average::average_statistics) is called; so are parameters of integers.
/// Constants are left alone. What is not finite spreads to the average and stays there.
///
/// # Memory
/// One value for each element: `f64` for `f64` parameters, `f32` for all other averages, so that
/// those of half-precision parameters see steps below their rounding.
///
/// # Examples
/// ```
/// use gluonic::{Average, prelude::*};
/// let net = Dense::with(DenseConfig { units: 1, in_units: Some(2), ..Default::default() })?;
/// net.initialize_with(&init::One, Reinit::Keep)?;
/// let mut trainer = Trainer::new(&net, Sgd::new(0.5)?)?;
/// let mut average = Average::swa(&net);
/// let x = NdArray::ones((1, 2), DType::F32)?;
/// for _ in 0..2 {
///     autograd::record(|| net.call(&x))?.backward()?;
///     trainer.step(1)?;
///     average.update()?;
/// }
/// // The weights were 0.5 and are 0.0.
/// assert_eq!(average.swap(|| net.call(&x)?.to_vec::<f32>())?, [-0.25]);
/// assert_eq!(net.weight()?.data()?.to_vec::<f32>()?, [0.0; 2]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Polyak and Juditsky (1992), "Acceleration of stochastic approximation by averaging"; Izmailov et
/// al. (2018), "Averaging weights leads to wider optima and better generalization", algorithm 1;
/// PyTorch's `torch.optim.swa_utils`, class `AveragedModel`. The warm-up is that of TensorFlow's
/// `tf.train.ExponentialMovingAverage` with `num_updates`.
#[doc(alias = "AveragedModel", alias = "ModelEma", alias = "EMA", alias = "SWA")]
pub struct Average {
    rule: Rule,
    statistics: bool,
    updates: u64,
    items: Vec<Item>,
    /// Kept for its memory.
    jobs: Vec<Job>,
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    Ema { decay: f64, warm_up: bool },
    Swa,
}

impl Rule {
    fn name(self) -> &'static str {
        match self {
            Rule::Ema { .. } => "ema",
            Rule::Swa => "swa",
        }
    }

    /// How far an average moves after `n` updates.
    fn rate(self, n: u64) -> f64 {
        let n = n as f64;
        match self {
            Rule::Ema { decay, warm_up: false } => 1.0 - decay,
            Rule::Ema { decay, warm_up: true } => 1.0 - decay.min((1.0 + n) / (10.0 + n)),
            Rule::Swa => 1.0 / (n + 1.0),
        }
    }
}

/// One parameter, and what is kept of it.
struct Item {
    parameter: Parameter,
    paths: SmallVec<[ParamPath; 1]>,
    /// None before the first update.
    kept: Option<Kept>,
}

struct Kept {
    buf: Arc<Buf>,
    dims: Dims,
}

/// The value that an item is to follow.
struct Job {
    cell: Arc<Cell>,
    dims: Dims,
    /// Whether it is averaged, not copied.
    averaged: bool,
}

impl Average {
    /// An exponential average of the parameters of a block, a
    /// [`ParameterDict`](crate::ParameterDict) or a [`Selection`](crate::Selection). The parameters
    /// may be without values still.
    ///
    /// # Errors
    /// [`Error::Setting`] if `decay` is not in `[0, 1)`.
    #[doc(alias = "get_ema_avg_fn")]
    pub fn ema(params: &(impl HasParameters + ?Sized), decay: f64) -> Result<Self> {
        let decay = check::<Decay, _>("decay", decay)?;
        Ok(Self::of(params.chosen(), Rule::Ema { decay, warm_up: false }))
    }

    /// As [`Average::ema`], with a decay that is smaller at first, so that the average soon forgets
    /// where training began.
    ///
    /// # Errors
    /// As [`Average::ema`].
    pub fn ema_with_warm_up(params: &(impl HasParameters + ?Sized), decay: f64) -> Result<Self> {
        let decay = check::<Decay, _>("decay", decay)?;
        Ok(Self::of(params.chosen(), Rule::Ema { decay, warm_up: true }))
    }

    /// An equal mean over all updates, for the last part of a training with a high learning rate.
    ///
    /// Statistics that are copied do not belong to averaged weights. A few batches in training mode
    /// at the beginning of what is given to [`Average::swap`] make them follow.
    #[doc(alias = "get_swa_avg_fn", alias = "update_bn")]
    pub fn swa(params: &(impl HasParameters + ?Sized)) -> Self {
        Self::of(params.chosen(), Rule::Swa)
    }

    fn of(named: Vec<(Box<str>, Parameter)>, rule: Rule) -> Self {
        let mut items: indexmap::IndexMap<usize, Item, foldhash::fast::RandomState> =
            indexmap::IndexMap::default();
        for (path, parameter) in named {
            if parameter.kind() != Kind::Constant {
                let new = |parameter| Item { parameter, paths: SmallVec::new(), kept: None };
                let item = items.entry(parameter.id()).or_insert_with(|| new(parameter));
                item.paths.push((&*path).into());
            }
        }
        let items = items.into_values().collect();
        Average { rule, statistics: false, updates: 0, items, jobs: Vec::new() }
    }

    /// Averages statistics as well, instead of copying them.
    #[must_use]
    #[doc(alias = "use_buffers")]
    pub fn average_statistics(mut self) -> Self {
        self.statistics = true;
        self
    }

    /// The number of updates so far.
    #[doc(alias = "n_averaged", alias = "num_updates")]
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Takes the present values into the average: to be called after each step, or each epoch.
    /// Parameters may have been initialized again or cast since the last one.
    ///
    /// # Memory
    /// None after the first update, unless a snapshot of the averages is kept: then its values are
    /// copied once.
    ///
    /// # Errors
    /// [`Error::Uninitialized`] or [`Error::Deferred`] if a parameter has no value;
    /// [`Error::BeingEdited`] inside an edit of one by the same thread. Then nothing has changed.
    pub fn update(&mut self) -> Result<()> {
        self.jobs.clear();
        let done = self.plan().and_then(|()| self.run());
        // The values are not to be held on to.
        self.jobs.clear();
        if done.is_ok() {
            self.updates = self.updates.saturating_add(1);
        }
        done
    }

    fn plan(&mut self) -> Result<()> {
        for Item { parameter, .. } in &self.items {
            let value = parameter.value()?;
            let (cell, dims) = (value.cell.clone(), value.dims().clone());
            cell.refuse_own_edit().map_err(|error| error.at(parameter.name()))?;
            let averaged = self.statistics || parameter.kind() != Kind::Statistic;
            let averaged = averaged && cell.dtype().is_float();
            self.jobs.push(Job { cell, dims, averaged });
        }
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        let rate = self.rule.rate(self.updates);
        let work = |(item, job): (&mut Item, &Job)| {
            item.follow(job, rate).map_err(|error| error.at(item.parameter.name()))
        };
        let elements = self.jobs.iter().map(|job| job.cell.len()).sum();
        match share(self.jobs.len(), elements) {
            None => self.items.iter_mut().zip(&self.jobs).try_for_each(work),
            Some(least) => {
                let items = self.items.par_iter_mut().zip(&self.jobs);
                items.with_min_len(least).try_for_each(work)
            }
        }
    }

    /// The average of a parameter by its path or name, as [`Trainer::new`](crate::Trainer::new)
    /// calls it, in the element type that it is kept in: an array of its own.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], with the nearest names; [`Error::NoAverages`] before the first
    /// update.
    pub fn get(&self, path: &str) -> Result<NdArray> {
        let paths = || self.items.iter().flat_map(|item| &item.paths);
        let known = self.items.iter().find(|item| item.paths.iter().any(|known| **known == *path));
        let item = known.ok_or_else(|| Error::UnknownParameter {
            name: path.into(),
            nearest: nearest(path, paths().map(|path| &**path)),
        })?;
        let kept = item.kept.as_ref().ok_or(Error::NoAverages)?;
        Ok(NdArray::from_buf(kept.buf.clone(), kept.dims.clone()))
    }

    /// The averages by path, each in the element type of its parameter: what
    /// [`BlockExt::restore`](crate::BlockExt::restore) takes, on a copy of the net too, and what can
    /// be saved as a [`Checkpoint`](crate::checkpoint::Checkpoint). Copies nothing but what has to
    /// be converted.
    ///
    /// # Errors
    /// [`Error::NoAverages`] before the first update.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let mut snapshot = Snapshot::new();
        for Item { parameter, paths, kept } in &self.items {
            let Kept { buf, dims } = kept.as_ref().ok_or(Error::NoAverages)?;
            let dtype = parameter.dtype();
            let same = buf.dtype() == dtype;
            let buf = if same { buf.clone() } else { Arc::new(buf.convert(dtype)) };
            let value = NdArray::from_buf(buf, dims.clone());
            for path in paths {
                snapshot.insert(path.clone(), &value)?;
            }
        }
        Ok(snapshot)
    }

    /// Runs `f` while the parameters have the averages as their values, and puts their own back
    /// afterwards: also after an error and after a panic, and whatever `f` did to them.
    ///
    /// # Memory
    /// As [`Average::snapshot`]: values change hands, they are not copied.
    ///
    /// # Errors
    /// [`Error::NoAverages`] before the first update; as
    /// [`Parameter::data`](crate::Parameter::data) if a parameter has no value;
    /// [`Error::BeingEdited`] inside an edit of one by the same thread; what `f` returns.
    pub fn swap<R>(&self, f: impl FnOnce() -> Result<R>) -> Result<R> {
        self.snapshot()?.swap(&self.named(), f)
    }

    /// Gives the parameters their averages for good, in place. Gradients stay.
    ///
    /// # Errors
    /// [`Error::NoAverages`] before the first update; [`Error::BeingEdited`] inside an edit of one
    /// by the same thread. Then nothing has changed.
    #[doc(alias = "copy_to")]
    pub fn copy_to_parameters(&self) -> Result<()> {
        self.snapshot()?.restore(&self.named())
    }

    fn named(&self) -> Vec<(ParamPath, Parameter)> {
        let all = self
            .items
            .iter()
            .flat_map(|item| item.paths.iter().map(|path| (path.clone(), item.parameter.clone())));
        all.collect()
    }
}

impl Item {
    fn follow(&mut self, Job { cell, dims, averaged }: &Job, rate: f64) -> Result<()> {
        let value = cell.snapshot()?;
        let stored = value.dtype();
        let wanted = stored.compute().filter(|_| *averaged).unwrap_or(stored);
        let Some(Kept { buf, .. }) = &mut self.kept else {
            let buf = Arc::new(value.convert(wanted));
            self.kept = Some(Kept { buf, dims: dims.clone() });
            return Ok(());
        };
        if buf.dtype() != wanted {
            *buf = Arc::new(buf.convert(wanted));
        }
        let average = unique(buf);
        if !averaged {
            for_dtype!(stored, T => average.slice_mut::<T>().copy_from_slice(value.slice()));
            return Ok(());
        }
        match stored {
            DType::F64 => follow(average.slice_mut::<f64>(), value.slice::<f64>(), rate),
            DType::F16 => follow(average.slice_mut(), value.slice::<f16>(), rate as f32),
            DType::BF16 => follow(average.slice_mut(), value.slice::<bf16>(), rate as f32),
            _ => follow(average.slice_mut(), value.slice::<f32>(), rate as f32),
        }
        Ok(())
    }
}

impl std::fmt::Debug for Average {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Average")
            .field("rule", &self.rule)
            .field("parameters", &self.items.len())
            .field("updates", &self.updates)
            .finish_non_exhaustive()
    }
}
