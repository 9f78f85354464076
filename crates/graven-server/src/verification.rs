//! The verifications of one trail: the one that runs, and what the last one found.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use graven::Machine;
use graven::chain::{self, Chain, ChainOptions, ChainReport, judged_by};
use graven::fsck::{self, KeySource, VerifyOptions};
use graven::layout::Layout;
use graven_core::verdict::Verdict;
use serde::{Serialize, Serializer};

/// What is known of the verifications of one trail.
#[derive(Debug)]
pub(crate) struct Verification {
    /// The path by which the settings name the trail, or below it. The verifier remembers the trail by it.
    name: PathBuf,
    /// For an older trail of a chain, the path of the newest one. It is verified by itself, the newest one with all others.
    newest: Option<PathBuf>,
    /// The folder of the verifier's memory.
    memory: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    running: Option<Arc<Running>>,
    last: Option<Arc<Done>>,
}

/// A verification that has not ended.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) asked: DateTime<Utc>,
    pub(crate) by: Option<String>,
    bytes_done: AtomicU64,
    bytes: AtomicU64,
}

/// A verification that has ended.
#[derive(Debug, Serialize)]
pub(crate) struct Done {
    /// When it was asked for.
    pub(crate) asked: DateTime<Utc>,
    /// When it ended.
    pub(crate) ended: DateTime<Utc>,
    /// Who asked; nobody when it was due.
    pub(crate) by: Option<String>,
    /// Whether nothing was damaged or changed, and that could be told.
    pub(crate) ok: bool,
    /// What it found.
    pub(crate) report: Option<ChainReport>,
    /// Why it could not be done.
    pub(crate) error: Option<String>,
}

/// How the verifications of a trail stand.
#[derive(Debug, Serialize)]
pub(crate) struct Standing {
    /// The one that has not ended.
    pub(crate) running: Option<Progress>,
    /// The one that ended last.
    #[serde(serialize_with = "shared")]
    pub(crate) last: Option<Arc<Done>>,
}

/// How far a verification is.
#[derive(Debug, Serialize)]
pub(crate) struct Progress {
    /// When it was asked for.
    asked: DateTime<Utc>,
    /// Who asked; nobody when it was due.
    by: Option<String>,
    /// How many bytes are read. It begins again when the trail is looked at a second time.
    bytes_done: u64,
    /// How many bytes there are; 0 before it begins.
    bytes: u64,
}

/// What is known of the last verification, in short.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Brief {
    pub(crate) ok: bool,
    /// `None` when it could not be done.
    pub(crate) verdict: Option<Verdict>,
    pub(crate) ended: DateTime<Utc>,
}

fn shared<S: Serializer>(done: &Option<Arc<Done>>, serializer: S) -> Result<S::Ok, S::Error> {
    done.as_deref().serialize(serializer)
}

impl Verification {
    pub(crate) fn new(name: PathBuf, memory: PathBuf) -> Verification {
        Verification { name, newest: None, memory, known: Mutex::default() }
    }

    /// The same for an older trail of the chain whose newest one is at a path.
    pub(crate) fn of_older(name: PathBuf, newest: PathBuf, memory: PathBuf) -> Verification {
        Verification { newest: Some(newest), ..Verification::new(name, memory) }
    }

    /// How it stands.
    pub(crate) fn standing(&self) -> Standing {
        let known = self.known();
        let running = known.running.as_ref().map(|running| Progress {
            asked: running.asked,
            by: running.by.clone(),
            bytes_done: running.bytes_done.load(Ordering::Relaxed),
            bytes: running.bytes.load(Ordering::Relaxed),
        });
        Standing { running, last: known.last.clone() }
    }

    /// What the last one found; `None` before the first one has ended.
    pub(crate) fn brief(&self) -> Option<Brief> {
        let last = self.known().last.clone()?;
        let verdict = last.report.as_ref().map(|report| report.report.verdict);
        Some(Brief { ok: last.ok, verdict, ended: last.ended })
    }

    /// Takes the place of the one that runs; `None` when there is one already.
    pub(crate) fn begin(&self, asked: DateTime<Utc>, by: Option<String>) -> Option<Arc<Running>> {
        let mut known = self.known();
        if known.running.is_some() {
            return None;
        }
        let running = Running { asked, by, bytes_done: AtomicU64::new(0), bytes: AtomicU64::new(0) };
        known.running = Some(Arc::new(running));
        known.running.clone()
    }

    pub(crate) fn end(&self, done: Done) -> Arc<Done> {
        let done = Arc::new(done);
        let mut known = self.known();
        known.running = None;
        known.last = Some(Arc::clone(&done));
        done
    }

    /// Verifies the trail with all that it continues, or an older one alone, on this thread.
    pub(crate) fn run(&self, layout: &Layout, running: &Running) -> Result<ChainReport, graven::Error> {
        let progress = |done, bytes| {
            running.bytes.store(bytes, Ordering::Relaxed);
            running.bytes_done.store(done, Ordering::Relaxed);
        };
        if let Some(newest) = &self.newest {
            return self.alone(layout, newest, &progress);
        }
        let options = ChainOptions {
            state: Some(self.memory.clone()),
            name: Some(self.name.clone()),
            ..ChainOptions::default()
        };
        chain::verify(&Machine::os(), layout, &options, &progress)
    }

    /// Verifies an older trail, under the key by which its chain judges it.
    fn alone(
        &self,
        layout: &Layout,
        newest: &Path,
        progress: &dyn Fn(u64, u64),
    ) -> Result<ChainReport, graven::Error> {
        let machine = Machine::os();
        let chain = Chain::open(newest)?;
        let (judged, _) = judged_by(&machine, &chain, &[], Some(&self.memory))?;
        let known = chain.links().iter().zip(judged).find(|(link, _)| link.name() == self.name);
        // One that its chain has lost is judged as it lies there.
        let options = known.map_or_else(
            || VerifyOptions {
                state: Some(self.memory.clone()),
                name: Some(self.name.clone()),
                ..VerifyOptions::default()
            },
            |(_, options)| options,
        );
        let mut report = fsck::verify(&machine, layout, &options, progress)?;
        if options.key.is_some() {
            // Nobody gives the server a key: this one is remembered of another path of the chain.
            report.key_source = Some(KeySource::Pinned);
        }
        Ok(ChainReport { report, continued: None, before: Vec::new() })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A thread that panicked left each of the two whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
