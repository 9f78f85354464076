//! How a connection begins where there is TLS: with a handshake, or in clear.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::connections::{Bounded, bounded};
use crate::state::State;

/// The first byte of a TLS connection: a record with a handshake. No method of HTTP begins with it.
const HANDSHAKE: u8 = 0x16;

/// A connection that has begun.
pub(super) enum Begun {
    Tls(Box<TlsStream<Bounded<TcpStream>>>),
    /// Something else than a handshake came.
    InClear(Bounded<TcpStream>),
}

/// Waits until a connection has begun. `None` when it does not in time, or the server ends.
pub(super) async fn begin(stream: TcpStream, config: Arc<ServerConfig>, state: &State) -> Option<Begun> {
    let begun = timeout(state.settings.limits.handshake_time, either(stream, config, state));
    tokio::select! {
        biased;
        // Nothing was accepted of it yet.
        () = state.ends() => None,
        begun = begun => begun.ok()?.ok(),
    }
}

async fn either(stream: TcpStream, config: Arc<ServerConfig>, state: &State) -> io::Result<Begun> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let stream = bounded(stream, state);
    if first != [HANDSHAKE] {
        return Ok(Begun::InClear(stream));
    }
    let stream = TlsAcceptor::from(config).accept(stream).await?;
    Ok(Begun::Tls(Box::new(stream)))
}
