//! The setting for requests that fail and come from nobody who is known.

use std::time::Duration;

/// The shortest window.
const WINDOW_MIN: Duration = Duration::from_millis(10);

/// How the failed requests of strangers are counted: see
/// [`AuditLayer::count_strangers`](crate::AuditLayer::count_strangers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strangers {
    pub(crate) window: Duration,
    pub(crate) clients_max: usize,
}

impl Strangers {
    /// Writes the first failed request of each client in a window, and counts the others. A window lasts for `window`,
    /// at least 10 ms. It is one for all clients and begins with a failed request.
    ///
    /// With a longer window there are fewer entries, but more counts are lost when the process is killed.
    pub fn new(window: Duration) -> Strangers {
        Strangers { window: window.max(WINDOW_MIN), clients_max: 1_024 }
    }

    /// Sets how many clients are counted one by one in a window. All further ones are counted together, as one. A client
    /// takes about 2 KiB of memory for the rest of the window, and at most four entries. Default: 1024.
    #[must_use]
    pub fn clients_max(mut self, clients: usize) -> Strangers {
        self.clients_max = clients;
        self
    }
}
