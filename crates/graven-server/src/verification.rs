//! The verification of a trail: it runs in the background, one trail at a time, and what it found is kept.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use graven::fsck::{self, Report, VerifyOptions};
use graven::{Category, Machine, Outcome};
use graven_core::verdict::Verdict;
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::auth::Caller;
use crate::own;
use crate::state::Shared;
use crate::trails::Served;

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
struct Running {
    asked: DateTime<Utc>,
    by: Option<String>,
    bytes_done: AtomicU64,
    bytes: AtomicU64,
}

/// A verification that has ended.
#[derive(Debug, Serialize)]
pub(crate) struct Done {
    /// When it was asked for.
    asked: DateTime<Utc>,
    /// When it ended.
    pub(crate) ended: DateTime<Utc>,
    /// Who asked; nobody when it was due.
    by: Option<String>,
    /// Whether nothing was damaged or changed, and that could be told.
    pub(crate) ok: bool,
    /// What it found.
    report: Option<Report>,
    /// Why it could not be done.
    error: Option<String>,
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
    fn begin(&self, asked: DateTime<Utc>, by: Option<String>) -> Option<Arc<Running>> {
        let mut known = self.known();
        if known.running.is_some() {
            return None;
        }
        let running = Running { asked, by, bytes_done: AtomicU64::new(0), bytes: AtomicU64::new(0) };
        known.running = Some(Arc::new(running));
        known.running.clone()
    }

    fn end(&self, done: Done) -> Arc<Done> {
        let done = Arc::new(done);
        let mut known = self.known();
        known.running = None;
        known.last = Some(Arc::clone(&done));
        done
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A thread that panicked left each of the two whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts a verification, unless one of this trail runs or waits already.
pub(crate) fn start(state: &Shared, trail: &Arc<Served>, caller: Option<&Caller>) {
    let by = caller.map(|caller| caller.name.clone());
    let Some(running) = trail.verification().begin(state.now(), by) else { return };
    let (state, trail, caller) = (Arc::clone(state), Arc::clone(trail), caller.cloned());
    tokio::spawn(async move {
        // It takes all cores: one after the other.
        let place = state.blocking.verification().await;
        let (work, progress) = (Arc::clone(&trail), Arc::clone(&running));
        let verified = tokio::task::spawn_blocking(move || verify(&work, &progress)).await;
        drop(place);
        let result = verified.unwrap_or_else(|panic| {
            tracing::error!(error = panic.to_string(), "a verification panicked");
            Err("a fault in the server; its log says more: please report it".to_owned())
        });
        let ok = result.as_ref().is_ok_and(|report| report.exit_code() == 0);
        let (report, error) = match result {
            Ok(report) => (Some(report), None),
            Err(error) => (None, Some(error)),
        };
        let (asked, by) = (running.asked, running.by.clone());
        let done = trail.verification().end(Done { asked, ended: state.now(), by, ok, report, error });
        tell(&state, &trail, caller.as_ref(), &done);
    });
}

fn verify(trail: &Served, running: &Running) -> Result<Report, String> {
    let verification = trail.verification();
    let options = VerifyOptions {
        state: Some(verification.memory.clone()),
        name: Some(verification.name.clone()),
        ..VerifyOptions::default()
    };
    let progress = |done, bytes| {
        running.bytes.store(bytes, Ordering::Relaxed);
        running.bytes_done.store(done, Ordering::Relaxed);
    };
    let report = fsck::verify(&Machine::os(), trail.search().reader().layout(), &options, &progress);
    report.map_err(|error| {
        tracing::error!(trail = %trail.name(), error = error.chain(), "a trail cannot be verified");
        "the trail cannot be verified now; the server's log says why".to_owned()
    })
}

/// Records what was found.
fn tell(state: &Shared, trail: &Served, caller: Option<&Caller>, done: &Done) {
    let outcome = if done.ok { Outcome::Success } else { Outcome::Failure };
    let report = done.report.as_ref();
    let detail = json!({
        "trail": trail.name(),
        "verdict": report.map(|report| report.verdict),
        "entries": report.map(|report| report.entries),
        "sealed": report.map(|report| report.sealed),
        "root": report.and_then(|report| report.root),
        "findings": report.map(|report| report.findings.len() as u64 + report.findings_left_out),
        "first_finding": report.and_then(|report| report.findings.first()).map(|finding| &finding.message),
        "error": done.error,
    });
    if !done.ok {
        tracing::error!(trail = %trail.name(), detail = detail.to_string(), "a verification did not find the trail good");
    }
    match caller {
        Some(caller) => state.own.tell_of(caller, Category::Api, own::VERIFIED, outcome, detail),
        None => state.own.tell(Category::Api, own::VERIFIED, outcome, detail),
    }
}

/// Verifies each trail as often as the settings say, one after the other.
pub(crate) async fn on_schedule(state: Shared) {
    let Some(every) = state.settings.verify_every else { return };
    loop {
        tokio::time::sleep(every).await;
        for trail in state.trails.all() {
            start(&state, trail, None);
        }
    }
}
