//! The names of files in a report.

use std::path::Path;

use crate::files::layout::Layout;

/// The name of a segment, relative to the trail's directory.
pub(super) fn segment_name(first: u64) -> String {
    format!("segments/{first:020}.jsonl")
}

/// The name of the live file in a report: relative to the trail's directory; if the file lies elsewhere, its file name.
pub(super) fn live_name(layout: &Layout) -> String {
    let live = layout.live();
    let name = live.strip_prefix(layout.dir()).ok().or(live.file_name().map(Path::new)).unwrap_or(live);
    name.display().to_string()
}
