//! The threads of a shipper.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use graven::Machine;
use graven::reader::Reader;

use super::front::Shipped as Manifests;
use super::start::{How, start};
use super::status::{Lag, Shared, State, Status, Waiter};
use super::{Back, Front, Step};
use crate::address::Address;
use crate::error::ArchiveError;
use crate::store::Store;

/// How often a shipper looks whether there is something new.
const LOOK: Duration = Duration::from_millis(100);

/// This many bytes that are not shipped are shipped at once.
const BYTES_WAITING_MAX: u64 = 1 << 20;

/// The shortest and the longest pause after a failure; it doubles from the one to the other.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// After these pauses a fenced writer looks whether the other one has given its epoch back, which it does within a few
/// requests.
const AGAIN: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(3)];

/// How to ship.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ShipOptions {
    /// What this writer calls itself to others: the name of the machine, for example.
    pub name: String,
    /// Whether the trail is taken over from another writer, which can ship nothing more then.
    pub take_over: bool,
    /// How long entries wait for others before they are shipped, unless they have a MiB, or somebody waits for them.
    pub every: Duration,
    /// Whether tail objects are removed once a closed segment has replaced them.
    pub gc: bool,
}

impl ShipOptions {
    /// Ships each second, takes nothing over, and removes nothing.
    pub fn new(name: impl Into<String>) -> ShipOptions {
        ShipOptions { name: name.into(), take_over: false, every: Duration::from_secs(1), gc: false }
    }
}

/// Ships a trail, on threads of its own, until it is stopped or fenced.
///
/// Failures of the archive never end it: it tries again, and says so in its [`Status`]. Nothing of it can fail or slow
/// down the recording of entries.
#[derive(Debug)]
pub struct Shipper {
    inner: Arc<Inner>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Inner {
    machine: Machine,
    reader: Reader,
    store: Arc<dyn Store>,
    options: ShipOptions,
    shared: Mutex<Shared>,
    changed: Condvar,
    /// Tells apart those who wait for entries.
    asked: AtomicU64,
}

impl Shipper {
    /// Starts to ship a trail to an archive.
    ///
    /// # Errors
    /// `Invalid` when the environment does not say how to use the archive; `Unavailable` when no thread can be started.
    /// What the archive itself refuses is in the [`Status`].
    pub fn start(reader: Reader, address: &Address, options: ShipOptions) -> Result<Shipper, ArchiveError> {
        Shipper::start_on(Machine::os(), reader, Arc::new(address.open()?), options)
    }

    /// The same for any kind of store.
    ///
    /// # Errors
    /// `Unavailable` when no thread can be started.
    pub fn start_on(
        machine: Machine,
        reader: Reader,
        store: Arc<dyn Store>,
        options: ShipOptions,
    ) -> Result<Shipper, ArchiveError> {
        let shared = Shared {
            state: State::Starting,
            epoch: None,
            shipped: 0,
            acknowledged: 0,
            removed: 0,
            seen: machine.clock.elapsed(),
            waiting: Vec::new(),
            stopping: false,
            ended: false,
            hurried: false,
        };
        let (shared, changed) = (Mutex::new(shared), Condvar::new());
        let asked = AtomicU64::new(0);
        let inner = Arc::new(Inner { machine, reader, store, options, shared, changed, asked });
        let run = Arc::clone(&inner);
        let thread = thread::Builder::new()
            .name("graven-ship".into())
            .spawn(move || run.run())
            .map_err(|error| ArchiveError::unavailable("cannot start a thread that ships", error))?;
        Ok(Shipper { inner, thread: Some(thread) })
    }

    /// How it is doing.
    pub fn status(&self) -> Status {
        let shared = self.inner.shared();
        let Shared { epoch, shipped, removed, seen, .. } = *shared;
        let state = shared.state.clone();
        drop(shared);
        Status { state, epoch, shipped, removed, lag: self.inner.lag(shipped, seen) }
    }

    /// Waits until the entry at an index is in the archive: until a head of this epoch that covers it was created. Then it
    /// survives the loss of this machine.
    ///
    /// # Errors
    /// `Fenced` when another writer has the trail: the entry will never be there. The error of the
    /// [`State`] when the shipper has ended for another reason.
    pub fn shipped(&self, index: u64) -> Shipped {
        let number = self.inner.asked.fetch_add(1, Ordering::Relaxed);
        Shipped { inner: Arc::clone(&self.inner), index, number }
    }

    /// Asks it to ship what is sealed now, and to end, and does not wait for that. What waits in
    /// [`shipped`](Shipper::shipped) for an entry that never comes is told when it has ended.
    pub fn end_soon(&self) {
        self.inner.shared().stopping = true;
        self.inner.changed.notify_all();
    }

    /// Ships what is sealed now, and ends. Returns how far it came.
    pub fn stop(mut self) -> Status {
        self.end();
        self.status()
    }

    fn end(&mut self) {
        self.end_soon();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Shipper {
    fn drop(&mut self) {
        self.end();
    }
}

/// The future of [`Shipper::shipped`]. Runs on any executor.
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct Shipped {
    inner: Arc<Inner>,
    index: u64,
    /// Which one it is of those that wait.
    number: u64,
}

impl Drop for Shipped {
    fn drop(&mut self) {
        // An archive that is away for long keeps nobody who has given up. The waker goes after the lock: it may own what
        // waits.
        let mut shared = self.inner.shared();
        let place = shared.waiting.iter().position(|waiter| waiter.number == self.number);
        let gone = place.map(|place| shared.waiting.swap_remove(place));
        drop(shared);
        drop(gone);
    }
}

impl Future for Shipped {
    type Output = Result<(), Arc<ArchiveError>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut shared = self.inner.shared();
        if self.index < shared.acknowledged {
            return Poll::Ready(Ok(()));
        }
        match &shared.state {
            State::Fenced(fenced) => Poll::Ready(Err(Arc::new(fenced.clone().into()))),
            State::Refused(error) => Poll::Ready(Err(Arc::clone(error))),
            _ if shared.ended => Poll::Ready(Err(Arc::new(ArchiveError::unavailable(
                "nothing is shipped any more",
                "the shipper was stopped",
            )))),
            _ => {
                let (index, number, waker) = (self.index, self.number, context.waker().clone());
                shared.waiting.retain(|waiter| waiter.number != number);
                shared.waiting.push(Waiter { index, number, waker });
                shared.hurried = true;
                self.inner.changed.notify_all();
                Poll::Pending
            }
        }
    }
}

impl Inner {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes epochs and ships until it is over. Another epoch is needed only where another writer has given one back: when it
    /// has found that its trail is not this one. So a fenced writer looks again some times before it ends.
    fn run(&self) {
        let mut looks = AGAIN.iter();
        while let Err(error) = self.session() {
            let may_go_on = matches!(error, ArchiveError::Fenced(_)) && self.shared().epoch.is_some();
            match looks.next().filter(|_| may_go_on) {
                Some(pause) => self.pause(*pause),
                None => {
                    self.failed_for_good(error);
                    break;
                }
            }
        }
        let ready = {
            let mut shared = self.shared();
            shared.ended = true;
            shared.ready()
        };
        ready.into_iter().for_each(Waker::wake);
    }

    fn failed_for_good(&self, error: ArchiveError) {
        let mut shared = self.shared();
        shared.state = match error {
            ArchiveError::Fenced(by) => {
                tracing::error!(%by, "shipping has ended");
                State::Fenced(by)
            }
            // It was stopped while the archive was away: the state says so.
            error if error.is_passing() => return,
            error => {
                tracing::error!(error = error.chain(), "shipping has ended");
                State::Refused(Arc::new(error))
            }
        };
    }

    /// Takes an epoch, and ships until it is stopped or fails for good.
    fn session(&self) -> Result<(), ArchiveError> {
        let take_over = self.options.take_over && self.shared().epoch.is_none();
        let how = How::new(self.options.name.clone(), take_over);
        let begin = || start(self.machine.clone(), self.reader.clone(), Arc::clone(&self.store), &how);
        let started = self.trying(begin)?;
        let manifests = Manifests::default();
        let mut front = Front::new(started, Arc::clone(&manifests));
        let mut back = self.trying(|| Back::new(Arc::clone(&front.ground), Arc::clone(&manifests)))?;
        {
            let mut shared = self.shared();
            shared.epoch = Some(front.ground.epoch.epoch);
            shared.shipped = front.size();
        }
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            // Whichever fails for good ends the other.
            let finishing = scope.spawn(|| {
                self.finish_segments(&mut back, &over).inspect_err(|_| over.store(true, Ordering::Release))
            });
            let shipped = self.ship_heads(&mut front, &over);
            over.store(true, Ordering::Release);
            self.changed.notify_all();
            let finished = finishing.join();
            shipped?;
            finished
                .unwrap_or_else(|_| Err(ArchiveError::data("the thread of the closed segments has panicked")))
        })?;
        self.trying(|| front.close())?;
        self.shared().state = State::Stopped;
        Ok(())
    }

    /// Ships heads until it is stopped and nothing is left, or until `over` is set.
    fn ship_heads(&self, front: &mut Front, over: &AtomicBool) -> Result<(), ArchiveError> {
        while !over.load(Ordering::Acquire) {
            // What is sealed before this moment is under the next head.
            let seen = self.machine.clock.elapsed();
            let live = self.live_bytes();
            self.shared().hurried = false;
            match self.trying(|| front.step())? {
                Step::Idle if self.shared().stopping => return Ok(()),
                Step::Idle => {}
                Step::Head(size) => {
                    let ready = {
                        let mut shared = self.shared();
                        (shared.shipped, shared.acknowledged) = (size, size);
                        shared.ready()
                    };
                    ready.into_iter().for_each(Waker::wake);
                    self.changed.notify_all();
                }
            }
            self.shared().seen = seen;
            self.trying(|| front.finish_head())?;
            self.wait_for_more(seen, live);
        }
        Ok(())
    }

    /// Waits until it is time for the next head.
    fn wait_for_more(&self, since: Duration, live: u64) {
        let mut shared = self.shared();
        loop {
            let now = self.machine.clock.elapsed().saturating_sub(since);
            let waiting = self.live_bytes().saturating_sub(live) >= BYTES_WAITING_MAX;
            if shared.stopping || now >= self.options.every || (now >= LOOK && (shared.hurried || waiting)) {
                return;
            }
            let timeout = LOOK.min(self.options.every).saturating_sub(now).max(Duration::from_millis(10));
            shared = self.changed.wait_timeout(shared, timeout).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The length of the live file; 0 while it is replaced.
    fn live_bytes(&self) -> u64 {
        self.reader.disk().metadata(self.reader.layout().live()).map_or(0, |metadata| metadata.bytes)
    }

    /// Finishes closed segments until the heads end, and nothing is left.
    fn finish_segments(&self, back: &mut Back, over: &AtomicBool) -> Result<(), ArchiveError> {
        let mut finished = true;
        loop {
            let last = over.load(Ordering::Acquire);
            let size = self.shared().acknowledged;
            while self.trying(|| back.step(size))?.is_some() {
                finished = true;
            }
            if std::mem::take(&mut finished) && self.options.gc {
                let removed = self.trying(|| back.remove_replaced())?;
                self.shared().removed += removed;
            }
            if last {
                return Ok(());
            }
            let shared = self.shared();
            if shared.acknowledged == size && !over.load(Ordering::Acquire) {
                drop(self.changed.wait_timeout(shared, LOOK));
            }
        }
    }

    /// Does something that may fail for a while, until it succeeds, fails for good, or the shipper is stopped.
    fn trying<T>(&self, mut what: impl FnMut() -> Result<T, ArchiveError>) -> Result<T, ArchiveError> {
        let since = self.machine.clock.now();
        let (mut pause, mut has_failed) = (PAUSE_MIN, false);
        loop {
            match what() {
                Ok(value) => {
                    let mut shared = self.shared();
                    // Two threads try: what one could do says nothing of what the other cannot.
                    if has_failed || matches!(shared.state, State::Starting) {
                        shared.state = State::Shipping;
                    }
                    return Ok(value);
                }
                Err(error) if !error.is_passing() || self.shared().stopping => return Err(error),
                Err(error) => {
                    tracing::warn!(error = error.chain(), "cannot ship now, and will try again");
                    self.shared().state = State::Failing { error: Arc::new(error), since };
                    has_failed = true;
                }
            }
            self.pause(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Waits for some time, or until it is stopped.
    fn pause(&self, pause: Duration) {
        let until = self.machine.clock.elapsed() + pause;
        let mut shared = self.shared();
        while !shared.stopping && self.machine.clock.elapsed() < until {
            shared = self.changed.wait_timeout(shared, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What is recorded and not shipped yet.
    fn lag(&self, shipped: u64, seen: Duration) -> Lag {
        let reader = &self.reader;
        let durable = reader.durable_len().ok().flatten();
        let Some(len) = durable.or_else(|| reader.len().ok()) else { return Lag::default() };
        let entries = len.saturating_sub(shipped);
        if entries == 0 {
            return Lag::default();
        }
        let time = self.machine.clock.elapsed().saturating_sub(seen);
        Lag { entries, bytes: bytes_from(reader, shipped).unwrap_or(0), time }
    }
}

/// The bytes of the log from an entry on.
fn bytes_from(reader: &Reader, index: u64) -> Option<u64> {
    let place = reader.place(index).ok()??;
    let (disk, layout) = (reader.disk(), reader.layout());
    let live = disk.metadata(layout.live()).map_or(0, |metadata| metadata.bytes);
    if place.file == layout.live() {
        return live.checked_sub(place.offset);
    }
    let name = place.file.file_name()?.to_str()?;
    let segments = disk.read_dir(&layout.segments()).ok()?;
    let closed: u64 =
        segments.iter().filter(|file| *file.name >= *name).map(|file| file.metadata.bytes).sum();
    (closed + live).checked_sub(place.offset)
}

#[cfg(test)]
mod tests {
    use graven::{Category, Entry, Outcome, Settings, Trail};

    use super::*;

    #[test]
    fn nobody_who_has_given_up_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(Settings::new(folder.path().join("trail"))).unwrap();
        trail.record_blocking(Entry::new(Category::Api, "a", Outcome::Success)).unwrap();
        let address = format!("file://{}", folder.path().join("bucket").display());
        let reader = Reader::open(folder.path().join("trail")).unwrap();
        let shipper = Shipper::start(reader, &address.parse().unwrap(), ShipOptions::new("test")).unwrap();
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting: Vec<_> = (0..3).map(|_| shipper.shipped(1_000_000)).collect();
        for _ in 0..2 {
            for one in &mut waiting {
                assert!(Pin::new(one).poll(&mut context).is_pending());
            }
        }
        assert_eq!(shipper.inner.shared().waiting.len(), 3);
        drop(waiting);
        assert!(shipper.inner.shared().waiting.is_empty());
        // Those who wait to the end are told.
        let mut last = shipper.shipped(1_000_000);
        assert!(Pin::new(&mut last).poll(&mut context).is_pending());
        shipper.end_soon();
        assert!(graven::block_on(last).is_err());
    }
}
