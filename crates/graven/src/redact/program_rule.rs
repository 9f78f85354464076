//! A program's own rule: a name and a regular expression.

use regex::Regex;

/// A rule that a program brought.
#[derive(Debug, Clone)]
pub(super) struct ProgramRule {
    name: String,
    pattern: Regex,
}

impl ProgramRule {
    pub(super) fn new(name: &str, pattern: &str) -> Result<ProgramRule, regex::Error> {
        Ok(ProgramRule { name: name.to_owned(), pattern: Regex::new(pattern)? })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn pattern(&self) -> &str {
        self.pattern.as_str()
    }

    /// Every place that it matches. A match of nothing is none.
    pub(super) fn find(&self, text: &str) -> impl Iterator<Item = (usize, usize)> {
        self.pattern
            .find_iter(text)
            .filter(|found| !found.is_empty())
            .map(|found| (found.start(), found.end()))
    }
}
