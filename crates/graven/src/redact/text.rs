//! A text on its way through the rules, and what the rules are.

use super::program_rule::ProgramRule;

/// What is looked for.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Rules whose hits are left alone, by name.
    pub(super) exempt: Vec<String>,
    /// The program's own rules.
    pub(super) own: Vec<ProgramRule>,
    /// The program's own names of secrets, in words.
    pub(super) secret_keys: Vec<Vec<String>>,
}

/// A secret: its place in the text, and the rule that knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit<'r> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) rule: &'r str,
}

/// A text on its way through the rules.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub(super) rules: &'a Rules,
    pub(super) text: &'a str,
    /// Where to go on, and where the last hit ended.
    pub(super) at: usize,
    pub(super) ended: usize,
    /// Up to here digits are known to be no card number, and names to be none of a secret.
    pub(super) digits_from: usize,
    pub(super) names_from: usize,
    /// How many bytes were looked at, those that several rules read counted for each.
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

    /// Counts bytes that a rule has looked at.
    pub(super) fn work(&mut self, bytes: usize) {
        self.work += bytes;
    }
}
