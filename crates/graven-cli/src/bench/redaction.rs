//! What redaction costs: a clean entry by itself, and the throughput of a trail with it and without.

use std::hint::black_box;
use std::time::Duration;

use graven::{Redaction, Redactor, Settings, Trail};

use super::report::Report;
use super::stopwatch::{Stopwatch, Times};
use super::{Bench, disk, entries};
use crate::shared::failure::Failure;

/// How many entries are timed at once: one takes little more than to ask the clock.
const AT_ONCE: u64 = 256;
/// How often the two trails take turns, so that whatever the disk does, it does to both.
const TURNS: u32 = 8;

/// Measures both.
pub(crate) fn measure(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    clean_entry(bench, report)?;
    throughput(bench, report)
}

/// The step between checking an entry and making its line, for one in which there is no secret.
fn clean_entry(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    bench.note("the redaction of a clean entry");
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
    report.at_most(
        "redaction_clean_entry_p50_us",
        p50,
        "µs",
        0.5,
        "the caller's cost, 256 entries at a time",
    );
    Ok(())
}

fn throughput(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    bench.note("batches of 1,000 from two threads, with redaction and without");
    let (with, without) = (bench.path("redacting"), bench.path("not-redacting"));
    let redacting = Trail::open(Settings::new(&with))?;
    let plain = Trail::open(Settings::new(&without).redaction(Redaction::off()))?;
    let turn = (bench.time / TURNS).max(Duration::from_millis(100));
    let (mut redacted, mut untouched) = (0.0, 0.0);
    for _ in 0..TURNS {
        redacted += rate(&redacting, turn)?;
        untouched += rate(&plain, turn)?;
    }
    for (trail, dir) in [(redacting, with), (plain, without)] {
        trail.close_blocking()?;
        drop(trail);
        disk::remove(&dir)?;
    }
    let turns = f64::from(TURNS);
    let basis =
        format!("{:.0}/s with redaction, {:.0}/s without, in turn", redacted / turns, untouched / turns);
    report.at_least("throughput_with_redaction / without", redacted / untouched, "", 0.85, basis);
    Ok(())
}

/// How many entries a second two threads record in batches of a thousand.
fn rate(trail: &Trail, time: Duration) -> Result<f64, Failure> {
    let before = trail.len();
    let watch = Stopwatch::start();
    std::thread::scope(|scope| {
        let record = || {
            let template = entries::template();
            while watch.elapsed() < time {
                let batch = (0..1_000).map(|n| entries::entry(&template, n)).collect();
                trail.record_batch_blocking(batch)?;
            }
            Ok::<(), graven::Error>(())
        };
        let threads = [scope.spawn(record), scope.spawn(record)];
        threads.into_iter().try_for_each(|thread| thread.join().expect("the thread does not panic"))
    })?;
    Ok((trail.len() - before) as f64 / watch.elapsed().as_secs_f64())
}
