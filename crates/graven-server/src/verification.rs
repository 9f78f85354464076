//! The verifications of one trail: the one that runs, and what the last one found.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use graven::Machine;
use graven::fsck::{self, Report, VerifyOptions};
use graven::layout::Layout;
use graven_core::verdict::Verdict;
use serde::{Serialize, Serializer};

/// What is known of the verifications of one trail.
#[derive(Debug)]
pub(crate) struct Verification {
    /// The path by which the settings name the trail. The verifier remembers the trail by it.
    name: PathBuf,
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
    pub(crate) report: Option<Report>,
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
        Verification { name, memory, known: Mutex::default() }
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
        let verdict = last.report.as_ref().map(|report| report.verdict);
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

    /// Verifies the trail, on this thread.
    pub(crate) fn run(&self, layout: &Layout, running: &Running) -> Result<Report, graven::Error> {
        let options = VerifyOptions {
            state: Some(self.memory.clone()),
            name: Some(self.name.clone()),
            ..VerifyOptions::default()
        };
        let progress = |done, bytes| {
            running.bytes.store(bytes, Ordering::Relaxed);
            running.bytes_done.store(done, Ordering::Relaxed);
        };
        fsck::verify(&Machine::os(), layout, &options, &progress)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A thread that panicked left each of the two whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
