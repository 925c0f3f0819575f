//! Parameters: tensors with a name, a gradient, a rule for their initial values, and a life.
//!
//! ```text
//!            initialize, shape known
//! declared ───────────────────────────────► ready ◄─┐ set_data, load, initialize(Force),
//!    │                                        ▲ └────┘ optimizer steps: in place
//!    │ initialize, shape not known            │
//!    └──────────────► deferred ───────────────┘
//!                       first forward tells the shape
//! ```
//! `cast` alone gives a ready parameter new memory: the parameter and its ties follow, earlier
//! array handles keep the old.

mod dict;
mod display;
mod flat;
mod infer;
mod initialize;
mod parameter;
mod snapshot;
mod spec;
mod state;
mod table;

pub use dict::ParameterDict;
pub(crate) use infer::infer;
pub(crate) use initialize::Staged;
pub use parameter::Parameter;

pub use snapshot::{Change, Snapshot, SnapshotDiff};
pub use spec::ParamSpec;
pub use state::{Kind, Provenance};
