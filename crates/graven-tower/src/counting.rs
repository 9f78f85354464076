//! Counts the failed requests of strangers: the first of a client in a window is written, the others become one entry.
//!
//! Whatever is counted is written: by a thread at the end of the window, by the next request after that, or when the
//! last clone of the layer is dropped.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use graven::clock::Clock;
use graven::{Actor, Category, Entry, LastingTrail, Outcome, Source};
use serde_json::{Map, Value};

use crate::client::one_client;
use crate::strangers::Strangers;

/// The action of an entry that stands for requests with different actions.
const SEVERAL: &str = "(several)";

/// A failed request of a stranger.
pub(crate) struct Failed {
    pub(crate) client: Option<IpAddr>,
    pub(crate) category: Category,
    pub(crate) action: String,
    pub(crate) service: Option<String>,
    pub(crate) outcome: Outcome,
    /// The status of its answer, if it came to one.
    pub(crate) status: Option<u16>,
}

/// Counts for the services of one layer. Clones share the counts.
#[derive(Clone)]
pub(crate) struct Counting(Arc<Shared>);

struct Shared {
    strangers: Strangers,
    trail: LastingTrail,
    clock: Arc<dyn Clock>,
    window: Mutex<Window>,
}

impl Counting {
    pub(crate) fn new(strangers: Strangers, trail: LastingTrail, clock: Arc<dyn Clock>) -> Counting {
        Counting(Arc::new(Shared { strangers, trail, clock, window: Mutex::default() }))
    }

    /// Whether this request was only counted. Otherwise it is the first of its client and is to be written.
    pub(crate) fn counts(&self, failed: Failed) -> bool {
        self.0.write_if_over();
        let now = self.0.clock.elapsed();
        let mut window = self.0.window();
        let begins = window.ends.is_none();
        if begins {
            window.ends = Some(now + self.0.strangers.window);
        }
        let counted = window.see(failed, now, &*self.0.clock, self.0.strangers.clients_max);
        drop(window);
        if begins {
            self.0.write_later(&self.0);
        }
        counted
    }
}

impl Shared {
    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the counts at the end of the window that begins now, also if there is no request any more.
    fn write_later(&self, shared: &Arc<Shared>) {
        let (shared, length) = (Arc::downgrade(shared), self.strangers.window);
        let write = move || {
            thread::sleep(length);
            if let Some(shared) = shared.upgrade() {
                shared.write_if_over();
            }
        };
        // Without a thread, the next request or the end of the layer writes them.
        let _spawned = thread::Builder::new().name("graven-strangers".to_owned()).spawn(write);
    }

    fn write_if_over(&self) {
        let now = self.clock.elapsed();
        let mut window = self.window();
        if window.ends.is_some_and(|end| end <= now) {
            let over = std::mem::take(&mut *window);
            drop(window);
            self.write(over);
        }
    }

    fn write(&self, window: Window) {
        // They are of no single request, also if one happens to write them.
        Actor::default().enter(|| window.entries().for_each(|entry| self.trail.emit(entry)));
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let window = std::mem::take(&mut *self.window());
        self.write(window);
    }
}

/// Who failed, and whether it was refused.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    client: Client,
    denied: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Client {
    /// What [`one_client`] says.
    At(IpAddr),
    /// The server does not know addresses.
    Unknown,
    /// All that came when there was no place for one more.
    Others,
}

/// What was seen since the window began.
#[derive(Default)]
struct Window {
    /// `None` while there is nothing in it.
    ends: Option<Duration>,
    /// A client whose first request was written has a place; it has counts once there is a second.
    rows: HashMap<Key, Option<Box<Row>>>,
}

/// Requests that were only counted.
struct Row {
    /// The entry that is to stand for them, with the time of the first.
    entry: Entry,
    first: Duration,
    last: Duration,
    count: u64,
    statuses: HashMap<Option<u16>, u64>,
}

impl Window {
    /// Whether the request was counted; its client's first one is not.
    fn see(&mut self, failed: Failed, now: Duration, clock: &dyn Clock, clients_max: usize) -> bool {
        let denied = failed.outcome == Outcome::Denied;
        let mut key = Key { client: client(failed.client), denied };
        // Two rows a client: one for what was refused, one for what failed.
        if self.rows.len() >= clients_max.saturating_mul(2) && !self.rows.contains_key(&key) {
            key.client = Client::Others;
        }
        let is_others = key.client == Client::Others;
        match self.rows.entry(key) {
            Place::Vacant(place) => {
                place.insert(None);
                false
            }
            Place::Occupied(mut place) => {
                let row = place.get_mut();
                row.get_or_insert_with(|| Box::new(Row::new(&failed, is_others, now, clock)))
                    .add(&failed, now);
                true
            }
        }
    }

    /// An entry for each row that has counts.
    fn entries(self) -> impl Iterator<Item = Entry> {
        self.rows.into_values().flatten().map(|row| row.into_entry())
    }
}

impl Row {
    fn new(failed: &Failed, is_others: bool, now: Duration, clock: &dyn Clock) -> Row {
        let mut entry =
            Entry::new(failed.category.clone(), failed.action.as_str(), failed.outcome).cut_to_fit();
        entry.timestamp = Some(clock.now());
        let ip = failed.client.filter(|_| !is_others).map(|client| client.to_string());
        if ip.is_some() || failed.service.is_some() {
            let service = failed.service.clone();
            entry.source = Some(Box::new(Source { ip, user_agent: None, service, host: None }));
        }
        Row { entry, first: now, last: now, count: 0, statuses: HashMap::new() }
    }

    fn add(&mut self, failed: &Failed, now: Duration) {
        if self.entry.action != failed.action {
            SEVERAL.clone_into(&mut self.entry.action);
        }
        self.last = now;
        self.count += 1;
        *self.statuses.entry(failed.status).or_default() += 1;
    }

    fn into_entry(self) -> Entry {
        let named = |(status, count): (Option<u16>, u64)| {
            (status.map_or("none".to_owned(), |status| status.to_string()), Value::from(count))
        };
        let statuses: Map<String, Value> = self.statuses.into_iter().map(named).collect();
        let entry = self.entry.count(self.count).duration(self.last.saturating_sub(self.first));
        entry.detail(serde_json::json!({ "statuses": statuses }))
    }
}

/// The client that an address stands for.
fn client(address: Option<IpAddr>) -> Client {
    address.map_or(Client::Unknown, |address| Client::At(one_client(address)))
}

#[cfg(test)]
mod tests {
    use graven::clock::sim::SimClock;
    use graven::testing::TestTrail;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn failed(client: &str, action: &str, status: u16) -> Failed {
        Failed {
            client: client.parse().ok(),
            category: Category::Api,
            action: action.to_owned(),
            service: None,
            outcome: if status == 401 { Outcome::Denied } else { Outcome::Failure },
            status: Some(status),
        }
    }

    struct Place {
        audit: TestTrail,
        clock: SimClock,
        counting: Counting,
    }

    fn place(strangers: Strangers) -> Place {
        let (audit, clock) = (TestTrail::new(), SimClock::new(1));
        let counting = Counting::new(strangers, audit.trail().into(), Arc::new(clock.clone()));
        Place { audit, clock, counting }
    }

    #[test]
    fn the_first_of_each_client_is_to_be_written_and_the_others_are_counted() {
        let Place { audit, clock, counting } = place(Strangers::new(MINUTE));
        assert!(!counting.counts(failed("192.0.2.1", "GET /a", 401)));
        assert!(!counting.counts(failed("192.0.2.2", "GET /a", 401)));
        assert!(!counting.counts(failed("192.0.2.1", "GET (unmatched)", 404)), "refused is not unmatched");
        for _ in 0..5 {
            clock.advance(Duration::from_secs(1));
            assert!(counting.counts(failed("192.0.2.1", "GET /a", 401)));
        }
        assert!(counting.counts(failed("192.0.2.1", "GET (unmatched)", 404)));
        assert!(counting.counts(failed("192.0.2.1", "PUT (unmatched)", 405)));
        assert_eq!(audit.entries(), []);
        // The window is over: the next one is again a first one.
        clock.advance(MINUTE);
        assert!(!counting.counts(failed("192.0.2.1", "GET /a", 401)));
        let denied = audit.expect("GET /a", Outcome::Denied);
        assert_eq!((denied.count, denied.duration_ms), (Some(5), Some(4_000)));
        assert_eq!(denied.source.unwrap().ip.as_deref(), Some("192.0.2.1"));
        assert_eq!(denied.detail.unwrap().as_str(), r#"{"statuses":{"401":5}}"#);
        let unmatched = audit.expect("(several)", Outcome::Failure);
        assert_eq!(unmatched.count, Some(2));
        assert_eq!(unmatched.detail.unwrap().as_str(), r#"{"statuses":{"404":1,"405":1}}"#);
        assert_eq!(audit.entries().len(), 2, "of the other client nothing was only counted");
    }

    #[test]
    fn no_number_is_lost_when_the_layer_ends_in_its_window() {
        let Place { audit, counting, .. } = place(Strangers::new(MINUTE));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let counting = counting.clone();
                thread::spawn(move || {
                    (0..1_000).filter(|_| counting.counts(failed("::1", "GET /a", 401))).count()
                })
            })
            .collect();
        let counted: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(counted, 3_999);
        drop(counting);
        assert_eq!(audit.only().count, Some(3_999));
    }

    #[test]
    fn more_clients_than_there_are_places_share_one() {
        let Place { audit, counting, .. } = place(Strangers::new(MINUTE).clients_max(2));
        let written = (0..100).filter(|n| !counting.counts(failed(&format!("192.0.2.{n}"), "GET /a", 401)));
        assert_eq!(written.count(), 5, "four rows for clients, and the first of the others");
        assert!(counting.counts(failed("192.0.2.0", "GET /a", 401)), "who has a place keeps it");
        assert_eq!(counting.0.window().rows.len(), 5);
        drop(counting);
        let mut counts: Vec<_> = audit.entries().into_iter().map(|e| (e.count, e.source.is_some())).collect();
        counts.sort_unstable();
        assert_eq!(counts, [(Some(1), true), (Some(95), false)]);
    }

    #[test]
    fn a_client_cannot_be_many_by_its_ipv6_addresses() {
        let Place { counting, .. } = place(Strangers::new(MINUTE));
        assert!(!counting.counts(failed("2001:db8::1", "GET /a", 401)));
        assert!(counting.counts(failed("2001:db8::ffff:2", "GET /a", 401)));
        assert!(!counting.counts(failed("2001:db8:0:1::1", "GET /a", 401)));
    }

    #[test]
    fn who_writes_the_counts_is_not_their_actor() {
        let Place { audit, counting, .. } = place(Strangers::new(MINUTE));
        counting.counts(failed("192.0.2.1", "GET /a", 401));
        counting.counts(failed("192.0.2.1", "GET /a", 401));
        Actor::new("alice").request_id("r").enter(|| drop(counting));
        let entry = audit.only();
        assert_eq!((entry.principal, entry.request_id), (None, None));
    }

    #[test]
    fn the_counts_are_written_without_a_further_request() {
        let audit = TestTrail::new();
        let clock: Arc<dyn Clock> = Arc::new(graven::clock::OsClock::new());
        let counting = Counting::new(Strangers::new(WINDOW_OF_A_TEST), audit.trail().into(), clock);
        let mut counted = 0;
        // On a slow machine each of them may be in a window of its own, and then nothing is counted.
        while counted == 0 {
            counted = (0..10).filter(|_| counting.counts(failed("192.0.2.1", "GET /a", 401))).count();
        }
        let deadline = Duration::from_secs(120);
        let began = counting.0.clock.elapsed();
        while audit.entries().iter().filter_map(|entry| entry.count).sum::<u64>() < counted as u64 {
            assert!(counting.0.clock.elapsed() - began < deadline, "the counts are not written");
            thread::sleep(Duration::from_millis(5));
        }
    }

    const WINDOW_OF_A_TEST: Duration = Duration::from_millis(100);
}
