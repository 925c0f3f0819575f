//! What a struct must fulfil, and every message of the macro: first what is wrong, in the words
//! that were typed, then what to write instead.

use std::collections::HashMap;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Error, GenericParam, Ident, LifetimeParam, LitStr};

use crate::ast::{Field, Struct};

/// The mistakes found so far. All are reported, not only the first.
#[derive(Default)]
pub(crate) struct Problems(Option<Error>);

impl Problems {
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            None => self.0 = Some(error),
            Some(errors) => errors.combine(error),
        }
    }

    pub(crate) fn take(&mut self, result: syn::Result<()>) {
        if let Err(error) = result {
            self.push(error);
        }
    }

    pub(crate) fn into_error(self) -> Option<Error> {
        self.0
    }
}

/// A struct that can be a block.
pub(crate) struct Valid<'a> {
    pub(crate) item: &'a Struct<'a>,
    pub(crate) core: &'a Field<'a>,
    /// Those that are shown, with their keys.
    pub(crate) walked: Vec<(&'a Field<'a>, String)>,
}

impl<'a> Valid<'a> {
    /// Checks a struct; `None` if it has no core. Whatever is wrong is added to `problems`.
    pub(crate) fn new(item: &'a Struct<'a>, problems: &mut Problems) -> Option<Self> {
        for param in &item.generics.params {
            if let GenericParam::Lifetime(lifetime) = param {
                problems.push(lifetime_parameter(lifetime));
            }
        }
        for field in &item.fields {
            check_words(field, problems);
        }
        let core = core_of(item, problems)?;
        let walked = item
            .fields
            .iter()
            .filter(|field| field.attrs.skip.is_none() && field.member != core.member)
            .map(|field| (field, field.key()))
            .collect::<Vec<_>>();
        check_keys(&walked, problems);
        Some(Valid { item, core, walked })
    }
}

/// Words of one field that do not go together, and keys that are none.
fn check_words(field: &Field<'_>, problems: &mut Problems) {
    let attrs = &field.attrs;
    if let (Some(skip), Some((key, _))) = (&attrs.skip, &attrs.key) {
        problems.push(excluding_words(skip, key, "what is skipped has no key"));
    }
    if let (Some(skip), Some(core)) = (&attrs.skip, &attrs.core) {
        problems.push(excluding_words(skip, core, "the core is never skipped"));
    }
    if let (Some(core), Some((key, _))) = (&attrs.core, &attrs.key) {
        problems.push(excluding_words(key, core, "the core has no key"));
    }
    if let Some((_, key)) = &attrs.key {
        if key.value().is_empty() {
            problems.push(empty_key(key, &field.name()));
        } else if key.value().contains('.') {
            problems.push(dotted_key(key));
        }
    }
}

/// The field marked as the core, else the only one of the type.
fn core_of<'a>(item: &'a Struct<'a>, problems: &mut Problems) -> Option<&'a Field<'a>> {
    let marked = |field: &&Field<'_>| field.attrs.core.is_some();
    let named = |field: &&Field<'_>| field.is_named_core() && field.attrs.skip.is_none();
    let mut cores: Vec<_> = item.fields.iter().filter(marked).collect();
    if cores.is_empty() {
        cores = item.fields.iter().filter(named).collect();
    }
    let Some((first, others)) = cores.split_first() else {
        let skipped = item.fields.iter().any(Field::is_named_core);
        problems.push(no_core(item.ident, skipped));
        return None;
    };
    for other in others {
        problems.push(match &other.attrs.core {
            Some(word) => second_marked_core(word, &first.name()),
            None => second_core(other, &first.name()),
        });
    }
    Some(first)
}

fn check_keys(walked: &[(&Field<'_>, String)], problems: &mut Problems) {
    let mut owners = HashMap::new();
    for (field, key) in walked {
        let Some(other) = owners.insert(key, *field) else { continue };
        // The key that was typed is at fault, not the name of a field.
        for (field, owner) in [(*field, other), (other, *field)] {
            if let Some((_, literal)) = &field.attrs.key {
                problems.push(duplicate_key(literal, &owner.name()));
                break;
            }
        }
    }
}

/// Where an attribute stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Struct,
    Field,
}

impl Place {
    /// The words that are known there.
    fn known(self) -> &'static str {
        match self {
            Place::Struct => "`no_forward`, `display = \"path\"`, `collect = \"path\"`",
            Place::Field => "`skip`, `key = \"name\"`, `core`",
        }
    }

    fn of(word: &Ident) -> Option<Self> {
        match &*word.to_string() {
            "no_forward" | "display" | "collect" => Some(Place::Struct),
            "skip" | "key" | "core" => Some(Place::Field),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Place::Struct => "the struct",
            Place::Field => "a field",
        }
    }
}

fn error(at: impl ToTokens, message: String) -> Error {
    Error::new_spanned(at, message)
}

pub(crate) fn not_a_struct(keyword: impl ToTokens, ident: &Ident) -> Error {
    let word = keyword.to_token_stream();
    let message = format!(
        "`{word} {ident}` cannot derive `Block`, only a struct can; \
         make it a struct, with an `Option` or a `Box<dyn Block>` for what varies"
    );
    error(keyword, message)
}

fn lifetime_parameter(param: &LifetimeParam) -> Error {
    let lifetime = &param.lifetime;
    let message = format!(
        "a block cannot have the lifetime parameter `{lifetime}`, since it owns what it consists \
         of; hold clones or an `Arc` instead of references"
    );
    error(lifetime, message)
}

fn no_core(ident: &Ident, skipped: bool) -> Error {
    let remedy = if skipped {
        "take `skip` off that field"
    } else {
        "add `core: BlockCore`, which gives the block its name"
    };
    error(ident, format!("`{ident}` has no field of the type `BlockCore` to be its core; {remedy}"))
}

fn second_core(field: &Field<'_>, first: &str) -> Error {
    let message = format!(
        "`{}` is a second `BlockCore` after `{first}`; remove one, or mark the block's own with \
         `#[block(core)]`",
        field.name()
    );
    error(&field.original.ty, message)
}

fn second_marked_core(word: &Ident, first: &str) -> Error {
    let message =
        format!("`#[block({word})]` is already on `{first}`, and a block has one core; remove one");
    error(word, message)
}

fn excluding_words(at: &Ident, other: &Ident, why: &str) -> Error {
    error(at, format!("`{at}` cannot stand beside `{other}`, since {why}; remove one"))
}

fn empty_key(key: &LitStr, name: &str) -> Error {
    let message = format!(
        "the key `\"\"` is empty; write one, or remove `key` to use the field's name `{name}`"
    );
    error(key, message)
}

fn dotted_key(key: &LitStr) -> Error {
    let value = key.value();
    let message = format!(
        "the key `{value}` contains a `.`, which separates the keys of a path; write `\"{}\"`",
        value.replace('.', "_")
    );
    error(key, message)
}

fn duplicate_key(key: &LitStr, owner: &str) -> Error {
    let message = format!(
        "the key `{}` is already that of the field `{owner}`; write another, or put \
         `#[block(skip)]` on `{owner}` if it holds no parameters",
        key.value()
    );
    error(key, message)
}

pub(crate) fn unknown_word(word: &Ident, place: Place) -> Error {
    let message = match Place::of(word) {
        Some(right) => format!(
            "`{word}` belongs on {}, not on {}, where these words are known: {}",
            right.name(),
            place.name(),
            place.known()
        ),
        None => format!(
            "unknown word `{word}` in `#[block(…)]` on {}; these are known: {}",
            place.name(),
            place.known()
        ),
    };
    error(word, message)
}

pub(crate) fn not_a_word(token: &TokenTree, place: Place) -> Error {
    let message = format!("expected a word, found `{token}`; these are known: {}", place.known());
    error(token, message)
}

pub(crate) fn no_words(attr: &Attribute, place: Place) -> Error {
    let message = format!(
        "`{}` has no words in parentheses; write `#[block(…)]` with one of {}, or remove it",
        attr.to_token_stream(),
        place.known()
    );
    error(attr, message)
}

pub(crate) fn no_comma(word: &Ident, found: &TokenTree) -> Error {
    error(found, format!("expected `,` after `{word}`, found `{found}`"))
}

pub(crate) fn repeated_word(word: &Ident) -> Error {
    error(word, format!("`{word}` is there already; remove one"))
}

pub(crate) fn value_of_flag(word: &Ident, value: &TokenStream) -> Error {
    let remedy = format!("write `#[block({word})]`, or remove it to mean no");
    if value.is_empty() {
        return error(word, format!("`{word}` takes no value; {remedy}"));
    }
    error(value, format!("`{word}` takes no value, found `{value}`; {remedy}"))
}

pub(crate) fn not_a_string(word: &Ident, value: &TokenStream) -> Error {
    if value.is_empty() {
        return error(word, format!("`{word}` takes a string; write `{word} = \"name\"`"));
    }
    let example = match syn::parse2::<Ident>(value.clone()) {
        Ok(ident) => ident.to_string(),
        Err(_) => "name".to_owned(),
    };
    let message =
        format!("`{word}` takes a string, found `{value}`; write `{word} = \"{example}\"`");
    error(value, message)
}

pub(crate) fn not_a_path(word: &Ident, value: &TokenStream) -> Error {
    let remedy = format!("write `{word} = \"path::to::function\"`");
    if value.is_empty() {
        return error(word, format!("`{word}` takes the path of a function; {remedy}"));
    }
    let message = format!("`{word}` takes the path of a function, found `{value}`; {remedy}");
    error(value, message)
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;
    use syn::DeriveInput;

    use super::{Problems, Valid};
    use crate::ast::Struct;

    /// Compares the messages about an item up to their remedy; the whole of them, and their places,
    /// are in `tests/ui`.
    #[track_caller]
    fn check(item: TokenStream, expected: &[&str]) {
        let item: DeriveInput = syn::parse2(item).unwrap();
        let mut problems = Problems::default();
        if let Some(item) = Struct::from_syn(&item, &mut problems) {
            Valid::new(&item, &mut problems);
        }
        let messages: Vec<_> = problems.into_error().into_iter().flatten().collect();
        let messages: Vec<_> = messages.iter().map(ToString::to_string).collect();
        let facts: Vec<_> = messages.iter().filter_map(|text| text.split("; ").next()).collect();
        assert_eq!(facts, expected);
    }

    /// A struct with one field more, that is `hidden: Dense`.
    #[track_caller]
    fn check_field(attribute: TokenStream, expected: &[&str]) {
        check(quote! { struct Net { core: BlockCore, #attribute hidden: Dense } }, expected);
    }

    #[test]
    fn what_is_right_gives_no_message() {
        check_field(quote!(), &[]);
        check_field(quote!(#[block(skip)]), &[]);
        check_field(quote!(#[block(key = "body",)]), &[]);
        check_field(quote!(#[block(key = r"body")] #[serde(skip)] #[doc = "The body."]), &[]);
        check(
            quote! { #[block(no_forward)] #[block(display = f)] struct Net(nn::BlockCore); },
            &[],
        );
        check(quote! { #[block(display = "a::b", collect = "c")] struct Net(BlockCore); }, &[]);
    }

    #[test]
    fn only_structs_with_one_core_are_blocks() {
        check(quote! { enum Net {} }, &["`enum Net` cannot derive `Block`, only a struct can"]);
        let none = ["`Net` has no field of the type `BlockCore` to be its core"];
        check(quote! { struct Net; }, &none);
        check(quote! { struct Net(Box<BlockCore>); }, &none);
        check(
            quote! { struct Net(BlockCore, BlockCore, a::BlockCore); },
            &["`1` is a second `BlockCore` after `0`", "`2` is a second `BlockCore` after `0`"],
        );
    }

    #[test]
    fn keys_differ_and_are_one_step_of_a_path() {
        check_field(quote!(#[block(key = "")]), &["the key `\"\"` is empty"]);
        check_field(
            quote!(#[block(key = "a.b")]),
            &["the key `a.b` contains a `.`, which separates the keys of a path"],
        );
        check(
            quote! { struct Net(BlockCore, #[block(key = "2")] Dense, Dense); },
            &["the key `2` is already that of the field `2`"],
        );
        check(
            quote! {
                struct Net(BlockCore, #[block(key = "a")] Dense, #[block(key = "a")] Dense);
            },
            &["the key `a` is already that of the field `1`"],
        );
        check(
            quote! { struct Net(BlockCore, #[block(key = "2")] Dense, #[block(skip)] Dense); },
            &[],
        );
        check(quote! { struct Net(BlockCore, #[block(key = "0")] Dense); }, &[]);
    }

    #[test]
    fn words_have_their_form() {
        check_field(quote!(#[block(skip())]), &["expected `,` after `skip`, found `()`"]);
        check_field(quote!(#[block(skip, skip)]), &["`skip` is there already"]);
        check_field(quote!(#[block(skip = )]), &["`skip` takes no value"]);
        check_field(quote!(#[block(key = )]), &["`key` takes a string"]);
        check_field(quote!(#[block(key = "a"x)]), &["`key` takes a string, found `\"a\"x`"]);
        check_field(quote!(#[block(key = 3)]), &["`key` takes a string, found `3`"]);
        check_field(quote!(#[block()]), &["`# [block ()]` has no words in parentheses"]);
        check_field(
            quote!(#[block = "skip"]),
            &["`# [block = \"skip\"]` has no words in parentheses"],
        );
        check_field(quote!(#[block(,)]), &["expected a word, found `,`"]);
        check_field(quote!(#[block(type)]), &["unknown word `type` in `#[block(…)]` on a field"]);
        check(
            quote! { #[block(display)] struct Net(BlockCore); },
            &["`display` takes the path of a function"],
        );
        check(
            quote! { #[block(collect = stringify!(f))] struct Net(BlockCore); },
            &["`collect` takes the path of a function, found `stringify ! (f)`"],
        );
    }

    #[test]
    fn every_mistake_is_reported_once() {
        check(
            quote! {
                #[block(deep)]
                struct Net<'a> {
                    #[block(core, skip, key = "")]
                    core: BlockCore,
                    text: &'a str,
                }
            },
            &[
                "unknown word `deep` in `#[block(…)]` on the struct",
                "a block cannot have the lifetime parameter `'a`, since it owns what it consists of",
                "`skip` cannot stand beside `key`, since what is skipped has no key",
                "`skip` cannot stand beside `core`, since the core is never skipped",
                "`key` cannot stand beside `core`, since the core has no key",
                "the key `\"\"` is empty",
            ],
        );
    }
}
