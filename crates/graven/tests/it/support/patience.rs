//! No test waits for ever: each wait has a deadline, and the failure says what was waited for.

#![expect(clippy::disallowed_methods, reason = "a deadline needs a clock")]

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::mpsc::Receiver;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// How long one wait may take. Nothing here takes a hundredth of it on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How long a test may run. Longer than [`PATIENCE`], so that a wait with its own deadline fails first.
const TEST: Duration = Duration::from_secs(600);

thread_local! {
    static RUNNING: Cell<Option<Running>> = const { Cell::new(None) };
}

/// The deadline of one wait, which begins when this is made.
#[derive(Debug)]
pub(crate) struct Deadline<'a> {
    what: &'a str,
    begun: Instant,
}

impl<'a> Deadline<'a> {
    pub(crate) fn new(what: &'a str) -> Deadline<'a> {
        Deadline { what, begun: Instant::now() }
    }

    /// There was progress: the deadline begins again.
    pub(crate) fn renew(&mut self) {
        self.begun = Instant::now();
    }

    /// Fails the test when the deadline has passed.
    #[track_caller]
    pub(crate) fn check(&self) {
        assert!(self.begun.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {}", self.what);
    }

    /// How much time is left; zero when the deadline has passed.
    pub(crate) fn left(&self) -> Duration {
        PATIENCE.saturating_sub(self.begun.elapsed())
    }
}

/// Waits until this is so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Deadline::new(what);
    while !is_so() {
        deadline.check();
        thread::yield_now();
    }
}

/// Waits until a count reaches `target`. The deadline begins again whenever the count changes, so that a slow machine
/// is no failure.
#[track_caller]
pub(crate) fn until_count(what: &str, target: u64, count: impl Fn() -> u64) {
    let (mut deadline, mut seen) = (Deadline::new(what), count());
    while seen < target {
        deadline.check();
        thread::yield_now();
        let now = count();
        if now != seen {
            deadline.renew();
        }
        seen = now;
    }
}

/// Waits for a message.
#[track_caller]
pub(crate) fn receive<T>(what: &str, from: &Receiver<T>) -> T {
    from.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("waited {PATIENCE:?} in vain: {what}: {error}"))
}

/// From now on the test that runs on this thread must end in time, or call this again; otherwise the process ends.
/// For calls that block and have no deadline of their own: a thread that hangs cannot be made to panic.
pub(crate) fn must_end() {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let id = thread::current().id();
    // The guard first: the one that it replaces takes the older registration away.
    RUNNING.set(Some(Running(id)));
    running().insert(id, (name, Instant::now()));
}

/// The tests that must end, by the threads that run them: name, and since when. One thread watches over all of them.
fn running() -> MutexGuard<'static, HashMap<ThreadId, (String, Instant)>> {
    static TESTS: LazyLock<Mutex<HashMap<ThreadId, (String, Instant)>>> = LazyLock::new(|| {
        thread::spawn(watch);
        Mutex::default()
    });
    TESTS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch() {
    loop {
        thread::sleep(Duration::from_secs(1));
        if let Some((name, _)) = running().values().find(|(_, begun)| begun.elapsed() > TEST) {
            eprintln!("{name} hangs: it has not ended within {TEST:?}");
            std::process::abort();
        }
    }
}

/// A test that runs on this thread. Dropped when it ends, as each test has a thread of its own.
struct Running(ThreadId);

impl Drop for Running {
    fn drop(&mut self) {
        running().remove(&self.0);
    }
}
