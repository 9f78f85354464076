//! What the layer costs a request beside durability: a trivial service with it and without, in turns, on one thread.
//!
//! `cargo run --release -p graven-tower --example overhead`. With `--count N` it serves N requests through the layer and
//! ends, for `valgrind --tool=callgrind`; with `--count N --bare` without the layer, to take the difference.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it measures, and says what it measured"
)]

use std::convert::Infallible;
use std::error::Error;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use graven::{Settings, Trail, WhenFull};
use graven_tower::{AuditLayer, Peer};
use http::{HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower::{Layer, Service};

/// How many requests a turn, and how many turns of each kind.
const REQUESTS: usize = 2_000;
const TURNS: usize = 60;

/// A service that does nothing.
#[derive(Clone)]
struct Trivial;

impl Service<Request<Full<Bytes>>> for Trivial {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Full<Bytes>>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        ready(Ok(Response::new(Full::new(Bytes::from_static(b"hello")))))
    }
}

/// A request as a browser or an agent sends it.
fn request() -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = "/v1/sessions/01939f6e/prompts?full=1".parse().expect("a path");
    let headers = request.headers_mut();
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    headers.insert("user-agent", HeaderValue::from_static(agent));
    headers.insert("host", HeaderValue::from_static("example.com"));
    headers.insert(
        "traceparent",
        HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    );
    request.extensions_mut().insert(Peer(([192, 0, 2, 7], 40_000).into()));
    request
}

/// Serves one request to its last byte.
fn serve<S, B>(service: &mut S)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    B: Body,
{
    let mut context = Context::from_waker(Waker::noop());
    let mut answer = pin!(service.call(black_box(request())));
    let Poll::Ready(Ok(response)) = answer.as_mut().poll(&mut context) else { panic!("it answers at once") };
    let mut body = pin!(response.into_body());
    while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(&mut context) {
        black_box(frame.is_ok());
    }
}

/// Nanoseconds a request over one turn.
fn turn<S, B>(service: &mut S) -> f64
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    B: Body,
{
    let begin = Instant::now();
    (0..REQUESTS).for_each(|_| serve(service));
    begin.elapsed().as_nanos() as f64 / REQUESTS as f64
}

fn median(mut turns: Vec<f64>) -> f64 {
    turns.sort_by(f64::total_cmp);
    turns[turns.len() / 2]
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    // Room enough that nothing is refused: it is the way into the queue that is measured, not the disk.
    let settings = Settings::new(folder.path().join("trail")).queue_bytes(1 << 30).when_full(WhenFull::Drop);
    let trail = Trail::open(settings)?;
    let layer = AuditLayer::new(trail.clone())
        .routes(["/v1/sessions", "/v1/sessions/{id}", "/v1/sessions/{id}/prompts"])
        .principal(|_| Some("alice@example.com".to_owned()));
    let (mut bare, mut audited) = (Trivial, layer.layer(Trivial));

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(count) = arguments.iter().position(|argument| argument == "--count") {
        let count: usize = arguments.get(count + 1).ok_or("--count needs a number")?.parse()?;
        match arguments.iter().any(|argument| argument == "--bare") {
            true => (0..count).for_each(|_| serve(&mut bare)),
            false => (0..count).for_each(|_| serve(&mut audited)),
        }
        trail.close_blocking()?;
        return Ok(());
    }

    // The entry that the layer makes, taken from the trail, to record it by itself.
    serve(&mut audited);
    trail.flush_blocking()?;
    let mut like_it = trail.recent(1).remove(0);
    (like_it.id, like_it.timestamp) = (None, None);

    let (mut without, mut with, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        without.push(turn(&mut bare));
        with.push(turn(&mut audited));
        let copies = vec![like_it.clone(); REQUESTS];
        let begin = Instant::now();
        copies.into_iter().for_each(|entry| trail.emit(entry));
        alone.push(begin.elapsed().as_nanos() as f64 / REQUESTS as f64);
        // The writer works between the turns, not beside them.
        trail.flush_blocking()?;
    }
    let (without, with, alone) = (median(without), median(with), median(alone));
    println!("a request without the layer  {without:>7.0} ns");
    println!("a request with the layer     {with:>7.0} ns");
    println!("the layer, p50               {:>7.2} µs", (with - without) / 1_000.0);
    println!("of it, recording the entry   {:>7.2} µs", alone / 1_000.0);
    println!("recorded {} requests, lost {}", trail.len(), trail.counters().dropped);
    trail.close_blocking()?;
    Ok(())
}
