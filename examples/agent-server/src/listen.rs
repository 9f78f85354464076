//! The connections of the server: each has a limited time to send the head of a request, and may end what it began.

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tower_layer::Layer;

/// How long a connection may take until the head of its next request has come. Otherwise anyone could hold as many
/// connections open as the server can have, by sending nothing.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long requests that are being served may take to end after a signal.
const GRACE: Duration = Duration::from_secs(15);

/// How long to wait when no connection can be taken, as when there are too many.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until a signal says to stop, and then what was begun before it. Says on standard output where it listens.
pub(crate) async fn serve(address: SocketAddr, app: Router) -> Result<(), Box<dyn Error>> {
    // Before anybody can know that the server is there.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let listener = TcpListener::bind(address).await.map_err(|error| format!("{address}: {error}"))?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on http://{}", listener.local_addr()?)?;
    stdout.flush()?;
    let connections = GracefulShutdown::new();
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => serve_connection(stream, peer, app.clone(), &connections),
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
        }
    }
    drop(listener);
    // What is not done by then ends with the runtime.
    let _late = tokio::time::timeout(GRACE, connections.shutdown()).await;
    Ok(())
}

fn serve_connection(stream: TcpStream, peer: SocketAddr, app: Router, connections: &GracefulShutdown) {
    let service = TowerToHyperService::new(Extension(ConnectInfo(peer)).layer(app));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        // An error is the client's: it went away, sent no HTTP, or took too long.
        let _ended = connection.await;
    });
}
