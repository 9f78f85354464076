//! The end of a server: streams end, what was accepted is answered, the trails are closed. A second signal ends it at once.

use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use graven::{Category, Outcome};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::connections::Connections;
use crate::archive::Archive;
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
    /// It was asked a second time. What was acknowledged is durable.
    AtOnce,
}

/// What a server is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// To end: in order, and at once when it is asked a second time.
    End,
    /// To read the files of TLS again.
    ReadAgain,
}

/// What a server is asked for, one after the other.
pub type Asked = mpsc::UnboundedReceiver<Ask>;

/// The signals of this process: SIGINT and SIGTERM ask the server to end, and SIGHUP to read files again. From now on none
/// of them ends the process by itself.
///
/// # Errors
/// When the signals cannot be awaited.
pub fn signals() -> io::Result<Asked> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut hang_up = signal(SignalKind::hangup())?;
    let (ask, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let wanted = tokio::select! {
                _ = interrupt.recv() => Ask::End,
                _ = terminate.recv() => Ask::End,
                _ = hang_up.recv() => Ask::ReadAgain,
            };
            if ask.send(wanted).is_err() {
                return;
            }
        }
    });
    Ok(asked)
}

/// Waits until the server is asked for something.
pub(super) async fn next(asked: &mut Asked) -> Ask {
    match asked.recv().await {
        Some(ask) => ask,
        // Nobody is left who could ask.
        None => std::future::pending().await,
    }
}

/// Waits until the server is asked to end.
async fn end_asked(asked: &mut Asked) {
    while next(asked).await != Ask::End {}
}

/// Ends the server.
pub(super) async fn end(state: Shared, connections: Connections, mut asked: Asked) -> Ended {
    let now = Instant::now();
    // Streams wait for this.
    state.ending.send_replace(true);
    let ended = tokio::select! {
        biased;
        () = end_asked(&mut asked) => (Ended::AtOnce, false),
        ended = in_order(&state, connections, now) => ended,
    };
    let (ended, is_shipped) = ended;
    if ended != Ended::InOrder || !is_shipped {
        // Closing a trail may wait for storage, and ending its shipping for the archive: it is too late for that.
        mem::forget(state);
    }
    ended
}

/// Ends in order; how, and whether the shipping of all trails has ended.
async fn in_order(state: &Shared, connections: Connections, now: Instant) -> (Ended, bool) {
    let answered = timeout_at(now + ANSWERING, connections.finish()).await.is_ok();
    state.own.flush(state.elapsed(), true);
    let detail = serde_json::json!({ "answered": answered });
    let outcome = if answered { Outcome::Success } else { Outcome::Failure };
    state.own.tell(Category::Config, own::STOPPED, outcome, detail);
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
    let ended = match closed {
        Ok((Ok(true), _)) if answered => Ended::InOrder,
        _ => Ended::Late,
    };
    (ended, end_shipping(state, now + WHOLE).await)
}

/// Ships what the closing of the trails has sealed, as long as there is time; whether shipping has ended. What is not
/// shipped is durable here, and is shipped after the next start.
async fn end_shipping(state: &Shared, until: Instant) -> bool {
    let archives: Vec<&Archive> = state.trails.all().filter_map(|served| served.archive()).collect();
    archives.iter().for_each(|archive| archive.end_soon());
    let all_ended = async {
        for archive in &archives {
            archive.has_ended().await;
        }
    };
    let has_ended = timeout_at(until, all_ended).await.is_ok();
    for served in state.trails.all() {
        let Some(standing) = served.archive().map(Archive::standing) else { continue };
        if standing.lag.entries > 0 {
            let (trail, entries) = (served.name(), standing.lag.entries);
            tracing::warn!(%trail, entries, "some entries are not in the archive: they are shipped after the next start");
        }
    }
    has_ended
}
