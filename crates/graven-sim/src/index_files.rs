//! Which files belong to the index of a trail.

use std::path::Path;

/// Where the follower keeps what it knows of its index.
pub(crate) const MEMORY: &str = "/memory-of-the-follower";

/// Whether a path is that of the index, or of something in it.
pub(crate) fn is_of_index(path: &Path) -> bool {
    path.starts_with(MEMORY) || path.components().any(|part| part.as_os_str() == "search")
}

/// Whether a path is that of a shelf, or one under which a shelf is written.
pub(crate) fn is_shelf(path: &Path, also_temporary: bool) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    is_of_index(path) && (name.ends_with(".shelf") || (also_temporary && name.contains(".shelf.")))
}
