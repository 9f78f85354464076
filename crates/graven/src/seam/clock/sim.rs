//! The simulated clock: stands still until it is told to move, and makes its random numbers from a seed.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::seam::clock::Clock;

/// 2026-01-01T00:00:00Z, where a simulated clock begins.
const BEGINNING_UNIX_SECONDS: i64 = 1_767_225_600;

/// A clock for tests. Clones share one clock.
///
/// Two clocks with the same seed give the same answers to the same calls in the same order. The secrets are as
/// predictable as the rest, so a key made from them protects nothing.
#[derive(Clone)]
pub struct SimClock(Arc<Mutex<State>>);

struct State {
    seed: u64,
    now: DateTime<Utc>,
    elapsed: Duration,
    chance: fastrand::Rng,
}

impl SimClock {
    /// A clock that stands at the beginning of 2026.
    pub fn new(seed: u64) -> SimClock {
        SimClock(Arc::new(Mutex::new(State {
            seed,
            now: DateTime::from_timestamp(BEGINNING_UNIX_SECONDS, 0).expect("a year of four digits"),
            elapsed: Duration::ZERO,
            chance: fastrand::Rng::with_seed(seed),
        })))
    }

    /// Lets time pass: the time of day and the time elapsed move together.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state();
        state.now += by;
        state.elapsed += by;
    }

    /// Makes the time of day jump, also backwards, as a person or an NTP daemon would; the time elapsed stays.
    pub fn set_now(&self, now: DateTime<Utc>) {
        self.state().now = now;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SimClock {
    fn now(&self) -> DateTime<Utc> {
        self.state().now
    }

    fn elapsed(&self) -> Duration {
        self.state().elapsed
    }

    fn random(&self) -> u64 {
        self.state().chance.u64(..)
    }

    fn secret(&self) -> io::Result<[u8; 32]> {
        let mut secret = [0; 32];
        self.state().chance.fill(&mut secret);
        Ok(secret)
    }
}

impl fmt::Debug for SimClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        write!(f, "SimClock(seed {}, {}, {:?} elapsed)", state.seed, state.now, state.elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_only_when_told() {
        let clock = SimClock::new(1);
        let began = clock.now();
        assert_eq!(began.to_rfc3339(), "2026-01-01T00:00:00+00:00");
        assert_eq!(clock.now(), began);
        clock.clone().advance(Duration::from_millis(1500));
        assert_eq!((clock.now() - began).num_milliseconds(), 1500);
        assert_eq!(clock.elapsed(), Duration::from_millis(1500));
        clock.set_now(began - Duration::from_secs(60));
        assert_eq!((clock.now() - began).num_seconds(), -60);
        assert_eq!(clock.elapsed(), Duration::from_millis(1500));
    }

    #[test]
    fn chance_follows_the_seed() {
        let draw = |seed| {
            let clock = SimClock::new(seed);
            (clock.random(), clock.secret().unwrap(), clock.random())
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
