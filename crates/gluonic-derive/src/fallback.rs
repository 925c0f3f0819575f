//! What is written after a mistake: the message, and impls without a body, so that the rest of the
//! program finds the traits and the message stays the only one.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, parse_quote};

use crate::expand::{sendable, walk_and_display};

pub(crate) fn expand(input: &DeriveInput, error: Option<Error>) -> TokenStream {
    let error = error.map(Error::into_compile_error);
    let ident = &input.ident;
    let mut generics = sendable(&input.generics);
    // A lifetime is one of the mistakes: without this it would be reported a second time.
    let lifetimes: Vec<_> = generics.lifetimes().map(|param| param.lifetime.clone()).collect();
    for lifetime in lifetimes {
        generics.make_where_clause().predicates.push(parse_quote!(#lifetime: 'static));
    }
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let walk_and_display = walk_and_display(ident, &generics);
    quote! {
        #error

        #[automatically_derived]
        impl #impl_generics ::gluonic::nn::Block for #ident #ty_generics #where_clause {
            fn core(&self) -> &::gluonic::nn::BlockCore {
                ::std::unreachable!()
            }

            fn visit<'block>(
                &'block self,
                _: &mut dyn ::std::ops::FnMut(&str, ::gluonic::nn::Member<'block>),
            ) {
            }

            fn forward(&self, _: &::gluonic::NdArray) -> ::gluonic::Result<::gluonic::NdArray> {
                ::std::unreachable!()
            }

            fn as_dyn(&self) -> &dyn ::gluonic::nn::Block {
                self
            }
        }

        #walk_and_display
    }
}
