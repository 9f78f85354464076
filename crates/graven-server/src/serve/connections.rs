//! The connections of the server: each has a limited time to begin, to send the head of a request, and to take its answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tower_layer::Layer;

use super::bounded::bounded;
#[cfg(feature = "grpc")]
use super::grpc::Grpc;
use super::handshake::{Begun, begin};
use crate::api;
use crate::limits::Slot;
use crate::peer::Peer;
use crate::state::Shared;
use crate::tls::Spoken;
#[cfg(feature = "grpc")]
use crate::tls::Tls;

/// The open connections, and how to serve one more.
pub(super) struct Connections {
    state: Shared,
    router: Router,
    /// For what comes in clear where there is TLS.
    in_clear: Router,
    http: http1::Builder,
    #[cfg(feature = "grpc")]
    grpc: Grpc,
    open: GracefulShutdown,
}

/// How one connection is served.
struct Serving {
    http: http1::Builder,
    watcher: Watcher,
}

impl Connections {
    pub(super) fn new(state: &Shared) -> Connections {
        let limits = &state.settings.limits;
        let mut http = http1::Builder::new();
        let head = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX);
        http.timer(TokioTimer::new()).header_read_timeout(limits.header_time).max_buf_size(head);
        Connections {
            router: api::router(state),
            in_clear: api::router_in_clear(state),
            state: Arc::clone(state),
            http,
            #[cfg(feature = "grpc")]
            grpc: Grpc::new(state),
            open: GracefulShutdown::new(),
        }
    }

    /// Serves a connection until it ends. It keeps its place until then.
    pub(super) fn serve(&self, stream: TcpStream, address: SocketAddr, place: Slot<IpAddr>) {
        // Small answers are not kept back. It only costs time where it is not possible.
        let _ = stream.set_nodelay(true);
        let serving = self.serving();
        let Some(tls) = &self.state.tls else {
            let stream = bounded(stream, &self.state);
            let router = self.router.clone();
            tokio::spawn(async move {
                serving.http(stream, router, Peer::Address(address, None)).await;
                drop(place);
            });
            return;
        };
        // One too many is closed without a word, as connections are.
        let Ok(shaking) = self.state.gate.handshake(address.ip()) else { return };
        let (router, in_clear) = (self.router.clone(), self.in_clear.clone());
        let (tls, state) = (tls.loaded(), Arc::clone(&self.state));
        tokio::spawn(async move {
            let begun = begin(stream, address.ip(), &tls, Spoken::Http, &state).await;
            drop(shaking);
            match begun {
                Some(Begun::Tls(stream, shown)) => {
                    serving.http(stream, router, Peer::Address(address, shown)).await
                }
                Some(Begun::InClear(stream)) => {
                    serving.http(stream, in_clear, Peer::Address(address, None)).await
                }
                // The client's doing, or the server ends.
                None => {}
            }
            drop(place);
        });
    }

    /// Serves a connection for gRPC until it ends. It keeps its place until then.
    #[cfg(feature = "grpc")]
    pub(super) fn serve_grpc(&self, stream: TcpStream, address: SocketAddr, place: Slot<IpAddr>) {
        // As above.
        let _ = stream.set_nodelay(true);
        let (grpc, state) = (self.grpc.clone(), Arc::clone(&self.state));
        // The end of the server waits until it is dropped.
        let watcher = self.open.watcher();
        let Some(tls) = self.state.tls.as_ref().map(Tls::loaded) else {
            tokio::spawn(async move {
                grpc.serve(bounded(stream, &state), Peer::Address(address, None)).await;
                drop((place, watcher));
            });
            return;
        };
        let Ok(shaking) = self.state.gate.handshake(address.ip()) else { return };
        tokio::spawn(async move {
            let begun = begin(stream, address.ip(), &tls, Spoken::Grpc, &state).await;
            drop(shaking);
            match begun {
                Some(Begun::Tls(stream, shown)) => grpc.serve(stream, Peer::Address(address, shown)).await,
                Some(Begun::InClear(stream)) => {
                    grpc.serve_in_clear(stream, Peer::Address(address, None)).await
                }
                None => {}
            }
            drop((place, watcher));
        });
    }

    /// Serves a program of this machine until its connection ends.
    pub(super) fn serve_here(&self, stream: UnixStream, user: u32, place: Slot<IpAddr>) {
        let (serving, router) = (self.serving(), self.router.clone());
        let stream = bounded(stream, &self.state);
        tokio::spawn(async move {
            serving.http(stream, router, Peer::User(user)).await;
            drop(place);
        });
    }

    /// Waits until every request that was accepted is answered. No connection takes one more.
    pub(super) async fn finish(self) {
        self.open.shutdown().await;
    }

    fn serving(&self) -> Serving {
        Serving { http: self.http.clone(), watcher: self.open.watcher() }
    }
}

impl Serving {
    /// Serves HTTP until the connection ends.
    async fn http<S>(self, stream: S, router: Router, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = TowerToHyperService::new(Extension(peer).layer(router));
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        // An error is the client's: it went away, sent no HTTP, or took too long.
        let _ended = self.watcher.watch(connection).await;
    }
}
