//! Groups: parameters that are trained alike.

use std::collections::HashMap;

use crate::checkpoint::HasParameters;
use crate::error::{Error, GroupingError, Overlap, Result};
use crate::optim::Optimizer;
use crate::param::select::IntoSelector;
use crate::param::{Kind, Parameter, Selector};

/// Parameters that are trained alike: a selector, and the optimizer with its learning rate, weight
/// decay, clipping and schedule.
///
/// # Examples
/// Weights decay, biases and norms do not; a pretrained part learns more slowly:
/// ```
/// use gluonic::prelude::*;
/// let net = sequential![Dense::new(8), LayerNorm::new(), Dense::new(2)];
/// net.initialize()?;
/// let adam = AdamW::new(1e-3)?.wd(0.01)?;
/// let trainer = Trainer::grouped(&net, [
///     Group::new("0.weight", AdamW::new(1e-5)?)?.named("pretrained"),
///     Group::new(Selector::no_decay(), adam.clone().wd(0.0)?)?,
///     Group::rest(adam),
/// ])?;
/// assert_eq!(trainer.group_of("0.weight")?.name(), "pretrained");
/// assert_eq!(trainer.group_of("1.gamma")?.optimizer().common().weight_decay(), 0.0);
/// assert_eq!(trainer.group_of("2.weight")?.name(), "rest");
/// # Ok::<(), gluonic::Error>(())
/// ```
#[doc(alias = "param_groups")]
pub struct Group {
    /// None: those that no other group takes.
    selector: Option<Selector>,
    name: Box<str>,
    pub(super) optimizer: Box<dyn Optimizer>,
    /// The learning rate of the last step.
    pub(super) last_lr: Option<f64>,
    /// During a step, a number of updates and the learning rate there.
    now: Option<(u64, f64)>,
}

impl Group {
    /// The parameters that a selector takes: of a block or a selection by their paths, of a set by
    /// their names. It is named by its selector.
    ///
    /// # Errors
    /// [`Error::Selector`] if a text does not parse.
    pub fn new(selector: impl IntoSelector, optimizer: impl Optimizer + 'static) -> Result<Group> {
        let selector = selector.into_selector()?;
        let name = selector.to_string().into();
        Ok(Group { selector: Some(selector), name, ..Group::rest(optimizer) })
    }

    /// The parameters that no other group takes, which may be none. It is named `rest`.
    pub fn rest(optimizer: impl Optimizer + 'static) -> Group {
        let (name, optimizer) = ("rest".into(), Box::new(optimizer));
        Group { selector: None, name, optimizer, last_lr: None, now: None }
    }

    /// With another name: what files of states call it.
    #[must_use]
    pub fn named(self, name: impl Into<Box<str>>) -> Group {
        Group { name: name.into(), ..self }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its parameters were selected by; `None` if they are the rest.
    pub fn selector(&self) -> Option<&Selector> {
        self.selector.as_ref()
    }

    /// The optimizer.
    pub fn optimizer(&self) -> &dyn Optimizer {
        &*self.optimizer
    }

    /// The optimizer, to change its settings while it trains: see [`optim::set`](crate::optim::set).
    pub fn optimizer_mut(&mut self) -> &mut dyn Optimizer {
        &mut *self.optimizer
    }

    /// Changes the learning rate.
    ///
    /// # Errors
    /// [`Error::Setting`] if it is negative or not finite; [`Error::Scheduled`] if the optimizer
    /// has a schedule.
    pub fn set_learning_rate(&mut self, lr: f64) -> Result<()> {
        self.optimizer.common_mut().set_learning_rate(lr)
    }

    /// Begins a step.
    pub(super) fn begin(&mut self) {
        self.now = None;
    }

    /// The learning rate of a step at a number of updates.
    pub(super) fn learning_rate(&mut self, num_update: u64) -> Result<f64> {
        if let Some((at, lr)) = self.now
            && at == num_update
        {
            return Ok(lr);
        }
        let lr = self.optimizer.common().learning_rate(num_update)?;
        self.now = Some((num_update, lr));
        Ok(lr)
    }

    /// Ends a step of which all checks have passed.
    pub(super) fn finish(&mut self) {
        self.last_lr = self.now.map(|(_, lr)| lr).or(self.last_lr);
    }
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group")
            .field("name", &self.name)
            .field("optimizer", &self.optimizer.name())
            .field("common", self.optimizer.common())
            .finish_non_exhaustive()
    }
}

/// The place of each parameter's group, by the parameter's number, after a proof that each that can
/// be trained is in exactly one. A tied parameter is in a group if any of its paths is.
pub(super) fn assign(
    params: &(impl HasParameters + ?Sized),
    groups: &[Group],
) -> Result<HashMap<usize, usize>> {
    let mut error = GroupingError::default();
    for (i, group) in groups.iter().enumerate() {
        if groups[..i].iter().any(|earlier| earlier.name == group.name) {
            error.twice.push(group.name.clone());
        }
    }
    let mut found: HashMap<usize, usize> = HashMap::new();
    let mut rests = Vec::new();
    for (place, group) in groups.iter().enumerate() {
        let Some(selector) = &group.selector else {
            rests.push(place);
            continue;
        };
        let selection = params.select_among(selector)?;
        selection.check()?;
        for (parameter, paths) in selection.iter().zip(selection.paths()) {
            let earlier = found.insert(parameter.id(), place);
            if let Some(earlier) = earlier
                && can_be_trained(parameter)
            {
                let [path, ..] = paths else { continue };
                let groups = [earlier, place].map(|place| groups[place].name.clone());
                error.overlaps.push(Overlap { parameter: (&**path).into(), groups });
            }
        }
    }
    for (key, parameter) in params.chosen() {
        if found.contains_key(&parameter.id()) {
            continue;
        }
        match rests.as_slice() {
            [rest] => {
                found.insert(parameter.id(), *rest);
            }
            // Of those that are never trained nobody has to think.
            _ if !can_be_trained(&parameter) => {}
            [] => error.left.push(key),
            [one, other, ..] => {
                let groups = [one, other].map(|place| groups[*place].name.clone());
                error.overlaps.push(Overlap { parameter: key, groups });
            }
        }
    }
    if error.is_empty() { Ok(found) } else { Err(Error::Grouping(Box::new(error))) }
}

fn can_be_trained(parameter: &Parameter) -> bool {
    matches!(parameter.kind(), Kind::Weight | Kind::Bias)
}
