//! What a client waits for before its entries are answered.

use std::time::Duration;

use graven::Category;

use super::Archive;
use crate::problem::Problem;
use crate::settings::period;

/// How long an answer waits for the archive when nothing else is asked for, and at most.
const TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT_MAX: Duration = Duration::from_secs(300);

/// What a client waits for: that entries are durable here, or in the archive too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ack {
    archived: bool,
    timeout: Duration,
}

impl Default for Ack {
    fn default() -> Ack {
        Ack { archived: false, timeout: TIMEOUT }
    }
}

impl Ack {
    /// What the parameters `ack` and `timeout` ask for.
    ///
    /// # Errors
    /// `BadParameter` for what cannot be had.
    pub(crate) fn asked(
        ack: Option<&str>,
        timeout: Option<&str>,
        archive: Option<&Archive>,
    ) -> Result<Ack, Problem> {
        let archived = match ack {
            None | Some("durable") => false,
            Some("archived") if archive.is_some() => true,
            Some("archived") => {
                let why = "this trail has no archive: the server's setting archive.url names one";
                return Err(Problem::parameter("ack", why));
            }
            Some(_) => return Err(Problem::parameter("ack", "write durable or archived")),
        };
        let timeout = match timeout.map(period) {
            None => TIMEOUT,
            Some(Ok(timeout)) if timeout <= TIMEOUT_MAX => timeout,
            Some(Ok(_)) => return Err(Problem::parameter("timeout", "it is at most 5m")),
            Some(Err(why)) => return Err(Problem::parameter("timeout", why)),
        };
        Ok(Ack { archived, timeout })
    }

    /// Whether an entry is answered only when it is in the archive.
    pub(crate) fn waits_for(self, category: &Category, archive: &Archive) -> bool {
        self.archived || archive.is_required_for(category)
    }

    /// For how long.
    pub(crate) fn timeout(self) -> Duration {
        self.timeout
    }
}
