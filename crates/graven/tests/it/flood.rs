//! Flood control: repeats of one emitted entry become one entry with their count, and nothing else does.

use std::collections::BTreeMap;
use std::io::ErrorKind as IoErrorKind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use graven::clock::Clock;
use graven::clock::sim::SimClock;
use graven::disk::sim::{FailBut, Fault, Op, SimDisk, Step};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::sim::Process;
use graven::{Category, Entry, Flood, Machine, Outcome, Phase, Settings, Trail};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::patience::{must_end, until, until_count};

const WINDOW: Duration = Duration::from_secs(1);

/// How many entries of a kind are written one by one in a window; the rest are counted.
const RATE: u64 = 3;

struct World {
    disk: SimDisk,
    clock: SimClock,
}

impl World {
    fn new() -> World {
        must_end();
        World { disk: SimDisk::new(), clock: SimClock::new(9) }
    }

    fn machine(&self) -> Machine {
        Machine { disk: Arc::new(self.disk.clone()), clock: Arc::new(self.clock.clone()) }
    }

    fn open(&self) -> Trail {
        Trail::open_on(settings(), self.machine()).unwrap()
    }

    /// What is durable, but for the trail's own entries.
    fn stored(&self) -> Vec<Entry> {
        let reader = Reader::open_on(&self.machine(), Layout::in_dir("/t")).unwrap();
        let entries = reader.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap());
        entries.filter(|entry| entry.category != Category::Trail).collect()
    }

    /// Each entry as its id, or as the number of entries that it stands for.
    fn told(&self) -> Vec<String> {
        self.stored().iter().map(told).collect()
    }
}

fn settings() -> Settings {
    Settings::new("/t").flood_control(Flood::new(RATE, WINDOW))
}

fn told(entry: &Entry) -> String {
    entry.count.map_or_else(|| entry.id.clone().unwrap(), |count| format!("x{count}"))
}

fn entry(id: impl ToString) -> Entry {
    Entry::new(Category::Api, "GET /health", Outcome::Success).id(id.to_string())
}

fn emit(trail: &Trail, ids: std::ops::Range<u64>) {
    ids.for_each(|id| trail.emit(entry(id)));
}

#[test]
fn repeats_beyond_the_rate_become_one_line_with_their_count_and_times() {
    let world = World::new();
    let trail = world.open();
    for n in 0..100 {
        let detail = json!({"duration_ms": 7, "status": 200});
        trail.emit(entry(n).duration_ms(n).principal("alice").session_id("s").detail(detail));
        world.clock.advance(Duration::from_micros(2_500));
    }
    trail.close_blocking().unwrap();
    assert_eq!(world.told(), ["0", "1", "2", "x97"]);
    let live = String::from_utf8(world.disk.contents("/t/audit.jsonl").unwrap()).unwrap();
    let last = live.lines().last().unwrap();
    let (id, rest) = last.split_at(r#"{"id":"01234567-0123-7123-8123-0123456789ab""#.len());
    assert!(id.starts_with(r#"{"id":"0"#), "{last}");
    assert_eq!(
        rest,
        r#","timestamp":"2026-01-01T00:00:00.007500Z","category":"api","action":"GET /health","principal":"alice","outcome":"success","detail":{"duration_ms":7,"status":200},"duration_ms":240,"session_id":"s","count":97}"#
    );
}

#[test]
fn without_the_setting_every_entry_is_written() {
    let world = World::new();
    let trail = Trail::open_on(Settings::new("/t"), world.machine()).unwrap();
    emit(&trail, 0..50);
    trail.close_blocking().unwrap();
    assert_eq!(world.stored().len(), 50);
}

#[test]
fn a_single_repeat_is_written_as_it_was() {
    let world = World::new();
    let trail = world.open();
    emit(&trail, 0..3);
    trail.emit(entry("late").duration_ms(5));
    trail.close_blocking().unwrap();
    assert_eq!(world.told(), ["0", "1", "2", "late"]);
    assert_eq!(world.stored()[3].duration_ms, Some(5));
}

#[test]
fn what_decides_or_is_acknowledged_is_never_counted_away() {
    let world = World::new();
    let trail = world.open();
    const EACH: usize = 5;
    for n in 0..EACH {
        trail.emit(Entry::new(Category::Api, "GET /health", Outcome::Denied).id("denied"));
        trail.emit(Entry::intent(Category::Api, "GET /health").id("intent"));
        trail.emit(entry("result").phase(Phase::Result).intent_id("i"));
        trail.emit(entry("counted").count(2));
        trail.emit(entry("blob").detail("x".repeat(70_000)));
        // Of another kind each time.
        trail.emit(entry("kind").request_id(n.to_string()));
        trail.record_blocking(entry("recorded")).unwrap();
        trail.record_batch_blocking(vec![entry("batch")]).unwrap();
        let act = trail.begin_blocking(Entry::intent(Category::Api, "GET /health")).unwrap();
        act.finish_blocking(Outcome::Success, None).unwrap();
    }
    trail.close_blocking().unwrap();
    let mut counts = BTreeMap::new();
    for entry in world.stored() {
        let name = entry.id.filter(|id| id.len() < 10).unwrap_or_else(|| entry.phase.unwrap().to_string());
        *counts.entry(name).or_insert(0) += 1;
    }
    // The acts' own intents and results have ids of 36 characters.
    assert_eq!(counts.remove("intent"), Some(2 * EACH));
    assert_eq!(counts.remove("result"), Some(2 * EACH));
    assert!(counts.values().all(|count| *count == EACH), "{counts:?}");
    assert_eq!(counts.len(), 6);
}

#[test]
fn when_the_window_is_over_the_next_emit_finds_the_count_written_and_begins_anew() {
    let world = World::new();
    let trail = world.open();
    emit(&trail, 0..10);
    world.clock.advance(WINDOW);
    emit(&trail, 10..20);
    trail.close_blocking().unwrap();
    assert_eq!(world.told(), ["0", "1", "2", "x7", "10", "11", "12", "x7"]);
}

#[test]
fn when_nothing_more_is_done_the_count_is_written_all_the_same() {
    let world = World::new();
    let trail = world.open();
    emit(&trail, 0..10);
    world.clock.advance(WINDOW);
    until_count("entries of the trail", 4, || trail.len());
    assert_eq!(world.told(), ["0", "1", "2", "x7"]);
}

#[test]
fn no_count_is_written_before_its_window_is_over() {
    let world = World::new();
    let trail = world.open();
    emit(&trail, 0..10);
    world.clock.advance(WINDOW - Duration::from_nanos(1));
    until_count("entries of the trail", 3, || trail.len());
    // A count that is written too early would be there once this is.
    trail.record_blocking(entry("before the end")).unwrap();
    world.clock.advance(Duration::from_nanos(1));
    until_count("entries of the trail", 5, || trail.len());
    assert_eq!(world.told(), ["0", "1", "2", "before the end", "x7"]);
}

#[test]
fn flush_checkpoint_close_and_drop_write_the_counts() {
    let world = World::new();
    let trail = world.open();
    emit(&trail, 0..10);
    trail.flush_blocking().unwrap();
    assert_eq!(world.told(), ["0", "1", "2", "x7"]);
    // The window goes on.
    emit(&trail, 10..20);
    trail.checkpoint_blocking().unwrap();
    assert_eq!(trail.counters().sealed, trail.len());
    emit(&trail, 20..30);
    trail.clone().close_blocking().unwrap();
    assert_eq!(world.told(), ["0", "1", "2", "x7", "x10", "x10"]);
    drop(trail);
    let trail = world.open();
    emit(&trail, 30..40);
    drop(trail);
    assert_eq!(world.told()[6..], ["30", "31", "32", "x7"]);
}

#[test]
fn a_change_of_the_setting_is_on_record() {
    let world = World::new();
    Trail::open_on(Settings::new("/t"), world.machine()).unwrap().close_blocking().unwrap();
    world.open().close_blocking().unwrap();
    let reader = Reader::open_on(&world.machine(), Layout::in_dir("/t")).unwrap();
    let said = reader.entries(..).unwrap().next().unwrap().unwrap().entry().unwrap();
    let detail: Value = serde_json::from_str(said.detail.unwrap().as_str()).unwrap();
    let now = &detail["changed"]["flood_control"]["to"];
    assert_eq!(*now, json!({"entries": 3, "window_ms": 1000, "kinds_max": 4096}), "{detail}");
}

#[test]
fn equal_secrets_are_equal_and_none_is_kept() {
    let world = World::new();
    let trail = world.open();
    for n in 0..10 {
        let secret = ["sesame", "simsalabim"][n % 2];
        trail.emit(entry(n).detail(json!({"password": secret})));
    }
    trail.close_blocking().unwrap();
    assert_eq!(world.told(), ["0", "1", "2", "3", "4", "5", "x2", "x2"]);
    let live = String::from_utf8(world.disk.contents("/t/audit.jsonl").unwrap()).unwrap();
    assert!(!live.contains("sesame") && !live.contains("simsalabim"), "{live}");
}

#[test]
fn without_room_a_count_waits_and_grows() {
    let world = World::new();
    let trail = Trail::open_on(settings().queue_bytes(0), world.machine()).unwrap();
    trail.flush_blocking().unwrap();
    let gate = world.disk.hold(|step: &Step| step.op == Op::SyncData && step.is_named("audit.jsonl"));
    emit(&trail, 0..10);
    gate.reached();
    let large = |id: &str| entry(id).detail("x".repeat(60_000));
    // Behind the writer there is room for two of these.
    for n in 0..4 {
        trail.emit(large(&n.to_string()).request_id(n.to_string()));
    }
    assert_eq!(trail.counters().dropped, 2, "the queue is full");
    world.clock.advance(WINDOW);
    emit(&trail, 10..20);
    assert_eq!(trail.counters().dropped, 2, "they were counted");
    gate.open();
    trail.flush_blocking().unwrap();
    let told = world.told();
    let counted: u64 = told.iter().filter_map(|told| told.strip_prefix('x')?.parse::<u64>().ok()).sum();
    // The place of the count depends on when there was room again.
    assert_eq!(told.iter().filter(|id| !id.starts_with('x')).count() as u64 - 2 + counted, 20, "{told:?}");
    trail.close_blocking().unwrap();
}

#[test]
fn a_count_whose_write_fails_is_lost_with_all_that_it_stands_for() {
    let world = World::new();
    let trail = world.open();
    emit(&trail, 0..3);
    trail.flush_blocking().unwrap();
    emit(&trail, 3..10);
    let fails = |step: &Step| step.op == Op::Write && step.is_named("audit.jsonl");
    world.disk.inject(Fault::when(fails).fail(IoErrorKind::Other, FailBut::NotDone));
    trail.flush_blocking().unwrap_err();
    // Emitted to a trail that takes nothing more: flood control counts them first.
    emit(&trail, 10..15);
    drop(trail);
    let trail = world.open();
    trail.close_blocking().unwrap();
    let reader = Reader::open_on(&world.machine(), Layout::in_dir("/t")).unwrap();
    let entries = reader.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap());
    let gaps: Vec<Value> = entries
        .filter(|entry| entry.action == "trail.gap")
        .map(|entry| serde_json::from_str(entry.detail.unwrap().as_str()).unwrap())
        .collect();
    assert_eq!(gaps, [json!({"dropped": 12, "categories": {"api": 12}})]);
    assert_eq!(world.told(), ["0", "1", "2"]);
}

#[test]
fn from_many_threads_every_entry_is_counted_once() {
    const EACH: u64 = 2_000;
    let world = World::new();
    let trail = world.open();
    thread::scope(|scope| {
        for thread in 0..4 {
            let (trail, clock) = (&trail, &world.clock);
            scope.spawn(move || {
                for n in 0..EACH {
                    trail.emit(entry(format!("{thread}-{n}")));
                    if n % 100 == 0 {
                        clock.advance(WINDOW / 10);
                    }
                    if n % 501 == 0 {
                        trail.flush_blocking().unwrap();
                    }
                }
            });
        }
    });
    trail.close_blocking().unwrap();
    let stored = world.stored();
    assert_eq!(stored.iter().map(|entry| entry.count.unwrap_or(1)).sum::<u64>(), 4 * EACH);
    assert!((stored.len() as u64) < EACH);
    assert_eq!(stored[0].count, None);
}

#[test]
fn what_is_emitted_while_the_trail_closes_is_written_or_lost_and_counted() {
    const EACH: u64 = 2_000;
    let world = World::new();
    let trail = world.open();
    thread::scope(|scope| {
        let emitter = scope.spawn(|| emit(&trail, 0..EACH));
        until("the first entry is durable", || !trail.is_empty());
        trail.close_blocking().unwrap();
        emitter.join().unwrap();
    });
    let stored: u64 = world.stored().iter().map(|entry| entry.count.unwrap_or(1)).sum();
    assert_eq!(stored + trail.counters().dropped, EACH);
}

/// What a program does.
#[derive(Debug, Clone)]
enum Deed {
    Emit { kind: usize, denied: bool },
    Advance { ms: u64 },
    Flush,
}

/// What is then in the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    One(usize),
    Many { kind: usize, ids: Vec<usize> },
}

/// A slow and plain model of flood control: windows in the order of their beginnings.
#[derive(Default)]
struct Model {
    windows: Vec<Window>,
    told: Vec<Told>,
}

struct Window {
    kind: usize,
    began_ms: u64,
    written: u64,
    counted: Vec<usize>,
}

impl Model {
    fn emit(&mut self, id: usize, kind: usize, denied: bool, now_ms: u64) {
        if denied {
            return self.told.push(Told::One(id));
        }
        let over = |window: &Window| now_ms >= window.began_ms + WINDOW.as_millis() as u64;
        while self.windows.first().is_some_and(over) {
            let window = self.windows.remove(0);
            self.tell(window.kind, window.counted);
        }
        let room = self.windows.len() < KINDS;
        let window = self.windows.iter_mut().find(|window| window.kind == kind);
        if window.is_none() && room {
            self.windows.push(Window { kind, began_ms: now_ms, written: 1, counted: Vec::new() });
        } else if let Some(window) = window {
            if window.written == RATE {
                return window.counted.push(id);
            }
            window.written += 1;
        }
        self.told.push(Told::One(id));
    }

    fn flush(&mut self) {
        for n in 0..self.windows.len() {
            let (kind, counted) = (self.windows[n].kind, std::mem::take(&mut self.windows[n].counted));
            self.tell(kind, counted);
        }
    }

    fn tell(&mut self, kind: usize, ids: Vec<usize>) {
        match ids.as_slice() {
            [] => {}
            [one] => self.told.push(Told::One(*one)),
            _ => self.told.push(Told::Many { kind, ids }),
        }
    }
}

/// The most kinds that are known at a time.
const KINDS: usize = 3;

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        12 => (0..5_usize, prop::bool::weighted(0.1)).prop_map(|(kind, denied)| Deed::Emit { kind, denied }),
        2 => (0..400_u64).prop_map(|ms| Deed::Advance { ms }),
        1 => Just(Deed::Flush),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_trail_holds_what_the_model_says(deeds in prop::collection::vec(deed(), 0..150)) {
        let world = World::new();
        let flood = Flood::new(RATE, WINDOW).kinds_max(KINDS);
        let settings = Settings::new("/t").flood_control(flood);
        let mut trail = Process::new().open(settings, world.machine()).unwrap();
        let (began, mut model, mut times) = (world.clock.elapsed(), Model::default(), Vec::new());
        for deed in deeds {
            match deed {
                Deed::Emit { kind, denied } => {
                    let outcome = if denied { Outcome::Denied } else { Outcome::Success };
                    let id = times.len();
                    times.push(world.clock.now());
                    let entry = Entry::new(Category::Api, kind.to_string(), outcome).id(id.to_string());
                    trail.trail().emit(entry.duration_ms(id as u64));
                    let now_ms = (world.clock.elapsed() - began).as_millis() as u64;
                    model.emit(id, kind, denied, now_ms);
                }
                Deed::Advance { ms } => world.clock.advance(Duration::from_millis(ms)),
                Deed::Flush => {
                    trail.checkpoint().unwrap();
                    model.flush();
                }
            }
        }
        trail.close().unwrap();
        model.flush();
        let stored = world.stored();
        prop_assert_eq!(stored.iter().map(|entry| entry.count.unwrap_or(1)).sum::<u64>(), times.len() as u64);
        prop_assert_eq!(stored.len(), model.told.len());
        for (entry, told) in stored.iter().zip(&model.told) {
            match told {
                Told::One(id) => {
                    prop_assert_eq!(entry.id.clone().unwrap(), id.to_string());
                    prop_assert_eq!((entry.count, entry.duration_ms), (None, Some(*id as u64)));
                }
                Told::Many { kind, ids } => {
                    prop_assert_eq!(&entry.action, &kind.to_string());
                    prop_assert_eq!(entry.count, Some(ids.len() as u64));
                    let (first, last) = (times[ids[0]], times[ids[ids.len() - 1]]);
                    prop_assert_eq!(entry.timestamp, Some(first));
                    prop_assert_eq!(entry.duration_ms, Some((last - first).num_milliseconds() as u64));
                }
            }
        }
    }
}
