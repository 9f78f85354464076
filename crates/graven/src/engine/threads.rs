//! The threads of an open trail: how they are started, and how they end.
//!
//! There are three: the writer ([`commit`](super::commit)), the publisher ([`publish`](super::publish)) and the
//! watchdog ([`watching`](super::watching)). Writer and publisher are loops around plain steps, so that the simulator
//! can take the same steps one by one.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};

use super::alive::Alive;

use super::commit::Writer;
use super::counters::Lost;
use super::flood::gate::Floodgate;
use super::held::Held;
use super::in_hand::InHand;
use super::publish::Publisher;
use super::pulse::Pulse;
use super::queue::Queue;
use super::ready::{Ready, Recovered};
use super::ring::Ring;
use super::seal::Seal;
use super::shared::Engine;
use super::sync_times::Syncs;
use super::watchdog::Watchdog;
use crate::error::{Error, ErrorKind};

/// An engine, and what its threads work with.
pub(crate) struct Parts {
    pub(crate) engine: Arc<Engine>,
    pub(crate) writer: Writer,
    pub(crate) publisher: Arc<Mutex<Publisher>>,
    pub(crate) held: Arc<Held>,
}

/// What each thread of an engine holds until its end. The presence ends first: code that saw the thread end must not
/// find this process in the trail.
struct Running {
    held: Option<Arc<Held>>,
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
        let Parts { engine, writer, publisher, held } = Engine::assemble(ready);
        let threads = engine.spawn(writer, publisher, held)?;
        Ok((engine, threads))
    }

    /// The engine of a trail that was just recovered, and what its threads work with.
    pub(crate) fn assemble(ready: Ready) -> Parts {
        let Ready { machine, layout, settings, terms, run, recovered, lost, .. } = ready;
        let size = recovered.levels.size() + recovered.unsealed.len() as u64;
        settle(&lost, &recovered);
        let mut ring = Ring::new(settings.ring_entries, settings.ring_bytes);
        ring.restart(recovered.newest_lines, recovered.newest_ends, size);
        let engine = Arc::new(Engine {
            queue: Queue::new(settings.queue_bytes),
            seal: Seal::new(recovered.levels.size(), &recovered.unsealed, recovered.unsealed_bytes),
            watchdog: Watchdog::new(settings.deadline, &terms),
            pulse: Pulse::new(terms.heartbeat, &*machine.clock),
            in_hand: InHand::default(),
            flood: terms.flood.map(Floodgate::new),
            lost,
            ring: Mutex::new(ring),
            durable: AtomicU64::new(size),
            groups: AtomicU64::new(0),
            syncs: Syncs::default(),
            poison: OnceLock::new(),
            alive: Alive::default(),
            waits_for_lock: AtomicBool::new(false),
            dir: recovered.commit_lock.dir(),
            machine,
            layout,
            run,
            meta: recovered.meta,
            redactor: recovered.redactor,
            settings,
            terms,
        });
        let held = Arc::new(recovered.held);
        let publisher = Publisher::new(
            Arc::clone(&engine),
            recovered.publish_lock,
            recovered.levels,
            recovered.signing_key,
            recovered.checkpoint,
        );
        let publisher = Arc::new(Mutex::new(publisher));
        let writer = Writer {
            engine: Arc::clone(&engine),
            live: recovered.live,
            size,
            commit_lock: Arc::new(recovered.commit_lock),
            held: Arc::clone(&held),
            publisher: Arc::clone(&publisher),
            died: false,
            passed: None,
            spare: Vec::new(),
        };
        Parts { engine, writer, publisher, held }
    }

    fn spawn(
        self: &Arc<Engine>,
        writer: Writer,
        publisher: Arc<Mutex<Publisher>>,
        held: Arc<Held>,
    ) -> Result<Threads, Error> {
        let spawn = |name: &str, held: Option<&Arc<Held>>, body: Box<dyn FnOnce(&Engine) + Send>| {
            let running = Running::new(self, held);
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
        // This process leaves the trail when the last thread that may write is gone.
        let publisher =
            spawn("graven-publish", Some(&held), Box::new(move |engine| engine.run_publisher(&publisher)))?;
        let writer = spawn(
            "graven-write",
            Some(&held),
            Box::new(move |engine| {
                writer.run();
                // Only now: as long as the writer has a group, a caller may wait for it.
                engine.watchdog.end();
            }),
        )?;
        let watchdog = spawn("graven-watch", None, Box::new(Engine::run_watchdog))?;
        Ok(Threads { writer, publisher, watchdog })
    }
}

/// Settles what an earlier engine of this process left in doubt. Hashes that cannot be read leave it in doubt.
fn settle(lost: &Lost, recovered: &Recovered) {
    let Some(since) = lost.in_doubt_since() else { return };
    // Twice: after an error that passes, the next opening may be far away.
    let sealed = recovered.levels.leaves_from(since).or_else(|_| recovered.levels.leaves_from(since));
    match sealed {
        Ok(sealed) => {
            let found = sealed.iter().chain(&recovered.unsealed).copied();
            #[cfg(feature = "sim")]
            let found = found.chain(lost.by_index(recovered.levels.size() + recovered.unsealed.len() as u64));
            lost.settle(&found.collect());
        }
        Err(error) => tracing::warn!(%error, "cannot tell yet which entries were recorded"),
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

impl Running {
    fn new(engine: &Arc<Engine>, held: Option<&Arc<Held>>) -> Running {
        engine.alive.enter();
        Running { held: held.cloned(), engine: Arc::clone(engine) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.held = None;
        self.engine.alive.leave();
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
