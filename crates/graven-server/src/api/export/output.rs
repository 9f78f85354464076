//! The body of an export: little is kept of it, and it has an end only when all of it was written.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::state::Shared;

/// How many bytes are collected before they are sent.
const CHUNK_BYTES: usize = 64 << 10;

/// How many of these may wait for the client.
const CHUNKS: usize = 2;

/// How long the client may take nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why an export ends in the middle.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Cut {
    /// The client has gone.
    #[error("the client has gone")]
    Gone,
    /// The client takes nothing any more.
    #[error("the client took nothing for {} s", PATIENCE.as_secs())]
    Stuck,
    /// The server ends.
    #[error("the server ends")]
    Ending,
    /// Some entries do not fit what was signed, and are no hits.
    #[error("some entries do not fit what was signed: {0}")]
    Damaged(String),
    /// The trail could not be read to its end.
    #[error("the trail could not be read to its end; the server's log says why")]
    Unreadable,
}

/// What is sent.
pub(super) struct Output {
    state: Shared,
    runtime: Handle,
    /// `None` once the body has its end.
    sender: Option<Sender<Bytes, Cut>>,
    chunk: String,
}

impl Output {
    /// A body that is written from a thread which may wait.
    pub(super) fn new(state: Shared) -> (Output, Channel<Bytes, Cut>) {
        let (sender, body) = Channel::new(CHUNKS);
        let chunk = String::with_capacity(CHUNK_BYTES);
        (Output { state, runtime: Handle::current(), sender: Some(sender), chunk }, body)
    }

    /// Adds text. Waits when the client is slower.
    pub(super) fn push(&mut self, text: &str) -> Result<(), Cut> {
        self.chunk.push_str(text);
        if self.chunk.len() < CHUNK_BYTES { Ok(()) } else { self.flush() }
    }

    /// Sends what is collected.
    pub(super) fn flush(&mut self) -> Result<(), Cut> {
        let chunk = Bytes::from(std::mem::take(&mut self.chunk));
        let Some(sender) = self.sender.as_mut().filter(|_| !chunk.is_empty()) else { return Ok(()) };
        let state = Arc::clone(&self.state);
        let send = async {
            tokio::select! {
                biased;
                () = state.ends() => Err(Cut::Ending),
                sent = timeout(PATIENCE, sender.send_data(chunk)) => match sent {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(_)) => Err(Cut::Gone),
                    Err(_) => Err(Cut::Stuck),
                },
            }
        };
        self.runtime.block_on(send)
    }

    /// The body is whole.
    pub(super) fn finish(mut self) {
        self.sender = None;
    }

    /// The body ends here, and has no end.
    pub(super) fn cut(mut self, cut: Cut) {
        if let Some(sender) = self.sender.take() {
            sender.abort(cut);
        }
    }
}

impl Drop for Output {
    /// What is dropped without an end was not finished: its thread has panicked.
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.abort(Cut::Unreadable);
        }
    }
}
