//! The struct as the macro sees it.

use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Generics, Ident, Index, Member, Type};

use crate::attr::{FieldAttrs, StructAttrs};
use crate::valid::{self, Problems};

/// A struct with `#[derive(Block)]`, not checked yet.
pub(crate) struct Struct<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) generics: &'a Generics,
    pub(crate) attrs: StructAttrs,
    pub(crate) fields: Vec<Field<'a>>,
}

pub(crate) struct Field<'a> {
    pub(crate) original: &'a syn::Field,
    pub(crate) member: Member,
    pub(crate) attrs: FieldAttrs,
}

impl<'a> Struct<'a> {
    /// Takes an item apart; `None` if it is no struct.
    pub(crate) fn from_syn(item: &'a DeriveInput, problems: &mut Problems) -> Option<Self> {
        let data = match &item.data {
            Data::Struct(data) => data,
            Data::Enum(data) => {
                problems.push(valid::not_a_struct(data.enum_token, &item.ident));
                return None;
            }
            Data::Union(data) => {
                problems.push(valid::not_a_struct(data.union_token, &item.ident));
                return None;
            }
        };
        let attrs = StructAttrs::from_syn(&item.attrs, problems);
        let fields = data.fields.iter().zip(0..).map(|(field, i)| Field {
            original: field,
            member: match &field.ident {
                Some(ident) => Member::Named(ident.clone()),
                None => Member::Unnamed(Index::from(i)),
            },
            attrs: FieldAttrs::from_syn(&field.attrs, problems),
        });
        let fields = fields.collect();
        Some(Struct { ident: &item.ident, generics: &item.generics, attrs, fields })
    }
}

impl Field<'_> {
    /// The field's name without `r#`, or its number.
    pub(crate) fn name(&self) -> String {
        match &self.member {
            Member::Named(ident) => ident.unraw().to_string(),
            Member::Unnamed(index) => index.index.to_string(),
        }
    }

    /// The key under which the field is shown: the one that was given, else its name.
    pub(crate) fn key(&self) -> String {
        self.attrs.key.as_ref().map_or_else(|| self.name(), |(_, key)| key.value())
    }

    /// Whether its type is written `BlockCore`, with a path or without.
    pub(crate) fn is_named_core(&self) -> bool {
        let mut ty = &self.original.ty;
        loop {
            ty = match ty {
                Type::Group(group) => &group.elem,
                Type::Paren(paren) => &paren.elem,
                Type::Path(path) => {
                    return path.path.segments.last().is_some_and(|last| last.ident == "BlockCore");
                }
                _ => return false,
            };
        }
    }
}
