//! Entries in: batches beside `record --stdin`, and single entries beside an empty handler and a plain sync.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Runtime;

use super::client::{Connection, Target, failed};
use super::serving::Serving;
use crate::bench::limits::{self, Appender};
use crate::bench::pairs::{PAIRS, Pairs};
use crate::bench::report::{Bound, Figure, Report};
use crate::bench::stopwatch::{Stopwatch, Times};
use crate::bench::{Bench, disk, entries, throughput};
use crate::shared::failure::Failure;

/// Where entries go.
pub(super) const ENTRIES: &str = "/v1/trails/main/entries";
pub(super) const NDJSON: &str = "application/x-ndjson";

/// The entries of a batch.
const BATCH: u64 = 1_000;
/// How many connections send batches.
pub(super) const BATCHERS: usize = 4;
/// How many connections send single entries.
const POSTERS: usize = 64;

/// NDJSON in batches, beside `record --stdin` of the same lines.
pub(super) fn batches(bench: &Bench, executor: &Runtime, report: &mut Report) -> Result<(), Failure> {
    bench.note("batches of 1,000");
    let mut body = Vec::new();
    (0..BATCH).for_each(|n| entries::ndjson(n, &mut body));
    let posts = Posts::the_same(NDJSON, body);
    let mut pairs = Pairs::default();
    for _ in 0..PAIRS {
        let data = bench.path("batches");
        let serving = Serving::start(&data, &[])?;
        let sent = executor.block_on(send(&serving.target, BATCHERS, &posts, bench.turn()))?;
        serving.stop()?;
        disk::remove(&data)?;
        let recorded = sent.count as f64 * BATCH as f64 / sent.seconds;
        // As many entries as take about as long.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of entries")]
        let lines = (recorded * bench.turn().as_secs_f64() * 1.5) as u64;
        pairs.add(recorded, throughput::record_stdin(bench, lines.max(BATCH))?);
    }
    let figure =
        Figure::beside("entries in, batches of 1,000, 4 connections", &pairs, "1/s", "record --stdin");
    report.add(figure.goal(Bound::AtLeast(0.5)));
    Ok(())
}

/// Single entries from 64 connections, beside an empty handler with as many, and an append and sync of one line.
pub(super) fn posts(bench: &Bench, executor: &Runtime, report: &mut Report) -> Result<(), Failure> {
    bench.note("single entries from 64 connections");
    let mut body = Vec::new();
    entries::ndjson(7, &mut body);
    let one = Posts::the_same("application/json", body);
    let data = bench.path("posts");
    let (serving, empty) = (Serving::start(&data, &[])?, Serving::empty()?);
    let line = vec![b'x'; entries::stored_line().len() + 1];
    let mut plain = Appender::open(bench, "raw-single")?;
    let (mut pairs, mut rate) = (Pairs::default(), Vec::new());
    for _ in 0..PAIRS {
        let mut sent = executor.block_on(send(&serving.target, POSTERS, &one, bench.turn()))?;
        let mut nothing = executor.block_on(send(&empty.target, POSTERS, &one, bench.turn()))?;
        let mut syncs = Times::default();
        let watch = Stopwatch::start();
        while watch.elapsed() < bench.turn() / 4 {
            syncs.time(|| plain.append(&line)).map_err(|error| limits::failed(&error))?;
        }
        rate.push(sent.count as f64 / sent.seconds);
        let least = nothing.times.percentile_us(0.5) + syncs.percentile_us(0.5);
        pairs.add(sent.times.percentile_us(0.5), least);
    }
    serving.stop()?;
    disk::remove(&data)?;
    let rate = crate::bench::pairs::median(&rate);
    let peer = format!("an empty handler and an append with fdatasync; {rate:.0} entries a second");
    let figure = Figure::beside("one entry in, 64 connections, p50", &pairs, "µs", peer);
    report.add(figure.goal(Bound::AtMost(3.0)));
    Ok(())
}

/// What is posted.
#[derive(Clone)]
pub(super) struct Posts {
    pub(super) path: &'static str,
    pub(super) media_type: &'static str,
    /// Makes each body.
    pub(super) body: Arc<dyn Fn() -> Bytes + Send + Sync>,
}

impl Posts {
    /// The same body for entries again and again.
    fn the_same(media_type: &'static str, body: Vec<u8>) -> Posts {
        let body = Bytes::from(body);
        Posts { path: ENTRIES, media_type, body: Arc::new(move || body.clone()) }
    }
}

/// What was sent.
pub(super) struct Sent {
    pub(super) count: u64,
    times: Times,
    pub(super) seconds: f64,
}

/// Posts from this number of connections at the same time, for this time.
pub(super) async fn send(
    target: &Target,
    connections: usize,
    posts: &Posts,
    time: Duration,
) -> Result<Sent, Failure> {
    let mut opened = Vec::with_capacity(connections);
    for _ in 0..connections {
        opened.push(Connection::open(target).await?);
    }
    let watch = Stopwatch::start();
    let tasks: Vec<_> = opened
        .into_iter()
        .map(|connection| tokio::spawn(post_until(connection, posts.clone(), watch, time)))
        .collect();
    let (mut count, mut times) = (0, Times::default());
    for task in tasks {
        let (sent, took) = task.await.map_err(failed)??;
        count += sent;
        times.add(took);
    }
    Ok(Sent { count, times, seconds: watch.elapsed().as_secs_f64() })
}

async fn post_until(
    mut connection: Connection,
    posts: Posts,
    watch: Stopwatch,
    time: Duration,
) -> Result<(u64, Times), Failure> {
    let (mut count, mut times) = (0, Times::default());
    while watch.elapsed() < time {
        let body = (posts.body)();
        let one = Stopwatch::start();
        let (status, answer) = connection.post(posts.path, posts.media_type, body).await?;
        times.note(one.elapsed());
        check(status, &answer)?;
        count += 1;
    }
    Ok((count, times))
}

/// Refuses an answer that is not that of recorded entries.
pub(super) fn check(status: u16, answer: &Bytes) -> Result<(), Failure> {
    let refused = status != 200 && status != 201;
    if refused || memchr::memmem::find(answer, b"\"error\"").is_some() {
        let text: String = String::from_utf8_lossy(answer).chars().take(300).collect();
        return Err(failed(format_args!("it answered {status}: {text}")));
    }
    Ok(())
}
