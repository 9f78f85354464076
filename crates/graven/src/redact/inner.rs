//! What a redactor holds: its rules and its key; and what it finds.

use serde::Serialize;

use super::mark::Key;
use super::text::Rules;

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) on: bool,
    pub(super) rules: Rules,
    pub(super) key: Key,
    pub(super) exempt_fields: Vec<String>,
}

/// A secret that was found. It never holds the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The rule that found it.
    pub rule: String,
    /// The path of the field, its names joined by dots; empty for a text without a field.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// Start and length of the secret in the text, in bytes; absent when a whole value was replaced, when an earlier
    /// replacement moved it, or when the text is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<(usize, usize)>,
    /// The mark in its place.
    pub replacement: String,
}

impl Finding {
    pub(super) fn new(rule: &str, field: &str, place: Option<(usize, usize)>, mark: &str) -> Finding {
        Finding { rule: rule.to_owned(), field: field.to_owned(), place, replacement: mark.to_owned() }
    }
}

impl Inner {
    pub(super) fn has_exempt_fields(&self) -> bool {
        !self.exempt_fields.is_empty()
    }

    /// Whether a field stays unchanged.
    pub(super) fn is_exempt_field(&self, path: &str) -> bool {
        self.exempt_fields.iter().any(|exempt| exempt == path)
    }
}
