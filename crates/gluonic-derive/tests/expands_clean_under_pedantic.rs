//! What the macro writes gives no warning in a crate that asks for all of them. `cargo clippy
//! --all-targets` is the test; running it shows that it compiles without warnings of rustc.
#![deny(warnings)]
#![deny(missing_docs, missing_debug_implementations, unreachable_pub, unused_qualifications)]
#![deny(single_use_lifetimes, unused_lifetimes, explicit_outlives_requirements)]
#![deny(trivial_casts, elided_lifetimes_in_paths, let_underscore_drop, unused_results)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery)]
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;

use gluonic::nn::{BlockCore, Dense, Forward};
use gluonic::{Block, NdArray, ParameterDict, Result};

/// With everything.
#[derive(Clone, Debug, Block)]
#[block(display = "Self::fmt_net", collect = "collect")]
pub struct Net<A: Block, const N: usize> {
    core: BlockCore,
    /// With a name of its own.
    #[block(key = "body")]
    hidden: A,
    layers: [Option<Dense>; N],
    shared: Arc<dyn Block>,
    #[block(skip)]
    seen: Vec<A>,
}

impl<A: Block, const N: usize> Net<A, N> {
    fn fmt_net(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} seen", self.core.name(), self.seen.len())
    }
}

#[allow(clippy::result_large_err)] // the size of the error is gluonic's matter
fn collect<A: Block, const N: usize>(net: &Net<A, N>, params: &mut ParameterDict) -> Result<()> {
    net.hidden.collect_into(params)
}

impl<A: Block, const N: usize> Forward for Net<A, N> {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        self.shared.forward(x)
    }
}

/// With as little as possible.
#[derive(Debug, Block)]
#[block(no_forward)]
pub struct Empty(BlockCore);

/// With something old.
#[derive(Debug, Block)]
#[block(no_forward)]
pub struct Old {
    core: BlockCore,
    /// As it was.
    #[deprecated]
    pub old: Dense,
}

#[test]
fn it_works_too() {
    let dense = || Dense::new(1);
    let core = || BlockCore::new("Net");
    let block = Empty(core());
    assert_eq!(block.core().class(), "Net");
    #[allow(deprecated)]
    let old = Old { core: core(), old: dense() };
    assert_eq!(old.core().class(), "Net");
}
