//! `--demo`: an hour of an invented agent server in the trail `demo`, then five entries a second.
//!
//! Everything is drawn from a seed, so each demo tells the same story. The names are invented, and the addresses are those
//! that RFC 5737 keeps for examples.

mod session;

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use fastrand::Rng;
use graven::{Category, Entry, Error, LastingTrail, Trail};

use session::Session;

/// How many sessions begin in the hour.
const SESSIONS: u64 = 150;

/// How long the past is.
const HOUR: Duration = Duration::from_secs(3600);

/// Five entries a second.
const EVERY: Duration = Duration::from_millis(200);

/// How many sessions go on at the same time.
const AT_A_TIME: usize = 4;

/// How many entries are recorded at once.
const BATCH: usize = 500;

/// How many of the newest entries are looked at, to see whether the trail has any but its own.
const LOOKED_AT: usize = 64;

/// Records the hour before `now`, if the trail has no entries but those about itself. Returns how many were recorded.
///
/// It blocks until they are durable.
///
/// # Errors
///
/// When they cannot be recorded.
pub fn fill(trail: &Trail, seed: u64, now: DateTime<Utc>) -> Result<usize, Error> {
    if trail.recent(LOOKED_AT).iter().any(|entry| entry.category != Category::Trail) {
        return Ok(0);
    }
    let entries = hour(seed, now);
    for batch in entries.chunks(BATCH) {
        trail.record_batch_blocking(batch.to_vec())?;
    }
    Ok(entries.len())
}

/// Emits five entries a second, until the future is dropped. With a seed of its own at each start, no id comes twice.
pub async fn go_on(trail: LastingTrail, seed: u64) {
    let mut traffic = Traffic::new(seed);
    let mut ticks = tokio::time::interval(EVERY);
    // After a pause of the machine it does not catch up.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        trail.emit(traffic.next_entry());
    }
}

/// The entries of the hour before `end`, in the order of their times.
pub fn hour(seed: u64, end: DateTime<Utc>) -> Vec<Entry> {
    let mut rng = Rng::with_seed(seed);
    let mut entries = Vec::new();
    for _ in 0..SESSIONS {
        let begins = end - HOUR + HOUR.mul_f64(rng.f64());
        let session = Session::draw(&mut rng);
        let timed = session.into_iter().map(|(after, entry)| entry.timestamp(begins + after));
        // What would be later than now has not happened yet.
        entries.extend(timed.filter(|entry| entry.timestamp < Some(end)));
    }
    entries.sort_by_key(|entry| entry.timestamp);
    entries
}

/// Sessions that go on, one entry after the other.
#[derive(Debug)]
pub struct Traffic {
    rng: Rng,
    sessions: Vec<VecDeque<Entry>>,
}

impl Traffic {
    /// Other sessions than those of the hour with the same seed.
    pub fn new(seed: u64) -> Traffic {
        Traffic { rng: Rng::with_seed(!seed), sessions: Vec::new() }
    }

    /// The next entry. It has no time, so it happens when it is recorded.
    pub fn next_entry(&mut self) -> Entry {
        while self.sessions.len() < AT_A_TIME {
            let entries = Session::draw(&mut self.rng).into_iter().map(|(_, entry)| entry);
            self.sessions.push(entries.collect());
        }
        let place = self.rng.usize(..self.sessions.len());
        let entry = self.sessions[place].pop_front().expect("a session that has ended is taken out");
        if self.sessions[place].is_empty() {
            self.sessions.swap_remove(place);
        }
        entry
    }
}
