//! Parameters to and from files.
//!
//! Loading has three steps: a plan says for every parameter what will happen and lists
//! every problem at once; everything that will change is staged; then it is committed. A failure
//! before the last step changes nothing, and the last step does not fail.
//!
//! Files are keyed by path (`0.weight`) or, as Gluon's older files, by name without the block's
//! prefix. Formats are told by their first bytes when reading, by the file's suffix when writing.

mod apply;
mod convert;
mod plan;
pub mod rename;
mod report;
mod save;
mod tie;

use std::path::Path;

pub use plan::{DTypeSource, LoadOptions};
pub use rename::{RenamePlan, RenameRules};
pub use report::{LoadReport, Problem};
pub use save::SaveOptions;

use crate::error::Result;
use crate::nn::{Block, BlockExt, walk};
use crate::param::{Parameter, ParameterDict, Selection};

/// Saving and loading of any block. In the [prelude](crate::prelude).
pub trait Checkpoint: Block {
    /// Writes every parameter of the tree to a file, by its path from this block. The format is
    /// that of the suffix: `.safetensors` or `.params`.
    ///
    /// # Errors
    /// As [`Checkpoint::save_parameters_with`].
    fn save_parameters(&self, file: impl AsRef<Path>) -> Result<()> {
        self.save_parameters_with(file, &SaveOptions::default())
    }

    /// As [`Checkpoint::save_parameters`], with options.
    ///
    /// # Errors
    /// [`Error::Uninitialized`](crate::Error::Uninitialized) or
    /// [`Error::Deferred`](crate::Error::Deferred), naming all that wait, if a parameter has no
    /// value; [`Error::Suffix`](crate::Error::Suffix) if the suffix names no format;
    /// [`Error::Io`](crate::Error::Io) if the file cannot be written. Then the old file is as
    /// before.
    fn save_parameters_with(&self, file: impl AsRef<Path>, options: &SaveOptions) -> Result<()> {
        save::save(tie::Targets::by_path(walk(self)), file.as_ref(), options)
    }

    /// Loads every parameter of the tree from a file: all of it, or nothing.
    ///
    /// Parameters that were never initialized get their value; those that wait for their shape get
    /// it too. Values go into the existing memory, gradients stay.
    ///
    /// # Errors
    /// [`Error::Load`](crate::Error::Load), with every misfit, if the file does not fit and
    /// `options` do not allow it; [`Error::Io`](crate::Error::Io) if it cannot be read;
    /// [`Error::Format`](crate::Error::Format) if it breaks its format's rules. Then nothing has
    /// changed.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// # let folder = tempfile::tempdir()?; let file = folder.path().join("net.safetensors");
    /// let net = sequential![Dense::new(3)];
    /// net.initialize()?;
    /// net.call(&NdArray::ones((1, 2), DType::F32)?)?;
    /// net.save_parameters(&file)?;
    ///
    /// let again = sequential![Dense::new(3)];
    /// again.load_parameters(&file, &LoadOptions::default())?;
    /// assert_eq!(again[0].weight()?.data()?.to_vec::<f32>()?, net[0].weight()?.data()?.to_vec::<f32>()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/block.py`, `Block.load_parameters`. DIFFERENCE: MXNet stops at the first
    /// misfit and may leave earlier parameters overwritten.
    fn load_parameters(&self, file: impl AsRef<Path>, options: &LoadOptions) -> Result<LoadReport> {
        let targets = tie::Targets::by_path(walk(self));
        apply::load(
            // Where names are not distinct, only paths can be meant.
            targets.or_by_name(
                BlockExt::collect_params(self).unwrap_or_default(),
                self.core().prefix(),
            ),
            file.as_ref(),
            options,
        )
    }
}

impl<B: Block + ?Sized> Checkpoint for B {}

impl ParameterDict {
    /// Writes every parameter to a file by its name, without `strip_prefix`.
    ///
    /// # Errors
    /// [`Error::Prefix`](crate::Error::Prefix) if a name does not start with `strip_prefix`; else
    /// as [`Checkpoint::save_parameters_with`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/parameter.py`, `ParameterDict.save`.
    pub fn save(&self, file: impl AsRef<Path>, strip_prefix: &str) -> Result<()> {
        let targets = tie::Targets::by_name(self, strip_prefix)?;
        save::save(targets, file.as_ref(), &SaveOptions::default())
    }

    /// Loads every parameter by its name, `restore_prefix` put before the file's keys: all of it,
    /// or nothing.
    ///
    /// # Errors
    /// [`Error::Prefix`](crate::Error::Prefix) if a name does not start with `restore_prefix`;
    /// else as [`Checkpoint::load_parameters`].
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/parameter.py`, `ParameterDict.load`.
    pub fn load(
        &self,
        file: impl AsRef<Path>,
        restore_prefix: &str,
        options: &LoadOptions,
    ) -> Result<LoadReport> {
        apply::load(tie::Targets::by_name(self, restore_prefix)?.into(), file.as_ref(), options)
    }
}

impl Selection {
    /// Writes the selected parameters to a file, by their paths from what they were selected from.
    ///
    /// # Errors
    /// [`Error::NothingSelected`](crate::Error::NothingSelected); as
    /// [`Checkpoint::save_parameters_with`].
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
        self.check()?;
        let selected = self.everything().filter(|(_, _, selected)| *selected);
        let named = selected.map(|(path, parameter, _)| (path.clone(), parameter.clone()));
        save::save(tie::Targets::by_path(named.collect()), file.as_ref(), &SaveOptions::default())
    }

    /// Loads the selected parameters from a file: all of them, or nothing. What the file has for
    /// the others is passed over; what it has for none of the model is extra as ever.
    ///
    /// # Errors
    /// [`Error::NothingSelected`](crate::Error::NothingSelected); as
    /// [`Checkpoint::load_parameters`]. Then nothing has changed.
    pub fn load(&self, file: impl AsRef<Path>, options: &LoadOptions) -> Result<LoadReport> {
        self.check()?;
        let named = || self.everything().map(|(path, parameter, _)| (path, parameter));
        let targets = tie::Targets::by_path(named().map(|(p, w)| (p.clone(), w.clone())).collect());
        let mut params = ParameterDict::new(self.prefix());
        // Where names are not distinct, only paths can be meant.
        let distinct = named().try_for_each(|(_, parameter)| params.insert(parameter)).is_ok();
        let params = if distinct { params } else { ParameterDict::default() };
        let candidates = targets.or_by_name(params, self.prefix());
        let wanted = self.iter().map(Parameter::id).collect();
        apply::load(candidates.only(&wanted), file.as_ref(), options)
    }
}
