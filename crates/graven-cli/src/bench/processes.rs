//! Several processes on one trail: all busy together beside one alone, and one caller beside three that are idle.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use graven::{Settings, Trail};

use super::latency::Caller;
use super::pairs::{PAIRS, Pairs, median};
use super::report::{Bound, Figure, Report};
use super::{Bench, disk, executor, throughput};
use crate::shared::failure::{Ending, Failure, OK};

/// How many processes have the trail open.
const PROCESSES: usize = 4;

/// How many tasks record at the same time, in all processes together.
const TASKS: usize = 1_024;

/// Measures both.
pub(crate) fn measure(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    busy(bench, report)?;
    idle(bench, report)
}

/// Four processes with a quarter of the tasks each, and one process with all of them, take turns.
fn busy(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    bench.note("four processes on one trail");
    let dir = bench.path("processes");
    let mut pairs = Pairs::default();
    let mut least = Vec::new();
    for _ in 0..PAIRS {
        let alone = record_in(1, &dir, bench.turn())?;
        let together = record_in(PROCESSES, &dir, bench.turn())?;
        let all: f64 = together.iter().sum();
        pairs.add(all, alone.iter().sum());
        least.push(together.iter().copied().fold(f64::INFINITY, f64::min) / all * 100.0);
    }
    disk::remove(&dir)?;
    let peer = format!("one process with 1,024 tasks; the slowest of the four had {:.0} %", median(&least));
    let figure = Figure::beside("durable entries, 4 processes, 1,024 tasks", &pairs, "1/s", peer);
    report.add(figure.goal(Bound::AtLeast(0.7)));
    Ok(())
}

/// One caller on a trail that three idle processes have open too, and on a trail of its own, take turns.
fn idle(bench: &Bench, report: &mut Report) -> Result<(), Failure> {
    bench.note("one caller beside three idle processes");
    let (shared, own) = (bench.path("beside-idle"), bench.path("alone"));
    let mut others = Vec::new();
    for _ in 1..PROCESSES {
        others.push(Recorder::start(&shared, 0, Duration::ZERO)?);
    }
    let mut beside = Caller::open(&shared)?;
    let mut alone = Caller::open(&own)?;
    let mut pairs = Pairs::default();
    for _ in 0..PAIRS {
        let (shared, own) = Caller::take_turns(&mut beside, &mut alone, bench.turn() * 2)?;
        pairs.add(shared, own);
    }
    others.into_iter().try_for_each(|other| other.finish().map(drop))?;
    beside.close()?;
    alone.close()?;
    disk::remove(&shared)?;
    disk::remove(&own)?;
    let figure =
        Figure::beside("one caller beside three idle processes, p50", &pairs, "µs", "the same caller alone");
    report.add(figure.goal(Bound::AtMost(1.1)));
    Ok(())
}

/// Entries per second of each of these processes, which record at the same time.
fn record_in(processes: usize, dir: &Path, time: Duration) -> Result<Vec<f64>, Failure> {
    let tasks = TASKS / processes;
    let started: Result<Vec<Recorder>, Failure> =
        (0..processes).map(|_| Recorder::start(dir, tasks, time)).collect();
    let mut started = started?;
    started.iter_mut().try_for_each(Recorder::go)?;
    started.into_iter().map(|recorder| Ok(recorder.finish()? / time.as_secs_f64())).collect()
}

/// Another process that has a trail open.
struct Recorder {
    child: Child,
    says: BufReader<std::process::ChildStdout>,
}

impl Recorder {
    /// Returns when it has the trail open.
    fn start(dir: &Path, tasks: usize, time: Duration) -> Result<Recorder, Failure> {
        let program = std::env::current_exe().map_err(|error| cannot(&error))?;
        let mut child = Command::new(program)
            .args(["bench", "--beside"])
            .arg(dir)
            .args(["--tasks", &tasks.to_string(), "--milliseconds", &time.as_millis().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| cannot(&error))?;
        let says = BufReader::new(child.stdout.take().expect("piped above"));
        let mut recorder = Recorder { child, says };
        let mut ready = String::new();
        recorder.says.read_line(&mut ready).map_err(|error| cannot(&error))?;
        if ready == "ready\n" { Ok(recorder) } else { Err(Failure::cannot("a recorder did not start")) }
    }

    /// Lets it record.
    fn go(&mut self) -> Result<(), Failure> {
        let stdin = self.child.stdin.as_mut().expect("piped above");
        stdin.write_all(b"go\n").map_err(|error| cannot(&error))
    }

    /// Waits until it has recorded and ended. Returns how many entries it recorded.
    fn finish(mut self) -> Result<f64, Failure> {
        // One that is idle ends when its input does.
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.says.read_to_string(&mut said).map_err(|error| cannot(&error))?;
        let status = self.child.wait().map_err(|error| cannot(&error))?;
        match said.trim().parse() {
            Ok(recorded) if status.success() => Ok(recorded),
            _ => Err(Failure::cannot(format_args!("a recorder ended with {status}"))),
        }
    }
}

/// The other process: opens the trail and says `ready`. Once it is told to, it records from this number of tasks for
/// this time, and says how many entries it recorded.
pub(crate) fn record_beside(dir: &Path, tasks: usize, time: Duration) -> Ending {
    let trail = Trail::open(Settings::new(dir))?;
    let executor = executor()?;
    say("ready")?;
    let mut told = String::new();
    std::io::stdin().read_line(&mut told).map_err(|error| cannot(&error))?;
    let recorded = throughput::record_from_tasks(&executor, &trail, tasks, time)?;
    trail.close_blocking()?;
    say(&recorded.to_string())?;
    Ok(OK)
}

fn say(line: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| Failure::output(&error))
}

fn cannot(error: &std::io::Error) -> Failure {
    Failure::cannot(format_args!("cannot run a recorder: {error}"))
}
