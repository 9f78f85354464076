//! Bodies pass frame by frame, with their trailers and sizes, and are hashed as they stream by.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use graven::{Actor, Category, Entry, Outcome};
use graven_tower::{AuditLayer, HashRequestsLayer, RequestAudit};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{Place, send, serve};

/// A body of what a function gives.
pub(crate) struct Frames<F>(pub(crate) F);

impl<F> Body for Frames<F>
where
    F: FnMut(&mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> + Unpin,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        (self.0)(context)
    }
}

/// A body of these frames, which says of itself what it is told to.
struct Said {
    frames: VecDeque<Result<Frame<Bytes>, &'static str>>,
    size: SizeHint,
    knows_its_end: bool,
}

impl Said {
    fn new(frames: impl IntoIterator<Item = Result<Frame<Bytes>, &'static str>>) -> Said {
        Said { frames: frames.into_iter().collect(), size: SizeHint::new(), knows_its_end: false }
    }
}

impl Body for Said {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.frames.pop_front())
    }

    fn is_end_stream(&self) -> bool {
        self.knows_its_end && self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}

fn data(text: &'static str) -> Result<Frame<Bytes>, &'static str> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

/// What the layer passes on of a service's answer with this body.
async fn through(
    layer: AuditLayer,
    body: Said,
) -> Response<impl Body<Data = Bytes, Error = &'static str> + Unpin> {
    let body = Arc::new(Mutex::new(Some(body)));
    let service = layer.layer(service_fn(move |_: Request<Empty<Bytes>>| {
        let body = body.lock().unwrap().take().unwrap();
        async move { Ok::<_, Infallible>(Response::new(body)) }
    }));
    service.oneshot(Request::new(Empty::new())).await.unwrap()
}

#[tokio::test]
async fn frames_trailers_and_sizes_are_the_services_own() {
    let place = Place::new();
    let trailers =
        HeaderMap::from_iter([(http::HeaderName::from_static("x-sum"), HeaderValue::from_static("7"))]);
    let mut body = Said::new([data("one"), data(""), data("two"), Ok(Frame::trailers(trailers.clone()))]);
    body.size.set_lower(2);
    body.size.set_upper(900);
    let mut passed = through(AuditLayer::new(place.trail.clone()), body).await;
    assert_eq!((passed.body().size_hint().lower(), passed.body().size_hint().upper()), (2, Some(900)));
    assert!(!passed.body().is_end_stream());
    let mut seen = Vec::new();
    while let Some(frame) = passed.body_mut().frame().await {
        let frame = frame.unwrap();
        seen.push(match frame.into_data() {
            Ok(data) => String::from_utf8(data.to_vec()).unwrap(),
            Err(frame) => format!("{:?}", frame.into_trailers().unwrap()),
        });
    }
    assert_eq!(seen, ["one", "", "two", &format!("{trailers:?}")]);
    assert_eq!(place.entry()["detail"], json!({"status": 200}));
}

#[tokio::test]
async fn an_entry_is_there_when_the_end_is_known_and_not_before() {
    let place = Place::new();
    let body = Said { knows_its_end: true, ..Said::new([data("one"), data("two")]) };
    let mut passed = through(AuditLayer::new(place.trail.clone()), body).await;
    passed.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(place.entries().len(), 0);
    passed.body_mut().frame().await.unwrap().unwrap();
    assert!(passed.body().is_end_stream());
    // Nobody asks a body that knows its end once more.
    assert_eq!(place.entry()["detail"], json!({"status": 200}));
    drop(passed);
    assert_eq!(place.entries().len(), 1);
}

#[tokio::test]
async fn a_body_of_a_known_length_ends_with_its_last_byte() {
    let place = Place::new();
    let body = Said { size: SizeHint::with_exact(6), ..Said::new([data("one"), data("two")]) };
    let mut passed = through(AuditLayer::new(place.trail.clone()), body).await;
    passed.body_mut().frame().await.unwrap().unwrap();
    passed.body_mut().frame().await.unwrap().unwrap();
    drop(passed);
    assert_eq!(place.entry()["detail"], json!({"status": 200}));
}

#[tokio::test]
async fn a_body_that_fails_is_a_failure_with_its_reason() {
    let place = Place::new();
    let body = Said::new([data("one"), Err("the source broke")]);
    let passed = through(AuditLayer::new(place.trail.clone()), body).await;
    assert_eq!(passed.into_body().collect().await.unwrap_err(), "the source broke");
    let entry = place.entry();
    assert_eq!((&entry["outcome"], &entry["reason"]), (&json!("failure"), &json!("the source broke")));
    assert_eq!(entry["detail"], json!({"status": 200, "aborted": true, "bytes_sent": 3}));
}

#[tokio::test]
async fn a_panic_in_the_body_is_a_failure() {
    let place = Place::new();
    let service = AuditLayer::new(place.trail.clone()).layer(service_fn(|_: Request<Empty<Bytes>>| async {
        let body = Frames(|_: &mut Context<'_>| panic!("the body has a fault"));
        Ok::<_, Infallible>(Response::new(body))
    }));
    let task =
        tokio::spawn(
            async move { service.oneshot(Request::new(Empty::new())).await.unwrap().collect().await },
        );
    assert!(task.await.unwrap_err().is_panic());
    let entry = place.entry();
    assert_eq!((&entry["outcome"], &entry["reason"]), (&json!("failure"), &json!("panicked")));
}

#[tokio::test]
async fn a_service_that_fails_is_a_failure_with_its_reason() {
    let place = Place::new();
    let service = AuditLayer::new(place.trail.clone()).layer(service_fn(|_: Request<Empty<Bytes>>| async {
        Err::<Response<Empty<Bytes>>, _>("no backend")
    }));
    let error = service.oneshot(Request::new(Empty::new())).await.err();
    assert_eq!(error, Some("no backend"));
    let entry = place.entry();
    assert_eq!((&entry["outcome"], &entry["reason"]), (&json!("failure"), &json!("no backend")));
    assert_eq!(entry["detail"], json!({"aborted": true}));
}

#[tokio::test]
async fn what_a_body_records_while_it_streams_has_the_requests_actor() {
    let place = Place::new();
    let trail = place.trail.clone();
    let service =
        AuditLayer::new(place.trail.clone()).layer(service_fn(move |request: Request<Empty<Bytes>>| {
            let trail = trail.clone();
            async move {
                let audit = RequestAudit::of(request.extensions()).unwrap();
                audit.set_principal("alice");
                let mut left = 1;
                let body = Frames(move |_: &mut Context<'_>| {
                    assert!(Actor::current().is_some());
                    if left == 0 {
                        return Poll::Ready(None);
                    }
                    left -= 1;
                    trail.emit(Entry::new(Category::Session, "frame", Outcome::Success));
                    Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
                });
                Ok::<_, Infallible>(Response::new(body))
            }
        }));
    service.oneshot(Request::new(Empty::new())).await.unwrap().collect().await.unwrap();
    let entries = place.entries();
    assert_eq!(entries.len(), 2);
    for entry in &entries {
        assert_eq!(entry["principal"], "alice");
        assert_eq!(entry["request_id"], entries[1]["request_id"]);
    }
}

/// `printf 'hello world' | sha256sum`
const HELLO_WORLD: &str = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
/// `printf '' | sha256sum`
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[tokio::test]
async fn bodies_are_hashed_as_they_pass() {
    let place = Place::new();
    let app = Router::new()
        .route("/echo", post(|body: Bytes| async move { body }))
        .route("/unread", post(|| async { "" }))
        .layer(HashRequestsLayer)
        .layer(AuditLayer::new(place.trail.clone()).hash_responses());
    let address = serve(app).await;
    let head = "Host: here\r\nConnection: close\r\n";
    let chunks = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    let echo = format!("POST /echo HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n{chunks}");
    assert_eq!(send(address, echo).await.body, "hello world");
    let unread = format!("POST /unread HTTP/1.1\r\n{head}Content-Length: 5\r\n\r\nhello");
    assert_eq!(send(address, unread).await.status, 200);
    let entries = place.entries();
    assert_eq!(
        entries[0]["detail"],
        json!({
            "status": 200, "request_sha256": HELLO_WORLD, "request_bytes": 11,
            "response_sha256": HELLO_WORLD, "response_bytes": 11,
        })
    );
    // What nobody read is not said to be known.
    assert_eq!(entries[1]["detail"], json!({"status": 200, "response_sha256": NOTHING, "response_bytes": 0}));
}

#[tokio::test]
async fn the_hashing_layer_alone_does_nothing() {
    let service = HashRequestsLayer.layer(service_fn(|request: Request<_>| async {
        let body: graven_tower::HashedBody<Full<Bytes>> = request.into_body();
        Ok::<_, Infallible>(Response::new(body))
    }));
    let request = Request::new(Full::new(Bytes::from_static(b"as it is")));
    let answer = service.oneshot(request).await.unwrap();
    assert_eq!(answer.body().size_hint().exact(), Some(8));
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "as it is");
}
