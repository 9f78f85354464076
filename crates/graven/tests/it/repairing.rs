//! Repair: what opening refuses past the newest signed head goes to `torn/`, and an entry says so; what contradicts a
//! signed head is refused again, and left as it is.

mod damage;

use std::collections::BTreeMap;
use std::path::PathBuf;

use graven::clock::sim::SimClock;
use graven::disk::Disk;
use graven::disk::sim::{FailBut, Fault, Op, SimDisk};
use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;
use graven::{Category, Entry, Error, ErrorKind, Outcome, Settings, Trail};
use graven_core::verdict::Verdict;
use serde_json::{Value, json};

use crate::support::model::{DIR, Place, entry, lines, machine};
use crate::support::{another_process, assert_intact};
use damage::{Damaged, Past, Under, settings};

fn open(disk: &SimDisk) -> Result<Trail, Error> {
    Trail::open_on(settings(), machine(disk, &SimClock::new(2)))
}

fn repair(disk: &SimDisk) -> Result<Trail, Error> {
    Trail::repair_on(settings(), machine(disk, &SimClock::new(3)))
}

fn stored(disk: &SimDisk) -> Vec<Vec<u8>> {
    lines(disk, Place::InDir).unwrap()
}

/// What the trail's own entries of this action say.
fn said(lines: &[Vec<u8>], action: &str) -> Vec<Value> {
    let entries = lines.iter().map(|line| Entry::from_line(line).unwrap());
    let ours = entries.filter(|entry| entry.category == Category::Trail && entry.action == action);
    ours.map(|entry| serde_json::from_str(entry.detail.unwrap().as_str()).unwrap()).collect()
}

/// Every file but the lock, which names who held it last.
fn files(disk: &SimDisk) -> BTreeMap<PathBuf, Vec<u8>> {
    let names = disk.files().into_iter().filter(|path| !path.ends_with("LOCK"));
    names.map(|path| (path.clone(), disk.contents(path).unwrap())).collect()
}

fn verdict(disk: &SimDisk) -> Verdict {
    let machine = machine(disk, &SimClock::new(0));
    let report = fsck::verify(&machine, &Place::InDir.layout(), &VerifyOptions::default(), &|_, _| {});
    report.unwrap().verdict
}

/// Refused, with where and what, and nothing was touched.
#[track_caller]
fn assert_refused(
    result: Result<Trail, Error>,
    before: &BTreeMap<PathBuf, Vec<u8>>,
    disk: &SimDisk,
) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data, "{error:?}");
    assert!(error.chain().contains(DIR), "{error:?}");
    let after = files(disk);
    let changed: Vec<_> =
        before.keys().chain(after.keys()).filter(|f| before.get(*f) != after.get(*f)).collect();
    assert!(changed.is_empty(), "{error:?}: {changed:?}");
    error
}

#[test]
fn what_opening_refuses_goes_to_torn_and_an_entry_says_so() {
    for past in Past::ALL {
        let Damaged { disk, kept, torn, unsealed } = past.damage();
        let before = files(&disk);
        let refusal = assert_refused(open(&disk), &before, &disk);
        assert!(
            refusal.to_string().contains("graven repair"),
            "{past:?}: it does not say what to do: {refusal}"
        );

        let trail = repair(&disk).unwrap_or_else(|error| panic!("{past:?}: {error:?}"));
        let after = stored(&disk);
        assert!(after[..kept.len()] == kept, "{past:?}: an entry changed, is missing or is too many");
        assert_eq!(after.len(), kept.len() + 1, "{past:?}");
        let said = said(&after[kept.len()..], "trail.repaired").remove(0);
        assert_eq!(said["unsealed_entries"], unsealed, "{past:?}");
        assert_eq!(said["unsealed_first"], kept.len() as u64 - unsealed, "{past:?}");
        assert_eq!(said["torn_bytes"], torn.len() as u64, "{past:?}");
        match said.get("torn_file") {
            Some(file) => {
                let file = Layout::in_dir(DIR).dir().join(file.as_str().unwrap());
                assert!(disk.contents(file).unwrap() == torn, "{past:?}: not the bytes that were cut");
            }
            None => assert!(torn.is_empty(), "{past:?}"),
        }
        // It goes on as any trail does.
        let receipt = trail.record_blocking(entry(&SimClock::new(4), 500_000)).unwrap();
        assert_eq!(receipt.index, kept.len() as u64 + 1);
        trail.close_blocking().unwrap();
        assert_eq!(verdict(&disk), Verdict::Intact, "{past:?}");
        let trail = open(&disk).unwrap();
        assert_eq!(trail.len(), kept.len() as u64 + 2);
    }
}

#[test]
fn what_contradicts_a_signed_head_cannot_be_repaired_and_is_not_touched() {
    for under in Under::ALL {
        let disk = under.damage();
        let before = files(&disk);
        assert_refused(open(&disk), &before, &disk);
        assert_refused(repair(&disk), &before, &disk);
        // Not at the second attempt either.
        assert_refused(repair(&disk), &before, &disk);
        assert!(verdict(&disk).accuses(), "{under:?}");
    }
}

#[test]
fn a_power_cut_at_any_step_of_a_repair_loses_nothing_and_lets_nothing_in() {
    for past in Past::CHEAP {
        let Damaged { disk, kept, torn, .. } = past.damage();
        disk.record_history();
        repair(&disk).unwrap().close_blocking().unwrap();
        let history = disk.history();
        assert!(history.len() > 10, "{past:?}");
        for moment in history {
            for choice in moment.crash_choices(4, moment.calls_made() as u64) {
                let disk = moment.crash(&choice);
                settle(&disk, &kept, &torn).unwrap_or_else(|problem| {
                    panic!("{past:?}, cut after {} calls, {choice:?}: {problem}", moment.calls_made())
                });
            }
        }
    }
}

/// Opens the trail, or repairs it if that is refused, and looks at what became of it.
fn settle(disk: &SimDisk, kept: &[Vec<u8>], torn: &[u8]) -> Result<(), String> {
    let trail = match open(disk) {
        Err(error) if error.kind() == ErrorKind::Data => repair(disk),
        other => other,
    };
    let trail = trail.map_err(|error| error.chain())?;
    trail.close_blocking().map_err(|error| error.chain())?;
    let after = stored(disk);
    if !after.starts_with(kept) {
        return Err("an entry changed, or is missing".into());
    }
    let strange =
        after[kept.len()..].iter().find(|line| Entry::from_line(line).unwrap().category != Category::Trail);
    if let Some(line) = strange {
        return Err(format!("this was let in: {}", String::from_utf8_lossy(line)));
    }
    let told: Vec<String> = ["trail.repaired", "trail.recovered"]
        .iter()
        .flat_map(|action| said(&after, action))
        .flat_map(|detail| {
            let earlier = detail["torn_earlier"].as_array().cloned().unwrap_or_default();
            let names = earlier.into_iter().chain(detail.get("torn_file").cloned());
            names.map(|name| name.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let is_kept = |name: &String| {
        let file = Layout::in_dir(DIR).dir().join(name);
        disk.contents(file).is_ok_and(|bytes| bytes == torn)
    };
    if !torn.is_empty() && told.iter().filter(|name| is_kept(name)).count() != 1 {
        return Err(format!("what was cut is not said just once to be kept: {told:?}"));
    }
    match verdict(disk) {
        Verdict::Intact => Ok(()),
        other => Err(format!("verify says {other}")),
    }
}

#[test]
fn whatever_fails_in_a_repair_the_next_one_does_it() {
    for past in Past::CHEAP {
        let Damaged { disk, .. } = past.damage();
        let before = disk.calls_made();
        repair(&disk).unwrap().close_blocking().unwrap();
        let changes = disk.calls()[before..].iter().filter(|call| call.step.op.changes()).count() as u64;
        for nth in 0..changes {
            for but in [FailBut::NotDone, FailBut::Done] {
                let Damaged { disk, kept, torn, .. } = past.damage();
                disk.inject(Fault::nth_change(nth).fail(std::io::ErrorKind::Other, but));
                // Some failures, such as that of naming the lock's holder, harm nothing.
                if let Ok(trail) = repair(&disk) {
                    let _either = trail.close_blocking();
                }
                disk.heal();
                settle(&disk, &kept, &torn)
                    .unwrap_or_else(|problem| panic!("{past:?}, change {nth} fails ({but:?}): {problem}"));
            }
        }
    }
}

#[test]
fn a_good_trail_is_left_as_it_is_but_for_the_word_of_the_operator() {
    let disk = damage::closed(20);
    let kept = stored(&disk);
    repair(&disk).unwrap().close_blocking().unwrap();
    let after = stored(&disk);
    assert!(after.starts_with(&kept));
    let run = &said(&after[20..], "trail.repaired")[0]["run"];
    let nothing = json!({"run": run, "unsealed_first": 20, "unsealed_entries": 0, "torn_bytes": 0});
    assert_eq!(said(&after[20..], "trail.repaired"), [nothing]);
    assert_eq!((after.len(), verdict(&disk)), (21, Verdict::Intact));
}

#[test]
fn there_is_nothing_to_repair_where_there_is_no_trail() {
    let disk = Place::InDir.disk();
    assert_eq!(repair(&disk).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(disk.files(), Vec::<PathBuf>::new());
    assert!(disk.metadata(DIR.as_ref()).is_err());
}

#[test]
fn a_trail_that_this_process_has_open_is_not_repaired_until_it_is_closed_or_poisoned() {
    let disk = damage::closed(3);
    let trail = open(&disk).unwrap();
    let error = repair(&disk).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.to_string().contains("close it first"), "{error}");
    assert_eq!(trail.record_blocking(entry(&SimClock::new(4), 3)).unwrap().index, 3);
    trail.close_blocking().unwrap();
    let repaired = repair(&disk).unwrap();
    assert_eq!(repaired.len(), 5);

    disk.inject(Fault::when(|step| step.op == Op::SyncData && step.is_named("audit.jsonl")));
    repaired.record_blocking(entry(&SimClock::new(4), 4)).unwrap_err();
    // Its handle is still there.
    let again = repair(&disk).unwrap();
    assert_eq!(again.record_blocking(entry(&SimClock::new(4), 5)).unwrap().index, again.len() - 1);
    again.close_blocking().unwrap();
    assert_eq!(verdict(&disk), Verdict::Intact);
}

/// Runs this binary again, as the other process.
#[test]
fn a_trail_that_another_process_has_open_is_repaired_beside_it() {
    if let Some(dir) = another_process::held_trail() {
        let trail = Trail::repair(Settings::new(dir)).unwrap();
        assert_eq!(trail.len(), 2);
        return trail.close_blocking().unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path())).unwrap();
    let record = || trail.record_blocking(Entry::new(Category::Api, "GET /", Outcome::Success)).unwrap();
    record();
    let test = "repairing::a_trail_that_another_process_has_open_is_repaired_beside_it";
    another_process::beside(test, folder.path());
    assert_eq!(record().index, 2);
    trail.close_blocking().unwrap();
    assert_intact(&Layout::in_dir(folder.path()));
    // On the system's disk as on the simulated one.
    Trail::repair(Settings::new(folder.path())).unwrap().close_blocking().unwrap();
    assert_intact(&Layout::in_dir(folder.path()));
}
