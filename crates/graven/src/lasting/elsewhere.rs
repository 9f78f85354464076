//! Work that may hang: on a thread of its own, with an answer within the deadline.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use crate::engine::completion::Completion;
use crate::error::{Error, ErrorKind};
use crate::settings::DEADLINE;

/// Starts the work and sets its outcome, at the latest after the deadline; then `slow` says why there is none, and the
/// work goes on. `broken` is called when the work cannot be started or panicked. What the work owns is dropped before its
/// outcome is set; `broken` is dropped some time later, so it must own nothing that ends with its last owner.
pub(crate) fn elsewhere(
    answer: &Arc<Completion>,
    slow: &'static str,
    work: impl FnOnce() -> Result<(), Error> + Send + 'static,
    broken: impl Fn(&Error) + Send + 'static,
) {
    let (done, is_done) = mpsc::channel();
    let set = Arc::clone(answer);
    let started = spawn("graven-open", move || {
        match work() {
            Ok(()) => set.set_durable(0),
            Err(error) => set.set_failed(error),
        }
        // Nobody listens if the other thread could not be started.
        let _ = done.send(());
    });
    if let Err(error) = started {
        broken(&error);
        answer.set_failed(error);
        return;
    }
    let set = Arc::clone(answer);
    let started = spawn("graven-open-by", move || {
        let mut ended = is_done.recv_timeout(DEADLINE);
        if ended == Err(RecvTimeoutError::Timeout) {
            set.set_failed(Error::new(ErrorKind::Unavailable, slow));
            ended = is_done.recv().map_err(|_| RecvTimeoutError::Disconnected);
        }
        if ended.is_err() {
            let message = "a thread that opens the trail panicked: please report it";
            let error = Error::new(ErrorKind::Internal, message);
            broken(&error);
            set.set_failed(error);
        }
    });
    if let Err(error) = started {
        answer.set_failed(error);
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop).map_err(|source| {
        Error::with_source(ErrorKind::Unavailable, "cannot start a thread to open the trail", source)
    })
}
