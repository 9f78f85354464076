//! A rule of the program: a name and a regular expression.

use regex::Regex;

/// A rule that the program added.
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

    /// Start and end of every match. Empty matches do not count.
    pub(super) fn find(&self, text: &str) -> impl Iterator<Item = (usize, usize)> {
        self.pattern
            .find_iter(text)
            .filter(|found| !found.is_empty())
            .map(|found| (found.start(), found.end()))
    }
}
