//! Another machine takes a trail over from the archive: what goes on, and who may write.

use std::path::Path;
use std::time::Duration;

use graven::chain::{self, Chain, ChainOptions};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::{Category, Entry, Machine, Outcome, Settings, Trail};
use graven_archive::{
    ArchiveError, RestoreOptions, ShipOptions, Shipper, State, TakeOver, TakenOver, Verifying,
};
use graven_core::verdict::Verdict;

use crate::archived::{Archived, wait};

fn record(dir: &Path, count: u64) -> Trail {
    let trail = Trail::open(Settings::new(dir).segment_bytes(64 << 10)).unwrap();
    let entry = |i| {
        Entry::new(Category::ToolExecution, "tool:bash", Outcome::Success)
            .detail(serde_json::json!({"number": i}))
    };
    trail.record_batch_blocking((0..count).map(entry).collect()).unwrap();
    trail
}

fn ship(archived: &Archived, dir: &Path, name: &str) -> Shipper {
    let mut options = ShipOptions::new(name);
    options.every = Duration::from_millis(100);
    Shipper::start_on(Machine::os(), Reader::open(dir).unwrap(), archived.store(), options).unwrap()
}

fn take_over(archived: &Archived, dir: &str, how: &TakeOver) -> Result<TakenOver, ArchiveError> {
    archived.archive().take_over(&archived.path(dir), how, &mut |_, _| ())
}

/// Verifies a chain under the key of its oldest trail.
fn intact(archived: &Archived, dir: &Path) {
    let options = ChainOptions { keys: vec![archived.key()], ..ChainOptions::default() };
    let report = chain::verify(&Machine::os(), &Layout::in_dir(dir), &options, &|_, _| ()).unwrap();
    let found: Vec<_> = report.before.iter().chain([&report]).map(|trail| trail.report.verdict).collect();
    assert!(found.iter().all(|verdict| *verdict == Verdict::Intact), "{report:#?}");
}

#[test]
fn a_lost_machine_s_trail_ends_and_another_one_continues_it() {
    let archived = Archived::empty();
    let trail = record(&archived.dir(), 3_000);
    let old = ship(&archived, &archived.dir(), "old");
    wait(&old, |status| status.shipped == 3_000);
    // It ends without closing the trail: nobody knows what it would still sign.
    old.stop();

    let taken = take_over(&archived, "new", &TakeOver::new("new")).unwrap();
    assert_eq!((taken.origin.as_str(), taken.size), (archived.key().name(), 3_000));
    let next = taken.continued_by.unwrap();
    let dir = archived.path("new");
    let chain = Chain::open(&dir).unwrap();
    assert_eq!(chain.newest().origin(), next);
    assert_eq!(chain.before().len(), 1);
    intact(&archived, &dir);

    // The old machine comes back: it records, and ships nothing more.
    drop(trail);
    let trail = record(&archived.dir(), 5);
    let back = ship(&archived, &archived.dir(), "old");
    let status = wait(&back, |status| matches!(status.state, State::Fenced(_)));
    let State::Fenced(by) = status.state else { unreachable!() };
    assert!(by.other.contains("\"new\"") && by.other.contains(&next), "{by}");
    drop(trail);

    // The new one ships into the same archive, from which the chain can be restored.
    record(&dir, 700).close_blocking().unwrap();
    let shipper = ship(&archived, &dir, "new");
    wait(&shipper, |status| status.shipped == 701);
    assert!(matches!(shipper.stop().state, State::Stopped));
    let restored = archived.path("restored");
    archived.archive().restore(&restored, &RestoreOptions::default(), &mut |_, _| ()).unwrap();
    intact(&archived, &restored);
    assert_eq!(Reader::open(&restored).unwrap().len().unwrap(), 701);
    let refused = Trail::open(Settings::new(&restored)).unwrap_err().to_string();
    assert!(refused.contains("restored copy"), "{refused}");
    let verified = archived.verify();
    assert_eq!(verified.exit_code(), 0, "{verified:#?}");

    // And it can be taken over in its turn.
    let third = take_over(&archived, "third", &TakeOver::new("third")).unwrap();
    assert_eq!(third.origin, next);
    assert_eq!(Chain::open(archived.path("third")).unwrap().before().len(), 2);
    intact(&archived, &archived.path("third"));
}

#[test]
fn a_trail_that_was_closed_goes_on_with_its_key() {
    let archived = Archived::empty();
    record(&archived.dir(), 1_000).close_blocking().unwrap();
    ship(&archived, &archived.dir(), "old").stop();
    let mut how = TakeOver::new("new");
    how.signing_key = Some(archived.dir().join("keys/signing"));
    let taken = take_over(&archived, "new", &how).unwrap();
    assert_eq!((taken.size, taken.continued_by), (1_000, None));
    let dir = archived.path("new");
    record(&dir, 300).close_blocking().unwrap();
    assert_eq!(Reader::open(&dir).unwrap().meta().key, archived.key());
    let shipper = ship(&archived, &dir, "new");
    wait(&shipper, |status| status.shipped >= 1_300);
    shipper.stop();
    assert_eq!(archived.verify().exit_code(), 0);

    // Not with another key.
    record(&archived.path("stranger"), 1).close_blocking().unwrap();
    how.signing_key = Some(archived.path("stranger/keys/signing"));
    let error = take_over(&archived, "third", &how).unwrap_err();
    assert!(matches!(error, ArchiveError::Invalid { .. }), "{error}");
    assert!(error.to_string().contains("is not the key of this trail"), "{error}");
}

#[test]
fn of_several_that_take_over_one_goes_on() {
    let archived = Archived::empty();
    record(&archived.dir(), 300).close_blocking().unwrap();
    ship(&archived, &archived.dir(), "old").stop();
    let taken: Vec<_> = std::thread::scope(|scope| {
        let archived = &archived;
        let running: Vec<_> = (0..4)
            .map(|i| {
                scope.spawn(move || take_over(archived, &format!("new{i}"), &TakeOver::new(format!("{i}"))))
            })
            .collect();
        running.into_iter().map(|running| running.join().unwrap()).collect()
    });
    for lost in taken.iter().filter_map(|taken| taken.as_ref().err()) {
        assert!(matches!(lost, ArchiveError::Fenced(_)), "{lost}");
    }
    // One may have taken over what another one had just taken over. Only the last one can ship.
    let (mut shipping, mut fenced) = (0, 0);
    for taken in taken.iter().flatten() {
        let shipper = ship(&archived, &taken.dir, "new");
        match wait(&shipper, |status| !matches!(status.state, State::Starting)).state {
            State::Fenced(_) => fenced += 1,
            _ => {
                wait(&shipper, |status| status.shipped == 1);
                shipping += 1;
            }
        }
    }
    assert_eq!((shipping, shipping + fenced), (1, taken.iter().flatten().count()), "{taken:?}");
    assert_eq!(archived.verify().exit_code(), 0);
}

#[test]
fn an_attempt_that_was_cut_short_is_finished_by_the_next() {
    let archived = Archived::empty();
    record(&archived.dir(), 300).close_blocking().unwrap();
    ship(&archived, &archived.dir(), "old").stop();
    // What is in the way of the old trails, until somebody removes it: the epoch is taken by then.
    let dir = archived.path("new");
    std::fs::create_dir_all(dir.join("archive")).unwrap();
    let how = TakeOver::new("new");
    std::fs::remove_dir_all(&dir).unwrap();
    let blocked = archived.archive();
    let mut stop = |_: u64, _: u64| {
        std::fs::write(dir.join("before"), "in the way").unwrap();
    };
    let error = blocked.take_over(&dir, &how, &mut stop).unwrap_err();
    assert!(matches!(error, ArchiveError::Unavailable { .. }), "{error:?}");
    // Meanwhile the archive has a trail that has ended, and can be read.
    let restored = archived.path("restored");
    archived.archive().restore(&restored, &RestoreOptions::default(), &mut |_, _| ()).unwrap();
    // Another machine is told who is at it.
    let other = take_over(&archived, "other", &TakeOver::new("other"));
    std::fs::remove_file(dir.join("before")).unwrap();
    let taken = take_over(&archived, "new", &how);
    match (other, taken) {
        // It has ended what had not begun.
        (Ok(other), Err(ArchiveError::Fenced(_))) => assert!(other.continued_by.is_some()),
        (other, taken) => panic!("{other:?}, {taken:?}"),
    }
    intact(&archived, &archived.path("other"));
}

#[test]
fn a_newest_trail_that_is_gone_is_missed_by_who_has_seen_it() {
    let archived = Archived::empty();
    record(&archived.dir(), 300).close_blocking().unwrap();
    ship(&archived, &archived.dir(), "old").stop();
    let next = take_over(&archived, "new", &TakeOver::new("new")).unwrap().continued_by.unwrap();
    let shipper = ship(&archived, &archived.path("new"), "new");
    wait(&shipper, |status| status.shipped == 1);
    shipper.stop();
    let verifying = Verifying {
        keys: vec![archived.key()],
        state: Some(archived.path("state")),
        accept_continuation: true,
        ..Verifying::default()
    };
    let verify = || archived.archive().verify(&verifying, &|_, _| ()).unwrap();
    assert_eq!(verify().exit_code(), 0);
    std::fs::remove_dir_all(archived.bucket().join(next.replace('/', "%2F"))).unwrap();
    let verified = verify();
    assert_eq!((verified.exit_code(), verified.report.verdict), (1, Verdict::Missing), "{verified:#?}");
    assert!(verified.report.findings[0].file.as_ref().unwrap().ends_with(&next.replace('/', "%2F")));
}

#[test]
fn a_trail_that_continues_another_begins_no_archive() {
    let archived = Archived::empty();
    record(&archived.dir(), 3).close_blocking().unwrap();
    ship(&archived, &archived.dir(), "old").stop();
    take_over(&archived, "new", &TakeOver::new("new")).unwrap();
    let elsewhere = Archived::empty();
    let status = wait(&ship(&elsewhere, &archived.path("new"), "new"), |status| {
        matches!(status.state, State::Refused(_))
    });
    let State::Refused(error) = status.state else { unreachable!() };
    assert!(error.to_string().contains(archived.key().name()), "{error}");
    assert!(elsewhere.objects().is_empty(), "{:?}", elsewhere.objects());
}
