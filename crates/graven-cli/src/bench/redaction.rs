//! What redaction costs: for an entry without secrets by itself, and in the throughput of a trail.

use std::hint::black_box;

use graven::{Redaction, Redactor, Settings, Trail};

use super::pairs::{PAIRS, Pairs};
use super::report::{Bound, Figure, Report};
use super::stopwatch::{Stopwatch, Times};
use super::throughput::record_batches;
use super::{Bench, disk, entries};
use crate::shared::failure::Failure;

/// How many entries are timed at once: one takes little longer than reading the clock.
const AT_ONCE: u64 = 256;

/// Measures both.
pub(crate) fn measure(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    clean_entry(bench, report)?;
    throughput(bench, report)
}

/// The step between checking an entry and making its line, for an entry without a secret.
fn clean_entry(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    bench.note("the redaction of an entry without secrets");
    let redactor = Redactor::new(Redaction::default())?;
    let template = entries::template();
    let mut times = Times::default();
    let watch = Stopwatch::start();
    while watch.elapsed() < bench.time {
        let mut batch: Vec<_> = (0..AT_ONCE).map(|n| entries::entry(&template, n)).collect();
        times.time(|| batch.iter_mut().for_each(|entry| redactor.testing_only_entry(black_box(entry))));
        black_box(&batch);
    }
    let p50 = times.percentile_us(0.5) / AT_ONCE as f64;
    let basis = "the caller's cost, 256 entries at a time";
    report.add(Figure::absolute("redaction of an entry without secrets, p50", p50, "µs", basis));
    Ok(())
}

fn throughput(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    bench.note("batches of 1,000 from two threads, with redaction and without");
    let (with, without) = (bench.path("redacting"), bench.path("not-redacting"));
    let redacting = Trail::open(Settings::new(&with))?;
    let plain = Trail::open(Settings::new(&without).redaction(Redaction::off()))?;
    let mut pairs = Pairs::default();
    for _ in 0..PAIRS {
        pairs.add(rate(bench, &redacting)?, rate(bench, &plain)?);
    }
    for (trail, dir) in [(redacting, with), (plain, without)] {
        trail.close_blocking()?;
        drop(trail);
        disk::remove(&dir)?;
    }
    let figure =
        Figure::beside("durable entries with redaction, batches", &pairs, "1/s", "without redaction");
    report.add(figure.goal(Bound::AtLeast(0.8)));
    Ok(())
}

/// How many entries per second are recorded in one turn.
fn rate(bench: &Bench, trail: &Trail) -> Result<f64, Failure> {
    let watch = Stopwatch::start();
    let recorded = record_batches(trail, bench.turn())?;
    Ok(recorded as f64 / watch.elapsed().as_secs_f64())
}
