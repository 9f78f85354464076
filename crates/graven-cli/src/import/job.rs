//! One import: the text of a file goes through [`Taking`] into the trail, with marks on the way.
//!
//! Batches and marks go into the queue in order, and the log has them in that order. So when a process was killed, what
//! the trail has of its import ends at most [`MARK_BYTES`] of text, and one read, behind the last mark; the next import
//! makes those entries once more, and looks which of them are there.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use graven::reader::Record;
use graven::{Entry, Hash, Trail};
use graven_core::entry::stored_id;
use graven_core::hash::{hex, leaf_hash};
use graven_core::salvage::Reading;
use graven_formats::{Format, can_guess};
use sha2::{Digest, Sha256};

use super::marks::{HEAD_BYTES, MARK_BYTES, Mark, Past, READ_BYTES, State};
use super::recording::Recording;
use super::source::Source;
use super::taking::{Taking, Told};
use crate::shared::failure::Failure;
use crate::shared::misspelled::Misspelled;
use crate::shared::progress::Progress;
use crate::shared::submit::Submitter;

/// The longest read whose entries are recorded together.
const TOGETHER_BYTES_MAX: usize = 512 << 10;
/// An entry has at most this many bytes beside its detail.
const LINE_BYTES: usize = 64 << 10;

/// The results of the batches so far.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) entries: u64,
    pub(super) first_index: Option<u64>,
    pub(super) last_index: Option<u64>,
    pub(super) error: Option<graven::Error>,
}

/// What a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Batch {
    Entries,
    Mark,
}

/// An import at work.
pub(super) struct Job<'a, R> {
    pub(super) trail: &'a Trail,
    pub(super) file: &'a Path,
    pub(super) source: Source,
    pub(super) taking: Taking<R>,
    /// The name of the format.
    format: String,
    run: String,
    recording: Recording<Batch>,
    done: Arc<Mutex<Done>>,
    /// Over the text that was read.
    hasher: Sha256,
    bytes: u64,
    /// How much of the text the last mark speaks of.
    marked: u64,
    buffer: Vec<u8>,
    /// What was read to recognise the format, and is still to be taken; and why nothing can be read behind it.
    head: VecDeque<u8>,
    broken: Option<io::Error>,
    pub(super) progress: Progress,
    misspelled: Misspelled,
    /// The size of the file, for the progress.
    total: u64,
    /// Why the file was not read to its end.
    unread: Option<io::Error>,
}

/// By what an entry is found in the log.
enum Sought {
    Leaf(Hash),
    /// The id, as it is or without its secrets.
    Id([String; 2]),
}

/// What an import has done.
pub(super) struct Outcome {
    pub(super) done: Done,
    pub(super) found: graven_core::salvage::Found,
    pub(super) told: Told,
    /// Entries of the file that were in the trail before.
    pub(super) already: u64,
}

/// What a job is made of.
pub(super) struct Parts<'a> {
    pub(super) trail: &'a Trail,
    pub(super) file: &'a Path,
    pub(super) source: Source,
    /// What was read of the text already, and why it cannot be read on.
    pub(super) head: (Vec<u8>, Option<io::Error>),
    pub(super) format: Option<Format>,
    pub(super) run: String,
    pub(super) progress: Progress,
    pub(super) misspelled: Misspelled,
    pub(super) total: u64,
}

impl<'a, R: for<'t> Fn(&'t str) -> Cow<'t, str>> Job<'a, R> {
    pub(super) fn new(parts: Parts<'a>, redact: R) -> Result<Job<'a, R>, Failure> {
        let Parts { trail, file, source, head, format, run, progress, misspelled, total } = parts;
        let done = Arc::new(Mutex::new(Done::default()));
        let answers = Arc::clone(&done);
        let submitter = Submitter::start(trail, move |batch, recorded| {
            let mut done = lock(&answers);
            match recorded {
                Ok(receipts) if batch == Batch::Entries => {
                    done.entries += receipts.len() as u64;
                    done.first_index = done.first_index.or(receipts.first().map(|receipt| receipt.index));
                    done.last_index = receipts.last().map(|receipt| receipt.index).or(done.last_index);
                }
                Ok(_) => {}
                Err(error) => drop(done.error.get_or_insert(error)),
            }
        })?;
        let reading = Reading::of(file.display().to_string(), redact);
        Ok(Job {
            trail,
            file,
            source,
            taking: Taking::new(format, run.clone(), reading),
            format: name(format).to_owned(),
            run,
            recording: Recording::start(submitter)?,
            done,
            hasher: Sha256::new(),
            bytes: 0,
            marked: 0,
            buffer: vec![0; READ_BYTES],
            head: head.0.into(),
            broken: head.1,
            progress,
            misspelled,
            total,
            unread: None,
        })
    }

    /// Imports the file, from where an earlier import of it has ended.
    pub(super) fn run(mut self, past: Option<Past>) -> Result<Outcome, Failure> {
        let is_ended = |past: &&Past| past.mark.state == State::Ended;
        let known_end = past.as_ref().filter(is_ended).map(|past| past.mark.bytes);
        let already = match past {
            Some(past) => self.go_on(&past)?,
            None => {
                self.begin();
                0
            }
        };
        while !self.has_failed() {
            let (entries, count) = self.next(u64::MAX);
            self.record(entries, count);
            if count == 0 {
                break;
            }
            if self.bytes - self.marked >= MARK_BYTES {
                self.mark(State::Going);
            }
        }
        let entries = self.taking.finish();
        self.record(entries, 0);
        let is_whole = self.bytes > 0 && self.unread.is_none() && !self.has_failed();
        if is_whole && known_end != Some(self.bytes) {
            self.mark(State::Ended);
        }
        self.end(already)
    }

    /// The first mark says how the text begins.
    fn begin(&mut self) {
        let head = self.head.make_contiguous();
        if head.is_empty() {
            return;
        }
        let (bytes, sha256) = (head.len() as u64, hex(&Sha256::digest(&*head)));
        self.submit_mark(State::Begun, bytes, sha256);
    }

    /// Reads once more what an earlier import has recorded, and looks what it had recorded behind its last mark. Says how
    /// many entries were there.
    fn go_on(&mut self, past: &Past) -> Result<u64, Failure> {
        while self.bytes < past.bytes() && self.next(past.bytes() - self.bytes).1 > 0 {}
        if past.mark.state == State::Ended {
            drop(self.taking.finish());
        }
        self.marked = self.bytes;
        self.taking.count_from_here();
        let already = self.taking.entries();
        if past.mark.state == State::Ended {
            return Ok(already);
        }
        let mut made = VecDeque::new();
        let mut count = 1;
        while count > 0 && self.bytes - self.marked < MARK_BYTES + READ_BYTES as u64 {
            let (entries, read) = self.next(u64::MAX);
            made.extend(entries);
            count = read;
        }
        if count == 0 {
            made.extend(self.taking.finish());
        }
        let before = made.len();
        self.drop_recorded(&mut made, past.index + 1)?;
        let there = before - made.len();
        // Each by itself: together they can be more than a queue holds.
        made.into_iter().for_each(|entry| self.record(vec![entry], TOGETHER_BYTES_MAX + 1));
        Ok(already + there as u64)
    }

    /// Takes out the entries that the log has from this index on, as far as they stand there in this order.
    fn drop_recorded(&self, made: &mut VecDeque<Entry>, from: u64) -> Result<(), Failure> {
        let mut entries = self.trail.entries(from..)?;
        let Some(mut sought) = made.front().map(|entry| self.sought(entry)).transpose()? else {
            return Ok(());
        };
        while let Some((index, line)) = entries.next_line()? {
            let is_it = match &sought {
                Sought::Leaf(hash) => *hash == leaf_hash(line),
                Sought::Id(ids) => Record::entry_of(index, line)?.id.is_some_and(|id| ids.contains(&id)),
            };
            if is_it {
                made.pop_front();
                let Some(next) = made.front() else { break };
                sought = self.sought(next)?;
            }
        }
        Ok(())
    }

    /// By what an entry is found in the log. One without a time got that of its recording.
    fn sought(&self, entry: &Entry) -> Result<Sought, Failure> {
        if entry.timestamp.is_some() {
            return Ok(Sought::Leaf(self.trail.leaf_hash_of(entry.clone())?));
        }
        let id = stored_id(entry.id.as_deref().unwrap_or_default());
        let redacted = self.trail.redactor().text(&id).into_owned();
        Ok(Sought::Id([id.into_owned(), redacted]))
    }

    /// Reads at most this much more of the text. Gives the entries, and how much it was.
    fn next(&mut self, most: u64) -> (Vec<Entry>, usize) {
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(self.buffer.len());
        let mut buffer = std::mem::take(&mut self.buffer);
        let count = if !self.head.is_empty() {
            io::Read::read(&mut self.head, &mut buffer[..most])
        } else if let Some(error) = self.broken.take() {
            Err(error)
        } else {
            self.source.some(&mut buffer[..most])
        };
        let count = count.unwrap_or_else(|error| {
            self.unread = Some(error);
            0
        });
        self.hasher.update(&buffer[..count]);
        self.bytes += count as u64;
        let entries = self.taking.push(&buffer[..count]);
        self.buffer = buffer;
        self.progress.set(self.source.position(), self.total);
        (entries, count)
    }

    /// Records entries: together, unless there is more than a queue can hold.
    fn record(&self, entries: Vec<Entry>, bytes: usize) {
        entries.iter().for_each(|entry| self.misspelled.look_at(entry));
        let bytes_of =
            |entry: &Entry| LINE_BYTES + entry.detail.as_ref().map_or(0, |detail| detail.as_str().len());
        let is_small = bytes <= TOGETHER_BYTES_MAX;
        let details: usize = entries.iter().map(|entry| bytes_of(entry) - LINE_BYTES).sum();
        if is_small && details <= TOGETHER_BYTES_MAX {
            return self.recording.submit(entries, bytes.max(details), Batch::Entries);
        }
        for entry in entries {
            let bytes = bytes_of(&entry);
            self.recording.submit(vec![entry], bytes, Batch::Entries);
        }
    }

    fn mark(&mut self, state: State) {
        self.marked = self.bytes;
        let sha256 = hex(&self.hasher.clone().finalize());
        self.submit_mark(state, self.bytes, sha256);
    }

    fn submit_mark(&self, state: State, bytes: u64, sha256: String) {
        let mark = Mark {
            import: self.run.clone(),
            file: self.file.display().to_string(),
            format: self.format.clone(),
            state,
            bytes,
            sha256,
            lines: if state == State::Begun { 0 } else { self.taking.lines() },
            entries: self.taking.entries(),
        };
        self.recording.submit(vec![mark.entry()], LINE_BYTES, Batch::Mark);
    }

    fn has_failed(&self) -> bool {
        lock(&self.done).error.is_some()
    }

    /// Waits for all batches.
    fn end(self, already: u64) -> Result<Outcome, Failure> {
        let Job { recording, taking, progress, done, unread, file, .. } = self;
        recording.finish();
        progress.finish();
        let done = std::mem::take(&mut *lock(&done));
        let so_far = crate::shared::text::counted(done.entries, "entry is", "entries are");
        if let Some(error) = done.error {
            let failure = Failure::from(error);
            let message = format!("the import stopped after {so_far} recorded: {}", failure.message);
            return Err(Failure { message, ..failure });
        }
        if let Some(error) = unread {
            return Err(Failure::file("read", file, &error).advise(format_args!("{so_far} recorded")));
        }
        let (found, told) = taking.into_told();
        Ok(Outcome { done, found, told, already })
    }
}

/// The name of a format in a mark and in an answer.
pub(super) fn name(format: Option<Format>) -> &'static str {
    format.map_or("graven", Format::as_str)
}

/// The first bytes of a text; of one that somebody is still sending, no more than its first event. And why there are no more, if
/// they cannot be read.
pub(super) fn head(source: &mut Source, is_sent: bool) -> (Vec<u8>, Option<io::Error>) {
    let mut head = vec![0; HEAD_BYTES];
    let (count, broken) = source.fill_until(&mut head, |head| is_sent && can_guess(head));
    head.truncate(count);
    (head, broken)
}

fn lock(done: &Mutex<Done>) -> MutexGuard<'_, Done> {
    done.lock().unwrap_or_else(PoisonError::into_inner)
}
