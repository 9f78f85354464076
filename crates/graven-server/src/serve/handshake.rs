//! How a connection begins where there is TLS: with a handshake, or in clear.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use graven_tower::one_client;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::bounded::{Bounded, bounded};
use crate::state::State;
use crate::tls::{ClientCertificate, Loaded, Spoken};

/// The first byte of a TLS connection: a record with a handshake. No method of HTTP begins with it.
const HANDSHAKE: u8 = 0x16;

/// What is said of a handshake that fails because of the client's certificate.
const NOT_GOOD: &str = "a certificate that is not good";

/// A connection that has begun.
pub(super) enum Begun {
    /// With the certificate that the client has shown, if any.
    Tls(Box<TlsStream<Bounded<TcpStream>>>, Option<Arc<ClientCertificate>>),
    /// Something else than a handshake came.
    InClear(Bounded<TcpStream>),
}

/// Waits until a connection has begun. `None` when it does not in time, or the server ends.
pub(super) async fn begin(
    stream: TcpStream,
    client: IpAddr,
    tls: &Loaded,
    spoken: Spoken,
    state: &State,
) -> Option<Begun> {
    let begun = timeout(state.settings.limits.handshake_time, either(stream, client, tls, spoken, state));
    tokio::select! {
        biased;
        // Nothing was accepted of it yet.
        () = state.ends() => None,
        begun = begun => begun.ok()?.ok(),
    }
}

async fn either(
    stream: TcpStream,
    client: IpAddr,
    tls: &Loaded,
    spoken: Spoken,
    state: &State,
) -> io::Result<Begun> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let stream = bounded(stream, state);
    if first != [HANDSHAKE] {
        return Ok(Begun::InClear(stream));
    }
    let stream = TlsAcceptor::from(tls.config(spoken)).accept(stream).await;
    let stream = stream.inspect_err(|error| {
        if is_about_certificate(error) {
            state.own.refused(Some(one_client(client)), NOT_GOOD, state.elapsed());
        }
    })?;
    let shown = stream.get_ref().1.peer_certificates().map(|chain| tls.client(chain));
    // A certificate that was judged good and cannot be read names nobody, so it gives no role.
    let shown = shown.flatten().map(Arc::new);
    Ok(Begun::Tls(Box::new(stream), shown))
}

/// Whether a handshake failed because of the client's certificate.
fn is_about_certificate(error: &io::Error) -> bool {
    let why = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(why, Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented))
}
