//! What a redactor holds: its rules and its key, and how one text goes through them.

use graven_core::entry::Detail;
use serde::Serialize;

use super::json::{Walk, Walked};
use super::mark::Key;
use super::rules::WHOLE;
use super::text::Rules;

/// The most passes that take secrets out of a text: a secret may hide the one beside it. The second pass nearly always
/// finds nothing. A text that is still not clean after the last pass is replaced as a whole.
const LOOKS_MAX: usize = 4;

/// How deep JSON is read that is a string in JSON. Each level doubles the backslashes, so real texts have few.
const JSON_IN_JSON_MAX: usize = 4;

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
    /// Redacts a text: the new text if it had secrets, the secrets, and the bytes that were looked at.
    pub(super) fn text(&self, text: &str, field: &str) -> (Option<String>, Vec<Finding>, usize) {
        self.text_within(text, field, 0)
    }

    /// Redacts a text that is a string in JSON, which is in `depth` strings itself.
    pub(super) fn text_within(
        &self,
        text: &str,
        field: &str,
        depth: usize,
    ) -> (Option<String>, Vec<Finding>, usize) {
        if self.rules.is_clean(text) {
            return (None, Vec::new(), text.len());
        }
        // A text that is JSON is read as JSON, so that names count there as in any other.
        if depth < JSON_IN_JSON_MAX
            && text.trim_start().starts_with(['{', '['])
            && Detail::parse(text).is_ok()
        {
            let Walked { text, mut findings, work } = Walk::within(self, text, field, true, depth);
            // Their places are in a string of this JSON.
            findings.iter_mut().for_each(|finding| finding.place = None);
            return (text, findings, work);
        }
        let mut findings = Vec::new();
        let mut changed: Option<String> = None;
        let mut work = 0;
        for look in 0..=LOOKS_MAX {
            let current = changed.as_deref().unwrap_or(text);
            let (hits, looked_at) = self.rules.hits(current);
            work += looked_at;
            if hits.is_empty() {
                break;
            }
            if look == LOOKS_MAX {
                let mark = self.key.mark(WHOLE, text);
                return (Some(mark.clone()), vec![Finding::new(WHOLE, field, None, &mark)], work);
            }
            let mut next = String::with_capacity(current.len() + 32 * hits.len());
            let mut at = 0;
            for hit in hits {
                let mark = self.key.mark(hit.rule, &current[hit.start..hit.end]);
                next.push_str(&current[at..hit.start]);
                next.push_str(&mark);
                at = hit.end;
                // After a first change the places are no longer those of the given text.
                let place = (look == 0).then_some((hit.start, hit.end - hit.start));
                findings.push(Finding::new(hit.rule, field, place, &mark));
            }
            next.push_str(&current[at..]);
            changed = Some(next);
        }
        (changed, findings, work)
    }

    pub(super) fn has_exempt_fields(&self) -> bool {
        !self.exempt_fields.is_empty()
    }

    /// Whether a field stays unchanged.
    pub(super) fn is_exempt_field(&self, path: &str) -> bool {
        self.exempt_fields.iter().any(|exempt| exempt == path)
    }
}
