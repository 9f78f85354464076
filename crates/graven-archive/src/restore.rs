//! Restores the trails of an archive as directories: everything is fetched, checked and synced, and `graven.json` is
//! written last.
//!
//! A directory that is being restored has the file `restoring`, which says from where. With it and without `graven.json` it
//! is no trail, and a later attempt removes what is there and begins again: nothing is ever put together from two attempts.
//! Older trails of a chain are restored first, each in `before/<origin>/`, so that a directory with `graven.json` has all
//! of them.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use graven::VerifierKey;
use graven::disk::{Access, Disk, Kind, OsDisk};
use graven::durable;
use graven::export::{CopyReport, Restoring, restore_trail};
use graven::layout::Layout;
use serde::Serialize;

use crate::error::ArchiveError;
use crate::names::{Names, Span, encode};
use crate::packed::unpack;
use crate::read::{Archive, ArchivedTrail};
use crate::store::if_there;

/// The mark of a directory that is being restored.
const RESTORING: &str = "restoring";

/// The older trails of a chain.
const BEFORE: &str = "before";

/// The most bytes of lines past the newest head: what may be unsealed in a trail.
const UNSEALED_BYTES_MAX: u64 = 64 << 20;

/// How to restore.
#[derive(Debug, Clone, Default)]
pub struct RestoreOptions {
    /// The key that must have signed the trail of its name; if there is none of that name, the first one. Default: the
    /// key that a trail itself names.
    pub key: Option<VerifierKey>,
    /// Whether it is restored only to be read, as by an auditor: without the settings, which only a writer needs and
    /// which have the program's own patterns of redaction, and with files that nobody may write (mode 0400). Default:
    /// `false`.
    pub read_only: bool,
}

/// What was restored.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Restored {
    /// The newest trail.
    #[serde(flatten)]
    pub newest: CopyReport,
    /// The older trails of its chain, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<CopyReport>,
}

impl Archive {
    /// Restores all trails of the chain into `dir`, which must be missing, empty, or what an attempt that was cut short
    /// has left. Calls `progress` with the entries done and the entries in all.
    ///
    /// # Errors
    /// `NotFound` when there is no trail in the archive; `Invalid` when `dir` has other files, or the key is another one;
    /// `Data` when what is stored does not lead to the signed roots; `Unavailable` when the archive cannot be read, or the
    /// directory not be written. After an error it is no trail yet, and the next attempt begins again.
    pub fn restore(
        &self,
        dir: &Path,
        options: &RestoreOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Restored, ArchiveError> {
        let origins = self.origins()?;
        // A key of no name in the chain is another one for its first trail, which is then refused.
        let named =
            options.key.as_ref().and_then(|key| origins.iter().position(|origin| origin == key.name()));
        let key_of = |number: usize| options.key.as_ref().filter(|_| named.unwrap_or(0) == number);
        let mut trails = Vec::new();
        for (number, origin) in origins.iter().enumerate() {
            let trail = self.trail(origin, key_of(number))?;
            trail.must_be_whole()?;
            trails.push(trail);
        }
        let target = Target { disk: &OsDisk, dir, from: self.address() };
        target.prepare()?;
        let total: u64 = trails.iter().map(ArchivedTrail::size).sum();
        let (mut done, mut reports) = (0, Vec::new());
        for (number, (origin, trail)) in origins.iter().zip(&trails).enumerate() {
            let is_newest = number + 1 == origins.len();
            let out = if is_newest { dir.to_owned() } else { dir.join(BEFORE).join(encode(origin)) };
            let unsealed = if is_newest { self.past(trail, origin)? } else { Vec::new() };
            let restoring = Restoring {
                settings: !options.read_only,
                unsealed: &unsealed,
                before_it_is_a_trail: Some(&|disk, layout| {
                    // The mark of a restored trail, which keeps it from being written to, is written here:
                    // `graven::restored::mark(disk, layout, …)`.
                    let _ = (disk, layout);
                    Ok(())
                }),
            };
            target.make(&out)?;
            let report =
                restore_trail(trail.reader(), &out, &restoring, &mut |some, _| progress(done + some, total))?;
            done += report.size;
            reports.push(report);
        }
        if options.read_only {
            target.forbid_writing(dir)?;
        }
        target.finish()?;
        let newest = reports.pop().expect("a chain has a trail");
        Ok(Restored { newest, before: reports })
    }

    /// The lines past the newest head that are in objects of the tail. Nothing acknowledges them, so nothing depends on
    /// whether they are found: this and only this asks for a listing.
    fn past(&self, trail: &ArchivedTrail, origin: &str) -> Result<Vec<u8>, ArchiveError> {
        let names = Names::of(origin);
        let store = &**self.store();
        let Some(epoch) = crate::epoch::Epoch::newest(store, &names)?.map(|epoch| epoch.epoch) else {
            return Ok(Vec::new());
        };
        let Ok(listed) = store.list(&names.tail_folder(epoch)) else { return Ok(Vec::new()) };
        let mut objects: Vec<(Span, String)> = listed
            .into_iter()
            .filter_map(|listed| Some((names.packed_span(&listed.name)?, listed.name)))
            .filter(|(span, _)| span.first >= trail.size())
            .collect();
        objects.sort();
        let (mut next, mut lines) = (trail.size(), Vec::new());
        for (span, name) in objects {
            let left = UNSEALED_BYTES_MAX.saturating_sub(lines.len() as u64);
            if span.first != next || left == 0 {
                continue;
            }
            let Some(object) = if_there(store.read(&name))? else { break };
            let Some(some) = whole(&object, span, left) else { break };
            lines.extend_from_slice(&some);
            next = span.end;
        }
        Ok(lines)
    }
}

/// The lines of an object, if it has exactly those that its name says.
fn whole(object: &Bytes, span: Span, bytes_max: u64) -> Option<Vec<u8>> {
    let lines = unpack(object, bytes_max).ok()?;
    let count = memchr::memchr_iter(b'\n', &lines).count() as u64;
    (count == span.entries() && lines.ends_with(b"\n")).then_some(lines)
}

/// The directory that is being restored.
struct Target<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    from: String,
}

impl Target<'_> {
    fn mark(&self) -> PathBuf {
        self.dir.join(RESTORING)
    }

    /// Makes the directory, or removes what an attempt that was cut short has left in it.
    fn prepare(&self) -> Result<(), ArchiveError> {
        let (disk, dir) = (self.disk, self.dir);
        let there = |path: &Path| durable::exists(disk, path).map_err(|error| cannot("look at", path, error));
        if !there(dir)? {
            durable::create_dir_all(disk, dir).map_err(|error| cannot("make", dir, error))?;
        }
        let is_dir = disk.metadata(dir).map_err(|error| cannot("look at", dir, error))?.kind == Kind::Dir;
        let refuse = |why: String| Err(ArchiveError::invalid(format!("{}: {why}", dir.display())));
        if !is_dir {
            return refuse("not a folder: name a new or an empty folder".to_owned());
        }
        if there(&Layout::in_dir(dir).meta())? {
            if there(&self.mark())? {
                // Only the end of that attempt was cut short.
                self.finish()?;
            }
            return refuse("there is a trail already: name a new folder".to_owned());
        }
        let names = disk.read_dir(dir).map_err(|error| cannot("list", dir, error))?;
        let is_ours = |name: &str| name == RESTORING || durable::temporary_of(name) == Some(RESTORING);
        match names.iter().find(|entry| !is_ours(&entry.name)) {
            Some(other) if !there(&self.mark())? => {
                return refuse(format!(
                    "the folder is not empty, it holds {:?}: name a new folder",
                    other.name
                ));
            }
            Some(_) => self.empty(dir)?,
            None => {}
        }
        let line = serde_json::json!({"from": self.from}).to_string() + "\n";
        durable::replace(disk, &self.mark(), line.as_bytes())
            .map_err(|error| cannot("write", &self.mark(), error))
    }

    /// Removes the files in a directory, and in those below it, but not the mark.
    fn empty(&self, dir: &Path) -> Result<(), ArchiveError> {
        for entry in self.disk.read_dir(dir).map_err(|error| cannot("list", dir, error))? {
            let path = dir.join(&entry.name);
            match entry.metadata.kind {
                Kind::Dir => self.empty(&path)?,
                _ if path == self.mark() => {}
                _ => self.disk.remove_file(&path).map_err(|error| cannot("remove", &path, error))?,
            }
        }
        durable::sync_dir(self.disk, dir).map_err(|error| cannot("sync", dir, error))
    }

    fn make(&self, out: &Path) -> Result<(), ArchiveError> {
        durable::create_dir_all(self.disk, out).map_err(|error| cannot("make", out, error))
    }

    /// Takes the right to write from everybody, for each file in the directory.
    fn forbid_writing(&self, dir: &Path) -> Result<(), ArchiveError> {
        for entry in self.disk.read_dir(dir).map_err(|error| cannot("list", dir, error))? {
            let path = dir.join(&entry.name);
            let found = entry.metadata;
            match found.kind {
                Kind::Dir => self.forbid_writing(&path)?,
                _ if path == self.mark() => {}
                _ => {
                    let access = Access { mode: 0o400, ..found.access };
                    let changed = self.disk.set_access(&path, found.id, access);
                    changed.map_err(|error| cannot("change the mode of", &path, error))?;
                }
            }
        }
        Ok(())
    }

    /// It is restored: what says that it is not is removed.
    fn finish(&self) -> Result<(), ArchiveError> {
        self.disk
            .remove_file(&self.mark())
            .and_then(|()| durable::sync_dir(self.disk, self.dir))
            .map_err(|error| cannot("remove", &self.mark(), error))
    }
}

fn cannot(what: &str, path: &Path, error: std::io::Error) -> ArchiveError {
    ArchiveError::unavailable(format!("cannot {what} {}", path.display()), error)
}
