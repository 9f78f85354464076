//! The service that the layer makes: from a request to the future of its answer.

use std::fmt::Display;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::body::AuditBody;
use crate::in_flight::InFlight;
use crate::plan::Plan;
use crate::response::ResponseFuture;

/// What an [`AuditLayer`](crate::AuditLayer) makes of a service.
#[derive(Clone)]
pub struct AuditService<S> {
    inner: S,
    plan: Arc<Plan>,
}

impl<S: std::fmt::Debug> std::fmt::Debug for AuditService<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S> AuditService<S> {
    pub(crate) fn new(inner: S, plan: Arc<Plan>) -> AuditService<S> {
        AuditService { inner, plan }
    }
}

impl<S, Sent, Answered> Service<Request<Sent>> for AuditService<S>
where
    S: Service<Request<Sent>, Response = Response<Answered>> + Clone,
    S::Error: Display,
    Answered: Body<Data = Bytes>,
    Answered::Error: Display,
{
    type Response = Response<AuditBody<Answered>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, Sent>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Sent>) -> ResponseFuture<S, Sent> {
        let (mut parts, body) = request.into_parts();
        let in_flight = InFlight::new(&self.plan, &mut parts);
        let request = Request::from_parts(parts, body);
        if !in_flight.needs_intent() {
            return ResponseFuture::run(&mut self.inner, request, in_flight, &self.plan);
        }
        // The service that was made ready is the one to call later; a new clone takes its place.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        ResponseFuture::after_intent(ready, request, in_flight, &self.plan)
    }
}
