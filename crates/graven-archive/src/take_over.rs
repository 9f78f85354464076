//! Takes a trail over from a writer that is lost: fences that writer, and goes on with what is in the archive.
//!
//! When the old writer has closed the trail cleanly and the signing key is at hand, the same trail goes on. Otherwise it
//! ends at its newest head, and a new one with its own origin and key continues it: nobody knows what the old writer may
//! still sign, and two contradicting heads of one key must never come to be.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven::clock::Clock;
use graven::disk::{Disk, OsDisk};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::{Continued, Machine, Settings, Trail, VerifierKey, durable, restored};
use graven_core::note::SigningKey;
use serde::{Deserialize, Serialize};

use crate::closed::closed_at;
use crate::epoch::Epoch;
use crate::error::ArchiveError;
use crate::head::{Head, Heads};
use crate::names::Names;
use crate::read::Archive;
use crate::restore::RestoreOptions;
use crate::ship::{How, fenced_by, start};
use crate::store::if_there;

/// The largest file of a key that is read.
const KEY_BYTES_MAX: u64 = 65_536;

/// How to take over.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TakeOver {
    /// What the new writer is called in the archive.
    pub name: String,
    /// The key that must have signed the trail of its name. Default: the key that the trail itself names.
    pub key: Option<VerifierKey>,
    /// The signing key of the trail. With it, a trail that was closed cleanly goes on under its origin.
    pub signing_key: Option<PathBuf>,
}

impl TakeOver {
    /// Takes over under this name, without keys.
    pub fn new(name: impl Into<String>) -> TakeOver {
        TakeOver { name: name.into(), key: None, signing_key: None }
    }
}

/// What was taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TakenOver {
    /// The origin of the trail that goes on.
    pub origin: String,
    /// How many entries it had in the archive: under its newest head.
    pub size: u64,
    /// The origin of the trail that continues it, if it has ended.
    pub continued_by: Option<String>,
    /// The directory that can be recorded to now.
    pub dir: PathBuf,
}

/// What is remembered while a trail ends, in `DIR/archive/taking.json`: a second attempt goes on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Taking {
    url: String,
    /// The trail whose epoch says that it ends.
    origin: String,
    epoch: u64,
    id: String,
    /// The trail that begins.
    next: String,
}

impl Archive {
    /// Takes the trail of this archive over into `dir`, which must be missing or empty, or what an earlier attempt to take
    /// over has left. Afterwards the old writer can ship nothing more, and `dir` can be recorded to and shipped. `progress`
    /// is told the entries done and the entries in all.
    ///
    /// # Errors
    /// As [`restore`](Archive::restore); `Fenced` when another machine was faster; `Invalid` when the signing key is not
    /// that of the trail.
    pub fn take_over(
        &self,
        dir: &Path,
        how: &TakeOver,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<TakenOver, ArchiveError> {
        let place = self.place(how.key.as_ref())?;
        match (self.closed_cleanly(&place)?, &how.signing_key) {
            (true, Some(file)) => self.go_on(&place, dir, (file, how), progress),
            _ => self.end_and_continue(&place, dir, how, progress),
        }
    }

    /// What there is to take over: the newest trail that has a head.
    fn place(&self, key: Option<&VerifierKey>) -> Result<Place, ArchiveError> {
        let (mut newest, mut origins) = (None, Vec::new());
        let mut last = String::new();
        for origin in self.origins()? {
            let names = Names::of(&origin);
            let (Some(meta), Some(epoch)) = (self.meta_of(&names)?, Epoch::newest(&**self.store(), &names)?)
            else {
                continue;
            };
            last = epoch.next.clone().unwrap_or_else(|| origin.clone());
            if let Some(head) = Heads::newest(&**self.store(), &names, &epoch, &meta.key)? {
                origins.push(origin);
                newest = Some((meta.key, head));
            }
        }
        let Some((found, head)) = newest else {
            return Err(ArchiveError::NotFound { address: self.address() });
        };
        if let Some(key) = key.filter(|key| key.name() == found.name() && **key != found) {
            return Err(ArchiveError::invalid(format!(
                "the trail in {} has another key than the given one, {key}: it names {found}",
                self.address()
            )));
        }
        Ok(Place { origins, last, key: found, head })
    }

    /// Whether the writer of the newest epoch has closed the trail where its newest head is: then it signs nothing more.
    fn closed_cleanly(&self, place: &Place) -> Result<bool, ArchiveError> {
        let names = Names::of(place.key.name());
        let Some(epoch) = Epoch::newest(&**self.store(), &names)?.filter(|epoch| epoch.next.is_none()) else {
            return Ok(false);
        };
        let note = if_there(self.store().read(&names.closed(epoch.epoch)))?;
        Ok(note.is_some_and(|note| closed_at(&note, &place.key) == Some((place.head.size, place.head.root))))
    }

    /// Goes on with the same trail.
    fn go_on(
        &self,
        place: &Place,
        dir: &Path,
        (file, how): (&Path, &TakeOver),
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<TakenOver, ArchiveError> {
        let line = signing_key(file, &place.key)?;
        let layout = Layout::in_dir(dir);
        if !is_there(&layout.meta())? {
            self.restore_trails(&place.origins, dir, &RestoreOptions::default(), progress)?;
        }
        let cannot = |error| cannot("write", &layout.signing_key(), error);
        durable::create_dir_all(&OsDisk, &layout.keys()).map_err(cannot)?;
        durable::replace(&OsDisk, &layout.signing_key(), &line).map_err(cannot)?;
        // Fenced before it can be recorded to.
        let reader = Reader::open(dir)?;
        let taking = How::new(how.name.clone(), true);
        start(Machine::os(), reader, Arc::clone(self.store()), &taking)?;
        restored::unmark(&OsDisk, &layout)?;
        let (origin, size) = (place.key.name().to_owned(), place.head.size);
        Ok(TakenOver { origin, size, continued_by: None, dir: dir.to_owned() })
    }

    /// Ends the old trail, and makes the one that continues it.
    fn end_and_continue(
        &self,
        place: &Place,
        dir: &Path,
        how: &TakeOver,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<TakenOver, ArchiveError> {
        let machine = Machine::os();
        let layout = Layout::in_dir(dir);
        let taking = match self.taken(&layout)? {
            Some(taking) => taking,
            None if is_empty(dir)? => self.begin(place, &layout, &*machine.clock, how)?,
            None => {
                return Err(ArchiveError::invalid(format!(
                    "{} is not empty: name a new folder, or the one of an attempt to take this archive over that was cut short",
                    dir.display()
                )));
            }
        };
        self.fence(place, (&taking, &layout), &*machine.clock, how)?;
        // The old writer can add no head any more. It may have added some until now.
        let place = self.place(how.key.as_ref())?;
        self.put_before(&place, &layout, progress)?;
        let Place { key, head, .. } = &place;
        let (origin, size) = (key.name().to_owned(), head.size);
        let continued = Continued { origin: origin.clone(), size, root: head.root, key: key.clone() };
        let settings = Settings::new(dir).origin(&taking.next).continues(continued);
        Trail::open(settings)?.close_blocking()?;
        // The new trail begins in the archive too: from now on only another taking over ends it.
        let first = How::new(how.name.clone(), false);
        start(machine, Reader::open(dir)?, Arc::clone(self.store()), &first)?;
        let path = taking_file(&layout);
        OsDisk.remove_file(&path).map_err(|error| cannot("remove", &path, error))?;
        Ok(TakenOver { origin, size, continued_by: Some(taking.next), dir: dir.to_owned() })
    }

    /// The attempt that was begun in a directory, if it was one on this archive.
    fn taken(&self, layout: &Layout) -> Result<Option<Taking>, ArchiveError> {
        let path = taking_file(layout);
        if !is_there(&path)? {
            return Ok(None);
        }
        let bytes = durable::read_at_most(&OsDisk, &path, KEY_BYTES_MAX)
            .map_err(|error| cannot("read", &path, error))?;
        let taking: Taking = serde_json::from_slice(&bytes)
            .map_err(|error| ArchiveError::data_because(format!("{} is damaged", path.display()), error))?;
        if taking.url != self.address() {
            return Err(ArchiveError::invalid(format!(
                "{} says that another archive is taken over there: {}",
                path.display(),
                taking.url
            )));
        }
        Ok(Some(taking))
    }

    /// Remembers which epoch will be taken and how the new trail is called, before anything is done.
    fn begin(
        &self,
        place: &Place,
        layout: &Layout,
        clock: &dyn Clock,
        how: &TakeOver,
    ) -> Result<Taking, ArchiveError> {
        let newest = Epoch::newest(&**self.store(), &Names::of(&place.last))?;
        if let Some(newest) = newest.as_ref().filter(|newest| newest.next.is_some()) {
            let names = Names::of(&place.last);
            return Err(fenced_by(&**self.store(), &names, newest, None));
        }
        let taking = Taking {
            url: self.address(),
            origin: place.last.clone(),
            epoch: newest.map_or(0, |newest| newest.epoch + 1),
            id: Epoch::new_id(clock)?,
            next: format!("graven.local/{:016x}", clock.random()),
        };
        tracing::info!(
            writer = how.name,
            origin = taking.origin,
            next = taking.next,
            "a trail is taken over"
        );
        let path = taking_file(layout);
        let mut line = serde_json::to_vec(&taking).expect("it is JSON");
        line.push(b'\n');
        durable::create_dir_all(&OsDisk, durable::parent(&path))
            .and_then(|()| durable::replace(&OsDisk, &path, &line))
            .map_err(|error| cannot("write", &path, error))?;
        Ok(taking)
    }

    /// Takes the epoch that ends the trail, and closes the one before.
    fn fence(
        &self,
        place: &Place,
        (taking, layout): (&Taking, &Layout),
        clock: &dyn Clock,
        how: &TakeOver,
    ) -> Result<(), ArchiveError> {
        let (store, names) = (&**self.store(), Names::of(&taking.origin));
        let there = Epoch::read(store, &names, taking.epoch)?;
        if there.as_ref().is_none_or(|there| there.id != taking.id) {
            let epoch = Epoch {
                epoch: taking.epoch,
                id: taking.id.clone(),
                name: how.name.clone(),
                started: clock.now(),
                key: place.key.to_string(),
                size: place.head.size,
                root: place.head.root,
                settings: None,
                next: Some(taking.next.clone()),
            };
            if let Some(other) = epoch.take(store, &names)? {
                let path = taking_file(layout);
                OsDisk.remove_file(&path).map_err(|error| cannot("remove", &path, error))?;
                return Err(fenced_by(store, &names, &other, None));
            }
        }
        // Another machine may have ended the new trail before it began.
        let next = Names::of(&taking.next);
        if let Some(other) = Epoch::newest(store, &next)? {
            return Err(fenced_by(store, &next, &other, None));
        }
        if let Some(before) = taking.epoch.checked_sub(1) {
            let key = self.meta_of(&names)?.map_or_else(|| place.key.clone(), |meta| meta.key);
            Heads::end(store, &names, before, &key)?;
        }
        Ok(())
    }

    /// Restores the old trails into `before/`. They are put together in another place, so that what lies there is whole.
    fn put_before(
        &self,
        place: &Place,
        layout: &Layout,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), ArchiveError> {
        let origin = place.key.name();
        let old = layout.before_of(origin);
        if is_there(&old.meta())? {
            return Ok(());
        }
        let scratch = layout.dir().join("archive").join("old");
        if !is_there(&Layout::in_dir(&scratch).meta())? {
            let sealed = RestoreOptions { sealed: true, ..RestoreOptions::default() };
            self.restore_trails(&place.origins, &scratch, &sealed, progress)?;
        }
        durable::create_dir_all(&OsDisk, &layout.before())
            .map_err(|error| cannot("make", &layout.before(), error))?;
        let inner = Layout::in_dir(&scratch);
        for older in &place.origins[..place.origins.len() - 1] {
            let from = inner.before_of(older);
            if is_there(from.dir())? {
                rename(from.dir(), layout.before_of(older).dir())?;
            }
        }
        rename(&scratch, old.dir())
    }
}

/// What there is to take over.
struct Place {
    /// The trails of the chain that have a head, the oldest first.
    origins: Vec<String>,
    /// The last trail of the chain, of which perhaps only the name is there yet.
    last: String,
    /// The key and the newest head of the newest one in `origins`.
    key: VerifierKey,
    head: Head,
}

fn taking_file(layout: &Layout) -> PathBuf {
    layout.dir().join("archive").join("taking.json")
}

/// The line of a signing key, which must be that of the trail.
fn signing_key(file: &Path, key: &VerifierKey) -> Result<Vec<u8>, ArchiveError> {
    let text =
        durable::read_at_most(&OsDisk, file, KEY_BYTES_MAX).map_err(|error| cannot("read", file, error))?;
    let text = String::from_utf8_lossy(&text);
    let invalid =
        |error| ArchiveError::invalid_because(format!("{} is not a signing key", file.display()), error);
    // The trail's origin is the name that it signs under, also when the key was made for another one.
    let own = SigningKey::parse(text.trim()).and_then(|own| own.named(key.name())).map_err(invalid)?;
    if own.verifier_key() != key {
        return Err(ArchiveError::invalid(format!("{} is not the key of this trail, {key}", file.display())));
    }
    let mut line = own.to_secret_string().as_bytes().to_vec();
    line.push(b'\n');
    Ok(line)
}

fn is_empty(dir: &Path) -> Result<bool, ArchiveError> {
    let names = match OsDisk.read_names(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        other => other.map_err(|error| cannot("list", dir, error))?,
    };
    Ok(names.is_empty())
}

fn is_there(path: &Path) -> Result<bool, ArchiveError> {
    durable::exists(&OsDisk, path).map_err(|error| cannot("look at", path, error))
}

fn rename(from: &Path, to: &Path) -> Result<(), ArchiveError> {
    OsDisk
        .rename(from, to)
        .and_then(|()| durable::sync_dir(&OsDisk, durable::parent(to)))
        .map_err(|error| cannot("move", from, error))
}

fn cannot(what: &str, path: &Path, error: std::io::Error) -> ArchiveError {
    ArchiveError::unavailable(format!("cannot {what} {}", path.display()), error)
}
