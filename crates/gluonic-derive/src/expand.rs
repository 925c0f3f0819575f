//! The impls that are written for a struct.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, GenericArgument, Generics, Ident, PathArguments, Type, parse_quote};

use crate::ast::{Field, Struct};
use crate::fallback;
use crate::valid::{Problems, Valid};

/// The impls of a struct, or its mistakes.
pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let mut problems = Problems::default();
    let item = Struct::from_syn(input, &mut problems);
    let valid = item.as_ref().and_then(|item| Valid::new(item, &mut problems));
    match (problems.into_error(), valid) {
        (None, Some(valid)) => expand(&valid),
        (error, _) => fallback::expand(input, error),
    }
}

fn expand(valid: &Valid<'_>) -> TokenStream {
    let ident = valid.item.ident;
    let generics = bounded(valid);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let core = core(valid.core);
    let visit = visit(valid);
    let forward = forward(valid, &quote!(#ident #ty_generics));
    let collect_into = collect_into(valid);
    let fmt_block = fmt_block(valid);
    let walk_and_display = walk_and_display(ident, &generics);
    quote! {
        #[automatically_derived]
        impl #impl_generics ::gluonic::nn::Block for #ident #ty_generics #where_clause {
            #core
            #visit
            #forward

            fn as_dyn(&self) -> &dyn ::gluonic::nn::Block {
                self
            }

            #collect_into
            #fmt_block
        }

        #walk_and_display
    }
}

/// What every block has, whatever it consists of.
pub(crate) fn walk_and_display(ident: &Ident, generics: &Generics) -> TokenStream {
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics ::gluonic::nn::Walk for #ident #ty_generics #where_clause {
            fn walk<'block>(
                &'block self,
                key: &str,
                visit: &mut dyn ::std::ops::FnMut(&str, ::gluonic::nn::Member<'block>),
            ) {
                visit(key, ::gluonic::nn::Member::Block(self));
            }
        }

        #[automatically_derived]
        impl #impl_generics ::std::fmt::Display for #ident #ty_generics #where_clause {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::gluonic::nn::Block::fmt_block(self, f)
            }
        }
    }
}

fn core(field: &Field<'_>) -> TokenStream {
    let member = &field.member;
    // A core of another type is an error there, where the type stands.
    let place = field.original.ty.span().resolved_at(Span::call_site());
    let core = quote_spanned!(place=> &self.#member);
    quote! {
        fn core(&self) -> &::gluonic::nn::BlockCore {
            #core
        }
    }
}

fn visit(valid: &Valid<'_>) -> TokenStream {
    let steps = valid.walked.iter().map(|(field, key)| {
        let (member, ty) = (&field.member, &field.original.ty);
        // Written with its type, so that one that cannot be walked is underlined as a whole.
        quote!(<#ty as ::gluonic::nn::Walk>::walk(&self.#member, #key, visit);)
    });
    let unused = valid.walked.is_empty().then(|| quote!(let _ = visit;));
    quote! {
        #[allow(deprecated)]
        fn visit<'block>(
            &'block self,
            visit: &mut dyn ::std::ops::FnMut(&str, ::gluonic::nn::Member<'block>),
        ) {
            #(#steps)*
            #unused
        }
    }
}

fn forward(valid: &Valid<'_>, this: &TokenStream) -> TokenStream {
    if valid.item.attrs.no_forward {
        return quote! {
            fn forward(&self, _: &::gluonic::NdArray) -> ::gluonic::Result<::gluonic::NdArray> {
                ::std::result::Result::Err(::gluonic::Error::NoForward {
                    block: ::std::convert::From::from(::gluonic::nn::Block::core(self).class()),
                })
            }
        };
    }
    quote! {
        fn forward(&self, x: &::gluonic::NdArray) -> ::gluonic::Result<::gluonic::NdArray> {
            <#this as ::gluonic::nn::Forward>::forward(self, x)
        }
    }
}

fn collect_into(valid: &Valid<'_>) -> Option<TokenStream> {
    let path = valid.item.attrs.collect.as_ref()?;
    // The path is the user's, so no name of ours may hide what it means.
    let params = Ident::new("params", Span::mixed_site());
    Some(quote! {
        fn collect_into(
            &self,
            #params: &mut ::gluonic::ParameterDict,
        ) -> ::gluonic::Result<()> {
            #path(self, #params)
        }
    })
}

fn fmt_block(valid: &Valid<'_>) -> Option<TokenStream> {
    let path = valid.item.attrs.display.as_ref()?;
    let f = Ident::new("f", Span::mixed_site());
    Some(quote! {
        fn fmt_block(&self, #f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            #path(self, #f)
        }
    })
}

/// The struct's generics with the bounds that a block needs.
fn bounded(valid: &Valid<'_>) -> Generics {
    let mut generics = sendable(valid.item.generics);
    let params: Vec<Ident> = generics.type_params().map(|param| param.ident.clone()).collect();
    for param in &params {
        if valid.walked.iter().any(|(field, _)| holds(&field.original.ty, param)) {
            generics.make_where_clause().predicates.push(parse_quote!(#param: ::gluonic::nn::Walk));
        }
    }
    if !(params.is_empty() || valid.item.attrs.no_forward) {
        // So the bounds of the forward need not be repeated on the struct.
        let ident = valid.item.ident;
        let (_, ty_generics, _) = valid.item.generics.split_for_impl();
        let forward = parse_quote!(#ident #ty_generics: ::gluonic::nn::Forward);
        generics.make_where_clause().predicates.push(forward);
    }
    generics
}

/// The generics with the bounds that every block needs: it may go to other threads and owns what
/// it consists of.
pub(crate) fn sendable(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    let params: Vec<Ident> = generics.type_params().map(|param| param.ident.clone()).collect();
    for param in params {
        generics.make_where_clause().predicates.push(parse_quote! {
            #param: ::std::marker::Send + ::std::marker::Sync + 'static
        });
    }
    generics
}

/// Whether values of the type parameter are walked when those of the type are. Not if they stand
/// directly in a pointer, which shows a block of any size.
fn holds(ty: &Type, param: &Ident) -> bool {
    match ty {
        Type::Group(group) => holds(&group.elem, param),
        Type::Paren(paren) => holds(&paren.elem, param),
        Type::Array(array) => holds(&array.elem, param),
        Type::Tuple(tuple) => tuple.elems.iter().any(|elem| holds(elem, param)),
        Type::Path(path) if path.qself.is_none() => {
            is(ty, param)
                || path.path.segments.iter().any(|segment| {
                    let pointer = segment.ident == "Arc" || segment.ident == "Box";
                    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
                        return false;
                    };
                    arguments.args.iter().any(|argument| match argument {
                        GenericArgument::Type(inner) => {
                            holds(inner, param) && !(pointer && is(inner, param))
                        }
                        _ => false,
                    })
                })
        }
        _ => false,
    }
}

fn is(ty: &Type, param: &Ident) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident(param))
}

#[cfg(test)]
mod tests {
    use quote::{format_ident, quote};
    use syn::parse_quote;

    use super::{derive, holds};

    #[test]
    fn a_pointer_to_a_type_parameter_asks_nothing_of_it() {
        let b = format_ident!("B");
        for ty in [quote!(B), quote!(Vec<B>), quote!((u8, [B; 2])), quote!(Arc<Vec<B>>)] {
            let ty = syn::parse2(ty).unwrap();
            assert!(holds(&ty, &b), "{}", quote!(#ty));
        }
        for ty in
            [quote!(Arc<B>), quote!(Vec<Box<B>>), quote!(x::B), quote!(B::C), quote!(&'static B)]
        {
            let ty = syn::parse2(ty).unwrap();
            assert!(!holds(&ty, &b), "{}", quote!(#ty));
        }
    }

    #[test]
    fn the_traits_are_there_after_a_mistake_too() {
        let good = derive(&parse_quote! { struct Net<B> { core: BlockCore, body: Vec<B> } });
        let bad = derive(&parse_quote! { enum Net<B> { Body(B) } });
        for (tokens, messages) in [(good, 0), (bad, 1)] {
            let text = tokens.to_string();
            for name in ["nn :: Block", "nn :: Walk", "fmt :: Display"] {
                assert!(text.contains(&format!("{name} for Net < B > where B :")), "{text}");
            }
            assert_eq!(text.matches("compile_error").count(), messages, "{text}");
        }
    }
}
