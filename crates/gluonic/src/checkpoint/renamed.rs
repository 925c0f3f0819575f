//! A checkpoint seen through rename rules.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gluonic_formats::{RawTensor, digest};

use super::convert::{array_type, to_array};
use super::file::Checkpoint;
use super::provenance::{ByKey, PROVENANCE};
use super::rename::{Making, Recipe, RenamePlan, RenameRules, TargetTensor};
use super::source::{Source, Values};
use super::tensor_info::TensorInfo;
use super::tie::ALIASES;
use crate::array::NdArray;
use crate::error::Result;

/// What rules make of a checkpoint.
#[derive(Debug)]
pub(super) struct Renaming {
    of: Checkpoint,
    pub(super) plan: RenamePlan,
    /// For each tensor its target in the plan, and how that is made.
    made: Vec<(usize, Option<Making>)>,
}

impl Checkpoint {
    /// The same file as rules rename, split, join, turn and drop its tensors: a checkpoint as any
    /// other, whose values are made when they are read.
    ///
    /// Aliases are keys that rules see as any others. What the rules make of one tensor in one way is
    /// one tensor with aliases. Metadata stay, but for what they tell about the old names.
    ///
    /// # Memory
    /// A cheap handle. A value that is only renamed is not copied; others are made one at a time, each
    /// whole: [`ExportOptions::rename`](super::ExportOptions::rename) makes them in pieces.
    ///
    /// # Errors
    /// [`Error::Rename`](crate::Error::Rename) with everything that does not fit.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let mut state = Snapshot::new();
    /// state.insert("qkv", &NdArray::from_slice(&[0.0_f32, 1.0, 2.0], (3, 1))?)?;
    /// let rules = "[[rule]]\nsplit = \"qkv\"\nto = [\"q\", \"k\", \"v\"]".parse()?;
    /// let checkpoint = Checkpoint::from(&state).renamed(&rules)?;
    /// assert_eq!(checkpoint.tensors()[2].to_string(), "v (1, 1) float32");
    /// assert_eq!(checkpoint.get("v")?.to_vec::<f32>()?, [2.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn renamed(&self, rules: &RenameRules) -> Result<Checkpoint> {
        let plan = rules.plan(self.tensors())?;
        // One tensor that the rules make under several keys stands here once.
        let mut owners: HashMap<usize, usize> = HashMap::new();
        for group in plan.ties() {
            let same = |target: usize| &plan.targets()[target].same;
            let like_first = group[1..].iter().filter(|other| same(**other) == same(group[0]));
            owners.extend(like_first.map(|other| (*other, group[0])));
        }
        let (mut tensors, mut made) = (Vec::<TensorInfo>::new(), Vec::new());
        let mut provenance = ByKey::default();
        let mut places: HashMap<usize, (usize, Vec<Box<str>>)> = HashMap::new();
        for (i, target) in plan.targets().iter().enumerate() {
            if let Some((_, aliases)) = owners.get(&i).and_then(|owner| places.get_mut(owner)) {
                aliases.push(target.info().name.clone());
                continue;
            }
            if let Some(source) = as_it_is(&plan, i)
                && let Some(origin) = self.provenance(&plan.sources()[source].name)
            {
                provenance.insert(target.info().name.clone(), origin.clone());
            }
            places.insert(i, (tensors.len(), Vec::new()));
            tensors.push(target.info().clone());
            made.push((i, plan.making(i)));
        }
        for (place, aliases) in places.into_values() {
            tensors[place].aliases = aliases.into();
        }
        let mut metadata = self.metadata().clone();
        metadata.retain(|key, _| key != ALIASES && key != PROVENANCE);
        digest::remove_record(&mut metadata);
        let renaming = Arc::new(Renaming { of: self.clone(), plan, made });
        let (file, source) = (self.file().to_owned(), Box::new(renaming.clone()));
        let new =
            Checkpoint::new(file, self.format(), metadata, tensors, provenance.into(), source);
        Ok(new.with_renaming(renaming))
    }
}

/// The source that a target is without any work.
fn as_it_is(plan: &RenamePlan, target: usize) -> Option<usize> {
    let target = &plan.targets()[target];
    match target.recipe() {
        Recipe::Source(source) if target.same.is_empty() => Some(*source),
        _ => None,
    }
}

impl Renaming {
    /// How the tensor at a position is made; `None` if it is as in the file.
    pub(super) fn making(&self, position: usize) -> Option<&Making> {
        self.made.get(position).and_then(|(_, making)| making.as_ref())
    }
}

impl Source for Arc<Renaming> {
    fn open<'a>(&'a self, _: &'a [TensorInfo]) -> Result<Box<dyn Values + 'a>> {
        let (values, renaming) = (self.of.open_values()?, &**self);
        Ok(Box::new(Open { values, renaming, held: Mutex::default() }))
    }
}

struct Open<'a> {
    values: Box<dyn Values + 'a>,
    renaming: &'a Renaming,
    /// Tensors that had to be made, by position.
    held: Mutex<HashMap<usize, RawTensor<'static>>>,
}

impl Open<'_> {
    /// The source that a tensor is without any work.
    fn source(&self, position: usize) -> Option<usize> {
        as_it_is(&self.renaming.plan, self.renaming.made[position].0)
    }

    fn target(&self, position: usize) -> &TargetTensor {
        &self.renaming.plan.targets()[self.renaming.made[position].0]
    }

    /// The sources that are tensors without any work.
    fn sources(&self, positions: &[usize]) -> Vec<usize> {
        positions.iter().filter_map(|position| self.source(*position)).collect()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<usize, RawTensor<'static>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Values for Open<'_> {
    fn array(&self, position: usize) -> Result<NdArray> {
        if let Some(source) = self.source(position) {
            return self.values.array(source);
        }
        let raw = self.raw(position)?;
        to_array(array_type(raw.name(), raw.dtype())?, raw.shape().into(), raw.data())
    }

    fn arrays(&self, positions: &[usize]) -> Result<Vec<NdArray>> {
        let mut as_they_are = self.values.arrays(&self.sources(positions))?.into_iter();
        let array = |position: &usize| match self.source(*position) {
            Some(_) => Ok(as_they_are.next().expect("one for each source")),
            None => self.array(*position),
        };
        positions.iter().map(array).collect()
    }

    fn raw(&self, position: usize) -> Result<RawTensor<'_>> {
        let target = self.renaming.made[position].0;
        self.renaming.plan.make(target, &mut |source| self.values.raw(source))
    }

    fn read(&self, position: usize, offset: usize, out: &mut [u8]) -> Result<()> {
        if let Some(source) = self.source(position) {
            return self.values.read(source, offset, out);
        }
        if !self.held().contains_key(&position) {
            self.hold(&[position])?;
        }
        let held = self.held();
        let raw = held.get(&position).expect("it is held");
        out.copy_from_slice(&raw.data()[offset..][..out.len()]);
        Ok(())
    }

    fn held_bytes(&self, position: usize) -> usize {
        if let Some(source) = self.source(position) {
            return self.values.held_bytes(source);
        }
        let mut bytes = self.target(position).info().bytes();
        self.target(position).recipe().sources(&mut |source| {
            let whole = self.renaming.plan.sources()[source].bytes();
            bytes = bytes.saturating_add(whole).saturating_add(self.values.held_bytes(source));
        });
        bytes
    }

    fn hold(&self, positions: &[usize]) -> Result<()> {
        self.values.hold(&self.sources(positions))?;
        let mut held = self.held();
        held.retain(|position, _| positions.contains(position));
        for position in positions {
            if self.source(*position).is_none() && !held.contains_key(position) {
                held.insert(*position, self.raw(*position)?.into_owned());
            }
        }
        Ok(())
    }
}
