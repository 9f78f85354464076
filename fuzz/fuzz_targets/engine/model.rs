//! A simple model of a trail: what callers tried to record, and the results they got.

use std::collections::{HashMap, HashSet};

use graven::{Category, Entry, Receipt};

/// All attempts to record, over all lives of the trail.
#[derive(Debug, Default)]
pub(crate) struct Model {
    attempts: Vec<Attempt>,
    /// The attempt of each id.
    ids: HashMap<String, usize>,
    /// The lines when the trail was last opened. They must never be lost.
    kept: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Attempt {
    line: Vec<u8>,
    told: Told,
}

/// What the caller knows about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Nothing, or that it may be recorded.
    Nothing,
    /// It is recorded, at this index.
    Recorded(u64),
    /// It is not recorded and never will be.
    Refused,
}

impl Model {
    /// The number of the next attempt.
    pub(crate) fn next(&self) -> usize {
        self.attempts.len()
    }

    /// Adds an attempt to record this entry, which has an id and a time.
    pub(crate) fn attempt(&mut self, entry: &Entry) -> usize {
        let mut line = Vec::new();
        entry.append_line(u64::MAX, &mut line).expect("these entries are good");
        self.ids.insert(entry.id.clone().expect("given"), self.attempts.len());
        self.attempts.push(Attempt { line, told: Told::Nothing });
        self.attempts.len() - 1
    }

    /// Notes receipts for these attempts.
    pub(crate) fn recorded(&mut self, attempts: &[usize], receipts: &[Receipt]) {
        assert_eq!(attempts.len(), receipts.len(), "a receipt for each");
        assert!(receipts.is_sorted_by(|a, b| a.index < b.index), "a batch keeps its order");
        for (attempt, receipt) in attempts.iter().zip(receipts) {
            let attempt = &mut self.attempts[*attempt];
            assert_eq!(receipt.leaf_hash, graven_core::hash::leaf_hash(&attempt.line));
            attempt.told = Told::Recorded(receipt.index);
        }
    }

    /// Notes that these attempts were refused, and are certainly not recorded.
    pub(crate) fn refused(&mut self, attempts: &[usize]) {
        attempts.iter().for_each(|attempt| self.attempts[*attempt].told = Told::Refused);
    }

    /// How many of these attempts are missing in the lines.
    pub(crate) fn missing(&self, attempts: &[usize], lines: &[Vec<u8>]) -> u64 {
        let lines: HashSet<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        attempts.iter().filter(|attempt| !lines.contains(&*self.attempts[**attempt].line)).count() as u64
    }

    /// Checks that no acknowledged entry is missing or changed, that each line was recorded, and none twice.
    pub(crate) fn check(&self, lines: &[Vec<u8>]) {
        assert!(lines.starts_with(&self.kept), "lines of the last opening are missing or changed");
        for Attempt { line, told } in &self.attempts {
            if let Told::Recorded(index) = told {
                let found = lines.get(*index as usize).map(|line| String::from_utf8_lossy(line));
                assert_eq!(found, Some(String::from_utf8_lossy(line)), "entry {index} was acknowledged");
            }
        }
        let mut seen = HashSet::new();
        for (index, line) in lines.iter().enumerate() {
            let entry = Entry::from_line(line).expect("every stored line is an entry");
            if entry.category == Category::Trail {
                continue;
            }
            let attempt = entry.id.as_ref().and_then(|id| self.ids.get(id));
            let attempt = *attempt.unwrap_or_else(|| panic!("entry {index} was never recorded"));
            assert_eq!(self.attempts[attempt].line, *line, "entry {index} was changed");
            assert_ne!(self.attempts[attempt].told, Told::Refused, "entry {index} was refused");
            assert!(seen.insert(attempt), "entry {index} is there twice");
        }
    }

    /// Notes the lines of a trail that was just opened. They must never be lost from now on.
    pub(crate) fn opened(&mut self, lines: Vec<Vec<u8>>) {
        self.check(&lines);
        self.kept = lines;
    }
}
