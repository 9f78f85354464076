//! The runs to disturb: what exists before, what the binary must do, and which of its threads is disturbed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use graven_core::verdict::Verdict;

use crate::judge::{Known, Place, copy};
use crate::strace::{self, Fault, Strike, Threads};
use crate::trace::{self, Call};
use crate::workload::{self, Ended, Feeding, Told};

/// What the binary must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// `graven init`.
    Init,
    /// `graven record` of one entry.
    Record,
    /// `graven record --stdin`, fed step by step. Each step is answered before the next is sent.
    Feed(&'static [&'static [u64]]),
    /// `graven repair --yes`.
    Repair,
}

/// The threads whose calls are traced and disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Who {
    /// The thread that opens the trail.
    Main,
    /// The threads started by the first one, traced from the beginning.
    Others,
    /// The thread with this name, traced once the trail is open.
    Named(&'static str),
}

pub(crate) const WRITER: Who = Who::Named("graven-write");
pub(crate) const PUBLISHER: Who = Who::Named("graven-publish");

/// A run, and what exists before it.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// The folder at the start, copied for each run. `None` for an empty folder.
    pub(crate) base: Option<PathBuf>,
    /// The name of the trail in the folder.
    pub(crate) trail: &'static str,
    pub(crate) doing: Doing,
    /// The durable log in the base.
    pub(crate) before: Vec<u8>,
    /// The verdict on the base, when it was tampered with.
    pub(crate) rightly: Option<Verdict>,
    /// Whether it must be repaired before it opens.
    pub(crate) contradicted: bool,
    /// Whether another process has the trail open, and goes on after the fault.
    pub(crate) beside: bool,
}

/// The result of a run.
pub(crate) struct Ran {
    pub(crate) place: Place,
    pub(crate) known: Known,
    pub(crate) ended: Ended,
    /// The calls that strace saw: all, or those with the name that was struck.
    pub(crate) calls: Vec<Call>,
    /// Whether the fault happened.
    pub(crate) struck: bool,
    /// How the other process ended, and how many of its entries were not acknowledged.
    pub(crate) beside: Option<(Ended, usize)>,
    _folder: Option<tempfile::TempDir>,
}

/// The id of the entry of [`Doing::Record`].
const ONE: &str = "e-one";

impl Scenario {
    /// Runs it in a new folder, with a fault or without.
    pub(crate) fn run(&self, who: Who, strike: Option<&Strike>) -> Ran {
        let folder = tempfile::tempdir().unwrap();
        let place = self.place(folder.path());
        Ran { _folder: Some(folder), ..self.run_in(place, who, strike) }
    }

    /// The place of the trail in this folder.
    pub(crate) fn place(&self, folder: &Path) -> Place {
        let folder = folder.canonicalize().unwrap();
        Place { trail: folder.join(self.trail), folder }
    }

    /// Runs it in a folder that is empty, apart from what the file system put there.
    pub(crate) fn run_in(&self, place: Place, who: Who, strike: Option<&Strike>) -> Ran {
        if let Some(base) = &self.base {
            copy(base, &place.folder);
        }
        if self.doing != Doing::Init {
            // So that the verifier remembers the trail.
            place.verdict().unwrap();
        }
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut other = self.beside.then(|| Companion::start(&place, strike));
        let (mut told, mut asked, ended) = match (self.doing, who) {
            (Doing::Feed(steps), Who::Named(thread)) => {
                feed_attached(&place, steps, thread, strike, log.path(), other.as_mut())
            }
            (Doing::Feed(steps), _) => {
                let mut feeding = Feeding::start(self.traced(&place, who, strike, log.path()));
                steps.iter().for_each(|step| feeding.send(step.iter().copied()));
                feeding.finish()
            }
            _ => self.once(self.traced(&place, who, strike, log.path())),
        };
        // It goes on, whatever has happened to the first.
        let beside = other.map(|other| {
            let (others, its, ended) = other.finish();
            let missing = its.len() - others.acknowledged.len();
            told.acknowledged.extend(others.acknowledged);
            asked.extend(its);
            (ended, missing)
        });
        let trace = std::fs::read_to_string(log.path()).unwrap();
        let calls = trace::parse(&trace);
        let struck = strike.is_some_and(|strike| match strike.fault {
            Fault::Kill => trace.contains("+++ killed by SIGKILL +++"),
            Fault::Eio | Fault::Enospc | Fault::Lie | Fault::Hang => calls.iter().any(|call| call.injected),
        });
        let created = self.doing == Doing::Init && ended.code == Some(0);
        let (before, rightly, contradicted) = (self.before.clone(), self.rightly, self.contradicted);
        let known = Known { before, told, asked, created, rightly, contradicted };
        Ran { place, known, ended, calls, struck, beside, _folder: None }
    }

    /// The command under strace, from its beginning.
    fn traced(&self, place: &Place, who: Who, strike: Option<&Strike>, log: &Path) -> Command {
        let threads = if who == Who::Main { Threads::Main } else { Threads::All };
        let mut command = strace::command(threads, strike, log);
        command.current_dir(&place.folder).env("XDG_STATE_HOME", place.folder.join("state"));
        let trail = place.trail();
        match self.doing {
            Doing::Init => command.args(["init", trail, "--segment-bytes", "1"]),
            Doing::Repair => command.args(["repair", trail, "--yes"]),
            Doing::Feed(_) => command.args(["record", trail, "--stdin"]),
            Doing::Record => command
                .args(["record", trail, "--json", "--category", "api", "--action", "a"])
                .args(["--outcome", "success", "--id", ONE]),
        };
        command
    }

    fn once(&self, command: Command) -> (Told, Vec<String>, Ended) {
        let (stdout, ended) = workload::run(command);
        let mut told = Told::default();
        if self.doing != Doing::Record {
            return (told, Vec::new(), ended);
        }
        let asked = vec![ONE.to_owned()];
        match stdout.lines().next().filter(|_| stdout.ends_with('\n')) {
            Some(line) => told.hear(line, &asked),
            None if workload::is_doubtful(&ended.stderr) => told.doubtful.push(ONE.into()),
            // It was killed before it answered.
            None if ended.code.is_none() => {}
            None => told.refused.push(ONE.into()),
        }
        (told, asked, ended)
    }
}

/// Another recorder on the same trail, which no fault strikes.
struct Companion {
    feeding: Feeding,
    /// The number of its next entry.
    next: u64,
    /// Whether its answers are waited for. Not where a lock may stay locked until the struck process ends.
    waits: bool,
}

/// The number of its first entry, and how many it records at a time. Two times are past the end of a segment.
const COMPANIONS: u64 = 1_000;
const AT_A_TIME: u64 = 5;

impl Companion {
    fn start(place: &Place, strike: Option<&Strike>) -> Companion {
        let feeding = Feeding::start(place.command(["record", place.trail(), "--stdin"]));
        let waits = !strike.is_some_and(|strike| strike.call == "flock" && strike.fault == Fault::Eio);
        let mut other = Companion { feeding, next: COMPANIONS, waits: true };
        other.record();
        other.waits = waits;
        other
    }

    fn record(&mut self) {
        let numbers = self.next..self.next + AT_A_TIME;
        self.next = numbers.end;
        if self.waits { self.feeding.send(numbers) } else { self.feeding.ask(numbers) }
    }

    /// Records once more, and ends.
    fn finish(mut self) -> (Told, Vec<String>, Ended) {
        self.waits = true;
        self.record();
        self.feeding.finish()
    }
}

/// Feeds a recorder, and attaches strace to one of its threads once the trail is open.
fn feed_attached(
    place: &Place,
    steps: &[&[u64]],
    thread: &'static str,
    strike: Option<&Strike>,
    log: &Path,
    mut other: Option<&mut Companion>,
) -> (Told, Vec<String>, Ended) {
    let mut feeding = Feeding::start(place.command(["record", place.trail(), "--stdin"]));
    let thread_id =
        strace::find_thread(&mut feeding.child, thread).expect("it opens the trail and starts its threads");
    let strace = strace::attach(thread_id, strike, log);
    for step in steps {
        feeding.send(step.iter().copied());
        if let Some(other) = &mut other {
            other.record();
        }
        if Who::Named(thread) == PUBLISHER {
            wait_for_checkpoint(place, &mut feeding, log);
        }
    }
    let done = feeding.finish();
    strace.wait();
    done
}

/// Waits until the publisher has sealed everything, was struck, or has had a minute.
fn wait_for_checkpoint(place: &Place, feeding: &mut Feeding, log: &Path) {
    let all = place.lines().map_or(0, |lines| lines.len());
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(60) {
        let checkpoint = std::fs::read_to_string(place.trail.join("checkpoint")).unwrap_or_default();
        let sealed = checkpoint.lines().nth(1).is_some_and(|size| size.parse() == Ok(all));
        let struck = std::fs::read_to_string(log).is_ok_and(|log| log.contains("(INJECTED)"));
        if sealed || struck || feeding.child.try_wait().unwrap().is_some() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
