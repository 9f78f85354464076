//! What the admin can set while the server runs.

use serde::{Deserialize, Serialize};

/// What can be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The model that the agents say they are.
    pub(crate) model: String,
    /// After how long a tool is killed: 10 ms to 60 s. Default: 10 s.
    pub(crate) tool_timeout_ms: u64,
    /// How much of a tool's output is kept: at most 1 MiB. Default: 64 KiB.
    pub(crate) output_bytes_max: usize,
    /// Tools that are switched off.
    pub(crate) disabled_tools: Vec<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            model: "example-1".to_owned(),
            tool_timeout_ms: 10_000,
            output_bytes_max: 64 << 10,
            disabled_tools: Vec::new(),
        }
    }
}

impl Config {
    /// What is wrong with it, if anything.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        if !(10..=60_000).contains(&self.tool_timeout_ms) {
            return Some("tool_timeout_ms is 10 to 60000");
        }
        if self.output_bytes_max > 1 << 20 {
            return Some("output_bytes_max is at most 1048576");
        }
        if self.model.len() > 100 || self.disabled_tools.len() > 100 {
            return Some("model has at most 100 bytes, and disabled_tools at most 100 names");
        }
        None
    }
}
