//! What a trail in an archive has besides the files of its directory: epochs, the newest head of each, their notes
//! `closed` and settings, and the copy of the checkpoint. They are read for a verification.

use std::collections::BTreeSet;
use std::sync::Arc;

use graven::fsck::NamedHead;
use graven_core::checkpoint::Checkpoint;
use graven_core::note::VerifierKey;
use graven_core::verdict::{Finding, Verdict};

use super::found::Found;
use super::heads::Walker;
use super::snapshot::Snapshot;
use crate::closed::closed_at;
use crate::epoch::Epoch;
use crate::error::ArchiveError;
use crate::head::Head;
use crate::names::Names;
use crate::numbered::newest;
use crate::store::{Store, if_there};

/// How many objects are read at a time.
const AT_ONCE: usize = 64;

/// How many epochs are asked for their newest head at a time.
const THREADS: usize = 16;

/// Reads the others.
pub(super) struct Others<'a> {
    store: &'a dyn Store,
    names: &'a Names,
    key: &'a VerifierKey,
    newest: &'a Head,
    epoch: u64,
    found: &'a Arc<Found>,
}

impl Others<'_> {
    pub(super) fn of<'a>(snapshot: &'a Snapshot, found: &'a Arc<Found>) -> Others<'a> {
        Others {
            store: &*snapshot.store,
            names: &snapshot.names,
            key: &snapshot.key,
            newest: &snapshot.heads.newest,
            epoch: snapshot.epoch.epoch,
            found,
        }
    }

    /// Reads all of them. Returns the heads that the entries must lead to.
    pub(super) fn read(&self) -> Result<Vec<NamedHead>, ArchiveError> {
        let mut named = self.epochs()?;
        let heads = self.newest_heads()?;
        named.extend(self.closed(&heads)?);
        named.extend(heads.into_iter().map(|head| NamedHead {
            name: self.store.address(&self.names.head(head.epoch, head.number)),
            size: head.size,
            root: head.root,
        }));
        named.extend(self.copy()?);
        Ok(named)
    }

    fn wrong(&self, verdict: Verdict, object: &str, why: impl Into<String>) {
        self.found.add(Finding::new(verdict, why).file(self.store.address(object)));
    }

    fn epochs(&self) -> Result<Vec<NamedHead>, ArchiveError> {
        let mut named = Vec::new();
        let numbers: Vec<u64> = (0..=self.epoch).collect();
        for some in numbers.chunks(AT_ONCE) {
            let answers = self.store.read_all(some.iter().map(|n| self.names.epoch(*n)).collect());
            for (number, answer) in some.iter().zip(answers) {
                let name = self.names.epoch(*number);
                let address = self.store.address(&name);
                let Some(bytes) = if_there(answer)? else {
                    self.wrong(Verdict::Missing, &name, "this epoch is missing: a later one is there");
                    continue;
                };
                match Epoch::parse(&bytes, *number, &address) {
                    Ok(epoch) => {
                        self.epoch(&name, &epoch)?;
                        named.push(NamedHead { name: address, size: epoch.size, root: epoch.root });
                    }
                    Err(error) => self.wrong(Verdict::Altered, &name, error.chain()),
                }
            }
        }
        Ok(named)
    }

    fn epoch(&self, name: &str, epoch: &Epoch) -> Result<(), ArchiveError> {
        if epoch.key != self.key.to_string() {
            let why = format!("it names another key than that of the trail, {}", self.key);
            self.wrong(Verdict::Altered, name, why);
        }
        if epoch.next.is_some() && epoch.epoch < self.epoch {
            self.wrong(
                Verdict::Altered,
                name,
                "it says that the trail has ended, and a later epoch goes on with it",
            );
        }
        // Those of the newest one are part of the trail as it is shown.
        let Some(settings) = epoch.settings.as_ref().filter(|_| epoch.epoch < self.epoch) else {
            return Ok(());
        };
        match if_there(self.store.read(settings))? {
            None => self.wrong(
                Verdict::Missing,
                settings,
                format!("the settings of epoch {} are missing", epoch.epoch),
            ),
            Some(bytes)
                if serde_json::from_slice::<serde_json::Map<_, serde_json::Value>>(&bytes).is_err() =>
            {
                self.wrong(Verdict::Altered, settings, "these are no settings of a trail");
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn walker(&self) -> Walker<'_> {
        let (named, seen) = (Vec::new(), BTreeSet::new());
        Walker { store: self.store, names: self.names, key: self.key, found: Some(self.found), named, seen }
    }

    /// The newest head of each epoch but that of the newest head of all.
    fn newest_heads(&self) -> Result<Vec<Head>, ArchiveError> {
        let epochs: Vec<u64> = (0..=self.epoch).filter(|epoch| *epoch != self.newest.epoch).collect();
        let share = epochs.len().div_ceil(THREADS).max(1);
        let of = |epochs: &[u64]| {
            let mut walker = self.walker();
            epochs.iter().map(|epoch| walker.newest_of(*epoch)).collect::<Result<Vec<_>, _>>()
        };
        let answers: Vec<_> = std::thread::scope(|scope| {
            let asking: Vec<_> = epochs.chunks(share).map(|epochs| scope.spawn(move || of(epochs))).collect();
            asking.into_iter().map(|asking| asking.join().expect("reading heads does not panic")).collect()
        });
        let heads: Vec<Vec<Option<Head>>> = answers.into_iter().collect::<Result<_, _>>()?;
        Ok(heads.into_iter().flatten().flatten().collect())
    }

    /// The notes `closed` of the epochs before the newest. That one is part of the trail as it is shown.
    fn closed(&self, heads: &[Head]) -> Result<Vec<NamedHead>, ArchiveError> {
        let mut named = Vec::new();
        let numbers: Vec<u64> = (0..self.epoch).collect();
        for some in numbers.chunks(AT_ONCE) {
            let answers = self.store.read_all(some.iter().map(|n| self.names.closed(*n)).collect());
            for (number, answer) in some.iter().zip(answers) {
                let Some(bytes) = if_there(answer)? else { continue };
                let name = self.names.closed(*number);
                let Some((size, root)) = closed_at(&bytes, self.key) else {
                    let why = format!("this file holds nothing that the key {} signed", self.key);
                    self.wrong(Verdict::BadSignature, &name, why);
                    continue;
                };
                let mut of_epoch = heads.iter().chain([self.newest]).filter(|head| head.epoch == *number);
                if of_epoch.any(|head| head.size > size) {
                    let why =
                        format!("it closes the trail after {size} entries, and the epoch has a later head");
                    self.wrong(Verdict::RolledBack, &name, why);
                }
                named.push(NamedHead { name: self.store.address(&name), size, root });
            }
        }
        Ok(named)
    }

    /// The copy of the checkpoint. It is written last, so it is never newer than the newest head.
    fn copy(&self) -> Result<Option<NamedHead>, ArchiveError> {
        let name = self.names.checkpoint();
        let Some(bytes) = if_there(self.store.read(&name))? else { return Ok(None) };
        let Ok((checkpoint, _)) = Checkpoint::open(&bytes, self.key) else {
            let why = format!("this file holds nothing that the key {} signed", self.key);
            self.wrong(Verdict::BadSignature, &name, why);
            return Ok(None);
        };
        if checkpoint.size <= self.newest.size {
            return Ok(Some(NamedHead {
                name: self.store.address(&name),
                size: checkpoint.size,
                root: checkpoint.root,
            }));
        }
        // It may have been written after the newest head was looked for: then that one is there by now.
        let is_there = |number| Ok(self.store.bytes(&self.names.epoch(number))?.is_some());
        let epoch = newest(is_there)?.unwrap_or(self.epoch).max(self.epoch);
        let now = self.walker().newest(epoch)?.map_or(0, |head| head.size);
        if now < checkpoint.size {
            let why = format!(
                "the newest head that is there has {} entries, and the copy of a later one, {}, has {}: a head is missing",
                self.newest.size,
                self.store.address(&name),
                checkpoint.size
            );
            let (next, first) = (self.newest.number + 1, self.newest.size);
            let address = self.store.address(&self.names.head(self.newest.epoch, next));
            let finding = Finding::new(Verdict::RolledBack, why).range(first, checkpoint.size - 1);
            self.found.add(finding.file(address));
        }
        Ok(None)
    }
}
