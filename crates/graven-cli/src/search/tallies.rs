//! Counts, facets, the histogram and sessions, for a person.

use chrono::{DateTime, TimeDelta, Utc};
use graven::Outcome;
use graven_search::{Answer, Histogram, Row, Session};

use super::table::width;
use crate::shared::describe::look;
use crate::shared::failure::Failure;
use crate::shared::text::{count, counted};
use crate::shared::ui::{Look, Ui};

/// How many values of a facet and how many sessions are shown.
const SHOWN: usize = 20;

/// The most bars of a histogram.
const BARS_MAX: usize = 32;

/// The outcomes, in the order in which they stand in a bar.
const OUTCOMES: [Outcome; 4] = [Outcome::Success, Outcome::Failure, Outcome::Denied, Outcome::Pending];

/// The most columns that a bar has.
const BAR_MAX: usize = 60;

/// Prints all that was counted.
pub(super) fn show(ui: Ui, answer: &Answer) -> Result<(), Failure> {
    if let Some(histogram) = &answer.histogram {
        bars(ui, histogram)?;
    }
    for (field, values) in answer.facets.iter().flatten() {
        ui.line(ui.paint(Look::Strong, field))?;
        for value in values.iter().take(SHOWN) {
            ui.line(format_args!(
                "{:>12}  {}{}",
                count(value.entries),
                value.value,
                events(value.entries, value.events)
            ))?;
        }
        let others = answer.facets_rest.get(field);
        let mut rest = others.map_or((0, 0), |rest| (rest.entries, rest.events));
        for value in values.iter().skip(SHOWN) {
            rest = (rest.0 + value.entries, rest.1.saturating_add(value.events));
        }
        if rest.0 > 0 {
            let together = match others.is_none_or(|rest| rest.exact) {
                true => "",
                false => "; there are too many to count each, so a frequent one can be among them",
            };
            let line = format!("{:>12}  other values{}{together}", count(rest.0), events(rest.0, rest.1));
            ui.line(ui.paint(Look::Faint, line))?;
        }
    }
    if let Some(sessions) = &answer.sessions {
        sessions.iter().take(SHOWN).try_for_each(|session| ui.line(describe(ui, session)))?;
        let more = sessions.len().saturating_sub(SHOWN) as u64 + answer.sessions_left_out;
        if more > 0 {
            ui.line(ui.paint(Look::Faint, format_args!("{} more", counted(more, "session", "sessions"))))?;
        }
    }
    if let Some(total) = answer.count {
        let at_least = if total.exact { "" } else { "at least " };
        let entries = counted(total.entries, "hit", "hits");
        ui.line(format_args!("{at_least}{entries}{}", events(total.entries, total.events)))?;
    }
    let counts = answer.facets.is_some() || answer.histogram.is_some() || answer.sessions.is_some();
    if counts && !answer.coverage.complete {
        ui.line("the time was over: there can be more")?;
    }
    Ok(())
}

/// The events, where they are not as many as the entries.
fn events(entries: u64, events: u64) -> String {
    match events == entries {
        true => String::new(),
        false => format!(" ({})", counted(events, "event", "events")),
    }
}

/// One bar a row, in the colours of the outcomes. Neighbours are joined until all fit a screen.
fn bars(ui: Ui, histogram: &Histogram) -> Result<(), Failure> {
    let joined = histogram.rows.len().div_ceil(BARS_MAX).max(1);
    let rows: Vec<[u64; 4]> = histogram.rows.chunks(joined).map(outcomes).collect();
    let entries = |row: &[u64; 4]| row.iter().sum::<u64>();
    let most = rows.iter().map(entries).max().unwrap_or(0).max(1);
    let room = width().saturating_sub(21 + 14).clamp(8, BAR_MAX) as u64;
    for (number, row) in (0..).zip(&rows) {
        let mut line = format!("{}  ", ui.paint(Look::Faint, begin(histogram, number * joined as i64)));
        for (entries, outcome) in row.iter().zip(OUTCOMES) {
            // What is there is seen: at least one block.
            let blocks = (entries * room / most).max(u64::from(*entries > 0));
            line.push_str(&ui.paint(look(outcome), "█".repeat(blocks as usize)));
        }
        if entries(row) > 0 {
            line.push_str(&format!(" {}", count(entries(row))));
        }
        ui.line(line.trim_end())?;
    }
    Ok(())
}

/// The entries of some rows, by outcome.
fn outcomes(rows: &[Row]) -> [u64; 4] {
    let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum();
    [sum(|row| row.success), sum(|row| row.failure), sum(|row| row.denied), sum(|row| row.pending)]
}

/// When a row begins.
fn begin(histogram: &Histogram, number: i64) -> String {
    let begin = |from: DateTime<Utc>| from + TimeDelta::seconds(number * histogram.bucket_s);
    histogram.from.map(|from| begin(from).format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
}

/// A session on one line.
pub(crate) fn describe(ui: Ui, session: &Session) -> String {
    let time = |time: Option<DateTime<Utc>>| {
        time.map_or_else(|| "?".to_owned(), |time| time.format("%Y-%m-%d %H:%M:%S").to_string())
    };
    let mut line = format!(
        "{}  {}  {}",
        ui.paint(Look::Strong, &session.id),
        ui.paint(Look::Faint, format_args!("{} to {}", time(session.first), time(session.last))),
        counted(session.entries, "entry", "entries"),
    );
    for (number, what, look) in
        [(session.denied, "denied", Look::Notice), (session.failed, "failed", Look::Bad)]
    {
        if number > 0 {
            line.push_str(&format!(", {}", ui.paint(look, format_args!("{} {what}", count(number)))));
        }
    }
    let names: Vec<&str> =
        session.principals.iter().chain(&session.agents).map(String::as_str).take(5).collect();
    if !names.is_empty() {
        line.push_str(&format!("  {}", ui.paint(Look::Name, names.join(", "))));
    }
    line
}
