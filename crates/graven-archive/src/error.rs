//! Why an archive cannot be used.

use graven::{Category, Entry, Outcome};

use crate::store::{StoreError, StoreErrorKind};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why an archive cannot be used, by what the caller should do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The request can never succeed as it stands: correct it.
    #[error("{message}")]
    Invalid {
        /// What is wrong, and what to do.
        message: String,
        /// What says so.
        source: Option<Source>,
    },
    /// There is no trail there.
    #[error("there is no trail at {address}")]
    NotFound {
        /// Where it was looked for.
        address: String,
    },
    /// The store does not answer, or refuses. Try again later, or mend its credentials.
    #[error("{message}")]
    Unavailable {
        /// What cannot be done.
        message: String,
        /// Why.
        source: Option<Source>,
    },
    /// Another writer has the trail now: this one may ship nothing more.
    #[error(transparent)]
    Fenced(#[from] Fenced),
    /// What is stored is damaged or was changed: an operator must look at it, with `graven verify`.
    #[error("{message}")]
    Data {
        /// What is wrong, and where.
        message: String,
        /// What says so.
        source: Option<Source>,
    },
    /// The trail in the directory cannot be read.
    #[error(transparent)]
    Trail(#[from] graven::Error),
}

/// Why this writer may ship nothing more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("another writer has this trail in {address}: {other}{differs}", differs = differs(*first_differing))]
pub struct Fenced {
    /// The archive.
    pub address: String,
    /// Who writes it now: the name and the id of its epoch.
    pub other: String,
    /// The index of the first entry that the two writers have otherwise; `None` when they do not differ as far as the
    /// archive shows it.
    pub first_differing: Option<u64>,
}

impl Fenced {
    /// The entry by which a trail says of itself that it is shipped no more.
    pub fn entry(&self) -> Entry {
        let detail = serde_json::json!({
            "archive": self.address, "writer": self.other, "first_differing": self.first_differing,
        });
        Entry::new(Category::Config, "archive.fenced", Outcome::Failure)
            .resource(&self.address)
            .reason(self.to_string())
            .detail(detail)
    }
}

fn differs(index: Option<u64>) -> String {
    match index {
        Some(index) => format!("; from entry {index} on it has other entries"),
        None => String::new(),
    }
}

impl ArchiveError {
    pub(crate) fn invalid(message: impl Into<String>) -> ArchiveError {
        ArchiveError::Invalid { message: message.into(), source: None }
    }

    pub(crate) fn invalid_because(message: impl Into<String>, source: impl Into<Source>) -> ArchiveError {
        ArchiveError::Invalid { message: message.into(), source: Some(source.into()) }
    }

    pub(crate) fn unavailable(message: impl Into<String>, source: impl Into<Source>) -> ArchiveError {
        ArchiveError::Unavailable { message: message.into(), source: Some(source.into()) }
    }

    pub(crate) fn data(message: impl Into<String>) -> ArchiveError {
        ArchiveError::Data { message: message.into(), source: None }
    }

    pub(crate) fn data_because(message: impl Into<String>, source: impl Into<Source>) -> ArchiveError {
        ArchiveError::Data { message: message.into(), source: Some(source.into()) }
    }

    /// Whether the same request may succeed later without anybody changing anything here.
    pub fn is_passing(&self) -> bool {
        match self {
            ArchiveError::Unavailable { .. } => true,
            ArchiveError::Trail(error) => error.kind() == graven::ErrorKind::Unavailable,
            _ => false,
        }
    }

    /// The message with all its reasons.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            // Some libraries repeat their source in their own text.
            let more = error.to_string();
            if !text.ends_with(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            source = error.source();
        }
        text
    }
}

impl From<StoreError> for ArchiveError {
    fn from(error: StoreError) -> ArchiveError {
        let message = error.to_string();
        match error.kind {
            // A caller that can do without the object asks for it by `if_there`.
            StoreErrorKind::NotFound => ArchiveError::Data { message, source: Some(error.source) },
            StoreErrorKind::Refused | StoreErrorKind::Unavailable => {
                ArchiveError::Unavailable { message, source: Some(error.source) }
            }
        }
    }
}
