//! What the threads of one open trail share, and how they are started and stopped.
//!
//! Three threads: the writer ([`commit`](crate::commit)), the publisher ([`publish`](crate::publish)) and the
//! watchdog ([`watchdog`](crate::watchdog)). Writer and publisher are loops around plain steps, so that a driver can
//! run the same steps by hand.
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `queue` | callers (push), writer (take) | watchdog |
//! | `ring` | writer | callers |
//! | `durable` | writer | callers |
//! | `seal` | writer (adds), publisher (takes) | callers |
//! | `poison` | whoever fails first | all |

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::commit::Writer;
use crate::counters::{Counters, Lost};
use crate::error::{Error, ErrorKind};
use crate::files::layout::Layout;
use crate::files::meta::Meta;
use crate::flood::Floodgate;
use crate::own::{self, own_line};
use crate::publish::Publisher;
use crate::pulse::Pulse;
use crate::queue::{Line, Queue};
use crate::redact::Redactor;
use crate::registry::{Held, Ready};
use crate::ring::Ring;
use crate::seal::Seal;
use crate::seam::machine::Machine;
use crate::settings::Settings;
use crate::watchdog::Watchdog;

/// One open trail.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) machine: Machine,
    pub(crate) layout: Layout,
    pub(crate) meta: Meta,
    pub(crate) settings: Settings,
    pub(crate) redactor: Redactor,
    pub(crate) queue: Queue,
    pub(crate) seal: Seal,
    pub(crate) watchdog: Watchdog,
    pub(crate) pulse: Pulse,
    /// Locked before the queue, never after it.
    pub(crate) flood: Option<Floodgate>,
    pub(crate) lost: Arc<Lost>,
    ring: Mutex<Ring>,
    durable: AtomicU64,
    groups: AtomicU64,
    poison: OnceLock<Error>,
    alive: Alive,
}

/// An engine, and what its threads work with.
pub(crate) struct Parts {
    pub(crate) engine: Arc<Engine>,
    pub(crate) writer: Writer,
    pub(crate) publisher: Arc<Mutex<Publisher>>,
    pub(crate) lock: Arc<Held>,
}

/// How many threads of an engine have not ended.
#[derive(Debug, Default)]
struct Alive {
    threads: Mutex<usize>,
    changed: Condvar,
}

/// What each thread of an engine holds until its end. The lock goes first, so that nobody who saw the thread end
/// finds the trail locked.
struct Running {
    lock: Option<Arc<Held>>,
    engine: Arc<Engine>,
}

thread_local! {
    /// Whether this is a thread of some engine.
    static OURS: Cell<bool> = const { Cell::new(false) };
}

/// The threads of an engine. Joined by [`Threads::join`].
#[derive(Debug)]
pub(crate) struct Threads {
    writer: JoinHandle<()>,
    publisher: JoinHandle<()>,
    watchdog: JoinHandle<()>,
}

impl Engine {
    /// Starts the engine of a trail that was just recovered.
    pub(crate) fn start(ready: Ready) -> Result<(Arc<Engine>, Threads), Error> {
        let Parts { engine, writer, publisher, lock } = Engine::assemble(ready);
        let threads = engine.spawn(writer, publisher, lock)?;
        Ok((engine, threads))
    }

    /// The engine of a trail that was just recovered, and what its threads work with.
    pub(crate) fn assemble(ready: Ready) -> Parts {
        let Ready { machine, layout, settings, recovered, lost, .. } = ready;
        let size = recovered.levels.size() + recovered.unsealed.len() as u64;
        lost.settle(size);
        let mut ring = Ring::new(settings.ring_entries);
        ring.push(recovered.newest_lines, recovered.newest_ends);
        let engine = Arc::new(Engine {
            queue: Queue::new(size, settings.queue_bytes),
            seal: Seal::new(recovered.levels.size(), recovered.unsealed, recovered.unsealed_bytes),
            watchdog: Watchdog::new(&settings),
            pulse: Pulse::new(&settings, &*machine.clock),
            flood: settings.flood.map(Floodgate::new),
            lost,
            ring: Mutex::new(ring),
            durable: AtomicU64::new(size),
            groups: AtomicU64::new(0),
            poison: OnceLock::new(),
            alive: Alive::default(),
            machine,
            layout,
            meta: recovered.meta,
            redactor: recovered.redactor,
            settings,
        });
        let lock = Arc::new(recovered.lock);
        let publisher = Publisher::new(
            Arc::clone(&engine),
            recovered.levels,
            recovered.signing_key,
            recovered.checkpoint,
        );
        let publisher = Arc::new(Mutex::new(publisher));
        let writer = Writer::new(Arc::clone(&engine), recovered.live, Arc::clone(&publisher));
        Parts { engine, writer, publisher, lock }
    }

    fn spawn(
        self: &Arc<Engine>,
        writer: Writer,
        publisher: Arc<Mutex<Publisher>>,
        lock: Arc<Held>,
    ) -> Result<Threads, Error> {
        let spawn = |name: &str, lock: Option<&Arc<Held>>, body: Box<dyn FnOnce(&Engine) + Send>| {
            let running = Running::new(self, lock);
            let body = move || {
                OURS.set(true);
                body(&running.engine);
            };
            thread::Builder::new().name(name.into()).spawn(body).map_err(|source| {
                // Those already started end when they see this.
                let error =
                    Error::with_source(ErrorKind::Unavailable, "cannot start a thread for the trail", source);
                self.poison(error.clone());
                error
            })
        };
        // The lock is let go when the last thread that may write is gone.
        let publisher =
            spawn("graven-publish", Some(&lock), Box::new(move |engine| engine.run_publisher(&publisher)))?;
        let writer = spawn(
            "graven-write",
            Some(&lock),
            Box::new(move |engine| {
                writer.run();
                // Not before: as long as the writer has a group in hand, somebody may wait for it.
                engine.watchdog.end();
            }),
        )?;
        let watchdog = spawn("graven-watch", None, Box::new(|engine| engine.watchdog.run(engine)))?;
        Ok(Threads { writer, publisher, watchdog })
    }

    /// After a failed write or sync nothing more is written: what the disk holds is unknown until it is read again.
    pub(crate) fn poison(&self, error: Error) {
        let error = self.poison.get_or_init(|| error).clone();
        self.queue.fail(&error, &self.lost);
        self.seal.end(error);
    }

    /// Why the trail takes nothing more, when a write or sync failed.
    pub(crate) fn poisoned(&self) -> Option<&Error> {
        self.poison.get()
    }

    /// Whether the trail still takes entries.
    pub(crate) fn is_open(&self) -> bool {
        self.queue.ended().is_none()
    }

    /// Waits until the threads have ended; `false` when there was no progress for as long as `patience`.
    pub(crate) fn wait_for_end(&self, patience: Duration) -> bool {
        loop {
            let before = (self.durable(), self.seal.sealed());
            let alive = self.alive.threads();
            let (alive, _) = self
                .alive
                .changed
                .wait_timeout_while(alive, patience, |threads| *threads > 0)
                .unwrap_or_else(PoisonError::into_inner);
            if *alive == 0 {
                return true;
            }
            if before == (self.durable(), self.seal.sealed()) {
                return false;
            }
        }
    }

    /// The newest entries.
    pub(crate) fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many entries are durable.
    pub(crate) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// The writer has synced so many.
    pub(crate) fn set_durable(&self, size: u64) {
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.durable.store(size, Ordering::Release);
        self.pulse.beat(&*self.machine.clock);
    }

    /// Writes down what was dropped, if anything was.
    pub(crate) fn announce_losses(&self) {
        self.lost.announce(|losses| {
            let total: u64 = losses.values().sum();
            let detail = serde_json::json!({"dropped": total, "categories": losses});
            let line = own_line(&*self.machine.clock, own::GAP, &detail);
            let place = self.queue.push_own(&mut Line { bytes: &line.bytes, hash: line.hash, blob: None })?;
            Ok::<u64, Error>(place.index)
        });
    }

    /// How the trail is doing.
    pub(crate) fn counters(&self) -> Counters {
        let sealed = self.seal.sealed();
        Counters {
            // For a moment the publisher is ahead of what the writer has told: what is sealed is durable.
            durable: self.durable().max(sealed),
            groups: self.groups.load(Ordering::Relaxed),
            sealed,
            dropped: self.lost.total(),
        }
    }
}

/// Whether the calling thread belongs to the engine of an open trail, of this trail or of any other.
///
/// Such a thread must not wait for an entry to be recorded: the entry is written by this thread, or by one that may be
/// waiting for it. Code that runs inside a waker or a `tracing` subscriber can be called there; it asks this first and
/// then uses [`Trail::emit`](crate::Trail::emit).
///
/// ```
/// assert!(!graven::on_a_trails_thread());
/// ```
pub fn on_a_trails_thread() -> bool {
    OURS.get()
}

impl Alive {
    fn threads(&self) -> MutexGuard<'_, usize> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn new(engine: &Arc<Engine>, lock: Option<&Arc<Held>>) -> Running {
        *engine.alive.threads() += 1;
        Running { lock: lock.cloned(), engine: Arc::clone(engine) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.lock = None;
        *self.engine.alive.threads() -= 1;
        self.engine.alive.changed.notify_all();
    }
}

impl Threads {
    /// Waits until all have ended.
    pub(crate) fn join(self) {
        for handle in [self.writer, self.publisher, self.watchdog] {
            // A panic there was reported where it happened, and poisoned the trail.
            let _panicked = handle.join();
        }
    }
}
