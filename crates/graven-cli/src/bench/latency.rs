//! How long one caller waits: for durability, and with `emit` only for its own work.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use graven::{Entry, Settings, Trail};
use tokio::runtime::Runtime;

use super::limits::{self, Appender};
use super::pairs::{PAIRS, Pairs};
use super::report::{Bound, Figure, Report};
use super::stopwatch::{Stopwatch, Times};
use super::work::Work;
use super::{Bench, disk, entries};
use crate::shared::failure::Failure;

/// How many entries are emitted before a flush. The queue never fills: what is measured is the caller's cost, not the
/// disk's.
const EMITTED_AT_ONCE: u64 = 4_096;

/// Measures one awaiting caller beside a plain append + fdatasync, and `emit` beside the work in it.
pub(crate) fn measure(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    durable(bench, report)?;
    emit(bench, report)
}

/// One caller that awaits each of its entries.
pub(crate) struct Caller {
    trail: Trail,
    executor: Runtime,
    template: Entry,
    /// How many entries it has recorded.
    recorded: u64,
}

impl Caller {
    pub(crate) fn open(dir: &Path) -> Result<Caller, Failure> {
        let executor = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| Failure::cannot(format_args!("cannot start an executor: {error}")))?;
        let trail = Trail::open(Settings::new(dir))?;
        Ok(Caller { trail, executor, template: entries::template(), recorded: 0 })
    }

    /// Records one entry.
    fn record(&mut self, times: &mut Times) -> Result<(), Failure> {
        let entry = entries::entry(&self.template, self.recorded);
        self.recorded += 1;
        times.time(|| self.executor.block_on(self.trail.record(entry)))?;
        Ok(())
    }

    /// Lets two callers record in turn, call by call. Returns the median latency of each, in microseconds.
    pub(crate) fn take_turns(
        one: &mut Caller,
        other: &mut Caller,
        time: Duration,
    ) -> Result<(f64, f64), Failure> {
        let (mut of_one, mut of_other) = (Times::default(), Times::default());
        let watch = Stopwatch::start();
        while watch.elapsed() < time {
            one.record(&mut of_one)?;
            other.record(&mut of_other)?;
        }
        Ok((of_one.percentile_us(0.5), of_other.percentile_us(0.5)))
    }

    pub(crate) fn close(self) -> Result<(), Failure> {
        Ok(self.trail.close_blocking()?)
    }
}

/// The two take turns call by call, so that noise of the disk reaches both.
fn durable(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    bench.note("the latency of one awaiting caller");
    let dir = bench.path("latency");
    let mut caller = Caller::open(&dir)?;
    let mut raw = Appender::open(bench, "raw-latency")?;
    let mut line = entries::stored_line();
    line.push(b'\n');
    let (mut halves, mut tails) = (Pairs::default(), Pairs::default());
    for _ in 0..PAIRS {
        let (mut plain, mut recorded) = (Times::default(), Times::default());
        let watch = Stopwatch::start();
        while watch.elapsed() < bench.turn() * 2 {
            plain.time(|| raw.append(&line)).map_err(|error| limits::failed(&error))?;
            caller.record(&mut recorded)?;
        }
        halves.add(recorded.percentile_us(0.5), plain.percentile_us(0.5));
        tails.add(recorded.percentile_us(0.99), plain.percentile_us(0.99));
    }
    caller.close()?;
    disk::remove(&dir)?;
    let peer = "plain append + fdatasync of the same line, in turn";
    let figure = Figure::beside("durable latency, one caller, p50", &halves, "µs", peer);
    report.add(figure.goal(Bound::AtMost(1.25)));
    let figure = Figure::beside("durable latency, one caller, p99", &tails, "µs", peer);
    report.add(figure.goal(Bound::AtMost(2.0)));
    Ok(())
}

/// Each call is timed by itself, on both sides: so both have the cost of reading the clock.
fn emit(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    bench.note("emit");
    let dir = bench.path("emit");
    let trail = Trail::open(Settings::new(&dir))?;
    let mut work = Work::new()?;
    let template = entries::template();
    let complete = entries::with_id_and_time(entries::template());
    let mut pairs = Pairs::default();
    for _ in 0..PAIRS {
        let (mut emitted, mut worked) = (Times::default(), Times::default());
        let watch = Stopwatch::start();
        while watch.elapsed() < bench.turn() {
            for n in 0..EMITTED_AT_ONCE {
                let entry = entries::entry(&template, n);
                emitted.time(|| trail.emit(entry));
            }
            trail.flush_blocking()?;
        }
        let watch = Stopwatch::start();
        while watch.elapsed() < bench.turn() {
            for n in 0..EMITTED_AT_ONCE {
                let entry = entries::entry(&complete, n);
                black_box(worked.time(|| work.leaf(entry)));
            }
        }
        pairs.add(emitted.percentile_us(0.5), worked.percentile_us(0.5));
    }
    let dropped = trail.counters().dropped;
    trail.close_blocking()?;
    drop(trail);
    disk::remove(&dir)?;
    let peer = format!("line, redaction, leaf hash of the same entry; {dropped} were dropped");
    report.add(Figure::beside("emit on the caller, p50", &pairs, "µs", peer).goal(Bound::AtMost(1.4)));
    Ok(())
}
