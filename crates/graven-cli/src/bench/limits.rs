//! What this machine can do at best: plain writes and syncs, and SHA-256.

use std::io;

use graven::disk::{Disk, File, Open, OsDisk};
use graven::{Hash, durable};
use graven_core::hash::leaf_hash;

use super::report::Report;
use super::stopwatch::{Stopwatch, Times};
use super::{Bench, entries};
use crate::shared::failure::Failure;

/// Measures the machine.
pub(crate) fn measure(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    bench.note("the machine");
    let mut line = Vec::new();
    let line = stored_line(&mut line);
    report.limit("entry, bytes with its newline", line.len() as f64 + 1.0);
    report.limit("SHA-256 of such a leaf, one core, 1/s", leaves_per_second(bench, line));
    let mut single = Appender::open(bench, "raw-single")?;
    let one = vec![b'x'; line.len() + 1];
    let mut times = Times::default();
    let watch = Stopwatch::start();
    while watch.elapsed() < bench.time {
        times.time(|| single.append(&one)).map_err(failed)?;
    }
    report.limit("append + fdatasync of one entry, p50, µs", times.percentile_us(0.5));
    report.limit("append + fdatasync of one entry, p99, µs", times.percentile_us(0.99));
    report.limit("write without sync, MB/s", sequential(bench)? / 1e6);
    Ok(())
}

/// How many bytes a second a plain append + fdatasync moves, with so many bytes a sync.
pub(crate) fn raw_bytes_per_second(bench: &Bench, bytes_a_sync: usize) -> Result<f64, Failure> {
    let mut file = Appender::open(bench, "raw-groups")?;
    let group = vec![b'x'; bytes_a_sync.max(1)];
    let watch = Stopwatch::start();
    while watch.elapsed() < bench.time {
        file.append(&group).map_err(failed)?;
    }
    Ok(file.bytes as f64 / watch.elapsed().as_secs_f64())
}

/// A file that is appended to and synced, as plainly as can be.
#[derive(Debug)]
pub(crate) struct Appender {
    file: std::sync::Arc<dyn File>,
    bytes: u64,
}

impl Appender {
    pub(crate) fn open(bench: &Bench, name: &str) -> Result<Appender, Failure> {
        let path = bench.path(name);
        let file =
            OsDisk.open(&path, Open::Create).map_err(|error| Failure::file("create", &path, &error))?;
        file.set_bytes(0).map_err(|error| Failure::file("empty", &path, &error))?;
        Ok(Appender { file, bytes: 0 })
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        durable::write_all_at(&*self.file, bytes, self.bytes)?;
        self.bytes += bytes.len() as u64;
        self.file.sync_data()
    }
}

fn sequential(bench: &Bench) -> Result<f64, Failure> {
    let mut file = Appender::open(bench, "raw-sequential")?;
    let block = vec![b'x'; 1 << 20];
    let watch = Stopwatch::start();
    while watch.elapsed() < bench.time && file.bytes < 1 << 30 {
        durable::write_all_at(&*file.file, &block, file.bytes).map_err(failed)?;
        file.bytes += block.len() as u64;
    }
    file.file.sync_data().map_err(failed)?;
    Ok(file.bytes as f64 / watch.elapsed().as_secs_f64())
}

fn leaves_per_second(bench: &Bench, line: &[u8]) -> f64 {
    let mut line = line.to_vec();
    let mut last = Hash::EMPTY_TREE;
    let mut count = 0_u64;
    let watch = Stopwatch::start();
    while watch.elapsed() < bench.time {
        for _ in 0..1_000 {
            // Each hash depends on the one before, so that none can be left out.
            line[0] = last.as_bytes()[0];
            last = leaf_hash(&line);
        }
        count += 1_000;
    }
    count as f64 / watch.elapsed().as_secs_f64()
}

/// A line as it is stored.
fn stored_line(line: &mut Vec<u8>) -> &[u8] {
    let mut entry = entries::entry(&entries::template(), 12_345);
    entry.id = Some("01995f3e-8a31-7c04-9d1c-3f6f0c1b2a44".to_owned());
    entry.timestamp = Some("2026-11-24T03:00:00.123456789Z".parse().expect("a time"));
    entry.append_line(0, line).expect("a valid entry");
    line
}

fn failed(error: io::Error) -> Failure {
    Failure::cannot(format_args!("cannot measure the disk: {error}"))
}
