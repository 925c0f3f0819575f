//! One update of one parameter: what a rule is told, and how it reaches the memory.

use std::sync::Arc;

use half::{bf16, f16};
use rayon::prelude::*;
use smallvec::SmallVec;

use super::{Optimizer, State};
use crate::array::{Buf, Cell, Compute, DType, Edit, NdArray, Rows, View, for_float};
use crate::autograd::Track;
use crate::context;
use crate::cpu::share;
use crate::cpu::update::{self as kernel, OnPiece, Reading, Slices, Sums, each_as_f64};
use crate::error::Result;
use crate::param::{Parameter, Training};

/// What a trainer has found out about an update before it begins.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) training: Training,
    /// The place of its group.
    pub(crate) group: usize,
    pub(crate) lr: f64,
    /// How much the learning rate, without the parameter's factor, has grown since the last step.
    pub(crate) lr_ratio: f64,
    pub(crate) wd: f64,
    pub(crate) rescale: f64,
    /// The number of the update, from 1.
    pub(crate) updates: u64,
    pub(crate) prepared: f64,
}

/// Is told of each update: the number of the parameter, its value before and after.
pub(crate) type OnUpdate<'a> = dyn Fn(usize, &Buf, &Buf) + Sync + 'a;

/// Carries out jobs, each for the parameter and the state of its number and by the optimizer of its
/// group: small ones side by side on all threads, the elements of large ones too.
pub(crate) fn run(
    optimizers: &[&dyn Optimizer],
    parameters: &[Parameter],
    states: &mut [State],
    jobs: &[Option<Job>],
    on_update: Option<&OnUpdate<'_>>,
) -> Result<()> {
    let work =
        |(i, ((parameter, state), job)): (usize, ((&Parameter, &mut State), &Option<Job>))| {
            let Some(job) = job else { return Ok(()) };
            let optimizer = optimizers[job.group];
            let done = match on_update {
                None => update_here(optimizer, parameter, state, job),
                Some(on_update) => {
                    // Held on to, the value itself would have to be copied by the optimizer.
                    let cell = &job.training.cell;
                    let before = cell.snapshot().map(|buf| buf.copy());
                    before.and_then(|before| {
                        update_here(optimizer, parameter, state, job)?;
                        on_update(i, &before, &*cell.snapshot()?);
                        Ok(())
                    })
                }
            };
            done.map_err(|error| error.at(parameter.name()))
        };
    let elements = jobs.iter().flatten().map(|job| job.training.cell.len()).sum();
    match share(jobs.len(), elements) {
        None => parameters.iter().zip(states).zip(jobs).enumerate().try_for_each(work),
        Some(least) => {
            let items = parameters.par_iter().zip(states).zip(jobs).enumerate();
            items.with_min_len(least).try_for_each(work)
        }
    }
}

/// Rules may compute with arrays, on any thread: on the context of the parameter.
fn update_here(
    optimizer: &dyn Optimizer,
    parameter: &Parameter,
    state: &mut State,
    job: &Job,
) -> Result<()> {
    context::with(job.training.cell.context(), || update(optimizer, parameter, state, job))
}

fn update(
    optimizer: &dyn Optimizer,
    parameter: &Parameter,
    state: &mut State,
    job: &Job,
) -> Result<()> {
    let stored = job.training.cell.dtype();
    let computed = stored.compute().unwrap_or(stored);
    state.fit(&job.training.dims, stored, computed, optimizer)?;
    state.set_updates(job.updates);
    let clip = optimizer.common().gradient_bound();
    let mut step = Step { parameter, state, job, dtype: computed, clip, wide: None, rows: None };
    optimizer.update(&mut step)?;
    step.store()?;
    step.spread()?;
    job.training.slot.set_fresh(false);
    Ok(())
}

/// One update of one parameter, as an [`Optimizer`] sees it. The parameter's factors are in the
/// numbers already.
///
/// Half-precision parameters are lent as `f32`; what becomes of them is rounded.
#[derive(Debug)]
pub struct Step<'a> {
    parameter: &'a Parameter,
    state: &'a mut State,
    job: &'a Job,
    /// The type that is computed in.
    dtype: DType,
    clip: Option<f64>,
    /// A half-precision weight that was lent as an array.
    wide: Option<NdArray>,
    /// The gradient, if it is kept by rows and no other row is to be changed.
    rows: Option<Arc<Rows>>,
}

impl Step<'_> {
    /// The parameter.
    pub fn parameter(&self) -> &Parameter {
        self.parameter
    }

    /// The learning rate times the parameter's `lr_mult`.
    pub fn lr(&self) -> f64 {
        self.job.lr
    }

    /// How many times the learning rate of the step before the present one is, both without
    /// `lr_mult`. 1 at the first step.
    pub fn lr_ratio(&self) -> f64 {
        self.job.lr_ratio
    }

    /// The weight decay times the parameter's `wd_mult`.
    pub fn wd(&self) -> f64 {
        self.job.wd
    }

    /// What the gradient is multiplied by: one over the batch size.
    pub fn rescale(&self) -> f64 {
        self.job.rescale
    }

    /// What elements of the gradient, after rescaling, are clipped to, if they are.
    pub fn clip(&self) -> Option<f64> {
        self.clip
    }

    /// The number of this update of the parameter, 1 for the first.
    #[doc(alias = "t")]
    pub fn updates(&self) -> u64 {
        self.job.updates
    }

    /// What [`Optimizer::prepare`] has returned for this parameter.
    pub fn prepared(&self) -> f64 {
        self.job.prepared
    }

    /// The element type that is computed in: `f64` for `f64` parameters, else `f32`.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Changes every element by a formula, in place, in one pass and in parallel: it gets the
    /// weight, the gradient, rescaled and clipped, and the elements of the arrays that
    /// [`Optimizer::arrays`] names, in their order.
    ///
    /// # Errors
    /// [`Error::BeingEdited`](crate::Error::BeingEdited) inside an edit of one of the arrays by the
    /// same thread.
    ///
    /// # Panics
    /// If the number of arrays is not that of [`Optimizer::arrays`], or if they do not have the
    /// parameter's sizes.
    pub fn each<const N: usize>(
        &mut self,
        formula: impl Fn(&mut f64, f64, [&mut f64; N]) + Sync,
    ) -> Result<()> {
        for_float!(self.dtype, T => {
            let reading = self.reading::<T>();
            self.pieces::<T, N>(&|_, w, g, state| {
                each_as_f64(reading, w, g, state, &formula);
                [0.0; 2]
            })
        })
        .map(|_| ())
    }

    /// The weight, to be changed in place.
    ///
    /// # Errors
    /// As [`Step::each`].
    pub fn weight(&mut self) -> Result<NdArray> {
        let Training { cell, dims, .. } = &self.job.training;
        if cell.dtype() == self.dtype {
            return Ok(NdArray::on(cell.clone(), View::new(dims.clone()), Track::None));
        }
        if let Some(wide) = &self.wide {
            return Ok(wide.clone());
        }
        // A pass that changes nothing lets a master follow edits of the weight.
        self.touch()?;
        let wide = match self.state.master() {
            Some(master) => master.clone(),
            None => NdArray::from_buf(cell.snapshot()?.convert(self.dtype), dims.clone()),
        };
        self.wide = Some(wide.clone());
        Ok(wide)
    }

    /// The gradient, rescaled and clipped: an array of its own.
    ///
    /// # Errors
    /// As [`Step::each`].
    pub fn gradient(&self) -> Result<NdArray> {
        let Training { slot, dims, .. } = &self.job.training;
        let buf = slot.cell.snapshot()?.convert(self.dtype);
        let gradient = NdArray::from_buf(buf, dims.clone());
        let (rescale, clip) = (self.rescale(), self.clip.unwrap_or(f64::INFINITY));
        gradient.map_inplace(|g| (g * rescale).clamp(-clip, clip))?;
        Ok(gradient)
    }

    /// One of the arrays that [`Optimizer::arrays`] names, to be changed in place.
    ///
    /// # Errors
    /// [`Error::UnknownWord`](crate::Error::UnknownWord), with the nearest names, if there is none.
    pub fn array(&self, name: &str) -> Result<NdArray> {
        self.state.array(name).cloned()
    }

    /// Changes no other rows than those of the gradient, if it is kept by rows.
    pub(super) fn take_rows_alone(&mut self) -> Result<()> {
        self.rows = self.job.training.slot.cell.rows()?;
        Ok(())
    }

    pub(super) fn reading<T: Compute>(&self) -> Reading<T> {
        let clip = self.clip.unwrap_or(f64::INFINITY);
        Reading { rescale: T::of(self.rescale()), clip: T::of(clip) }
    }

    /// An array that the rule keeps, by its place.
    pub(super) fn kept(&self, i: usize) -> &NdArray {
        self.state.kept(i).expect("`State::fit` has made what `Optimizer::arrays` names")
    }

    pub(super) fn dims(&self) -> &[usize] {
        &self.job.training.dims
    }

    /// The gradient as it is.
    pub(super) fn raw_gradient(&self) -> Result<Arc<Buf>> {
        self.job.training.slot.cell.snapshot()
    }

    /// Lends everything to a formula, run by run, and gives what it has summed up.
    pub(super) fn pieces<T: InPieces, const N: usize>(
        &mut self,
        on_piece: &OnPiece<'_, T, N>,
    ) -> Result<Sums> {
        assert_eq!(self.state.len(), N, "the number of arrays of the optimizer");
        let arrays: SmallVec<[&NdArray; 4]> = (0..N).map(|i| self.kept(i)).collect();
        self.with_arrays(&arrays, on_piece)
    }

    /// As [`Step::pieces`], without the arrays.
    pub(super) fn weights<T: InPieces>(&mut self, on_piece: &OnPiece<'_, T, 0>) -> Result<Sums> {
        self.with_arrays(&[], on_piece)
    }

    fn with_arrays<T: InPieces, const N: usize>(
        &self,
        arrays: &[&NdArray],
        on_piece: &OnPiece<'_, T, N>,
    ) -> Result<Sums> {
        let Training { cell, slot, .. } = &self.job.training;
        let mut weight = cell.edit()?;
        let mut master = self.state.master().map(|master| master.cell.edit()).transpose()?;
        let locks = arrays.iter().map(|array| array.cell.edit());
        let mut locks = locks.collect::<Result<SmallVec<[_; 4]>>>()?;
        let mut locks = locks.iter_mut();
        let state = std::array::from_fn(|_| locks.next().expect("as many as were asked for").buf());
        if let Some(rows) = &self.rows {
            let master = master.as_mut().map(Edit::buf);
            return Ok(on_rows(rows, weight.buf(), master, state, on_piece));
        }
        let gradient = slot.cell.snapshot()?;
        let state = state.map(Buf::slice_mut::<T>);
        let master = master.as_mut().map(|master| master.buf().slice_mut::<T>());
        Ok(T::in_pieces(weight.buf(), master, &gradient, state, on_piece))
    }

    fn touch(&mut self) -> Result<()> {
        for_float!(self.dtype, T => self.weights::<T>(&|_, _, _, []| [0.0; 2])).map(|_| ())
    }

    /// Gives the new value to the replicas on further contexts.
    fn spread(&self) -> Result<()> {
        let Training { cell, rest, .. } = &self.job.training;
        for replica in rest {
            replica.cell.edit()?.copy_from(&*cell.snapshot()?);
            replica.slot.iter().for_each(|slot| slot.set_fresh(false));
        }
        Ok(())
    }

    /// Rounds a weight that was lent as an array.
    fn store(&mut self) -> Result<()> {
        let Some(wide) = self.wide.take() else { return Ok(()) };
        let cell: &Cell = &self.job.training.cell;
        let rounded = wide.cell.snapshot()?.convert(cell.dtype());
        cell.edit()?.replace(Arc::new(rounded));
        Ok(())
    }
}

/// Lends the rows of the gradient alone to a formula.
fn on_rows<T: InPieces, const N: usize>(
    rows: &Rows,
    weight: &mut Buf,
    mut master: Option<&mut Buf>,
    mut state: [&mut Buf; N],
    on_piece: &OnPiece<'_, T, N>,
) -> Sums {
    let mut own = rows.gather(weight);
    let mut own_master = master.as_ref().map(|master| rows.gather(master));
    let mut own_state = state.each_ref().map(|state| rows.gather(state));
    let sums = T::in_pieces(
        &mut own,
        own_master.as_mut().map(Buf::slice_mut),
        rows.values(),
        own_state.each_mut().map(Buf::slice_mut),
        on_piece,
    );
    rows.scatter(&own, weight);
    if let (Some(own), Some(master)) = (&own_master, &mut master) {
        rows.scatter(own, master);
    }
    for (own, state) in own_state.iter().zip(&mut state) {
        rows.scatter(own, state);
    }
    sums
}

/// A compute type, with the types that weights computed in it are stored in.
pub(super) trait InPieces: Compute + Into<f64> {
    fn in_pieces<const N: usize>(
        weight: &mut Buf,
        master: Option<&mut [Self]>,
        gradient: &Buf,
        state: [&mut [Self]; N],
        on_piece: &OnPiece<'_, Self, N>,
    ) -> Sums;
}

macro_rules! in_pieces {
    ($computed:ty: $($pattern:pat => $stored:ty),*) => {
        impl InPieces for $computed {
            fn in_pieces<const N: usize>(
                weight: &mut Buf,
                master: Option<&mut [Self]>,
                gradient: &Buf,
                state: [&mut [Self]; N],
                on_piece: &OnPiece<'_, Self, N>,
            ) -> Sums {
                match weight.dtype() {
                    $($pattern => {
                        let (weight, gradient) = (weight.slice_mut::<$stored>(), gradient.slice());
                        kernel::update(Slices { weight, master, gradient, state }, on_piece)
                    })*
                }
            }
        }
    };
}
in_pieces!(f32: DType::F16 => f16, DType::BF16 => bf16, _ => f32);
in_pieces!(f64: _ => f64);
