//! The runs that are open while a log is read, and when each of them gave a sign.
//!
//! Several processes may write one log, and a caller's entry does not say which of them recorded it. So an entry that
//! names no run is a sign of every open run. A silence is counted only where no entry can be a sign of the run, and
//! where the times prove it: callers may give their entries any time.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// The most open runs that are followed; the oldest are forgotten. No trail has as many processes: these were killed.
const OPEN_MAX: usize = 1_000;
/// A longer heartbeat is taken for this one: with it, every time of an entry can be computed with.
const EVERY_MAX: TimeDelta = TimeDelta::days(1_000 * 365);
/// The most silences that wait for an entry of the engine.
const DOUBTED_MAX: usize = 100;

/// A time in which a run should have given a sign, and nothing was recorded that can be one. Its ends are the times of
/// entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Silence {
    /// The run; `None` for one of a version that did not name it.
    pub run: Option<String>,
    /// The index of the entry before it: the last that can be a sign of the run.
    pub after: u64,
    /// Its time.
    pub from: DateTime<Utc>,
    /// The time of the next entry that can be a sign of the run, or that shows that the run is over.
    pub to: DateTime<Utc>,
    /// Whole seconds in between.
    pub seconds: u64,
}

/// A run that is not known to be over: it goes on, or it was killed and another process has had the trail open since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenRun {
    /// Its name; `None` for one of a version that did not name it.
    pub run: Option<String>,
    /// The index of its `trail.opened`.
    pub opened: u64,
    /// Its heartbeat; `None` if it has none, or if the settings have changed since.
    pub heartbeat_ms: Option<u64>,
    /// The time of the last entry that can be a sign of it, if it has a heartbeat. `None` when a caller gave that entry
    /// a time of long before.
    pub last_sign: Option<DateTime<Utc>>,
}

/// What an opening says.
pub(super) struct Opening {
    pub(super) run: Option<String>,
    /// How many entries there were when no other process had the trail open.
    pub(super) alone_at: Option<u64>,
    pub(super) heartbeat_ms: Option<u64>,
}

/// The open runs.
#[derive(Debug, Default)]
pub(super) struct Runs {
    open: Vec<Run>,
    /// The shortest heartbeat of them.
    shortest: Option<TimeDelta>,
    /// The newest entry that names no run.
    unnamed: Option<Sign>,
    /// The latest time that was heard; an entry of the engine sets it right.
    clock: Option<DateTime<Utc>>,
    /// Silences that ended in a caller's entry. They count once the engine has confirmed the time.
    doubted: Vec<Silence>,
    silences: Vec<Silence>,
}

#[derive(Debug)]
struct Run {
    name: Option<String>,
    opened: u64,
    heartbeat_ms: Option<u64>,
    /// Its own newest entry that names it.
    own: Sign,
    /// It was silent, and what came then may be of another run. Until its next own entry no silence is counted.
    lost: bool,
}

#[derive(Debug, Clone, Copy)]
struct Sign {
    index: u64,
    /// `None` when it is not known when this was recorded.
    time: Option<DateTime<Utc>>,
}

impl Runs {
    /// Whether any run promised a heartbeat. If none did, callers' entries need not be heard.
    pub(super) fn judges(&self) -> bool {
        self.shortest.is_some()
    }

    /// A caller's entry. Its time is the caller's: an old one says nothing, and an early one is doubted.
    pub(super) fn hear_caller(&mut self, index: u64, time: Option<DateTime<Utc>>) {
        let Some(shortest) = self.shortest else { return };
        let slack = shortest / 4;
        self.contradict(time, slack);
        let time = match (time, self.clock) {
            (Some(time), Some(clock)) if time < clock - slack => None,
            (time, clock) => time.map(|time| clock.map_or(time, |clock| clock.max(time))),
        };
        let mut found = self.hear_unnamed(Sign { index, time });
        found.truncate(DOUBTED_MAX.saturating_sub(self.doubted.len()));
        self.doubted.append(&mut found);
        self.clock = time.or(self.clock);
    }

    /// An entry of the engine. One that names no run is a sign of each.
    pub(super) fn hear_engine(&mut self, index: u64, time: Option<DateTime<Utc>>, run: Option<&str>) {
        let slack = self.shortest.unwrap_or_default() / 4;
        self.contradict(time, slack);
        // What is left was not contradicted by a clock that no caller sets.
        self.silences.append(&mut self.doubted);
        let sign = Sign { index, time };
        let found = match run {
            None => self.hear_unnamed(sign),
            Some(name) => {
                let (unnamed, runs) = (self.unnamed, &mut self.open);
                let run = runs.iter_mut().find(|run| run.name.as_deref() == Some(name));
                run.and_then(|run| run.hear(unnamed, sign, true)).into_iter().collect()
            }
        };
        self.silences.extend(found);
        self.clock = time.or(self.clock);
    }

    /// A run begins. Those that it shows to be over are removed; returns how many.
    pub(super) fn begin(&mut self, index: u64, time: Option<DateTime<Utc>>, opening: Opening) -> u64 {
        let Opening { run: name, alone_at, heartbeat_ms } = opening;
        let sign = Sign { index, time };
        // Versions that do not name a run have the trail for themselves.
        let alone_at = if name.is_none() { Some(index) } else { alone_at };
        let is_over = |run: &Run| run.name.is_none() || alone_at.is_some_and(|size| run.opened < size);
        let unnamed = self.unnamed;
        let mut over = 0;
        for mut run in self.open.extract_if(.., |run| is_over(run)) {
            self.silences.extend(run.hear(unnamed, sign, true));
            over += 1;
        }
        if self.open.len() == OPEN_MAX {
            self.open.remove(0);
        }
        self.open.push(Run { name, opened: index, heartbeat_ms, own: sign, lost: false });
        self.note_shortest();
        over
    }

    /// A run has ended.
    pub(super) fn end(&mut self, name: Option<&str>) {
        self.open.retain(|run| run.name.as_deref() != name);
        self.note_shortest();
    }

    /// The settings changed, so no process goes on with the old ones. What follows is judged from the next opening on.
    pub(super) fn judge_no_longer(&mut self) {
        self.open.iter_mut().for_each(|run| run.heartbeat_ms = None);
        self.note_shortest();
    }

    /// The silences found since the last call.
    pub(super) fn take_silences(&mut self) -> impl Iterator<Item = Silence> {
        self.silences.drain(..)
    }

    /// The end of the log: how many runs were over when the trail was closed at this size, and those that may go on.
    pub(super) fn finish(mut self, closed: Option<u64>) -> (u64, Vec<OpenRun>) {
        let before = self.open.len();
        self.open.retain(|run| closed.is_none_or(|size| run.opened >= size));
        let over = (before - self.open.len()) as u64;
        let unnamed = self.unnamed;
        let open = self.open.into_iter().map(|run| OpenRun {
            last_sign: run.heartbeat_ms.and(run.last(unnamed).time),
            run: run.name,
            opened: run.opened,
            heartbeat_ms: run.heartbeat_ms,
        });
        (over, open.collect())
    }

    /// An entry that may be of any open run.
    fn hear_unnamed(&mut self, sign: Sign) -> Vec<Silence> {
        let before = self.unnamed.replace(sign);
        let alone = self.open.len() == 1;
        // Mostly, the one before was of the same moment.
        let near = |before: DateTime<Utc>| {
            sign.time.zip(self.shortest).is_none_or(|(time, every)| time - before <= every * 2)
        };
        if !alone && before.and_then(|before| before.time).is_some_and(near) {
            return Vec::new();
        }
        self.open.iter_mut().filter_map(|run| run.hear(before, sign, alone)).collect()
    }

    /// An entry behind a doubted silence is earlier than the end of that: then the end was no time of day.
    fn contradict(&mut self, time: Option<DateTime<Utc>>, slack: TimeDelta) {
        if let Some(time) = time.filter(|_| !self.doubted.is_empty()) {
            self.doubted.retain(|silence| silence.to - slack <= time);
        }
    }

    fn note_shortest(&mut self) {
        self.shortest = self.open.iter().filter_map(Run::every).min();
    }
}

impl Run {
    /// How often it gives a sign, at least.
    fn every(&self) -> Option<TimeDelta> {
        let milliseconds = i64::try_from(self.heartbeat_ms?).ok();
        let every = milliseconds.and_then(TimeDelta::try_milliseconds).unwrap_or(EVERY_MAX);
        Some(every.min(EVERY_MAX))
    }

    /// The last entry that can be a sign of it.
    fn last(&self, unnamed: Option<Sign>) -> Sign {
        unnamed.filter(|unnamed| unnamed.index > self.own.index).unwrap_or(self.own)
    }

    /// Hears an entry, and returns the silence before it. `certain` says that it is of this run, or shows its end.
    fn hear(&mut self, unnamed: Option<Sign>, sign: Sign, certain: bool) -> Option<Silence> {
        let last = self.last(unnamed);
        let was_lost = self.lost;
        if certain {
            (self.own, self.lost) = (sign, false);
        }
        let (every, from, to) = (self.every()?, last.time?, sign.time?);
        if was_lost || to - from <= every * 2 {
            return None;
        }
        self.lost = !certain;
        let seconds = u64::try_from((to - from).num_seconds()).unwrap_or(0);
        Some(Silence { run: self.name.clone(), after: last.index, from, to, seconds })
    }
}
