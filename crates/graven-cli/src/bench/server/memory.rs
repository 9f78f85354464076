//! The memory of a server with a large trail: idle, and with a thousand connections.

use std::time::Duration;

use graven::{Settings, Trail};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::client::{Connection, Target, failed};
use super::serving::Serving;
use crate::bench::report::{Bound, Figure, Report};
use crate::bench::stopwatch::Stopwatch;
use crate::bench::{Bench, disk, entries};
use crate::shared::failure::Failure;

/// How many entries are recorded at a time.
const BATCH: u64 = 1_000;

/// How many connections there are.
const CONNECTIONS: usize = 1_000;

/// The index of a large trail takes a while, and memory is given back some time after.
const PATIENCE: Duration = Duration::from_secs(900);
const SETTLED: Duration = Duration::from_secs(5);

/// The most memory of an idle server, in MB.
const IDLE_MAX: f64 = 100.0;

pub(super) fn measure(
    bench: &Bench,
    executor: &Runtime,
    count: u64,
    report: &mut Report,
) -> Result<(), Failure> {
    bench.note(&format!("the memory of a server with {count} entries"));
    let (data, large) = (bench.path("memory"), bench.path("large"));
    record(&large, count)?;
    let serving = Serving::start(&data, &[format!("large={}", large.display())])?;
    let target = &serving.target;
    executor.block_on(indexed(target))?;
    std::thread::sleep(SETTLED);
    let idle = serving.resident_bytes()?;
    let basis = format!("with {count} entries and their index");
    let figure = Figure::absolute("memory of an idle server", idle / 1e6, "MB", basis);
    report.add(figure.goal(Bound::AtMost(IDLE_MAX)));
    for (name, path) in [
        ("1,000 idle connections", "/v1/trails"),
        ("1,000 streams", "/v1/trails/large/stream?q=outcome:denied"),
    ] {
        let open = executor.block_on(connections(target, path))?;
        std::thread::sleep(SETTLED);
        let more = serving.resident_bytes()? - idle;
        drop(open);
        let basis = format!("more than idle; {:.1} kB each", more / 1e3 / CONNECTIONS as f64);
        report.add(Figure::absolute(name, more / 1e6, "MB", basis));
        std::thread::sleep(SETTLED);
    }
    serving.stop()?;
    disk::remove(&data)?;
    disk::remove(&large)
}

fn record(dir: &std::path::Path, count: u64) -> Result<(), Failure> {
    let trail = Trail::open(Settings::new(dir))?;
    let template = entries::template();
    let mut n = 0;
    while n < count {
        let batch = n..count.min(n + BATCH);
        n = batch.end;
        trail.record_batch_blocking(batch.map(|n| entries::entry(&template, n)).collect())?;
    }
    Ok(trail.close_blocking()?)
}

/// Waits until the server has indexed the large trail.
async fn indexed(target: &Target) -> Result<(), Failure> {
    let watch = Stopwatch::start();
    let mut connection = Connection::open(target).await?;
    while watch.elapsed() < PATIENCE {
        let answer = connection.get("/v1/trails/large").await?;
        let bytes = answer.into_body().collect().await.map_err(failed)?.to_bytes();
        let trail: Value = serde_json::from_slice(&bytes).map_err(failed)?;
        if trail["index"]["missing"].as_u64() == Some(0) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err(failed("its index was not ready in time"))
}

/// Opens connections, and asks something on each. A stream goes on.
async fn connections(
    target: &Target,
    path: &str,
) -> Result<Vec<(Connection, Option<hyper::body::Incoming>)>, Failure> {
    let mut open = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let mut connection = Connection::open(target).await?;
        let body = connection.get(path).await?.into_body();
        let stream = match path.contains("/stream") {
            true => Some(body),
            false => {
                body.collect().await.map_err(failed)?;
                None
            }
        };
        open.push((connection, stream));
    }
    Ok(open)
}
