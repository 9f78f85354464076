//! What a trail says of its own life. To judge silences takes all entries, so what was judged is kept for a while.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use graven::clock::Clock;
use graven::reader::LifeSigns;
use graven_search::Search;
use serde::Serialize;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use crate::problem::{Kind, Problem};

/// For how long a judgement is kept, in times of what it took: so judging takes at most a tenth of one core, however often
/// it is asked for.
const KEPT_TIMES: u32 = 10;

/// How long a request waits for another one that judges the same trail.
const PATIENCE: Duration = Duration::from_secs(10);

/// The life of one trail, as it was judged last. It is locked while somebody judges.
#[derive(Debug, Clone, Default)]
pub(crate) struct Life(Arc<Mutex<Option<Arc<Judged>>>>);

/// What was judged.
#[derive(Debug, Serialize)]
pub(crate) struct Judged {
    /// When.
    judged: DateTime<Utc>,
    /// From how many entries.
    entries: u64,
    life: LifeSigns,
    /// For how long an open run had given no sign then, when its heartbeat was overdue.
    silent_seconds: Option<u64>,
    /// Until when it is kept, from the start of the server.
    #[serde(skip)]
    kept_until: Duration,
}

impl Life {
    /// What was judged last. Nobody else judges as long as the caller has it.
    ///
    /// # Errors
    /// `Busy` when another request judges for longer than this one waits.
    pub(crate) async fn last(&self) -> Result<OwnedMutexGuard<Option<Arc<Judged>>>, Problem> {
        let busy = || Problem::new(Kind::Busy, "all entries are being read to judge this: ask again later");
        timeout(PATIENCE, Arc::clone(&self.0).lock_owned()).await.map_err(|_| busy())
    }
}

impl Judged {
    /// Judges the life of a trail from all its entries.
    ///
    /// # Errors
    /// What reading the trail says.
    pub(crate) fn of(search: &Search, clock: &dyn Clock) -> Result<Judged, Problem> {
        // Before the entries are read: what comes meanwhile is a sign, and no run is called silent that has given one.
        let (judged, begun) = (clock.now(), clock.elapsed());
        let tally = search.tally(&mut |_| {})?;
        let silent_seconds = tally.life.overdue(judged).into_iter().map(|(_, seconds)| seconds).max();
        let ended = clock.elapsed();
        let kept_until = ended + ended.saturating_sub(begun) * KEPT_TIMES;
        Ok(Judged { judged, entries: tally.entries, life: tally.life, silent_seconds, kept_until })
    }

    /// Whether it is given again.
    pub(crate) fn is_kept(&self, clock: &dyn Clock) -> bool {
        clock.elapsed() < self.kept_until
    }
}
