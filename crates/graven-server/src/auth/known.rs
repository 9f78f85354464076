//! What was read of the token file, and how it is noticed that the file has changed.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use graven::disk::{Disk, File, Open, OsDisk};
use graven_core::hash::Hash;

use super::file::{self, Kept};
use super::{AuthError, Caller, Token};
use crate::stamp::{Seen, look};

/// How often reading begins again because the file was replaced meanwhile.
const READS_MAX: u32 = 100;

/// The tokens as they were read.
#[derive(Debug)]
pub(super) struct Known {
    /// Which file it was.
    seen: Seen,
    /// Kept open, so that no other file can have its number.
    _open: Option<Arc<dyn File>>,
    /// By the hash of the token. While the file cannot be read, there are none.
    pub(super) rows: Result<HashMap<Hash, Row>, Arc<AuthError>>,
}

/// A token that was read.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) caller: Arc<Caller>,
    pub(super) token: Token,
}

impl Known {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> Known {
        for _ in 0..READS_MAX {
            let seen = look(path);
            let open = match seen {
                Ok(Some(_)) => OsDisk.open(path, Open::Read).ok(), // Reading it tells why it cannot be opened.
                _ => None,
            };
            let rows = file::read(path).map(|tokens| tokens.unwrap_or_default());
            let is_the_one = match (&seen, &open) {
                (Ok(Some(stamp)), Some(open)) => open.id().is_ok_and(|id| id.inode == stamp.inode()),
                _ => true,
            };
            if is_the_one && look(path) == seen {
                let rows = rows.map(by_hash).map_err(Arc::new);
                return Known { seen, _open: open, rows };
            }
        }
        let source = io::Error::other("it was replaced again and again while it was read");
        let error = AuthError::File { doing: "read", path: path.to_owned(), source };
        Known { seen: Err(io::ErrorKind::Other), _open: None, rows: Err(Arc::new(error)) }
    }

    /// Whether the file is still the one that was read.
    pub(super) fn is_current(&self, path: &Path) -> bool {
        self.seen == look(path)
    }
}

fn by_hash(tokens: Vec<Kept>) -> HashMap<Hash, Row> {
    let row = |kept: Kept| (kept.sha256, Row { caller: Arc::new(kept.token.caller()), token: kept.token });
    tokens.into_iter().map(row).collect()
}
