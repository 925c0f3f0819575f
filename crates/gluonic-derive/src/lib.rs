//! The derive macro of gluonic's `Block`. Use it through `gluonic`, which re-exports it; on its own
//! it is of no use, since what it writes names paths `::gluonic::…`.
//!
//! The way of a struct through the crate: `ast` takes it apart, `attr` reads its attributes, `valid`
//! refuses what makes no sense (and holds every message), `expand` writes the impls. After a
//! mistake `fallback` writes impls without a body, so that the mistake is the only error shown.
#![forbid(unsafe_code)]

mod ast;
mod attr;
mod expand;
mod fallback;
mod valid;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct a block: a network, or a part of one.
///
/// Every field takes part: blocks become children and parameters its own, in the order of the
/// declaration, under the field's name; lists, options, arrays and tuples of them too, as
/// `layers.0`, `layers.1`; plain data (numbers, strings) is passed over. A field whose type is
/// neither does not compile, so no parameter is forgotten. One field is the
/// [`BlockCore`](https://docs.rs/gluonic/latest/gluonic/nn/struct.BlockCore.html), which gives the
/// block its name.
///
/// Written are the traits `Block` and `Walk`, and `Display`, which prints the tree of children. The
/// forward is yours: implement `Forward`.
///
/// # Attributes
/// On a field:
///
/// * `#[block(key = "body")]` gives it another key than its name. A key is neither empty nor
///   contains a `.`, which separates the keys of a path. Fields of a tuple struct have their
///   numbers as keys, and a raw identifier is its word: `r#type` has the key `type`.
/// * `#[block(skip)]` leaves it out: for data of a type that gluonic does not know, and for
///   parameters that are on purpose nobody's.
/// * `#[block(core)]` says which field is the core, when its type is not written `BlockCore` or two
///   fields have that type.
///
/// On the struct:
///
/// * `#[block(no_forward)]` is for a block with several inputs or outputs: its forward is
///   `Error::NoForward`, and a method of its own does the work.
/// * `#[block(display = "path")]` prints it by a function
///   `fn(&Self, &mut fmt::Formatter<'_>) -> fmt::Result` instead of as a tree.
/// * `#[block(collect = "path")]` collects its parameters by a function
///   `fn(&Self, &mut ParameterDict) -> gluonic::Result<()>` instead of all of them.
///
/// A path may begin with `Self`, and may stand without quotes, which a `macro_rules` macro needs.
///
/// # Generics
/// A type parameter that stands in a walked field gets the bound `Walk`, and each of them
/// `Send + Sync + 'static`, as every block is; what else `Forward` asks is asked. Only inside an `Arc` or a `Box`, where the block may
/// be of unknown size, the bound is yours: `struct Residual<B: Block + ?Sized> { body: Arc<B>, … }`.
///
/// # Errors
/// Each mistake is a compile error at its place that says what to write instead.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
///
/// #[derive(Block)]
/// struct Mlp {
///     core: BlockCore,
///     hidden: Dense,
///     #[block(key = "output")]
///     out: Dense,
///     calls: usize,
/// }
///
/// impl Mlp {
///     fn new() -> Self {
///         let core = BlockCore::new("Mlp");
///         let (hidden, out) = core.name_scope(|| (Dense::new(256), Dense::new(10)));
///         Mlp { core, hidden, out, calls: 0 }
///     }
/// }
///
/// impl Forward for Mlp {
///     fn forward(&self, x: &NdArray) -> Result<NdArray> {
///         self.out.call(&self.hidden.call(x)?)
///     }
/// }
///
/// let net = Mlp::new();
/// let paths: Vec<String> = net.named_parameters().iter().map(|(path, _)| path.to_string()).collect();
/// assert_eq!(paths, ["hidden.weight", "hidden.bias", "output.weight", "output.bias"]);
/// ```
#[proc_macro_derive(Block, attributes(block))]
pub fn derive_block(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::derive(&input).into()
}
