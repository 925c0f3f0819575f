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
mod entries;
mod flat;
mod freeze;
mod grad_rows;
mod infer;
mod init_options;
mod initialize;
mod parameter;
mod replicas;
pub mod select;
mod snapshot;
mod spec;
mod state;
pub(crate) mod table;

pub use dict::ParameterDict;
pub use entries::Iter;
pub(crate) use freeze::Training;
pub use grad_rows::GradRows;
pub(crate) use infer::{infer, is_used, preview};
pub use init_options::InitOptions;
pub use parameter::Parameter;
pub use select::{Compare, Selection, Selector};
pub use snapshot::{Change, Snapshot, SnapshotDiff};
pub use spec::ParamSpec;
pub(crate) use state::Origin;
pub use state::{Kind, Provenance};
