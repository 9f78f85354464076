//! A trail that is opened again after its storage has failed, so that the program need not restart.

mod each;
mod elsewhere;
mod reopening;
mod waiting;

use std::fmt;
use std::sync::Arc;

use graven_core::entry::Entry;

use crate::actor;
use crate::error::Error;
use crate::record::recording::Receipt;
use crate::trail::Trail;

pub(crate) use elsewhere::elsewhere;
pub(crate) use reopening::{Attempts, Reopening};

/// A handle that opens its trail again after a failure of storage.
///
/// After a failed write or sync a [`Trail`] takes no more entries and must be opened again. This handle does that, on a
/// thread of its own, when the trail is asked for. The first attempt is made at once. After each further failure in a
/// row it pauses: 100 ms, then twice as long each time, up to 5 seconds. An entry that is recorded while the trail is
/// being opened waits for that, at most 5 seconds. Cheap to clone; clones share the trail.
///
/// ```
/// use graven::{Category, Entry, LastingTrail, Outcome, Settings, Trail};
///
/// # let folder = tempfile::tempdir().unwrap();
/// let trail = LastingTrail::from(Trail::open(Settings::new(folder.path().join("trail")))?);
/// trail.now().record_blocking(Entry::new(Category::Config, "reload", Outcome::Success))?;
/// # Ok::<(), graven::Error>(())
/// ```
#[derive(Clone)]
pub struct LastingTrail(Arc<Reopening>);

impl From<Trail> for LastingTrail {
    fn from(trail: Trail) -> LastingTrail {
        LastingTrail(Reopening::of(trail))
    }
}

impl LastingTrail {
    /// The trail as it is now, without waiting. If it has failed, it is opened again in the background. Until then the
    /// failed trail refuses each entry and says why.
    pub fn now(&self) -> Trail {
        self.0.open_if_due();
        self.0.seen().expect("made of a trail, which stays until another replaces it")
    }

    /// The trail to record in. Waits for an opening that is due or under way, at most 5 seconds.
    ///
    /// # Errors
    /// `Unavailable` when the trail cannot be opened now, with the reason.
    pub fn ready(&self) -> impl Future<Output = Result<Trail, Error>> + Send + 'static {
        let reopening = Arc::clone(&self.0);
        async move { reopening.trail().await }
    }

    /// Records an entry as [`Trail::record`] does, but first waits for an opening that is due or under way. If the
    /// trail fails because of another entry before it wrote this one, it is opened again and the entry is recorded
    /// there.
    ///
    /// Nothing happens before the first poll, except that the fields of the current [`Actor`](crate::Actor) are taken
    /// at once.
    ///
    /// # Errors
    /// As [`Trail::record`]; also `Unavailable` when the trail cannot be opened now.
    pub fn record(&self, mut entry: Entry) -> impl Future<Output = Result<Receipt, Error>> + Send + 'static {
        let reopening = Arc::clone(&self.0);
        actor::fill(&mut entry);
        async move {
            let mut attempts = Attempts::default();
            loop {
                let trail = reopening.trail().await?;
                match trail.record_filled(entry.clone()).await {
                    Err(error) if attempts.once_more(&trail, &error) => {}
                    ended => return ended,
                }
            }
        }
    }

    /// Records many entries in their order, and answers each: one that cannot be recorded as it is keeps no other one out.
    /// Waits and tries again as [`record`](LastingTrail::record) does.
    ///
    /// Nothing happens before the first poll, except that the fields of the current [`Actor`](crate::Actor) are taken
    /// at once.
    ///
    /// # Errors
    /// Those of the entries: as [`Trail::record_batch`]; also `Unavailable` when the trail cannot be opened now.
    pub fn record_each(
        &self,
        mut entries: Vec<Entry>,
    ) -> impl Future<Output = Vec<Result<Receipt, Error>>> + Send + 'static {
        entries.iter_mut().for_each(actor::fill);
        each::record(Arc::clone(&self.0), entries)
    }

    /// Queues an entry without waiting, as [`Trail::emit`] does. While the trail is not open, the first 1,024 entries, or
    /// 1 MiB of them, are kept with their time and queued once it is open again. The others are counted as lost.
    pub fn emit(&self, mut entry: Entry) {
        actor::fill(&mut entry);
        self.0.emit_filled(entry);
    }
}

impl fmt::Debug for LastingTrail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LastingTrail").field(&self.0.seen()).finish()
    }
}
