//! Openings, closings, settings and silence are on record, when asked for or when they change what is recorded.

use std::sync::Arc;
use std::time::Duration;

use graven::clock::sim::SimClock;
use graven::disk::sim::{Fault, SimDisk};
use graven::layout::Layout;
use graven::reader::{LifeSigns, Reader};
use graven::{Category, Entry, Machine, Outcome, Settings, Trail, WhenFull};

use crate::support::patience::{must_end, until_count};

const BEAT: Duration = Duration::from_millis(20);

/// A trail on a clock that stands still until it is told to move.
struct World {
    disk: SimDisk,
    clock: SimClock,
}

impl World {
    fn new() -> World {
        must_end();
        World { disk: SimDisk::new(), clock: SimClock::new(1) }
    }

    fn machine(&self) -> Machine {
        Machine { disk: Arc::new(self.disk.clone()), clock: Arc::new(self.clock.clone()) }
    }

    fn open(&self, settings: Settings) -> Trail {
        Trail::open_on(settings, self.machine()).unwrap()
    }

    fn reader(&self) -> Reader {
        Reader::open_on(&self.machine(), Layout::in_dir("/t")).unwrap()
    }

    /// What the trail says of itself: action and detail.
    fn said(&self) -> Vec<(String, serde_json::Value)> {
        let entries = self.reader().entries(..).unwrap().map(|record| record.unwrap().entry().unwrap());
        entries
            .filter(|entry| entry.category == Category::Trail)
            .map(|entry| {
                let detail = entry.detail.map(|detail| serde_json::from_str(detail.as_str()).unwrap());
                (entry.action, detail.unwrap_or_default())
            })
            .collect()
    }

    fn actions(&self) -> Vec<String> {
        self.said().into_iter().map(|(action, _)| action).collect()
    }

    fn life(&self) -> LifeSigns {
        self.reader().tally(&mut |_| {}).unwrap().life
    }
}

fn settings() -> Settings {
    Settings::new("/t")
}

fn record(trail: &Trail) {
    trail.record_blocking(Entry::new(Category::Api, "GET /", Outcome::Success)).unwrap();
}

/// Waits until the trail has `entries` entries. The clock of the trail does not move meanwhile.
fn wait_for(trail: &Trail, entries: u64) {
    until_count("entries of the trail", entries, || trail.len());
}

#[test]
fn nothing_is_said_unless_asked_for() {
    let world = World::new();
    for _ in 0..3 {
        let trail = world.open(settings());
        record(&trail);
        trail.close_blocking().unwrap();
    }
    assert_eq!(world.actions(), [""; 0]);
}

#[test]
fn openings_and_closings_are_the_first_and_the_last_of_a_run() {
    let world = World::new();
    for _ in 0..2 {
        let trail = world.open(settings().life_signs(true));
        assert!(trail.counters().sealed > 0, "the opening is sealed before anybody uses the trail");
        record(&trail);
        trail.emit(Entry::new(Category::Api, "late", Outcome::Success));
        // Closing twice does not say it twice.
        trail.close_blocking().unwrap();
        trail.close_blocking().unwrap();
    }
    let all = world.reader().entries(..).unwrap().map(|record| record.unwrap().entry().unwrap().action);
    let run = ["trail.opened", "GET /", "late", "trail.closed"];
    assert_eq!(all.collect::<Vec<_>>(), [run, run].concat());
    let (_, opened) = world.said().swap_remove(0);
    assert_eq!(opened["key"], world.reader().meta().key.to_string());
    let key = &opened["settings"]["redaction_key"];
    assert_eq!(key.as_str().unwrap().len(), 12);
    assert_eq!(opened["settings"], serde_json::json!({"life_signs": true, "redaction_key": key}));
    assert_eq!(opened["version"], env!("CARGO_PKG_VERSION"));
    let life = world.life();
    assert_eq!((life.opened, life.closed, life.unfinished), (2, 2, 0));
    // Dropping closes too.
    drop(world.open(settings().life_signs(true)));
    assert_eq!(world.life().closed, 3);
}

#[test]
fn each_sign_names_its_run_first_and_each_opening_is_a_run() {
    let mut world = World::new();
    let trail = world.open(settings().heartbeat(BEAT));
    record(&trail);
    world.clock.advance(BEAT);
    wait_for(&trail, 3);
    let after = world.disk.crash(&world.disk.snapshot().crash_choice_nothing());
    world.disk.halt();
    drop(trail);
    world.disk = after;
    world.disk.tamper("/t/audit.jsonl", |bytes| bytes.extend_from_slice(b"a torn line")).unwrap();
    world.open(settings().heartbeat(BEAT)).close_blocking().unwrap();
    Trail::repair_on(settings().heartbeat(BEAT), world.machine()).unwrap().close_blocking().unwrap();

    let records = world.reader().entries(..).unwrap().map(|record| record.unwrap());
    let mut runs: Vec<(String, Vec<String>)> = Vec::new();
    for record in records {
        let entry = record.entry().unwrap();
        if entry.category != Category::Trail {
            continue;
        }
        let detail = entry.detail.unwrap();
        let (name, _) = detail.as_str().strip_prefix(r#"{"run":""#).unwrap().split_once('"').unwrap();
        assert!(name.len() == 16 && name.bytes().all(|digit| b"0123456789abcdef".contains(&digit)), "{name}");
        match runs.last_mut().filter(|(run, _)| run == name) {
            Some((_, actions)) => actions.push(entry.action),
            None => runs.push((name.to_owned(), vec![entry.action])),
        }
    }
    let actions: Vec<_> = runs.iter().map(|(_, actions)| actions.join(" ")).collect();
    let wanted = [
        "trail.opened trail.heartbeat",
        "trail.recovered trail.opened trail.closed",
        "trail.repaired trail.opened trail.closed",
    ];
    assert_eq!(actions, wanted);
    let alone_at = |of: usize| world.said()[of].1["alone_at"].clone();
    assert_eq!((alone_at(0), alone_at(3)), (0.into(), 3.into()), "how many entries there were before");
}

#[test]
fn a_run_that_ends_without_a_word_is_counted_when_the_next_begins() {
    let mut world = World::new();
    let trail = world.open(settings().life_signs(true));
    record(&trail);
    // The process dies here: what the disk holds is what the next one finds.
    let after = world.disk.crash(&world.disk.snapshot().crash_choice_nothing());
    world.disk.halt();
    drop(trail);
    world.disk = after;
    world.open(settings().life_signs(true)).close_blocking().unwrap();
    let life = world.life();
    assert_eq!((life.opened, life.closed, life.unfinished), (2, 1, 1), "{life:?}");
}

#[test]
fn settings_that_decide_what_is_recorded_are_on_record_when_they_change() {
    let world = World::new();
    // The settings that a trail begins with are no change.
    let drops = || settings().when_full_for(Category::Api, WhenFull::Drop);
    world.open(drops()).close_blocking().unwrap();
    world.open(drops().ring_entries(7)).close_blocking().unwrap();
    assert_eq!(world.actions(), [""; 0]);
    // Neither is a setting that is not given: it is taken from the trail.
    world.open(settings()).close_blocking().unwrap();
    assert_eq!(world.actions(), [""; 0]);
    let waits = || settings().when_full_for(Category::Api, WhenFull::Wait(BEAT));
    world.open(waits()).close_blocking().unwrap();
    let (action, detail) = world.said().pop().unwrap();
    assert_eq!(action, "trail.settings");
    let change = serde_json::json!({"from": {"api": "drop"}, "to": null});
    assert_eq!(detail, serde_json::json!({"changed": {"when_full_by_category": change}}));
    // Once: it is the same from now on.
    world.open(waits()).close_blocking().unwrap();
    world.open(settings()).close_blocking().unwrap();
    assert_eq!(world.life().settings_changed, 1);
}

#[test]
fn a_change_that_was_cut_short_is_said_again() {
    let world = World::new();
    world.open(settings()).close_blocking().unwrap();
    let changed = || settings().when_full(WhenFull::Drop);
    let fault =
        Fault::when(|step| step.path.to_string_lossy().contains("settings.json") && step.op.changes());
    world.disk.inject(fault.forever());
    let error = Trail::open_on(changed(), world.machine()).unwrap_err();
    assert!(error.to_string().contains("settings.json"), "{error}");
    world.disk.heal();
    world.open(changed()).close_blocking().unwrap();
    world.open(changed()).close_blocking().unwrap();
    // The first of them was durable and not sealed.
    assert_eq!(world.actions(), ["trail.settings", "trail.recovered", "trail.settings"]);
}

#[test]
fn a_heartbeat_comes_only_when_nothing_else_did() {
    let world = World::new();
    let trail = world.open(settings().heartbeat(BEAT));
    wait_for(&trail, 1);
    world.clock.advance(BEAT / 2);
    record(&trail);
    world.clock.advance(BEAT / 2);
    // A whole interval has passed, but only half of one since the last entry: the next beat is that of the next half.
    world.clock.advance(BEAT / 2);
    wait_for(&trail, 3);
    world.clock.advance(BEAT);
    wait_for(&trail, 4);
    trail.close_blocking().unwrap();
    assert_eq!(world.actions(), ["trail.opened", "trail.heartbeat", "trail.heartbeat", "trail.closed"]);
    let beats = world.reader().entries(..).unwrap().map(|record| record.unwrap().entry().unwrap());
    let times: Vec<i64> = beats
        .filter(|entry| entry.action == "trail.heartbeat")
        .map(|entry| entry.timestamp.unwrap().timestamp_subsec_millis().into())
        .collect();
    assert_eq!(times, [30, 50]);
    assert_eq!(world.life().heartbeats, 2);
    assert_eq!(world.life().silences, 0);
}

#[test]
fn silence_longer_than_two_heartbeats_is_found_and_silence_after_a_closing_is_none() {
    let mut world = World::new();
    let minute = Duration::from_secs(60);
    let trail = world.open(settings().heartbeat(minute));
    record(&trail);
    // Times that callers set do not count: neither the past nor the future is silence.
    let at = |time: &str| Entry::new(Category::Api, "at", Outcome::Success).timestamp(time.parse().unwrap());
    trail.record_blocking(at("2001-01-01T00:00:00Z")).unwrap();
    record(&trail);
    let died = world.disk.crash(&world.disk.snapshot().crash_choice_nothing());
    world.disk.halt();
    drop(trail);
    world.disk = died;
    world.clock.advance(minute * 10);
    let trail = world.open(settings().heartbeat(minute));
    trail.close_blocking().unwrap();
    world.clock.advance(minute * 100);
    world.open(settings().heartbeat(minute)).close_blocking().unwrap();
    let life = world.life();
    assert_eq!((life.silences, life.unfinished, life.heartbeat_ms), (1, 1, None), "{life:?}");
    let silence = &life.longest_silences[0];
    assert_eq!((silence.after, silence.seconds), (3, 600), "{silence:?}");
}

#[test]
fn what_was_dropped_is_added_up_by_category() {
    let world = World::new();
    let trail = world.open(settings());
    for _ in 0..2 {
        trail.emit(Entry::new(Category::Trail, "not yours", Outcome::Success));
        trail.flush_blocking().unwrap();
    }
    let life = world.life();
    assert_eq!((life.gaps, life.dropped["trail"]), (2, 2), "{life:?}");
}
