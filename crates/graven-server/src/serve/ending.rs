//! The end of a server: streams end, what was accepted is answered, the trails are closed. A second signal ends it at once.

use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use graven::{Category, Outcome};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, timeout_at};

use super::connections::Connections;
use crate::own;
use crate::state::Shared;

/// How long requests may take that were accepted before the signal.
const ANSWERING: Duration = Duration::from_secs(7);

/// How long all of the end may take.
const WHOLE: Duration = Duration::from_secs(10);

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything that was accepted was answered, and the trails are closed.
    InOrder,
    /// Some requests were not answered in time, or a trail could not be closed. What was acknowledged is durable.
    Late,
    /// A second signal came. What was acknowledged is durable.
    AtOnce,
}

/// The signals that a server knows.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From now on no signal ends the process by itself.
    pub(super) fn new() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal that asks the server to end.
    pub(super) async fn next(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                // There is nothing to read again: the file of the tokens is looked at for each request.
                _ = self.hang_up.recv() => {}
            }
        }
    }
}

/// Ends the server.
pub(super) async fn end(state: Shared, connections: Connections, mut signals: Signals) -> Ended {
    let now = Instant::now();
    // Streams wait for this.
    state.ending.send_replace(true);
    let ended = tokio::select! {
        biased;
        () = signals.next() => Ended::AtOnce,
        ended = in_order(&state, connections, now) => ended,
    };
    if ended != Ended::InOrder {
        // Closing a trail may wait for storage, and it is too late for that.
        mem::forget(state);
    }
    ended
}

async fn in_order(state: &Shared, connections: Connections, now: Instant) -> Ended {
    let answered = timeout_at(now + ANSWERING, connections.finish()).await.is_ok();
    state.own.flush(state.elapsed(), true);
    let detail = serde_json::json!({ "answered": answered });
    state.own.tell(Category::Config, own::STOPPED, Outcome::Success, detail);
    let closing: Vec<_> =
        state.trails.all().filter_map(|served| served.writer()).map(|writer| writer.now()).collect();
    let close = tokio::task::spawn_blocking(move || {
        let closed = closing.iter().map(graven::Trail::close_blocking).filter_map(Result::err);
        closed.map(|error| tracing::error!(error = error.chain(), "a trail was not closed")).count() == 0
    });
    let used = Arc::clone(state);
    let save = tokio::task::spawn_blocking(move || {
        if let Err(error) = used.tokens.save_use() {
            tracing::warn!(error = error.to_string(), "the last uses of the tokens were not written down");
        }
    });
    let closed = timeout_at(now + WHOLE, async { (close.await, save.await) }).await;
    match closed {
        Ok((Ok(true), _)) if answered => Ended::InOrder,
        _ => Ended::Late,
    }
}
