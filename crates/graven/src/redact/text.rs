//! A scan of a text, and the rules that it goes through.

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
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub(super) rules: &'a Rules,
    pub(super) text: &'a str,
    /// Where to continue.
    pub(super) at: usize,
    /// Where the last hit ended.
    pub(super) ended: usize,
    /// Digits before this place are known to be no card number.
    pub(super) digits_from: usize,
    /// Names before this place were looked at already.
    pub(super) names_from: usize,
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
        Scan { rules, text, at: 0, ended: 0, digits_from: 0, names_from: 0, work: 0 }
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// Counts bytes that a rule looked at.
    pub(super) fn work(&mut self, bytes: usize) {
        self.work += bytes;
    }
}
