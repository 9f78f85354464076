//! `graven bench`: measures the machine, and Graven on it, in one run.
//!
//! Machines differ, so a rate alone says little. Graven is compared with a peer that does the same work in the plainest
//! way: both are measured in turn, in pairs, and the goal is for the median of the ratios. Figures without a peer are
//! shown and not judged. The exit code does not depend on the goals: a busy machine is no failure.

#[cfg(feature = "archive")]
mod archive;
mod disk;
mod drop_in;
mod entries;
mod importing;
mod latency;
mod limits;
mod pairs;
mod processes;
mod recorder;
mod redaction;
mod report;
mod search;
#[cfg(feature = "server")]
mod server;
mod stopwatch;
mod throughput;
mod verifying;
mod waking;
mod work;

use std::path::PathBuf;
use std::time::Duration;

use crate::shared::failure::{Ending, Failure, OK};
use crate::shared::ui::Ui;
use report::Report;
use tokio::runtime::Runtime;

/// The arguments of `graven bench`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Write the trails to be measured in this directory. They are removed afterwards
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Measure each rate for this number of seconds, in five turns
    #[arg(long, value_name = "N", default_value_t = 5)]
    seconds: u64,
    /// Record this number of entries in the large trail, which is opened after kill -9 and verified
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    entries: u64,
    /// Run as the recorder that the bench kills. Used by the bench itself
    #[arg(long, hide = true, value_name = "DIR")]
    recorder: Option<PathBuf>,
    /// Run as one of several recorders of one trail. Used by the bench itself
    #[arg(long, hide = true, value_name = "DIR")]
    beside: Option<PathBuf>,
    /// For --beside: how many tasks record
    #[arg(long, hide = true, value_name = "N", default_value_t = 0)]
    tasks: usize,
    /// For --beside: for how long
    #[arg(long, hide = true, value_name = "N", default_value_t = 0)]
    milliseconds: u64,
}

/// What is measured by itself.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Measure what shipping to an archive costs
    #[cfg(feature = "archive")]
    Archive(archive::Args),
    /// Measure how long a large trail takes to answer questions
    Search(search::Args),
    /// Measure what HTTP costs, beside the same work without it
    #[cfg(feature = "server")]
    Server(server::Args),
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    match &args.what {
        #[cfg(feature = "archive")]
        Some(What::Archive(args)) => return archive::run(args, ui),
        Some(What::Search(args)) => return search::run(args, ui),
        #[cfg(feature = "server")]
        Some(What::Server(args)) => return server::run(args, ui),
        None => {}
    }
    if let Some(dir) = &args.recorder {
        return recorder::record_until_killed(dir, args.entries);
    }
    if let Some(dir) = &args.beside {
        return processes::record_beside(dir, args.tasks, Duration::from_millis(args.milliseconds));
    }
    let folder = tempfile::Builder::new()
        .prefix("graven-bench-")
        .tempdir_in(&args.dir)
        .map_err(|error| Failure::file("create a folder in", &args.dir, &error))?;
    let bench =
        Bench { folder: folder.path().to_owned(), time: Duration::from_secs(args.seconds.max(1)), ui };
    let mut report = Report::new();
    limits::measure(&bench, &mut report)?;
    throughput::measure(&bench, &mut report)?;
    latency::measure(&bench, &mut report)?;
    drop_in::measure(&bench, &mut report)?;
    processes::measure(&bench, &mut report)?;
    redaction::measure(&bench, &mut report)?;
    importing::measure(&bench, &mut report)?;
    recorder::measure(&bench, args.entries, &mut report)?;
    report.print(ui)?;
    Ok(OK)
}

/// Two workers that run tasks.
fn executor() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .map_err(|error| Failure::cannot(format_args!("cannot start an executor: {error}")))
}

/// The same, for tasks that wait for the network and for a time too.
#[cfg(feature = "server")]
fn executor_with_io() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::cannot(format_args!("cannot start an executor: {error}")))
}

/// What every measurement needs.
#[derive(Debug)]
struct Bench {
    folder: PathBuf,
    /// For how long each rate is measured, in all its turns together.
    time: Duration,
    ui: Ui,
}

impl Bench {
    /// For how long each side of a pair is measured.
    fn turn(&self) -> Duration {
        self.time / pairs::PAIRS
    }

    /// The path of a file in the bench's folder.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Prints what is being measured now.
    fn note(&self, what: &str) {
        if !self.ui.json() {
            self.ui.note(format_args!("measuring {what} …"));
        }
    }
}
