//! What the expansion of `#[audited]` calls. Not for use by hand: it may change with any version.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::sync::{Arc, Once};
use std::time::Duration;

use graven_core::entry::{Category, Entry, Outcome};
use graven_core::text::{Bounded, cut};
use serde::Serialize;
use serde_json::Map;

use crate::act::{ABANDONED, Act, Beginning};
use crate::actor;
use crate::default_trail::default_trail;
use crate::error::{Error, ErrorKind};
use crate::outcome::HasOutcome;
use crate::record::recording;
use crate::trail::Trail;

/// The most bytes of an error's text. Its code is foreign, and may write without an end. What does not fit the line is
/// kept beside the log.
const REASON_BYTES_MAX: usize = 1 << 20;

/// Where in the error's text the word `denied` is looked for: its first bytes say what it is about.
const DENIED_WITHIN: usize = 1_024;

/// What can be said in a field of text: anything that is text, or perhaps text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no text for an audit entry",
    note = "give a string, or an `Option` of one"
)]
pub trait Text {
    /// The text, if there is any.
    fn text(self) -> Option<String>;
}

macro_rules! texts {
    ($($type:ty),* $(,)?) => {
        $(impl Text for $type {
            fn text(self) -> Option<String> {
                Some(self.to_string())
            }
        })*
    };
}

texts!(&str, String, &String, &&str, Cow<'_, str>, Arc<str>, &Arc<str>, Box<str>, &Box<str>);

impl<T: Text> Text for Option<T> {
    fn text(self) -> Option<String> {
        self.and_then(Text::text)
    }
}

/// A trail to record in.
#[diagnostic::on_unimplemented(message = "`{Self}` is no trail to record in")]
pub trait IntoTrail {
    /// The trail, if there is one.
    fn into_trail(self) -> Option<Trail>;
}

impl IntoTrail for Trail {
    fn into_trail(self) -> Option<Trail> {
        Some(self)
    }
}

impl IntoTrail for &Trail {
    fn into_trail(self) -> Option<Trail> {
        Some(self.clone())
    }
}

impl IntoTrail for Option<Trail> {
    fn into_trail(self) -> Option<Trail> {
        self
    }
}

/// Where nothing was said of a trail.
#[derive(Debug)]
pub struct TheDefault;

impl IntoTrail for TheDefault {
    fn into_trail(self) -> Option<Trail> {
        default_trail()
    }
}

/// The entry of a call, before the call.
pub fn entry(category: Category, action: impl Text) -> Entry {
    let mut entry = Entry::new(category, action.text().unwrap_or_default(), Outcome::Success).cut_to_fit();
    actor::fill(&mut entry);
    entry
}

/// Sets who acted, unless that is not known.
pub fn set_principal(entry: &mut Entry, principal: impl Text) {
    entry.principal = principal.text().or(entry.principal.take());
}

/// Sets what was touched.
pub fn set_resource(entry: &mut Entry, resource: impl Text) {
    entry.resource = resource.text();
}

/// The arguments of a call that are to be recorded.
#[derive(Debug, Default)]
pub struct Arguments(Map<String, serde_json::Value>);

impl Arguments {
    /// Adds one. What cannot be written as JSON is said to be so: that is no reason not to call.
    pub fn add(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        let value = serde_json::to_value(value)
            .unwrap_or_else(|error| serde_json::Value::String(format!("cannot be written as JSON: {error}")));
        self.0.insert(name.to_owned(), value);
    }

    /// Puts them into the entry.
    pub fn put_into(self, entry: Entry) -> Entry {
        entry.detail(serde_json::json!({ "args": self.0 }))
    }
}

/// How a call ended.
#[derive(Debug)]
pub struct Verdict {
    outcome: Outcome,
    reason: Option<String>,
}

impl Verdict {
    fn success() -> Verdict {
        Verdict { outcome: Outcome::Success, reason: None }
    }

    fn of_what_knows(returned: &impl HasOutcome) -> Verdict {
        Verdict { outcome: returned.outcome(), reason: returned.reason() }
    }

    fn of_error(reason: Option<String>) -> Verdict {
        let denied = reason.as_deref().is_some_and(|reason| says_denied(cut(reason, DENIED_WITHIN)));
        Verdict { outcome: if denied { Outcome::Denied } else { Outcome::Failure }, reason }
    }
}

/// Whether a text has the word `denied`, in any case.
fn says_denied(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|word| word.eq_ignore_ascii_case("denied"))
}

/// A returned value, or the value or the error in a returned `Result`.
#[derive(Debug)]
pub enum Side<'a, T, E> {
    /// The value, or what is in `Ok`.
    Value(&'a T),
    /// What is in `Err`.
    Error(&'a E),
}

/// What a call returned. Of the traits for it, for [`Value`] and for [`Failed`], the compiler takes the first that
/// applies, from the one for the most references to the one for none: so it is called on `&&Returned(…)`.
#[derive(Debug)]
pub struct Returned<'a, T>(pub &'a T);

/// A value that was returned, perhaps in `Ok`. Called on `&&Value(…)`.
#[derive(Debug)]
pub struct Value<'a, T>(pub &'a T);

/// An error that was returned. Called on `&&&Failed(…)`.
#[derive(Debug)]
pub struct Failed<'a, E>(pub &'a E);

/// A result, which has two sides.
pub trait IsResult<'a> {
    /// What is in `Ok`.
    type Value;
    /// What is in `Err`.
    type Error;
    /// The side that was returned.
    fn side(&self) -> Side<'a, Self::Value, Self::Error>;
}

impl<'a, T, E> IsResult<'a> for &Returned<'a, Result<T, E>> {
    type Value = T;
    type Error = E;

    fn side(&self) -> Side<'a, T, E> {
        match self.0 {
            Ok(value) => Side::Value(value),
            Err(error) => Side::Error(error),
        }
    }
}

/// Anything else.
pub trait IsValue<'a> {
    /// What was returned.
    type Value;
    /// The value.
    fn side(&self) -> Side<'a, Self::Value, Infallible>;
}

impl<'a, T> IsValue<'a> for Returned<'a, T> {
    type Value = T;

    fn side(&self) -> Side<'a, T, Infallible> {
        Side::Value(self.0)
    }
}

/// A value, or an error, that knows the outcome.
pub trait Knows {
    /// How the call ended.
    fn verdict(&self) -> Verdict;
}

impl<T: HasOutcome> Knows for &Value<'_, T> {
    fn verdict(&self) -> Verdict {
        Verdict::of_what_knows(self.0)
    }
}

impl<E: HasOutcome> Knows for &&Failed<'_, E> {
    fn verdict(&self) -> Verdict {
        Verdict::of_what_knows(self.0)
    }
}

/// An error that can be told.
pub trait ErrorSpeaks {
    /// How the call ended.
    fn verdict(&self) -> Verdict;
}

impl<E: Display> ErrorSpeaks for &Failed<'_, E> {
    fn verdict(&self) -> Verdict {
        let mut reason = Bounded::new(REASON_BYTES_MAX);
        // With the causes behind it, where an error knows them. It stops where there is enough.
        let _enough = write!(reason, "{:#}", self.0);
        Verdict::of_error(Some(reason.into_marked()))
    }
}

/// An error that cannot be told.
pub trait ErrorIsMute {
    /// How the call ended.
    fn verdict(&self) -> Verdict;
}

impl<E> ErrorIsMute for Failed<'_, E> {
    fn verdict(&self) -> Verdict {
        Verdict::of_error(None)
    }
}

/// Any other value: it was returned, so the call went well.
pub trait NoError {
    /// How the call ended.
    fn verdict(&self) -> Verdict;
}

impl<T> NoError for Value<'_, T> {
    fn verdict(&self) -> Verdict {
        Verdict::success()
    }
}

/// What an `outcome = …` gives: an outcome, or one and its reason.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no outcome of an audited call",
    note = "give an `Outcome`, or `(Outcome, reason)` with a string or an `Option` of one"
)]
pub trait IntoVerdict {
    /// How the call ended.
    fn into_verdict(self) -> Verdict;
}

impl IntoVerdict for Outcome {
    fn into_verdict(self) -> Verdict {
        Verdict { outcome: self, reason: None }
    }
}

impl<R: Text> IntoVerdict for (Outcome, R) {
    fn into_verdict(self) -> Verdict {
        Verdict { outcome: self.0, reason: self.1.text() }
    }
}

/// How a call ended, as the program's own code says it.
pub fn judged<T, V: IntoVerdict>(returned: &T, judge: impl FnOnce(&T) -> V) -> Verdict {
    judge(returned).into_verdict()
}

/// A call that is recorded when it ends. Dropped before, by a panic or with a cancelled future, it was abandoned.
#[derive(Debug)]
pub struct Call {
    trail: Option<Trail>,
    entry: Option<Box<Entry>>,
    began: Duration,
}

impl Call {
    /// The call begins now.
    pub fn begin(trail: impl IntoTrail, entry: Entry) -> Call {
        let trail = trail.into_trail();
        if trail.is_none() {
            tracing::error!(action = entry.action, "not recorded: {NO_TRAIL}");
            say_no_trail_once();
        }
        let began = trail.as_ref().map_or(Duration::ZERO, elapsed);
        Call { trail, entry: Some(Box::new(entry)), began }
    }

    /// Records how the call ended; returns once that is durable, or known not to be.
    pub async fn end(mut self, verdict: Verdict) {
        if let Some((trail, entry)) = self.take(verdict) {
            let category = entry.category.clone();
            let recorded = trail.record_filled(entry).await;
            unrecorded(&trail, &category, recorded.err());
        }
    }

    /// The same on a thread that may wait.
    pub fn end_blocking(self, verdict: Verdict) {
        crate::record::block_on::block_on(self.end(verdict));
    }

    fn take(&mut self, verdict: Verdict) -> Option<(Trail, Entry)> {
        let (trail, entry) = (self.trail.take()?, *self.entry.take()?);
        let mut entry = entry.duration(elapsed(&trail).saturating_sub(self.began));
        (entry.outcome, entry.reason) = (verdict.outcome, verdict.reason);
        Some((trail, entry))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let verdict = Verdict { outcome: Outcome::Failure, reason: Some(ABANDONED.to_owned()) };
        if let Some((trail, entry)) = self.take(verdict) {
            crate::act::emit(&trail.0, entry);
        }
    }
}

/// Calls.
pub fn once<R>(call: impl FnOnce() -> R) -> R {
    call()
}

/// Begins a call whose intent must be durable first.
pub fn begin(trail: impl IntoTrail, entry: Entry) -> Result<Beginning, Error> {
    let Some(trail) = trail.into_trail() else {
        say_no_trail_once();
        return Err(Error::new(ErrorKind::Unavailable, NO_TRAIL));
    };
    Ok(trail.begin(entry))
}

/// The same on a thread that may wait.
pub fn begin_blocking(trail: impl IntoTrail, entry: Entry) -> Result<Act, Error> {
    crate::record::block_on::block_on(begin(trail, entry)?)
}

/// Ends such a call. Without a durable result the act stays pending, and what it returned is returned all the same:
/// it was done.
pub async fn finish(act: Act, verdict: Verdict) {
    let id = act.id().to_owned();
    let say = |mut result: Entry| {
        result.reason = verdict.reason;
        result
    };
    if let Err(error) = act.finish_with(verdict.outcome, say).await {
        tracing::error!(
            intent_id = id,
            error = error.chain(),
            "the result of an audited call was not recorded"
        );
    }
}

/// The same on a thread that may wait.
pub fn finish_blocking(act: Act, verdict: Verdict) {
    crate::record::block_on::block_on(finish(act, verdict));
}

/// What a function returns whose intent was not durable, and which was not run for that.
#[diagnostic::on_unimplemented(
    message = "`#[audited(intent)]` needs a function that can say that it was not run: its error must be made from \
               `graven::Error`",
    label = "cannot be made from a `graven::Error`",
    note = "return a `Result<_, E>` where `E: From<graven::Error>`, or leave `intent` out: then the call is \
            recorded when it ends"
)]
pub trait Refusal {
    /// The error, as the function says it.
    fn refusal(error: Error) -> Self;
}

impl<T, E: From<Error>> Refusal for Result<T, E> {
    fn refusal(error: Error) -> Self {
        Err(error.into())
    }
}

/// The error, as the function says it.
pub fn refuse<R: Refusal>(error: Error) -> R {
    R::refusal(error)
}

const NO_TRAIL: &str =
    "there is no trail: call graven::init_trail at startup, or name one with #[audited(trail = …)]";

/// Says on standard error that there is no trail: a program that forgot it may also have nobody who receives events.
fn say_no_trail_once() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        // There is nowhere else to say that standard error is closed.
        let _unsaid = writeln!(io::stderr(), "graven: audited calls are not recorded: {NO_TRAIL}");
    });
}

fn elapsed(trail: &Trail) -> Duration {
    trail.0.engine.machine.clock.elapsed()
}

/// Says that a call that took place was not recorded, and counts it where the trail will say so.
fn unrecorded(trail: &Trail, category: &Category, error: Option<Error>) {
    if let Some(error) = error {
        recording::lose(&trail.0, category);
        tracing::error!(error = error.chain(), "an audited call was not recorded");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the expansion has it.
    macro_rules! told {
        ($returned:expr) => {
            match (&&Returned($returned)).side() {
                Side::Value(value) => (&&Value(value)).verdict(),
                Side::Error(error) => (&&&Failed(error)).verdict(),
            }
        };
    }

    #[test]
    fn denied_is_a_word() {
        for text in ["denied", "Access DENIED.", "permission denied (os error 13)", "denied:policy"] {
            assert!(says_denied(text), "{text}");
        }
        for text in ["undenied", "denieds", "PermissionDenied", "deny", ""] {
            assert!(!says_denied(text), "{text}");
        }
    }

    #[test]
    fn an_endless_reason_is_cut_at_a_character_and_any_other_is_whole() {
        struct Endless;
        impl Display for Endless {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("x")?;
                loop {
                    f.write_str("ä")?;
                }
            }
        }
        let error: Result<(), Endless> = Err(Endless);
        let verdict = told!(&error);
        let reason = verdict.reason.unwrap();
        assert!(
            reason.ends_with("ää…[cut]") && (REASON_BYTES_MAX - 1..=REASON_BYTES_MAX).contains(&reason.len())
        );
        assert_eq!(verdict.outcome, Outcome::Failure);

        let long = format!("{} denied", "ä".repeat(5_000));
        let error: Result<(), &String> = Err(&long);
        let verdict = told!(&error);
        assert_eq!((verdict.reason.as_deref(), verdict.outcome), (Some(&*long), Outcome::Failure));
    }

    #[test]
    fn the_verdict_is_that_of_the_type_that_knows_most() {
        struct Mute;
        let mute: Result<(), Mute> = Err(Mute);
        let verdict = told!(&mute);
        assert_eq!((verdict.outcome, verdict.reason), (Outcome::Failure, None));
        let none: Option<u8> = None;
        assert_eq!(told!(&none).outcome, Outcome::Success);
        let denied: Result<u8, &str> = Err("Denied");
        assert_eq!(told!(&denied).outcome, Outcome::Denied);
    }
}
