//! One look at a trail that a process may be writing: lists the files, and reads the small ones.
//!
//! The names are listed before and after the rest is read, until both listings are the same. Then no segment was
//! closed in between, so the open live file is the one that follows the listed segments. `closed` and `checkpoint`
//! are read before the live file is opened: the entries that they cover were written earlier, and never change. So are
//! the leaf hashes past the checkpoint, and `LOCK`, which says how much of that file is durable.

use std::io;
use std::path::Path;
use std::sync::Arc;

use graven_core::checkpoint::Checkpoint;
use graven_core::note::{NOTE_BYTES_MAX, Note};
use graven_core::verdict::{Finding, Verdict};

use super::file_names::{live_name, segment_name};
use crate::files::ahead::Ahead;
use crate::files::boundaries::Boundaries;
use crate::files::durable;
use crate::files::layout::{Layout, segment_first};
use crate::files::lock_line::{self, LockLine};
use crate::seam::disk::{Disk, File, Kind, NotAFile, Open};

/// The files of a trail at one moment.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) meta: Option<Vec<u8>>,
    pub(super) closed: Option<Vec<u8>>,
    pub(super) checkpoint: Option<Vec<u8>>,
    /// The leaf hashes past that checkpoint.
    pub(super) ahead: Ahead,
    /// What `LOCK` says; `None` when it says nothing of the live file.
    pub(super) lock: Option<LockLine>,
    /// The live file and its length; `None` when there is none.
    pub(super) live: Option<(Arc<dyn File>, u64)>,
    pub(super) names: Names,
    /// What stands in the place of a file and is not one. The file itself counts as absent.
    pub(super) not_files: Vec<Finding>,
}

/// The names that a rotation changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// The names in `checkpoints/`.
    pub(super) boundaries: Boundaries,
    /// The first indexes in `segments/`, ascending, with the files' lengths.
    pub(super) segments: Vec<(u64, u64)>,
    /// The first indexes in `segments/` that something else has than a regular file.
    not_files: Vec<u64>,
}

/// The most listings until two in a row are the same. A graven writer never closes segments that fast.
const LOOKS_MAX: u32 = 1_000;

impl Snapshot {
    pub(super) fn take(disk: &dyn Disk, layout: &Layout) -> io::Result<Snapshot> {
        let mut before = Listing::take(disk, layout)?;
        let mut looks = 0;
        loop {
            let mut places = Places::default();
            let meta = read_if_there(disk, layout.meta().as_path());
            let meta = places.file("graven.json", Verdict::Missing, meta)?.flatten();
            let closed = read_if_there(disk, layout.closed().as_path());
            let closed = places.file("closed", Verdict::Inserted, closed)?.flatten();
            let checkpoint = read_if_there(disk, layout.checkpoint().as_path());
            let checkpoint = places.file("checkpoint", Verdict::Missing, checkpoint)?.flatten();
            let ahead = ahead_of(disk, layout, checkpoint.as_deref())?;
            let lock = places.file("LOCK", Verdict::Inserted, lock_line::read(disk, layout))?.flatten();
            let live = if_there(disk.open(layout.live(), Open::Read));
            let live = places.file(&live_name(layout), Verdict::Missing, live)?.flatten();
            let live = live.map(|file| file.bytes().map(|bytes| (file, bytes))).transpose()?;
            let after = Names::list(disk, layout)?;
            looks += 1;
            let listing = after.listing();
            if listing == before || looks == LOOKS_MAX {
                for first in &after.not_files {
                    places.tell(&segment_name(*first), Verdict::Missing, NotAFile::Other);
                }
                let not_files = places.0;
                return Ok(Snapshot { meta, closed, checkpoint, ahead, lock, live, names: after, not_files });
            }
            before = listing;
        }
    }
}

/// What stands in the places of files and is not a file.
#[derive(Debug, Default)]
pub(super) struct Places(pub(super) Vec<Finding>);

impl Places {
    /// The value, if a regular file stands there. No crash leaves anything else: somebody has put it there.
    pub(super) fn file<T>(
        &mut self,
        name: &str,
        verdict: Verdict,
        result: io::Result<T>,
    ) -> io::Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => match NotAFile::of(&error) {
                Some(kind) => {
                    self.tell(name, verdict, kind);
                    Ok(None)
                }
                None => Err(error),
            },
        }
    }

    fn tell(&mut self, name: &str, verdict: Verdict, kind: NotAFile) {
        let what = match kind {
            NotAFile::Other => "something that is not a regular file",
            kind => kind.words(),
        };
        self.0.push(Finding::new(verdict, format!("{what} is in the place of this file")).file(name));
    }
}

/// The same names without the files' lengths: what two looks are compared by.
#[derive(Debug, PartialEq, Eq)]
struct Listing {
    boundaries: Boundaries,
    segments: Vec<u64>,
    not_files: Vec<u64>,
}

impl Listing {
    fn take(disk: &dyn Disk, layout: &Layout) -> io::Result<Listing> {
        let boundaries = Boundaries::list(disk, layout)?;
        let names = if_there(disk.read_names(&layout.segments()))?.unwrap_or_default();
        let firsts = names.iter().filter_map(|(name, kind)| Some((segment_first(name)?, *kind)));
        let (segments, not_files): (Vec<_>, Vec<_>) = firsts.partition(|(_, kind)| *kind == Kind::File);
        let sorted = |segments: Vec<(u64, Kind)>| {
            let mut firsts: Vec<u64> = segments.into_iter().map(|(first, _)| first).collect();
            firsts.sort_unstable();
            firsts
        };
        Ok(Listing { boundaries, segments: sorted(segments), not_files: sorted(not_files) })
    }
}

impl Names {
    fn listing(&self) -> Listing {
        let segments = self.segments.iter().map(|(first, _)| *first).collect();
        Listing { boundaries: self.boundaries.clone(), segments, not_files: self.not_files.clone() }
    }

    fn list(disk: &dyn Disk, layout: &Layout) -> io::Result<Names> {
        let boundaries = Boundaries::list(disk, layout)?;
        let names = if_there(disk.read_dir(&layout.segments()))?.unwrap_or_default();
        let (mut segments, mut not_files) = (Vec::new(), Vec::new());
        for entry in names {
            match segment_first(&entry.name) {
                Some(first) if entry.metadata.kind == Kind::File => {
                    segments.push((first, entry.metadata.bytes));
                }
                Some(first) => not_files.push(first),
                None => {}
            }
        }
        segments.sort_unstable();
        not_files.sort_unstable();
        Ok(Names { boundaries, segments, not_files })
    }
}

/// The leaf hashes past a checkpoint whose signature is not checked yet.
fn ahead_of(disk: &dyn Disk, layout: &Layout, checkpoint: Option<&[u8]>) -> io::Result<Ahead> {
    let note = checkpoint.and_then(|bytes| Note::parse(bytes).ok());
    match note.and_then(|note| Checkpoint::parse_text(&note.text).ok()) {
        Some(checkpoint) => match Ahead::read(disk, layout, checkpoint.size) {
            // Damaged tiles, which are judged where the tree is compared with them.
            Err(error) if NotAFile::of(&error).is_some() => Ok(Ahead::default()),
            read => read,
        },
        None => Ok(Ahead::default()),
    }
}

/// Reads the beginning of a small file, with enough of a larger one to see that it is too large.
pub(super) fn read_if_there(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    if_there(durable::read_beginning(disk, path, NOTE_BYTES_MAX + 1))
}

pub(super) fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
