//! A power cut at any write or sync, with any outcome, loses nothing acknowledged and invents nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use graven::clock::sim::SimClock;
use graven::disk::sim::{Effect, Fault, Op, SimDisk, Snapshot};
use graven::{Error, Trail};
use serde_json::json;

use crate::support::model::{Model, PROBE, Place, check, entry, machine};

/// How many outcomes are tried of a moment, unless there are fewer. `GRAVEN_CRASH_IMAGES` raises it.
const IMAGES_A_MOMENT: usize = 20;

fn images_a_moment() -> usize {
    std::env::var("GRAVEN_CRASH_IMAGES").ok().and_then(|n| n.parse().ok()).unwrap_or(IMAGES_A_MOMENT)
}

/// Creation, single entries, batches over two segment ends, a large detail, a clean close, and a second opening;
/// with a snapshot at each acknowledgement.
fn a_run_of_commits(
    disk: &SimDisk,
    place: Place,
    clock: &SimClock,
    model: &mut Model,
) -> Result<Vec<Snapshot>, Error> {
    let mut moments = Vec::new();
    let mut n = 0;
    let mut entries = |count: u64| {
        n += count;
        clock.advance(Duration::from_millis(3));
        (n - count..n).map(|n| entry(clock, n)).collect::<Vec<_>>()
    };
    let trail = Trail::open_on(place.settings(), machine(disk, clock))?;
    for entry in entries(3) {
        model.record(disk, &trail, entry)?;
        moments.push(disk.snapshot());
    }
    trail.checkpoint_blocking()?;
    model.record_batch(disk, &trail, entries(270))?;
    moments.push(disk.snapshot());
    for entry in entries(2) {
        let large = entry.action.repeat(10_000);
        model.record(disk, &trail, entry.detail(json!({"large": large})))?;
        moments.push(disk.snapshot());
    }
    trail.close_blocking()?;
    drop(trail);

    let trail = Trail::open_on(place.settings(), machine(disk, clock))?;
    for entry in entries(2) {
        model.record(disk, &trail, entry)?;
        moments.push(disk.snapshot());
    }
    model.record_batch(disk, &trail, entries(250))?;
    moments.push(disk.snapshot());
    trail.close_blocking()?;
    Ok(moments)
}

/// The disk after every call of such a run, and at every acknowledgement; and what the caller was told.
fn moments(place: Place, seed: u64) -> (Vec<Snapshot>, Model) {
    let (disk, clock, mut model) = (place.disk(), SimClock::new(seed), Model::default());
    disk.record_history();
    let mut moments = a_run_of_commits(&disk, place, &clock, &mut model).unwrap();
    assert_eq!(disk.files().iter().filter(|path| path.starts_with(place.layout().segments())).count(), 2);
    moments.extend(disk.history());
    (moments, model)
}

/// Tries images of each moment, each once, with `each`; stops at the first that is wrong.
fn try_images(
    moments: &[Snapshot],
    model: &Model,
    most: usize,
    each: impl Fn(&SimDisk, &Model) -> Result<(), String>,
) -> usize {
    let mut tried = BTreeSet::new();
    for moment in moments {
        let model = model.at(moment.calls_made());
        for choice in moment.crash_choices(most, moment.calls_made() as u64) {
            let disk = moment.crash(&choice);
            if !tried.insert((disk.snapshot().digest(), model.recorded())) {
                continue;
            }
            if let Err(problem) = each(&disk, &model) {
                let calls = moment.calls_made();
                panic!(
                    "after {calls} calls, {} entries acknowledged, a power cut that leaves {choice:?}: {problem}",
                    model.recorded()
                );
            }
        }
    }
    tried.len()
}

fn every_moment_survives_a_power_cut(place: Place) {
    let (moments, model) = moments(place, 1);
    let tried = try_images(&moments, &model, images_a_moment(), |disk, model| check(disk, place, model));
    assert!(tried > 500, "only {tried} images");
}

#[test]
fn every_moment_of_a_run_survives_a_power_cut() {
    every_moment_survives_a_power_cut(Place::InDir);
}

#[test]
fn every_moment_of_a_run_beside_a_live_file_survives_a_power_cut() {
    every_moment_survives_a_power_cut(Place::BesideLive);
}

#[test]
fn a_killed_process_leaves_what_it_wrote_and_a_power_cut_after_it_harms_nothing() {
    for place in [Place::InDir, Place::BesideLive] {
        let (moments, model) = moments(place, 2);
        for moment in &moments {
            let model = model.at(moment.calls_made());
            if let Err(problem) = check(&moment.restart(), place, &model) {
                panic!("{place:?}, killed after {} calls: {problem}", moment.calls_made());
            }
        }
    }
}

#[test]
fn recovery_itself_survives_a_power_cut() {
    for place in [Place::InDir, Place::BesideLive] {
        let (moments, model) = moments(place, 3);
        // Every moment is too many: a few images of every seventh, and of each a few cuts during recovery.
        let sample: Vec<_> = moments.into_iter().step_by(7).collect();
        let tried = try_images(&sample, &model, 3, |disk, model| check_with_cuts_during(disk, place, model));
        assert!(tried > 30, "only {tried} images");
    }
}

/// Checks a trail, and then what power cuts while it was being opened would have left of it.
fn check_with_cuts_during(disk: &SimDisk, place: Place, model: &Model) -> Result<(), String> {
    disk.record_history();
    check(disk, place, model)?;
    let history = disk.history();
    // From then on the trail holds an entry of the check's own, of which this model knows nothing.
    let opening = history.iter().take_while(|moment| !has_probe(moment, place)).step_by(3);
    for moment in opening {
        for choice in moment.crash_choices(3, moment.calls_made() as u64) {
            check(&moment.crash(&choice), place, model).map_err(|problem| {
                format!("cut again after {} calls, {choice:?}: {problem}", moment.calls_made())
            })?;
        }
    }
    Ok(())
}

/// Whether the check's own entry reached the file.
fn has_probe(moment: &Snapshot, place: Place) -> bool {
    let live = moment.contents(place.layout().live()).unwrap_or_default();
    String::from_utf8_lossy(&live).contains(PROBE)
}

#[test]
fn a_disk_that_lies_about_syncs_is_found_out() {
    // The canary: were this to pass, the tests above could not fail.
    let (disk, clock, mut model) = (Place::InDir.disk(), SimClock::new(4), Model::default());
    let trail = Trail::open_on(Place::InDir.settings(), machine(&disk, &clock)).unwrap();
    disk.inject(
        Fault::when(|step| step.op == Op::SyncData && step.is_named("audit.jsonl"))
            .forever()
            .effect(Effect::Lie),
    );
    // Nothing is sealed: so only the acknowledgement says that the entry must be there.
    let _publisher = disk.hold(|step| step.op == Op::Lock && step.is_named("checkpoints"));
    model.record(&disk, &trail, entry(&clock, 1)).unwrap();
    let snapshot = disk.snapshot();
    let after = snapshot.crash(&snapshot.crash_choice_nothing());
    let problem = check(&after, Place::InDir, &model).unwrap_err();
    assert!(problem.contains("was acknowledged and is not there"), "{problem}");
}

#[test]
fn a_detail_that_comes_again_after_a_kill_is_durable_with_its_name() {
    let (place, clock) = (Place::InDir, SimClock::new(5));
    let (disk, mut model) = (place.disk(), Model::default());
    let large = |n| entry(&clock, n).detail(json!({"large": "x".repeat(70_000)}));
    let trail = Trail::open_on(place.settings(), machine(&disk, &clock)).unwrap();
    // The blob has its name, which is not durable, when the process is killed.
    let blobs = place.layout().blobs();
    disk.inject(Fault::when(move |step| step.op == Op::SyncDir && step.path == blobs));
    model.record(&disk, &trail, large(1)).unwrap_err();
    drop(trail);
    let disk = disk.restart();
    let trail = Trail::open_on(place.settings(), machine(&disk, &clock)).unwrap();
    model.record(&disk, &trail, large(2)).unwrap();
    let snapshot = disk.snapshot();
    let after = snapshot.crash(&snapshot.crash_choice_nothing());
    check(&after, place, &model).unwrap();
}
