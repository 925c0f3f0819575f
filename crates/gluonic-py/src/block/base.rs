//! The layer of gluonic that a Python block is built on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gluonic::NdArray;

use crate::layers::Layer;

/// A layer, and whether Python has taken its activation's place.
pub(super) struct Base {
    whole: Arc<dyn gluonic::Block>,
    /// The layer without its activation.
    bare: Arc<dyn gluonic::Block>,
    own_activation: AtomicBool,
    tells: bool,
}

impl Base {
    pub(super) fn of(layer: &Layer) -> Self {
        Base {
            whole: layer.get(),
            bare: layer.bare(),
            own_activation: AtomicBool::new(false),
            tells: layer.tells(),
        }
    }

    /// The layer as it was made.
    pub(super) fn whole(&self) -> &dyn gluonic::Block {
        &*self.whole
    }

    /// The part of the layer that is in use: without an activation that Python has replaced.
    pub(super) fn used(&self) -> &dyn gluonic::Block {
        if self.has_own_activation() { &*self.bare } else { &*self.whole }
    }

    /// Runs what is in use of the layer.
    pub(super) fn forward(&self, x: &NdArray) -> gluonic::Result<NdArray> {
        self.used().forward(x)
    }

    /// Says that Python has put an activation of its own there.
    pub(super) fn use_own_activation(&self) {
        self.own_activation.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn has_own_activation(&self) -> bool {
        self.own_activation.load(Ordering::Relaxed)
    }

    /// Whether the layer's calls tell hooks and summaries of themselves, also from inside Python's
    /// `forward`.
    pub(super) fn tells(&self) -> bool {
        self.tells
    }
}
