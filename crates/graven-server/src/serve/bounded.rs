//! A stream to a client that ends when the client takes nothing of its answer for too long.

use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_io_timeout::TimeoutStream;

use crate::state::State;

/// A stream that ends when the client takes nothing of its answer for too long.
pub(super) type Bounded<S> = Pin<Box<TimeoutStream<S>>>;

/// Each part that the client takes gives it the whole time for the next one.
pub(super) fn bounded<S: AsyncRead + AsyncWrite>(stream: S, state: &State) -> Bounded<S> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(state.settings.limits.answer_pause));
    Box::pin(stream)
}
