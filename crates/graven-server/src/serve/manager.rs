//! What the server says to the service manager that started it, such as systemd: that it is ready, reads files again, ends,
//! and makes progress. Without a manager it says nothing.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::settings::Listen;
use crate::state::Shared;

/// How often the manager is told in the time after which it misses that.
const TOLD_PER_LIMIT: u32 = 4;

/// The server takes connections.
pub(super) fn ready(state: &Shared, listens: &Listen) {
    let trails = state.trails.all().count();
    let status = format!("Serves {trails} {} at {listens}", if trails == 1 { "trail" } else { "trails" });
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// The server begins to read its files again.
pub(super) fn reads_again() {
    match NotifyState::monotonic_usec_now() {
        // The manager tells by the time whether this is the answer to its signal.
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(error = error.to_string(), "the clock cannot be read"),
    }
}

/// It has read them.
pub(super) fn has_read() {
    tell(&[NotifyState::Ready]);
}

/// The server ends.
pub(super) fn ends() {
    tell(&[NotifyState::Stopping, NotifyState::Status("Answers what it has accepted, and ends")]);
}

/// Tells the manager again and again that the server makes progress, if the manager wants to know. It ends the server when it
/// has not heard so for as long as it says.
///
/// A trail whose writer hangs is no progress. Telling ends after half of the time, so that a writer has hung for the whole time
/// when the server is ended, and for half as long again at most. A server without work makes progress.
pub(super) async fn watched(state: Shared) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    // A timer of no time at all would never pause.
    let mut ticks = tokio::time::interval((limit / TOLD_PER_LIMIT).max(Duration::from_millis(1)));
    let mut hung = false;
    loop {
        ticks.tick().await;
        let hangs =
            state.trails.all().find(|served| served.hangs_for().is_some_and(|time| time >= limit / 2));
        match hangs {
            None => tell(&[NotifyState::Watchdog]),
            Some(served) if !hung => {
                let name = served.name();
                tracing::error!(trail = %name, "its writer hangs: the service manager is told no more that all is well");
                tell(&[NotifyState::Status(&format!("The writer of the trail {name} hangs"))]);
            }
            Some(_) => {}
        }
        hung = hangs.is_some();
    }
}

fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        tracing::warn!(error = error.to_string(), "the service manager cannot be told how the server is");
    }
}
