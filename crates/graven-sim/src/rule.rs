//! The rules that every life is held against.

use std::fmt;

/// What must be true after every life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// An acknowledged entry stands at its receipt's index, byte for byte, with its detail.
    Acknowledged,
    /// No index is given to two entries.
    Index,
    /// A receipt's leaf hash is that of the stored line.
    LeafHash,
    /// An entry that was refused, or that nobody recorded, is not there; none is there twice.
    Invented,
    /// Entries stand in the order in which they were recorded.
    Order,
    /// What one opening found, all later ones find, and what it did not find never comes back.
    Kept,
    /// No two heads that were signed contradict each other, and all are heads of the log.
    Heads,
    /// On an honest disk the verifier accuses nobody, and neither does an opening or a reader.
    Accused,
    /// A trail on a disk that works again opens, takes entries and closes.
    Opens,
    /// What an opening cuts is kept in `torn/`, and the trail says so.
    Torn,
    /// The note of a clean close says where the trail ends, and the verifier calls it intact.
    Closed,
    /// A proof holds offline, for the entry that was asked for, under a head that was signed.
    Proof,
    /// The entries in memory are the newest durable ones.
    Ring,
    /// Every entry that was lost before it got an index is counted in the trail, once.
    Losses,
    /// After a failed write or sync nothing is taken until the trail is opened again.
    Poisoned,
    /// A second process cannot write a trail that is open.
    Locked,
    /// No two ids that were made are the same.
    Ids,
    /// Every question is answered, by an error of a kind that fits.
    Answers,
    /// On a disk that lies: no loss below a checkpoint is called intact.
    CalledIntact,
    /// Nothing panics.
    Panic,
}

impl Rule {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Acknowledged => "acknowledged",
            Rule::Index => "index",
            Rule::LeafHash => "leaf-hash",
            Rule::Invented => "invented",
            Rule::Order => "order",
            Rule::Kept => "kept",
            Rule::Heads => "heads",
            Rule::Accused => "accused",
            Rule::Opens => "opens",
            Rule::Torn => "torn",
            Rule::Closed => "closed",
            Rule::Proof => "proof",
            Rule::Ring => "ring",
            Rule::Losses => "losses",
            Rule::Poisoned => "poisoned",
            Rule::Locked => "locked",
            Rule::Ids => "ids",
            Rule::Answers => "answers",
            Rule::CalledIntact => "called-intact",
            Rule::Panic => "panic",
        }
    }

    /// A life that broke the rule, and how.
    pub(crate) fn broken<T>(self, how: impl Into<String>) -> Checked<T> {
        Err(Broken { rule: self, how: how.into() })
    }

    /// Broken unless `holds`.
    pub(crate) fn unless(self, holds: bool, how: impl FnOnce() -> String) -> Checked {
        if holds { Ok(()) } else { self.broken(how()) }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A rule that was broken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) rule: Rule,
    pub(crate) how: String,
}

/// What a check says.
pub(crate) type Checked<T = ()> = Result<T, Broken>;
