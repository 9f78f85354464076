//! The seam to time and random numbers: the one place where the engine reads a clock or draws a random number.

#[cfg(feature = "sim")]
pub mod sim;

use std::cell::RefCell;
use std::fmt::Debug;
use std::io;
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};
use uuid::Builder;

/// Time and random numbers, as far as the engine needs them. Two implementations: [`OsClock`], and the simulated one
/// (feature `sim`), which stands still until it is told to move.
pub trait Clock: Send + Sync + Debug {
    /// The time of day. May jump, also backwards.
    fn now(&self) -> DateTime<Utc>;
    /// Time since some fixed moment of this process; never goes backwards.
    fn elapsed(&self) -> Duration;
    /// A random number that need not be secret, for the random part of ids.
    fn random(&self) -> u64;
    /// Thirty-two secret random bytes, for a signing key.
    fn secret(&self) -> io::Result<[u8; 32]>;
}

/// Makes an id: a UUID of version 7 (RFC 9562 §5.7) in its hyphenated form, with the clock's time of day.
///
/// ```
/// use graven::clock::{OsClock, new_id};
///
/// let id = new_id(&OsClock::new());
/// assert_eq!((id.len(), &id[14..15]), (36, "7"));
/// ```
pub fn new_id(clock: &dyn Clock) -> String {
    id_at(clock.now(), clock)
}

/// An id for something that happened at `time`: the time in milliseconds, then random bits.
pub(crate) fn id_at(time: DateTime<Utc>, clock: &dyn Clock) -> String {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&clock.random().to_le_bytes());
    random[8..].copy_from_slice(&clock.random().to_le_bytes()[..2]);
    // An id cannot name a time before 1970; the entry itself does.
    let milliseconds = u64::try_from(time.timestamp_millis()).unwrap_or(0);
    let uuid = Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid();
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    uuid.hyphenated().encode_lower(&mut text).to_owned()
}

/// Whole milliseconds, at most `u64::MAX`.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The system's clock and random numbers.
#[derive(Debug)]
pub struct OsClock {
    started: Instant,
}

thread_local! {
    static RANDOM: RefCell<Option<fastrand::Rng>> = const { RefCell::new(None) };
}

impl OsClock {
    /// A clock whose `elapsed` starts now.
    #[expect(clippy::disallowed_methods, reason = "this module is the seam")]
    pub fn new() -> OsClock {
        OsClock { started: Instant::now() }
    }
}

impl Default for OsClock {
    fn default() -> OsClock {
        OsClock::new()
    }
}

impl Clock for OsClock {
    #[expect(clippy::disallowed_methods, reason = "this module is the seam")]
    fn now(&self) -> DateTime<Utc> {
        SystemTime::now().into()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn random(&self) -> u64 {
        RANDOM.with(|cell| {
            let mut cell = cell.borrow_mut();
            let rng = cell.get_or_insert_with(|| {
                // Seeded from the system, so that two processes that start together differ.
                self.secret().map_or_else(
                    |_| fastrand::Rng::new(),
                    |secret| {
                        let (seed, _) = secret.split_at(8);
                        fastrand::Rng::with_seed(u64::from_le_bytes(seed.try_into().expect("split at eight")))
                    },
                )
            });
            rng.u64(..)
        })
    }

    fn secret(&self) -> io::Result<[u8; 32]> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(bytes)
    }
}
