//! Runs work that may block (a file read, a sync) on a thread of its own, as a future for any executor.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::engine::completion::wake;
use crate::error::{Error, ErrorKind};

/// The future of work that runs on a thread of its own. Nothing happens before the first poll.
pub(crate) struct Blocking<T> {
    work: Option<Box<dyn FnOnce() -> Result<T, Error> + Send>>,
    answer: Arc<Mutex<Answer<T>>>,
}

struct Answer<T> {
    result: Option<Result<T, Error>>,
    waker: Option<Waker>,
}

/// Runs the work on a thread of its own once the future is polled.
pub(crate) fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Blocking<T> {
    Blocking {
        work: Some(Box::new(work)),
        answer: Arc::new(Mutex::new(Answer { result: None, waker: None })),
    }
}

impl<T: Send + 'static> Future for Blocking<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = Arc::clone(&self.answer);
        let mut locked = answer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = locked.result.take() {
            return Poll::Ready(result);
        }
        locked.waker = Some(context.waker().clone());
        drop(locked);
        if let Some(work) = self.work.take() {
            let answering = Arc::clone(&answer);
            let started = thread::Builder::new().name("graven-work".into()).spawn(move || {
                let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
                    Err(Error::new(ErrorKind::Internal, "the work panicked: please report it"))
                });
                let mut locked = answering.lock().unwrap_or_else(PoisonError::into_inner);
                locked.result = Some(result);
                let waker = locked.waker.take();
                drop(locked);
                waker.into_iter().for_each(wake);
            });
            if let Err(source) = started {
                let message = "cannot start a thread for work that blocks";
                return Poll::Ready(Err(Error::with_source(ErrorKind::Unavailable, message, source)));
            }
        }
        Poll::Pending
    }
}
