//! A block inside a layer of gluonic, as a block of its own.

use std::sync::Arc;

use gluonic::nn::{BlockCore, Member};
use gluonic::{Block, BlockExt, DType, NdArray, ParameterDict};

/// The child of a layer: of an attention its projections. Layers lend their children; this holds
/// the layer, so that Python may keep the child for longer.
pub(crate) struct Part {
    whole: Arc<dyn Block>,
    key: Box<str>,
}

impl Part {
    pub(crate) fn new(whole: Arc<dyn Block>, key: &str) -> Self {
        Part { whole, key: key.into() }
    }

    fn get(&self) -> &dyn Block {
        // Only keys that a layer has shown are made parts of, and its children stay.
        self.whole.child_named(&self.key).unwrap_or(&*self.whole)
    }
}

impl Block for Part {
    fn core(&self) -> &BlockCore {
        self.get().core()
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
        self.get().visit(visit);
    }

    fn forward(&self, x: &NdArray) -> gluonic::Result<NdArray> {
        self.get().forward(x)
    }

    fn as_dyn(&self) -> &dyn Block {
        self.get().as_dyn()
    }

    fn collect_into(&self, params: &mut ParameterDict) -> gluonic::Result<()> {
        self.get().collect_into(params)
    }

    fn own_dtype(&self, dtype: DType) -> DType {
        self.get().own_dtype(dtype)
    }

    fn fmt_block(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.get().fmt_block(f)
    }
}
