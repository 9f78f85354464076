//! `graven bench server`: what HTTP costs, beside the same work without it.
//!
//! The server runs in a process of its own, as in production; client and server share the machine, over loopback.

mod client;
mod empty;
mod intake;
mod memory;
mod otlp;
mod serving;
mod tails;

use std::path::PathBuf;
use std::time::Duration;

use super::report::Report;
use super::{Bench, executor_with_io};
use crate::shared::failure::{Ending, Failure, OK};
use crate::shared::ui::Ui;

/// The arguments of `graven bench server`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write the trails of the server in this directory. They are removed afterwards
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Measure each rate for this number of seconds, in five turns
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    /// Measure the memory of an idle server with this number of entries, about 400 bytes each
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    entries: u64,
    /// Run as the server with an empty handler. Used by the bench itself
    #[arg(long, hide = true)]
    empty: bool,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    if args.empty {
        return empty::serve();
    }
    let folder = tempfile::Builder::new()
        .prefix("graven-bench-")
        .tempdir_in(&args.dir)
        .map_err(|error| Failure::file("create a folder in", &args.dir, &error))?;
    let time = Duration::from_secs(args.seconds.max(1));
    let bench = Bench { folder: folder.path().to_owned(), time, ui };
    let executor = executor_with_io()?;
    let mut report = Report::new();
    intake::batches(&bench, &executor, &mut report)?;
    otlp::batches(&bench, &executor, &mut report)?;
    intake::posts(&bench, &executor, &mut report)?;
    tails::measure(&bench, &executor, &mut report)?;
    memory::measure(&bench, &executor, args.entries, &mut report)?;
    report.print(ui)?;
    Ok(OK)
}
