//! The end of an act: the future of `finish`.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use graven_core::entry::Entry;

use super::emit;
use crate::error::{Error, ErrorKind};
use crate::record::handle::Handle;
use crate::record::recording::{Receipt, Recording};

/// A result on its way: the future of [`Act::finish`](super::Act::finish).
#[must_use = "await it: only its answer says that the result is durable"]
#[derive(Debug)]
pub struct Finishing {
    handle: Arc<Handle>,
    recording: Recording,
    /// The result without what the caller added to it, in case that is refused.
    bare: Option<Box<Entry>>,
}

impl Finishing {
    pub(super) fn new(handle: Arc<Handle>, result: Entry, bare: Entry) -> Finishing {
        let recording = Recording::new(Arc::clone(&handle), result);
        Finishing { handle, recording, bare: Some(Box::new(bare)) }
    }
}

impl Future for Finishing {
    type Output = Result<Receipt, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Receipt, Error>> {
        let answer = ready!(Pin::new(&mut self.recording).poll(context));
        let bare = self.bare.take();
        if let (Err(error), Some(bare)) = (&answer, bare)
            && error.kind() == ErrorKind::Invalid
        {
            emit(&self.handle, bare.reason(format!("the result was refused: {}", error.chain())));
        }
        Poll::Ready(answer)
    }
}

impl Drop for Finishing {
    fn drop(&mut self) {
        // The act has ended and its result is known: it is recorded even if nobody waits for it any more.
        let recording = &mut self.recording;
        let _foreign_panic = catch_unwind(AssertUnwindSafe(|| recording.let_go()));
    }
}
