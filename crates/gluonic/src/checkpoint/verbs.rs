//! Saving and loading of sets and selections of parameters.

use std::collections::HashSet;
use std::path::Path;

use super::file::Checkpoint;
use super::plan::LoadPlan;
use super::planner;
use super::policy::LoadPolicy;
use super::report::LoadReport;
use super::save::{self, SaveOptions};
use super::tie::{Candidates, Targets};
use crate::error::Result;
use crate::nn::{Block, BlockExt, walk};
use crate::param::{Parameter, ParameterDict, Selection, Selector};

/// What a [`LoadPlan`] is made for and applied to, and what a [`Trainer`](crate::Trainer) trains: a
/// block, a [`ParameterDict`], a [`Selection`].
///
/// No type outside of this crate can be one but by being a block.
pub trait HasParameters: sealed::Sealed {
    /// Every parameter, those of a selection included that are not selected, by what messages call
    /// it.
    #[doc(hidden)]
    fn parameters(&self) -> Vec<(Box<str>, Parameter)>;

    /// Those that are meant: of a selection the selected ones.
    #[doc(hidden)]
    fn chosen(&self) -> Vec<(Box<str>, Parameter)> {
        self.parameters()
    }

    /// Those among them that a selector takes.
    #[doc(hidden)]
    fn select_among(&self, selector: &Selector) -> Result<Selection>;
}

mod sealed {
    pub trait Sealed {}
    impl<B: crate::nn::Block + ?Sized> Sealed for B {}
    impl Sealed for super::ParameterDict {}
    impl Sealed for super::Selection {}
}

impl<B: Block + ?Sized> HasParameters for B {
    fn parameters(&self) -> Vec<(Box<str>, Parameter)> {
        walk(self).into_iter().map(|(path, parameter)| ((*path).into(), parameter)).collect()
    }

    fn select_among(&self, selector: &Selector) -> Result<Selection> {
        self.select(selector)
    }
}

impl HasParameters for ParameterDict {
    fn parameters(&self) -> Vec<(Box<str>, Parameter)> {
        self.iter().map(|parameter| ((**parameter.name()).into(), parameter.clone())).collect()
    }

    fn select_among(&self, selector: &Selector) -> Result<Selection> {
        self.selection(selector)
    }
}

impl HasParameters for Selection {
    fn parameters(&self) -> Vec<(Box<str>, Parameter)> {
        let all = self.everything();
        all.map(|(path, parameter, _)| ((**path).into(), parameter.clone())).collect()
    }

    fn chosen(&self) -> Vec<(Box<str>, Parameter)> {
        let selected = self.everything().filter(|(_, _, selected)| *selected);
        selected.map(|(path, parameter, _)| ((**path).into(), parameter.clone())).collect()
    }

    fn select_among(&self, selector: &Selector) -> Result<Selection> {
        self.narrow(selector)
    }
}

/// The parameters of a selection, which must not be empty.
pub(super) fn ids(selection: &Selection) -> Result<HashSet<usize>> {
    selection.check()?;
    Ok(selection.iter().map(Parameter::id).collect())
}

impl ParameterDict {
    /// Writes every parameter to a file by its name, without `strip_prefix`.
    ///
    /// # Errors
    /// As [`ParameterDict::save_with`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/parameter.py`, `ParameterDict.save`.
    pub fn save(&self, file: impl AsRef<Path>, strip_prefix: &str) -> Result<()> {
        self.save_with(file, strip_prefix, &SaveOptions::default())
    }

    /// As [`ParameterDict::save`], with options.
    ///
    /// # Errors
    /// [`Error::Prefix`](crate::Error::Prefix) if a name does not start with `strip_prefix`; else
    /// as [`SaveLoad::save_parameters_with`](super::SaveLoad::save_parameters_with).
    pub fn save_with(
        &self,
        file: impl AsRef<Path>,
        strip_prefix: &str,
        options: &SaveOptions,
    ) -> Result<()> {
        save::save(Targets::by_name(self, strip_prefix)?, file.as_ref(), options)
    }

    /// Loads every parameter by its name, `restore_prefix` put before the file's keys: all of it,
    /// or nothing.
    ///
    /// # Errors
    /// [`Error::Prefix`](crate::Error::Prefix) if a name does not start with `restore_prefix`;
    /// else as [`SaveLoad::load_parameters`](super::SaveLoad::load_parameters).
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/parameter.py`, `ParameterDict.load`.
    pub fn load(
        &self,
        file: impl AsRef<Path>,
        restore_prefix: &str,
        policy: &(impl Clone + Into<LoadPolicy>),
    ) -> Result<LoadReport> {
        self.plan_load(&Checkpoint::open(file)?, restore_prefix, policy)?.carry_out()
    }

    /// Compares a file with these parameters, as [`SaveLoad::plan_load`](super::SaveLoad::plan_load)
    /// does with a block, `restore_prefix` put before the file's keys.
    ///
    /// # Errors
    /// [`Error::Prefix`](crate::Error::Prefix) if a name does not start with `restore_prefix`;
    /// else as [`SaveLoad::plan_load`](super::SaveLoad::plan_load).
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// # let folder = tempfile::tempdir()?; let file = folder.path().join("fc.params");
    /// let fc = Dense::with_prefix("fc_", 2);
    /// fc.initialize()?;
    /// fc.infer_shapes(&[(1, 3)])?;
    /// let params = fc.collect_params()?;
    /// params.save(&file, "fc_")?;
    /// let plan = params.plan_load(&Checkpoint::open(&file)?, "fc_", &LoadOptions::default())?;
    /// assert_eq!((plan.steps().len(), plan.problems().len()), (2, 0));
    /// plan.apply(&params)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn plan_load(
        &self,
        checkpoint: &Checkpoint,
        restore_prefix: &str,
        policy: &(impl Clone + Into<LoadPolicy>),
    ) -> Result<LoadPlan> {
        let policy: LoadPolicy = policy.clone().into();
        let mut candidates = Candidates::from(Targets::by_name(self, restore_prefix)?);
        if let Some(selector) = &policy.select {
            candidates = candidates.only(ids(&self.selection(selector)?)?);
        }
        planner::plan(candidates, checkpoint, &policy)
    }
}

impl Selection {
    /// Writes the selected parameters to a file, by their paths from what they were selected from.
    ///
    /// # Errors
    /// As [`Selection::save_with`].
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// # let folder = tempfile::tempdir()?; let file = folder.path().join("head.safetensors");
    /// let net = sequential![Dense::new(3), Dense::new(2)];
    /// net.initialize()?;
    /// net.call(&NdArray::ones((1, 4), DType::F32)?)?;
    /// let head = net.select("1.**")?;
    /// head.save(&file)?;
    /// assert_eq!(head.load(&file, &LoadOptions::default())?.loaded.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, file: impl AsRef<Path>) -> Result<()> {
        self.save_with(file, &SaveOptions::default())
    }

    /// As [`Selection::save`], with options.
    ///
    /// # Errors
    /// [`Error::NothingSelected`](crate::Error::NothingSelected); as
    /// [`SaveLoad::save_parameters_with`](super::SaveLoad::save_parameters_with).
    pub fn save_with(&self, file: impl AsRef<Path>, options: &SaveOptions) -> Result<()> {
        let chosen = ids(self)?;
        let named = self.everything().map(|(path, parameter, _)| (path.clone(), parameter.clone()));
        let chosen = |parameter: &Parameter| chosen.contains(&parameter.id());
        save::save_by_path(named.collect(), chosen, file.as_ref(), options)
    }

    /// Loads the selected parameters from a file: all of them, or nothing. What the file has for
    /// the others is passed over; what it has for none of the model is extra as ever.
    ///
    /// # Errors
    /// [`Error::NothingSelected`](crate::Error::NothingSelected); as
    /// [`SaveLoad::load_parameters`](super::SaveLoad::load_parameters). Then nothing has changed.
    pub fn load(
        &self,
        file: impl AsRef<Path>,
        policy: &(impl Clone + Into<LoadPolicy>),
    ) -> Result<LoadReport> {
        self.plan_load(&Checkpoint::open(file)?, policy)?.carry_out()
    }

    /// Compares a file with the selected parameters, as
    /// [`SaveLoad::plan_load`](super::SaveLoad::plan_load) does with all of a block. A selector of
    /// the policy takes some of those that are selected.
    ///
    /// # Errors
    /// [`Error::NothingSelected`](crate::Error::NothingSelected); as
    /// [`SaveLoad::plan_load`](super::SaveLoad::plan_load).
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// # let folder = tempfile::tempdir()?; let file = folder.path().join("net.safetensors");
    /// let net = sequential![Dense::new(3), Dense::new(2)];
    /// net.initialize()?;
    /// net.infer_shapes(&[(1, 4)])?;
    /// net.save_parameters(&file)?;
    /// let head = net.select("1.**")?;
    /// let plan = head.plan_load(&Checkpoint::open(&file)?, &LoadOptions::default())?;
    /// assert_eq!(plan.apply(&head)?.loaded.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn plan_load(
        &self,
        checkpoint: &Checkpoint,
        policy: &(impl Clone + Into<LoadPolicy>),
    ) -> Result<LoadPlan> {
        let policy: LoadPolicy = policy.clone().into();
        let wanted = match &policy.select {
            Some(selector) => ids(&self.narrow(selector)?)?,
            None => ids(self)?,
        };
        let named = || self.everything().map(|(path, parameter, _)| (path, parameter));
        let by_path =
            || named().map(|(path, parameter)| (path.clone(), parameter.clone())).collect();
        let names = || {
            let mut params = ParameterDict::new(self.prefix());
            // Where names are not distinct, only paths can be meant.
            let distinct = named().try_for_each(|(_, parameter)| params.insert(parameter)).is_ok();
            if distinct { params } else { ParameterDict::default() }
        };
        let candidates = Candidates::by_path_or_name(by_path, self.prefix(), names).only(wanted);
        planner::plan(candidates, checkpoint, &policy)
    }
}
