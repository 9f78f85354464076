//! The connections of the server: each has a limited time to send the head of a request, and to take its answer.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;
use tower_layer::Layer;

use crate::limits::Slot;
use crate::settings::Limits;

/// The open connections, and how to serve one more.
pub(super) struct Connections {
    router: Router,
    http: http1::Builder,
    open: GracefulShutdown,
    answer_pause: Duration,
}

impl Connections {
    pub(super) fn new(router: Router, limits: &Limits) -> Connections {
        let mut http = http1::Builder::new();
        let head = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX);
        http.timer(TokioTimer::new()).header_read_timeout(limits.header_time).max_buf_size(head);
        Connections { router, http, open: GracefulShutdown::new(), answer_pause: limits.answer_pause }
    }

    /// Serves a connection until it ends. It keeps its place until then.
    pub(super) fn serve(&self, stream: TcpStream, peer: SocketAddr, place: Slot<IpAddr>) {
        // Small answers are not kept back. It only costs time where it is not possible.
        let _ = stream.set_nodelay(true);
        // It is started anew by each part that the client takes.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.answer_pause));
        let stream = TokioIo::new(Box::pin(stream));
        let router = Extension(ConnectInfo(peer)).layer(self.router.clone());
        let service = TowerToHyperService::new(router);
        let connection = self.open.watch(self.http.serve_connection(stream, service));
        tokio::spawn(async move {
            // An error is the client's: it went away, sent no HTTP, or took too long.
            let _ended = connection.await;
            drop(place);
        });
    }

    /// Waits until every request that was accepted is answered. No connection takes one more.
    pub(super) async fn finish(self) {
        self.open.shutdown().await;
    }
}
