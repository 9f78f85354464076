//! The note by which a writer says that it has closed the trail: how many entries it had then, and their root.

use graven_core::hash::Hash;
use graven_core::note::{Note, VerifierKey};

/// The size and the root at which a trail was closed; `None` for what the key has not signed as that.
pub(crate) fn closed_at(note: &[u8], key: &VerifierKey) -> Option<(u64, Hash)> {
    let note = Note::parse(note).ok()?;
    note.verify(&[key]).ok()?;
    let mut lines = note.text.lines();
    let is_closed = lines.next() == Some("graven/closed/v1") && lines.next() == Some(key.name());
    let (size, root) = (lines.next()?.parse().ok()?, Hash::parse(lines.next()?).ok()?);
    (is_closed && lines.next().is_none()).then_some((size, root))
}
