//! Redacts texts that are the lines of one: of a file, or of the output of a command.

use std::borrow::Cow;

use super::pem::OpenKey;
use super::redactor::Redactor;
use super::rules::PEM;

/// Redacts lines one by one. A private key that one line begins is taken out of the lines that follow.
#[derive(Debug, Clone)]
pub struct Lines {
    redactor: Redactor,
    key: OpenKey,
}

impl Redactor {
    /// Begins to redact lines that belong together, which are given one by one.
    ///
    /// ```
    /// use graven::{Redaction, Redactor};
    ///
    /// let mut lines = Redactor::new(Redaction::default())?.lines();
    /// assert_eq!(lines.next_line("starting"), "starting");
    /// assert!(lines.next_line("password=hunter2").starts_with("password=[redacted:password:"));
    /// # Ok::<(), graven::Error>(())
    /// ```
    pub fn lines(&self) -> Lines {
        Lines { redactor: self.clone(), key: OpenKey::default() }
    }
}

impl Lines {
    /// Replaces the secrets of the next line with marks. Borrows the line when it has none.
    pub fn next_line<'t>(&mut self, line: &'t str) -> Cow<'t, str> {
        let inner = &self.redactor.0;
        if inner.on && self.key.holds(line) && !inner.rules.is_exempt(PEM) {
            let text = line.trim_end_matches(['\r', '\n']);
            return Cow::Owned(inner.key.mark(PEM, text) + &line[text.len()..]);
        }
        self.redactor.text(line)
    }
}
