//! What `#[audited]` makes of a function: its body as a block of its own, and the entries around it.
//!
//! All names are hygienic: none of ours can be seen by the body, nor one of the body's by us.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::visit_mut::{self, VisitMut};
use syn::{Error, Expr, ExprLit, Lit, LitStr, Result, ReturnType, Type, parse_quote};

use crate::arguments::Arguments;
use crate::function::Function;

/// The function with its entries around it.
pub(crate) fn expand(arguments: &Arguments, function: Function) -> Result<TokenStream> {
    let entry = entry(arguments, &function)?;
    let returned = returned(&function);
    let Function { attributes, visibility, signature, body } = function;
    let here = Span::mixed_site();
    let trail = match &arguments.trail {
        Some(trail) => quote_spanned! { here => #trail },
        None => quote_spanned! { here => ::graven::macro_support::TheDefault },
    };
    let is_async = signature.asyncness.is_some();
    let wait = is_async.then(|| quote_spanned! { here => .await });
    let named =
        |name: &str| if is_async { format_ident!("{name}") } else { format_ident!("{name}_blocking") };
    let output = if is_async {
        // Says what the block gives, for `?` and for coercions; never runs.
        quote_spanned! { here =>
            async move {
                #[allow(unreachable_code, clippy::diverging_sub_expression, clippy::empty_loop,
                        clippy::let_unit_value, clippy::let_with_type_underscore, clippy::needless_return)]
                if false {
                    let output: #returned = loop {};
                    return output;
                }
                #body
            }.await
        }
    } else {
        quote_spanned! { here =>
            ::graven::macro_support::once(move || -> #returned #body)
        }
    };
    let verdict = verdict(arguments);
    // One-line bodies keep their braces, so that what they declare stays theirs.
    let output = quote_spanned! { here =>
        #[allow(unused_braces)]
        let output = #output;
    };
    let around = if arguments.intent {
        let (begin, finish) = (named("begin"), named("finish"));
        let begun = if is_async {
            quote_spanned! { here => match ::graven::macro_support::#begin(#trail, entry) {
                ::std::result::Result::Ok(beginning) => beginning.await,
                ::std::result::Result::Err(error) => ::std::result::Result::Err(error),
            }}
        } else {
            quote_spanned! { here => ::graven::macro_support::#begin(#trail, entry) }
        };
        quote_spanned! { here =>
            let act = match #begun {
                ::std::result::Result::Ok(act) => act,
                ::std::result::Result::Err(error) => return ::graven::macro_support::refuse(error),
            };
            #output
            let verdict = #verdict;
            ::graven::macro_support::#finish(act, verdict) #wait;
            output
        }
    } else {
        let end = named("end");
        quote_spanned! { here =>
            let call = ::graven::macro_support::Call::begin(#trail, entry);
            #output
            let verdict = #verdict;
            call.#end(verdict) #wait;
            output
        }
    };
    Ok(quote_spanned! { here =>
        #(#attributes)*
        #visibility #signature {
            let entry = #entry;
            #around
        }
    })
}

/// An expression that gives how the call ended, from its `output`.
fn verdict(arguments: &Arguments) -> TokenStream {
    let here = Span::mixed_site();
    if let Some(judge) = &arguments.outcome {
        return quote_spanned! { here => ::graven::macro_support::judged(&output, #judge) };
    }
    quote_spanned! { here => {
        #[allow(unused_imports)]
        use ::graven::macro_support::{
            ErrorIsMute as _, ErrorSpeaks as _, IsResult as _, IsValue as _, Knows as _, NoError as _,
        };
        #[allow(clippy::needless_borrow)]
        match (&&::graven::macro_support::Returned(&output)).side() {
            ::graven::macro_support::Side::Value(value) => {
                (&&::graven::macro_support::Value(value)).verdict()
            }
            ::graven::macro_support::Side::Error(error) => {
                (&&&::graven::macro_support::Failed(error)).verdict()
            }
        }
    }}
}

/// An expression that gives the entry, as far as it is known before the call.
fn entry(arguments: &Arguments, function: &Function) -> Result<TokenStream> {
    let here = Span::mixed_site();
    let category = arguments.category.expression();
    let action = match &arguments.action {
        Some(action) => text(action),
        None => {
            let name = function.signature.ident.to_string();
            quote_spanned! { here => #name }
        }
    };
    let principal = arguments.principal.as_ref().map(|principal| {
        let principal = text(principal);
        quote_spanned! { here => ::graven::macro_support::set_principal(&mut entry, #principal); }
    });
    let resource = arguments.resource.as_ref().map(|resource| {
        let resource = text(resource);
        quote_spanned! { here => ::graven::macro_support::set_resource(&mut entry, #resource); }
    });
    let names = function.argument_names();
    if let Some(unknown) = arguments.recorded.iter().find(|name| !names.contains(name)) {
        let message = format!("`{}` has no argument `{unknown}`", function.signature.ident);
        return Err(Error::new(unknown.span(), message));
    }
    let recorded = (!arguments.recorded.is_empty()).then(|| {
        let (values, names) = (&arguments.recorded, arguments.recorded.iter().map(ToString::to_string));
        quote_spanned! { here =>
            let mut recorded = ::graven::macro_support::Arguments::default();
            #(recorded.add(#names, &#values);)*
            let entry = recorded.put_into(entry);
        }
    });
    Ok(quote_spanned! { here => {
        #[allow(unused_mut)]
        let mut entry = ::graven::macro_support::entry(#category, #action);
        #principal
        #resource
        #recorded
        entry
    }})
}

/// A string is a format, whose names are those of the function; anything else is what it is.
fn text(value: &Expr) -> TokenStream {
    let here = Span::mixed_site();
    let Expr::Lit(ExprLit { lit: Lit::Str(string), .. }) = value else {
        return quote_spanned! { here => #value };
    };
    if string.value().contains(['{', '}']) {
        let format = LitStr::new(&string.value(), string.span());
        return quote_spanned! { here => ::std::format!(#format) };
    }
    quote_spanned! { here => #string }
}

/// What the body gives; `_` stands for a type that has no name.
fn returned(function: &Function) -> Type {
    /// Takes out the types that may only stand in a signature.
    struct Unnamed;
    impl VisitMut for Unnamed {
        fn visit_type_mut(&mut self, unnamed: &mut Type) {
            if matches!(unnamed, Type::ImplTrait(_)) {
                *unnamed = parse_quote!(_);
            } else {
                visit_mut::visit_type_mut(self, unnamed);
            }
        }
    }
    match &function.signature.output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, returned) => {
            let mut returned = (**returned).clone();
            Unnamed.visit_type_mut(&mut returned);
            returned
        }
    }
}
