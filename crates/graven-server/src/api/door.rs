//! The door before all addresses: is the request for this server, from where is it, and does its sender send too much?

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::Extensions;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http_body::{Frame, SizeHint};

use crate::limits::Entered;
use crate::page;
use crate::peer::Peer;
use crate::problem::Problem;
use crate::state::Shared;

/// From where a request is: the peer, or the address that a trusted proxy says.
#[derive(Debug, Clone, Copy)]
struct ClientAddress(IpAddr);

/// Lets a request pass to the addresses.
pub(super) async fn open(state: &Shared, mut request: Request, next: Next) -> Response {
    let client = request.extensions().get::<Peer>().and_then(|peer| match peer {
        Peer::Address(address, _) => Some(state.gate.client(address.ip(), request.headers())),
        Peer::User(_) => None,
    });
    if let Err(refusal) = state.gate.arrive(client, request.uri(), request.headers()) {
        return (page::always(), Problem::from(refusal)).into_response();
    }
    if let Some(client) = client {
        request.extensions_mut().insert(ClientAddress(client));
    }
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = answered.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        tracing::error!(message, "a fault in the server: please report it");
        Problem::fault().into_response()
    });
    response.headers_mut().extend(page::always());
    response
}

/// From where a request is.
pub(super) fn client(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ClientAddress>().map(|address| address.0)
}

/// Marks an answer that has a place of another kind, such as a stream: it leaves the place of its request to others.
#[derive(Debug, Clone, Copy)]
pub(super) struct HasItsPlace;

/// Keeps the place of a request until its answer is sent or given up.
pub(super) fn keep(entered: Entered, response: Response) -> Response {
    if response.extensions().get::<HasItsPlace>().is_some() {
        return response;
    }
    response.map(|body| Body::new(Kept { body, _entered: entered }))
}

/// The body of an answer, and the place of its request.
struct Kept {
    body: Body,
    _entered: Entered,
}

impl HttpBody for Kept {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
