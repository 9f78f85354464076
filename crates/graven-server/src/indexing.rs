//! Keeps the indexes of the trails up to date: one thread follows the logs. Where processors are short, recording and
//! answering go first, and the index follows later.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use graven_search::{IndexError, Keeper, Where};
#[cfg(target_os = "linux")]
use rustix::process::{getpriority_process, setpriority_process};

use crate::state::Shared;
use crate::trails::Served;

/// How long to wait when there was nothing new.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the files of an index are counted.
const COUNT_EVERY: Duration = Duration::from_secs(5);

/// How much less the thread gets than the others while all processors are busy, as `nice` counts it: about a tenth.
#[cfg(target_os = "linux")]
const NICER: i32 = 10;

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
    let all = state.trails.with_older().filter_map(|served| {
        let keeper = served.search().keeper(Where::Trail)?;
        Some(Index { trail: Arc::clone(served), keeper, counted: None })
    });
    let mut all: Vec<Index> = all.collect();
    let keep = move || {
        give_way();
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

/// Lets the other threads go first. On other systems a thread cannot do so for itself alone.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = getpriority_process(None).and_then(|now| setpriority_process(None, now + NICER)) {
        tracing::warn!(error = error.to_string(), "the index is kept at the cost of requests");
    }
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_the_thread_of_the_indexes_gives_way() {
        let before = getpriority_process(None).unwrap();
        let there = thread::spawn(|| {
            give_way();
            getpriority_process(None).unwrap()
        });
        // The system has no more than 19.
        assert_eq!(there.join().unwrap(), (before + NICER).min(19));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
