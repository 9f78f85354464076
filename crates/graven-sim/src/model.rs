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
    /// The latest moment at which an attempt of the log began: of all, and of each engine.
    begun_max: u64,
    begun_max_of: BTreeMap<u64, u64>,
    /// A count of events, which serves as time.
    moment: u64,
    /// How many engines there were, and which of them may still write.
    engines: u64,
    open: BTreeSet<u64>,
    losses: BTreeMap<u32, Losses>,
}

/// What is on the disk when lines are settled.
pub(crate) struct Settling<'a> {
    /// What programs see.
    pub(crate) seen: &'a Stored,
    /// What is there after a power cut that leaves nothing unsynced.
    pub(crate) durable: &'a Stored,
    pub(crate) disk: &'a SimDisk,
    pub(crate) layout: &'a Layout,
    /// Which process has written which `trail.gap`.
    pub(crate) gaps: &'a BTreeMap<Hash, u32>,
    /// Whether no process is in the middle of a step.
    pub(crate) quiet: bool,
    /// Whether all that is seen must be durable, good and settled: an opening or a close by a process that is alone has
    /// just ended.
    pub(crate) whole: bool,
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
    /// When the caller was told that it is recorded.
    acknowledged: u64,
    told: Told,
    emitted: bool,
    /// Which engine it was handed to, and of which process that is.
    engine: u64,
    process: u32,
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
            begun_max_of: BTreeMap::new(),
            moment: 0,
            engines: 0,
            open: BTreeSet::new(),
            losses: BTreeMap::new(),
        }
    }

    /// The number of the next attempt.
    pub(crate) fn next(&self) -> usize {
        self.attempts.len()
    }

    /// A caller wants to record this entry. `at_once`: the queue has room, so its place is settled now.
    pub(crate) fn attempt(
        &mut self,
        (process, engine): (u32, u64),
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
            acknowledged: u64::MAX,
            told,
            emitted,
            engine,
            process,
            given_up: false,
            line: Vec::new(),
        });
        self.unknown.insert(number);
        if emitted {
            self.losses.entry(process).or_default().emitted.push(number);
        }
        number
    }

    /// The caller got a receipt.
    pub(crate) fn acknowledge(&mut self, number: usize, receipt: &Receipt) -> Checked {
        let moment = self.tick();
        let attempt = &mut self.attempts[number];
        attempt.settled = attempt.settled.min(moment);
        attempt.acknowledged = moment;
        attempt.line = attempt.line_with(&receipt.id);
        let made = attempt.entry.id.is_none();
        Rule::LeafHash.unless(leaf_hash(&attempt.line) == receipt.leaf_hash, || {
            format!("the receipt of entry {} has another hash than its line", receipt.index)
        })?;
        let settled = match attempt.told {
            Told::There(place) if place == receipt.index => true,
            Told::Unknown => false,
            told => {
                return Rule::Index
                    .broken(format!("attempt {number} got index {}, and was {told:?}", receipt.index));
            }
        };
        attempt.told = Told::There(receipt.index);
        self.unknown.remove(&number);
        Rule::Ids.unless(settled || !made || self.ids.insert(receipt.id.clone()), || {
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
        let losses = self.losses.entry(self.attempts[number].process).or_default();
        if counted {
            losses.refused += 1;
        }
        losses.emitted.retain(|emitted| *emitted != number);
    }

    /// Entries that were never attempts, such as invalid ones, are counted as lost.
    pub(crate) fn lost(&mut self, process: u32, count: u64) {
        self.losses.entry(process).or_default().refused += count;
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

    /// A process has opened the trail: the number of its new engine.
    pub(crate) fn opened(&mut self) -> u64 {
        self.engines += 1;
        self.open.insert(self.engines);
        self.engines
    }

    /// An engine has ended: it writes nothing more.
    pub(crate) fn ended(&mut self, engine: u64) {
        self.open.remove(&engine);
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

    /// Settles what is durable: it stays. When nobody writes and nothing else is there, everything else that was handed
    /// to an engine that has ended will never be there.
    pub(crate) fn settle(&mut self, now: &Settling<'_>) -> Checked {
        self.check_kept(now.seen, now.disk)?;
        for (line, durable) in
            now.seen.lines_from(self.ends.len()).zip(now.durable.lines_from(self.ends.len()))
        {
            if line != durable {
                break;
            }
            let index = self.settled();
            let entry = match Entry::from_line(line) {
                Ok(entry) => entry,
                Err(_) if !now.whole => break,
                Err(error) => {
                    return Rule::Invented.broken(format!("entry {index}: {error}: {}", shown(line)));
                }
            };
            if entry.category == Category::Trail {
                self.settle_system_entry(index, &entry, leaf_hash(line), now)?;
            } else {
                self.settle_line(index, &entry, line, now.layout)?;
            }
            self.log.extend_from_slice(line);
            self.log.push(b'\n');
            self.ends.push(self.log.len());
            self.tree.push(leaf_hash(line));
            self.roots.push(self.tree.root());
        }
        let all = now.seen.bytes.len() == self.log.len();
        if all && now.quiet {
            self.give_up_ended();
        }
        if now.whole && !all {
            let past = now.seen.bytes.len() - self.log.len();
            let durable = now.durable.bytes.len() >= now.seen.bytes.len();
            return (if durable { Rule::Torn } else { Rule::Kept }).broken(format!(
                "{past} bytes follow the last durable entry of a trail that was just opened or closed"
            ));
        }
        for (size, root) in &self.heads {
            let there = usize::try_from(*size).ok().and_then(|size| self.roots.get(size));
            Rule::Heads.unless(there == Some(root), || {
                format!("the head that was signed for {size} entries is not that of the log")
            })?;
        }
        self.check_blobs_of_new(now.disk)
    }

    /// What is not in the log by now, and was handed to engines that have ended, will never be there.
    fn give_up_ended(&mut self) {
        let (attempts, open) = (&mut self.attempts, &self.open);
        self.unknown.retain(|number| {
            let attempt = &mut attempts[*number];
            let stays = open.contains(&attempt.engine);
            if !stays {
                attempt.told = Told::NotThere;
            }
            stays
        });
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
        // One engine keeps its order. Of two, the one that was told "recorded" before the other asked is first.
        let begun_max = self.begun_max_of.entry(attempt.engine).or_default();
        Rule::Order
            .unless(attempt.settled >= *begun_max && attempt.acknowledged >= self.begun_max, || {
                format!("entry {index} was settled before an earlier entry of the log began")
            })?;
        *begun_max = attempt.begun.max(*begun_max);
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
    fn settle_system_entry(&mut self, index: u64, entry: &Entry, hash: Hash, now: &Settling<'_>) -> Checked {
        let detail = entry.detail.as_ref().map_or("null", |detail| detail.as_str());
        let detail: serde_json::Value = serde_json::from_str(detail).unwrap_or_default();
        let number = |name: &str| detail[name].as_u64().unwrap_or_default();
        match entry.action.as_str() {
            "trail.gap" => {
                let Some(process) = now.gaps.get(&hash) else {
                    return Rule::Invented.broken(format!("no process has written the gap at index {index}"));
                };
                self.losses.entry(*process).or_default().told += number("dropped");
                Ok(())
            }
            "trail.recovered" | "trail.repaired" => {
                // Between the opening and this entry others may have recorded.
                let end = number("unsealed_first") + number("unsealed_entries");
                Rule::Torn.unless(end <= index && (end == index || self.engines > 1), || {
                    format!("{} at index {index} says: {detail}", entry.action)
                })?;
                let cut = number("torn_bytes");
                let file = detail["torn_file"].as_str().unwrap_or_default();
                let kept = now.disk.contents(now.layout.dir().join(file)).unwrap_or_default();
                let name = format!("torn/{end:020}-{}", &sha256(&kept).to_hex()[..16]);
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

    /// Checks, after a close, that every entry that this process lost is counted in the trail. As long as the outcome of
    /// one of them is not known, there is nothing to check.
    pub(crate) fn check_losses(&self, process: u32) -> Checked {
        let Some(losses) = self.losses.get(&process) else { return Ok(()) };
        let is = |number: &usize, told| self.attempts[*number].told == told;
        if losses.emitted.iter().any(|number| is(number, Told::Unknown)) {
            return Ok(());
        }
        let gone = losses.emitted.iter().filter(|number| is(number, Told::NotThere)).count();
        let lost = losses.refused + gone as u64;
        Rule::Losses.unless(lost == losses.told, || {
            format!("{lost} entries were lost in process {process}, and the trail counts {}", losses.told)
        })
    }

    /// An attempt of this engine whose caller still waits. There is none after a close.
    pub(crate) fn unanswered(&self, engine: u64) -> Option<usize> {
        self.unknown.iter().copied().find(|number| {
            let attempt = &self.attempts[*number];
            attempt.engine == engine && !attempt.emitted && !attempt.given_up
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
