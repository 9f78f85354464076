//! System entries: what the engine records about the trail itself, in the reserved category `trail`.

use graven_core::entry::{Category, Entry, Outcome};
use graven_core::hash::{Hash, leaf_hash};
use serde::Serialize;

use super::queue::Line;
use crate::seam::clock::{Clock, id_at};

/// The finished line of a system entry.
#[derive(Debug)]
pub(crate) struct SystemLine {
    pub(crate) bytes: Vec<u8>,
    pub(crate) hash: Hash,
}

impl SystemLine {
    /// The line, for the queue.
    pub(crate) fn to_queue(&self) -> Line<'_> {
        Line { bytes: &self.bytes, hash: self.hash, blob: None }
    }
}

/// Makes a system entry.
pub(crate) fn system_line(clock: &dyn Clock, action: &str, detail: &impl Serialize) -> SystemLine {
    let mut entry = Entry::new(Category::Trail, action, Outcome::Success).detail(detail);
    complete(&mut entry, clock);
    let mut bytes = Vec::with_capacity(512);
    // Never a blob: our details are a few numbers and names.
    let blob = entry.append_line(0, &mut bytes).expect("system entries are well-formed");
    assert!(blob.is_none(), "details of system entries fit a line");
    let hash = leaf_hash(&bytes);
    SystemLine { bytes, hash }
}

/// Fills in the id and the time if the caller set none. An empty id is none.
pub(crate) fn complete(entry: &mut Entry, clock: &dyn Clock) {
    let timestamp = *entry.timestamp.get_or_insert_with(|| clock.now());
    if entry.id.as_ref().is_none_or(String::is_empty) {
        entry.id = Some(id_at(timestamp, clock));
    }
}
