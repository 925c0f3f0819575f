//! Blocks side by side.

use std::fmt;
use std::ops::Index;
use std::sync::Arc;

use super::block::{Block, BlockExt, Member};
use super::core::BlockCore;
use super::walk::Walk;
use crate::array::NdArray;
use crate::error::{Result, or_panic};
use crate::ops::concat;

/// Blocks that are called on one input each, and whose outputs are joined along an axis. A handle:
/// `clone` is the same block, so one may add to it while a parent holds it.
///
/// # Shapes
/// The outputs have equal sizes on all other axes; along `axis` they add up. It counts from the end
/// when negative.
///
/// # Errors
/// What a child returns; as [`concat`](crate::ops::concat()), with the block's name, if the outputs
/// do not fit or there is no child.
///
/// # Examples
/// ```
/// use gluonic::nn::Concurrent;
/// use gluonic::prelude::*;
/// let both = Concurrent::new(1);
/// both.add(Dense::new(3));
/// both.add(Identity::new());
/// assert_eq!(both.infer_shapes(&[(2, 5)])?.to_string(), "(2, 8)");
/// assert_eq!(both[0].to_string(), "Dense(5 -> 3, linear)");
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/contrib/nn/basic_layers.py`, classes `Concurrent` and `HybridConcurrent`;
/// from MXNet 2 on `nn.Concatenate` and `nn.HybridConcatenate`.
#[doc(alias = "Concatenate", alias = "HybridConcatenate")]
#[derive(Clone)]
pub struct Concurrent {
    core: BlockCore,
    axis: isize,
    /// Grows only, and its elements never move: `net[0]` lends one while another is added.
    children: Arc<boxcar::Vec<Child>>,
}

/// A key and a block.
type Child = (Box<str>, Arc<dyn Block>);

impl Concurrent {
    /// With no children yet; their outputs are to be joined along `axis`.
    pub fn new(axis: isize) -> Self {
        Self::with_core(BlockCore::new("Concurrent"), axis)
    }

    /// As [`Concurrent::new`], named and printed as Gluon's `HybridConcurrent`. Nothing else
    /// differs.
    #[doc(alias = "HybridConcurrent")]
    pub fn hybrid(axis: isize) -> Self {
        Self::with_core(BlockCore::new("HybridConcurrent"), axis)
    }

    /// With an explicit prefix, used as it is: give it its underscore.
    pub fn with_prefix(prefix: &str, axis: isize) -> Self {
        Self::with_core(BlockCore::with_prefix("Concurrent", prefix), axis)
    }

    fn with_core(core: BlockCore, axis: isize) -> Self {
        Concurrent { core, axis, children: Arc::default() }
    }

    /// Adds a block at the end.
    pub fn add(&self, block: impl Block) {
        self.add_shared(Arc::new(block));
    }

    /// Adds a block that is held elsewhere too.
    pub fn add_shared(&self, block: Arc<dyn Block>) {
        self.children.push_with(|i| (i.to_string().into(), block));
    }

    /// The number of children.
    pub fn len(&self) -> usize {
        self.children.count()
    }

    /// Whether there is no child.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Along the last axis.
impl Default for Concurrent {
    fn default() -> Self {
        Self::new(-1)
    }
}

impl Index<usize> for Concurrent {
    type Output = dyn Block;

    /// # Panics
    /// If there is no such child; [`BlockExt::child`] returns a `Result`.
    fn index(&self, i: usize) -> &dyn Block {
        or_panic(self.child(i as isize))
    }
}

impl Block for Concurrent {
    fn core(&self) -> &BlockCore {
        &self.core
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
        for (_, (key, block)) in self.children.iter() {
            visit(key, Member::Block(block.as_dyn()));
        }
    }

    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        let outputs = self.children.iter().map(|(_, (_, block))| block.call(x));
        let outputs = outputs.collect::<Result<Vec<_>>>()?;
        let joined = concat(&outputs.iter().collect::<Vec<_>>(), self.axis);
        joined.map_err(|error| error.in_block(self.core.name()))
    }

    fn as_dyn(&self) -> &dyn Block {
        self
    }
}

impl Walk for Concurrent {
    fn walk<'a>(&'a self, key: &str, visit: &mut dyn FnMut(&str, Member<'a>)) {
        visit(key, Member::Block(self));
    }
}

impl fmt::Display for Concurrent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_block(f)
    }
}

impl fmt::Debug for Concurrent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let children = self.children();
        f.debug_struct("Concurrent")
            .field("core", &self.core)
            .field("axis", &self.axis)
            .field("children", &children.iter().map(|(_, block)| *block).collect::<Vec<_>>())
            .finish()
    }
}
