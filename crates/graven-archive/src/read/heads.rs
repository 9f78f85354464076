//! The heads of a trail in an archive, from the newest one back to the last closed segment.
//!
//! A verification goes on where another reader gives up: what is wrong with one object is a finding that names it, and
//! the others are judged all the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use graven::fsck::NamedHead;
use graven_core::checkpoint::Checkpoint;
use graven_core::note::{Note, VerifierKey};
use graven_core::verdict::{Finding, Verdict};

use super::found::Found;
use super::tail::OfHead;
use crate::epoch::Epoch;
use crate::error::ArchiveError;
use crate::head::{END, Head};
use crate::names::{Names, Span};
use crate::numbered::{newest, newest_from};
use crate::store::{Store, if_there};

/// How many heads are read at a time.
const HEADS_AT_ONCE: u64 = 64;

/// How far behind a number that is not there a verification looks for later ones: all of the next few, and then twice as
/// far each time.
const NEXT: u64 = 8;
const FAR: u32 = 20;

/// The newest head, and what else was read of the heads.
#[derive(Debug)]
pub(super) struct Heads {
    pub(super) newest: Head,
    /// The size of the head before it: what is under that one is all there.
    pub(super) before: u64,
    /// The entries of each head from the last closed segment on, in order.
    pub(super) ranges: Vec<OfHead>,
    /// Every head that was read, for a verification.
    pub(super) named: Vec<NamedHead>,
}

/// Reads heads of one trail.
pub(super) struct Walker<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) names: &'a Names,
    pub(super) key: &'a VerifierKey,
    pub(super) found: Option<&'a Arc<Found>>,
    pub(super) named: Vec<NamedHead>,
    /// The epochs and numbers of those.
    pub(super) seen: BTreeSet<(u64, u64)>,
}

/// What stands at the number of a head.
enum Stands {
    Head(Head),
    /// A checkpoint with another signature than the key's: only its size is used, to find names.
    Unsigned(u64),
    Nothing,
}

impl Walker<'_> {
    /// The heads of a trail up to its newest epoch, back to `first`, the end of the last closed segment.
    pub(super) fn walk(mut self, newest: &Epoch, first: u64) -> Result<Option<Heads>, ArchiveError> {
        let Some(head) = self.newest(newest.epoch)? else { return Ok(None) };
        self.name(&head);
        let (mut ranges, mut before) = (Vec::new(), None);
        let mut at = (head.epoch, head.number, head.size);
        loop {
            let (epoch, number, size) = at;
            let start = self.back(epoch, number, size, first, &mut ranges, &mut before)?;
            if start <= first {
                break;
            }
            // Those before the first head of this epoch are under the heads of an earlier one.
            let earlier = match epoch.checked_sub(1) {
                Some(before) => self.newest_at(before, start)?,
                None => None,
            };
            let end = earlier.as_ref().map_or(0, |head| head.size).max(first);
            if end < start {
                // No head is exactly there: the objects of that range have no name that is known.
                self.hole(epoch, end, start, &mut ranges)?;
            }
            match earlier {
                Some(head) if head.size > first => at = (head.epoch, head.number, head.size),
                _ => break,
            }
        }
        ranges.reverse();
        let before = before.unwrap_or(0);
        Ok(Some(Heads { newest: head, before, ranges, named: self.named }))
    }

    /// Goes back through one epoch from a head of this size, and notes the entries of each head. Returns where the first of
    /// these begin.
    fn back(
        &mut self,
        epoch: u64,
        number: u64,
        size: u64,
        first: u64,
        ranges: &mut Vec<OfHead>,
        before: &mut Option<u64>,
    ) -> Result<u64, ArchiveError> {
        let (mut end, mut left, mut exact) = (size, number, true);
        let least = if self.found.is_some() { self.start(epoch)? } else { 0 };
        // Also when nothing is to be fetched, the head before the newest one says which tiles are there.
        while left > 0 && (end > first || before.is_none()) {
            let some = if end > first { left.min(HEADS_AT_ONCE) } else { 1 };
            let numbers: Vec<u64> = (left - some..left).rev().collect();
            let answers = self.store.read_all(numbers.iter().map(|k| self.names.head(epoch, *k)).collect());
            for (number, answer) in numbers.into_iter().zip(answers) {
                left = number;
                let start = match self.judge(epoch, number, if_there(answer)?)? {
                    Stands::Head(head) if head.size > end || head.size < least => {
                        let size = head.size;
                        let why = format!("a head of {size} entries stands here, between {least} and {end}");
                        self.wrong(Verdict::Altered, &self.names.head(epoch, number), why)?;
                        exact = false;
                        continue;
                    }
                    Stands::Head(head) => {
                        self.name(&head);
                        head.size
                    }
                    Stands::Unsigned(size) => size,
                    Stands::Nothing => {
                        exact = false;
                        continue;
                    }
                };
                if before.is_none() {
                    *before = Some(start.min(end));
                }
                if start >= end || end <= first {
                    continue;
                }
                ranges.push(OfHead { epoch, span: Span { first: start, end }, exact });
                (end, exact) = (start, true);
                if end <= first {
                    break;
                }
            }
        }
        if end <= first {
            return Ok(end);
        }
        let start = self.start(epoch)?;
        if before.is_none() {
            *before = Some(start);
        }
        if start < end {
            ranges.push(OfHead { epoch, span: Span { first: start, end }, exact });
        }
        Ok(start.min(end))
    }

    /// Entries that no head has, though an earlier epoch should.
    fn hole(&self, epoch: u64, first: u64, end: u64, ranges: &mut Vec<OfHead>) -> Result<(), ArchiveError> {
        let address = self.store.address(&self.names.epoch(epoch));
        let why = format!("it begins after {end} entries, and no earlier epoch has a head of that size");
        let Some(found) = self.found else { return Err(ArchiveError::data(format!("{address}: {why}"))) };
        found.add(Finding::new(Verdict::Missing, why).range(first, end - 1).file(address));
        ranges.push(OfHead { epoch, span: Span { first, end }, exact: false });
        Ok(())
    }

    /// Notes what is wrong with an object, or fails with it.
    fn wrong(&self, verdict: Verdict, object: &str, why: String) -> Result<(), ArchiveError> {
        let address = self.store.address(object);
        match self.found {
            Some(found) => {
                found.add(Finding::new(verdict, why).file(address));
                Ok(())
            }
            None => Err(ArchiveError::data(format!("{address}: {why}; see `graven verify`"))),
        }
    }

    /// The newest head up to an epoch, with a good signature.
    pub(super) fn newest(&mut self, epoch: u64) -> Result<Option<Head>, ArchiveError> {
        for epoch in (0..=epoch).rev() {
            if let Some(head) = self.newest_of(epoch)? {
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// The newest head up to an epoch with at most this size.
    fn newest_at(&mut self, epoch: u64, size: u64) -> Result<Option<Head>, ArchiveError> {
        for epoch in (0..=epoch).rev() {
            let Some(mut head) = self.newest_of(epoch)? else { continue };
            // A writer may have added heads after the next epoch was taken, until its own was ended.
            while head.size > size {
                self.name(&head);
                let Some(number) = head.number.checked_sub(1) else { break };
                let bytes = if_there(self.store.read(&self.names.head(epoch, number)))?;
                match self.judge(epoch, number, bytes)? {
                    Stands::Head(earlier) => head = earlier,
                    _ => break,
                }
            }
            if head.size <= size {
                self.name(&head);
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// The newest head of an epoch with a good signature.
    pub(super) fn newest_of(&mut self, epoch: u64) -> Result<Option<Head>, ArchiveError> {
        let is_there = |number| Ok(self.store.bytes(&self.names.head(epoch, number))?.is_some());
        let mut last = newest(is_there)?;
        if let Some(found) = self.found {
            while let Some(later) = later(last.map_or(0, |last| last + 1), is_there)? {
                let gone = last.map_or(0, |last| last + 1);
                let address = self.store.address(&self.names.head(epoch, gone));
                let message = format!("this head is missing: number {later} of the epoch is there");
                found.add(Finding::new(Verdict::Missing, message).file(address));
                last = newest_from(later + 1, is_there)?;
            }
        }
        let Some(mut number) = last else { return Ok(None) };
        loop {
            let bytes = if_there(self.store.read(&self.names.head(epoch, number)))?;
            let is_end = bytes.as_ref().is_some_and(|bytes| bytes == END);
            if !is_end && let Stands::Head(head) = self.judge(epoch, number, bytes)? {
                if self.is_in_order(&head)? {
                    return Ok(Some(head));
                }
                let why = format!("a head of {} entries stands here after a larger one", head.size);
                self.wrong(Verdict::Altered, &self.names.head(epoch, number), why)?;
            }
            match number.checked_sub(1) {
                Some(before) => number = before,
                None => return Ok(None),
            }
        }
    }

    /// Whether a newest head is not smaller than what stands before it. Only a verification asks.
    fn is_in_order(&mut self, head: &Head) -> Result<bool, ArchiveError> {
        if self.found.is_none() {
            return Ok(true);
        }
        let Some(before) = head.number.checked_sub(1) else {
            return Ok(head.size >= self.start(head.epoch)?);
        };
        let name = self.names.head(head.epoch, before);
        let Some(bytes) = if_there(self.store.read(&name))? else { return Ok(true) };
        let address = self.store.address(&name);
        let before = Head::open((head.epoch, before), bytes, self.key, &address);
        // One that cannot be opened is judged where the heads are walked through.
        Ok(before.map_or(true, |before| before.size <= head.size))
    }

    /// The size with which an epoch begins.
    fn start(&mut self, epoch: u64) -> Result<u64, ArchiveError> {
        if let Some(epoch) = self.epoch(epoch)? {
            return Ok(epoch.size);
        }
        // It is damaged or missing, which is told: it began where the one before ended.
        Ok(match epoch.checked_sub(1) {
            Some(before) => self.newest(before)?.map_or(0, |head| head.size),
            None => 0,
        })
    }

    /// What stands at a number of which the bytes were read.
    fn judge(&self, epoch: u64, number: u64, bytes: Option<Bytes>) -> Result<Stands, ArchiveError> {
        let name = self.names.head(epoch, number);
        let address = self.store.address(&name);
        let (verdict, why, stands) = match bytes {
            None => {
                (Verdict::Missing, "this head is missing: a later one is there".to_owned(), Stands::Nothing)
            }
            Some(bytes) if bytes == END => {
                let why = "this says that the epoch has ended, and a head follows".to_owned();
                (Verdict::Altered, why, Stands::Nothing)
            }
            Some(bytes) => match Head::open((epoch, number), bytes.clone(), self.key, &address) {
                Ok(head) => return Ok(Stands::Head(head)),
                Err(error) if self.found.is_none() => return Err(error),
                Err(_) => {
                    let stands = unsigned_size(&bytes).map_or(Stands::Nothing, Stands::Unsigned);
                    let why = format!("this head is not a checkpoint that the key {} signed", self.key);
                    (Verdict::BadSignature, why, stands)
                }
            },
        };
        match self.found {
            Some(found) => {
                found.add(Finding::new(verdict, why).file(address));
                Ok(stands)
            }
            None => Err(ArchiveError::data(format!("{address}: {why}; see `graven verify`"))),
        }
    }

    fn epoch(&self, number: u64) -> Result<Option<Epoch>, ArchiveError> {
        match Epoch::read(self.store, self.names, number) {
            // A verification has read it before, and says so.
            Err(ArchiveError::Data { .. }) if self.found.is_some() => Ok(None),
            read => read,
        }
    }

    pub(super) fn name(&mut self, head: &Head) {
        if self.found.is_none() {
            return;
        }
        if self.seen.insert((head.epoch, head.number)) {
            let name = self.store.address(&self.names.head(head.epoch, head.number));
            self.named.push(NamedHead { name, size: head.size, root: head.root });
        }
    }
}

/// A number behind one that is not there. Only evidence that something is gone: most of the time there is none. When a
/// writer has created both meanwhile, nothing is gone.
pub(super) fn later(
    gone: u64,
    is_there: impl Fn(u64) -> Result<bool, ArchiveError>,
) -> Result<Option<u64>, ArchiveError> {
    let near = (1..=NEXT).map(|more| gone + more);
    let far = (1..FAR).map(|power| gone + (NEXT << power));
    for number in near.chain(far) {
        if is_there(number)? {
            return Ok(if is_there(gone)? { None } else { Some(number) });
        }
    }
    Ok(None)
}

/// The size in the text of a checkpoint whose signature is not checked.
fn unsigned_size(note: &[u8]) -> Option<u64> {
    let note = Note::parse(note).ok()?;
    Checkpoint::parse_text(&note.text).ok().map(|checkpoint| checkpoint.size)
}
