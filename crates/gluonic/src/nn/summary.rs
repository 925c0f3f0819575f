//! What a forward consists of: its blocks, the shapes of their outputs, their parameters.
//!
//! While a summary is under way on a thread, every call of a block is noted there. No hook is
//! added to any block, so other threads see nothing of it and nothing has to be taken away.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use super::block::{Block, Member};
use super::core::BlockCore;
use crate::array::NdArray;
use crate::autograd::GradReq;
use crate::error::Result;
use crate::param::{Parameter, is_used, preview};
use crate::shape::Dims;

/// What a forward consists of: see [`BlockExt::summary`](super::BlockExt::summary).
///
/// Prints as Gluon's table, with a row for each call of a block. What is used several times is
/// counted by [`total`](Summary::total) as often, by [`unique`](Summary::unique) once.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let net = sequential![Dense::new(256).activation(Activation::Relu), Dense::new(10)];
/// let table = "\
/// --------------------------------------------------------------------------------
///         Layer (type)                                Output Shape         Param #
/// ================================================================================
///                Input                                     (2, 20)               0
///         Activation-1                                    (2, 256)               0
///              Dense-2                                    (2, 256)            5376
///              Dense-3                                     (2, 10)            2570
/// ================================================================================
/// Parameters in forward computation graph, duplicate included
///    Total params: 7946
///    Trainable params: 7946
///    Non-trainable params: 0
/// Shared params in forward computation graph: 0
/// Unique parameters in model: 7946
/// --------------------------------------------------------------------------------";
/// assert_eq!(net.summary(&[(2, 20)])?.to_string(), table);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/block.py`, `Block.summary`. DIFFERENCE: it needs no data and no initialized
/// parameters; a block with a forward of its own, which hooks do not see, has a row too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    inputs: Vec<Dims>,
    rows: Vec<SummaryRow>,
}

/// One call of a block in a [`Summary`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SummaryRow {
    /// The block's first path in the tree; empty for the block that the summary is of.
    pub path: Box<str>,
    /// The block's class.
    pub class: Arc<str>,
    /// The sizes of its outputs. None are known of a block without a forward of one input, unless
    /// it is the one that the summary is of.
    pub outputs: Vec<Dims>,
    /// The number of elements of its own parameters, those of its children not included.
    pub params: usize,
    /// Of these, how many training changes: not those that are frozen, statistics or constants.
    pub trainable: usize,
    /// Of these, how many belong to parameters that an earlier row has counted.
    pub shared: usize,
}

impl Summary {
    /// The sizes of the inputs.
    pub fn inputs(&self) -> &[Dims] {
        &self.inputs
    }

    /// The calls in the order in which they ended, those of [`Sequential`](super::Sequential) left out.
    pub fn rows(&self) -> &[SummaryRow] {
        &self.rows
    }

    /// The number of parameter elements of all rows; shared ones count as often as they are used.
    pub fn total(&self) -> usize {
        self.sum(|row| row.params)
    }

    /// Of the [`total`](Summary::total), how many training changes.
    pub fn trainable(&self) -> usize {
        self.sum(|row| row.trainable)
    }

    /// Of the [`total`](Summary::total), how many an earlier row has counted already.
    pub fn shared(&self) -> usize {
        self.sum(|row| row.shared)
    }

    /// The number of parameter elements, each counted once.
    pub fn unique(&self) -> usize {
        self.total().saturating_sub(self.shared())
    }

    fn sum(&self, number: impl Fn(&SummaryRow) -> usize) -> usize {
        self.rows.iter().map(number).fold(0, usize::saturating_add)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDTH: usize = 80;
        let (thin, thick) = ("-".repeat(WIDTH), "=".repeat(WIDTH));
        let line = |f: &mut fmt::Formatter<'_>, layer: &str, shape: &str, params: &str| {
            writeln!(f, "{layer:>20}  {shape:>42} {params:>15}")
        };
        writeln!(f, "{thin}")?;
        line(f, "Layer (type)", "Output Shape", "Param #")?;
        writeln!(f, "{thick}")?;
        line(f, "Input", &shapes(&self.inputs), "0")?;
        for (i, row) in self.rows.iter().enumerate() {
            let layer = format!("{}-{}", row.class, i + 1);
            line(f, &layer, &shapes(&row.outputs), &row.params.to_string())?;
        }
        let (total, trainable) = (self.total(), self.trainable());
        writeln!(f, "{thick}")?;
        writeln!(f, "Parameters in forward computation graph, duplicate included")?;
        writeln!(f, "   Total params: {total}")?;
        writeln!(f, "   Trainable params: {trainable}")?;
        writeln!(f, "   Non-trainable params: {}", total.saturating_sub(trainable))?;
        writeln!(f, "Shared params in forward computation graph: {}", self.shared())?;
        writeln!(f, "Unique parameters in model: {}", self.unique())?;
        f.write_str(&thin)
    }
}

fn shapes(all: &[Dims]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The calls that have ended so far: the number of the block's core, and the outputs.
type Calls = Vec<(usize, Vec<Dims>)>;

thread_local! {
    /// Whether there are [`CALLS`], to be told fast.
    static UNDER_WAY: Cell<bool> = const { Cell::new(false) };
    static CALLS: RefCell<Option<Calls>> = const { RefCell::new(None) };
}

/// Puts back what an outer summary has noted, also when a forward fails or panics.
struct Restore(Option<Calls>);

impl Drop for Restore {
    fn drop(&mut self) {
        UNDER_WAY.set(self.0.is_some());
        CALLS.set(self.0.take());
    }
}

/// Whether this thread is in the forward of a summary.
pub(super) fn is_under_way() -> bool {
    UNDER_WAY.get()
}

/// Notes the end of a call, if a summary is under way.
pub(super) fn note(core: &BlockCore, outputs: &[&NdArray]) {
    if is_under_way() {
        CALLS.with_borrow_mut(|calls| {
            if let Some(calls) = calls {
                calls.push((core.id(), outputs.iter().map(|y| y.dims().clone()).collect()));
            }
        });
    }
}

/// A block of the tree.
struct Part {
    id: usize,
    path: Box<str>,
    class: Arc<str>,
    /// Its own parameters, each once.
    own: Vec<Parameter>,
    is_chain: bool,
}

/// The blocks of the tree by their first path, children before parents.
fn parts(block: &dyn Block, path: &str, parts: &mut Vec<Part>) {
    block.visit(&mut |key, member| {
        if let Member::Block(child) = member {
            let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            self::parts(child.as_dyn(), &path, parts);
        }
    });
    let core = block.core();
    if parts.iter().any(|part| part.id == core.id()) {
        return;
    }
    let mut own: Vec<Parameter> = core.with_params(|params| params.iter().cloned().collect());
    block.visit(&mut |_, member| {
        if let Member::Parameter(parameter) = member
            && !own.iter().any(|known| known.ptr_eq(parameter))
        {
            own.push(parameter.clone());
        }
    });
    let (path, class) = (path.into(), core.shared_class());
    parts.push(Part { id: core.id(), path, class, own, is_chain: block.is_chain() });
}

/// Counts the parameters of calls.
#[derive(Default)]
struct Counter {
    seen: HashSet<usize>,
    rows: Vec<SummaryRow>,
}

impl Counter {
    fn add(&mut self, part: &Part, outputs: Vec<Dims>) -> Result<()> {
        if part.is_chain {
            return Ok(());
        }
        let (path, class) = (part.path.clone(), part.class.clone());
        let mut row = SummaryRow { path, class, outputs, params: 0, trainable: 0, shared: 0 };
        for parameter in &part.own {
            let n = parameter.data()?.elem_count();
            row.params = row.params.saturating_add(n);
            if parameter.grad_req() != GradReq::Null {
                row.trainable = row.trainable.saturating_add(n);
            }
            if !self.seen.insert(parameter.id()) {
                row.shared = row.shared.saturating_add(n);
            }
        }
        self.rows.push(row);
        Ok(())
    }

    /// Whether the forward has used a parameter of the block that no row counts.
    fn misses(&self, part: &Part) -> bool {
        part.own.iter().any(|parameter| is_used(parameter) && !self.seen.contains(&parameter.id()))
    }
}

/// The summary of a forward.
pub(super) fn of(
    root: &dyn Block,
    inputs: &[NdArray],
    forward: impl FnOnce(&[NdArray]) -> Result<Vec<NdArray>>,
) -> Result<Summary> {
    let rows = preview(|| noted(root, || forward(inputs)))?;
    Ok(Summary { inputs: inputs.iter().map(|x| x.dims().clone()).collect(), rows })
}

/// The summary of a forward that computes.
pub(super) fn of_run(
    root: &dyn Block,
    inputs: &[NdArray],
    forward: impl FnOnce(&[NdArray]) -> Result<Vec<NdArray>>,
) -> Result<Summary> {
    let rows = noted(root, || forward(inputs))?;
    Ok(Summary { inputs: inputs.iter().map(|x| x.dims().clone()).collect(), rows })
}

/// The rows of what a forward calls.
fn noted(
    root: &dyn Block,
    forward: impl FnOnce() -> Result<Vec<NdArray>>,
) -> Result<Vec<SummaryRow>> {
    let restore = Restore(CALLS.replace(Some(Calls::new())));
    UNDER_WAY.set(true);
    let outputs = forward()?;
    let calls = CALLS.take().unwrap_or_default();
    drop(restore);
    rows(root, &calls, outputs.iter().map(|y| y.dims().clone()).collect())
}

fn rows(root: &dyn Block, calls: &Calls, outputs: Vec<Dims>) -> Result<Vec<SummaryRow>> {
    let mut all = Vec::new();
    parts(root, "", &mut all);
    let place: HashMap<usize, usize> = { all.iter() }.map(|part| part.id).zip(0..).collect();
    let mut counter = Counter::default();
    for (id, outputs) in calls {
        // Blocks outside of the tree hold no parameters of it.
        if let Some(place) = place.get(id) {
            counter.add(&all[*place], outputs.clone())?;
        }
    }
    let own = root.core().id();
    for part in all.iter().filter(|part| part.id != own) {
        // It has run by a method of its own.
        if counter.misses(part) {
            counter.add(part, Vec::new())?;
        }
    }
    // A hook sees one output; the caller knows all.
    let root = place.get(&own).map(|place| &all[*place]);
    match counter.rows.iter_mut().rev().find(|row| row.path.is_empty()) {
        Some(row) => row.outputs = outputs,
        None => root.map_or(Ok(()), |root| counter.add(root, outputs))?,
    }
    Ok(counter.rows)
}
