//! `graven bench`: measures the machine, and Graven on it, in one run.
//!
//! Every figure stands beside what the same machine can do at best with the same bytes, measured in the same run,
//! because machines differ and a rate alone says little.

mod disk;
mod entries;
mod latency;
mod limits;
mod recorder;
mod redaction;
mod report;
mod stopwatch;
mod throughput;
mod verifying;

use std::path::PathBuf;
use std::time::Duration;

use crate::shared::failure::{Ending, Failure, OK};
use crate::shared::ui::Ui;
use report::Report;

/// The arguments of `graven bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to write the trails that are measured; removed afterwards
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// How long to measure each rate, in seconds
    #[arg(long, value_name = "N", default_value_t = 5)]
    seconds: u64,
    /// How many entries the large trail has: it is opened after kill -9 and verified
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    entries: u64,
    /// Be the recorder that is killed (used by the bench itself)
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
    time: Duration,
    ui: Ui,
}

impl Bench {
    /// A name in the bench's folder.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Says what is being measured now.
    fn note(&self, what: &str) {
        if !self.ui.json() {
            self.ui.note(format_args!("measuring {what} …"));
        }
    }
}
