//! Work that blocks, such as reading files: on threads of its own, and only so much of it at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Kind, Problem};
use crate::settings::Limits;

/// How long a request waits until its work can begin.
const WAIT: Duration = Duration::from_secs(10);

/// Work on at most this many bytes keeps no thread of the runtime for long.
const AT_ONCE_BYTES: usize = 64 << 10;

/// How many short looks may be taken at the files at the same time.
const LOOKS: usize = 16;

/// How many exports may go on at the same time. Each has a thread for as long as its client takes.
const EXPORTS: usize = 8;

/// How much work may block at the same time.
#[derive(Debug)]
pub(crate) struct Blocking {
    looks: Arc<Semaphore>,
    searches: Arc<Semaphore>,
    exports: Arc<Semaphore>,
    verifications: Arc<Semaphore>,
}

impl Blocking {
    pub(crate) fn new(limits: &Limits) -> Blocking {
        let searches = usize::try_from(limits.searches).unwrap_or(Semaphore::MAX_PERMITS);
        let places = |count| Arc::new(Semaphore::new(count));
        Blocking {
            looks: places(LOOKS),
            searches: places(searches),
            exports: places(EXPORTS),
            verifications: places(1),
        }
    }

    /// A short look at the files, such as one entry.
    ///
    /// # Errors
    /// `Busy` when there is too much such work; what the work says.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        run(&self.looks, work).await
    }

    /// Work over many entries, such as a search.
    ///
    /// # Errors
    /// As [`look`](Blocking::look).
    pub(crate) async fn search<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        run(&self.searches, work).await
    }

    /// The place for a verification, which uses all cores. It waits for as long as another one takes; `None` never comes.
    pub(crate) async fn verification(&self) -> Option<OwnedSemaphorePermit> {
        // It fails only when it is closed, and nobody closes it.
        Arc::clone(&self.verifications).acquire_owned().await.ok()
    }

    /// A place for an export, until it is dropped.
    ///
    /// # Errors
    /// `Busy` when there is none for too long.
    pub(crate) async fn export(&self) -> Result<OwnedSemaphorePermit, Problem> {
        place(&self.exports).await
    }
}

/// Work on the bytes of a request: on this thread if they are few, and else on another one.
///
/// # Errors
/// What the work says.
pub(crate) async fn apart<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    if bytes <= AT_ONCE_BYTES {
        return work();
    }
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| {
        tracing::error!(error = panic.to_string(), "reading a body panicked");
        Err(Problem::fault())
    })
}

async fn run<T: Send + 'static>(
    among: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let place = place(among).await?;
    // The work keeps its place until it ends, also when nobody waits for it any more.
    let work = move || {
        let _place = place;
        work()
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| {
        tracing::error!(error = panic.to_string(), "a request panicked");
        Err(Problem::fault())
    })
}

async fn place(among: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    let waited = tokio::time::timeout(WAIT, Arc::clone(among).acquire_owned()).await;
    let busy = || Problem::new(Kind::Busy, "too many searches or exports run at the same time: try again");
    waited.map_err(|_| busy())?.map_err(|_| busy())
}
