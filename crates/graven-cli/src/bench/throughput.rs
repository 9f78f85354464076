//! Durable entries per second: from many tasks, in batches, and through standard input.
//!
//! A slow disk and a slow processor limit a trail in different ways. So two figures are taken of each way to record:
//! the rate beside plain writes and syncs, and the CPU time beside that of the work which no trail can avoid.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use graven::{Settings, Trail};
use tokio::runtime::Runtime;

use super::pairs::{PAIRS, Pairs, median};
use super::report::{Bound, Figure, Report};
use super::stopwatch::{Stopwatch, cpu_seconds};
use super::work::{self, Work};
use super::{Bench, disk, entries, executor, limits, waking};
use crate::shared::failure::Failure;

/// The least share of the rate of plain writes and syncs.
const RATE_MIN: f64 = 0.6;

/// The most CPU time, as a multiple of that of the work which no trail can avoid.
const CPU_MAX: f64 = 2.0;

/// How many lines go through standard input.
const STDIN_ENTRIES: u64 = 1_000_000;

/// Measures every way to record.
pub(crate) fn measure(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    let executor = executor()?;
    for (tasks, names) in [
        (1_024, ["durable entries, 1,024 tasks", "or CPU time per entry, 1,024 tasks"]),
        (256, ["durable entries, 256 tasks", "or CPU time per entry, 256 tasks"]),
    ] {
        bench.note(&format!("{tasks} tasks on two workers"));
        let measured = take_turns(
            bench,
            |trail| record_from_tasks(&executor, trail, tasks, bench.turn()),
            |time| waking::cpu_seconds_per_task(&executor, tasks, time),
        )?;
        measured.report(names, "line, redaction, leaf hash, node hash, waking a task", report);
    }
    bench.note("batches of 1,000 from two threads");
    let measured = take_turns(bench, |trail| record_batches(trail, bench.turn()), |_| Ok(0.0))?;
    let names = ["durable entries, batches of 1,000, 2 threads", "or CPU time per entry, batches"];
    measured.report(names, "line, redaction, leaf hash, node hash", report);
    bench.note("a million lines through record --stdin");
    let rate = record_stdin(bench, STDIN_ENTRIES)?;
    let basis = "a million lines, from start to exit";
    report.add(Figure::absolute("durable entries, record --stdin", rate, "1/s", basis));
    Ok(())
}

/// What all turns of one way to record gave.
#[derive(Debug, Default)]
struct Measured {
    /// Entries per second, beside those that plain writes and syncs of the same size would carry.
    rates: Pairs,
    /// CPU time per entry in microseconds, beside that of the work which no trail can avoid.
    cpu: Pairs,
    bytes_per_sync: Vec<f64>,
}

impl Measured {
    fn report(&self, [rate, cpu]: [&'static str; 2], work: &str, report: &mut Report) {
        let raw = format!("plain write + fdatasync of {:.0} bytes", median(&self.bytes_per_sync));
        report.add_either([
            Figure::beside(rate, &self.rates, "1/s", raw).goal(Bound::AtLeast(RATE_MIN)),
            Figure::beside(cpu, &self.cpu, "µs", work).goal(Bound::AtMost(CPU_MAX)),
        ]);
    }
}

/// Lets the trail, plain writes and syncs, and the unavoidable work take turns. `waking` measures the CPU time of
/// waking what waits for one entry.
fn take_turns(
    bench: &Bench,
    record: impl Fn(&Trail) -> Result<u64, Failure>,
    waking: impl Fn(Duration) -> Result<f64, Failure>,
) -> Result<Measured, Failure> {
    let dir = bench.path("throughput");
    let trail = Trail::open(Settings::new(&dir))?;
    let mut work = Work::new()?;
    let mut measured = Measured::default();
    for _ in 0..PAIRS {
        let turn = Turn::measure(&trail, &record)?;
        let raw = limits::raw_bytes_per_second(bench, turn.bytes_per_sync())?;
        measured.rates.add(turn.rate(), raw / turn.bytes_per_entry());
        measured.bytes_per_sync.push(turn.bytes_per_sync() as f64);
        // CPU time varies less than a disk does: a part of a turn is enough for each.
        let part = bench.turn() / 4;
        let caller = work::cpu_seconds_of_the_caller(part);
        let unavoidable = work.cpu_seconds_per_entry(part) + waking(part)?;
        measured.cpu.add((turn.cpu_seconds_per_entry() - caller) * 1e6, unavoidable * 1e6);
    }
    trail.close_blocking()?;
    drop(trail);
    disk::remove(&dir)?;
    Ok(measured)
}

/// What the trail did in one turn.
#[derive(Debug)]
struct Turn {
    entries: u64,
    seconds: f64,
    cpu_seconds: f64,
    /// How many groups were synced, and their bytes.
    groups: u64,
    bytes: u64,
}

impl Turn {
    /// `record` returns how many entries it recorded.
    fn measure(trail: &Trail, record: impl Fn(&Trail) -> Result<u64, Failure>) -> Result<Turn, Failure> {
        let dir = trail.layout().dir();
        let (bytes, groups) = (disk::bytes_of_lines(dir)?, trail.counters().groups);
        let (watch, used) = (Stopwatch::start(), cpu_seconds());
        let entries = record(trail)?.max(1);
        let seconds = watch.elapsed().as_secs_f64();
        // What the trail does afterwards belongs to these entries too.
        trail.checkpoint_blocking()?;
        Ok(Turn {
            entries,
            seconds,
            cpu_seconds: cpu_seconds() - used,
            groups: (trail.counters().groups - groups).max(1),
            bytes: disk::bytes_of_lines(dir)? - bytes,
        })
    }

    fn rate(&self) -> f64 {
        self.entries as f64 / self.seconds
    }

    fn bytes_per_entry(&self) -> f64 {
        self.bytes as f64 / self.entries as f64
    }

    fn bytes_per_sync(&self) -> usize {
        usize::try_from(self.bytes / self.groups).unwrap_or(usize::MAX)
    }

    fn cpu_seconds_per_entry(&self) -> f64 {
        self.cpu_seconds / self.entries as f64
    }
}

/// Tasks on an executor, each with one outstanding record.
pub(crate) fn record_from_tasks(
    executor: &Runtime,
    trail: &Trail,
    tasks: usize,
    time: Duration,
) -> Result<u64, Failure> {
    let recorded = Arc::new(AtomicU64::new(0));
    let watch = Stopwatch::start();
    let running: Vec<_> = (0..tasks as u64)
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
    Ok(recorded.load(Ordering::Relaxed))
}

/// Two threads with batches of a thousand.
pub(crate) fn record_batches(trail: &Trail, time: Duration) -> Result<u64, Failure> {
    let recorded = AtomicU64::new(0);
    let watch = Stopwatch::start();
    std::thread::scope(|scope| {
        let record = || {
            let template = entries::template();
            while watch.elapsed() < time {
                let batch = (0..1_000).map(|n| entries::entry(&template, n)).collect();
                let receipts = trail.record_batch_blocking(batch)?;
                recorded.fetch_add(receipts.len() as u64, Ordering::Relaxed);
            }
            Ok::<(), graven::Error>(())
        };
        let threads = [scope.spawn(record), scope.spawn(record)];
        threads.into_iter().try_for_each(|thread| thread.join().expect("the thread does not panic"))
    })?;
    Ok(recorded.into_inner())
}

/// How many entries a second `graven record --stdin` records of this number of lines, with every receipt written.
pub(super) fn record_stdin(bench: &Bench, lines: u64) -> Result<f64, Failure> {
    let input = bench.path("entries.ndjson");
    disk::write_ndjson(&input, lines)?;
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
    Ok(lines as f64 / seconds)
}
