//! Hands the new entries of a trail to all who follow it. Each entry is read and decoded once, however many follow.
//!
//! A task reads the files of the trail with its own cursor, as long as somebody follows: it takes no lock, and the writer
//! does not know of it. What it finds lies in one ring for all, bounded in bytes. A follower has only the places of its own
//! hits in that ring, so one that takes them too slowly loses them, and is told so.

mod news;
mod reading;
mod subscription;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use graven_search::{Query, Search};
use tokio::sync::oneshot;

use crate::problem::Problem;

pub(crate) use news::{News, Said, look};
pub(crate) use subscription::{Got, Subscription};

use reading::{Reading, Step};
use subscription::Follower;

/// How long it waits when there is nothing new: much shorter than anybody notices, and long enough to cost nothing.
const PAUSE: Duration = Duration::from_millis(20);

/// The followers of one trail. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Tail(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    search: Search,
    door: Mutex<Door>,
    /// What was handed over: every hit before this index.
    handed: AtomicU64,
    /// How many follow.
    followers: AtomicU64,
}

/// Where followers wait until the task takes them in.
#[derive(Debug, Default)]
struct Door {
    waiting: Vec<Waiting>,
    /// Whether there is a task that will look here again.
    is_running: bool,
}

/// Somebody who wants to follow, and hears from which entry on.
#[derive(Debug)]
struct Waiting {
    follower: Arc<Follower>,
    query: Query,
    taken_in: oneshot::Sender<u64>,
}

impl Tail {
    /// Nobody follows yet.
    pub(crate) fn new(search: Search) -> Tail {
        Tail(Arc::new(Inner {
            search,
            door: Mutex::default(),
            handed: AtomicU64::new(0),
            followers: AtomicU64::new(0),
        }))
    }

    /// How many follow.
    pub(crate) fn followers(&self) -> u64 {
        self.0.followers.load(Ordering::Relaxed)
    }

    /// Follows the hits of a query, from an entry on that the subscription names. What was recorded before it is in the
    /// files.
    ///
    /// # Errors
    /// When the trail cannot be read.
    pub(crate) async fn follow(&self, query: Query) -> Result<Subscription, Problem> {
        let follower = Arc::new(Follower::default());
        let (taken_in, start) = oneshot::channel();
        {
            let mut door = self.0.door();
            door.waiting.push(Waiting { follower: Arc::clone(&follower), query, taken_in });
            if !door.is_running {
                door.is_running = true;
                tokio::spawn(run(Arc::clone(&self.0)));
            }
        }
        match start.await {
            Ok(start) => Ok(Subscription::new(follower, start, Arc::clone(&self.0))),
            // The reason was put where hits are.
            Err(_) => Err(match follower.take() {
                Some(Got::Failed(problem)) => problem,
                _ => Problem::fault(),
            }),
        }
    }
}

impl Inner {
    fn door(&self) -> MutexGuard<'_, Door> {
        // A thread that panicked left a list and a flag, each of them whole.
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those who came since the last look.
    fn newcomers(&self) -> Vec<Waiting> {
        std::mem::take(&mut self.door().waiting)
    }

    /// Ends the task, unless somebody has come.
    fn may_end(&self) -> bool {
        let mut door = self.door();
        door.is_running = !door.waiting.is_empty();
        !door.is_running
    }

    fn handed(&self) -> u64 {
        self.handed.load(Ordering::Acquire)
    }
}

/// Reads as long as somebody follows.
async fn run(tail: Arc<Inner>) {
    let mut reading = Reading::new();
    loop {
        let (reader, inner) = (reading, Arc::clone(&tail));
        let work = move || {
            let mut reading = reader;
            let step = reading.step(&inner);
            (reading, step)
        };
        let step = match tokio::task::spawn_blocking(work).await {
            Ok((after, step)) => {
                reading = after;
                step
            }
            Err(panic) => {
                // Those who followed were told when what the task knew was dropped.
                tracing::error!(error = panic.to_string(), "following a trail panicked");
                reading = Reading::new();
                Step::Idle
            }
        };
        match step {
            Step::More => {}
            Step::Idle => tokio::time::sleep(PAUSE).await,
            Step::Nobody if tail.may_end() => return,
            Step::Nobody => {}
        }
    }
}
