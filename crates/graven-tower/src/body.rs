//! The body of an answer, passed on as it is, and watched for its end.

use std::fmt::Display;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use graven::Actor;
use graven_core::hash::hex;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use sha2::{Digest, Sha256};

use crate::in_flight::InFlight;

pin_project! {
    /// The body of an answer that went through an [`AuditService`](crate::AuditService): the service's own, with the same
    /// frames, trailers and size. The request's entry is recorded when it ends, fails or is dropped.
    pub struct AuditBody<B> {
        #[pin]
        kind: Kind<B>,
        watch: Option<Watch>,
    }
}

pin_project! {
    #[project = KindPinned]
    enum Kind<B> {
        Inner { #[pin] body: B },
        /// The layer's own answer.
        Own { text: Option<Bytes> },
    }
}

/// What watches a body.
struct Watch {
    request: InFlight,
    actor: Actor,
    hash: Option<Sha256>,
    bytes: u64,
}

impl<B> AuditBody<B> {
    /// An answer of the layer's own. Its caller records the request.
    pub(crate) fn own(text: String) -> AuditBody<B> {
        AuditBody { kind: Kind::Own { text: Some(text.into()) }, watch: None }
    }
}

impl<B: Body<Data = Bytes>> AuditBody<B> {
    /// The body of a request's answer, whose head is known.
    pub(crate) fn watched(body: B, request: InFlight, hashed: bool) -> AuditBody<B> {
        let actor = request.audit.actor();
        let watch = Watch { request, actor, hash: hashed.then(Sha256::new), bytes: 0 };
        // Servers do not poll an empty body.
        let watch = match body.is_end_stream() {
            true => {
                watch.end();
                None
            }
            false => Some(watch),
        };
        AuditBody { kind: Kind::Inner { body }, watch }
    }
}

impl Watch {
    fn data(&mut self, data: &[u8]) {
        self.request.sent(data.len());
        self.bytes += data.len() as u64;
        if let Some(hash) = &mut self.hash {
            hash.update(data);
        }
    }

    fn end(mut self) {
        if let Some(hash) = self.hash.take() {
            self.request.audit.found("response_sha256", hex(&hash.finalize()).into());
            self.request.audit.found("response_bytes", self.bytes.into());
        }
        self.request.end();
    }
}

impl<B> Body for AuditBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Display,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let mut body = match this.kind.project() {
            KindPinned::Inner { body } => body,
            KindPinned::Own { text } => return Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
        };
        let Some(watch) = this.watch else { return body.poll_frame(context) };
        watch.request.working = true;
        let polled = watch.actor.enter(|| body.as_mut().poll_frame(context));
        watch.request.working = false;
        let over = match &polled {
            Poll::Pending => false,
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    watch.data(data);
                } else if let Some(trailers) = frame.trailers_ref() {
                    watch.request.trailers(trailers);
                }
                frame.is_trailers() || body.is_end_stream() || watch.request.has_sent_all()
            }
            Poll::Ready(Some(Err(error))) => {
                if let Some(watch) = this.watch.take() {
                    watch.request.fail(error);
                }
                false
            }
        };
        if over && let Some(watch) = this.watch.take() {
            watch.end();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Own { text } => text.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Own { text } => SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64)),
        }
    }
}
