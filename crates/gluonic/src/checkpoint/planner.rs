//! Comparing a checkpoint with a model: how a [`LoadPlan`] comes about.

use super::convert::dtype_of;
use super::file::Checkpoint;
use super::keys::{Keys, Match, find};
use super::plan::{Action, Load, LoadPlan, Step};
use super::policy::{LoadPolicy, OnConflict, OnDType, OnMisfit};
use super::problem::Problem;
use super::rename::RenameReport;
use super::report::{LoadReport, SHOWN};
use super::tie::{Candidates, Target, Targets};
use crate::array::DType;
use crate::error::{Error, Result, list};
use crate::shape::Shape;
use crate::suggest::nearest;

/// Compares a checkpoint with a model.
pub(super) fn plan(
    candidates: Candidates<'_>,
    checkpoint: &Checkpoint,
    policy: &LoadPolicy,
) -> Result<LoadPlan> {
    if let Some(share) = policy.at_least.filter(|share| !(0.0..=1.0).contains(share)) {
        return Err(Error::Setting {
            setting: "at_least",
            expected: "a number from 0 to 1",
            found: share.to_string().into(),
        });
    }
    let renamed = match &policy.rename {
        Some(rules) => match checkpoint.renamed(rules) {
            Err(Error::Rename(report)) => return Ok(refused(candidates, checkpoint, *report)),
            renamed => Some(renamed?),
        },
        None => None,
    };
    let checkpoint = renamed.as_ref().unwrap_or(checkpoint);
    let Match { targets, keys, rule, proposed } = find(candidates, checkpoint, &policy.prefix);
    for key in policy.transposed.keys() {
        if !targets.keys.contains_key(key) {
            let nearest = nearest(key, targets.keys.keys().map(|known| &**known));
            return Err(Error::UnknownParameter { name: key.clone(), nearest });
        }
    }
    let report = LoadReport {
        file: checkpoint.file().to_owned(),
        prefix: rule,
        proposed,
        ..LoadReport::default()
    };
    let mut planner = Planner {
        checkpoint,
        policy,
        keys: &keys,
        report,
        loads: Vec::new(),
        steps: Vec::new(),
        transposed: Vec::new(),
        loaded_elements: 0,
        elements: 0,
    };
    for target in targets.wanted() {
        planner.add(target);
    }
    planner.add_extra(&targets);
    Ok(planner.finish(&targets))
}

/// The plan of a load by rules that do not fit the file, so that nothing is known of its tensors.
fn refused(candidates: Candidates<'_>, checkpoint: &Checkpoint, rules: RenameReport) -> LoadPlan {
    let targets = candidates.first;
    let report = LoadReport {
        file: checkpoint.file().to_owned(),
        problems: rules.problems.into_iter().map(Problem::Rule).collect(),
        ..LoadReport::default()
    };
    LoadPlan {
        checkpoint: checkpoint.clone(),
        model: targets.list.iter().map(|target| target.parameter.clone()).collect(),
        report,
        loads: Vec::new(),
        warnings: Vec::new(),
        steps: Vec::new(),
        loaded_elements: 0,
        elements: 0,
    }
}

/// What a file has for a parameter.
struct Found<'t> {
    /// The parameter's key that it goes by.
    key: &'t str,
    tensor: usize,
    /// What messages call it.
    name: Box<str>,
    /// The other tensors that must have the same value, and what messages call them.
    equal: Vec<(usize, Box<str>)>,
}

struct Planner<'a> {
    checkpoint: &'a Checkpoint,
    policy: &'a LoadPolicy,
    keys: &'a Keys<'a>,
    report: LoadReport,
    loads: Vec<Load>,
    steps: Vec<Step>,
    /// The tensors that are used as the transpose of another parameter's value.
    transposed: Vec<usize>,
    loaded_elements: usize,
    elements: usize,
}

impl Planner<'_> {
    /// The tensor for a parameter, and the others that stand for it too.
    fn find<'t>(&self, target: &'t Target) -> Option<Found<'t>> {
        let mut found: Vec<(&str, usize)> = Vec::new();
        for key in &target.keys {
            let Some(tensor) = self.keys.tensor(key) else { continue };
            for tensor in [tensor].into_iter().chain(self.keys.twins(tensor).iter().copied()) {
                if !found.iter().any(|(_, known)| *known == tensor) {
                    found.push((key, tensor));
                }
            }
        }
        if self.policy.conflict == OnConflict::Last {
            found.reverse();
        }
        let name = |&(key, tensor): &(&str, usize)| -> Box<str> {
            // Two tensors of one key are told apart by their names in the file.
            match found.iter().filter(|(other, _)| *other == key).count() {
                1 => key.into(),
                _ => self.checkpoint.tensors()[tensor].name.clone(),
            }
        };
        let (first, others) = found.split_first()?;
        let must_be_equal = self.policy.conflict == OnConflict::Error;
        let equal = others.iter().filter(|_| must_be_equal).map(|other| (other.1, name(other)));
        Some(Found { key: first.0, tensor: first.1, name: name(first), equal: equal.collect() })
    }

    /// The tensor of which a parameter gets the transpose.
    fn find_transposed<'t>(&self, target: &'t Target) -> Option<Found<'t>> {
        let rule = |key: &'t str| Some((key, self.policy.transposed.get(key)?));
        let (key, of) = target.keys.iter().find_map(|key| rule(key))?;
        let tensor = self.keys.tensor(of)?;
        Some(Found { key, tensor, name: key.into(), equal: Vec::new() })
    }

    fn add(&mut self, target: &Target) {
        let (shape, expected) = (target.parameter.shape(), target.parameter.dtype());
        // A tensor of its own counts more than the transpose of another.
        let (own, turned) = (self.find(target), self.find_transposed(target));
        let is_transposed = match (&own, &turned) {
            (Some(own), Some(turned)) => own.tensor == turned.tensor,
            (own, turned) => own.is_none() && turned.is_some(),
        };
        let found = if is_transposed { turned } else { own };
        let mut step = Step {
            action: Action::Keep,
            keys: target.keys.clone().into(),
            tensor: None,
            making: None,
            is_renamed: false,
            is_transposed,
            expected: Some((shape.clone(), expected)),
            found: None,
            bytes: 0,
        };
        let count = |sizes: &[Option<usize>]| {
            sizes.iter().map(|size| size.unwrap_or(1)).fold(1, usize::saturating_mul)
        };
        let known_elements = shape.as_deref().map_or(1, count);
        let Some(Found { key, tensor, name, equal }) = found else {
            let key = target.keys[0].clone();
            match self.policy.missing {
                OnMisfit::Error => {
                    self.report.problems.push(Problem::Missing { key, nearest: Box::default() });
                }
                OnMisfit::Warn | OnMisfit::Ignore => self.report.missing.push(key),
            }
            self.elements = self.elements.saturating_add(known_elements);
            return self.steps.push(step);
        };
        let info = &self.checkpoint.tensors()[tensor];
        let mut dims = info.shape.to_vec();
        if is_transposed {
            dims.reverse();
            self.transposed.push(tensor);
        }
        step.tensor = Some(info.name.clone());
        step.making = self.checkpoint.making(tensor).cloned();
        step.is_renamed = !target.keys.contains(&info.name);
        step.found = Some((info.shape.clone(), info.dtype.name()));
        let action = self.judge(key, tensor, &dims, shape.as_ref(), expected);
        let conflict = equal.iter().find(|(other, _)| !same_kind(self.checkpoint, tensor, *other));
        if let Some((position, other)) = conflict {
            let sources = self.checkpoint.sources_of_both((tensor, &name), (*position, other));
            let (key, other) = (name.clone(), other.clone());
            self.report.problems.push(Problem::Conflict { key, other, sources, distance: None });
        }
        let Some((action, to)) = action else {
            self.elements = self.elements.saturating_add(known_elements);
            return self.steps.push(step);
        };
        let elements = info.elem_count();
        self.elements = self.elements.saturating_add(elements);
        self.loaded_elements = self.loaded_elements.saturating_add(elements);
        step.action = action;
        let bytes_of = |tensor: usize| self.checkpoint.tensors()[tensor].bytes();
        step.bytes = info.bytes() + equal.iter().map(|(other, _)| bytes_of(*other)).sum::<usize>();
        self.steps.push(step);
        if action == Action::Cast {
            self.report.cast.push(key.into());
        }
        self.report.loaded.push(key.into());
        let is_exact = action != Action::Cast && !is_transposed;
        let provenance = self.checkpoint.provenance(&info.name).filter(|_| is_exact);
        self.loads.push(Load {
            parameter: target.parameter.clone(),
            key: name,
            tensor,
            equal,
            is_transposed,
            expected,
            to,
            dims: dims.into(),
            provenance: provenance.cloned(),
        });
    }

    /// What happens to a parameter that the file has, and the element type it will have; none if
    /// it stays as it is.
    fn judge(
        &mut self,
        key: &str,
        tensor: usize,
        dims: &[usize],
        shape: Option<&Shape>,
        expected: DType,
    ) -> Option<(Action, DType)> {
        let info = &self.checkpoint.tensors()[tensor];
        let sources = || self.checkpoint.sources_of(tensor, key);
        let found = Shape::from(dims);
        if let Some(known) = shape.filter(|known| !found.refines(known)) {
            match self.policy.shape {
                OnMisfit::Error => self.report.problems.push(Problem::Shape {
                    key: key.into(),
                    expected: known.clone(),
                    found,
                    sources: sources(),
                }),
                OnMisfit::Warn | OnMisfit::Ignore => self.report.skipped.push(key.into()),
            }
            return None;
        }
        let from = dtype_of(info.dtype);
        match (from, self.policy.dtype) {
            (Some(from), _) if from == expected => Some((Action::Copy, from)),
            (Some(_), OnDType::Cast) => Some((Action::Cast, expected)),
            (Some(from), OnDType::TakeSaved) => Some((Action::Retype, from)),
            (_, OnDType::Warn | OnDType::Ignore) => {
                self.report.skipped.push(key.into());
                None
            }
            _ => {
                let (found, sources) = (info.dtype.name().into(), sources());
                let key = key.into();
                self.report.problems.push(Problem::DType { key, expected, found, sources });
                None
            }
        }
    }

    /// The tensors that are nobody's.
    fn add_extra(&mut self, targets: &Targets) {
        for position in self.keys.extra(targets) {
            if self.transposed.contains(&position) {
                continue;
            }
            let (info, key) = (&self.checkpoint.tensors()[position], &self.keys.own[position]);
            let key: Box<str> = (&**key).into();
            self.steps.push(Step {
                action: Action::Ignore,
                keys: Box::default(),
                tensor: Some(info.name.clone()),
                making: self.checkpoint.making(position).cloned(),
                is_renamed: false,
                is_transposed: false,
                expected: None,
                found: Some((info.shape.clone(), info.dtype.name())),
                bytes: 0,
            });
            match self.policy.extra {
                OnMisfit::Error => {
                    let sources = self.checkpoint.sources_of(position, &key);
                    let nearest = Box::default();
                    self.report.problems.push(Problem::Extra { key, sources, nearest });
                }
                OnMisfit::Warn | OnMisfit::Ignore => self.report.extra.push(key),
            }
        }
    }

    fn finish(mut self, targets: &Targets) -> LoadPlan {
        let (loaded, elements) = (self.loaded_elements, self.elements);
        if let Some(at_least) = self.policy.at_least
            && (loaded as f64) < at_least * elements as f64
        {
            self.report.problems.push(Problem::TooLittle { loaded, elements, at_least });
        }
        self.report.problems.sort_by(|a, b| a.key().cmp(b.key()));
        self.add_nearest(targets);
        LoadPlan {
            checkpoint: self.checkpoint.clone(),
            model: targets.list.iter().map(|target| target.parameter.clone()).collect(),
            warnings: self.warnings(),
            report: self.report,
            loads: self.loads,
            steps: self.steps,
            loaded_elements: loaded,
            elements,
        }
    }

    /// Looks for the keys that may have been meant, for the problems that will be shown. For all of
    /// them it would take as long as the square of their number.
    fn add_nearest(&mut self, targets: &Targets) {
        for problem in self.report.problems.iter_mut().take(SHOWN) {
            match problem {
                // A key that has its partner already is not the one that was meant.
                Problem::Missing { key, nearest: names } => {
                    let free =
                        self.keys.own.iter().filter(|key| !targets.keys.contains_key(&***key));
                    *names = nearest(key, free.map(|key| &**key));
                }
                Problem::Extra { key, nearest: names, .. } => {
                    let free = targets.keys.keys().filter(|key| self.keys.tensor(key).is_none());
                    *names = nearest(key, free.map(|key| &**key));
                }
                _ => {}
            }
        }
    }

    fn warnings(&self) -> Vec<String> {
        let LoadPolicy { missing, extra, shape, dtype, .. } = self.policy;
        let skipped = *shape == OnMisfit::Warn || *dtype == OnDType::Warn;
        let said = [*missing == OnMisfit::Warn, *extra == OnMisfit::Warn, skipped];
        let words = ["are missing in the file", "are not in the model", "do not fit"];
        let lists = [&self.report.missing, &self.report.extra, &self.report.skipped];
        let all = said.into_iter().zip(words).zip(lists);
        all.filter(|((said, _), keys)| *said && !keys.is_empty())
            .map(|((_, words), keys)| {
                let (file, list) = (self.report.file.display(), list(keys));
                format!("`{file}`: {list} {words} and were left out")
            })
            .collect()
    }
}

/// Whether two tensors have the same shape and element type.
fn same_kind(checkpoint: &Checkpoint, one: usize, two: usize) -> bool {
    let (one, two) = (&checkpoint.tensors()[one], &checkpoint.tensors()[two]);
    (one.dtype, &one.shape) == (two.dtype, &two.shape)
}
