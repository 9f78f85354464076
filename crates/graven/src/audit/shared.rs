//! What the clones of an audit log share, and how an entry is recorded.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::native::{self, Correlation};
use super::ring::{Found, Kept};
use super::sink::Sink;
use super::unwritten::{Told, Unwritten, say};
use super::{AuditCategory, AuditEntry, AuditOutcome};
use crate::error::{Error, ErrorKind};
use crate::lasting::Attempts;
use crate::reader::Reader;
use crate::record::blocking::blocking;
use crate::record::recording::Receipt;
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
    /// The file; `None` for a log in memory only.
    pub(super) sink: Option<Arc<Sink>>,
}

impl Shared {
    /// Opens the file, if a path is given.
    pub(super) fn new(max_entries: usize, path: Option<PathBuf>, machine: Machine) -> Shared {
        let kept = Arc::new(Kept::new(max_entries));
        let sink = path.map(|path| Sink::open(path, machine.clone(), Arc::clone(&kept)));
        let redactor = Redactor::always(&*machine.clock);
        Shared { machine, redactor, kept, sink }
    }

    pub(super) fn entry_now(
        &self,
        category: AuditCategory,
        action: String,
        outcome: AuditOutcome,
        principal: Option<String>,
        detail: Option<Value>,
    ) -> AuditEntry {
        let timestamp = self.machine.clock.now();
        let id = id_at(timestamp, &*self.machine.clock);
        AuditEntry { id, timestamp, category, action, principal, outcome, detail, duration_ms: None }
    }

    /// Records an entry: in the file, then as an event, then in memory. The trail does all three; for entries that it
    /// does not take, the last two are done here.
    pub(super) async fn record(
        &self,
        mut entry: AuditEntry,
        correlation: Correlation,
        told: Told,
    ) -> Result<Receipt, Error> {
        correlation.fill(&mut entry);
        let Some(sink) = &self.sink else {
            native::redact(&self.redactor, &mut entry);
            let error =
                Error::new(ErrorKind::Unavailable, "this audit log has no file: the entry is in memory only");
            let error = error.for_entry(&entry.id);
            say(&entry);
            self.kept.add(entry);
            return Err(error);
        };
        let failures_before = sink.failures();
        match self.write(sink, entry, &correlation, told).await {
            Ok(receipt) => {
                sink.recorded(failures_before).await;
                Ok(receipt)
            }
            Err(unwritten) if unwritten.error.kind() == ErrorKind::Invalid => {
                Err(sink.refused(unwritten, told))
            }
            Err(unwritten) => Err(sink.missed(unwritten, told)),
        }
    }

    /// Records an entry in the trail. Tries once more when the trail failed on other entries before it wrote this one.
    async fn write(
        &self,
        sink: &Arc<Sink>,
        mut entry: AuditEntry,
        correlation: &Correlation,
        told: Told,
    ) -> Result<Receipt, Unwritten> {
        let mut attempts = Attempts::default();
        loop {
            let mut waiting = Waiting { redactor: &self.redactor, sink, told, entry: Some(entry) };
            let trail = sink.trail().await;
            entry = waiting.entry.take().expect("only this function takes it");
            let trail = match trail {
                Ok(trail) => trail,
                Err(error) => {
                    native::redact(&self.redactor, &mut entry);
                    return Err(Unwritten { entry, error, from: 0 });
                }
            };
            let from = trail.len();
            match trail.record_filled(native::entry(&entry, correlation)).await {
                Ok(receipt) => return Ok(receipt),
                Err(error) if attempts.once_more(&trail, &error) => {}
                Err(error) => {
                    // With the same marks as in the trail, in case the entry is there.
                    native::redact(&trail.redactor(), &mut entry);
                    return Err(Unwritten { entry, error, from });
                }
            }
        }
    }

    pub(super) async fn newest(&self, category: Option<AuditCategory>, limit: usize) -> Vec<AuditEntry> {
        let trail = self.seen_trail();
        let found = self.kept.newest(trail.as_ref(), category, limit);
        match trail {
            Some(trail) => self.with_blobs(found, &trail).await,
            None => found.into_iter().map(|found| found.entry).collect(),
        }
    }

    /// Reads the details that are stored as blobs, and the whole of the texts that were cut. One that cannot be read stays
    /// a reference.
    async fn with_blobs(&self, mut found: Vec<Found>, trail: &Trail) -> Vec<AuditEntry> {
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
                        found[position].entry = whole.expect("the contract had words for it before");
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

/// An entry whose caller waits for the file to be opened. If the caller gives up, the entry is not recorded.
struct Waiting<'a> {
    redactor: &'a Redactor,
    sink: &'a Arc<Sink>,
    told: Told,
    entry: Option<AuditEntry>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(mut entry) = self.entry.take() {
            native::redact(self.redactor, &mut entry);
            let error = Error::new(ErrorKind::Unavailable, "its caller gave up before the file was open");
            let _counted = self.sink.missed(Unwritten { entry, error, from: 0 }, self.told);
        }
    }
}
