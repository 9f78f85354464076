//! Prints the lifecycle of a trail: openings and closings, losses, and silences.

use std::time::Duration;

use chrono::SecondsFormat;
use graven::clock::{Clock, OsClock};
use graven::reader::LifeSigns;

use crate::shared::failure::Failure;
use crate::shared::text::{count, counted, duration};
use crate::shared::ui::{Look, Ui};

/// The most silences that are printed.
const SILENCES_SHOWN: usize = 10;

/// The most runs that are printed.
const RUNS_SHOWN: usize = 10;

/// How long the run that has been silent for the longest has given no sign, when its heartbeat is overdue.
pub(super) fn silent_seconds(life: &LifeSigns) -> Option<u64> {
    life.overdue(OsClock::new().now()).into_iter().map(|(_, seconds)| seconds).max()
}

/// Prints the facts that are not zero.
pub(super) fn show(ui: Ui, life: &LifeSigns) -> Result<(), Failure> {
    let mut facts = Vec::new();
    if life.opened + life.closed > 0 {
        let mut runs = format!("{} opened, {} closed", count(life.opened), count(life.closed));
        if !life.open_runs.is_empty() {
            runs.push_str(&format!(", {} open", count(life.open_runs.len() as u64)));
        }
        facts.push(("runs", runs));
    }
    let bad = |text: String| ui.paint(Look::Bad, text);
    if life.unfinished > 0 {
        let ended = counted(life.unfinished, "run", "runs");
        facts.push(("crashes", bad(format!("{ended} ended without closing the trail"))));
    }
    if life.recovered > 0 {
        let times = counted(life.recovered, "opening", "openings");
        facts.push(("recovered", format!("{times} repaired what a crash left")));
    }
    if life.settings_changed > 0 {
        facts.push((
            "settings",
            format!("changed at {}", counted(life.settings_changed, "opening", "openings")),
        ));
    }
    if life.gaps > 0 {
        let dropped: u64 = life.dropped.values().sum();
        let parts: Vec<String> =
            life.dropped.iter().map(|(category, number)| format!("{} {category}", count(*number))).collect();
        let entries = counted(dropped, "entry", "entries");
        facts.push(("gaps", bad(format!("{entries} dropped: {}", parts.join(", ")))));
    }
    if life.heartbeats > 0 {
        facts.push(("heartbeats", count(life.heartbeats)));
    }
    if life.silences > 0 {
        let times = counted(life.silences, "time", "times");
        facts.push(("silences", bad(format!("{times} longer than twice the heartbeat"))));
    }
    for (run, seconds) in life.overdue(OsClock::new().now()).into_iter().take(RUNS_SHOWN) {
        let since = duration(Duration::from_secs(seconds));
        let which = run.run.as_deref().map(|name| format!(" of run {name}")).unwrap_or_default();
        facts.push(("silent", bad(format!("no sign{which} for {since}: is the program running?"))));
    }
    if facts.is_empty() {
        return Ok(());
    }
    ui.line("")?;
    facts.into_iter().try_for_each(|(name, fact)| ui.fact(name, fact))?;
    show_silences(ui, life)
}

fn show_silences(ui: Ui, life: &LifeSigns) -> Result<(), Failure> {
    let mut longest: Vec<_> = life.longest_silences.iter().collect();
    longest.sort_by_key(|silence| std::cmp::Reverse(silence.seconds));
    for silence in longest.into_iter().take(SILENCES_SHOWN) {
        let from = silence.from.to_rfc3339_opts(SecondsFormat::Secs, true);
        let long = duration(Duration::from_secs(silence.seconds));
        let which = silence.run.as_deref().map(|name| format!(", run {name}")).unwrap_or_default();
        ui.line(format_args!("               {long} from {from}, after entry {}{which}", silence.after))?;
    }
    Ok(())
}
