//! What the server runs as.

use serde::{Deserialize, Serialize};

/// What the server runs as.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Deployment {
    /// Counted by the server, from 0 as it starts.
    #[serde(default)]
    pub(crate) generation: u64,
    pub(crate) image: String,
    pub(crate) replicas: u32,
}

impl Default for Deployment {
    fn default() -> Deployment {
        Deployment { generation: 0, image: "agent-server:built-in".to_owned(), replicas: 1 }
    }
}
