//! A scan of a text, and the rules that it goes through.

use super::command_line::Line;
use super::program_rule::ProgramRule;

/// What to look for.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// The names of the rules whose hits are ignored.
    pub(super) exempt: Vec<String>,
    /// The program's own rules.
    pub(super) own: Vec<ProgramRule>,
    /// The program's own names of secrets, each as words.
    pub(super) secret_keys: Vec<Vec<String>>,
}

/// A secret: its place in the text, and the rule that found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit<'r> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) rule: &'r str,
}

/// The state of a scan of a text.
///
/// Every rule sees the whole text, also what another rule has found: so none can hide a secret from another one. What
/// a rule has read before is remembered here, so that no rule reads a byte without end.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub(super) rules: &'a Rules,
    pub(super) text: &'a str,
    /// Digits before this place are known to be no card number.
    pub(super) digits_from: usize,
    /// Names before this place were looked at already.
    pub(super) names_from: usize,
    /// Names before this place are parts of the name of a resource.
    pub(super) resource_until: usize,
    /// Values without quotes that begin before this place are parts of one that was found.
    pub(super) values_from: usize,
    /// The last headers that were read: from where, and where their lines end.
    pub(super) header: (usize, usize),
    pub(super) cookie: (usize, usize),
    /// Private keys before this place are found.
    pub(super) keys_from: usize,
    /// The command line before [`line_until`](Scan::line_until).
    pub(super) line: Line,
    pub(super) line_until: usize,
    /// The runs of bytes of an alphabet that were read last: the alphabet, from where, and where it ends.
    pub(super) runs: Vec<(u8, usize, usize)>,
    /// The bytes that were looked at. A byte counts once for each rule that reads it.
    pub(super) work: usize,
}

impl Rules {
    pub(super) fn is_exempt(&self, rule: &str) -> bool {
        self.exempt.iter().any(|exempt| exempt == rule)
    }
}

impl<'a> Scan<'a> {
    pub(super) fn new(rules: &'a Rules, text: &'a str) -> Scan<'a> {
        Scan {
            rules,
            text,
            digits_from: 0,
            names_from: 0,
            resource_until: 0,
            values_from: 0,
            header: (0, 0),
            cookie: (0, 0),
            keys_from: 0,
            line: Line::default(),
            line_until: 0,
            runs: Vec::new(),
            work: 0,
        }
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// Counts bytes that a rule looked at.
    pub(super) fn work(&mut self, bytes: usize) {
        self.work += bytes;
    }
}
