//! Watches the shipping of one trail, and has the trail itself say what becomes of it.
//!
//! The entries are in the trail that they are about, and not in `main`: what comes back from an archive says by itself
//! when it was not shipped.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use graven::{Category, Entry, Outcome};
use graven_archive::ArchiveError;
use serde_json::json;
use tokio::time::Instant;

use crate::archive::{Archive, Doubt, Phase};
use crate::state::Shared;
use crate::trails::Served;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);

/// How long to wait before shipping is started again, when that could not be done.
const AGAIN: Duration = Duration::from_secs(5);

/// Entries that have waited for less than this are on their way.
const CAUGHT_UP: Duration = Duration::from_secs(10);

/// Entries have waited for the archive for too long.
const BEHIND: &str = "archive.behind";
/// They are there.
const CAUGHT_UP_NOW: &str = "archive.caught_up";
/// Nothing more is shipped until somebody has looked.
const REFUSED: &str = "archive.refused";

/// That entries wait, as the trail was told.
#[derive(Debug)]
struct Told {
    at: Instant,
    /// How many entries were in the archive then.
    entries: u64,
}

/// Ships a trail, and watches that, until shipping ends.
pub(crate) async fn watch(state: Shared, trail: Arc<Served>) {
    let Some(archive) = trail.archive() else { return };
    let mut told = None;
    let shipper = loop {
        let work = Arc::clone(&trail);
        // It may wait for a disk that is away.
        let started = tokio::task::spawn_blocking(move || work.archive().map(Archive::start)).await;
        match started {
            Ok(Some(Ok(shipper))) => break shipper,
            Ok(Some(Err(error))) => {
                let error = error.chain();
                tracing::warn!(trail = %trail.name(), error, "shipping cannot be started now, and will be tried again");
            }
            // A panic was reported when it happened.
            _ => {}
        }
        look(&state, &trail, archive, &mut told).await;
        tokio::time::sleep(AGAIN).await;
    };
    // No entry has this index, so this ends with the shipper, and at once.
    let mut ended = pin!(shipper.shipped(u64::MAX));
    loop {
        tokio::select! {
            biased;
            ended = &mut ended => {
                if let Err(why) = ended {
                    tell_end(&trail, archive, &why);
                }
                return;
            }
            () = tokio::time::sleep(LOOK) => look(&state, &trail, archive, &mut told).await,
        }
    }
}

/// Has the trail say that entries wait for too long, and when they do no more.
async fn look(state: &Shared, trail: &Arc<Served>, archive: &Archive, told: &mut Option<Told>) {
    let work = Arc::clone(trail);
    let look = move || Ok(work.archive().map(Archive::standing));
    // The next look will do when there is too much other work.
    let Ok(Some(standing)) = state.blocking.look(look).await else { return };
    let waited = Duration::try_from_secs_f64(standing.lag.seconds).unwrap_or_default();
    let (url, lag) = (&standing.url, &standing.lag);
    match told {
        None if lag.entries > 0 && waited >= archive.patience() => {
            archive.set_behind(true);
            *told = Some(Told { at: Instant::now(), entries: standing.entries });
            let detail =
                json!({ "archive": url, "entries": standing.entries, "lag": lag, "error": standing.error });
            emit(trail, Entry::new(Category::Config, BEHIND, Outcome::Failure).resource(url).detail(detail));
        }
        Some(before) if standing.state == Phase::Shipping && (lag.entries == 0 || waited < CAUGHT_UP) => {
            archive.set_behind(false);
            let seconds = before.at.elapsed().as_secs();
            let shipped = standing.entries.saturating_sub(before.entries);
            let detail = json!({ "archive": url, "entries": standing.entries, "shipped": shipped, "seconds": seconds });
            emit(
                trail,
                Entry::new(Category::Config, CAUGHT_UP_NOW, Outcome::Success).resource(url).detail(detail),
            );
            *told = None;
        }
        _ => {}
    }
}

/// Has the trail say that nothing more is shipped.
fn tell_end(trail: &Served, archive: &Archive, why: &ArchiveError) {
    match why {
        ArchiveError::Fenced(by) => {
            archive.end(Doubt::Fenced);
            emit(trail, by.entry());
        }
        // It was stopped while the archive was away.
        passing if passing.is_passing() => {}
        refused => {
            archive.end(Doubt::Refused);
            let url = archive.url();
            let entry = Entry::new(Category::Config, REFUSED, Outcome::Failure).reason(refused.to_string());
            emit(trail, entry.resource(&url).detail(json!({ "archive": url })));
        }
    }
}

/// Records without waiting. Also in a trail that takes no entries of clients any more.
fn emit(trail: &Served, entry: Entry) {
    if let Some(writer) = trail.writer() {
        writer.emit(entry.cut_to_fit());
    }
}
