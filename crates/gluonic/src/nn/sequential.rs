//! Blocks one after another.

use std::fmt;
use std::ops::{Index, RangeBounds};
use std::sync::Arc;

use super::block::{Block, BlockExt, Member};
use super::core::BlockCore;
use super::walk::Walk;
use crate::array::NdArray;
use crate::error::{Result, or_panic};

/// Blocks that are called one after another, each with the output of the one before. A handle:
/// `clone` is the same block, so one may add to it while a parent holds it.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let inner = Sequential::new();
/// let net = sequential![inner.clone(), Dense::new(10)];
/// inner.add(Dense::new(256).activation(Activation::Relu));
/// assert_eq!(net[0][0].to_string(), "Dense(None -> 256, Activation(relu))");
/// assert_eq!(net.child(-1)?.to_string(), "Dense(None -> 10, linear)");
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/nn/basic_layers.py`, class `Sequential`.
#[derive(Clone)]
pub struct Sequential {
    core: BlockCore,
    /// Grows only, and its elements never move: `net[0]` lends one while another is added.
    children: Arc<boxcar::Vec<Child>>,
}

/// A key and a block.
type Child = (Box<str>, Arc<dyn Block>);

impl Sequential {
    /// With no children yet.
    pub fn new() -> Self {
        Self::with_core(BlockCore::new("Sequential"))
    }

    /// With no children yet, named and printed as Gluon's `HybridSequential`. Nothing else differs:
    /// there is no other way to run it.
    #[doc(alias = "HybridSequential")]
    pub fn hybrid() -> Self {
        Self::with_core(BlockCore::new("HybridSequential"))
    }

    /// With an explicit prefix, used as it is: give it its underscore.
    pub fn with_prefix(prefix: &str) -> Self {
        Self::with_core(BlockCore::with_prefix("Sequential", prefix))
    }

    fn with_core(core: BlockCore) -> Self {
        Sequential { core, children: Arc::default() }
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

    /// The children in order.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Block> {
        self.children.iter().map(|(_, (_, block))| block.as_dyn())
    }

    /// The child number `i` as a counted block, to add it elsewhere.
    ///
    /// # Errors
    /// [`Error::UnknownChild`](crate::Error::UnknownChild) if there is none.
    pub fn shared(&self, i: isize) -> Result<Arc<dyn Block>> {
        let index = if i < 0 { i + self.len() as isize } else { i };
        let found = usize::try_from(index).ok().and_then(|index| self.children.get(index));
        found.map(|(_, block)| block.clone()).ok_or_else(|| crate::Error::UnknownChild {
            block: self.core.name().into(),
            child: i.to_string().into(),
            nearest: Box::default(),
        })
    }

    /// A new block of the same name with some of the same children. A range that reaches beyond
    /// the end is cut there.
    ///
    /// # Source
    /// MXNet 1.9.1, `gluon/nn/basic_layers.py`, `Sequential.__getitem__`.
    #[must_use]
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Sequential {
        let part = Self::with_core(BlockCore::with_prefix_of(&self.core));
        for (i, (_, (_, block))) in self.children.iter().enumerate() {
            if range.contains(&i) {
                part.add_shared(block.clone());
            }
        }
        part
    }
}

impl Default for Sequential {
    fn default() -> Self {
        Self::new()
    }
}

impl Index<usize> for Sequential {
    type Output = dyn Block;

    /// # Panics
    /// If there is no such child; [`BlockExt::child`] returns a `Result`.
    fn index(&self, i: usize) -> &dyn Block {
        or_panic(self.child(i as isize))
    }
}

impl Block for Sequential {
    fn core(&self) -> &BlockCore {
        &self.core
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
        for (_, (key, block)) in self.children.iter() {
            visit(key, Member::Block(block.as_dyn()));
        }
    }

    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        let mut children = self.iter();
        let Some(first) = children.next() else { return Ok(x.clone()) };
        children.try_fold(first.call(x)?, |x, block| block.call(&x))
    }

    fn is_chain(&self) -> bool {
        true
    }

    fn as_dyn(&self) -> &dyn Block {
        self
    }
}

impl Walk for Sequential {
    fn walk<'a>(&'a self, key: &str, visit: &mut dyn FnMut(&str, Member<'a>)) {
        visit(key, Member::Block(self));
    }
}

impl fmt::Display for Sequential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_block(f)
    }
}

impl fmt::Debug for Sequential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let children = self.children();
        f.debug_struct("Sequential")
            .field("core", &self.core)
            .field("children", &children.iter().map(|(_, block)| *block).collect::<Vec<_>>())
            .finish()
    }
}

/// A [`Sequential`] of the given blocks. They are built after it, outside its name scope, as in
/// Gluon's `net.add(…)`.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let net = sequential![Dense::new(8), Dense::new(1)];
/// assert_eq!(net.len(), 2);
/// ```
#[macro_export]
macro_rules! sequential {
    ($($block:expr),* $(,)?) => {{
        let net = $crate::nn::Sequential::new();
        $(net.add($block);)*
        net
    }};
}
