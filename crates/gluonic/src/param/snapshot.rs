//! The values of a model at one moment.
//!
//! Taking a [`Snapshot`] copies nothing: it counts the memory of every value, and an edit
//! afterwards writes to a copy. So it costs time for each parameter, and memory only for what
//! changes while it is kept.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

use super::initialize::Staged;
use super::parameter::Parameter;
use super::state::Origin;
use super::table;
use crate::array::{Buf, DType, NdArray};
use crate::cpu::difference::Difference;
use crate::error::{Error, Result};
use crate::name::ParamPath;
use crate::shape::{Dims, Shape};
use crate::suggest::nearest;

/// A value as it was, for as long as somebody keeps it.
#[derive(Clone)]
struct Kept {
    buf: Arc<Buf>,
    dims: Dims,
    origin: Option<Origin>,
}

impl Kept {
    fn of(parameter: &Parameter) -> Result<Kept> {
        let data = parameter.value()?;
        let buf = data.cell.snapshot().map_err(|error| error.at(parameter.name()))?;
        // Asked after the value was taken, so that no edit in between is called the initial value.
        Ok(Kept { buf, dims: data.dims().clone(), origin: parameter.origin() })
    }

    fn array(&self) -> NdArray {
        NdArray::from_buf(self.buf.clone(), self.dims.clone())
    }

    /// Everything of putting it back that can fail.
    fn stage(&self, parameter: &Parameter) -> Result<Staged> {
        parameter.check_refines(&parameter.state(), &Shape::from(&self.dims))?;
        parameter.refuse_own_edit_of_value()?;
        Ok(parameter.stage_value(self.array(), self.origin.clone()))
    }
}

type Values = IndexMap<ParamPath, Kept, foldhash::fast::RandomState>;

/// The values of parameters by path, as they were when it was taken. Gradients and settings are not
/// part of it, nor parameters that had no value.
///
/// # Memory
/// None of its own until a value is edited: then the edit writes to a copy. Values that are pinned,
/// lent to code outside, are copied at once.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let net = Dense::with(DenseConfig { units: 2, in_units: Some(2), ..Default::default() })?;
/// net.initialize()?;
/// let before = net.snapshot()?;
/// net.weight()?.data()?.set(s![0, 0], 42.0)?;
/// let diff = before.diff(&net.snapshot()?);
/// assert_eq!(diff.changes.len(), 1);
/// net.restore(&before)?;
/// assert!(before.diff(&net.snapshot()?).is_empty());
/// # Ok::<(), gluonic::Error>(())
/// ```
#[doc(alias = "state_dict", alias = "checkpoint")]
#[derive(Clone, Default)]
pub struct Snapshot {
    values: Values,
}

impl Snapshot {
    /// A snapshot of nothing, to [`insert`](Snapshot::insert) values into.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn of(named: impl IntoIterator<Item = (ParamPath, Parameter)>) -> Result<Snapshot> {
        let ready = named.into_iter().filter(|(_, parameter)| parameter.is_initialized());
        // A tied parameter is kept once, so that its paths agree even if it is being edited.
        let mut kept: HashMap<usize, Kept, foldhash::fast::RandomState> = HashMap::default();
        let values = ready.map(|(path, parameter)| {
            let kept = match kept.entry(parameter.id()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(Kept::of(&parameter)?),
            };
            Ok((path, kept.clone()))
        });
        Ok(Snapshot { values: values.collect::<Result<_>>()? })
    }

    /// Every value once, with all paths that have it in the same memory: those of a tied parameter.
    pub(crate) fn shared(&self) -> Vec<(Vec<&ParamPath>, NdArray)> {
        let mut groups: IndexMap<_, (Vec<_>, _), foldhash::fast::RandomState> = IndexMap::default();
        for (path, kept) in &self.values {
            let group = groups.entry((Arc::as_ptr(&kept.buf), &kept.dims[..]));
            group.or_insert_with(|| (Vec::new(), kept.array())).0.push(path);
        }
        groups.into_values().collect()
    }

    /// Adds a value, or replaces the one of that path. Later edits of the array do not reach it.
    ///
    /// # Errors
    /// [`Error::BeingEdited`] inside an edit of the array by the same thread.
    pub fn insert(&mut self, path: impl Into<ParamPath>, value: &NdArray) -> Result<()> {
        let whole = if value.is_whole() { value.clone() } else { value.deep_clone()? };
        let (buf, dims) = (whole.cell.snapshot()?, whole.dims().clone());
        self.values.insert(path.into(), Kept { buf, dims, origin: None });
        Ok(())
    }

    /// The number of paths.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The paths with their values, in the order of the walk.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&ParamPath, NdArray)> {
        self.values.iter().map(|(path, kept)| (path, kept.array()))
    }

    /// The value at a path, as an array of its own: an edit of it does not reach the snapshot.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], with the nearest paths.
    pub fn get(&self, path: &str) -> Result<NdArray> {
        self.values.get(path).map(Kept::array).ok_or_else(|| Error::UnknownParameter {
            name: path.into(),
            nearest: nearest(path, self.values.keys().map(|path| &**path)),
        })
    }

    /// Where the value at a path came from, if that is known.
    pub(crate) fn origin(&self, path: &str) -> Option<&Origin> {
        self.values.get(path)?.origin.as_ref()
    }

    /// What has to happen to which parameter, each once, so that they have the values.
    fn targets<'a>(&'a self, named: &'a [(ParamPath, Parameter)]) -> Result<Vec<Target<'a>>> {
        let by_path: IndexMap<&str, &Parameter, foldhash::fast::RandomState> =
            named.iter().map(|(path, parameter)| (&**path, parameter)).collect();
        let mut targets: IndexMap<usize, Target<'a>, foldhash::fast::RandomState> =
            IndexMap::default();
        for (path, kept) in &self.values {
            let parameter = *by_path.get(&**path).ok_or_else(|| Error::UnknownParameter {
                name: (&**path).into(),
                nearest: nearest(path, by_path.keys().copied()),
            })?;
            let target = targets.entry(parameter.id()).or_insert(Target { parameter, path, kept });
            if compare(target.kept, kept).is_some() {
                return Err(Error::TiedValues {
                    name: parameter.name().clone(),
                    first: target.path.clone(),
                    second: path.clone(),
                });
            }
        }
        Ok(targets.into_values().collect())
    }

    pub(crate) fn restore(&self, named: &[(ParamPath, Parameter)]) -> Result<()> {
        let staged = self.targets(named)?.into_iter().map(|to| to.kept.stage(to.parameter));
        let staged = staged.collect::<Result<Vec<_>>>()?;
        staged.into_iter().try_for_each(Staged::commit)
    }

    pub(crate) fn swap<R>(
        &self,
        named: &[(ParamPath, Parameter)],
        f: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        let targets = self.targets(named)?;
        let before = targets.iter().map(|to| Before::of(to.parameter));
        let before = before.collect::<Result<Vec<_>>>()?;
        let staged = targets.iter().map(|to| to.kept.stage(to.parameter));
        let staged = staged.collect::<Result<Vec<_>>>()?;
        let mut put_back = PutBack(before);
        staged.into_iter().try_for_each(Staged::commit)?;
        let result = f();
        put_back.run()?;
        result
    }

    /// What differs between this snapshot and a later one, or one of another model.
    pub fn diff(&self, other: &Snapshot) -> SnapshotDiff {
        let mut changes = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let mut equal = 0;
        for (path, one) in &self.values {
            let Some(two) = other.values.get(path) else {
                changes.push((path.clone(), Change::Removed));
                continue;
            };
            // A tied value counts once.
            if !seen.insert((Arc::as_ptr(&one.buf), Arc::as_ptr(&two.buf))) {
                continue;
            }
            match compare(one, two) {
                Some(change) => changes.push((path.clone(), change)),
                None => equal += 1,
            }
        }
        let added = other.values.keys().filter(|path| !self.values.contains_key(*path));
        changes.extend(added.map(|path| (path.clone(), Change::Added)));
        SnapshotDiff { changes, equal }
    }
}

/// One parameter, and the value that it is to have.
struct Target<'a> {
    parameter: &'a Parameter,
    path: &'a ParamPath,
    kept: &'a Kept,
}

/// What a parameter has to get back.
struct Before<'a> {
    parameter: &'a Parameter,
    kept: Kept,
    /// The values of the replicas, if they differ.
    apart: Vec<Arc<Buf>>,
}

impl<'a> Before<'a> {
    fn of(parameter: &'a Parameter) -> Result<Before<'a>> {
        Ok(Before { parameter, kept: Kept::of(parameter)?, apart: parameter.apart()? })
    }

    fn put_back(self) -> Result<()> {
        self.kept.stage(self.parameter)?.commit()?;
        self.parameter.set_apart(&self.apart)
    }
}

/// Puts values back when a scope is left, by return or by panic.
struct PutBack<'a>(Vec<Before<'a>>);

impl PutBack<'_> {
    fn run(&mut self) -> Result<()> {
        std::mem::take(&mut self.0).into_iter().try_for_each(Before::put_back)
    }
}

impl Drop for PutBack<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.run() {
            log::error!("values could not be put back: {error}");
        }
    }
}

/// How a value changed; `None` if it did not.
fn compare(one: &Kept, two: &Kept) -> Option<Change> {
    if Arc::ptr_eq(&one.buf, &two.buf) {
        return None;
    }
    if one.dims != two.dims {
        return Some(Change::Shape { from: (&one.dims).into(), to: (&two.dims).into() });
    }
    if one.buf.dtype() != two.buf.dtype() {
        return Some(Change::DType { from: one.buf.dtype(), to: two.buf.dtype() });
    }
    let Difference { changed, max_abs, squares, size_squares } = one.buf.difference(&two.buf);
    let (norm, size) = (squares.sqrt(), size_squares.sqrt());
    (changed > 0).then(|| Change::Values {
        changed,
        elements: one.buf.len(),
        max_abs,
        norm,
        relative: if norm == 0.0 { 0.0 } else { norm / size },
    })
}

/// How one parameter differs between two snapshots.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// Its elements.
    Values {
        /// How many of them are not equal; two NaNs are.
        changed: usize,
        /// How many there are.
        elements: usize,
        /// The largest absolute difference; NaN if one is.
        max_abs: f64,
        /// The Euclidean norm of the differences.
        norm: f64,
        /// That norm, divided by the one of the earlier elements.
        relative: f64,
    },
    /// Its sizes.
    Shape {
        /// Those of the first snapshot.
        from: Shape,
        /// Those of the second.
        to: Shape,
    },
    /// Its element type.
    DType {
        /// That of the first snapshot.
        from: DType,
        /// That of the second.
        to: DType,
    },
    /// It is in the second snapshot only.
    Added,
    /// It is in the first snapshot only.
    Removed,
}

/// What differs between two snapshots. Prints as a table.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotDiff {
    /// The parameters that differ, by their first path.
    pub changes: Vec<(ParamPath, Change)>,
    /// How many do not.
    pub equal: usize,
}

impl SnapshotDiff {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl fmt::Display for SnapshotDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.changes.len();
        write!(f, "{n} of {} parameters differ", n + self.equal)?;
        let head = ["path", "changed", "of", "largest", "norm", "relative"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for (path, change) in &self.changes {
            if let Change::Values { changed, elements, max_abs, norm, relative } = change {
                let mut row = vec![path.to_string(), changed.to_string(), elements.to_string()];
                row.extend([max_abs, norm, relative].map(|number| format!("{number:.3e}")));
                rows.push(row);
            }
        }
        if rows.len() > 1 {
            f.write_str("\n")?;
            table::write(f, &rows)?;
        }
        for (path, change) in &self.changes {
            match change {
                Change::Values { .. } => {}
                Change::Shape { from, to } => write!(f, "\n{path}: shape {from} became {to}")?,
                Change::DType { from, to } => write!(f, "\n{path}: {from} became {to}")?,
                Change::Added => write!(f, "\n{path}: added")?,
                Change::Removed => write!(f, "\n{path}: removed")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
