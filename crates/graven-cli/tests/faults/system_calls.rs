//! Every system call of the binary on its files fails once, and once kills the binary.
//!
//! First each run is traced. Then it is repeated with a fault at the n-th call of a name, for each n and each fault. A
//! kill comes at the start of a call, so the kills cover every moment between two calls.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use graven_core::verdict::Verdict;

use crate::judge::{Place, Wrong, copy};
use crate::report::Table;
use crate::scenario::{Doing, PUBLISHER, Ran, Scenario, WRITER, Who};
use crate::strace::{Fault, Strike};
use crate::trace::Call;
use crate::workload::{Feeding, LARGE};

/// How often a run is repeated when the fault did not happen, because the threads took another order.
const ATTEMPTS: u32 = 5;

/// The calls that write. They can also fail because the disk is full.
const WRITING: [&str; 9] =
    ["openat", "mkdir", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink"];

/// How many entries the trail has before, and what is recorded then: two entries; one with a large detail; one with
/// the same detail; six entries across the end of a segment at 256.
const BEFORE: u64 = 250;
const STEPS: &[&[u64]] = &[FIRST_STEP[0], &[LARGE[0]], &[LARGE[1]], &[254, 255, 256, 257, 258, 259]];

const FIRST_STEP: &[&[u64]] = &[&[250, 251]];

/// What is recorded beside another process, which records after each step: two entries; two after the other has closed
/// the segment at 256, which have the same large detail; enough to close the next segment.
const BESIDE: &[&[u64]] = &[FIRST_STEP[0], &LARGE, &FILLING];
const FILLING: [u64; 256] = {
    let mut numbers = [0; 256];
    let mut at = 0;
    while at < numbers.len() {
        numbers[at] = 300 + at as u64;
        at += 1;
    }
    numbers
};

/// One fault at one place.
struct Point {
    scenario: usize,
    who: Who,
    strike: Strike,
    /// The file, for a person.
    path: String,
}

#[test]
fn every_call_fails_once_and_nothing_acknowledged_is_lost() {
    let bases = tempfile::tempdir().unwrap();
    let mut scenarios = scenarios(bases.path());
    beside_another(&mut scenarios);
    let (points, seen) = points(&scenarios);
    println!("{} faults at the calls of {} runs; calls seen: {seen:?}", points.len(), scenarios.len());
    let table = Mutex::new(Table::default());
    let unreached = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let scenario = &scenarios[point.scenario];
                    let place =
                        format!("{}, {:?} {:?} {}", scenario.name, point.who, point.strike, point.path);
                    match strike(scenario, point) {
                        None => unreached.lock().unwrap().push(place),
                        Some((ran, wrong)) => table.lock().unwrap().add(
                            &point.strike.call,
                            point.strike.fault.name(),
                            ran.known.acknowledged(),
                            &place,
                            &wrong,
                        ),
                    }
                }
            });
        }
    });
    let table = table.into_inner().unwrap();
    let unreached = unreached.into_inner().unwrap();
    unreached.iter().for_each(|place| println!("did not happen: {place}"));
    table.conclude("call");
    for call in [
        "openat",
        "mkdir",
        "pwrite64",
        "fsync",
        "fdatasync",
        "ftruncate",
        "rename",
        "unlink",
        "flock",
        "statx",
    ] {
        assert!(table.tried(call) > 0, "{call} was never struck");
    }
    assert!(unreached.len() * 50 < points.len(), "{} faults did not happen", unreached.len());
}

/// The judge must be able to find errors: it gets a good run with each kind of false information.
#[test]
fn each_kind_of_error_is_found() {
    let bases = tempfile::tempdir().unwrap();
    let scenarios = scenarios(bases.path());
    let feed = scenarios.iter().find(|scenario| scenario.name == "record").unwrap();
    let judged = |doctor: &dyn Fn(&mut Ran)| {
        let mut ran = feed.run(Who::Main, None);
        doctor(&mut ran);
        ran.place.judge(&ran.known)
    };
    assert!(judged(&|_| {}).is_nothing());
    let other = judged(&|ran| {
        ran.known.told.acknowledged.get_mut("e-251").unwrap().1 = graven_core::hash::Hash::EMPTY_TREE
    });
    assert!(other.lost.len() == 1 && other.lost[0].contains("e-251"), "{other:?}");
    let gone = judged(&|ran| {
        let (index, hash) = ran.known.told.acknowledged["e-251"];
        ran.known.told.acknowledged.insert("e-999".into(), (index, hash));
    });
    assert!(gone.lost.len() == 1 && gone.lost[0].contains("e-999"), "{gone:?}");
    let refused = judged(&|ran| ran.known.told.refused.push("e-251".into()));
    assert!(refused.untrue.len() == 1 && refused.lost.is_empty(), "{refused:?}");
    let unknown = judged(&|ran| ran.known.asked.retain(|id| id != "e-259"));
    assert!(unknown.untrue.len() == 1, "{unknown:?}");
    let older = judged(&|ran| ran.known.before[10] ^= 1);
    assert!(older.lost.len() == 1, "{older:?}");
    let tampered = judged(&|ran| append(&ran.place.trail.join("audit.jsonl"), b"x\n"));
    assert!(tampered.false_verdicts.iter().any(|wrong| wrong.contains("inserted")), "{tampered:?}");
    let twice = judged(&|ran| {
        let again = Scenario { base: None, ..feed.clone() };
        assert_eq!(again.run_in(ran.place.clone(), Who::Main, None).ended.code, Some(0));
    });
    assert_eq!(twice.doubled.len(), ran_in(feed), "{twice:?}");
}

/// How many entries a feeding records.
fn ran_in(scenario: &Scenario) -> usize {
    match scenario.doing {
        Doing::Feed(steps) => steps.iter().map(|step| step.len()).sum(),
        _ => 0,
    }
}

/// Runs until the fault happens, and judges. `None` when it does not happen in any attempt.
fn strike(scenario: &Scenario, point: &Point) -> Option<(Ran, Wrong)> {
    for _ in 0..ATTEMPTS {
        let ran = scenario.run(point.who, Some(&point.strike));
        let mut wrong = ran.place.judge(&ran.known);
        ended_well(&ran, point, &mut wrong);
        // A run with an error counts even when the fault did not happen.
        if ran.struck || !wrong.is_nothing() {
            return Some((ran, wrong));
        }
    }
    None
}

/// Checks that the exit code and the output say what happened.
fn ended_well(ran: &Ran, point: &Point, wrong: &mut Wrong) {
    let told = &ran.known.told;
    if ran.ended.code == Some(0) && told.acknowledged.len() != ran.known.asked.len() {
        wrong.untrue.push("it ended with 0, and did not acknowledge everything".into());
    }
    if ran.ended.code.is_none() && !(ran.struck && point.strike.fault == Fault::Kill) {
        wrong.untrue.push(format!("it was killed, or hung: {}", ran.ended.stderr));
    }
    if let Some((ended, missing)) = &ran.beside
        && (ended.code, *missing) != (Some(0), 0)
    {
        wrong
            .untrue
            .push(format!("the other process did not get on, {missing} entries are missing: {ended:?}"));
    }
    if ran.ended.stderr.contains("fault in Graven") {
        wrong.untrue.push(ran.ended.stderr.clone());
    }
}

/// All runs, each with what exists before it.
pub(crate) fn scenarios(bases: &Path) -> Vec<Scenario> {
    let scenario = |name, base, doing, before: &[u8]| Scenario {
        name,
        base,
        trail: "trail",
        doing,
        before: before.to_vec(),
        rightly: None,
        contradicted: false,
        beside: false,
    };
    let clean = bases.join("clean");
    let before = make_clean(&clean);
    let feed = scenario("record", Some(clean.clone()), Doing::Feed(STEPS), &before);
    let mut all = vec![
        scenario("create", None, Doing::Init, b""),
        Scenario { trail: "sink.jsonl", ..scenario("create beside a live file", None, Doing::Init, b"") },
        feed.clone(),
        scenario("seal", Some(clean.clone()), Doing::Feed(FIRST_STEP), &before),
    ];
    // What a kill leaves at the worst moments of the run above. The first also gets half a line at the end.
    let moments = [
        ("open after a kill", "fdatasync", "trail/audit.jsonl", 3),
        ("open, segment not renamed", "rename", "trail/audit.jsonl", 1),
        ("open, no live file", "openat", "trail/audit.jsonl", 1),
    ];
    let calls = feed.run(WRITER, None).calls;
    for (name, call, path, time) in moments {
        let same = calls.iter().filter(|other| other.name == call);
        let at = same.enumerate().filter(|(_, call)| call.path().is_some_and(|at| at.ends_with(path)));
        let nth = at.map(|(before, _)| before + 1).nth(time - 1);
        let ran = feed.run(WRITER, Some(&Strike { call: call.to_owned(), fault: Fault::Kill, nth }));
        assert!(ran.struck && nth.is_some(), "{name}: no kill at {call}");
        let base = bases.join(name.replace([' ', ','], "-"));
        copy(&ran.place.folder, &base);
        let place = Place { trail: base.join("trail"), folder: base.clone() };
        let left = place.log();
        if call == "fdatasync" {
            append(&place.trail.join("audit.jsonl"), b"{\"id\":\"e-torn\",\"time");
        }
        all.push(scenario(name, Some(base), Doing::Record, &left));
    }
    let untiled = bases.join("untiled");
    copy(&clean, &untiled);
    std::fs::remove_file(untiled.join("trail/tiles/0")).unwrap();
    let untiled = scenario("open, hashes deleted", Some(untiled), Doing::Record, &before);
    all.push(Scenario { rightly: Some(Verdict::TilesDamaged), ..untiled });
    let contradicted = bases.join("contradicted");
    copy(&clean, &contradicted);
    let line = String::from_utf8(before.clone()).unwrap().lines().last().unwrap().replace("e-", "foreign-");
    append(&contradicted.join("trail/audit.jsonl"), format!("{line}\n").as_bytes());
    let repair = scenario("repair", Some(contradicted), Doing::Repair, &before);
    all.push(Scenario { rightly: Some(Verdict::Inserted), contradicted: true, ..repair });
    all
}

/// Adds runs on a trail that another process has open too. That one is not struck, and goes on.
fn beside_another(scenarios: &mut Vec<Scenario>) {
    let feed = scenarios.iter().find(|scenario| scenario.name == "record").expect("it is there").clone();
    let beside = |name, doing| Scenario { name, doing, beside: true, ..feed.clone() };
    scenarios.push(beside("open beside another process", Doing::Record));
    scenarios.push(beside("record beside another process", Doing::Feed(BESIDE)));
    scenarios.push(beside("seal beside another process", Doing::Feed(FIRST_STEP)));
}

/// Creates a trail of [`BEFORE`] entries, closed cleanly, and returns its log.
fn make_clean(folder: &Path) -> Vec<u8> {
    std::fs::create_dir(folder).unwrap();
    let place = Place { trail: folder.join("trail"), folder: folder.to_owned() };
    let (_, ended) = crate::workload::run(place.command(["init", place.trail(), "--segment-bytes", "1"]));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut feeding = Feeding::start(place.command(["record", place.trail(), "--stdin"]));
    feeding.send(0..BEFORE);
    let (told, _, ended) = feeding.finish();
    assert_eq!((ended.code, told.acknowledged.len()), (Some(0), BEFORE as usize), "{}", ended.stderr);
    place.log()
}

fn append(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// Every fault to try, and how often each call was seen on files of the trail.
fn points(scenarios: &[Scenario]) -> (Vec<Point>, BTreeMap<String, usize>) {
    let mut points = Vec::new();
    let mut seen = BTreeMap::new();
    for (number, scenario) in scenarios.iter().enumerate() {
        let whose: &[Who] = match scenario.doing {
            Doing::Feed(STEPS) => &[Who::Main, WRITER],
            Doing::Feed(BESIDE) => &[WRITER],
            Doing::Feed(_) => &[PUBLISHER],
            Doing::Init | Doing::Record | Doing::Repair => &[Who::Main, Who::Others],
        };
        for &who in whose {
            let ran = scenario.run(who, None);
            assert_eq!(ran.ended.code, Some(0), "{}: {}", scenario.name, ran.ended.stderr);
            for (call, places) in places(&ran, who) {
                *seen.entry(call.clone()).or_default() += places.len();
                for (nth, path) in places {
                    for fault in [Fault::Eio, Fault::Enospc, Fault::Kill] {
                        if fault == Fault::Enospc && !WRITING.contains(&call.as_str()) {
                            continue;
                        }
                        let strike = Strike { call: call.clone(), fault, nth: Some(nth) };
                        points.push(Point { scenario: number, who, strike, path: path.clone() });
                    }
                }
            }
        }
    }
    (points, seen)
}

/// For each name, which calls, counted from 1 in their thread, touch the trail. For the other threads, only calls whose
/// number the first thread does not reach: otherwise the fault would strike the first thread.
pub(crate) fn places(ran: &Ran, who: Who) -> BTreeMap<String, Vec<(usize, String)>> {
    let main = ran.calls.first().expect("it made some").thread;
    let mut counts: BTreeMap<(&str, u32), usize> = BTreeMap::new();
    let mut places: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let made_by_main =
        |name: &str| ran.calls.iter().filter(|call| call.thread == main && call.name == name).count();
    let mut in_order: Vec<&Call> = ran.calls.iter().collect();
    in_order.sort_by_key(|call| call.begun);
    for call in in_order {
        let count = counts.entry((&call.name, call.thread)).or_default();
        *count += 1;
        let (nth, name) = (*count, call.name.as_str());
        let shadowed = who == Who::Others && (call.thread == main || made_by_main(name) >= nth);
        let touches = call.path().is_some_and(|path| is_of_the_trail(path, call, &ran.place.folder));
        if touches && !shadowed && !matches!(name, "close" | "dup") && taken.insert((name, nth)) {
            let path = call.path().expect("it touches one").strip_prefix(&ran.place.folder);
            let path = path.map_or_else(|_| "above".to_owned(), |path| path.display().to_string());
            places.entry(name.to_owned()).or_default().push((nth, path));
        }
    }
    places
}

/// Whether the path is in the run's folder, or is a directory above it that is synced.
fn is_of_the_trail(path: &Path, call: &Call, folder: &Path) -> bool {
    let above = folder.starts_with(path) && matches!(call.name.as_str(), "openat" | "fsync");
    above || path.starts_with(folder)
}
