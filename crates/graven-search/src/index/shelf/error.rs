//! Why a shelf cannot be used: then its entries are read one by one.

use std::io;

/// What is wrong with a shelf.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShelfError {
    /// The file is something else, or was cut.
    #[error("it is no shelf, or its end is missing")]
    NotAShelf,
    /// Another version of Graven wrote it.
    #[error("it has version {found} of the format, and this program reads version {expected}")]
    Version {
        /// What it says.
        found: u32,
        /// What is read.
        expected: u32,
    },
    /// A piece is not as the footer says.
    #[error("its bytes from {offset} on are not those that were written")]
    Damaged {
        /// Where.
        offset: u64,
    },
    /// The hashes fit, and what they cover makes no sense.
    #[error("its {what} is in no form that is ever written")]
    Form {
        /// Which part.
        what: &'static str,
    },
    /// The system did not read it.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
}
