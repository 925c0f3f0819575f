//! The words in `#[block(…)]`.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Ident, LitStr, Meta, Path, Token};

use crate::valid::{self, Place, Problems};

/// What stands on the struct.
#[derive(Default)]
pub(crate) struct StructAttrs {
    pub(crate) no_forward: bool,
    pub(crate) display: Option<Path>,
    pub(crate) collect: Option<Path>,
}

/// What stands on a field, each with the word itself, to point at.
#[derive(Default)]
pub(crate) struct FieldAttrs {
    pub(crate) core: Option<Ident>,
    pub(crate) skip: Option<Ident>,
    pub(crate) key: Option<(Ident, LitStr)>,
}

impl StructAttrs {
    pub(crate) fn from_syn(attrs: &[Attribute], problems: &mut Problems) -> Self {
        let mut found = StructAttrs::default();
        let mut no_forward = None;
        for word in words(attrs, Place::Struct, problems) {
            let name = &word.name;
            problems.take(match &*name.to_string() {
                "no_forward" => word.flag().and_then(|()| set(&mut no_forward, name, ())),
                "display" => word.path().and_then(|path| set(&mut found.display, name, path)),
                "collect" => word.path().and_then(|path| set(&mut found.collect, name, path)),
                _ => Err(valid::unknown_word(name, Place::Struct)),
            });
        }
        found.no_forward = no_forward.is_some();
        found
    }
}

impl FieldAttrs {
    pub(crate) fn from_syn(attrs: &[Attribute], problems: &mut Problems) -> Self {
        let mut found = FieldAttrs::default();
        for word in words(attrs, Place::Field, problems) {
            let name = &word.name;
            problems.take(match &*name.to_string() {
                "core" => word.flag().and_then(|()| set(&mut found.core, name, name.clone())),
                "skip" => word.flag().and_then(|()| set(&mut found.skip, name, name.clone())),
                "key" => word
                    .string()
                    .and_then(|string| set(&mut found.key, name, (name.clone(), string))),
                _ => Err(valid::unknown_word(name, Place::Field)),
            });
        }
        found
    }
}

/// `skip`, or `key = "body"`.
struct Word {
    name: Ident,
    value: Option<TokenStream>,
}

impl Word {
    fn flag(&self) -> syn::Result<()> {
        match &self.value {
            None => Ok(()),
            Some(value) => Err(valid::value_of_flag(&self.name, value)),
        }
    }

    fn string(&self) -> syn::Result<LitStr> {
        let value = self.value.clone().unwrap_or_default();
        match syn::parse2::<LitStr>(value.clone()) {
            Ok(string) if string.suffix().is_empty() => Ok(string),
            _ => Err(valid::not_a_string(&self.name, &value)),
        }
    }

    /// A path in quotes, or without for the sake of `macro_rules`, which cannot put it in quotes.
    fn path(&self) -> syn::Result<Path> {
        let value = self.value.clone().unwrap_or_default();
        let path = match syn::parse2::<LitStr>(value.clone()) {
            Ok(string) => string.parse_with(Path::parse_mod_style),
            Err(_) => Path::parse_mod_style.parse2(value.clone()),
        };
        path.map_err(|_| valid::not_a_path(&self.name, &value))
    }
}

/// The words of every `#[block(…)]` among `attrs`.
fn words(attrs: &[Attribute], place: Place, problems: &mut Problems) -> Vec<Word> {
    let mut words = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("block")) {
        match &attr.meta {
            Meta::List(list) if !list.tokens.is_empty() => {
                let parser = |input: ParseStream<'_>| parse_words(input, place, &mut words);
                problems.take(parser.parse2(list.tokens.clone()));
            }
            _ => problems.push(valid::no_words(attr, place)),
        }
    }
    words
}

fn parse_words(input: ParseStream<'_>, place: Place, words: &mut Vec<Word>) -> syn::Result<()> {
    while !input.is_empty() {
        let Ok(name) = input.call(Ident::parse_any) else {
            return Err(valid::not_a_word(&input.parse::<TokenTree>()?, place));
        };
        let value = if input.parse::<Option<Token![=]>>()?.is_some() {
            let mut value = TokenStream::new();
            while !(input.is_empty() || input.peek(Token![,])) {
                value.extend([input.parse::<TokenTree>()?]);
            }
            Some(value)
        } else {
            None
        };
        if !input.is_empty() && input.parse::<Option<Token![,]>>()?.is_none() {
            return Err(valid::no_comma(&name, &input.parse::<TokenTree>()?));
        }
        words.push(Word { name, value });
    }
    Ok(())
}

fn set<T>(slot: &mut Option<T>, word: &Ident, value: T) -> syn::Result<()> {
    if slot.is_some() {
        return Err(valid::repeated_word(word));
    }
    *slot = Some(value);
    Ok(())
}
