//! The redactor of one trail: takes secrets out of texts, JSON and command arguments.

use std::borrow::Cow;
use std::sync::Arc;

use graven_core::entry::Detail;

use super::Redaction;
use super::inner::{Finding, Inner};
use super::json::Walk;
use super::mark::Key;
use super::text::Rules;
use crate::error::{Error, ErrorKind};
use crate::seam::clock::Clock;
use crate::seam::machine::Machine;

/// Takes secrets out of texts. Cheap to clone.
///
/// A trail redacts every entry itself. Use this for text that a program writes elsewhere, for example in its own log.
/// With [`Trail::redactor`](crate::Trail::redactor), equal secrets get the same marks as in the trail.
///
/// ```
/// use graven::{Redaction, Redactor};
///
/// let redactor = Redactor::new(Redaction::default())?;
/// let said = redactor.text("psql postgres://app:hunter2@db/app").into_owned();
/// assert!(said.starts_with("psql postgres://app:[redacted:url-password:"));
/// assert_eq!(redactor.text("nothing to hide"), "nothing to hide");
/// # Ok::<(), graven::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Redactor(pub(super) Arc<Inner>);

impl Redactor {
    /// Makes a redactor with a new random key, which is only in memory.
    ///
    /// # Errors
    /// `Unavailable` when the system has no randomness.
    pub fn new(redaction: Redaction) -> Result<Redactor, Error> {
        Redactor::in_memory(redaction, &*Machine::os().clock)
    }

    pub(crate) fn in_memory(redaction: Redaction, clock: &dyn Clock) -> Result<Redactor, Error> {
        let secret = clock.secret().map_err(|source| {
            Error::with_source(ErrorKind::Unavailable, "no randomness for a redaction key", source)
        })?;
        Ok(Redactor::with_key(redaction, &secret))
    }

    /// Makes a redactor with a new random key, also when the system has no secret randomness.
    pub(crate) fn always(clock: &dyn Clock) -> Redactor {
        Redactor::in_memory(Redaction::default(), clock).unwrap_or_else(|_| {
            let mut secret = [0; 32];
            secret.chunks_mut(8).for_each(|part| part.copy_from_slice(&clock.random().to_le_bytes()));
            Redactor::with_key(Redaction::default(), &secret)
        })
    }

    /// The id of the key: 12 hex digits, which do not reveal the key.
    pub(crate) fn key_id(&self) -> String {
        self.0.key.id()
    }

    pub(crate) fn with_key(redaction: Redaction, secret: &[u8; 32]) -> Redactor {
        let Redaction { on, rules, secret_keys, exempt_rules, exempt_fields } = redaction;
        let rules = Rules { exempt: exempt_rules, own: rules, secret_keys };
        Redactor(Arc::new(Inner { on, rules, key: Key::new(secret), exempt_fields }))
    }

    /// Replaces the secrets of a text with marks. Borrows the text when it has none.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.0.on.then(|| self.0.text(text, "").0).flatten() {
            Some(changed) => Cow::Owned(changed),
            None => Cow::Borrowed(text),
        }
    }

    /// Replaces the secrets of JSON with marks; the rest stays byte for byte. `None` when the text is not JSON that an
    /// entry can hold: invalid, with a repeated key, or with more than 126 levels.
    pub fn json<'t>(&self, json: &'t str) -> Option<Cow<'t, str>> {
        Detail::parse(json).ok()?;
        let changed = self.0.on.then(|| Walk::over(&self.0, json, "", false).text).flatten();
        Some(changed.map_or(Cow::Borrowed(json), Cow::Owned))
    }

    /// Replaces the secrets in the arguments of a command, also those that are known only by the flag before them.
    pub fn argv(&self, argv: &[String]) -> Vec<String> {
        let json = serde_json::to_string(argv).expect("strings are always JSON");
        let changed = self.0.on.then(|| Walk::over(&self.0, &json, "", false).text).flatten();
        let read = |json: String| serde_json::from_str(&json).expect("strings stay strings");
        changed.map_or_else(|| argv.to_vec(), read)
    }

    /// Lists the secrets of a text, in order.
    pub fn explain_text(&self, text: &str) -> Vec<Finding> {
        if self.0.on { self.0.text(text, "").1 } else { Vec::new() }
    }

    /// Lists the secrets of a JSON value, in no particular order; `None` as for [`json`](Redactor::json).
    pub fn explain_json(&self, json: &str) -> Option<Vec<Finding>> {
        Detail::parse(json).ok()?;
        Some(if self.0.on { Walk::over(&self.0, json, "", true).findings } else { Vec::new() })
    }

    /// The bytes that were looked at to redact a text or JSON. A byte counts once for each rule that reads it.
    #[cfg(feature = "sim")]
    #[doc(hidden)]
    pub fn testing_only_work(&self, text: &str) -> usize {
        match Detail::parse(text) {
            Ok(detail) => Walk::over(&self.0, detail.as_str(), "", false).work,
            Err(_) => self.0.text(text, "").2,
        }
    }
}
