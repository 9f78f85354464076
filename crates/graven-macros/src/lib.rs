//! The attribute `#[audited]`: every call of a function leaves an entry in a Graven trail.
//!
//! Use it as `graven::audited`, with graven's feature `macros`.

mod arguments;
mod category;
mod expand;
mod function;

use proc_macro::TokenStream;
use syn::parse_macro_input;

use crate::arguments::Arguments;
use crate::function::Function;

/// Records every call of a function or method, `async` or not.
///
/// ```
/// use graven::{Error, Settings, Trail, audited};
///
/// #[audited(category = ToolExecution, action = "tool:{name}", resource = "{path}", args(name))]
/// async fn run(name: &str, path: String) -> Result<usize, std::io::Error> {
///     let text = String::from("what the tool said about ") + &path;
///     Ok(text.len())
/// }
///
/// // The intent is durable before the body runs; without it the body is not run.
/// #[audited(category = Config, action = "config:set", args(key), intent)]
/// fn set(key: &str, value: u32) -> Result<(), Error> {
///     let _stored = value;
///     Ok(())
/// }
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let trail = Trail::open(Settings::new(folder.path().join("trail")))?;
/// graven::init_trail(trail.clone()).expect("once, at startup");
/// set("max_sessions", 8)?;
/// assert_eq!(trail.len(), 2);
/// # Ok::<(), Error>(())
/// ```
///
/// # What is recorded
///
/// One entry when the call ends, durable before the function returns. `Ok`, and anything that is no `Result`, is a
/// success. `Err` is a failure, or a denial when the error's text has the word "denied" in any case; the text, with its
/// causes where `{:#}` gives them, becomes the `reason`. A returned value that is a [`HasOutcome`], also one in `Ok` or
/// `Err`, says itself how the call ended: with graven's feature `http`, `StatusCode`, `http::Response` (and so axum's
/// `Response`) and tuples that begin with a `StatusCode`, by their status. A call that panics, or whose future is
/// dropped before its end, is a failure with the reason `abandoned`. The duration is measured.
///
/// | argument | meaning |
/// |---|---|
/// | `category = ToolExecution` | one of the nine, or a name of your own as a string: `"billing"` |
/// | `action = "tool:{name}"` | the action. Default: the function's name |
/// | `principal = user.name()` | who acts. Default, also for `None`: the principal of the current [`Actor`] |
/// | `resource = "{path}"` | what is touched. Default: nothing |
/// | `args(name, path)` | arguments to record, as JSON under `args` in the detail; each must be `Serialize`. Default: none |
/// | `outcome = \|returned: &Answer\| …` | how the call ended: an `Outcome`, or `(Outcome, reason)`. Default: what is said above |
/// | `trail = &self.trail` | where to record: a `Trail`, `&Trail` or `Option<Trail>`. Default: `graven::default_trail()` |
/// | `intent` | records one entry before the call, and one after it. Default: one after it |
///
/// Strings are formats, and all of these but `outcome` are evaluated before the body runs, so that it may consume its
/// arguments. `outcome` is a closure or the path of a function, and sees a reference to what was returned.
/// Other expressions may be any text: `&str`, `String`, or an `Option` of one.
///
/// # When it cannot be recorded
///
/// With `intent`: a call whose intent is not durable is not run, and the function returns the error; so it must return
/// a `Result` whose error is made from `graven::Error`, as `anyhow::Error` and `Box<dyn Error>` are. When the call was
/// run and its result cannot be recorded, the function returns what it has: it was done. `graven pending` names it.
///
/// Without `intent`: the function returns what it has. An entry that is lost is counted in a `trail.gap` entry, and an
/// event of level ERROR says so; likewise when there is no trail at all, and then the process also says so once on
/// standard error.
///
/// # Limits
///
/// A function that is not `async` waits for storage on its thread. A function that returns a future must be an
/// `async fn`. Whether a return type is a `Result` or a [`HasOutcome`] is told by its type, so that in a function of its
/// own type parameter, `fn f() -> T`, or with `-> impl IntoResponse`, every return is a success: use `outcome` there.
///
/// A function that cannot say that it was not run cannot have an intent:
///
/// ```compile_fail,E0277
/// #[graven::audited(category = Api, intent)]
/// fn f() -> u32 {
///     1
/// }
/// ```
///
/// Nor one whose error has no room for ours:
///
/// ```compile_fail,E0277
/// #[graven::audited(category = Api, intent)]
/// async fn f() -> Result<u32, std::num::ParseIntError> {
///     "1".parse()
/// }
/// ```
///
/// What is recorded of an argument is what it is as JSON:
///
/// ```compile_fail,E0277
/// #[graven::audited(category = Api, args(connection))]
/// fn f(connection: std::net::TcpStream) {}
/// ```
///
/// [`HasOutcome`]: https://docs.rs/graven/latest/graven/trait.HasOutcome.html
/// [`Actor`]: https://docs.rs/graven/latest/graven/struct.Actor.html
#[proc_macro_attribute]
pub fn audited(arguments: TokenStream, function: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as Arguments);
    let function = parse_macro_input!(function as Function);
    expand::expand(&arguments, function).unwrap_or_else(syn::Error::into_compile_error).into()
}

#[cfg(test)]
mod tests;
