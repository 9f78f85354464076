//! What the clones of an audit log share, and how an entry is recorded.

use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use chrono::{DateTime, Utc};
use graven_core::entry::Entry;

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
        let content = Some(Content::Entry(entry));
        let mut in_hand = InHand { shared: self, sink, told, content, actor, queued: None };
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
    content: Option<Content>,
    actor: Option<Actor>,
    queued: Option<Queued>,
}

/// What is recorded. After a failure it is needed again.
enum Content {
    Entry(Box<AuditEntry>),
    /// In place of the entry, once there is one and nobody is expected to ask for the entry: its texts are freed while
    /// they are still in the processor's cache, and not a group later.
    Line(Box<[u8]>),
}

/// An entry that a trail is given.
struct Queued {
    /// How many entries the trail had before.
    from: u64,
    recording: Recording,
    /// `None` until its line is made.
    begun: Option<Begun>,
}

impl Content {
    fn into_entry(self) -> Box<AuditEntry> {
        match self {
            Content::Entry(entry) => entry,
            Content::Line(line) => {
                let entry = Entry::from_line(&line).expect("a line that was just made");
                Box::new(AuditEntry::from_entry(&entry).expect("made of an entry of the contract"))
            }
        }
    }
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
                Ok(()) => self.record(trail).await,
                Err(error) => Err((error, trail)),
            };
            match written {
                Ok((receipt, trail)) => return Ok((receipt, trail)),
                Err((error, trail)) if attempts.once_more(&trail, &error) => {}
                Err((error, _)) => return Err(self.unwritten(error)),
            }
        }
    }

    /// Records the entry in the trail. The recording holds the trail meanwhile: all callers count its owners in one
    /// place, so each further handle costs them time.
    async fn record(&mut self, trail: Trail) -> Result<(Receipt, Trail), (Error, Trail)> {
        let from = trail.len();
        self.queued = Some(Queued { from, recording: Recording::idle(trail.0), begun: None });
        let recorded = poll_fn(|context| match &mut self.queued {
            Some(Queued { recording, begun: Some(_), .. }) => Pin::new(recording).poll(context),
            _ => self.begin(context).map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending),
        })
        .await;
        match recorded {
            Ok(receipt) => {
                let queued = self.queued.take().expect("it was queued");
                let trail = Trail(queued.recording.into_handle());
                if let (Some(Content::Entry(entry)), true) =
                    (self.content.take(), queued.begun.is_some_and(|begun| begun.whole))
                {
                    self.shared.memory.keep(&trail, receipt.index, entry);
                }
                Ok((receipt, trail))
            }
            Err(error) => {
                let queued = self.queued.as_ref().expect("it was given to the trail");
                Err((error, Trail(Arc::clone(queued.recording.handle()))))
            }
        }
    }

    /// Makes the line and tries to queue it.
    fn begin(&mut self, context: &Context<'_>) -> Result<(), Error> {
        let Queued { from, recording, begun } = self.queued.as_mut().expect("it is given to the trail");
        let mut entry = self.content.take().expect("it is on its way").into_entry();
        let mut native = native::lend(&mut entry, self.actor.as_ref());
        let copy = !self.shared.memory.wants(*from);
        let mut made = recording.begin(&mut native, copy, context);
        let copied = made.as_mut().ok().and_then(|begun| begun.line.take());
        self.content = Some(match copied {
            Some(line) => Content::Line(line),
            None => {
                let detail_changed = made.as_ref().is_ok_and(|begun| begun.detail_changed);
                native::give_back(&mut native, &mut entry, detail_changed);
                Content::Entry(entry)
            }
        });
        *begun = Some(made?);
        Ok(())
    }

    /// The end of the way: the entry was not recorded, or perhaps not.
    fn unwritten(&mut self, error: Error) -> Unwritten {
        let entry = self.content.take().expect("it is on its way").into_entry();
        let doubt = if error.may_be_recorded() { self.doubt() } else { None };
        Unwritten { redacted: self.shared.redact(entry, self.actor.as_ref()), error, doubt }
    }

    /// What tells whether the log holds the entry that was queued last.
    fn doubt(&self) -> Option<Doubt> {
        let Queued { from, recording, begun } = self.queued.as_ref()?;
        let (hash, engine) = (begun.as_ref()?.leaf_hash, Arc::downgrade(&recording.handle().engine));
        Some(Doubt { hash, from: *from, engine })
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        let Some(content) = self.content.take() else {
            return;
        };
        let redacted = self.shared.redact(content.into_entry(), self.actor.as_ref());
        if self.queued.as_ref().is_some_and(|queued| queued.recording.queued_id().is_some()) {
            return self.sink.let_go(redacted, self.told, self.doubt());
        }
        let error = Error::new(ErrorKind::Unavailable, "its caller gave up before the file was open");
        let _kept = self.sink.missed(Unwritten { redacted, error, doubt: None }, self.told);
    }
}
