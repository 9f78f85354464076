//! A session, which belongs to the principal that made it.

use serde::Serialize;

use super::tokens::Role;

/// A session.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Session {
    pub(crate) id: String,
    #[serde(skip)]
    pub(crate) owner: Role,
    pub(crate) title: String,
    /// How many prompts it has had.
    pub(crate) prompts: u64,
}
