//! What a load will do to each parameter, and everything that stands against it: [`LoadPlan`].
//!
//! A plan is made from names, types and shapes alone; nothing of the values is read.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::file::Checkpoint;
use super::policy::PrefixRule;
use super::problem::Problem;
use super::rename::{Making, RenamePlan, RuleMatches};
use super::report::LoadReport;
use super::tree::size;
use crate::array::DType;
use crate::error::list;
use crate::param::{Parameter, Provenance, table};
use crate::shape::{Dims, Shape};

/// What a load will do: one line for each parameter and each tensor that is left over, and every
/// problem. Made by [`plan_load`](super::SaveLoad::plan_load); prints as a table (`{:#}` in full),
/// serializes, and is carried out by [`LoadPlan::apply`].
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// use gluonic::checkpoint::Action;
/// # let folder = tempfile::tempdir()?; let file = folder.path().join("net.safetensors");
/// let net = sequential![Dense::new(3)];
/// net.initialize()?;
/// net.call(&NdArray::ones((1, 2), DType::F32)?)?;
/// net.save_parameters(&file)?;
///
/// let half = DenseConfig { units: 3, dtype: DType::F16, ..Default::default() };
/// let other = sequential![Dense::with(half)?];
/// let checkpoint = Checkpoint::open(&file)?;
/// let options = LoadOptions { cast_dtype: true, ..Default::default() };
/// let plan = other.plan_load(&checkpoint, &options)?;
/// assert!(plan.problems().is_empty());
/// assert!(plan.steps().iter().all(|step| step.action == Action::Cast));
/// assert_eq!(plan.apply(&other)?.loaded.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LoadPlan {
    pub(super) checkpoint: Checkpoint,
    pub(super) loads: Vec<Load>,
    /// Every parameter of the model.
    pub(super) model: Vec<Parameter>,
    /// What the load will report; with problems, why it will not happen.
    pub(super) report: LoadReport,
    pub(super) warnings: Vec<String>,
    pub(super) steps: Vec<Step>,
    pub(super) loaded_elements: usize,
    pub(super) elements: usize,
}

/// One parameter that will get one tensor of the file.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) parameter: Parameter,
    /// What messages call it.
    pub(super) key: Box<str>,
    /// The tensor's position in the file.
    pub(super) tensor: usize,
    /// The other tensors that must have the same value, and what messages call them.
    pub(super) equal: Vec<(usize, Box<str>)>,
    pub(super) is_transposed: bool,
    /// The parameter's element type when the plan was made.
    pub(super) expected: DType,
    /// What the parameter's element type will be.
    pub(super) to: DType,
    pub(super) dims: Dims,
    pub(super) provenance: Option<Provenance>,
}

/// What happens to a parameter or to a tensor of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// The parameter gets the tensor's value.
    Copy,
    /// The parameter gets the tensor's value, converted to its element type.
    Cast,
    /// The parameter is cast to the tensor's element type, and gets its value.
    Retype,
    /// The parameter stays as it is.
    Keep,
    /// The tensor is left out.
    Ignore,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Action::Copy => "copy",
            Action::Cast => "cast",
            Action::Retype => "retype",
            Action::Keep => "keep",
            Action::Ignore => "ignore",
        })
    }
}

/// One line of a [`LoadPlan`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// What happens.
    pub action: Action,
    /// Every key of the parameter; more than one if it is tied, none for a tensor that is left out.
    pub keys: Box<[Box<str>]>,
    /// The tensor's name in the file, or the one that rules give it, if there is a tensor.
    pub tensor: Option<Box<str>>,
    /// How the tensor is made of those of the file, if rules make it.
    pub making: Option<Making>,
    /// Whether the tensor is called otherwise than the parameter.
    pub is_renamed: bool,
    /// Whether the parameter gets the transpose.
    pub is_transposed: bool,
    /// The parameter's shape, as far as it is known, and its element type.
    pub expected: Option<(Option<Shape>, DType)>,
    /// The tensor's shape and the name of its element type.
    pub found: Option<(Dims, &'static str)>,
    /// The bytes that are read.
    pub bytes: usize,
}

impl LoadPlan {
    /// What happens, in the order of the model; then what is left out, in the order of the file.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What stands against it, sorted by key. If there is anything, [`LoadPlan::apply`] refuses.
    ///
    /// Whether tied parameters have several values that differ is known only when they are read.
    pub fn problems(&self) -> &[Problem] {
        &self.report.problems
    }

    /// What the load will report.
    pub fn report(&self) -> &LoadReport {
        &self.report
    }

    /// What the rules make of the file, if the policy has rules and they fit.
    pub fn rename(&self) -> Option<&RenamePlan> {
        self.checkpoint.rename_plan()
    }

    /// The number of bytes of the file that will be read.
    pub fn bytes(&self) -> usize {
        self.steps.iter().map(|step| step.bytes).fold(0, usize::saturating_add)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.action)?;
        let to = self.expected.as_ref().map(|(_, dtype)| dtype.name());
        if let (Action::Cast | Action::Retype, Some((_, from)), Some(to)) =
            (self.action, &self.found, to)
        {
            let (from, to) = if self.action == Action::Cast { (*from, to) } else { (to, *from) };
            write!(f, " {from} to {to}")?;
        }
        if self.is_transposed {
            f.write_str(", transposed")?;
        }
        match (&self.making, &self.tensor) {
            (Some(making), _) => write!(f, ", {making}")?,
            (None, Some(tensor)) if self.is_renamed || self.is_transposed => {
                write!(f, ", from `{tensor}`")?;
            }
            _ => {}
        }
        match &self.found {
            Some((dims, dtype)) if self.action == Action::Keep => {
                write!(f, ", does not fit: the file has {dtype} {dims}")?;
            }
            None => f.write_str(", missing in the file")?,
            Some(_) => {}
        }
        if let [_, tied @ ..] = &*self.keys
            && !tied.is_empty()
        {
            write!(f, ", tied to {}", list(tied))?;
        }
        Ok(())
    }
}

impl fmt::Display for LoadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ROWS: usize = 40;
        if self.report.problems.iter().any(|problem| matches!(problem, Problem::Rule(_))) {
            let file = self.report.file.display();
            write!(f, "`{file}`: the rename rules do not fit it\nproblems: ")?;
            write!(f, "{}", self.report.problems.len())?;
            return self.report.write_problems(f);
        }
        let (n, of) = (self.loads.len(), self.steps.iter().filter(|step| step.expected.is_some()));
        let file = self.report.file.display();
        write!(f, "`{file}` for {n} of {} parameters, ", of.count())?;
        write!(f, "{} of {} elements, ", self.loaded_elements, self.elements)?;
        write!(f, "{} to read", size(self.bytes()))?;
        if self.report.prefix != PrefixRule::Exact {
            write!(f, ", {}", self.report.prefix)?;
        }
        if let Some(rename) = self.rename() {
            write!(f, "\nby rules: {}", rename.summary())?;
            for idle in rename.rules().iter().filter_map(RuleMatches::if_idle) {
                write!(f, "\n  {idle}")?;
            }
        }
        let shown = if f.alternate() { self.steps.len() } else { ROWS };
        let mut rows = vec![["key", "shape", "bytes"].map(str::to_owned).to_vec()];
        for step in self.steps.iter().take(shown) {
            let key = step.keys.first().or(step.tensor.as_ref());
            let known = step.expected.as_ref().and_then(|(shape, _)| shape.as_ref());
            let shape = match (&step.found, known) {
                (Some((dims, _)), _) if step.action != Action::Keep => dims.to_string(),
                (_, known) => known.map_or_else(|| "?".to_owned(), ToString::to_string),
            };
            let key = key.map(ToString::to_string).unwrap_or_default();
            rows.push(vec![key, shape, size(step.bytes), step.to_string()]);
        }
        if rows.len() > 1 {
            f.write_str("\n")?;
            table::write(f, &rows)?;
        }
        if self.steps.len() > shown {
            write!(f, "\nand {} more", self.steps.len() - shown)?;
        }
        if !self.report.problems.is_empty() {
            write!(f, "\nproblems: {}", self.report.problems.len())?;
            self.report.write_problems(f)?;
        }
        if let Some(rule) = &self.report.proposed {
            write!(f, "\nall keys would fit with {rule}")?;
        }
        Ok(())
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("action", &self.action.to_string())?;
        map.serialize_entry("keys", &self.keys)?;
        map.serialize_entry("tensor", &self.tensor)?;
        map.serialize_entry("making", &self.making)?;
        map.serialize_entry("renamed", &self.is_renamed)?;
        map.serialize_entry("transposed", &self.is_transposed)?;
        if let Some((shape, dtype)) = &self.expected {
            map.serialize_entry("shape", &shape.as_deref())?;
            map.serialize_entry("dtype", dtype.name())?;
        }
        if let Some((dims, dtype)) = &self.found {
            map.serialize_entry("found_shape", &**dims)?;
            map.serialize_entry("found_dtype", dtype)?;
        }
        map.serialize_entry("bytes", &self.bytes)?;
        map.end()
    }
}

impl Serialize for LoadPlan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("file", &self.report.file.to_string_lossy())?;
        map.serialize_entry("prefix", &self.report.prefix.to_string())?;
        let proposed = self.report.proposed.as_ref().map(ToString::to_string);
        map.serialize_entry("proposed_prefix", &proposed)?;
        if let Some(rename) = self.rename() {
            let dropped: Vec<&str> = rename.dropped().map(|tensor| &*tensor.name).collect();
            let unused = rename.rules().iter().filter(|rule| rule.matched == 0);
            map.serialize_entry("dropped", &dropped)?;
            map.serialize_entry(
                "unused_rules",
                &unused.map(|rule| &rule.text).collect::<Vec<_>>(),
            )?;
        }
        map.serialize_entry("elements", &self.elements)?;
        map.serialize_entry("loaded_elements", &self.loaded_elements)?;
        map.serialize_entry("bytes", &self.bytes())?;
        map.serialize_entry("steps", &self.steps)?;
        map.serialize_entry("problems", &self.report.problems)?;
        map.end()
    }
}
