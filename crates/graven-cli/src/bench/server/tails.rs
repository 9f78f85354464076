//! A hundred tails, each of which has a hit in a hundred entries, beside a client that records 10,000 entries a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use memchr::memmem;
use tokio::runtime::Runtime;

use super::client::{Connection, Target, failed};
use super::intake::{ENTRIES, NDJSON, check};
use super::serving::Serving;
use crate::bench::pairs::Pairs;
use crate::bench::report::{Bound, Figure, Report};
use crate::bench::stopwatch::Stopwatch;
use crate::bench::{Bench, disk};
use crate::shared::failure::Failure;

/// How many tails there are, and how many sessions: each tail follows one.
const TAILS: u64 = 100;

/// How many entries are sent together, and how often: 10,000 a second.
const BATCH: u64 = 100;
const EVERY: Duration = Duration::from_millis(10);

/// How long the last events may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the two sides take turns.
const TURNS: usize = 3;

/// What all tails have seen.
#[derive(Debug, Default)]
struct Seen {
    entries: AtomicU64,
    lagged: AtomicU64,
}

pub(super) fn measure(bench: &Bench, executor: &Runtime, report: &mut Report) -> Result<(), Failure> {
    bench.note("100 tails");
    let data = bench.path("tails");
    let serving = Serving::start(&data, &[])?;
    let target = &serving.target;
    let mut rates = Pairs::default();
    let (mut lagged, mut missed, mut behind) = (0, 0, Vec::new());
    for _ in 0..TURNS {
        let (rate, alone) = executor.block_on(async {
            let beside = beside(target, bench.time).await?;
            let (rate, _) = record(target, bench.time).await?;
            Ok::<_, Failure>((beside, rate))
        })?;
        rates.add(rate.rate, alone);
        lagged += rate.lagged;
        missed += rate.missed;
        behind.push(rate.behind_ms);
    }
    serving.stop()?;
    disk::remove(&data)?;
    let figure = Figure::beside("10,000 entries/s in, with 100 tails", &rates, "1/s", "without tails");
    report.add(figure.goal(Bound::AtLeast(0.9)));
    let basis = format!("of {} in {TURNS} turns; {missed} hits did not come", TAILS * TURNS as u64);
    let figure = Figure::absolute("tails that lagged", lagged as f64, "", basis);
    report.add(figure.goal(Bound::AtMost(0.0)));
    let figure = Figure::absolute(
        "the last event behind the last receipt",
        crate::bench::pairs::median(&behind),
        "ms",
        "of all tails",
    );
    report.add(figure);
    Ok(())
}

/// What one turn with tails has shown.
struct Beside {
    rate: f64,
    lagged: u64,
    missed: u64,
    behind_ms: f64,
}

/// Records with tails beside it.
async fn beside(target: &Target, time: Duration) -> Result<Beside, Failure> {
    let seen = Arc::new(Seen::default());
    let mut tails = Vec::new();
    for tail in 0..TAILS {
        let mut connection = Connection::open(target).await?;
        let answer = connection.get(&format!("/v1/trails/main/stream?q=session:{}", session(tail))).await?;
        tails.push(tokio::spawn(follow(connection, answer.into_body(), Arc::clone(&seen))));
    }
    let (rate, sent) = record(target, time).await?;
    let watch = Stopwatch::start();
    let is_done = || seen.entries.load(Ordering::Relaxed) >= sent || seen.lagged.load(Ordering::Relaxed) > 0;
    while !is_done() && watch.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let behind_ms = watch.elapsed().as_secs_f64() * 1e3;
    tails.iter().for_each(tokio::task::JoinHandle::abort);
    let missed = sent.saturating_sub(seen.entries.load(Ordering::Relaxed));
    Ok(Beside { rate, lagged: seen.lagged.load(Ordering::Relaxed), missed, behind_ms })
}

/// Sends batches at their pace: entries a second, and how many.
async fn record(target: &Target, time: Duration) -> Result<(f64, u64), Failure> {
    let body = body();
    let mut connection = Connection::open(target).await?;
    let mut ticks = tokio::time::interval(EVERY);
    let (watch, mut sent) = (Stopwatch::start(), 0);
    while watch.elapsed() < time {
        ticks.tick().await;
        let (status, answer) = connection.post(ENTRIES, NDJSON, body.clone()).await?;
        check(status, &answer)?;
        sent += BATCH;
    }
    Ok((sent as f64 / watch.elapsed().as_secs_f64(), sent))
}

/// A batch has an entry of each session.
fn body() -> Bytes {
    use std::io::Write as _;
    let mut body = Vec::new();
    for n in 0..BATCH {
        let session = session(n % TAILS);
        writeln!(
            body,
            r#"{{"category":"tool_execution","action":"tool:bash","outcome":"success","session_id":"{session}","detail":{{"command":"cargo test --workspace","exit_code":0}}}}"#
        )
        .expect("a Vec takes every byte");
    }
    body.into()
}

fn session(number: u64) -> String {
    format!("session-{number:03}")
}

/// Counts the events of a stream until it ends. The connection lives as long.
async fn follow(connection: Connection, mut body: Incoming, seen: Arc<Seen>) -> Result<(), Failure> {
    let _open = connection;
    // An event may come in two pieces.
    let mut text: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame.map_err(failed)?.into_data() else { continue };
        text.extend_from_slice(&bytes);
        let Some(end) = memmem::rfind(&text, b"\n\n") else { continue };
        let whole = &text[..end];
        let count = |event: &[u8]| memmem::find_iter(whole, event).count() as u64;
        seen.entries.fetch_add(count(b"event: entry"), Ordering::Relaxed);
        seen.lagged.fetch_add(count(b"event: lagged"), Ordering::Relaxed);
        text.drain(..end + 2);
    }
    Ok(())
}
