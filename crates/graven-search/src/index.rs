//! The index: a way to skip entries, never a source of answers.

#[expect(dead_code, reason = "no search uses it yet")]
pub(crate) mod shelf;
