//! `graven pending`: lists acts that began and have no result.

#[cfg(feature = "remote")]
mod remote;

use chrono::{DateTime, Utc};
use graven::clock::{Clock, OsClock};
use graven::reader::Pending;
use serde::Serialize;

use crate::shared::asking::{Indexed, Trust};
use crate::shared::failure::{self, Ending, Failure};
use crate::shared::progress::{Progress, Unit};
use crate::shared::target::Target;
use crate::shared::text::{counted, duration};
use crate::shared::ui::{Look, Ui};

/// The arguments of `graven pending`.
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    indexed: Indexed,
}

const LONG_ABOUT: &str = "\
List acts that began and have no result: a crash interrupted them, or a program is doing them now

Reads the whole trail, or, where there is an index of your own, only the entries of acts. A program may record to it meanwhile. With --json the answer is one array, oldest act first. \
The exit code is 0, with or without such acts.";

/// One act in the answer.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    act: &'a Pending,
    /// Whole seconds since its intent. 0 when that is in the future.
    age_seconds: u64,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    #[cfg(feature = "remote")]
    if let Some(server) = args.target.remote(ui)? {
        return remote::run(args, ui, &server);
    }
    let search = args.trust.open_one(&args.target, &args.indexed)?;
    let entries = search.reader().len()?;
    let progress = Progress::new(ui, "reading", Unit::Entries, entries);
    let acts = search.pending(&mut |done| progress.set(done, entries))?;
    drop(progress);
    answer(ui, &acts)
}

fn answer(ui: Ui, acts: &[Pending]) -> Ending {
    let now = OsClock::new().now();
    if ui.json() {
        let shown: Vec<Shown<'_>> =
            acts.iter().map(|act| Shown { act, age_seconds: age_seconds(act, now) }).collect();
        ui.object(&shown)?;
    } else {
        show(ui, acts, now)?;
    }
    Ok(failure::OK)
}

fn show(ui: Ui, acts: &[Pending], now: DateTime<Utc>) -> Result<(), Failure> {
    if acts.is_empty() {
        return ui.line("every act has its result");
    }
    let count = counted(acts.len() as u64, "act", "acts");
    ui.line(ui.paint(Look::Strong, format_args!("{count} without a result")))?;
    for act in acts {
        let age = duration(std::time::Duration::from_secs(age_seconds(act, now)));
        let mut line = format!(
            "{}  {}  {:<14} {}",
            ui.paint(Look::Faint, format_args!("{:>8}", act.index)),
            ui.paint(
                Look::Faint,
                format_args!("{}  {age:>14} ago", act.timestamp.format("%Y-%m-%d %H:%M:%S%.3f"))
            ),
            act.category.as_str(),
            ui.paint(Look::Strong, &act.action),
        );
        if let Some(principal) = &act.principal {
            line.push_str(&format!("  {}", ui.paint(Look::Name, principal)));
        }
        line.push_str(&format!("  {}", ui.paint(Look::Faint, &act.id)));
        ui.line(line)?;
    }
    Ok(())
}

fn age_seconds(act: &Pending, now: DateTime<Utc>) -> u64 {
    u64::try_from((now - act.timestamp).num_seconds()).unwrap_or(0)
}
