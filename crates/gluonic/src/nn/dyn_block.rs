//! Blocks behind pointers: how any block prints, lends its children by index, and is counted.

use std::fmt;
use std::ops::Index;
use std::sync::Arc;

use super::block::{Block, BlockExt, Member};
use super::core::BlockCore;
use crate::array::{DType, NdArray};
use crate::error::{Result, or_panic};
use crate::param::ParameterDict;

/// The class, and in parentheses one line for each child.
pub(super) fn fmt_tree(block: &dyn Block, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}(", block.core().class())?;
    let (mut result, mut any) = (Ok(()), false);
    block.visit(&mut |key, member| {
        if let Member::Block(child) = member {
            any = true;
            // Lines inside a child move in by two.
            let text = child.to_string().replace('\n', "\n  ");
            result = result.and_then(|()| write!(f, "\n  ({key}): {text}"));
        }
    });
    result?;
    f.write_str(if any { "\n)" } else { "\n\n)" })
}

impl fmt::Display for dyn Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_block(f)
    }
}

impl fmt::Debug for dyn Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.core().class(), self.core().name())
    }
}

impl Index<usize> for dyn Block {
    type Output = dyn Block;

    /// # Panics
    /// If there is no such child; [`BlockExt::child`] returns a `Result`.
    fn index(&self, i: usize) -> &dyn Block {
        or_panic(self.child(i as isize))
    }
}

impl Index<&str> for dyn Block {
    type Output = dyn Block;

    /// # Panics
    /// If there is no such child; [`BlockExt::child_named`] returns a `Result`.
    fn index(&self, key: &str) -> &dyn Block {
        or_panic(self.child_named(key))
    }
}

/// A counted block is the block.
impl<B: Block + ?Sized> Block for Arc<B> {
    fn core(&self) -> &BlockCore {
        (**self).core()
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
        (**self).visit(visit);
    }

    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        (**self).forward(x)
    }

    fn as_dyn(&self) -> &dyn Block {
        (**self).as_dyn()
    }

    fn collect_into(&self, params: &mut ParameterDict) -> Result<()> {
        (**self).collect_into(params)
    }

    fn own_dtype(&self, dtype: DType) -> DType {
        (**self).own_dtype(dtype)
    }

    fn is_chain(&self) -> bool {
        (**self).is_chain()
    }

    fn fmt_block(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt_block(f)
    }
}
