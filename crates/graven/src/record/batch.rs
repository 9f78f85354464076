//! Many entries, recorded together: the future of `record_batch`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use graven_core::entry::{Blob, Entry};

use crate::engine::completion::{Completion, Slot};
use crate::engine::queue::{Line, Refused};
use crate::error::Error;
use crate::record::handle::Handle;
use crate::record::recording::{Receipt, Ticket, make};
use crate::record::stored::Stored;

/// How many lines are queued under one hold of the queue's lock.
const LINES_AT_ONCE: usize = 256;

/// How long a line is, as a rule.
const LINE_BYTES: usize = 512;

/// A batch on its way: the future of [`Trail::record_batch`](crate::Trail::record_batch).
#[must_use = "nothing is recorded before the future is polled"]
#[derive(Debug)]
pub struct RecordingBatch {
    handle: Arc<Handle>,
    /// Entries that are not made into lines yet. The first poll makes all of them.
    entries: Vec<Entry>,
    /// The lines, end to end.
    lines: Vec<u8>,
    made: Vec<Made>,
    /// How many of `made` are queued.
    queued: usize,
    /// The groups of the queued lines, oldest first.
    groups: Vec<Arc<Completion>>,
    /// The index of the first entry of each group that is durable.
    firsts: Vec<u64>,
    /// The place of our waker in the next group.
    slot: Option<Slot>,
    /// Until when the next group must be durable.
    until: Duration,
}

#[derive(Debug)]
struct Made {
    /// Where the line ends in `lines`.
    end: usize,
    blob: Option<Blob>,
    ticket: Ticket,
    /// Which of the batch's groups it is in, and how many entries of that group are before it. Known once it is queued.
    group: usize,
    offset: u64,
}

impl RecordingBatch {
    pub(crate) fn new(handle: Arc<Handle>, entries: Vec<Entry>) -> RecordingBatch {
        RecordingBatch {
            handle,
            entries,
            lines: Vec::new(),
            made: Vec::new(),
            queued: 0,
            groups: Vec::new(),
            firsts: Vec::new(),
            slot: None,
            until: Duration::ZERO,
        }
    }

    /// A batch of those of the entries that can be recorded, and why the others cannot, with their places. The entries
    /// stay with the caller, as they are recorded.
    pub(crate) fn of_good(
        handle: Arc<Handle>,
        entries: &mut [Entry],
    ) -> (RecordingBatch, Vec<(usize, Error)>) {
        let mut batch = RecordingBatch::new(handle, Vec::new());
        let mut refused = Vec::new();
        batch.made.reserve_exact(entries.len());
        batch.lines.reserve(entries.len() * LINE_BYTES);
        for (place, entry) in entries.iter_mut().enumerate() {
            let start = batch.lines.len();
            match make(&batch.handle, entry, &mut batch.lines) {
                Ok((ticket, blob)) => {
                    entry.id = Some(ticket.id().to_owned());
                    batch.made.push(Made { end: batch.lines.len(), blob, ticket, group: 0, offset: 0 });
                }
                Err(error) => {
                    batch.lines.truncate(start);
                    refused.push((place, error));
                }
            }
        }
        batch.until = batch.handle.deadline_from_now();
        (batch, refused)
    }

    /// A batch of lines that are recorded as they are.
    pub(crate) fn of_stored(handle: Arc<Handle>, entries: Vec<Stored>) -> RecordingBatch {
        let mut batch = RecordingBatch::new(handle, Vec::new());
        for mut stored in entries {
            let ticket = Ticket::of_stored(&stored);
            batch.lines.append(&mut stored.line);
            batch.made.push(Made { end: batch.lines.len(), blob: stored.blob, ticket, group: 0, offset: 0 });
        }
        batch.until = batch.handle.deadline_from_now();
        batch
    }

    /// Makes every line, or refuses the batch as a whole.
    fn make_all(&mut self) -> Result<(), Error> {
        let mut entries = std::mem::take(&mut self.entries);
        self.made.reserve_exact(entries.len());
        for (position, entry) in entries.iter_mut().enumerate() {
            let (ticket, blob) = make(&self.handle, entry, &mut self.lines)
                .map_err(|error| error.prefixed(&format!("entry {position} of the batch")))?;
            self.made.push(Made { end: self.lines.len(), blob, ticket, group: 0, offset: 0 });
        }
        Ok(())
    }

    /// Queues what there is room for.
    fn push(&mut self, context: &Context<'_>) -> Result<(), Error> {
        while self.queued < self.made.len() {
            let mut start = if self.queued == 0 { 0 } else { self.made[self.queued - 1].end };
            let end = self.made.len().min(self.queued + LINES_AT_ONCE);
            let some = &mut self.made[self.queued..end];
            let mut lines: Vec<Line<'_>> = some
                .iter_mut()
                .map(|made| {
                    let bytes = &self.lines[start..made.end];
                    start = made.end;
                    Line { bytes, hash: made.ticket.leaf_hash, blob: made.blob.take() }
                })
                .collect();
            let pushed = self.handle.engine.queue.push_many(&mut lines);
            for (made, line) in some.iter_mut().zip(&mut lines) {
                made.blob = line.blob.take();
            }
            match pushed {
                Ok(places) => {
                    self.queued += places.len();
                    for (made, place) in some.iter_mut().zip(places) {
                        if !self.groups.last().is_some_and(|group| Arc::ptr_eq(group, &place.completion)) {
                            self.groups.push(place.completion);
                        }
                        (made.group, made.offset) = (self.groups.len() - 1, place.offset);
                    }
                }
                Err(Refused::Full) => {
                    if self.queued == 0 {
                        self.handle.check_for_room(self.until)?;
                    }
                    self.handle.engine.queue.wait_for_room(context.waker());
                    break;
                }
                // Those already queued may be recorded; these are not.
                Err(Refused::Ended(error)) if self.queued == 0 => return Err(error),
                Err(Refused::Ended(error)) => return Err(error.outcome_unknown()),
            }
        }
        self.handle.engine.watchdog.watch();
        Ok(())
    }

    /// Waits for the groups, in their order.
    fn poll_groups(&mut self, context: &Context<'_>) -> Poll<Result<(), Error>> {
        while let Some(group) = self.groups.get(self.firsts.len()) {
            let first = ready!(group.poll(context, &mut self.slot))?;
            self.firsts.push(first);
            self.slot = None;
            self.until = self.handle.deadline_from_now();
        }
        Poll::Ready(Ok(()))
    }
}

impl Future for RecordingBatch {
    type Output = Result<Vec<Receipt>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let batch = &mut *self;
        batch.handle.check_process()?;
        if !batch.entries.is_empty() {
            batch.make_all()?;
            batch.until = batch.handle.deadline_from_now();
        }
        batch.push(context)?;
        let groups = batch.poll_groups(context).map_err(|error| {
            // The groups before the one that failed are recorded.
            if !batch.firsts.is_empty() { error.outcome_unknown() } else { error }
        })?;
        if groups.is_ready() && batch.queued == batch.made.len() {
            let firsts = &batch.firsts;
            let receipt = |made: Made| made.ticket.receipt(firsts[made.group] + made.offset);
            let receipts = batch.made.drain(..).map(receipt).collect();
            return Poll::Ready(Ok(receipts));
        }
        batch.handle.check_until(batch.until)?;
        Poll::Pending
    }
}
