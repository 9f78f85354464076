//! How often something may happen, for each of many clients, in bounded memory.

use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter, clock};
use graven::clock::Clock;

/// A rate for each client.
///
/// Each client has one of 65,536 places, by a hash with a secret of this process. So an attacker with any number of
/// addresses takes no more memory than that, and can fill no chosen place but its own. Two clients share a place, and then
/// a rate, once in 65,536 pairs.
#[derive(Debug)]
pub(super) struct Rate {
    places: RateLimiter<u16, HashMapStateStore<u16>, Time, NoOpMiddleware<Duration>>,
    time: Time,
    hash: RandomState,
}

/// The time of the server's clock.
#[derive(Debug, Clone)]
struct Time(Arc<dyn Clock>);

impl clock::Clock for Time {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Rate {
    /// At most this often a second, for each client. All of a second's may come at once.
    pub(super) fn a_second(times: u64, clock: &Arc<dyn Clock>) -> Rate {
        Rate::new(Quota::per_second(whole(times)), clock)
    }

    /// At most this often a minute, for each client. All of a minute's may come at once.
    pub(super) fn a_minute(times: u64, clock: &Arc<dyn Clock>) -> Rate {
        Rate::new(Quota::per_minute(whole(times)), clock)
    }

    fn new(quota: Quota, clock: &Arc<dyn Clock>) -> Rate {
        let time = Time(Arc::clone(clock));
        let places = RateLimiter::hashmap_with_clock(quota, time.clone());
        Rate { places, time, hash: RandomState::new() }
    }

    /// Counts once for a client. If that is too often, returns how long it must wait.
    pub(super) fn take(&self, client: impl Hash) -> Result<(), Duration> {
        let place = (self.hash.hash_one(client) & u64::from(u16::MAX)) as u16;
        self.places.check_key(&place).map_err(|until| until.wait_time_from(self.time.now()))
    }
}

/// The settings have no rate of 0, and none above a million.
fn whole(times: u64) -> NonZeroU32 {
    u32::try_from(times).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX)
}

#[cfg(test)]
mod tests {
    use graven::clock::sim::SimClock;

    use super::*;

    fn clock() -> (SimClock, Arc<dyn Clock>) {
        let clock = SimClock::new(1);
        (clock.clone(), Arc::new(clock))
    }

    #[test]
    fn a_client_waits_and_the_others_do_not() {
        let (time, clock) = clock();
        let rate = Rate::a_second(5, &clock);
        let taken = |client: &str| (0..20).filter(|_| rate.take(client).is_ok()).count();
        assert_eq!((taken("a"), taken("b")), (5, 5));
        let wait = rate.take("a").unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(200), "{wait:?}");
        time.advance(wait);
        assert_eq!(taken("a"), 1);
        time.advance(Duration::from_secs(60));
        assert_eq!(taken("a"), 5);
    }

    #[test]
    fn any_number_of_clients_takes_bounded_memory() {
        let (_, clock) = clock();
        let rate = Rate::a_minute(1, &clock);
        let taken = (0..300_000_u32).filter(|client| rate.take(client).is_ok()).count();
        assert!(taken > 60_000 && taken <= 65_536, "{taken}");
        assert!(rate.places.len() <= 65_536);
    }
}
