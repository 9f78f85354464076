//! The order of hits: from the newest entry or from the oldest one.

use serde::{Deserialize, Serialize};

/// In which order hits come. It is that of the log, and not that of their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The newest entry first.
    #[default]
    NewestFirst,
    /// The oldest entry first.
    OldestFirst,
}
