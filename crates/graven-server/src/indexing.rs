//! Keeps the indexes of the trails up to date: one thread follows the logs, and never slows a writer.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use graven_search::{IndexError, Keeper, Where};

use crate::state::Shared;
use crate::trails::Served;

/// How long to wait when there was nothing new.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the files of an index are counted.
const COUNT_EVERY: Duration = Duration::from_secs(5);

/// The index of one trail.
struct Index {
    trail: Arc<Served>,
    keeper: Keeper,
    /// When its files were counted.
    counted: Option<Duration>,
}

/// Starts the thread. It ends when the server ends.
///
/// # Errors
/// When there can be no more threads.
pub(crate) fn start(state: Shared) -> io::Result<()> {
    let all = state.trails.all().filter_map(|served| {
        let keeper = served.search().keeper(Where::Trail)?;
        Some(Index { trail: Arc::clone(served), keeper, counted: None })
    });
    let mut all: Vec<Index> = all.collect();
    let keep = move || {
        while !*state.ending.borrow() {
            let new =
                all.iter_mut().map(|index| index.keep(state.elapsed())).filter(|is_new| *is_new).count();
            if new == 0 {
                thread::sleep(PAUSE);
            }
        }
    };
    thread::Builder::new().name("graven-index".to_owned()).spawn(keep).map(drop)
}

impl Index {
    /// Takes up what is new; whether there was anything.
    fn keep(&mut self, now: Duration) -> bool {
        let kept = self.keeper.poll();
        let had_failed = self.trail.indexing().set_failed(kept.is_err());
        if let (Err(error), false) = (&kept, had_failed) {
            // Searches read the entries one by one meanwhile. A failure is told once.
            let error: &IndexError = error;
            tracing::warn!(trail = %self.trail.name(), error = error.to_string(), "the index is not up to date");
        }
        if self.counted.is_none_or(|counted| now >= counted + COUNT_EVERY) {
            self.counted = Some(now);
            // What cannot be counted fails above too.
            if let Ok(index) = self.trail.search().index_state() {
                self.trail.indexing().set_missing(index.missing);
            }
        }
        kept.is_ok_and(|kept| kept.entries > 0 || kept.shelves > 0)
    }
}
