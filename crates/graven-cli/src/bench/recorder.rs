//! A large trail: the memory of its recorder, how long it takes to open after kill -9, and the size of its files.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use graven::{Settings, Trail};

use super::pairs::Pairs;
use super::report::{Bound, Figure, Report};
use super::stopwatch::Stopwatch;
use super::{Bench, disk, entries, verifying};
use crate::shared::failure::{Ending, Failure, OK};

/// How many entries the recorder records at a time.
const BATCH: u64 = 1_000;

/// The size of the ring of a recorder: by default 10,000 entries, here of about 370 bytes.
const RING_BYTES: u64 = 10_000 * 370;

/// The most bytes of hashes, checkpoints and all else, as a share of the JSON Lines.
const OTHER_FILES_MAX: f64 = 0.12;

/// Runs a recorder up to this number of entries, kills it, and measures what it leaves.
pub(crate) fn measure(bench: &Bench, entries: u64, report: &mut Report) -> Result<(), Failure> {
    bench.note(&format!("a recorder of {entries} entries"));
    let dir = bench.path("large");
    let resident = record_and_kill(&dir, entries)?;
    let beside_ring = resident.saturating_sub(RING_BYTES) as f64 / 1e6;
    let basis = format!("without the ring, after {entries} entries");
    report.add(Figure::absolute("memory of a recorder", beside_ring, "MB", basis));
    let watch = Stopwatch::start();
    let trail = Trail::open(Settings::new(&dir))?;
    let seconds = watch.elapsed().as_secs_f64();
    let basis = format!("{} entries", trail.len());
    report.add(Figure::absolute("open after kill -9", seconds, "s", basis));
    trail.close_blocking()?;
    drop(trail);
    let lines = disk::bytes_of_lines(&dir)?;
    let all: u64 = disk::files(&dir)?.iter().map(|(_, bytes)| bytes).sum();
    let mut sizes = Pairs::default();
    sizes.add((all - lines) as f64 / 1e6, lines as f64 / 1e6);
    let figure = Figure::beside("all other files of a trail", &sizes, "MB", "its JSON Lines");
    report.add(figure.goal(Bound::AtMost(OTHER_FILES_MAX)));
    verifying::measure(bench, &dir, report)?;
    disk::remove(&dir)
}

/// Runs a recorder until it has recorded enough, asks the system for its memory, and kills it.
pub(crate) fn record_and_kill(dir: &Path, entries: u64) -> Result<u64, Failure> {
    let cannot = |error| Failure::cannot(format_args!("cannot run a recorder: {error}"));
    let mut child = Command::new(std::env::current_exe().map_err(cannot)?)
        .arg("bench")
        .arg("--recorder")
        .arg(dir)
        .arg("--entries")
        .arg(entries.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(cannot)?;
    let mut ready = String::new();
    let answer = BufReader::new(child.stdout.take().expect("piped above")).read_line(&mut ready);
    let resident = disk::resident_bytes(child.id()).unwrap_or(0);
    let killed = child.kill();
    child.wait().map_err(cannot)?;
    answer.and(killed).map_err(cannot)?;
    if ready.trim() == "ready" {
        Ok(resident)
    } else {
        Err(Failure::cannot("the recorder ended before it was ready"))
    }
}

/// The recorder: prints `ready` after this number of entries, and continues until it is killed.
pub(crate) fn record_until_killed(dir: &Path, entries: u64) -> Ending {
    let trail = Trail::open(Settings::new(dir))?;
    let template = entries::template();
    let mut n = 0;
    loop {
        trail.record_batch_blocking((n..n + BATCH).map(|n| entries::entry(&template, n)).collect())?;
        n += BATCH;
        if n >= entries && n - BATCH < entries {
            let said = writeln!(std::io::stdout(), "ready");
            said.map_err(|error| Failure::output(&error))?;
        }
        // It was not killed: end anyway.
        if n >= entries * 2 + 100_000_000 {
            return Ok(OK);
        }
    }
}
