//! The function under `#[audited]`, and what in it cannot be audited.

use std::collections::HashSet;

use syn::parse::{Parse, ParseStream};
use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, Error, FnArg, GenericArgument, Ident, ImplItemFn, PatIdent, PathArguments, Result,
    ReturnType, Signature, TraitItemFn, Type, TypeParamBound, Visibility,
};

/// A function or method with a body.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    /// `default fn` and the like: kept as it is.
    pub(crate) signature: Signature,
    pub(crate) body: Block,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Function> {
        let start = input.fork();
        let Ok(function) = input.parse::<ImplItemFn>() else {
            return Err(match start.parse::<TraitItemFn>() {
                Ok(declared) => {
                    let message = "`#[audited]` goes where the function has a body: on each implementation";
                    Error::new_spanned(declared.sig, message)
                }
                Err(_) => start.error("`#[audited]` goes on a function or a method"),
            });
        };
        let ImplItemFn { attrs, vis, sig, block, .. } = function;
        let function = Function { attributes: attrs, visibility: vis, signature: sig, body: block };
        function.check()?;
        Ok(function)
    }
}

impl Function {
    fn check(&self) -> Result<()> {
        let signature = &self.signature;
        if let Some(constant) = &signature.constness {
            return Err(Error::new_spanned(constant, "a `const fn` can record nothing"));
        }
        if let ReturnType::Type(_, returned) = &signature.output
            && signature.asyncness.is_none()
            && is_future(returned)
        {
            let message = "an audited function that returns a future must be an `async fn`: this one returns before \
                           anything is done. Under `#[async_trait]`, put `#[audited]` on an `async fn` that it calls.";
            return Err(Error::new_spanned(returned, message));
        }
        Ok(())
    }

    /// The names that its arguments have in its body.
    pub(crate) fn argument_names(&self) -> HashSet<Ident> {
        struct Names(HashSet<Ident>);
        impl<'ast> Visit<'ast> for Names {
            fn visit_pat_ident(&mut self, pattern: &'ast PatIdent) {
                self.0.insert(pattern.ident.clone());
                visit::visit_pat_ident(self, pattern);
            }
        }
        let mut names = Names(HashSet::new());
        for argument in &self.signature.inputs {
            if let FnArg::Typed(argument) = argument {
                names.visit_pat(&argument.pat);
            }
        }
        names.0
    }
}

/// Whether a type is written as a future: `impl Future`, `Pin<Box<dyn Future>>`, `BoxFuture`.
fn is_future(returned: &Type) -> bool {
    let any_bound = |bounds: &syn::punctuated::Punctuated<TypeParamBound, syn::Token![+]>| {
        bounds.iter().any(|bound| {
            matches!(bound, TypeParamBound::Trait(bound)
                if bound.path.segments.last().is_some_and(|last| last.ident == "Future"))
        })
    };
    match returned {
        Type::ImplTrait(future) => any_bound(&future.bounds),
        Type::TraitObject(future) => any_bound(&future.bounds),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            let boxed = last.ident == "Pin" || last.ident == "Box";
            let inner = match &last.arguments {
                PathArguments::AngleBracketed(arguments) => arguments.args.first(),
                _ => None,
            };
            matches!(inner, Some(GenericArgument::Type(inner)) if boxed && is_future(inner))
                || last.ident == "BoxFuture"
                || last.ident == "LocalBoxFuture"
        }),
        _ => false,
    }
}
