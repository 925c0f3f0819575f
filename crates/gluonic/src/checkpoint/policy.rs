//! What a load may leave out, convert or rename: [`LoadPolicy`], and Gluon's four switches,
//! [`LoadOptions`].

use std::collections::BTreeMap;
use std::fmt;

use super::rename::RenameRules;
use crate::param::Selector;

/// What a load may leave out or convert, as Gluon says it. For everything else there is
/// [`LoadPolicy`], which is made from these by `into`.
///
/// # Source
/// The arguments of MXNet 1.9.1's `Block.load_parameters`.
#[doc(alias = "strict")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Whether parameters that the file does not have keep what they have.
    pub allow_missing: bool,
    /// Whether tensors that the model does not have are left out.
    pub ignore_extra: bool,
    /// Whether element types may differ.
    pub cast_dtype: bool,
    /// Whose element type counts when they differ.
    pub dtype_source: DTypeSource,
}

/// Whose element type counts when file and model differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DTypeSource {
    /// The model's: the file's values are converted.
    #[default]
    Current,
    /// The file's: the parameter is cast.
    Saved,
}

/// What a load does about each kind of misfit. By default every misfit is an error, and an error
/// leaves everything as it was.
///
/// What is let pass is listed in the [`LoadReport`](super::LoadReport) whatever the policy.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// use gluonic::checkpoint::{OnDType, OnMisfit, PrefixRule};
/// # let folder = tempfile::tempdir()?; let file = folder.path().join("net.safetensors");
/// let net = sequential![Dense::new(3), Dense::new(2)];
/// net.initialize()?;
/// net.call(&NdArray::ones((1, 4), DType::F32)?)?;
/// net.save_parameters(&file)?;
///
/// let other = sequential![Dense::new(3), Dense::new(5)];
/// let policy = LoadPolicy {
///     shape: OnMisfit::Warn,
///     dtype: OnDType::Cast,
///     prefix: PrefixRule::Auto,
///     at_least: Some(0.4),
///     ..LoadPolicy::default()
/// };
/// let report = other.load_parameters(&file, &policy)?;
/// assert_eq!((report.loaded.len(), report.skipped.len()), (2, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadPolicy {
    /// For parameters that the file does not have.
    pub missing: OnMisfit,
    /// For tensors that the model does not have.
    pub extra: OnMisfit,
    /// For parameters of which the file has another shape. Values are never cut, padded or
    /// broadcast: what is let pass stays as it is.
    pub shape: OnMisfit,
    /// For parameters of which the file has another element type.
    pub dtype: OnDType,
    /// For tied parameters of which the file has several values that differ.
    pub conflict: OnConflict,
    /// Rules by which the file's tensors are renamed, split, joined, turned and dropped, before
    /// anything else here looks at them: as [`Checkpoint::renamed`](super::Checkpoint::renamed).
    pub rename: Option<RenameRules>,
    /// What the file's keys have before the model's, or lack.
    pub prefix: PrefixRule,
    /// Parameters that get the transpose of a tensor, its axes reversed: the model's key, and the
    /// file's.
    /// `decoder.weight → embed.weight` loads a decoder that the file ties to an embedding by a
    /// transpose, unless the file has the decoder's own; `fc.weight → fc.weight` loads a matrix
    /// that another library stores the other way round.
    pub transposed: BTreeMap<Box<str>, Box<str>>,
    /// The parameters that are to be loaded; the others stay as they are. All if none is given.
    pub select: Option<Selector>,
    /// The share of the elements of the model, or of what is selected, that must be loaded: a
    /// number from 0 to 1. A size that is not known counts as 1.
    pub at_least: Option<f64>,
}

/// What is done about a misfit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMisfit {
    /// The load is refused.
    #[default]
    Error,
    /// The parameter or tensor is left out, with a warning by the crate `log`.
    Warn,
    /// The parameter or tensor is left out.
    Ignore,
}

/// What is done about an element type that differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDType {
    /// The load is refused.
    #[default]
    Error,
    /// The file's values are converted to the model's type.
    Cast,
    /// The parameter is cast to the file's type.
    TakeSaved,
    /// The parameter is left out, with a warning by the crate `log`.
    Warn,
    /// The parameter is left out.
    Ignore,
}

/// What is done when several keys of a file stand for one parameter and their values differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// The load is refused, and the error says how far they are apart.
    #[default]
    Error,
    /// The value of the first key counts, in the order of the model.
    First,
    /// The value of the last key counts, as in MXNet.
    Last,
}

/// How the keys of a file become those of a model.
///
/// Wrappers put a word before every key: `module.`, `_orig_mod.`, `model.`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PrefixRule {
    /// They are the same. If one rule would make all keys fit, the error proposes it.
    #[default]
    Exact,
    /// This is taken off those keys of the file that begin with it.
    Strip(Box<str>),
    /// This is put before every key of the file.
    Add(Box<str>),
    /// The same, or the one rule by which all keys fit.
    Auto,
}

impl PrefixRule {
    /// [`PrefixRule::Strip`] of a text.
    pub fn strip(prefix: &str) -> Self {
        PrefixRule::Strip(prefix.into())
    }

    /// [`PrefixRule::Add`] of a text.
    pub fn add(prefix: &str) -> Self {
        PrefixRule::Add(prefix.into())
    }

    pub(super) fn apply<'a>(&self, key: &'a str) -> std::borrow::Cow<'a, str> {
        match self {
            PrefixRule::Exact | PrefixRule::Auto => key.into(),
            PrefixRule::Strip(prefix) => key.strip_prefix(&**prefix).unwrap_or(key).into(),
            PrefixRule::Add(prefix) => format!("{prefix}{key}").into(),
        }
    }
}

impl fmt::Display for PrefixRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrefixRule::Exact => f.write_str("keys as they are"),
            PrefixRule::Auto => f.write_str("keys as they are, or with one prefix"),
            PrefixRule::Strip(prefix) => write!(f, "`{prefix}` taken off the file's keys"),
            PrefixRule::Add(prefix) => write!(f, "`{prefix}` put before the file's keys"),
        }
    }
}

impl From<LoadOptions> for LoadPolicy {
    fn from(options: LoadOptions) -> Self {
        let let_pass = |yes: bool| if yes { OnMisfit::Ignore } else { OnMisfit::Error };
        LoadPolicy {
            missing: let_pass(options.allow_missing),
            extra: let_pass(options.ignore_extra),
            dtype: match (options.cast_dtype, options.dtype_source) {
                (false, _) => OnDType::Error,
                (true, DTypeSource::Current) => OnDType::Cast,
                (true, DTypeSource::Saved) => OnDType::TakeSaved,
            },
            ..LoadPolicy::default()
        }
    }
}
