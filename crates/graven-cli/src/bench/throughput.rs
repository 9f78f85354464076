//! Durable entries a second: from many tasks, in batches, and through standard input.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use graven::{Settings, Trail};

use super::report::Report;
use super::stopwatch::Stopwatch;
use super::{Bench, disk, entries, limits};
use crate::shared::failure::Failure;

/// How many lines go through standard input.
const STDIN_ENTRIES: u64 = 1_000_000;

/// Measures every way in.
pub(crate) fn measure(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    let (rate, ceiling) = tasks(bench, 1_024)?;
    let must = 500_000_f64.min(ceiling / 2.0);
    let basis = format!(
        "500,000, or half of the {ceiling:.0}/s that plain write + fdatasync moves with the same bytes a sync"
    );
    report.at_least("durable entries, 1,024 tasks", rate, "1/s", must, basis);
    let (rate, ceiling) = tasks(bench, 256)?;
    let basis = format!("plain write + fdatasync with the same bytes a sync moves {ceiling:.0}/s");
    report.at_least("durable entries, 256 tasks", rate, "1/s", 400_000.0, basis);
    let (rate, ceiling) = batches(bench)?;
    let basis = format!("plain write + fdatasync with the same bytes a sync moves {ceiling:.0}/s");
    report.at_least("durable entries, batches of 1,000, 2 threads", rate, "1/s", 700_000.0, basis);
    let rate = stdin(bench)?;
    report.at_least(
        "durable entries, record --stdin",
        rate,
        "1/s",
        300_000.0,
        "a million lines, from start to exit",
    );
    Ok(())
}

/// What a trail recorded in a while, and what the disk could have taken.
fn rates(bench: &Bench, trail: Trail, entries: u64, seconds: f64) -> Result<(f64, f64), Failure> {
    let groups = trail.counters().groups.max(1);
    let dir = trail.layout().dir().to_owned();
    trail.close_blocking()?;
    drop(trail);
    let bytes: u64 = disk::files(&dir)?
        .iter()
        .filter(|(path, _)| path.extension().is_some_and(|ending| ending == "jsonl"))
        .map(|(_, bytes)| bytes)
        .sum();
    disk::remove(&dir)?;
    let bytes_a_sync = usize::try_from(bytes / groups).unwrap_or(usize::MAX);
    let raw = limits::raw_bytes_per_second(bench, bytes_a_sync)?;
    Ok((entries as f64 / seconds, raw / (bytes as f64 / entries as f64)))
}

/// Tasks on an executor of two workers, each with one outstanding record.
fn tasks(bench: &Bench, tasks: u64) -> Result<(f64, f64), Failure> {
    bench.note(&format!("{tasks} tasks on two workers"));
    let trail = Trail::open(Settings::new(bench.path("tasks")))?;
    let executor = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .map_err(|error| Failure::cannot(format_args!("cannot start an executor: {error}")))?;
    let recorded = Arc::new(AtomicU64::new(0));
    let watch = Stopwatch::start();
    let time = bench.time;
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let (trail, recorded) = (trail.clone(), Arc::clone(&recorded));
            executor.spawn(async move {
                let template = entries::template();
                let mut n = task << 32;
                while watch.elapsed() < time {
                    trail.record(entries::entry(&template, n)).await?;
                    n += 1;
                    recorded.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), graven::Error>(())
            })
        })
        .collect();
    for task in running {
        let joined = executor.block_on(task);
        joined.map_err(|error| Failure::cannot(format_args!("a recording task failed: {error}")))??;
    }
    let seconds = watch.elapsed().as_secs_f64();
    rates(bench, trail, recorded.load(Ordering::Relaxed), seconds)
}

/// Two threads with batches of a thousand.
fn batches(bench: &Bench) -> Result<(f64, f64), Failure> {
    bench.note("batches of 1,000 from two threads");
    let trail = Trail::open(Settings::new(bench.path("batches")))?;
    let recorded = AtomicU64::new(0);
    let watch = Stopwatch::start();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|thread| {
                let (trail, recorded) = (&trail, &recorded);
                scope.spawn(move || {
                    let template = entries::template();
                    let mut n = thread << 32;
                    while watch.elapsed() < bench.time {
                        let receipts = trail.record_batch_blocking(
                            (n..n + 1_000).map(|n| entries::entry(&template, n)).collect(),
                        )?;
                        n += 1_000;
                        recorded.fetch_add(receipts.len() as u64, Ordering::Relaxed);
                    }
                    Ok::<(), graven::Error>(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("the thread does not panic"))
    })?;
    let seconds = watch.elapsed().as_secs_f64();
    rates(bench, trail, recorded.load(Ordering::Relaxed), seconds)
}

/// A million lines through `graven record --stdin`, with every receipt written.
fn stdin(bench: &Bench) -> Result<f64, Failure> {
    bench.note("a million lines through record --stdin");
    let input = bench.path("entries.ndjson");
    disk::write_ndjson(&input, STDIN_ENTRIES)?;
    let dir = bench.path("stdin");
    Trail::open(Settings::new(&dir))?.close_blocking()?;
    let program = std::env::current_exe()
        .map_err(|error| Failure::cannot(format_args!("cannot find this program's own file: {error}")))?;
    let watch = Stopwatch::start();
    let status = Command::new(program)
        .arg("record")
        .arg(&dir)
        .arg("--stdin")
        .stdin(disk::open(&input)?)
        .stdout(Stdio::null())
        .status()
        .map_err(|error| Failure::cannot(format_args!("cannot run graven record: {error}")))?;
    let seconds = watch.elapsed().as_secs_f64();
    if !status.success() {
        return Err(Failure::cannot(format_args!("graven record ended with {status}")));
    }
    disk::remove(&dir)?;
    Ok(STDIN_ENTRIES as f64 / seconds)
}
