//! Cells made of several: one after another, or one in each direction.

use std::fmt;
use std::sync::Arc;

use super::cell::{RecurrentCell, Unroll, Walk as Walking};
use super::config::SequenceLayout;
use super::sequence::reversed;
use super::weights::check_states;
use crate::array::{DType, NdArray};
use crate::error::{Error, Result};
use crate::nn::block::{Block, Member};
use crate::nn::core::BlockCore;
use crate::nn::walk::Walk;
use crate::ops::concat;
use crate::shape::Dims;

/// Cells one after another, each with the output of the one before; their states in one list. A
/// handle: `clone` is the same block.
///
/// # Examples
/// ```
/// use gluonic::nn::rnn::{DropoutCell, GruCell, LstmCell, RecurrentCell, SequentialRnnCell, Unroll};
/// use gluonic::prelude::*;
/// let net = SequentialRnnCell::new();
/// net.add(LstmCell::new(4));
/// net.add(DropoutCell::new(0.5)?);
/// net.add(GruCell::new(2));
/// net.initialize()?;
/// let (y, states) = net.unroll(&NdArray::ones((6, 3, 5), DType::F32)?, &Unroll::default())?;
/// assert_eq!((y.dims().to_string(), states.len()), ("(6, 3, 2)".to_owned(), 3));
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/rnn/rnn_cell.py`, class `SequentialRNNCell`.
#[doc(alias = "HybridSequentialRNNCell", alias = "StackedRNNCells")]
#[derive(Clone)]
pub struct SequentialRnnCell {
    core: BlockCore,
    /// Grows only, and its elements never move.
    cells: Arc<boxcar::Vec<Child>>,
}

/// A key and a cell.
type Child = (Box<str>, Arc<dyn RecurrentCell>);

impl SequentialRnnCell {
    /// With no cells yet.
    pub fn new() -> Self {
        Self::with_core(BlockCore::new("SequentialRNNCell"))
    }

    /// With an explicit prefix, used as it is: give it its underscore.
    pub fn with_prefix(prefix: &str) -> Self {
        Self::with_core(BlockCore::with_prefix("SequentialRNNCell", prefix))
    }

    fn with_core(core: BlockCore) -> Self {
        SequentialRnnCell { core, cells: Arc::default() }
    }

    /// Adds a cell at the end.
    pub fn add(&self, cell: impl RecurrentCell) {
        let cell: Arc<dyn RecurrentCell> = Arc::new(cell);
        self.cells.push_with(|i| (i.to_string().into(), cell));
    }

    /// The number of cells.
    pub fn len(&self) -> usize {
        self.cells.count()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<dyn RecurrentCell>> {
        self.cells.iter().map(|(_, (_, cell))| cell)
    }

    /// Runs the cells in turn, each with its part of the states.
    fn each(
        &self,
        x: &NdArray,
        states: &[NdArray],
        mut run: impl FnMut(&dyn RecurrentCell, &NdArray, &[NdArray]) -> Result<(NdArray, Vec<NdArray>)>,
    ) -> Result<(NdArray, Vec<NdArray>)> {
        let (mut x, mut rest, mut all) = (x.clone(), states, Vec::new());
        for cell in self.iter() {
            let (own, others) = rest.split_at(cell.state_info(0).len());
            let (y, next) = run(&**cell, &x, own)?;
            (x, rest) = (y, others);
            all.extend(next);
        }
        Ok((x, all))
    }
}

impl Default for SequentialRnnCell {
    fn default() -> Self {
        Self::new()
    }
}

impl Block for SequentialRnnCell {
    fn core(&self) -> &BlockCore {
        &self.core
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
        for (_, (key, cell)) in self.cells.iter() {
            visit(key, Member::Block(cell.as_dyn()));
        }
    }

    fn forward(&self, _x: &NdArray) -> Result<NdArray> {
        Err(Error::NoForward { block: self.core.class().into() })
    }

    fn as_dyn(&self) -> &dyn Block {
        self
    }

    /// As Gluon prints it: the lines of the cells do not move in.
    fn fmt_block(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.core.class())?;
        for (_, (key, cell)) in self.cells.iter() {
            write!(f, "\n({key}): {}", cell.to_string().replace('\n', "\n  "))?;
        }
        f.write_str(if self.is_empty() { "\n\n)" } else { "\n)" })
    }
}

impl RecurrentCell for SequentialRnnCell {
    fn state_info(&self, batch: usize) -> Vec<Dims> {
        self.iter().flat_map(|cell| cell.state_info(batch)).collect()
    }

    fn step(&self, x: &NdArray, states: &[NdArray]) -> Result<(NdArray, Vec<NdArray>)> {
        let batch = x.dims().first().copied().unwrap_or_default();
        check_states("sequential", &self.state_info(batch), states)?;
        self.each(x, states, <dyn RecurrentCell>::step)
    }

    fn units(&self) -> Option<usize> {
        self.iter().filter_map(RecurrentCell::units).last()
    }

    fn begin_state(&self, batch: usize, dtype: DType) -> Result<Vec<NdArray>> {
        let states = self.iter().map(|cell| cell.begin_state(batch, dtype));
        Ok(states.collect::<Result<Vec<_>>>()?.concat())
    }

    fn unroll(&self, inputs: &NdArray, options: &Unroll<'_>) -> Result<(NdArray, Vec<NdArray>)> {
        let Walking { inputs, states, .. } = Walking::new(self, inputs, options)?;
        let (y, states) = self.each(&inputs, &states, |cell, x, states| {
            let layout = SequenceLayout::Tnc;
            cell.unroll(x, &Unroll { begin_state: Some(states), layout, ..*options })
        })?;
        Ok((options.layout.swap(&y)?, states))
    }
}

impl Walk for SequentialRnnCell {
    fn walk<'a>(&'a self, key: &str, visit: &mut dyn FnMut(&str, Member<'a>)) {
        visit(key, Member::Block(self));
    }
}

impl fmt::Display for SequentialRnnCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_block(f)
    }
}

impl fmt::Debug for SequentialRnnCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells: Vec<_> = self.iter().collect();
        f.debug_struct("SequentialRnnCell")
            .field("core", &self.core)
            .field("cells", &cells)
            .finish()
    }
}

/// One cell from the start of a sequence and one from its end, their outputs side by side. It can
/// be unrolled, not stepped: the second cell needs the end first. Its own prefix is empty.
///
/// # Examples
/// ```
/// use gluonic::nn::rnn::{BidirectionalCell, GruCell, RecurrentCell, Unroll};
/// use gluonic::prelude::*;
/// let cell = BidirectionalCell::new(GruCell::new(2), GruCell::new(3));
/// cell.initialize()?;
/// let (y, _) = cell.unroll(&NdArray::ones((6, 1, 5), DType::F32)?, &Unroll::default())?;
/// assert_eq!(y.dims().to_string(), "(6, 1, 5)");
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Schuster and Paliwal (1997), "Bidirectional recurrent neural networks"; MXNet 1.9.1,
/// `gluon/rnn/rnn_cell.py`, class `BidirectionalCell`.
#[derive(Clone, Debug, gluonic_derive::Block)]
#[block(no_forward, display = "fmt_bidirectional")]
pub struct BidirectionalCell {
    core: BlockCore,
    l_cell: Arc<dyn RecurrentCell>,
    r_cell: Arc<dyn RecurrentCell>,
}

impl BidirectionalCell {
    /// `forward` walks from the start, `backward` from the end.
    pub fn new(forward: impl RecurrentCell, backward: impl RecurrentCell) -> Self {
        let core = BlockCore::with("BidirectionalCell", "bidirectionalcell", Some(""), None);
        BidirectionalCell { core, l_cell: Arc::new(forward), r_cell: Arc::new(backward) }
    }
}

impl RecurrentCell for BidirectionalCell {
    fn state_info(&self, batch: usize) -> Vec<Dims> {
        [self.l_cell.state_info(batch), self.r_cell.state_info(batch)].concat()
    }

    /// # Errors
    /// [`Error::NoForward`] always.
    fn step(&self, _x: &NdArray, _states: &[NdArray]) -> Result<(NdArray, Vec<NdArray>)> {
        Err(Error::NoForward { block: self.core.class().into() })
    }

    fn units(&self) -> Option<usize> {
        Some(self.l_cell.units()? + self.r_cell.units()?)
    }

    fn begin_state(&self, batch: usize, dtype: DType) -> Result<Vec<NdArray>> {
        let states = [&self.l_cell, &self.r_cell].map(|cell| cell.begin_state(batch, dtype));
        Ok(states.into_iter().collect::<Result<Vec<_>>>()?.concat())
    }

    fn unroll(&self, inputs: &NdArray, options: &Unroll<'_>) -> Result<(NdArray, Vec<NdArray>)> {
        let Walking { inputs, states, lengths } = Walking::new(self, inputs, options)?;
        let (of_l, of_r) = states.split_at(self.l_cell.state_info(0).len());
        let options_of = |states| Unroll {
            begin_state: Some(states),
            layout: SequenceLayout::Tnc,
            valid_length: options.valid_length,
        };
        let lengths = lengths.as_deref();
        let (l, of_l) = self.l_cell.unroll(&inputs, &options_of(of_l))?;
        let (r, of_r) = self.r_cell.unroll(&reversed(&inputs, lengths)?, &options_of(of_r))?;
        let y = concat(&[&l, &reversed(&r, lengths)?], -1)?;
        Ok((options.layout.swap(&y)?, [of_l, of_r].concat()))
    }
}

fn fmt_bidirectional(cell: &BidirectionalCell, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (class, l, r) = (cell.core.class(), &cell.l_cell, &cell.r_cell);
    write!(f, "{class}(forward={l}, backward={r})")
}
