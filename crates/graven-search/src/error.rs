//! Why there is no answer.

use crate::cursor::CursorError;

/// Why a search has no answer. What is wrong with a trail is in the answer, as far as there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The trail cannot be read.
    #[error(transparent)]
    Trail(#[from] graven::Error),
    /// The cursor does not belong to this search.
    #[error(transparent)]
    Cursor(#[from] CursorError),
}
