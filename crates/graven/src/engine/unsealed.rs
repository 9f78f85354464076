//! The entries that are durable and not sealed, in order: the leaf hashes of those that this process has written, and
//! the places of the lines that other processes have written.
//!
//! A line of another process is hashed only if this process publishes it. Mostly the other one does, and then its hash
//! stands in `tiles/`.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use graven_core::hash::Hash;

use crate::seam::disk::File;

/// Entries in the order of the log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unsealed {
    parts: VecDeque<Part>,
    len: u64,
}

/// Some entries that follow each other.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// Their leaf hashes.
    Hashes(Vec<Hash>),
    /// Where their lines are.
    Lines(Lines),
}

/// Durable lines of other processes.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    pub(crate) file: Arc<dyn File>,
    /// Where they stand in it.
    pub(crate) bytes: Range<u64>,
    /// How many lines these bytes are.
    pub(crate) count: u64,
    /// Which of these lines are meant. Where one line ends is not known before they are read.
    pub(crate) meant: Range<u64>,
}

impl Unsealed {
    /// How many entries there are.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Adds entries of which this process knows the leaf hashes.
    pub(crate) fn push_hashes(&mut self, hashes: &[Hash]) {
        self.len += hashes.len() as u64;
        match self.parts.back_mut() {
            Some(Part::Hashes(last)) => last.extend_from_slice(hashes),
            _ => self.parts.push_back(Part::Hashes(hashes.to_vec())),
        }
    }

    /// Adds entries of which this process knows where their lines are.
    pub(crate) fn push_lines(&mut self, lines: Lines) {
        self.len += lines.len();
        self.parts.push_back(Part::Lines(lines));
    }

    /// Takes the oldest entries away, at most `count` of them.
    pub(crate) fn take_oldest(&mut self, count: u64) -> Unsealed {
        let mut taken = Unsealed::default();
        while taken.len < count
            && let Some(mut part) = self.parts.pop_front()
        {
            let wanted = count - taken.len;
            if part.len() > wanted {
                self.parts.push_front(part.split_off(wanted));
            }
            taken.len += part.len();
            taken.parts.push_back(part);
        }
        self.len -= taken.len;
        taken
    }

    /// The parts, oldest first.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter()
    }
}

impl Part {
    /// How many entries there are.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Part::Hashes(hashes) => hashes.len() as u64,
            Part::Lines(lines) => lines.len(),
        }
    }

    /// Splits off what is past the first `count` entries.
    fn split_off(&mut self, count: u64) -> Part {
        match self {
            Part::Hashes(hashes) => {
                Part::Hashes(hashes.split_off(usize::try_from(count).expect("fewer than there are")))
            }
            Part::Lines(lines) => {
                let rest = lines.after(count);
                lines.meant.end = rest.meant.start;
                Part::Lines(rest)
            }
        }
    }
}

impl Lines {
    /// All the lines in these bytes.
    pub(crate) fn all(file: Arc<dyn File>, bytes: Range<u64>, count: u64) -> Lines {
        Lines { file, bytes, count, meant: 0..count }
    }

    /// How many lines are meant.
    pub(crate) fn len(&self) -> u64 {
        self.meant.end - self.meant.start
    }

    /// The lines that are meant, without the first `count` of them.
    pub(crate) fn after(&self, count: u64) -> Lines {
        Lines { meant: self.meant.start + count..self.meant.end, ..self.clone() }
    }
}
