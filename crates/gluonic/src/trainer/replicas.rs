//! Parameters on several contexts: their gradients are summed, then they are updated once.

use super::Trainer;
use super::collective::{Collective, LocalCollective, Reduction};
use crate::array::{NdArray, View};
use crate::autograd::{Slot, Track};
use crate::error::{Error, Result};
use crate::param::{Parameter, Training};

/// What becomes of the gradients of a step once everything has been checked.
pub(super) type Gather = fn(&Trainer) -> Result<()>;

impl Trainer {
    /// Sums gradients by another collective than [`LocalCollective`]: all of them, also those of
    /// parameters on one context, as there may be more replicas elsewhere.
    #[must_use]
    pub fn with_collective(mut self, collective: impl Collective + 'static) -> Self {
        self.collective = Some(Box::new(collective));
        self
    }

    /// Sums the gradients of parameters on several contexts, in the order of the contexts, into all
    /// replicas: the first half of a [step](Trainer::step), to change gradients before they are
    /// applied. What has been summed and not been written since stays as it is.
    ///
    /// # Errors
    /// [`Error::StaleGradients`] if a gradient was written by a backward on some contexts and not on
    /// others; as [`Parameter::data`] if a parameter has no value. Then nothing has changed. What the
    /// collective returns.
    ///
    /// # Examples
    /// ```
    /// use gluonic::optim::clip_global_norm;
    /// use gluonic::{Context, data, prelude::*};
    /// let contexts = [Context::cpu(0), Context::cpu(1)];
    /// let net = Dense::new(1);
    /// net.initialize_on(&contexts)?;
    /// let mut trainer = Trainer::new(&net, Sgd::new(0.1)?)?;
    /// for part in data::split_and_load(&NdArray::ones((4, 3), DType::F32)?, &contexts)? {
    ///     autograd::record(|| net.call(&part))?.backward()?;
    /// }
    /// trainer.allreduce_grads()?;
    /// assert_eq!(net.bias()?.grad_on(contexts[1])?.to_vec::<f32>()?, [4.0]);
    /// clip_global_norm(&net, 1.0)?;
    /// trainer.update(4)?;
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/trainer.py`, `Trainer.allreduce_grads`.
    pub fn allreduce_grads(&mut self) -> Result<()> {
        let (mut trainings, mut stale) = (Vec::new(), Vec::new());
        for parameter in &self.parameters {
            let Some(training) = parameter.training()? else { continue };
            let nothing_new =
                !training.slots().any(Slot::is_fresh) || training.slots().all(Slot::is_summed);
            if nothing_new {
                continue;
            }
            note_stale(parameter, &training, &mut stale);
            trainings.push((parameter, training));
        }
        if !stale.is_empty() {
            return Err(Error::StaleGradients { names: stale.into() });
        }
        self.all_reduce(trainings.iter().map(|(parameter, training)| (*parameter, training)))
    }

    /// Changes every parameter by its gradient, which is divided by the batch size and has been
    /// summed by [`Trainer::allreduce_grads`]: the second half of a [step](Trainer::step).
    ///
    /// # Errors
    /// [`Error::NotSummed`], naming all, if a gradient is on several contexts and has not been summed
    /// since a backward wrote it; else as [`Trainer::step`]. Then nothing has changed.
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/trainer.py`, `Trainer.update`.
    pub fn update(&mut self, batch_size: usize) -> Result<()> {
        self.advance(batch_size, false, Trainer::refuse_unsummed, None)
    }

    /// As [`Trainer::update`], leaving those parameters as they are of which the gradient was not
    /// written since the last step.
    ///
    /// # Errors
    /// As [`Trainer::update`], but for stale gradients.
    pub fn update_ignoring_stale(&mut self, batch_size: usize) -> Result<()> {
        self.advance(batch_size, true, Trainer::refuse_unsummed, None)
    }

    fn planned(&self) -> impl Iterator<Item = (&Parameter, &Training)> {
        let pairs = self.parameters.iter().zip(&self.jobs);
        pairs.filter_map(|(parameter, job)| Some((parameter, &job.as_ref()?.training)))
    }

    fn refuse_unsummed(&self) -> Result<()> {
        let everywhere = self.collective.is_some();
        let open = self.planned().filter(|(_, training)| {
            training.is_open() || (everywhere && !training.slots().all(Slot::is_summed))
        });
        let names: Vec<Box<str>> =
            open.map(|(parameter, _)| (&**parameter.name()).into()).collect();
        if names.is_empty() { Ok(()) } else { Err(Error::NotSummed { names: names.into() }) }
    }

    /// Sums the gradients of the jobs; those that are stale on some contexts count as zeros there.
    pub(super) fn sum_planned(&self) -> Result<()> {
        let mut stale = self.planned().flat_map(|(_, training)| stale_slots(training));
        stale.try_for_each(Slot::clear)?;
        self.all_reduce(
            self.planned().filter(|(_, training)| !training.slots().all(Slot::is_summed)),
        )
    }

    fn all_reduce<'a>(
        &self,
        trained: impl Iterator<Item = (&'a Parameter, &'a Training)>,
    ) -> Result<()> {
        let everywhere = self.collective.is_some();
        let reduced: Vec<_> =
            trained.filter(|(_, training)| everywhere || !training.rest.is_empty()).collect();
        if reduced.is_empty() {
            return Ok(());
        }
        let reductions: Vec<Reduction> = reduced.iter().map(|pair| reduction(*pair)).collect();
        let done = match &self.collective {
            Some(collective) => collective.all_reduce(&reductions),
            None => LocalCollective.all_reduce(&reductions),
        };
        for slot in reduced.iter().flat_map(|(_, training)| training.slots()) {
            // Half a sum is nothing that a later step may use.
            if done.is_ok() { slot.set_summed() } else { slot.set_fresh(false) }
        }
        done
    }
}

fn reduction((parameter, training): (&Parameter, &Training)) -> Reduction {
    let gradient =
        |slot: &Slot| NdArray::on(slot.cell.clone(), View::new(training.dims.clone()), Track::None);
    Reduction { name: parameter.name().clone(), replicas: training.slots().map(gradient).collect() }
}

/// Gradients that no backward has written since the last step, or since they were summed if it has
/// written others of their parameter.
fn stale_slots(training: &Training) -> impl Iterator<Item = &Slot> {
    let summed = training.slots().all(Slot::is_summed);
    training.slots().filter(move |slot| !slot.is_fresh() || (slot.is_summed() && !summed))
}

/// Whether a backward has written a gradient since the last step, on one context at least; notes
/// where none has.
pub(super) fn note_stale(
    parameter: &Parameter,
    training: &Training,
    stale: &mut Vec<Box<str>>,
) -> bool {
    stale.extend(stale_slots(training).map(|slot| match &training.rest[..] {
        [] => Box::from(&**parameter.name()),
        _ => format!("{} on {}", parameter.name(), slot.cell.context()).into(),
    }));
    training.slots().any(Slot::is_fresh)
}
