//! How long one caller waits: for durability, and for nothing (`emit`).

use graven::{Settings, Trail};

use super::limits::Appender;
use super::report::Report;
use super::stopwatch::{Stopwatch, Times};
use super::{Bench, disk, entries};
use crate::shared::failure::Failure;

/// Measures one awaiting caller against a plain append + fdatasync, and `emit` by itself.
pub(crate) fn measure(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    durable(bench, report)?;
    emit(bench, report)
}

/// The two take turns, so that whatever the disk does, it does to both.
fn durable(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    bench.note("the latency of one awaiting caller");
    let dir = bench.path("latency");
    let trail = Trail::open(Settings::new(&dir))?;
    let mut raw = Appender::open(bench, "raw-latency")?;
    let line = vec![b'x'; 360];
    let executor = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Failure::cannot(format_args!("cannot start an executor: {error}")))?;
    let (mut plain, mut recorded) = (Times::default(), Times::default());
    let template = entries::template();
    let watch = Stopwatch::start();
    for n in 0.. {
        if watch.elapsed() >= bench.time * 2 {
            break;
        }
        let entry = entries::entry(&template, n);
        let appended = plain.time(|| raw.append(&line));
        appended.map_err(|error| Failure::cannot(format_args!("cannot measure the disk: {error}")))?;
        recorded.time(|| executor.block_on(trail.record(entry)))?;
    }
    trail.close_blocking()?;
    drop(trail);
    disk::remove(&dir)?;
    for (name, share, factor) in [
        ("durable latency, one awaiting caller, p50", 0.5, 1.4),
        ("durable latency, one awaiting caller, p99", 0.99, 2.0),
    ] {
        let (raw, ours) = (plain.percentile_us(share), recorded.percentile_us(share));
        report.at_most(
            name,
            ours,
            "µs",
            raw * factor,
            format!("{factor} × plain append + fdatasync in turn, {raw:.0} µs"),
        );
    }
    Ok(())
}

fn emit(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    bench.note("emit");
    let dir = bench.path("emit");
    let trail = Trail::open(Settings::new(&dir))?;
    let mut times = Times::default();
    let template = entries::template();
    let watch = Stopwatch::start();
    for n in 0.. {
        if watch.elapsed() >= bench.time {
            break;
        }
        let entry = entries::entry(&template, n);
        times.time(|| trail.emit(entry));
        // The queue never fills: what is measured is the caller's cost, not the disk's.
        if n % 4_096 == 4_095 {
            trail.flush_blocking()?;
        }
    }
    let dropped = trail.counters().dropped;
    trail.close_blocking()?;
    drop(trail);
    disk::remove(&dir)?;
    let basis = format!("the caller's cost; {dropped} were dropped");
    report.at_most("emit on the caller, p50", times.percentile_us(0.5), "µs", 1.5, basis);
    Ok(())
}
