//! The connections for gRPC, over HTTP 2: each has a limited time to begin and between two requests.

use std::pin::pin;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http2;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;
use tower_layer::Layer;

use crate::api;
use crate::peer::Peer;
use crate::state::Shared;

/// How many requests of one connection are answered at a time. Further ones wait in the client.
const STREAMS: u32 = 128;

/// How many bytes a client may send ahead, in one request and in all of its connection. What is sent ahead is in memory.
const REQUEST_AHEAD_BYTES: u32 = 256 << 10;
const CONNECTION_AHEAD_BYTES: u32 = 1 << 20;

/// How long a client may take to agree that its connection ends.
const GOODBYE: Duration = Duration::from_secs(1);

/// How to serve a connection for gRPC. Cheap to clone.
#[derive(Clone)]
pub(super) struct Grpc {
    state: Shared,
    router: Router,
    /// For what comes in clear where there is TLS.
    in_clear: Router,
    http: http2::Builder<TokioExecutor>,
}

impl Grpc {
    pub(super) fn new(state: &Shared) -> Grpc {
        let limits = &state.settings.limits;
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .initial_stream_window_size(REQUEST_AHEAD_BYTES)
            .initial_connection_window_size(CONNECTION_AHEAD_BYTES);
        Grpc {
            state: state.clone(),
            router: api::grpc_router(state),
            in_clear: api::grpc_router_in_clear(state),
            http,
        }
    }

    /// Serves until the connection ends.
    pub(super) async fn serve<S>(self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router.clone();
        self.with(router, stream, peer).await;
    }

    /// Refuses everything until the connection ends.
    pub(super) async fn serve_in_clear<S>(self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.in_clear.clone();
        self.with(router, stream, peer).await;
    }

    async fn with<S>(self, router: Router, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Grpc { state, http, .. } = self;
        let (answering, mut answered) = watch::channel(0_u64);
        let service = TowerToHyperService::new(Extension(peer).layer(router));
        let service = service_fn(move |request| {
            let (place, answer) = (Answering::one_more(&answering), service.call(request));
            async move {
                let _place = place;
                answer.await
            }
        });
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        let time = state.settings.limits.header_time;
        tokio::select! {
            // An error is the client's: it went away, or sent no HTTP 2.
            _ended = connection.as_mut() => return,
            () = state.ends() => {}
            () = quiet(&mut answered, time) => {}
        }
        // It takes no further request. A client that does not even answer to that is not waited for.
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            _ended = connection => {}
            () = quiet(&mut answered, GOODBYE) => {}
        }
    }
}

/// Waits until there was no request for this time, from the beginning or since the last answer.
async fn quiet(answered: &mut watch::Receiver<u64>, time: Duration) {
    loop {
        // It fails when the connection has ended, and with it this.
        let _ = answered.wait_for(|answering| *answering == 0).await;
        match timeout(time, answered.changed()).await {
            Err(_nothing_came) => return,
            Ok(Ok(())) => {}
            Ok(Err(_ended)) => std::future::pending().await,
        }
    }
}

/// One request that is being answered, until this is dropped.
struct Answering(watch::Sender<u64>);

impl Answering {
    fn one_more(answering: &watch::Sender<u64>) -> Answering {
        answering.send_modify(|requests| *requests += 1);
        Answering(answering.clone())
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.send_modify(|requests| *requests -= 1);
    }
}
