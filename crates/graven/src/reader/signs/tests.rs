//! Runs of several processes in one log: what is counted as unfinished or silent, and what is not.

use graven_core::entry::Outcome;
use serde_json::{Value, json};

use super::*;

/// The heartbeat of all runs, in seconds. A run without a sign for more than 120 is silent.
const EVERY: i64 = 60;

/// A log that is written down: each entry has a time in seconds.
struct Log {
    listener: Listener,
    size: u64,
}

impl Log {
    fn new() -> Log {
        Log { listener: Listener::new(), size: 0 }
    }

    fn add(&mut self, time: i64, category: Category, action: &str, detail: Option<Value>) {
        let mut entry = Entry::new(category, action, Outcome::Success);
        entry.id = Some("an id".to_owned());
        entry.timestamp = Some(chrono::DateTime::from_timestamp(1_800_000_000 + time, 0).unwrap());
        let entry = detail.into_iter().fold(entry, |entry, detail| entry.detail(detail));
        let mut line = Vec::new();
        entry.append_line(0, &mut line).unwrap();
        self.listener.hear(self.size, &line, Glance::at(&line));
        self.size += 1;
    }

    fn call(&mut self, time: i64) {
        self.add(time, Category::Api, "GET /", None);
    }

    fn own(&mut self, time: i64, action: &str, run: &str) {
        self.add(time, Category::Trail, action, Some(json!({"run": run, "interval_ms": EVERY * 1000})));
    }

    fn open(&mut self, time: i64, run: Option<&str>, alone_at: Option<u64>) {
        let mut detail = json!({"settings": {"heartbeat_ms": EVERY * 1000}});
        if let Some(run) = run {
            detail["run"] = run.into();
        }
        if let Some(size) = alone_at {
            detail["alone_at"] = size.into();
        }
        self.add(time, Category::Trail, "trail.opened", Some(detail));
    }

    /// Heartbeats of a run from one time to another.
    fn beat(&mut self, from: i64, to: i64, run: &str) {
        (from..=to).step_by(EVERY as usize).for_each(|time| self.own(time, "trail.heartbeat", run));
    }

    fn end(self) -> LifeSigns {
        self.listener.finish(None)
    }
}

/// Run, first and last second, and the entry before.
fn silences(signs: &LifeSigns) -> Vec<(&str, i64, i64, u64)> {
    let named = signs.longest_silences.iter().map(|silence| {
        let second = |time: chrono::DateTime<chrono::Utc>| time.timestamp() - 1_800_000_000;
        (silence.run.as_deref().unwrap_or("-"), second(silence.from), second(silence.to), silence.after)
    });
    assert_eq!(signs.silences, named.len() as u64);
    named.collect()
}

#[test]
fn two_processes_that_take_turns_are_neither_unfinished_nor_silent() {
    let mut log = Log::new();
    log.open(0, Some("r"), Some(0));
    log.open(1, Some("s"), None);
    // One serves, so it has no heartbeat; the other has nothing to do.
    for minute in 1..100 {
        log.own(minute * 60, "trail.heartbeat", "s");
        log.call(minute * 60 + 10);
        log.call(minute * 60 + 40);
    }
    log.own(6_000, "trail.closed", "r");
    log.beat(6_010, 12_010, "s");
    log.own(12_011, "trail.closed", "s");
    let signs = log.end();
    assert_eq!((signs.opened, signs.closed, signs.unfinished), (2, 2, 0));
    assert_eq!((silences(&signs).len(), signs.open_runs.len()), (0, 0));
}

#[test]
fn a_run_is_silent_although_another_gives_signs() {
    let mut log = Log::new();
    log.open(0, Some("r"), Some(0));
    log.open(0, Some("s"), None);
    log.beat(60, 60, "r");
    log.beat(61, 600, "s");
    log.own(605, "trail.heartbeat", "r");
    log.own(606, "trail.closed", "s");
    log.own(607, "trail.closed", "r");
    assert_eq!(silences(&log.end()), [("r", 60, 605, 2)]);
}

#[test]
fn an_entry_of_a_caller_may_be_of_any_run() {
    let mut log = Log::new();
    log.open(0, Some("r"), Some(0));
    log.open(0, Some("s"), None);
    // Nobody can say who recorded these.
    (1..20).for_each(|minute| log.call(minute * 60));
    log.own(1_141, "trail.heartbeat", "s");
    log.own(1_142, "trail.heartbeat", "r");
    assert_eq!(silences(&log.end()), []);
}

#[test]
fn a_dead_run_is_silent_once_and_unfinished_when_somebody_is_alone_with_the_trail() {
    let mut log = Log::new();
    log.open(0, Some("dead"), Some(0));
    log.open(1, Some("s"), None);
    for hour in 1..4 {
        log.beat(hour * 3_600 - 3_540, hour * 3_600, "s");
        log.call(hour * 3_600 + 5);
    }
    // Another comes while the second is there: that says nothing about the first.
    log.open(10_810, Some("t"), None);
    log.own(10_811, "trail.closed", "s");
    log.own(10_812, "trail.closed", "t");
    let alone_at = log.size;
    // This one was opened behind that moment, and its entry is before.
    log.open(10_820, Some("u"), None);
    log.open(10_821, Some("v"), Some(alone_at));
    let signs = log.end();
    assert_eq!(silences(&signs), [("dead", 0, 3_605, 0)]);
    assert_eq!((signs.opened, signs.closed, signs.unfinished), (5, 2, 1));
    let open: Vec<_> = signs.open_runs.iter().map(|run| run.run.as_deref().unwrap()).collect();
    assert_eq!(open, ["u", "v"]);
}

#[test]
fn what_is_open_when_the_trail_is_closed_is_unfinished() {
    let log = || {
        let mut log = Log::new();
        log.open(0, Some("dead"), Some(0));
        log.open(1, Some("s"), None);
        log.own(2, "trail.closed", "s");
        log.open(3, Some("later"), None);
        log.listener
    };
    let signs = log().finish(Some(3));
    assert_eq!((signs.unfinished, signs.open_runs.len()), (1, 1));
    assert_eq!(signs.open_runs[0].run.as_deref(), Some("later"));
    let signs = log().finish(None);
    assert_eq!((signs.unfinished, signs.open_runs.len()), (0, 2));
}

#[test]
fn a_silence_that_ends_in_an_entry_of_a_caller_counts_once_a_clock_confirms_it() {
    let log = |behind: i64| {
        let mut log = Log::new();
        log.open(0, Some("r"), Some(0));
        log.call(10);
        // A machine that slept, or a caller that wrote down a time to come?
        log.call(1_000);
        log.own(behind, "trail.heartbeat", "r");
        log.end()
    };
    assert_eq!(silences(&log(1_060)), [("r", 10, 1_000, 1)]);
    assert_eq!(silences(&log(70)), []);
}

#[test]
fn old_times_that_callers_give_are_no_silence() {
    let mut log = Log::new();
    log.open(0, Some("r"), Some(0));
    // An import of old entries takes half an hour.
    (0..600).for_each(|entry| log.call(entry - 10_000_000));
    log.own(1_800, "trail.heartbeat", "r");
    assert_eq!(silences(&log.end()), []);
}

#[test]
fn a_run_whose_settings_were_changed_is_not_judged() {
    let mut log = Log::new();
    log.open(0, Some("r"), Some(0));
    // It was killed, and the process that comes now has neither life signs nor a heartbeat.
    log.add(60, Category::Trail, "trail.settings", Some(json!({"changed": {}})));
    log.call(100);
    log.call(10_000);
    log.add(20_000, Category::Trail, "trail.gap", Some(json!({"dropped": 1, "categories": {"api": 1}})));
    let signs = log.end();
    assert_eq!((silences(&signs).len(), signs.heartbeat_ms), (0, None));
}

#[test]
fn entries_without_a_run_are_judged_as_before() {
    let mut log = Log::new();
    log.open(0, None, None);
    log.call(10);
    // Killed; the next one finds it so.
    log.add(1_000, Category::Trail, "trail.recovered", Some(json!({})));
    log.open(1_000, None, None);
    log.add(1_060, Category::Trail, "trail.heartbeat", Some(json!({"interval_ms": 60_000})));
    log.add(1_061, Category::Trail, "trail.closed", Some(json!({})));
    log.open(9_000, None, None);
    // And killed again, before a version that names its runs.
    log.open(9_100, Some("new"), None);
    let signs = log.end();
    assert_eq!(silences(&signs), [("-", 10, 1_000, 1)]);
    assert_eq!((signs.opened, signs.closed, signs.unfinished, signs.recovered), (4, 1, 2, 1));
    assert_eq!(signs.open_runs.len(), 1);
}

#[test]
fn times_and_heartbeats_of_any_size_are_computed_with() {
    for every in [u64::MAX, i64::MAX as u64] {
        let mut log = Log::new();
        let opened = json!({"run": "r", "settings": {"heartbeat_ms": every}});
        log.add(-60_000_000_000, Category::Trail, "trail.opened", Some(opened));
        log.call(251_000_000_000);
        log.call(-60_000_000_000);
        log.own(251_000_000_000, "trail.closed", "r");
        let silences = log.end().silences;
        assert!(silences <= 1, "{silences}");
    }
}

#[test]
fn at_most_a_thousand_open_runs_are_followed() {
    let mut log = Log::new();
    (0..2_500).for_each(|run| log.open(run, Some(&run.to_string()), None));
    let signs = log.end();
    assert_eq!((signs.opened, signs.open_runs.len(), signs.open_runs[0].opened), (2_500, 1_000, 1_500));
}
