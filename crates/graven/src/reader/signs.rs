//! What a trail says of its own life: openings and closings, losses, and the silence in between.

mod runs;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use graven_core::entry::{Category, Entry, system_actions};
use graven_core::line::glance::Glance;
use serde::{Deserialize, Serialize};

use runs::{Opening, Runs};

pub use runs::{OpenRun, Silence};

/// The most silences that are named. The others are only counted.
const SILENCES_NAMED: usize = 100;

/// What the entries of the category `trail` say about how the trail was kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LifeSigns {
    /// Openings on record; only those with life signs are.
    pub opened: u64,
    /// Closings on record.
    pub closed: u64,
    /// Runs that ended without a word: they have no closing, and a later opening or the end of the closed trail shows
    /// that they are over.
    pub unfinished: u64,
    /// Openings that had to put in order what a crash had left.
    pub recovered: u64,
    /// Openings under other settings than before.
    pub settings_changed: u64,
    /// Heartbeats.
    pub heartbeats: u64,
    /// Entries that say that others were dropped.
    pub gaps: u64,
    /// How many were dropped, by category.
    pub dropped: BTreeMap<String, u64>,
    /// Runs that are not known to be over, at most the newest 1,000.
    pub open_runs: Vec<OpenRun>,
    /// The heartbeat of the newest of them.
    pub heartbeat_ms: Option<u64>,
    /// How often a run gave no sign for longer than twice its heartbeat.
    pub silences: u64,
    /// The longest of them, at most 100, in the order of the trail.
    pub longest_silences: Vec<Silence>,
}

impl LifeSigns {
    /// The open runs whose heartbeat is overdue at this moment, each with the whole seconds since its last sign.
    pub fn overdue(&self, now: DateTime<Utc>) -> Vec<(&OpenRun, u64)> {
        let silent = |run: &OpenRun| {
            let silent = u64::try_from((now - run.last_sign?).num_milliseconds()).unwrap_or(0);
            (silent > run.heartbeat_ms?.saturating_mul(2)).then_some(silent / 1000)
        };
        self.open_runs.iter().filter_map(|run| Some((run, silent(run)?))).collect()
    }
}

/// Reads along.
#[derive(Debug)]
pub(super) struct Listener {
    signs: LifeSigns,
    runs: Runs,
}

/// What we need of the details of the engine's own entries.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Detail {
    run: Option<String>,
    alone_at: Option<u64>,
    settings: Settings,
    categories: BTreeMap<String, u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Settings {
    heartbeat_ms: Option<u64>,
}

impl Listener {
    pub(super) fn new() -> Listener {
        Listener { signs: LifeSigns::default(), runs: Runs::default() }
    }

    /// Whether entries of callers matter.
    pub(super) fn needs_each(&self) -> bool {
        self.runs.judges()
    }

    /// Hears one line, and what a glance at it says.
    pub(super) fn hear(&mut self, index: u64, line: &[u8], seen: Option<Glance<'_>>) {
        if seen.is_some_and(|seen| seen.category() == Category::Trail.as_str())
            && let Ok(entry) = Entry::from_line(line)
        {
            self.hear_own(index, &entry);
        } else if self.runs.judges() {
            self.runs.hear_caller(index, seen.and_then(Glance::timestamp));
        }
        for silence in self.runs.take_silences() {
            self.signs.silences += 1;
            name(&mut self.signs.longest_silences, silence);
        }
    }

    /// The end of the log. `closed` is the size at which the trail was closed, if it is.
    pub(super) fn finish(self, closed: Option<u64>) -> LifeSigns {
        let mut signs = self.signs;
        let (over, open_runs) = self.runs.finish(closed);
        signs.unfinished += over;
        signs.heartbeat_ms = open_runs.last().and_then(|run| run.heartbeat_ms);
        LifeSigns { open_runs, ..signs }
    }

    fn hear_own(&mut self, index: u64, entry: &Entry) {
        let detail = entry.detail.as_ref().map_or("{}", |detail| detail.as_str());
        let detail: Detail = serde_json::from_str(detail).unwrap_or_default();
        let (signs, runs, time) = (&mut self.signs, &mut self.runs, entry.timestamp);
        let run = detail.run.as_deref();
        runs.hear_engine(index, time, run);
        match entry.action.as_str() {
            system_actions::OPENED => {
                let Detail { run, alone_at, settings: Settings { heartbeat_ms }, .. } = detail;
                signs.opened += 1;
                signs.unfinished += runs.begin(index, time, Opening { run, alone_at, heartbeat_ms });
            }
            system_actions::CLOSED => {
                signs.closed += 1;
                runs.end(run);
            }
            system_actions::RECOVERED => signs.recovered += 1,
            system_actions::SETTINGS => {
                signs.settings_changed += 1;
                runs.judge_no_longer();
            }
            system_actions::HEARTBEAT => signs.heartbeats += 1,
            system_actions::GAP => {
                // One that only says that entries were written late tells of no loss.
                signs.gaps += u64::from(!detail.categories.is_empty());
                for (category, count) in detail.categories {
                    *signs.dropped.entry(category).or_default() += count;
                }
            }
            _ => {}
        }
    }
}

/// Keeps the longest.
fn name(named: &mut Vec<Silence>, silence: Silence) {
    named.push(silence);
    if named.len() > SILENCES_NAMED {
        let shortest = (0..named.len()).min_by_key(|&at| named[at].seconds).expect("there are many");
        named.remove(shortest);
    }
}
