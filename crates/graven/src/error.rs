//! Errors, grouped by what the caller should do about them.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What the caller should do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request can never succeed as it stands: correct it.
    Invalid,
    /// There is no such entry.
    NotFound,
    /// The trail cannot serve now (storage full or failing, locked by another process, queue full): try again later,
    /// after reopening if the message says so.
    Unavailable,
    /// No answer within the deadline. The entry may still be recorded: look for [`Error::entry_id`] before you record
    /// it again.
    TimedOut,
    /// The stored data is damaged or was changed: an operator must look at it, with `graven verify`.
    Data,
    /// The trail was closed by this program: open it again.
    Closed,
    /// A fault in Graven: report it.
    Internal,
}

/// An error of the library. Cheap to clone: one failed sync answers every entry of its group.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    entry_id: Option<String>,
    may_be_recorded: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Inner {
    fn copy(&self) -> Inner {
        Inner {
            kind: self.kind,
            message: self.message.clone(),
            entry_id: self.entry_id.clone(),
            may_be_recorded: self.may_be_recorded,
            source: self.source.clone(),
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Arc::new(Inner {
            kind,
            message: message.into(),
            entry_id: None,
            may_be_recorded: false,
            source: None,
        }))
    }

    pub(crate) fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl StdError + Send + Sync + 'static,
    ) -> Error {
        let source: Arc<dyn StdError + Send + Sync> = Arc::new(source);
        let message = message.into();
        Error(Arc::new(Inner { kind, message, entry_id: None, may_be_recorded: false, source: Some(source) }))
    }

    /// Storage refuses what is asked of a path: the message is `cannot <what> <path>`.
    pub(crate) fn cannot(what: &str, path: &Path, source: io::Error) -> Error {
        Error::with_source(ErrorKind::Unavailable, format!("cannot {what} {}", path.display()), source)
    }

    /// There is no trail at `path`.
    pub(crate) fn no_trail(path: &Path) -> Error {
        let message = format!("no trail at {}; make one with `graven init`", path.display());
        Error::new(ErrorKind::NotFound, message)
    }

    /// The trail was closed.
    pub(crate) fn closed() -> Error {
        Error::new(ErrorKind::Closed, "the trail is closed: open it again")
    }

    /// The trail was opened by the process that this one was forked from.
    pub(crate) fn forked() -> Error {
        let message =
            "this handle was made before a fork: its trail belongs to the parent process, so open it again";
        Error::new(ErrorKind::Closed, message)
    }

    /// This error, with the id of the entry that it is about.
    pub(crate) fn for_entry(&self, id: &str) -> Error {
        Error(Arc::new(Inner { entry_id: Some(id.to_owned()), ..self.0.copy() }))
    }

    /// This error, for entries that may still be recorded.
    pub(crate) fn outcome_unknown(&self) -> Error {
        Error(Arc::new(Inner { may_be_recorded: true, ..self.0.copy() }))
    }

    /// This error, with `what` in front of its message.
    pub(crate) fn prefixed(&self, what: &str) -> Error {
        Error(Arc::new(Inner { message: format!("{what}: {}", self.0.message), ..self.0.copy() }))
    }

    /// What the caller should do about the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The id of the entry that the error is about, if it is about one entry.
    pub fn entry_id(&self) -> Option<&str> {
        self.0.entry_id.as_deref()
    }

    /// Whether the entry may be in the trail in spite of the error: true after a failed write or sync, and when the
    /// deadline passed after the entry was queued.
    pub fn may_be_recorded(&self) -> bool {
        self.0.may_be_recorded
    }

    /// The message and each cause behind it, joined by `: `.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(id) = &self.0.entry_id {
            write!(f, " (entry {id}")?;
            f.write_str(if self.0.may_be_recorded { ", which may still be recorded)" } else { ")" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.0.kind).field("message", &self.chain()).finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}
