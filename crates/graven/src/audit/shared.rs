//! What the clones of an audit log share, and how an entry is recorded.

use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use chrono::{DateTime, Utc};

use super::AuditCategory;
use super::counted::Counted;
use super::entry::AuditEntry;
use super::kept::Kept;
use super::memory::{Found, Memory};
use super::sink::Sink;
use super::stream::Stream;
use super::unwritten::{Doubt, Redacted, Told, Unwritten, say};
use super::{native, ring};
use crate::actor::Actor;
use crate::error::{Error, ErrorKind};
use crate::lasting::Attempts;
use crate::reader::Reader;
use crate::record::blocking::blocking;
use crate::record::recording::{Begun, Receipt, Recording};
use crate::redact::Redactor;
use crate::seam::clock::id_at;
use crate::seam::machine::Machine;
use crate::trail::Trail;

/// What the clones of a log share.
pub(super) struct Shared {
    machine: Machine,
    /// For entries that no trail takes; a trail has its own redactor.
    redactor: Redactor,
    /// The entries that are in no trail.
    pub(super) kept: Arc<Kept>,
    /// The entries that are in the trail.
    memory: Memory,
    counted: Counted,
    /// The file; `None` for a log in memory only, or on a stream.
    pub(super) sink: Option<Arc<Sink>>,
    /// In the place of the file.
    pub(super) stream: Option<Stream>,
}

impl Shared {
    /// Opens the file, if a path is given.
    pub(super) fn new(max_entries: usize, path: Option<PathBuf>, machine: Machine) -> Shared {
        let kept = Arc::new(Kept::new(max_entries));
        let stream = path.as_deref().and_then(Stream::of);
        let path = path.filter(|_| stream.is_none());
        let sink = path.map(|path| Sink::open(path, machine.clone(), Arc::clone(&kept)));
        let redactor = Redactor::always(&*machine.clock);
        let (memory, counted) = (Memory::default(), Counted::default());
        Shared { machine, redactor, kept, memory, counted, sink, stream }
    }

    /// The time, and an id for what happens now.
    pub(super) fn time_and_id(&self) -> (DateTime<Utc>, String) {
        let now = self.machine.clock.now();
        (now, id_at(now, &*self.machine.clock))
    }

    /// Records an entry: in the file, then as an event, then in memory. The trail does all three; for entries that it
    /// does not take, the last two are done here.
    ///
    /// The entry is on the heap: it goes through several futures, and each would copy it.
    pub(super) async fn record(
        &self,
        mut entry: Box<AuditEntry>,
        actor: Option<Actor>,
        told: Told,
    ) -> Result<Receipt, Error> {
        if let (None, Some(actor)) = (&entry.principal, &actor) {
            entry.principal.clone_from(&actor.fields().principal);
        }
        if entry.id.is_empty() {
            entry.id = id_at(entry.timestamp, &*self.machine.clock);
        }
        let Some(sink) = &self.sink else {
            return Err(self
                .record_without_file(native::redact(&self.redactor, entry, actor.as_ref()))
                .await);
        };
        let (failures_before, mark) = (sink.failures(), self.kept.mark());
        let mut in_hand = InHand { shared: self, sink, told, entry: Some((entry, actor)), queued: None };
        match in_hand.write().await {
            Ok((receipt, trail)) => {
                sink.recorded(failures_before);
                if self.kept.is_unsettled() {
                    sink.settle(mark, trail).await;
                }
                Ok(receipt)
            }
            Err(unwritten) => Err(sink.missed(unwritten, told)),
        }
    }

    /// Records an entry in memory, and on the stream if there is one. Returns the error for a caller who asks for a receipt.
    async fn record_without_file(&self, redacted: Redacted) -> Error {
        let stream = self.stream.as_ref();
        let line = stream.map(|stream| (stream, Stream::line(&redacted)));
        let no_file = || "this audit log has no file: the entry is in memory only".to_owned();
        let error = Error::new(ErrorKind::Unavailable, stream.map_or_else(no_file, Stream::reason));
        let error = error.for_entry(&redacted.entry.id);
        say(&redacted.entry);
        self.kept.add(redacted, false, None);
        // At the end: the caller may give up while the line is being written.
        if let Some((stream, line)) = line {
            stream.write(line).await;
        }
        error
    }

    /// Takes the secrets out of an entry; with the same marks as in the trail, if there ever was one.
    fn redact(&self, entry: Box<AuditEntry>, actor: Option<&Actor>) -> Redacted {
        let redactor = self.seen_trail().map_or_else(|| self.redactor.clone(), |trail| trail.redactor());
        native::redact(&redactor, entry, actor)
    }

    /// The newest entries of a category, or of all, newest first, at most `limit`.
    pub(super) async fn newest(&self, category: Option<AuditCategory>, limit: usize) -> Vec<Arc<AuditEntry>> {
        let trail = self.seen_trail();
        let recorded = trail.as_ref().map(|trail| (&self.memory, trail));
        let found = ring::newest(&self.kept, recorded, category, limit);
        match trail {
            Some(trail) => self.with_blobs(found, &trail).await,
            None => found.into_iter().map(|found| found.entry).collect(),
        }
    }

    /// How many entries [`newest`](Shared::newest) can find.
    pub(super) fn count(&self) -> usize {
        if let Some(entries) = self.counted.get().filter(|_| self.kept.is_empty()) {
            return entries;
        }
        let trail = self.seen_trail();
        let (size, none_kept) = (trail.as_ref().map_or(0, Trail::len), self.kept.is_empty());
        let entries = ring::count(&self.kept, trail.as_ref().map(|trail| (&self.memory, trail)));
        if let Some(trail) = trail.filter(|_| none_kept && self.kept.is_empty()) {
            self.counted.set(&trail, size, entries);
        }
        entries
    }

    /// How many entries the file did not take when they came, or perhaps not.
    pub(super) fn failures(&self) -> u64 {
        self.sink.as_ref().map_or(0, |sink| sink.failures())
    }

    /// Reads the details that are stored as blobs, and the whole of the texts that were cut. One that cannot be read stays
    /// a reference.
    async fn with_blobs(&self, mut found: Vec<Found>, trail: &Trail) -> Vec<Arc<AuditEntry>> {
        let mut wanted = Vec::new();
        for (position, found) in found.iter_mut().enumerate() {
            wanted.extend(found.stored.take().map(|stored| (position, stored)));
        }
        if !wanted.is_empty() {
            let (machine, layout) = (self.machine.clone(), trail.layout().clone());
            let fetched = blocking(move || {
                let reader = Reader::open_on(&machine, layout)?;
                Ok(wanted
                    .into_iter()
                    .map(|(position, stored)| (position, reader.restored(&stored)))
                    .collect::<Vec<_>>())
            });
            let fetched = fetched.await.unwrap_or_else(|error| {
                tracing::warn!(
                    error = error.chain(),
                    "the details that the audit log stores as blobs cannot be read"
                );
                Vec::new()
            });
            for (position, restored) in fetched {
                match restored {
                    Ok(restored) => {
                        let whole = AuditEntry::from_entry(&restored);
                        found[position].entry =
                            Arc::new(whole.expect("the contract had words for it before"));
                    }
                    Err(error) => {
                        tracing::warn!(
                            error = error.chain(),
                            "a detail that the audit log stores as a blob cannot be read"
                        )
                    }
                }
            }
        }
        found.into_iter().map(|found| found.entry).collect()
    }

    /// Where the lines go.
    pub(super) fn path(&self) -> Option<&Path> {
        let sink = self.sink.as_ref().map(|sink| sink.path());
        sink.or_else(|| self.stream.as_ref().map(Stream::path))
    }

    /// The trail whose entries are shown, poisoned or not.
    pub(super) fn seen_trail(&self) -> Option<Trail> {
        self.sink.as_ref().and_then(|sink| sink.seen_trail())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(sink) = &self.sink {
            sink.end();
        }
    }
}

/// An entry on its way. If its caller gives up, it is kept.
struct InHand<'a> {
    shared: &'a Shared,
    sink: &'a Arc<Sink>,
    told: Told,
    /// Taken at the end of the way.
    entry: Option<(Box<AuditEntry>, Option<Actor>)>,
    queued: Option<Queued>,
}

/// An entry that a trail was given.
struct Queued {
    /// How many entries the trail had before.
    from: u64,
    recording: Recording,
    begun: Begun,
}

impl InHand<'_> {
    /// Records the entry in the trail, behind those that wait. Tries once more when the trail failed on other entries
    /// before it wrote this one.
    async fn write(&mut self) -> Result<(Receipt, Trail), Unwritten> {
        let mut attempts = Attempts::default();
        loop {
            let trail = match self.sink.trail().await {
                Ok(trail) => trail,
                Err(error) => return Err(self.unwritten(error)),
            };
            let written = match self.sink.write_kept(&trail).await {
                Ok(()) => self.record(&trail).await,
                Err(error) => Err(error),
            };
            match written {
                Ok(receipt) => {
                    self.keep(&trail, &receipt);
                    return Ok((receipt, trail));
                }
                Err(error) if attempts.once_more(&trail, &error) => {}
                Err(error) => return Err(self.unwritten(error)),
            }
        }
    }

    async fn record(&mut self, trail: &Trail) -> Result<Receipt, Error> {
        self.queued = None;
        poll_fn(|context| {
            if let Some(queued) = &mut self.queued {
                return Pin::new(&mut queued.recording).poll(context);
            }
            let (entry, actor) = self.entry.as_mut().expect("it is on its way");
            let from = trail.len();
            let mut native = native::lend(entry, actor.as_ref());
            let begun = Recording::begin(Arc::clone(&trail.0), &mut native, context);
            native::give_back(
                &mut native,
                entry,
                begun.as_ref().is_ok_and(|(_, begun)| begun.detail_changed),
            );
            let (recording, begun) = begun?;
            self.queued = Some(Queued { from, recording, begun });
            Poll::Pending
        })
        .await
    }

    /// Moves a recorded entry into memory, if it is as its line has it.
    fn keep(&mut self, trail: &Trail, receipt: &Receipt) {
        let entry = self.entry.take();
        let whole = self.queued.as_ref().is_some_and(|queued| queued.begun.whole);
        if let (Some((entry, _)), true) = (entry, whole) {
            self.shared.memory.keep(trail, receipt.index, entry);
        }
    }

    /// The end of the way: the entry was not recorded, or perhaps not.
    fn unwritten(&mut self, error: Error) -> Unwritten {
        let (entry, actor) = self.entry.take().expect("it is on its way");
        let doubt = if error.may_be_recorded() { self.doubt() } else { None };
        Unwritten { redacted: self.shared.redact(entry, actor.as_ref()), error, doubt }
    }

    /// What tells whether the log holds the entry that was queued last.
    fn doubt(&self) -> Option<Doubt> {
        let Queued { from, recording, begun } = self.queued.as_ref()?;
        Some(Doubt { hash: begun.leaf_hash, from: *from, engine: Arc::downgrade(recording.engine()) })
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        let Some((entry, actor)) = self.entry.take() else {
            return;
        };
        if self.queued.as_ref().is_some_and(|queued| queued.recording.queued_id().is_some()) {
            return self.sink.let_go(self.shared.redact(entry, actor.as_ref()), self.told, self.doubt());
        }
        let error = Error::new(ErrorKind::Unavailable, "its caller gave up before the file was open");
        let redacted = self.shared.redact(entry, actor.as_ref());
        let _kept = self.sink.missed(Unwritten { redacted, error, doubt: None }, self.told);
    }
}
