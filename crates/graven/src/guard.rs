//! A value at the start of `main` that closes the trail of the process at its end.

use std::fmt;

use crate::engine::threads::on_a_trails_thread;
use crate::error::Error;

/// Closes the trail, or the audit log, of the whole process when it is dropped: everything that was recorded or emitted
/// is written and sealed under a signed checkpoint, and `closed` says where the trail ends.
///
/// [`graven::guard`](crate::guard()) and [`audit::guard`](crate::audit::guard) make it. Keep it in a variable of `main`
/// that is declared before everything that records, above all before an async runtime: variables are dropped in reverse
/// order, also by a panic, and the guard must be the last. A trail that is set after the guard was made is closed too.
///
/// **It waits** as long as storage makes progress. It gives up when there was none for 5 seconds (or for the deadline
/// of [`Settings::when_full`](crate::Settings::when_full), if that is longer). On one of a trail's own threads
/// ([`on_a_trails_thread`]) it does not wait: the trail closes by itself. A failure is reported as a
/// `tracing` event of level ERROR; call [`close`](Guard::close) to get it as an error.
///
/// **After it** an entry is refused with an error of kind [`Closed`](crate::ErrorKind::Closed), and one that is emitted
/// is lost. A second guard does nothing more.
///
/// **It does not run** after `std::process::exit`, `abort`, a signal that ends the process, or a panic in a program that
/// is built with `panic = "abort"`.
#[must_use = "the trail is closed when this is dropped: keep it in a variable until the end of `main`"]
pub struct Guard {
    close: fn() -> Result<(), Error>,
    closed: bool,
}

impl Guard {
    /// A guard that closes something of the whole process. It is called at most once.
    pub(crate) fn new(close: fn() -> Result<(), Error>) -> Guard {
        Guard { close, closed: false }
    }

    /// Closes now, and says whether everything is written and sealed. Without a trail there is nothing to do.
    ///
    /// # Errors
    /// As [`Trail::close`](crate::Trail::close), but it waits for at least 5 seconds without progress. For a log whose
    /// file cannot be opened: the reason.
    pub fn close(mut self) -> Result<(), Error> {
        self.closed = true;
        (self.close)()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        if let Err(error) = (self.close)()
            && !on_a_trails_thread()
        {
            tracing::error!(error = error.chain(), "the audit trail of this process could not be closed");
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}
