//! The rules that every life must keep.

use std::fmt;

/// What must be true after every life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// An acknowledged entry is at the index of its receipt, byte for byte, with its detail.
    Acknowledged,
    /// No index is given twice.
    Index,
    /// The leaf hash of a receipt is that of the stored line.
    LeafHash,
    /// No entry is there that was refused or never recorded, and none is there twice.
    Invented,
    /// Entries are in the order in which they were recorded.
    Order,
    /// Later openings find what one opening found, and never what it did not find.
    Kept,
    /// Signed heads do not contradict each other, and all are heads of the log.
    Heads,
    /// On an honest disk no verifier, opening or reader reports tampering or damage.
    Accused,
    /// Once the disk works again, the trail opens, takes entries and closes.
    Opens,
    /// The bytes that an opening cuts are kept in `torn/`, and the trail records it.
    Torn,
    /// The note of a clean close names the end of the trail, and the verifier calls the trail intact.
    Closed,
    /// A proof is valid offline, for the requested entry, under a signed head.
    Proof,
    /// The entries in memory are the newest durable ones.
    Ring,
    /// Every entry that was lost before it got an index is counted once in the trail.
    Losses,
    /// After a failed write or sync the trail takes no entry until it is opened again.
    Poisoned,
    /// A process that wants a trail for itself alone has it alone.
    Locked,
    /// No process waits for ever: the one that holds a lock can go on.
    Waits,
    /// A process to which the trail is lost, because its files were changed, acknowledges and writes nothing more.
    Lost,
    /// The engine never makes the same id twice.
    Ids,
    /// Every call is answered, and an error has a fitting kind.
    Answers,
    /// On a disk that lies, a trail with a loss below a checkpoint is never called intact.
    CalledIntact,
    /// With the index, a search answers as without it.
    Search,
    /// Every shelf of the index is whole, of sealed entries, and what the log says; and what is missing can be made.
    Shelves,
    /// No object of the bucket is ever changed or removed, but for the copy of the checkpoint.
    Created,
    /// What is in the bucket is whole: under each head its entries and, when the next one is created, its tiles; numbers
    /// without holes; closed segments, boundaries and the copy of the checkpoint only under a head.
    Complete,
    /// All heads are of one history, and a fenced writer adds none.
    OneWriter,
    /// What was acknowledged in the bucket can be restored from it alone.
    Archived,
    /// When nobody crashes any more and the bucket answers, exactly one writer goes on.
    GoesOn,
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
            Rule::Waits => "waits",
            Rule::Lost => "lost",
            Rule::Ids => "ids",
            Rule::Answers => "answers",
            Rule::CalledIntact => "called-intact",
            Rule::Search => "search",
            Rule::Shelves => "shelves",
            Rule::Created => "created",
            Rule::Complete => "complete",
            Rule::OneWriter => "one-writer",
            Rule::Archived => "archived",
            Rule::GoesOn => "goes-on",
            Rule::Panic => "panic",
        }
    }

    /// The rule is broken like this.
    pub(crate) fn broken<T>(self, how: impl Into<String>) -> Checked<T> {
        Err(Broken { rule: self, how: how.into() })
    }

    /// The rule is broken unless `holds`.
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

/// The result of a check.
pub(crate) type Checked<T = ()> = Result<T, Broken>;
