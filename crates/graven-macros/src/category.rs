//! The category of an audited call: one of the nine, a name, or an expression.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, ExprLit, ExprPath, Ident, Lit, Result};

/// The variants that a caller may use, and their names in JSON.
pub(crate) const KNOWN: [(&str, &str); 9] = [
    ("Api", "api"),
    ("ToolExecution", "tool_execution"),
    ("Session", "session"),
    ("Cognition", "cognition"),
    ("Swarm", "swarm"),
    ("Auth", "auth"),
    ("K8s", "k8s"),
    ("Sandbox", "sandbox"),
    ("Config", "config"),
];

/// The most bytes of a name of one's own.
pub(crate) const NAME_BYTES_MAX: usize = 64;

/// How the category is given.
pub(crate) enum Category {
    /// `ToolExecution`
    Known(Ident),
    /// `"billing"`
    Own(String, Span),
    /// Anything that gives a `graven::Category`.
    Given(Box<Expr>),
}

impl Parse for Category {
    fn parse(input: ParseStream<'_>) -> Result<Category> {
        match input.parse()? {
            Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => named(&name.value(), name.span()),
            Expr::Path(ExprPath { qself: None, path, .. }) if path.get_ident().is_some() => {
                let ident = path.get_ident().cloned().expect("it was just seen");
                if KNOWN.iter().any(|(variant, _)| ident == variant) {
                    return Ok(Category::Known(ident));
                }
                // A constant or a variable is an expression; what looks like a variant is a mistake.
                let is_variant = ident.to_string().chars().any(char::is_lowercase)
                    && ident.to_string().starts_with(char::is_uppercase);
                if is_variant {
                    let known: Vec<&str> = KNOWN.iter().map(|(variant, _)| *variant).collect();
                    let message = format!(
                        "`{ident}` is none of {}; a category of your own is a string in snake_case",
                        known.join(", ")
                    );
                    return Err(Error::new(ident.span(), message));
                }
                Ok(Category::Given(Box::new(Expr::Path(ExprPath { attrs: vec![], qself: None, path }))))
            }
            other => Ok(Category::Given(Box::new(other))),
        }
    }
}

/// A category by its name in JSON. Checked here, so that it cannot be refused when it is recorded.
fn named(name: &str, span: Span) -> Result<Category> {
    if let Some((variant, _)) = KNOWN.iter().find(|(_, known)| *known == name) {
        return Ok(Category::Known(Ident::new(variant, span)));
    }
    if name == "trail" {
        return Err(Error::new(span, "the category `trail` is reserved for the trail's own entries"));
    }
    let snake_case = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if !snake_case || name.len() > NAME_BYTES_MAX {
        let message =
            format!("a category of your own is in snake_case and has at most {NAME_BYTES_MAX} bytes");
        return Err(Error::new(span, message));
    }
    Ok(Category::Own(name.to_owned(), span))
}

impl Category {
    /// An expression that gives it.
    pub(crate) fn expression(&self) -> TokenStream {
        match self {
            Category::Known(variant) => {
                let variant =
                    Ident::new(&variant.to_string(), variant.span().resolved_at(Span::mixed_site()));
                quote! { ::graven::Category::#variant }
            }
            Category::Own(name, span) => quote_spanned! { span.resolved_at(Span::mixed_site()) =>
                ::graven::Category::Custom(::std::convert::From::from(#name))
            },
            Category::Given(expression) => quote! { #expression },
        }
    }
}
