//! Reads the files of a trail without the code of the engine: all bytes, split at newlines, and the notes.

use std::path::Path;

use graven::disk::sim::{SimDisk, Snapshot};
use graven::layout::Layout;

use crate::head::Head;

/// What is on the disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stored {
    /// Whether there is a trail.
    pub(crate) is_trail: bool,
    /// The bytes of all segments and of the live file, in order.
    pub(crate) bytes: Vec<u8>,
    /// Where each complete line ends in `bytes`, its newline included.
    pub(crate) ends: Vec<usize>,
    pub(crate) checkpoint: Option<Head>,
    pub(crate) closed: Option<Head>,
}

impl Stored {
    /// Reads what a program sees now.
    pub(crate) fn look(disk: &SimDisk, layout: &Layout) -> Stored {
        Stored::of(&disk.snapshot(), layout)
    }

    /// Reads what is there after a power cut that leaves nothing unsynced.
    pub(crate) fn durable(disk: &SimDisk, layout: &Layout) -> Stored {
        let snapshot = disk.snapshot();
        if snapshot.is_synced() {
            return Stored::of(&snapshot, layout);
        }
        Stored::of(&snapshot.crash(&snapshot.crash_choice_nothing()).snapshot(), layout)
    }

    fn of(snapshot: &Snapshot, layout: &Layout) -> Stored {
        let mut bytes = Vec::new();
        let mut files: Vec<_> = snapshot.files();
        files.retain(|file| file.parent() == Some(&layout.segments()));
        for file in files.iter().map(AsRef::as_ref).chain([layout.live()]) {
            bytes.extend(snapshot.contents(file).unwrap_or_default());
        }
        let newlines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        Stored {
            is_trail: snapshot.contents(layout.meta()).is_ok(),
            ends: newlines.map(|(at, _)| at + 1).collect(),
            bytes,
            checkpoint: note(snapshot, &layout.checkpoint()),
            closed: note(snapshot, &layout.closed()),
        }
    }

    /// The number of complete lines.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A line without its newline.
    pub(crate) fn line(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        Some(&self.bytes[start..end - 1])
    }

    /// The lines from this index on.
    pub(crate) fn lines_from(&self, first: usize) -> impl Iterator<Item = &[u8]> {
        (first..self.len()).map(|index| self.line(index).unwrap_or_default())
    }
}

fn note(snapshot: &Snapshot, path: &Path) -> Option<Head> {
    Head::read(&snapshot.contents(path).ok()?)
}
