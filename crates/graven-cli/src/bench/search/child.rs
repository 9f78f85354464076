//! Parts of the bench that run in processes of their own, so that their memory and CPU time are theirs alone.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use graven_search::{Keeper, Moment, Search, SearchOptions, Where};
use serde::{Deserialize, Serialize};

use super::questions::Row;
use crate::bench::disk;
use crate::bench::stopwatch::cpu_seconds;
use crate::shared::failure::{Ending, Failure, OK};

/// How long a follower sleeps when there is nothing new.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What the process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Builds the index of a trail.
    Build,
    /// Asks every question once.
    Ask,
    /// Keeps the index up to date until its standard input ends.
    Follow,
}

/// What the process says at its end.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) cpu_s: f64,
    /// The most memory that it had, in bytes.
    pub(super) memory: u64,
    /// How many entries it has taken up.
    pub(super) entries: u64,
    /// The most durable entries that it had not taken up.
    pub(super) behind: u64,
}

/// A search with the memory of this bench. The index is in the trail.
pub(super) fn open(dir: &Path) -> Result<Search, Failure> {
    let mut options = SearchOptions::default();
    options.state = Some(dir.with_extension("state"));
    Search::open(dir, options).map_err(super::no_answer)
}

/// The process itself.
pub(super) fn run(part: Part, dir: &Path) -> Ending {
    let search = open(dir)?;
    let before = cpu_seconds();
    let mut said = match part {
        Part::Build => {
            let built = keeper(&search)?.build(&mut |_, _| ()).map_err(no_index)?;
            Said { entries: built.made * graven_search::SHELF_ENTRIES, ..Said::default() }
        }
        Part::Ask => {
            let _keeper = kept(&search)?;
            let moment = Moment::utc(chrono::DateTime::UNIX_EPOCH);
            let Some(newest) = search.reader().tail(1)?.next().transpose()? else {
                return Err(Failure::cannot("the bench's own trail is empty"));
            };
            for row in Row::ALL {
                let question = row.question(&newest.entry()?, 0);
                super::answer(&search, &question, &moment)?;
            }
            Said::default()
        }
        Part::Follow => follow(&search)?,
    };
    said.cpu_s = cpu_seconds() - before;
    said.memory = disk::peak_bytes().unwrap_or(0);
    let line = serde_json::to_string(&said).expect("numbers are JSON");
    writeln!(std::io::stdout(), "{line}").map_err(|error| Failure::output(&error))?;
    Ok(OK)
}

fn follow(search: &Search) -> Result<Said, Failure> {
    let ended = std::thread::spawn(|| {
        // An error is an end too.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
    });
    let mut keeper = keeper(search)?;
    let mut said = Said::default();
    writeln!(std::io::stdout(), "ready").map_err(|error| Failure::output(&error))?;
    while !ended.is_finished() {
        let durable = search.reader().durable_len()?.unwrap_or(0);
        said.behind = said.behind.max(durable.saturating_sub(said.entries));
        let kept = keeper.poll().map_err(no_index)?;
        said.entries += kept.entries;
        if kept.entries == 0 {
            std::thread::sleep(LOOK_EVERY);
        }
    }
    Ok(said)
}

/// Keeps the newest entries, which no file of the index has yet, in memory.
pub(super) fn kept(search: &Search) -> Result<Keeper, Failure> {
    let mut keeper = keeper(search)?;
    while keeper.poll().map_err(no_index)?.entries > 0 {}
    Ok(keeper)
}

fn keeper(search: &Search) -> Result<Keeper, Failure> {
    search.keeper(Where::Trail).ok_or_else(|| Failure::cannot("the bench's own trail can have no index"))
}

fn no_index(error: graven_search::IndexError) -> Failure {
    Failure::cannot(format_args!("the bench's own trail gets no index: {error}"))
}

/// Such a process, from outside.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    pub(super) fn start(part: Part, dir: &Path) -> Result<Process, Failure> {
        let name = clap::ValueEnum::to_possible_value(&part).expect("none is hidden");
        let mut child = Command::new(own_file()?)
            .args(["bench", "search", "--part", name.get_name()])
            .arg("--dir")
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(cannot)?;
        let stdin = child.stdin.take().expect("piped above");
        let stdout = BufReader::new(child.stdout.take().expect("piped above"));
        let mut process = Process { child, stdin, stdout };
        if part == Part::Follow {
            process.line()?;
        }
        Ok(process)
    }

    /// Lets it end, and reads what it says.
    pub(super) fn finish(self) -> Result<Said, Failure> {
        let Process { mut child, stdin, mut stdout } = self;
        drop(stdin);
        let mut line = String::new();
        stdout.read_line(&mut line).map_err(cannot)?;
        let status = child.wait().map_err(cannot)?;
        serde_json::from_str(&line)
            .map_err(|_| Failure::cannot(format_args!("a part of the bench ended with {status}")))
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).map_err(cannot)?;
        Ok(line)
    }
}

fn own_file() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(cannot)
}

fn cannot(error: std::io::Error) -> Failure {
    Failure::cannot(format_args!("cannot run a part of the bench: {error}"))
}
