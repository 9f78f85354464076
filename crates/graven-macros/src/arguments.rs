//! What stands in the parentheses of `#[audited(…)]`.

use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, Result, Token, parenthesized};

use crate::category::Category;

/// What is to be recorded, and where.
pub(crate) struct Arguments {
    pub(crate) category: Category,
    pub(crate) action: Option<Expr>,
    pub(crate) principal: Option<Expr>,
    pub(crate) resource: Option<Expr>,
    pub(crate) trail: Option<Expr>,
    /// Judges what was returned.
    pub(crate) outcome: Option<Expr>,
    /// The function's arguments that are recorded.
    pub(crate) recorded: Vec<Ident>,
    /// Whether there is an entry before the call.
    pub(crate) intent: bool,
}

/// All that may stand there.
const NAMES: &str = "category, action, principal, resource, outcome, trail, args(…), intent";

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Arguments> {
        let (mut category, mut action, mut principal) = (None, None, None);
        let (mut resource, mut outcome, mut trail) = (None, None, None);
        let (mut recorded, mut intent) = (None, None);
        while !input.is_empty() {
            let name = input.call(Ident::parse_any)?;
            match name.to_string().as_str() {
                "category" => set(&mut category, &name, value(input)?)?,
                "action" => set(&mut action, &name, value(input)?)?,
                "principal" => set(&mut principal, &name, value(input)?)?,
                "resource" => set(&mut resource, &name, value(input)?)?,
                "outcome" => set(&mut outcome, &name, value(input)?)?,
                "trail" => set(&mut trail, &name, value(input)?)?,
                "args" => set(&mut recorded, &name, names(input)?)?,
                "intent" => set(&mut intent, &name, ())?,
                other => {
                    let message = format!("`{other}` is none of {NAMES}");
                    return Err(Error::new(name.span(), message));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(Arguments {
            category: category.ok_or_else(|| {
                input.error(
                    "say which category: `category = ToolExecution`, or `category = \"a_name_of_your_own\"`",
                )
            })?,
            action,
            principal,
            resource,
            trail,
            outcome,
            recorded: recorded.unwrap_or_default(),
            intent: intent.is_some(),
        })
    }
}

fn set<T>(place: &mut Option<T>, name: &Ident, value: T) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::new(name.span(), format!("`{name}` a second time"))),
    }
}

fn value<T: Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn names(input: ParseStream<'_>) -> Result<Vec<Ident>> {
    let names;
    parenthesized!(names in input);
    Ok(Punctuated::<Ident, Token![,]>::parse_terminated(&names)?.into_iter().collect())
}
