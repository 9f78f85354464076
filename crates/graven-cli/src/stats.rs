//! `graven stats`: prints statistics of a trail.

mod lifecycle;
#[cfg(feature = "remote")]
mod remote;

use graven::reader::{LifeSigns, Stats, Tally};
use serde::Serialize;

use crate::shared::asking::{Indexed, Trust};
use crate::shared::failure::{self, Ending, Failure};
use crate::shared::progress::{Progress, Unit};
use crate::shared::target::Target;
use crate::shared::text::{bytes, count, counted};
use crate::shared::ui::{Look, Ui};

/// The arguments of `graven stats`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Skip the count by category and outcome, which reads all entries
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    indexed: Indexed,
}

/// The answer in JSON.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    stats: &'a Stats,
    #[serde(flatten)]
    tally: Option<Counts<'a>>,
}

#[derive(Serialize)]
struct Counts<'a> {
    categories: &'a std::collections::BTreeMap<String, std::collections::BTreeMap<String, u64>>,
    unreadable: u64,
    life: &'a LifeSigns,
    /// How long an open run has given no sign, when its heartbeat is overdue.
    #[serde(skip_serializing_if = "Option::is_none")]
    silent_seconds: Option<u64>,
}

pub(crate) fn run(args: &Args, ui: Ui) -> Ending {
    #[cfg(feature = "remote")]
    if let Some(server) = args.target.remote(ui)? {
        return remote::run(ui, &server);
    }
    let search = args.trust.open_one(&args.target, &args.indexed)?;
    let stats = search.reader().stats()?;
    let tally = if args.quick {
        None
    } else {
        let progress = Progress::new(ui, "counting", Unit::Entries, stats.entries);
        Some(search.tally(&mut |done| progress.set(done, stats.entries))?)
    };
    if ui.json() {
        let tally = tally.as_ref();
        let tally = tally.map(|tally| Counts {
            categories: &tally.categories,
            unreadable: tally.unreadable,
            life: &tally.life,
            silent_seconds: lifecycle::silent_seconds(&tally.life),
        });
        ui.object(&Answer { stats: &stats, tally })?;
    } else {
        show(ui, &stats, tally.as_ref())?;
    }
    Ok(failure::OK)
}

fn show(ui: Ui, stats: &Stats, tally: Option<&Tally>) -> Result<(), Failure> {
    ui.line(ui.paint(Look::Strong, &stats.origin))?;
    ui.fact("entries", entries(stats))?;
    if let (Some(first), Some(last)) = (stats.first, stats.last) {
        let seconds =
            |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        ui.fact("from", seconds(first))?;
        ui.fact("to", seconds(last))?;
    }
    ui.fact("created", stats.created.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))?;
    let segments = counted(stats.segments, "closed segment", "closed segments");
    ui.fact(
        "log",
        format_args!(
            "{} in {segments} and the live file ({})",
            bytes(stats.log_bytes),
            bytes(stats.live_bytes)
        ),
    )?;
    ui.fact("hashes", format_args!("{} ({:.1} % of the log)", bytes(stats.tile_bytes), share(stats)))?;
    if stats.blobs > 0 {
        ui.fact(
            "blobs",
            format_args!("{} in {}", bytes(stats.blob_bytes), counted(stats.blobs, "file", "files")),
        )?;
    }
    if stats.torn > 0 {
        ui.fact(
            "torn",
            format_args!("{}, cut off after a crash and kept in torn/", counted(stats.torn, "tail", "tails")),
        )?;
    }
    ui.fact("checkpoint", format_args!("{} {}", count(stats.sealed), stats.root))?;
    ui.fact("state", if stats.closed { "closed" } else { "open, or not closed cleanly" })?;
    if let Some(tally) = tally {
        show_tally(ui, tally)?;
        lifecycle::show(ui, &tally.life)?;
    }
    Ok(())
}

fn entries(stats: &Stats) -> String {
    match stats.unsealed {
        0 => count(stats.entries),
        unsealed => format!("{}, {} of them past the checkpoint", count(stats.entries), count(unsealed)),
    }
}

/// The size of the hashes, in percent of the log.
fn share(stats: &Stats) -> f64 {
    100.0 * stats.tile_bytes as f64 / stats.log_bytes.max(1) as f64
}

fn show_tally(ui: Ui, tally: &Tally) -> Result<(), Failure> {
    if tally.categories.is_empty() {
        return Ok(());
    }
    ui.line("")?;
    let width = tally.categories.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    for (category, outcomes) in &tally.categories {
        let total: u64 = outcomes.values().sum();
        let parts: Vec<String> = outcomes
            .iter()
            .map(|(outcome, number)| {
                let look = match outcome.as_str() {
                    "failure" => Look::Bad,
                    "denied" => Look::Notice,
                    _ => Look::Faint,
                };
                ui.paint(look, format_args!("{} {}", count(*number), outcome))
            })
            .collect();
        ui.line(format_args!("  {:<width$}  {:>12}  {}", category, count(total), parts.join(", ")))?;
    }
    if tally.unreadable > 0 {
        let lines = counted(tally.unreadable, "line", "lines");
        ui.line(format_args!("  {} that cannot be read: run `graven verify`", ui.paint(Look::Bad, lines)))?;
    }
    Ok(())
}
