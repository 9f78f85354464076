//! Signed notes on their way to the disk: each head that was signed may have been seen by another program.

use std::path::Path;

use graven::durable::temporary_of;
use graven_core::hash::Hash;

/// A tree head that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) size: u64,
    pub(crate) root: Hash,
}

impl Head {
    /// The head in a checkpoint or in the note `closed`. `None` for other text.
    pub(crate) fn read(note: &[u8]) -> Option<Head> {
        let text = std::str::from_utf8(note).ok()?;
        let mut lines = text.lines().skip(if text.starts_with("graven/closed/") { 2 } else { 1 });
        let size = lines.next()?.parse().ok()?;
        let root = Hash::parse(lines.next()?).ok()?;
        Some(Head { size, root })
    }
}

/// Whether this is the temporary file of a signed note.
pub(crate) fn is_new_note(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let in_boundaries = || path.parent().and_then(Path::file_name).is_some_and(|dir| dir == "checkpoints");
    temporary_of(name).is_some_and(|of| matches!(of, "checkpoint" | "closed") || in_boundaries())
}
