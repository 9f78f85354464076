//! How a text goes through the rules: again and again until nothing is found, and as JSON where it is JSON.

use graven_core::entry::Detail;

use super::inner::{Finding, Inner};
use super::json::{Walk, Walked};
use super::rules::WHOLE;

/// The most passes that take secrets out of a text: a secret may hide the one beside it. The second pass nearly always
/// finds nothing. A text that is still not clean after the last pass is replaced as a whole.
const LOOKS_MAX: usize = 4;

/// How deep JSON is read that is a string in JSON. Each level doubles the backslashes, so real texts have few.
const JSON_IN_JSON_MAX: usize = 4;

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
        let mut findings = Vec::new();
        let mut changed: Option<String> = None;
        let mut work = 0;
        for look in 0..=LOOKS_MAX {
            let current = changed.as_deref().unwrap_or(text);
            if let Some(walked) = self.json_within(current, field, depth) {
                work += walked.work;
                findings.extend(walked.findings);
                changed = walked.text.or(changed);
                break;
            }
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

    /// Redacts a text that is JSON as JSON, so that names count there as in any other. `None` when it is none. A text may
    /// become JSON when its secrets are gone.
    fn json_within(&self, text: &str, field: &str, depth: usize) -> Option<Walked> {
        let may_be = depth < JSON_IN_JSON_MAX && text.trim_start().starts_with(['{', '[']);
        if !may_be || Detail::parse(text).is_err() {
            return None;
        }
        let mut walked = Walk::within(self, text, field, true, depth);
        // Their places are in a string of this JSON.
        walked.findings.iter_mut().for_each(|finding| finding.place = None);
        Some(walked)
    }
}
