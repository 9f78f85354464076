//! What a returned value says of the call that returned it.

#[cfg(feature = "http")]
mod of_http;

use graven_core::entry::Outcome;

/// A value that says how the call ended that returned it. `#[audited]` asks it, also inside `Ok` and `Err`.
///
/// With the feature `http`: `StatusCode`, `http::Response` and the tuples that axum answers with, by their status. 401
/// and 403 are denials, the others below 400 successes, the rest failures. Implement it for types of your own.
///
/// ```
/// use graven::{HasOutcome, Outcome};
///
/// enum Answer {
///     Done,
///     Forbidden,
/// }
///
/// impl HasOutcome for Answer {
///     fn outcome(&self) -> Outcome {
///         match self {
///             Answer::Done => Outcome::Success,
///             Answer::Forbidden => Outcome::Denied,
///         }
///     }
/// }
/// # assert_eq!((Answer::Done.outcome(), Answer::Forbidden.outcome()), (Outcome::Success, Outcome::Denied));
/// ```
pub trait HasOutcome {
    /// How the call ended.
    fn outcome(&self) -> Outcome;

    /// Why it ended so, for the entry's `reason`. Default: `None`.
    fn reason(&self) -> Option<String> {
        None
    }
}
