//! Parameters to and from files.
//!
//! | what | how |
//! | --- | --- |
//! | save and load a model | [`SaveLoad::save_parameters`], [`SaveLoad::load_parameters`] |
//! | look into a file without a model | [`Checkpoint::open`], [`Checkpoint::tree`] |
//! | see first what a load will do | [`SaveLoad::plan_load`], [`LoadPlan::apply`] |
//! | let misfits pass, strip a prefix, load a part | [`LoadPolicy`] |
//! | load another library's layout | [`LoadPolicy::rename`], [`Checkpoint::renamed`] |
//! | find damage | [`SaveOptions::digests`], [`Checkpoint::check`] |
//! | save and load arrays without a model | [`Arrays::save`], [`Arrays::load`] |
//! | go without a file | [`SaveLoad::state`], [`SaveLoad::load_state`] |
//!
//! Loading has three steps: a plan says for every parameter what will happen and lists
//! every problem at once; everything that will change is staged; then it is committed. A failure
//! before the last step changes nothing, and the last step does not fail.
//!
//! Files are keyed by path (`0.weight`) or, as Gluon's older files, by name with or without the
//! block's prefix. Formats are told by their first bytes when reading, by the file's suffix when
//! writing.
//!
//! A `.safetensors` file of ours also holds, in its metadata, `gluonic.aliases`, the other keys of
//! tied parameters (JSON, alias → key), and `gluonic.provenance`, where values came from that are
//! still the initial ones (JSON, key → key and path of the random numbers, initializer).

mod apply;
mod arrays;
mod check;
mod checkpointer;
pub(crate) mod convert;
mod export;
mod file;
mod keys;
mod once;
mod opened;
mod pieces;
mod plan;
mod planner;
mod policy;
mod problem;
mod provenance;
pub mod rename;
mod renamed;
mod report;
mod runs;
mod save;
mod shards;
mod sidecar;
mod source;
mod tensor_info;
mod tie;
mod tree;
mod unfused;
mod verbs;
mod write;

use std::path::Path;

pub use arrays::Arrays;
pub use check::{CheckReport, NotFinite, Record};
pub(crate) use checkpointer::MODEL;
pub use checkpointer::{Checkpointer, PendingSave};
pub use export::{ExportOptions, ExportReport};
pub use file::Checkpoint;
pub use gluonic_formats::digest::{Damage, Digest};
pub use gluonic_formats::{Error as FormatError, Format};
pub use plan::{Action, LoadPlan, Step};
pub use policy::{DTypeSource, LoadOptions, LoadPolicy, OnConflict, OnDType, OnMisfit, PrefixRule};
pub use problem::{Distance, Problem};
pub use rename::{RenamePlan, RenameRules};
pub use report::LoadReport;
pub use save::SaveOptions;
pub(crate) use save::save_arrays;
pub use tensor_info::TensorInfo;
use tie::{Candidates, Targets};
pub use tree::Tree;
pub use verbs::HasParameters;
use verbs::ids;

use crate::error::Result;
use crate::nn::{Block, BlockExt, walk};
use crate::param::Snapshot;

/// Saving and loading of any block. In the [prelude](crate::prelude).
pub trait SaveLoad: Block {
    /// Writes every parameter of the tree to a file, by its path from this block. The format is
    /// that of the suffix: `.safetensors`, `.params` or `.npz`.
    ///
    /// # Errors
    /// As [`SaveLoad::save_parameters_with`].
    fn save_parameters(&self, file: impl AsRef<Path>) -> Result<()> {
        self.save_parameters_with(file, &SaveOptions::default())
    }

    /// As [`SaveLoad::save_parameters`], with options.
    ///
    /// In a `.params` file the parameters of recurrent layers are called as `MXNet` calls them there,
    /// `0._unfused.0.i2h_weight` for `0.l0_i2h_weight`; a load knows both.
    ///
    /// # Errors
    /// [`Error::Uninitialized`](crate::Error::Uninitialized) or
    /// [`Error::Deferred`](crate::Error::Deferred), naming all that wait, if a parameter has no
    /// value; [`Error::Suffix`](crate::Error::Suffix) if the suffix names no format;
    /// [`Error::Io`](crate::Error::Io) if the file cannot be written. Then the old file is as
    /// before.
    fn save_parameters_with(&self, file: impl AsRef<Path>, options: &SaveOptions) -> Result<()> {
        save::save_by_path(walk(self), |_| true, file.as_ref(), options)
    }

    /// Loads every parameter of the tree from a file: all of it, or nothing.
    ///
    /// Parameters that were never initialized get their value; those that wait for their shape get
    /// it too. Values go into the existing memory, gradients stay.
    ///
    /// # Errors
    /// [`Error::Load`](crate::Error::Load), with every misfit, if the file does not fit and
    /// the policy does not let it pass; [`Error::Io`](crate::Error::Io) if it cannot be read;
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
    fn load_parameters(
        &self,
        file: impl AsRef<Path>,
        policy: &(impl Clone + Into<LoadPolicy>),
    ) -> Result<LoadReport> {
        self.plan_load(&Checkpoint::open(file)?, policy)?.carry_out()
    }

    /// Compares a file with this block, from the file's header alone: what a load would do to each
    /// parameter, and every problem at once. Changes nothing.
    ///
    /// The policy is a [`LoadPolicy`], or [`LoadOptions`] for Gluon's four switches.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) or
    /// [`Error::UnknownParameter`](crate::Error::UnknownParameter) if the policy makes no sense
    /// for this block; [`Error::NothingSelected`](crate::Error::NothingSelected) if it selects
    /// nothing. Misfits are in the plan.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// # let folder = tempfile::tempdir()?; let file = folder.path().join("net.params");
    /// let trained = sequential![sequential![Dense::new(3)]];
    /// trained.initialize()?;
    /// trained.call(&NdArray::ones((1, 2), DType::F32)?)?;
    /// trained.save_parameters(&file)?;
    ///
    /// let net = sequential![Dense::new(3)];
    /// let plan = net.plan_load(&Checkpoint::open(&file)?, &LoadPolicy::default())?;
    /// assert_eq!(plan.problems().len(), 4);
    /// let refused = plan.apply(&net).unwrap_err();
    /// assert_eq!(
    ///     refused.hint().unwrap(),
    ///     "all keys fit with `0.` taken off the file's keys: set `LoadPolicy::prefix` to \
    ///      `PrefixRule::strip(\"0.\")`"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn plan_load(
        &self,
        checkpoint: &Checkpoint,
        policy: &(impl Clone + Into<LoadPolicy>),
    ) -> Result<LoadPlan> {
        let policy: LoadPolicy = policy.clone().into();
        // Where names are not distinct, only paths can be meant.
        let names = || BlockExt::collect_params(self).unwrap_or_default();
        let prefix = self.core().prefix();
        let mut candidates = Candidates::by_path_or_name(|| walk(self), prefix, names);
        if let Some(selector) = &policy.select {
            candidates = candidates.only(ids(&self.select(selector)?)?);
        }
        planner::plan(candidates, checkpoint, &policy)
    }

    /// The value of every parameter of the tree by its path: what would be saved, without a file.
    ///
    /// As [`BlockExt::snapshot`], which leaves out what has no value yet.
    ///
    /// # Memory
    /// Copies nothing: see [`Snapshot`].
    ///
    /// # Errors
    /// [`Error::Uninitialized`](crate::Error::Uninitialized) or
    /// [`Error::Deferred`](crate::Error::Deferred), naming all that wait, if a parameter has no
    /// value.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let net = sequential![Dense::new(3)];
    /// net.initialize()?;
    /// assert!(net.state().is_err());
    /// net.call(&NdArray::ones((1, 2), DType::F32)?)?;
    /// let other = sequential![Dense::new(3)];
    /// assert_eq!(other.load_state(&net.state()?, &LoadPolicy::default())?.loaded.len(), 2);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    #[doc(alias = "state_dict")]
    fn state(&self) -> Result<Snapshot> {
        let named = walk(self);
        save::refuse_missing(&Targets::by_path(named.clone()))?;
        Snapshot::of(named)
    }

    /// Loads values that are in memory as if they had been saved and loaded: all of it, or nothing.
    ///
    /// # Memory
    /// Values of the right element type are not copied before they are edited.
    ///
    /// # Errors
    /// As [`SaveLoad::load_parameters`].
    #[doc(alias = "load_state_dict")]
    fn load_state(
        &self,
        state: &Snapshot,
        policy: &(impl Clone + Into<LoadPolicy>),
    ) -> Result<LoadReport> {
        self.plan_load(&Checkpoint::from(state), policy)?.carry_out()
    }
}

impl<B: Block + ?Sized> SaveLoad for B {}
