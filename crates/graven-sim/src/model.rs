//! A plain model beside the engine: what was recorded, what the caller was told and what was signed. From this follows
//! what must be in the files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use graven::disk::sim::SimDisk;
use graven::layout::Layout;
use graven::{Category, Entry, Receipt};
use graven_core::hash::{Hash, leaf_hash, sha256};
use graven_core::tree::Tree;

use crate::entries::{BLOB_BYTES_MAX, number_of};
use crate::head::Head;
use crate::look::Stored;
use crate::rule::{Checked, Rule};

/// Everything that was requested from one trail, and what is known of it.
#[derive(Debug)]
pub(crate) struct Model {
    attempts: Vec<Attempt>,
    /// The attempts whose outcome is not known.
    unknown: BTreeSet<usize>,
    /// The attempts that were acknowledged, by their index.
    acknowledged: BTreeMap<u64, usize>,
    /// The lines that an opening or a close has settled. They never change again.
    log: Vec<u8>,
    ends: Vec<usize>,
    tree: Tree,
    /// The root for each size up to the size of `log`.
    roots: Vec<Hash>,
    /// Every head that was signed.
    heads: BTreeMap<u64, Hash>,
    /// The details beside the log that settled lines refer to.
    blobs: BTreeMap<PathBuf, String>,
    /// The ids that the engine made.
    ids: BTreeSet<String>,
    /// The latest moment at which an attempt of the log began.
    begun_max: u64,
    /// A count of events, which serves as time.
    moment: u64,
    losses: Losses,
}

/// An entry that a caller wanted to record.
#[derive(Debug)]
struct Attempt {
    /// The entry as given.
    entry: Entry,
    /// When the line was made.
    made: DateTime<Utc>,
    /// When the attempt began, and when its place in the order was settled.
    begun: u64,
    settled: u64,
    told: Told,
    emitted: bool,
    /// Whether the caller no longer waits for the answer.
    given_up: bool,
    /// The stored line, once its id is known.
    line: Vec<u8>,
}

/// What is known of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// It may be recorded.
    Unknown,
    /// It is recorded at this index: the caller was told so, or an opening found it.
    There(u64),
    /// It is not recorded: the caller was told so, or an opening did not find it.
    NotThere,
}

/// What one process has lost, and how many losses the trail counts.
#[derive(Debug, Default)]
struct Losses {
    /// The first index that this process writes.
    first: u64,
    /// Entries that were refused and counted.
    refused: u64,
    /// Emitted attempts, for which no caller waits.
    emitted: Vec<usize>,
    /// The losses that the trail counts.
    told: u64,
}

impl Model {
    pub(crate) fn new() -> Model {
        Model {
            attempts: Vec::new(),
            unknown: BTreeSet::new(),
            acknowledged: BTreeMap::new(),
            log: Vec::new(),
            ends: Vec::new(),
            tree: Tree::new(),
            roots: vec![Hash::EMPTY_TREE],
            heads: BTreeMap::new(),
            blobs: BTreeMap::new(),
            ids: BTreeSet::new(),
            begun_max: 0,
            moment: 0,
            losses: Losses::default(),
        }
    }

    /// The number of the next attempt.
    pub(crate) fn next(&self) -> usize {
        self.attempts.len()
    }

    /// A caller wants to record this entry. `at_once`: the queue has room, so its place is settled now.
    pub(crate) fn attempt(
        &mut self,
        entry: Entry,
        made: DateTime<Utc>,
        at_once: bool,
        emitted: bool,
    ) -> usize {
        let number = self.next();
        let begun = self.tick();
        let settled = if at_once { begun } else { u64::MAX };
        let told = Told::Unknown;
        self.attempts.push(Attempt {
            entry,
            made,
            begun,
            settled,
            told,
            emitted,
            given_up: false,
            line: Vec::new(),
        });
        self.unknown.insert(number);
        if emitted {
            self.losses.emitted.push(number);
        }
        number
    }

    /// The caller got a receipt.
    pub(crate) fn acknowledge(&mut self, number: usize, receipt: &Receipt) -> Checked {
        let moment = self.tick();
        let attempt = &mut self.attempts[number];
        attempt.settled = attempt.settled.min(moment);
        attempt.line = attempt.line_with(&receipt.id);
        let made = attempt.entry.id.is_none();
        Rule::LeafHash.unless(leaf_hash(&attempt.line) == receipt.leaf_hash, || {
            format!("the receipt of entry {} has another hash than its line", receipt.index)
        })?;
        attempt.told = Told::There(receipt.index);
        self.unknown.remove(&number);
        Rule::Ids.unless(!made || self.ids.insert(receipt.id.clone()), || {
            format!("the id {} was made twice", receipt.id)
        })?;
        match self.acknowledged.insert(receipt.index, number) {
            Some(other) => Rule::Index.broken(format!(
                "index {} was given to attempt {other} and to attempt {number}",
                receipt.index
            )),
            None => Ok(()),
        }
    }

    /// The caller was told that the entry is not recorded. `counted`: it is counted as lost.
    pub(crate) fn refuse(&mut self, number: usize, counted: bool) {
        self.attempts[number].told = Told::NotThere;
        self.unknown.remove(&number);
        if counted {
            self.losses.refused += 1;
        }
        self.losses.emitted.retain(|emitted| *emitted != number);
    }

    /// Entries that were never attempts, such as invalid ones, are counted as lost.
    pub(crate) fn lost(&mut self, count: u64) {
        self.losses.refused += count;
    }

    /// The caller no longer waits, and the outcome is not known.
    pub(crate) fn give_up(&mut self, number: usize) {
        let moment = self.tick();
        let attempt = &mut self.attempts[number];
        attempt.settled = attempt.settled.min(moment);
        attempt.given_up = true;
    }

    /// A head was signed.
    pub(crate) fn signed(&mut self, head: &Head) -> Checked {
        match self.heads.insert(head.size, head.root) {
            Some(root) if root != head.root => {
                Rule::Heads.broken(format!("two roots were signed for {} entries", head.size))
            }
            _ => Ok(()),
        }
    }

    /// Whether such a head was signed.
    pub(crate) fn has_signed(&self, size: u64, root: &Hash) -> bool {
        self.heads.get(&size) == Some(root)
    }

    /// The number of acknowledged entries.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.len() as u64
    }

    /// The number of settled entries.
    pub(crate) fn settled(&self) -> u64 {
        self.ends.len() as u64
    }

    /// The line at an index, if it is known.
    pub(crate) fn known_line(&self, index: u64) -> Option<&[u8]> {
        let at = usize::try_from(index).ok()?;
        if let Some(end) = self.ends.get(at) {
            let start = if at == 0 { 0 } else { self.ends[at - 1] };
            return Some(&self.log[start..end - 1]);
        }
        self.acknowledged.get(&index).map(|number| &self.attempts[*number].line[..])
    }

    /// A new process takes over what is stored.
    pub(crate) fn new_process(&mut self, stored: &Stored) {
        self.losses = Losses { first: self.good_lines(stored) as u64, ..Losses::default() };
    }

    /// The number of lines at the front that are settled or can be entries: an opening keeps these.
    pub(crate) fn good_lines(&self, stored: &Stored) -> usize {
        let good =
            stored.lines_from(self.ends.len()).take_while(|line| Entry::from_line(line).is_ok()).count();
        (self.ends.len() + good).min(stored.len())
    }

    /// Checks that settled and acknowledged entries are there.
    pub(crate) fn check_kept(&self, stored: &Stored, disk: &SimDisk) -> Checked {
        if !stored.bytes.starts_with(&self.log) {
            let differs = |at: &usize| stored.line(*at) != self.known_line(*at as u64);
            let at = (0..self.ends.len()).find(differs).unwrap_or_default();
            let rule =
                if self.acknowledged.contains_key(&(at as u64)) { Rule::Acknowledged } else { Rule::Kept };
            return rule.broken(format!("entry {at} was there and is gone or changed"));
        }
        for (index, number) in self.acknowledged.range(self.settled()..) {
            let stored = usize::try_from(*index).ok().and_then(|index| stored.line(index));
            let line = &self.attempts[*number].line;
            Rule::Acknowledged.unless(stored == Some(line), || {
                format!("entry {index} was acknowledged and is not there: {}", shown(line))
            })?;
        }
        for (path, text) in &self.blobs {
            Rule::Acknowledged
                .unless(disk.contents(path).is_ok_and(|bytes| bytes == text.as_bytes()), || {
                    format!("the detail in {} is gone or changed", path.display())
                })?;
        }
        let signed = self.heads.last_key_value().map_or(0, |(size, _)| *size);
        Rule::Heads.unless(signed <= stored.len() as u64, || {
            format!("a head of {signed} entries was signed, and there are {}", stored.len())
        })
    }

    /// Settles what is there while no process writes: it stays, and everything else will never be there.
    pub(crate) fn settle(&mut self, stored: &Stored, disk: &SimDisk, layout: &Layout) -> Checked {
        self.check_kept(stored, disk)?;
        for line in stored.lines_from(self.ends.len()) {
            let index = self.settled();
            let entry = match Entry::from_line(line) {
                Ok(entry) => entry,
                Err(error) => {
                    return Rule::Invented.broken(format!("entry {index}: {error}: {}", shown(line)));
                }
            };
            if entry.category == Category::Trail {
                self.settle_system_entry(index, &entry, disk, layout)?;
            } else {
                self.settle_line(index, &entry, line, layout)?;
            }
            self.log.extend_from_slice(line);
            self.log.push(b'\n');
            self.ends.push(self.log.len());
            self.tree.push(leaf_hash(line));
            self.roots.push(self.tree.root());
        }
        for number in std::mem::take(&mut self.unknown) {
            self.attempts[number].told = Told::NotThere;
        }
        Rule::Torn.unless(stored.bytes.len() == self.log.len(), || {
            let past = stored.bytes.len() - self.log.len();
            format!("{past} bytes without a newline follow the last entry of an open trail")
        })?;
        for (size, root) in &self.heads {
            let there = usize::try_from(*size).ok().and_then(|size| self.roots.get(size));
            Rule::Heads.unless(there == Some(root), || {
                format!("the head that was signed for {size} entries is not that of the log")
            })?;
        }
        self.check_blobs_of_new(disk)
    }

    fn settle_line(&mut self, index: u64, entry: &Entry, line: &[u8], layout: &Layout) -> Checked {
        let invented = |why: &str| Rule::Invented.broken(format!("entry {index} {why}: {}", shown(line)));
        let Some(number) = number_of(entry).filter(|number| *number < self.attempts.len()) else {
            return invented("was never recorded");
        };
        let attempt = &mut self.attempts[number];
        match attempt.told {
            Told::There(place) if place == index => {}
            Told::There(place) => return invented(&format!("is also at index {place}")),
            Told::NotThere => {
                return invented("was reported as not recorded, or was missing at an earlier opening");
            }
            Told::Unknown => {
                let id = entry.id.clone().unwrap_or_default();
                attempt.line = attempt.line_with(&id);
                let made = attempt.entry.id.is_none();
                Rule::Ids.unless(!made || self.ids.insert(id), || {
                    format!("the id of entry {index} was made twice")
                })?;
            }
        }
        if attempt.line != line {
            return invented("is not what was recorded");
        }
        attempt.told = Told::There(index);
        Rule::Order.unless(attempt.settled >= self.begun_max, || {
            format!("entry {index} was settled before an earlier entry of the log began")
        })?;
        self.begun_max = self.begun_max.max(attempt.begun);
        if let Some(blob) = entry.detail.as_ref().and_then(|detail| detail.blob()) {
            let text =
                attempt.entry.detail.as_ref().map(|detail| detail.as_str().to_owned()).unwrap_or_default();
            self.blobs.insert(layout.blob(&blob.sha256.to_hex()), text);
        }
        self.unknown.remove(&number);
        Ok(())
    }

    /// Settles an entry that the engine made by itself, and checks what it says.
    fn settle_system_entry(&mut self, index: u64, entry: &Entry, disk: &SimDisk, layout: &Layout) -> Checked {
        let detail = entry.detail.as_ref().map_or("null", |detail| detail.as_str());
        let detail: serde_json::Value = serde_json::from_str(detail).unwrap_or_default();
        let number = |name: &str| detail[name].as_u64().unwrap_or_default();
        match entry.action.as_str() {
            "trail.gap" => {
                if index >= self.losses.first {
                    self.losses.told += number("dropped");
                }
                Ok(())
            }
            "trail.recovered" | "trail.repaired" => {
                Rule::Torn.unless(number("unsealed_first") + number("unsealed_entries") == index, || {
                    format!("{} at index {index} says: {detail}", entry.action)
                })?;
                let cut = number("torn_bytes");
                let file = detail["torn_file"].as_str().unwrap_or_default();
                let kept = disk.contents(layout.dir().join(file)).unwrap_or_default();
                let name = format!("torn/{index:020}-{}", &sha256(&kept).to_hex()[..16]);
                let right = if cut == 0 { file.is_empty() } else { kept.len() as u64 == cut && name == file };
                Rule::Torn
                    .unless(right, || format!("{cut} bytes were cut, and {file:?} holds {}", kept.len()))
            }
            "trail.adopted" | "trail.settings" | "trail.opened" | "trail.closed" => Ok(()),
            other => Rule::Invented.broken(format!("entry {index} is an unknown system entry: {other}")),
        }
    }

    fn check_blobs_of_new(&self, disk: &SimDisk) -> Checked {
        for (path, text) in &self.blobs {
            Rule::Acknowledged
                .unless(disk.contents(path).is_ok_and(|bytes| bytes == text.as_bytes()), || {
                    format!("the detail in {} is not there", path.display())
                })?;
        }
        Ok(())
    }

    /// Checks, after a clean close, that every entry that this process lost is counted in the trail.
    pub(crate) fn check_losses(&self) -> Checked {
        let gone = |number: &&usize| self.attempts[**number].told == Told::NotThere;
        let lost = self.losses.refused + self.losses.emitted.iter().filter(gone).count() as u64;
        Rule::Losses.unless(lost == self.losses.told, || {
            format!("{lost} entries were lost in this process, and the trail counts {}", self.losses.told)
        })
    }

    /// An attempt whose caller still waits. There is none after a clean close.
    pub(crate) fn unanswered(&self) -> Option<usize> {
        self.unknown.iter().copied().find(|number| {
            let attempt = &self.attempts[*number];
            !attempt.emitted && !attempt.given_up
        })
    }

    fn tick(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }
}

impl Attempt {
    /// The stored line. An entry without an id gets this one.
    fn line_with(&self, id: &str) -> Vec<u8> {
        let mut entry = self.entry.clone();
        entry.id.get_or_insert_with(|| id.to_owned());
        entry.timestamp.get_or_insert(self.made);
        let mut line = Vec::new();
        // The simulator makes only valid entries.
        let _blob = entry.append_line(BLOB_BYTES_MAX, &mut line).expect("an entry of the simulator fits");
        line
    }
}

/// A line for people to read, cut if it is long.
fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned()
}
