//! The actions of the trail's own entries: what happened to the trail itself.
//!
//! They stand in entries of the category [`trail`](super::Category::Trail), which only the engine writes. What their
//! details say is in `docs/FORMAT.md`.

/// The trail was opened. Written with life signs only.
pub const OPENED: &str = "trail.opened";
/// A process closed the trail. Written with life signs only; nothing that this process records comes behind it.
pub const CLOSED: &str = "trail.closed";
/// A process recorded nothing else for a while, and is alive. Written with life signs only.
pub const HEARTBEAT: &str = "trail.heartbeat";
/// The trail was opened with other settings, or another redaction key, than before.
pub const SETTINGS: &str = "trail.settings";
/// Entries were dropped before they got an index: how many, by category.
pub const GAP: &str = "trail.gap";
/// The trail was opened after a crash: what was cut, and which entries no checkpoint covered.
pub const RECOVERED: &str = "trail.recovered";
/// An operator repaired the trail: what was wrong, and where the cut bytes are.
pub const REPAIRED: &str = "trail.repaired";
/// The trail was made by an earlier version of the format, and is of a newer one from now on.
pub const UPGRADED: &str = "trail.upgraded";
/// A file that was not ours stood in the live file's place, and was moved aside.
pub const ADOPTED: &str = "trail.adopted";
/// The trail goes on where another one ended: which one, and where. Always the first entry of its trail.
pub const CONTINUES: &str = "trail.continues";
/// Entries that a lost machine had recorded are recorded again here: of which trail, and which of them.
pub const SALVAGED: &str = "trail.salvaged";
/// A file is imported: how far, and by which hash to know it again.
pub const IMPORTED: &str = "trail.imported";
