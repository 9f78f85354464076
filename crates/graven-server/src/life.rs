//! What a trail says of its own life. To judge silences takes all entries, so what was judged is kept for a while.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use graven::reader::LifeSigns;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::problem::{Kind, Problem};
use crate::state::Shared;
use crate::trails::Served;

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

/// The life of a trail.
///
/// # Errors
/// `Busy` when another request judges it for longer than this one waits; what reading the trail says.
pub(crate) async fn of(state: &Shared, trail: &Arc<Served>) -> Result<Arc<Judged>, Problem> {
    let busy = || Problem::new(Kind::Busy, "all entries are being read to judge this: ask again later");
    let lock = Arc::clone(&trail.life().0).lock_owned();
    let mut last = timeout(PATIENCE, lock).await.map_err(|_| busy())?;
    if let Some(judged) = last.as_ref().filter(|judged| state.elapsed() < judged.kept_until) {
        return Ok(Arc::clone(judged));
    }
    let (work, trail) = (Arc::clone(state), Arc::clone(trail));
    // It goes on and is kept also when nobody waits for it any more.
    let judge = move || {
        let judged = Arc::new(judge(&work, &trail)?);
        *last = Some(Arc::clone(&judged));
        Ok(judged)
    };
    state.blocking.search(judge).await
}

fn judge(state: &Shared, trail: &Served) -> Result<Judged, Problem> {
    // Before the entries are read: what comes meanwhile is a sign, and no run is called silent that has given one.
    let (judged, begun) = (state.now(), state.elapsed());
    let tally = trail.search().tally(&mut |_| {})?;
    let silent_seconds = tally.life.overdue(judged).into_iter().map(|(_, seconds)| seconds).max();
    let ended = state.elapsed();
    let kept_until = ended + ended.saturating_sub(begun) * KEPT_TIMES;
    Ok(Judged { judged, entries: tally.entries, life: tally.life, silent_seconds, kept_until })
}
