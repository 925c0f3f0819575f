//! Renaming as data: rules that lead from the tensors of one file to those of another layout, as
//! another library names, orders, joins and turns them.
//!
//! [`RenameRules`] parse from TOML and print as TOML. [`RenameRules::plan`] checks them against the
//! names, shapes and types of a file and finds all problems at once; [`RenamePlan::make`] then
//! makes one tensor at a time, byte for byte, of any element type. [`suggest`] proposes rules for
//! two layouts.
//!
//! | rule | makes | `axis`, `sizes` | `transpose`, `permute` | back |
//! | --- | --- | --- | --- | --- |
//! | `from`, `to` | the tensor under another key | | of the tensor | `from`, `to` |
//! | `split`, `to = […]` | its parts, equal or of these `sizes` | of the whole | of each part | `concat` |
//! | `concat = […]`, `to` | one tensor of parts, equal or of these `sizes` | of the whole | of each part, before | `split` |
//! | `drop` | nothing | | | no |
//! | `tie = [first, …]` | the first under the other keys too | | | no |
//!
//! ```
//! use gluonic::checkpoint::rename::{RenameRules, TensorInfo};
//! use gluonic_formats::DType;
//! let rules: RenameRules = r#"
//!     [[rule]]
//!     split = "h.{i}.attn.c_attn.weight"
//!     axis = 1
//!     to = ["{i}.q.weight", "{i}.k.weight", "{i}.v.weight"]
//!     transpose = true
//!
//!     [[rule]]
//!     from = "h.{i}.{rest**}"
//!     to = "{i}.{rest**}"
//!
//!     [[rule]]
//!     tie = ["wte.weight", "lm_head.weight"]
//! "#.parse()?;
//! let file = [
//!     TensorInfo::new("wte.weight", [50, 4], DType::F32),
//!     TensorInfo::new("h.0.attn.c_attn.weight", [4, 12], DType::F32),
//!     TensorInfo::new("h.0.ln_1.bias", [4], DType::F32),
//! ];
//! let made: Vec<_> = rules.plan(&file)?.targets().iter().map(ToString::to_string).collect();
//! assert_eq!(made, [
//!     "wte.weight (50, 4) float32",
//!     "0.q.weight (4, 4) float32",
//!     "0.k.weight (4, 4) float32",
//!     "0.v.weight (4, 4) float32",
//!     "0.ln_1.bias (4,) float32",
//!     "lm_head.weight (50, 4) float32",
//! ]);
//! # Ok::<(), gluonic::Error>(())
//! ```
//!
//! # Which rule takes a key
//! Rules are tried in order, and the first that matches a key takes it. A key that none takes stays
//! as it is, or is a problem if the file says `rest = "error"`. A rule that takes no key is shown by
//! the plan, and is a problem if the file says `unused = "error"`. Rules see the keys of the file,
//! not what other rules make: for that there are sequences, `[[then]]` in the file, with rules
//! `[[then.rule]]` and with a `rest` and `unused` of their own. A `tie` is about the keys that the other
//! rules of its set have made: a key that is not there gets the tensor of the first; one that is
//! there must be the same, which is checked when it is made.
//!
//! # Patterns
//! A pattern matches a whole key, as written: `A` is not `a`. Keys have segments, with dots between.
//!
//! | pattern | matches |
//! | --- | --- |
//! | `{name}` | one or more characters of a segment, and captures them |
//! | `{name:q,k,layer*}` | the same, if they are one of these globs |
//! | `{name**}` | any number of whole segments, also none, and the dot beside them |
//! | `*`, `?`, `{a,b}`, `**` | as in [selectors](crate::param::select), without capturing; only in `drop` |
//!
//! A `\` makes the next character an ordinary one. The same capture twice must be the same text;
//! where a key can be taken apart in several ways, the first captures take as little as they can.
//! Both sides of a rule have the same captures, so that nothing of a key is lost.
//!
//! # Axes
//! `permute = [0, 2, 3, 1]` makes axis `i` of the result of axis `permute[i]`, as NumPy;
//! `transpose = true` is `permute = [1, 0]`. A negative `axis` counts from the last. `axis` and
//! `sizes` are always about the tensor that has the parts, so that a `split` and the `concat` that
//! undoes it say the same.

mod assign;
mod error;
mod fused;
mod layout;
mod pattern;
mod plan;
mod propose;
mod recipe;
mod region;
mod rule;
mod step;
mod suggest;
mod text;

pub use error::{RenameProblem, RenameProblemKind, RenameReport, RenameTextError};
pub(super) use plan::Same;
pub use plan::{RenamePlan, RuleMatches, TargetTensor, TensorInfo};
pub(super) use recipe::Made;
pub use recipe::Recipe;
pub(super) use region::Region;
pub use rule::{RenameRules, Rest, Rule, Unused};
pub use suggest::{AmbiguousKey, Evidence, SuggestedMatch, Suggestion, suggest};
