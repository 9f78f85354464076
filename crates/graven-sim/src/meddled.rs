//! What somebody has done to the files of a trail.

use std::path::PathBuf;

/// What was changed, so that the trail is lost to all processes that have it open.
#[derive(Debug)]
pub(crate) struct Meddling {
    /// How it is undone at the end of the life: this name goes back to that one. `None`: the files are gone.
    pub(crate) undo: Option<(PathBuf, PathBuf)>,
    /// Whether every process must notice it. An empty live file may be replaced by another: a process that has not seen
    /// it yet goes on with the new one, and nothing is lost.
    pub(crate) shows: bool,
}
