//! The drop-in `graven::audit` beside the native calls: the same entries, by the same callers.
//!
//! Both callers make the same strings and the same JSON value for each entry, as a server does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use graven::audit::{AuditCategory, AuditLog, AuditOutcome};
use graven::{Category, Entry, Outcome, Settings, Trail};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::pairs::Pairs;
use super::report::{Bound, Figure, Report};
use super::stopwatch::{Stopwatch, Times};
use super::{Bench, disk, executor};
use crate::shared::failure::Failure;

/// How many tasks record at the same time.
const TASKS: u64 = 1_024;

/// How often the two take turns.
const PAIRS: u32 = 10;

/// How many entries the drop-in keeps in memory: its default.
const ENTRIES_MAX: usize = 10_000;

/// The folder of both files.
const FOLDER: &str = "drop-in";

const ACTION: &str = "tool:bash";
const PRINCIPAL: &str = "agent-7@build.example.com";

/// Measures the rate of many tasks, and the latency of one caller.
pub(crate) fn measure(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    bench.note("1,024 tasks through the drop-in and through the native calls");
    let (drop_in, native) = (Caller::of_drop_in(bench), Caller::native(bench)?);
    let executor = executor()?;
    let time = bench.time / PAIRS;
    let mut rates = Pairs::default();
    for _ in 0..PAIRS {
        rates.add(drop_in.rate_of_tasks(&executor, time)?, native.rate_of_tasks(&executor, time)?);
    }
    bench.note("the latency of one caller of the drop-in and of the native calls");
    let mut halves = Pairs::default();
    for _ in 0..PAIRS {
        let (through_drop_in, through_native) = take_turns(&drop_in, &native, time)?;
        halves.add(through_drop_in, through_native);
    }
    drop_in.end()?;
    native.end()?;
    disk::remove(&bench.path(FOLDER))?;
    let peer = "Trail::record of the same entries";
    let figure = Figure::beside("durable entries, drop-in, 1,024 tasks", &rates, "1/s", peer);
    report.add(figure.goal(Bound::AtLeast(0.9)));
    let figure = Figure::beside("durable latency, drop-in, one caller, p50", &halves, "µs", peer);
    report.add(figure.goal(Bound::AtMost(1.05)));
    Ok(())
}

/// Who records, and how.
#[derive(Debug, Clone)]
enum Caller {
    DropIn(AuditLog),
    Native(Trail),
}

impl Caller {
    fn of_drop_in(bench: &Bench) -> Caller {
        let path = bench.path(FOLDER).join("drop-in.jsonl");
        Caller::DropIn(AuditLog::new(ENTRIES_MAX, Some(path)))
    }

    fn native(bench: &Bench) -> Result<Caller, Failure> {
        let path = bench.path(FOLDER).join("native.jsonl");
        Ok(Caller::Native(Trail::open(Settings::live_file(path))?))
    }

    async fn record(&self, n: u64) -> Result<(), Failure> {
        match self {
            Caller::DropIn(log) => {
                let (category, outcome) = (AuditCategory::ToolExecution, AuditOutcome::Success);
                log.log(category, ACTION, outcome, Some(PRINCIPAL.to_owned()), Some(detail(n))).await;
            }
            Caller::Native(trail) => {
                let entry = Entry::new(Category::ToolExecution, ACTION, Outcome::Success);
                trail.record(entry.principal(PRINCIPAL).detail(detail(n))).await?;
            }
        }
        Ok(())
    }

    /// How many entries per second tasks record, each with one outstanding.
    fn rate_of_tasks(&self, executor: &Runtime, time: Duration) -> Result<f64, Failure> {
        let recorded = Arc::new(AtomicU64::new(0));
        let watch = Stopwatch::start();
        let running: Vec<_> = (0..TASKS)
            .map(|task| {
                let (caller, recorded) = (self.clone(), Arc::clone(&recorded));
                executor.spawn(async move {
                    let mut n = task;
                    while watch.elapsed() < time {
                        caller.record(n).await?;
                        n += TASKS;
                        recorded.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok::<(), Failure>(())
                })
            })
            .collect();
        for task in running {
            let joined = executor.block_on(task);
            joined.map_err(|error| Failure::cannot(format_args!("a recording task failed: {error}")))??;
        }
        Ok(recorded.load(Ordering::Relaxed) as f64 / watch.elapsed().as_secs_f64())
    }

    /// Closes what it has recorded in.
    fn end(self) -> Result<(), Failure> {
        match self {
            Caller::DropIn(log) if log.failures() > 0 => {
                let failures = log.failures();
                Err(Failure::cannot(format_args!("the drop-in has not recorded {failures} entries")))
            }
            Caller::DropIn(_) => Ok(()),
            Caller::Native(trail) => Ok(trail.close_blocking()?),
        }
    }
}

/// Lets both record in turn, call by call, from one thread. Returns the median latency of each, in microseconds.
fn take_turns(one: &Caller, other: &Caller, time: Duration) -> Result<(f64, f64), Failure> {
    let executor = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Failure::cannot(format_args!("cannot start an executor: {error}")))?;
    let (mut of_one, mut of_other) = (Times::default(), Times::default());
    let watch = Stopwatch::start();
    let mut n = 0;
    while watch.elapsed() < time {
        of_one.time(|| executor.block_on(one.record(n)))?;
        of_other.time(|| executor.block_on(other.record(n)))?;
        n += 1;
    }
    Ok((of_one.percentile_us(0.5), of_other.percentile_us(0.5)))
}

fn detail(n: u64) -> Value {
    json!({
        "command": "cargo test --workspace",
        "cwd": "/srv/agents/build-17",
        "exit_code": 0,
        "stdout_bytes": n % 50_000,
    })
}
