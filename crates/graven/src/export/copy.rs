//! Copies a trail while a process may be writing it, so that the copy is a whole trail.
//!
//! `cp -r` copies each file at another moment, and the copy contradicts itself. Here the checkpoint decides: it is read
//! first, and exactly the entries under it are copied. They were durable before it was written and never change. Every
//! line is hashed again, so a copy that does not lead to the signed root is never finished. `graven.json` is written
//! last: a folder without it is not a trail.

pub(super) mod out;

use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use graven_core::checkpoint::Checkpoint;
use graven_core::note::Note;
use serde::Serialize;

use crate::error::{Error, ErrorKind};
use crate::files::boundaries::Boundaries;
use crate::files::durable;
use crate::files::notes::closed_text;
use crate::reader::{Reader, cannot};
use out::Out;

/// What to copy besides the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CopyOptions {
    /// Copy the keys in the trail's `keys/` too. Default: `false`. A copy without the signing key can be read and
    /// verified; with it, it can also be written to.
    pub keys: bool,
}

/// The result of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CopyReport {
    /// The trail's origin.
    pub origin: String,
    /// The number of entries copied.
    pub entries: u64,
    /// The number of entries under the copied checkpoint. It is less than `entries` only when no process sealed the
    /// newest ones.
    pub size: u64,
    /// The root over them, in base64.
    pub root: String,
    /// The number of closed segments.
    pub segments: u64,
    /// The number of large details that have a file of their own.
    pub blobs: u64,
    /// Whether the copy has the signing key.
    pub keys: bool,
    /// The bytes of entries and large details.
    pub bytes: u64,
}

/// How often, and how far apart, to look for a checkpoint over the entries that are durable but not sealed yet: for one
/// second in all. A process that writes seals them much sooner; when none does, they are copied unsealed.
const SEAL_LOOKS: u32 = 100;
const SEAL_PAUSE: Duration = Duration::from_millis(10);

/// The most looks at the checkpoint and the segments until both belong together.
const LOOKS_MAX: u32 = 1_000;

/// Copies the trail into `out`, a folder that is absent or empty, while other processes may write to it.
///
/// The copy has every entry that is under the newest checkpoint or, as `LOCK` says, durable when the copy begins. It has
/// neither `LOCK` nor `torn/`. Its live file is `audit.jsonl`, however the original's is called. Every file is synced.
/// Only the owner can read the files and folders.
///
/// # Errors
///
/// `Invalid` when `out` is not empty or lies within the trail, or when keys are wanted that the trail keeps elsewhere.
/// `Data` when the stored entries do not lead to the signed root or a large detail is damaged. `Unavailable` when a file
/// cannot be read or written. After an error `out` holds no `graven.json`, and so no trail; only when nothing but the last
/// sync failed, it holds a whole copy.
pub fn copy_trail(reader: &Reader, out: &Path, options: CopyOptions) -> Result<CopyReport, Error> {
    copy_trail_with(reader, out, options, &mut |_, _| ())
}

/// Copies like [`copy_trail`]. Calls `progress` with the entries done and the entries in all.
///
/// # Errors
///
/// As [`copy_trail`].
pub fn copy_trail_with(
    reader: &Reader,
    out: &Path,
    options: CopyOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<CopyReport, Error> {
    let keys = if options.keys { read_keys(reader)? } else { Vec::new() };
    super::prepare(&**reader.disk(), reader, out)?;
    fill(reader, out, &keys, progress)
        .map_err(|error| error.prefixed(&format!("{} is not a trail yet, and can be deleted", out.display())))
}

/// The signing key and, if there is one, the key of the redaction marks: name and content.
fn read_keys(reader: &Reader) -> Result<Vec<(&'static str, Vec<u8>)>, Error> {
    let layout = reader.layout();
    let Some(signing) = if_there(reader, &layout.signing_key())? else {
        let message = format!(
            "{} is not there: the trail keeps its key elsewhere, so copy that file yourself",
            layout.signing_key().display()
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    };
    let redaction = if_there(reader, &layout.redaction_key())?;
    let keys = [Some(("signing", signing)), redaction.map(|key| ("redaction", key))];
    Ok(keys.into_iter().flatten().collect())
}

/// Writes everything into the prepared folder.
fn fill(
    reader: &Reader,
    folder: &Path,
    keys: &[(&'static str, Vec<u8>)],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<CopyReport, Error> {
    let layout = reader.layout();
    // These are older than all that follows: the log has what they count.
    let meta = read(reader, &layout.meta())?;
    let closed = if_there(reader, &layout.closed())?;
    let durable = reader.durable_len()?.unwrap_or(0);
    let mut out = Out::make(reader.disk(), folder)?;
    let mut sealed = Sealed::look(reader)?;
    take_sealed(reader, &sealed, &mut out, progress)?;
    for _ in 0..SEAL_LOOKS {
        if sealed.head.size >= durable {
            break;
        }
        thread::sleep(SEAL_PAUSE);
        sealed = Sealed::look(reader)?;
    }
    take_sealed(reader, &sealed, &mut out, progress)?;
    let Sealed { head, note, .. } = sealed;
    if out.root()? != head.root {
        let message = "the stored entries do not lead to the root that was sealed; see `graven verify`";
        return Err(Error::new(ErrorKind::Data, message));
    }
    take(reader, head.size.max(durable), &mut out, |out, line| out.push_unsealed(reader, line))?;
    out.write("checkpoint", note.as_bytes())?;
    if let Some(closed) = closed.filter(|closed| closes(reader, closed, &head)) {
        out.write("closed", &closed)?;
    }
    // With the program's own patterns, which may reveal what they hide. Only a writer needs it.
    if let Some(settings) = if_there(reader, &layout.settings())?.filter(|_| !keys.is_empty()) {
        out.write("settings.json", &settings)?;
    }
    for (name, key) in keys {
        out.write(&format!("keys/{name}"), key)?;
    }
    out.finish(&meta)?;
    progress(out.entries, out.entries);
    Ok(out.report(head, !keys.is_empty()))
}

/// A checkpoint, and the sizes at which the segments under it end.
pub(super) struct Sealed {
    pub(super) head: Checkpoint,
    pub(super) note: String,
    boundaries: Vec<u64>,
}

impl Sealed {
    /// Looks until the checkpoint is at least as new as the newest boundary. A rotation writes the checkpoint first.
    pub(super) fn look(reader: &Reader) -> Result<Sealed, Error> {
        for _ in 0..LOOKS_MAX {
            let (head, note) = reader.checkpoint()?;
            let listed = Boundaries::list(&**reader.disk(), reader.layout())
                .map_err(|error| cannot("list", &reader.layout().boundaries(), error))?;
            if let Some(stray) = listed.strays.first() {
                let message = format!(
                    "{stray:?} in {} is not the checkpoint of a segment's end, or not a regular file; see `graven verify`",
                    reader.layout().boundaries().display()
                );
                return Err(Error::new(ErrorKind::Data, message));
            }
            if listed.sizes.last().is_none_or(|newest| *newest <= head.size) {
                return Ok(Sealed { head, note, boundaries: listed.sizes });
            }
        }
        let message = "the checkpoint is older than the newest one in checkpoints/; see `graven verify`";
        Err(Error::new(ErrorKind::Data, message))
    }
}

/// Copies the entries up to the checkpoint, in the segments of the original.
pub(super) fn take_sealed(
    reader: &Reader,
    sealed: &Sealed,
    out: &mut Out,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), Error> {
    let end = sealed.head.size;
    let first = out.first;
    for boundary in sealed.boundaries.iter().copied().filter(|size| *size > first) {
        take(reader, boundary, out, |out, line| {
            progress(out.entries, end);
            out.push(reader, line)
        })?;
        close_segment(reader, boundary, out)?;
    }
    take(reader, end, out, |out, line| {
        progress(out.entries, end);
        out.push(reader, line)
    })
}

/// Copies the entries from the end of the copy up to `end`.
fn take(
    reader: &Reader,
    end: u64,
    out: &mut Out,
    mut push: impl FnMut(&mut Out, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    while out.entries < end {
        let before = out.entries;
        let mut entries = reader.entries(before..end)?;
        while let Some((_, line)) = entries.next_line()? {
            push(out, line)?;
        }
        // When a segment was closed meanwhile, the entries that were found end there, and the others are in a new file.
        if out.entries == before {
            let message = format!(
                "{end} entries were durable, but only {before} are stored in {}; see `graven verify`",
                reader.layout().dir().display()
            );
            return Err(Error::new(ErrorKind::Data, message));
        }
    }
    Ok(())
}

/// Ends a segment of the copy under its signed checkpoint.
fn close_segment(reader: &Reader, size: u64, out: &mut Out) -> Result<(), Error> {
    let path = reader.layout().boundary(size);
    let bytes = read(reader, &path)?;
    let signed = Checkpoint::open(&bytes, &reader.meta().key);
    let root = out.root()?;
    if !signed.is_ok_and(|(head, _)| (head.size, head.root) == (size, root)) {
        let message = format!(
            "{} is not the signed checkpoint of the {size} entries that are stored; see `graven verify`",
            path.display()
        );
        return Err(Error::new(ErrorKind::Data, message));
    }
    out.close_segment(size, &bytes)
}

/// Whether this is the note that the trail was closed exactly at this head.
pub(super) fn closes(reader: &Reader, closed: &[u8], head: &Checkpoint) -> bool {
    let note = Note::parse(closed).ok().filter(|note| note.verify(&[&reader.meta().key]).is_ok());
    note.is_some_and(|note| note.text == closed_text(&head.origin, head.size, &head.root))
}

pub(super) fn read(reader: &Reader, path: &Path) -> Result<Vec<u8>, Error> {
    durable::read_file(&**reader.disk(), path).map_err(|error| cannot("read", path, error))
}

pub(super) fn if_there(reader: &Reader, path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match durable::read_file(&**reader.disk(), path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some).map_err(|error| cannot("read", path, error)),
    }
}
