//! Why a request is not taken, and when it may be sent again.

use std::time::Duration;

/// Why a request is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request is for another host: somebody's name may lead to this server's address.
    #[error(
        "this server is not {0:?}: call it by its address, or add the name to the setting `hosts` if it is one of the \
         server's own"
    )]
    WrongHost(String),
    /// This client sends too much. Others are served.
    #[error("{what}: send again after {} s, and less at a time", seconds(*.retry_after))]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// When it may be sent again.
        retry_after: Duration,
    },
    /// All clients together send too much.
    #[error("{what}: send again after {} s", seconds(*.retry_after))]
    Full {
        /// What there is too much of.
        what: &'static str,
        /// When it may be sent again.
        retry_after: Duration,
    },
}

impl Refusal {
    /// After how many whole seconds the request may be sent again: for `Retry-After`.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Refusal::WrongHost(_) => None,
            Refusal::TooMuch { retry_after, .. } | Refusal::Full { retry_after, .. } => {
                Some(seconds(*retry_after))
            }
        }
    }
}

/// Whole seconds, at least one: half a second is a second for `Retry-After`.
fn seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}
