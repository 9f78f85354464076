//! The engine's own entries, of the reserved category `trail`: what happened to the trail itself.

use chrono::{DateTime, Utc};
use graven_core::entry::{Category, Entry, Outcome};
use graven_core::hash::{Hash, leaf_hash};
use serde::Serialize;
use uuid::Builder;

use crate::clock::Clock;

/// Entries were dropped: how many, by category.
pub(crate) const GAP: &str = "trail.gap";
/// The trail was opened after a crash: what was cut, and which entries had not been sealed.
pub(crate) const RECOVERED: &str = "trail.recovered";
/// A file that was not ours stood where the live file belongs, and was moved aside.
pub(crate) const ADOPTED: &str = "trail.adopted";
/// An operator had the trail repaired: what was wrong, and where the cut bytes are.
pub(crate) const REPAIRED: &str = "trail.repaired";

/// The trail is kept under other terms than when it was last opened.
pub(crate) const SETTINGS: &str = "trail.settings";
/// The trail was opened.
pub(crate) const OPENED: &str = "trail.opened";
/// The trail was closed.
pub(crate) const CLOSED: &str = "trail.closed";
/// Nothing was recorded for a while, and the trail lives.
pub(crate) const HEARTBEAT: &str = "trail.heartbeat";

/// A finished line of the engine's own.
#[derive(Debug)]
pub(crate) struct OwnLine {
    pub(crate) bytes: Vec<u8>,
    pub(crate) hash: Hash,
}

/// Makes an entry of the engine's own.
pub(crate) fn own_line(clock: &dyn Clock, action: &str, detail: &impl Serialize) -> OwnLine {
    let mut entry = Entry::new(Category::Trail, action, Outcome::Success).detail(detail);
    complete(&mut entry, clock);
    let mut bytes = Vec::with_capacity(512);
    // Never a blob: our details are a few numbers and names.
    let blob = entry.append_line(0, &mut bytes).expect("our own entries are well-formed");
    assert!(blob.is_none(), "our own details fit a line");
    let hash = leaf_hash(&bytes);
    OwnLine { bytes, hash }
}

/// Fills in the id and the time where the caller gave none.
pub(crate) fn complete(entry: &mut Entry, clock: &dyn Clock) {
    let timestamp = *entry.timestamp.get_or_insert_with(|| clock.now());
    if entry.id.is_none() {
        entry.id = Some(uuid_v7(timestamp, clock));
    }
}

/// A UUID of version 7 (RFC 9562 §5.7): the time in milliseconds, then random bits.
pub(crate) fn uuid_v7(now: DateTime<Utc>, clock: &dyn Clock) -> String {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&clock.random().to_le_bytes());
    random[8..].copy_from_slice(&clock.random().to_le_bytes()[..2]);
    // Before 1970 there is no such id; the time is in the entry all the same.
    let milliseconds = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    let uuid = Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid();
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    uuid.hyphenated().encode_lower(&mut text).to_owned()
}
