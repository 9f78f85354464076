//! What a trail says of its own life: openings and closings, losses, and the silence in between.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use graven_core::entry::{Category, Entry, system_actions};
use graven_core::line::glance::Glance;
use serde::{Deserialize, Serialize};

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
    /// Runs that ended without a word: openings that are followed by another one before any closing.
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
    /// The heartbeat of the run that was not closed, if there is one.
    pub heartbeat_ms: Option<u64>,
    /// How often nothing was recorded for longer than twice the heartbeat that was set.
    pub silences: u64,
    /// The longest of them, at most 100, in the order of the trail.
    pub longest_silences: Vec<Silence>,
}

/// A time in which there should have been a heartbeat and nothing was recorded, by the times of the entries around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Silence {
    /// The index of the entry before it.
    pub after: u64,
    /// Its time.
    pub from: DateTime<Utc>,
    /// The time of the entry behind it.
    pub to: DateTime<Utc>,
    /// Whole seconds in between.
    pub seconds: u64,
}

/// Reads along.
pub(super) struct Listener {
    signs: LifeSigns,
    /// Whether the last opening is not closed.
    open: bool,
    /// How much silence is normal, while there is a heartbeat.
    quiet_max: Option<TimeDelta>,
    /// The latest time in this run, and the index of the entry before the current one.
    latest: Option<DateTime<Utc>>,
    previous: u64,
}

/// What we need of the details of the engine's own entries.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Detail {
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
        Listener { signs: LifeSigns::default(), open: false, quiet_max: None, latest: None, previous: 0 }
    }

    /// Hears one line, and what a glance at it says.
    pub(super) fn hear(&mut self, index: u64, line: &[u8], seen: Option<Glance<'_>>) {
        let own = seen.is_some_and(|seen| seen.category() == Category::Trail.as_str());
        if let Some(quiet_max) = self.quiet_max
            && let Some(time) = seen.and_then(Glance::timestamp)
        {
            self.hear_time(time, quiet_max, own);
        }
        if own && let Ok(entry) = Entry::from_line(line) {
            self.hear_own(&entry);
        }
        self.previous = index;
    }

    pub(super) fn finish(self) -> LifeSigns {
        LifeSigns { heartbeat_ms: self.signs.heartbeat_ms.filter(|_| self.open), ..self.signs }
    }

    /// Callers may give entries any time, so only time that goes on counts, and our own entries set it right.
    fn hear_time(&mut self, time: DateTime<Utc>, quiet_max: TimeDelta, own: bool) {
        let Some(latest) = self.latest.filter(|latest| own || *latest < time) else {
            self.latest.get_or_insert(time);
            return;
        };
        if time - latest > quiet_max {
            self.signs.silences += 1;
            let seconds = u64::try_from((time - latest).num_seconds()).unwrap_or(0);
            self.name(Silence { after: self.previous, from: latest, to: time, seconds });
        }
        self.latest = Some(time);
    }

    /// Keeps the longest.
    fn name(&mut self, silence: Silence) {
        let named = &mut self.signs.longest_silences;
        named.push(silence);
        if named.len() > SILENCES_NAMED {
            let shortest = (0..named.len()).min_by_key(|&at| named[at].seconds).expect("there are many");
            named.remove(shortest);
        }
    }

    fn hear_own(&mut self, entry: &Entry) {
        let detail = entry.detail.as_ref().map_or("{}", |detail| detail.as_str());
        let detail: Detail = serde_json::from_str(detail).unwrap_or_default();
        let signs = &mut self.signs;
        match entry.action.as_str() {
            system_actions::OPENED => {
                signs.opened += 1;
                signs.unfinished += u64::from(self.open);
                signs.heartbeat_ms = detail.settings.heartbeat_ms;
                self.open = true;
                let quiet_max = signs.heartbeat_ms.map(|every| every.saturating_mul(2));
                self.quiet_max = quiet_max.map(|quiet| {
                    i64::try_from(quiet).ok().and_then(TimeDelta::try_milliseconds).unwrap_or(TimeDelta::MAX)
                });
                self.latest = entry.timestamp;
            }
            system_actions::CLOSED => {
                signs.closed += 1;
                (self.open, self.quiet_max) = (false, None);
            }
            system_actions::RECOVERED => signs.recovered += 1,
            system_actions::SETTINGS => signs.settings_changed += 1,
            system_actions::HEARTBEAT => signs.heartbeats += 1,
            system_actions::GAP => {
                signs.gaps += 1;
                for (category, count) in detail.categories {
                    *signs.dropped.entry(category).or_default() += count;
                }
            }
            _ => {}
        }
    }
}
