//! The future of an answer: the intent first, where one is wanted, then the handler, as the request's actor.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use graven::{Error, Scoped};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::AuditBody;
use crate::ids::X_REQUEST_ID;
use crate::in_flight::InFlight;
use crate::plan::Plan;

pin_project! {
    /// The future of an [`AuditService`](crate::AuditService). Dropped before it answers, the request is recorded as
    /// abandoned.
    #[must_use = "a request is served by polling it"]
    pub struct ResponseFuture<S, Sent>
    where
        S: Service<Request<Sent>>,
    {
        // Before `request`, so that what the handler leaves behind is dropped before its end is recorded.
        #[pin]
        stage: Stage<S, Request<Sent>, S::Future>,
        request: Option<InFlight>,
        plan: Arc<Plan>,
    }
}

pin_project! {
    #[project = StagePinned]
    enum Stage<S, R, F> {
        /// The entry before is on its way, and the handler waits.
        Intending { intending: Intending, held: Option<(S, R)> },
        Running { #[pin] future: Scoped<F> },
    }
}

/// The entry before, on its way: `Ok` once it is durable. It is made at the first poll.
type Intending = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

impl<S, Sent> ResponseFuture<S, Sent>
where
    S: Service<Request<Sent>>,
{
    /// Calls the handler now.
    pub(crate) fn run(
        service: &mut S,
        request: Request<Sent>,
        mut in_flight: InFlight,
        plan: &Arc<Plan>,
    ) -> ResponseFuture<S, Sent> {
        let future = call(service, request, &mut in_flight);
        let stage = Stage::Running { future };
        ResponseFuture { stage, request: Some(in_flight), plan: Arc::clone(plan) }
    }

    /// Calls the handler once the intent is durable.
    pub(crate) fn after_intent(
        service: S,
        request: Request<Sent>,
        in_flight: InFlight,
        plan: &Arc<Plan>,
    ) -> ResponseFuture<S, Sent> {
        let intending: Intending = Box::pin(in_flight.audit.begin());
        let stage = Stage::Intending { intending, held: Some((service, request)) };
        ResponseFuture { stage, request: Some(in_flight), plan: Arc::clone(plan) }
    }
}

/// Calls the handler as the request's actor.
fn call<S, Sent>(service: &mut S, request: Request<Sent>, in_flight: &mut InFlight) -> Scoped<S::Future>
where
    S: Service<Request<Sent>>,
{
    let actor = in_flight.audit.actor();
    in_flight.working = true;
    let future = actor.enter(|| service.call(request));
    in_flight.working = false;
    actor.scope(future)
}

impl<S, Sent, Answered> Future for ResponseFuture<S, Sent>
where
    S: Service<Request<Sent>, Response = Response<Answered>>,
    S::Error: Display,
    Answered: Body<Data = Bytes>,
    Answered::Error: Display,
{
    type Output = Result<Response<AuditBody<Answered>>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let request = this.request.as_mut().expect("polled after its end");
        let answered = loop {
            match this.stage.as_mut().project() {
                StagePinned::Intending { intending, held } => {
                    if let Err(_refused) = ready!(intending.as_mut().poll(context)) {
                        let request = this.request.take().expect("looked at above");
                        return Poll::Ready(Ok(refusal(request)));
                    }
                    let (mut service, sent) = held.take().expect("called once");
                    let future = call(&mut service, sent, request);
                    this.stage.set(Stage::Running { future });
                }
                StagePinned::Running { future } => {
                    request.working = true;
                    let polled = future.poll(context);
                    request.working = false;
                    break ready!(polled);
                }
            }
        };
        let mut request = this.request.take().expect("looked at above");
        Poll::Ready(match answered {
            Ok(response) => {
                let (mut parts, body) = response.into_parts();
                say_id(&mut parts.headers, request.audit.request_id());
                request.answered(parts.status, &parts.headers, body.size_hint().exact());
                let body = AuditBody::watched(body, request, this.plan.hash_responses);
                Ok(Response::from_parts(parts, body))
            }
            Err(error) => {
                request.fail(&error);
                Err(error)
            }
        })
    }
}

/// Tells the client the request's id, unless the service has told it one.
fn say_id(headers: &mut http::HeaderMap, id: &str) {
    if !headers.contains_key(X_REQUEST_ID)
        && let Ok(id) = HeaderValue::from_str(id)
    {
        headers.insert(X_REQUEST_ID, id);
    }
}

/// The answer to a request that was not served, as it cannot be recorded.
fn refusal<B>(mut request: InFlight) -> Response<AuditBody<B>> {
    let id = request.audit.request_id().to_owned();
    let body = serde_json::json!({
        "error": "audit_unavailable",
        "message": "nothing was done, because it cannot be recorded now: try again later",
        "request_id": id,
    });
    let mut response = Response::new(AuditBody::own(body.to_string()));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    say_id(headers, &id);
    request.answered(StatusCode::SERVICE_UNAVAILABLE, headers, None);
    request.end();
    response
}
