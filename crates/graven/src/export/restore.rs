//! Restores a trail from where it was copied to, as the directory that it was.
//!
//! It is a copy, with what a copy leaves out: the remembered settings, for a program that goes on with the trail, and the
//! entries past the newest head that were found. `graven.json` is written last: a folder without it is no trail.

use std::path::Path;
use std::sync::Arc;

use graven_core::entry::Entry;

use super::copy::out::Out;
use super::copy::{CopyReport, Sealed, closes, if_there, read, take_sealed};
use crate::error::{Error, ErrorKind};
use crate::files::bounds::{UNSEALED_BYTES_MAX, UNSEALED_ENTRIES_MAX};
use crate::files::layout::Layout;
use crate::reader::Reader;
use crate::seam::disk::Disk;

/// What is done when everything but `graven.json` is durable.
pub type BeforeItIsATrail<'a> = dyn Fn(&dyn Disk, &Layout) -> Result<(), Error> + 'a;

/// What to restore besides the log.
#[derive(Default)]
pub struct Restoring<'a> {
    /// Whether to restore the remembered settings. Only a program that writes needs them, and they have its own patterns of
    /// redaction. Default: `false`.
    pub settings: bool,
    /// Lines past the newest head, each with its newline. Those that fit the bounds of unsealed entries are restored, up
    /// to the first that is not a whole entry. Default: none.
    pub unsealed: &'a [u8],
    /// Called when everything but `graven.json` is durable: what it writes is there before the folder is a trail.
    pub before_it_is_a_trail: Option<&'a BeforeItIsATrail<'a>>,
}

/// Restores what `reader` reads into `out`, which must have no files. Checks every line as [`copy_trail`](super::copy_trail)
/// does. Calls `progress` with the entries done and the entries in all.
///
/// # Errors
///
/// As [`copy_trail`](super::copy_trail).
pub fn restore_trail(
    reader: &Reader,
    out: &Path,
    restoring: &Restoring<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<CopyReport, Error> {
    let layout = reader.layout();
    let meta = read(reader, &layout.meta())?;
    let closed = if_there(reader, &layout.closed())?;
    let mut restored = Out::make(reader.disk(), out)?;
    let sealed = Sealed::look(reader)?;
    take_sealed(reader, &sealed, &mut restored, progress)?;
    let Sealed { head, note, .. } = sealed;
    if restored.root()? != head.root {
        let message = "the stored entries do not lead to the root that was sealed; see `graven verify`";
        return Err(Error::new(ErrorKind::Data, message));
    }
    if let Some(closed) = closed.filter(|closed| closes(reader, closed, &head)) {
        restored.write("closed", &closed)?;
    } else {
        take_unsealed(reader, restoring.unsealed, &mut restored)?;
    }
    restored.write("checkpoint", note.as_bytes())?;
    if let Some(settings) = if_there(reader, &layout.settings())?.filter(|_| restoring.settings) {
        restored.write("settings.json", &settings)?;
    }
    let disk = Arc::clone(reader.disk());
    restored.finish_with(&meta, |layout| match restoring.before_it_is_a_trail {
        Some(write) => write(&*disk, layout),
        None => Ok(()),
    })?;
    progress(restored.entries, restored.entries);
    Ok(restored.report(head, false))
}

/// Appends the lines that nothing signed vouches for.
fn take_unsealed(reader: &Reader, lines: &[u8], out: &mut Out) -> Result<(), Error> {
    let (mut entries, mut bytes) = (0, 0);
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let Some(whole) = line.strip_suffix(b"\n") else { break };
        entries += 1;
        bytes += line.len() as u64;
        let fits = entries <= UNSEALED_ENTRIES_MAX && bytes <= UNSEALED_BYTES_MAX;
        if !fits || Entry::from_line(whole).is_err() {
            break;
        }
        match out.push_unsealed(reader, whole) {
            // Its large detail is not there, or another one: then it was not shipped whole.
            Err(error) if error.kind() == ErrorKind::Data => break,
            other => other?,
        }
    }
    Ok(())
}
