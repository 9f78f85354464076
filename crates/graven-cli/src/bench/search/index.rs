//! What the index costs: its building, its size, and a recorder beside which it is kept up to date.

use std::path::Path;
use std::time::Duration;

use graven::{Settings, Trail};

use super::Args;
use super::child::{Part, Process};
use super::skewed::Skewed;
use crate::bench::pairs::Pairs;
use crate::bench::report::{Bound, Figure, Report};
use crate::bench::stopwatch::{Stopwatch, cpu_seconds};
use crate::bench::{Bench, disk};
use crate::shared::failure::Failure;

/// How many entries the paced recorder records a second, and how many at a time.
const PACE: u64 = 100_000;
const BATCH: u64 = 1_000;

/// For how many times `--seconds` it records at that pace, and then as fast as it can.
const PACED: u32 = 12;
const UNPACED: u32 = 4;

/// How often a recorder with the index beside it and one without take turns.
const TURNS: u32 = 2;

/// Builds the index of the large trail.
pub(super) fn build(bench: &Bench, dir: &Path, report: &mut Report) -> Result<(), Failure> {
    bench.note("building the index");
    let said = Process::start(Part::Build, dir)?.finish()?;
    let entries = said.entries as f64;
    let decoding = decoding_cpu_seconds(dir, said.entries)?;
    let (mut rates, mut sizes) = (Pairs::default(), Pairs::default());
    // Of a small trail nothing is built.
    if said.entries > 0 {
        rates.add(entries / said.cpu_s, entries / decoding);
        let index = disk::files(&dir.join("search"))?.iter().map(|(_, bytes)| bytes).sum::<u64>();
        sizes.add(index as f64 / 1e6, disk::bytes_of_lines(dir)? as f64 / 1e6);
    }
    let basis = "reading and decoding the same lines";
    report.add(Figure::beside("building the index, entries a CPU second", &rates, "1/s", basis));
    report.add(Figure::beside("size of the index", &sizes, "MB", "its JSON Lines").goal(Bound::AtMost(0.16)));
    report.add(memory("memory of the builder", said.memory, 100.0));
    Ok(())
}

/// The memory of a process that asks every question once.
pub(super) fn memory_of_questions(dir: &Path, report: &mut Report) -> Result<(), Failure> {
    let said = Process::start(Part::Ask, dir)?.finish()?;
    report.add(memory("memory of a program that asks", said.memory, 64.0));
    Ok(())
}

fn memory(name: &'static str, bytes: u64, most: f64) -> Figure {
    let basis = "the most that the process had, with the program itself";
    Figure::absolute(name, bytes as f64 / 1e6, "MB", basis).goal(Bound::AtMost(most))
}

fn decoding_cpu_seconds(dir: &Path, entries: u64) -> Result<f64, Failure> {
    let search = super::child::open(dir)?;
    let before = cpu_seconds();
    for record in search.reader().entries(..entries)? {
        std::hint::black_box(record?.entry()?);
    }
    Ok(cpu_seconds() - before)
}

/// A recorder with the index beside it: how far the index is behind at a pace, and what the recorder loses without one.
pub(super) fn follow(bench: &Bench, args: &Args, report: &mut Report) -> Result<(), Failure> {
    bench.note("a recorder with the index beside it");
    let paced = Recording::run(bench, args.seed, Some(PACE), PACED, true)?;
    let lag = paced.behind as f64 / PACE as f64;
    let basis = format!("at {:.0} entries/s; the most durable entries that it had not", paced.rate);
    report.add(
        Figure::absolute("lag of the index behind a recorder", lag, "s", basis).goal(Bound::AtMost(1.0)),
    );
    report.add(memory("memory of the follower", paced.memory, 100.0));
    let mut rates = Pairs::default();
    for _ in 0..TURNS {
        let with = Recording::run(bench, args.seed, None, UNPACED / TURNS, true)?;
        let without = Recording::run(bench, args.seed, None, UNPACED / TURNS, false)?;
        rates.add(with.rate, without.rate);
    }
    let figure = Figure::beside("a recorder with the index beside it", &rates, "1/s", "the same without it");
    report.add(figure.goal(Bound::AtLeast(0.8)));
    Ok(())
}

/// What a recorder did.
struct Recording {
    /// Entries a second.
    rate: f64,
    behind: u64,
    memory: u64,
}

impl Recording {
    fn run(
        bench: &Bench,
        seed: u64,
        pace: Option<u64>,
        times: u32,
        followed: bool,
    ) -> Result<Recording, Failure> {
        let dir = bench.path("followed");
        let trail = Trail::open(Settings::new(&dir).no_flood_control())?;
        let follower = followed.then(|| Process::start(Part::Follow, &dir)).transpose()?;
        let mut skewed = Skewed::new(seed);
        let (time, watch, mut recorded) = (bench.time * times, Stopwatch::start(), 0);
        while recorded == 0 || watch.elapsed() < time {
            let batch = (0..BATCH).map(|_| skewed.entry()).collect();
            recorded += trail.record_batch_blocking(batch)?.len() as u64;
            if let Some(pace) = pace {
                let due = Duration::from_secs_f64(recorded as f64 / pace as f64);
                std::thread::sleep(due.saturating_sub(watch.elapsed()));
            }
        }
        let rate = recorded as f64 / watch.elapsed().as_secs_f64();
        let said = follower.map(Process::finish).transpose()?.unwrap_or_default();
        trail.close_blocking()?;
        drop(trail);
        disk::remove(&dir)?;
        Ok(Recording { rate, behind: said.behind, memory: said.memory })
    }
}
