//! The SHA-256 of what a client sends, taken as it streams by.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use graven_core::hash::hex;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use sha2::{Digest, Sha256};
use tower_layer::Layer;
use tower_service::Service;

use crate::request::RequestAudit;

/// Adds the SHA-256 and the size of each request's body to its entry, as `request_sha256` and `request_bytes`, once the
/// handler has read it whole. It stands inside an [`AuditLayer`](crate::AuditLayer), and does nothing elsewhere.
///
/// A layer of its own, since it puts a body around the request's: the service inside takes a [`HashedBody`], as axum's and
/// tonic's do.
///
/// ```
/// use axum::{Router, routing::post};
/// use graven_tower::{AuditLayer, HashRequestsLayer};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let dir = folder.path().join("trail");
/// let trail = graven::Trail::open(graven::Settings::new(dir))?;
/// let app: Router = Router::new()
///     .route("/v1/files", post(|body: String| async move { body.len().to_string() }))
///     .layer(HashRequestsLayer)
///     .layer(AuditLayer::new(trail).hash_responses());
/// # Ok::<(), graven::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct HashRequestsLayer;

/// What [`HashRequestsLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct HashRequests<S> {
    inner: S,
}

pin_project! {
    /// The body of a request, passed on as it is and hashed.
    #[derive(Debug)]
    pub struct HashedBody<B> {
        #[pin]
        inner: B,
        hash: Option<(RequestAudit, Sha256)>,
        bytes: u64,
    }
}

impl<S> Layer<S> for HashRequestsLayer {
    type Service = HashRequests<S>;

    fn layer(&self, inner: S) -> HashRequests<S> {
        HashRequests { inner }
    }
}

impl<S, B> Service<Request<B>> for HashRequests<S>
where
    S: Service<Request<HashedBody<B>>>,
    B: Body<Data = Bytes>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let hash = RequestAudit::of(request.extensions()).map(|audit| (audit, Sha256::new()));
        self.inner.call(request.map(|inner| {
            let is_empty = inner.is_end_stream();
            let mut body = HashedBody { inner, hash, bytes: 0 };
            if is_empty {
                say(&mut body.hash, 0);
            }
            body
        }))
    }
}

/// Says the hash, once.
fn say(hash: &mut Option<(RequestAudit, Sha256)>, bytes: u64) {
    if let Some((audit, hash)) = hash.take() {
        audit.found("request_sha256", hex(&hash.finalize()).into());
        audit.found("request_bytes", bytes.into());
    }
}

impl<B: Body<Data = Bytes>> Body for HashedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let polled = this.inner.as_mut().poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(data), Some((_, hash))) = (frame.data_ref(), &mut *this.hash) {
                    hash.update(data);
                    *this.bytes += data.len() as u64;
                }
                if this.inner.is_end_stream() {
                    say(this.hash, *this.bytes);
                }
            }
            Poll::Ready(None) => say(this.hash, *this.bytes),
            // A body that failed was not read whole.
            Poll::Ready(Some(Err(_))) => *this.hash = None,
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
