//! A large trail: how much memory its recorder holds, how long it takes to open after kill -9, and its files.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use graven::{Settings, Trail};

use super::report::Report;
use super::stopwatch::Stopwatch;
use super::{Bench, disk, entries, verifying};
use crate::shared::failure::{Ending, Failure, OK};

/// How many entries the recorder sends at a time.
const BATCH: u64 = 1_000;

/// The ring of a recorder: the default number of entries of about 370 bytes.
const RING_BYTES: u64 = 10_000 * 370;

/// Measures a recorder of so many entries, kills it, and looks at what it leaves.
pub(crate) fn measure(bench: &Bench, entries: u64, report: &mut Report) -> Result<(), Failure> {
    bench.note(&format!("a recorder of {entries} entries"));
    let dir = bench.path("large");
    let resident = record_and_kill(&dir, entries)?;
    let beside_ring = resident.saturating_sub(RING_BYTES) as f64 / 1e6;
    report.at_most(
        "memory of a recorder, beside the ring",
        beside_ring,
        "MB",
        100.0,
        format!("after {entries} entries"),
    );
    let watch = Stopwatch::start();
    let trail = Trail::open(Settings::new(&dir))?;
    let seconds = watch.elapsed().as_secs_f64();
    report.at_most("open after kill -9", seconds, "s", 1.0, format!("{} entries", trail.len()));
    trail.close_blocking()?;
    drop(trail);
    let (mut lines, mut others) = (0, 0);
    for (path, bytes) in disk::files(&dir)? {
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            lines += bytes
        } else {
            others += bytes
        }
    }
    let share = others as f64 / lines as f64 * 100.0;
    report.at_most("files beside the JSON Lines", share, "%", 12.0, format!("of {lines} bytes"));
    verifying::measure(bench, &dir, report)?;
    disk::remove(&dir)
}

/// Runs a recorder until it has recorded enough, asks the system for its memory, and kills it.
fn record_and_kill(dir: &Path, entries: u64) -> Result<u64, Failure> {
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

/// The recorder: says `ready` after so many entries, and goes on until it is killed.
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
        // Nobody killed it: end all the same.
        if n >= entries * 2 + 100_000_000 {
            return Ok(OK);
        }
    }
}
