//! Selectors: one small language that says which parameters are meant, for every verb that takes
//! some of them; and selections, what a selector found in a model.
//!
//! | term | takes the parameters |
//! | --- | --- |
//! | `encoder.*.attn.{q,k}.weight` | with a path that the glob matches as a whole |
//! | `name:dense?_*` | with a global name that the glob matches as a whole |
//! | `re:.*\.(q\|k)\.weight` | with a path or name that the regular expression matches as a whole |
//! | `kind:weight` | of a kind: `weight`, `bias`, `statistic` or `constant` |
//! | `dtype:float32` | of an element type |
//! | `rank:2`, `rank:>=2` | with so many axes; none of which the rank is not known |
//! | `size:256`, `size:>1e6` | with so many elements; none of which the shape is not known |
//! | `tag:head` | with a tag |
//! | `frozen`, `trained` | that are frozen; that have a gradient |
//! | `tied` | that stand on several paths |
//!
//! Terms are joined by `!` (not), `&` (and) and `|` (or), of which `!` binds most and `|` least, and
//! by parentheses. Spaces between them mean nothing.
//!
//! In a glob `*` stands for any part of a segment, `?` for one character of it, `{a,b}` for either,
//! and a segment `**` for any number of segments, also none. A `\` before any other special
//! character makes it an ordinary one: `a\*b`, `\frozen`. The value of `re:` and `tag:` can be put
//! in quotation marks instead, with `""` for a `"` in it; without them it ends at a space, and at
//! an operator or parenthesis that is not inside the regular expression's own brackets.
//!
//! ```
//! use gluonic::prelude::*;
//! let net = sequential![Dense::new(8), Dense::new(8), Dense::new(2)];
//! net.initialize()?;
//! assert_eq!(net.freeze("{0,1}.** & kind:weight")?, 2);
//! let refused = net.select("2.wieght")?.freeze().unwrap_err();
//! assert_eq!(refused.hint().unwrap(), "did you mean `2.weight` or `0.weight` or `1.weight`?");
//! # Ok::<(), gluonic::Error>(())
//! ```

mod error;
mod explain;
mod glob;
mod matching;
mod parse;
mod print;
mod regex;
mod selection;
mod selector;
mod siblings;
mod source;
mod statistics;
mod term;
mod verbs;

pub use error::{NothingSelected, SelectorError};
pub use explain::{Explanation, TermMatches};
pub use selection::Selection;
pub use selector::{IntoSelector, Selector};
pub use siblings::Gap;
pub(crate) use source::{Part, Source};
pub use statistics::{ParameterStatistics, Statistics};
pub use term::Compare;
