//! The beginning of an act: the future of `begin`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use graven_core::entry::{Entry, Outcome, Phase};

use super::{ABANDONED, Act, emit, result_of};
use crate::actor;
use crate::error::{Error, ErrorKind};
use crate::record::handle::Handle;
use crate::record::recording::Recording;

/// An intent on its way: the future of [`Trail::begin`](crate::Trail::begin).
#[must_use = "nothing is recorded before the future is polled"]
#[derive(Debug)]
pub struct Beginning {
    handle: Arc<Handle>,
    recording: Recording,
    /// The fields of the result that are known; `None` once there is an answer.
    result: Option<Box<Entry>>,
}

impl Beginning {
    pub(super) fn new(handle: Arc<Handle>, mut intent: Entry) -> Beginning {
        actor::fill(&mut intent);
        intent.phase = Some(Phase::Intent);
        intent.outcome = Outcome::Pending;
        let result = Some(Box::new(intent.to_result()));
        Beginning { recording: Recording::new(Arc::clone(&handle), intent), handle, result }
    }

    /// Queues the result `abandoned` behind the intent: nobody will do what the intent announced.
    fn abandon(&mut self, id: &str) {
        if let Some(result) = self.result.take() {
            emit(&self.handle, result_of(*result, id, Outcome::Failure).reason(ABANDONED));
        }
    }
}

impl Future for Beginning {
    type Output = Result<Act, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Act, Error>> {
        let answer = ready!(Pin::new(&mut self.recording).poll(context));
        Poll::Ready(match answer {
            Ok(receipt) => {
                let result = self.result.take().expect("it answers once");
                Ok(Act::new(Arc::clone(&self.handle), receipt, result))
            }
            Err(error) => {
                // It is queued but late, and may still be written. After a failed write nothing more is written.
                if error.kind() == ErrorKind::TimedOut && error.may_be_recorded() {
                    self.abandon(error.entry_id().unwrap_or_default());
                }
                self.result = None;
                Err(error)
            }
        })
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        let queued = self.recording.queued_id().map(str::to_owned);
        if let Some(id) = queued {
            self.abandon(&id);
        }
    }
}
