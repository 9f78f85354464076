//! `graven bench`: measures the machine, and Graven on it, in one run.
//!
//! Machines differ, so a rate alone says little. Graven is compared with a peer that does the same work in the plainest
//! way: both are measured in turn, in pairs, and the goal is for the median of the ratios. Figures without a peer are
//! shown and not judged. The exit code does not depend on the goals: a busy machine is no failure.

mod disk;
mod entries;
mod latency;
mod limits;
mod pairs;
mod recorder;
mod redaction;
mod report;
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

/// The arguments of `graven bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
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
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    if let Some(dir) = &args.recorder {
        return recorder::record_until_killed(dir, args.entries);
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
    redaction::measure(&bench, &mut report)?;
    recorder::measure(&bench, args.entries, &mut report)?;
    report.print(ui)?;
    Ok(OK)
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
