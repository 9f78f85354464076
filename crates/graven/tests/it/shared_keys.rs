//! One signing key outside, several trails: only on purpose, and never under one origin.

use std::io::ErrorKind as IoErrorKind;
use std::path::Path;
use std::sync::Arc;

use graven::clock::sim::SimClock;
use graven::disk::Disk;
use graven::disk::sim::{FailBut, Fault, SimDisk};
use graven::fsck::{VerifyOptions, verify};
use graven::layout::Layout;
use graven::{Category, Entry, Error, ErrorKind, Machine, Outcome, Settings, Trail, VerifierKey};
use graven_core::verdict::Verdict;

const KEY: &str = "/vault/key";
const TRAILS: &str = "/vault/key.trails";

struct World {
    disk: SimDisk,
    clock: SimClock,
}

impl World {
    fn new() -> World {
        let disk = SimDisk::new();
        disk.create_dir("/vault".as_ref()).unwrap();
        World { disk, clock: SimClock::new(1) }
    }

    fn machine(&self) -> Machine {
        Machine { disk: Arc::new(self.disk.clone()), clock: Arc::new(self.clock.clone()) }
    }

    /// Opens the trail, records one entry, closes it, and gives its key.
    fn used(&self, settings: Settings) -> Result<VerifierKey, Error> {
        let trail = Trail::open_on(settings, self.machine())?;
        trail.record_blocking(Entry::new(Category::Api, "GET /", Outcome::Success))?;
        trail.close_blocking()?;
        Ok(trail.verifier_key().clone())
    }

    fn verdict(&self, dir: &str, key: &VerifierKey) -> Verdict {
        let options = VerifyOptions { key: Some(key.clone()), ..VerifyOptions::default() };
        verify(&self.machine(), &Layout::in_dir(dir), &options, &|_, _| {}).unwrap().verdict
    }

    #[track_caller]
    fn is_refused(&self, settings: Settings) {
        let dir = Layout::in_dir("/refused");
        let error = self.used(settings).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("origin"), "{error}");
        assert!(self.disk.contents(dir.meta()).is_err());
    }
}

fn settings(dir: &str) -> Settings {
    Settings::new(dir).signing_key(KEY)
}

#[test]
fn a_second_trail_needs_an_origin_of_its_own() {
    let world = World::new();
    let one = world.used(settings("/one")).unwrap();
    let file = world.disk.contents(KEY).unwrap();
    world.is_refused(settings("/refused"));
    world.is_refused(settings("/refused").origin(one.name()));
    let two = world.used(settings("/two").origin("example.com/two")).unwrap();
    assert_eq!((two.name(), two == one), ("example.com/two", false));
    world.is_refused(settings("/refused").origin("example.com/two"));
    assert_eq!(world.disk.contents(KEY).unwrap(), file, "the key file stays as it is");
    // Both go on.
    assert_eq!(world.used(settings("/one")).unwrap(), one);
    assert_eq!(world.used(settings("/two")).unwrap(), two);
}

#[test]
fn a_trail_that_was_exchanged_for_another_of_the_same_key_is_found_out() {
    let world = World::new();
    let one = world.used(settings("/one")).unwrap();
    let two = world.used(settings("/two").origin("example.com/two")).unwrap();
    assert_eq!([world.verdict("/one", &one), world.verdict("/two", &two)], [Verdict::Intact; 2]);
    world.disk.rename("/one".as_ref(), "/away".as_ref()).unwrap();
    world.disk.rename("/two".as_ref(), "/one".as_ref()).unwrap();
    assert_eq!(world.verdict("/one", &one), Verdict::BadSignature);
    assert_eq!(world.verdict("/away", &one), Verdict::Intact);
}

#[test]
fn a_trail_in_the_place_of_one_that_was_moved_away_needs_another_origin_too() {
    let world = World::new();
    let one = world.used(settings("/one")).unwrap();
    world.disk.rename("/one".as_ref(), "/away".as_ref()).unwrap();
    let error = world.used(settings("/one")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data, "{error}");
    assert!(error.to_string().starts_with("the trail /one is gone: "), "{error}");
    world.used(settings("/one").origin("example.com/another")).unwrap();
    // The old trail only has another place now.
    assert_eq!(world.used(settings("/away")).unwrap(), one);
}

#[test]
fn a_key_that_was_put_there_for_its_first_trail_gives_it_its_name() {
    let world = World::new();
    world.used(settings("/elsewhere").origin("example.com/vault")).unwrap();
    world.disk.remove_file(TRAILS.as_ref()).unwrap();
    world.disk.remove_file(Path::new("/vault/key.redaction")).unwrap();
    assert_eq!(world.used(settings("/one")).unwrap().name(), "example.com/vault");
}

#[test]
fn a_key_that_an_earlier_version_used_is_not_taken_for_a_new_one() {
    let world = World::new();
    let one = world.used(settings("/one")).unwrap();
    // Version 0.1 wrote no list.
    world.disk.remove_file(TRAILS.as_ref()).unwrap();
    world.is_refused(settings("/refused"));
    // The trail itself says that it uses the key when it is opened next.
    assert_eq!(world.used(settings("/one")).unwrap(), one);
    let noted = String::from_utf8(world.disk.contents(TRAILS).unwrap()).unwrap();
    assert_eq!(noted, format!("{{\"key\":\"{one}\",\"trail\":\"/one\"}}\n"));
    world.is_refused(settings("/refused").origin(one.name()));
}

#[test]
fn a_creation_that_was_cut_short_anywhere_is_done_again_with_the_same_key() {
    let mut cut = 0;
    for step in 0..500 {
        let world = World::new();
        world.disk.inject(
            Fault::when(|step| step.op.changes())
                .skip(step)
                .fail(IoErrorKind::Other, FailBut::NotDone)
                .forever(),
        );
        if world.used(settings("/one")).is_ok() {
            break;
        }
        cut += 1;
        let snapshot = world.disk.snapshot();
        for choice in snapshot.crash_choices(3, step) {
            let world = World { disk: snapshot.crash(&choice), clock: SimClock::new(2) };
            if world.disk.metadata("/vault".as_ref()).is_err() {
                continue;
            }
            let one =
                world.used(settings("/one")).unwrap_or_else(|error| panic!("step {step}: {}", error.chain()));
            assert_eq!(world.verdict("/one", &one), Verdict::Intact);
            world.is_refused(settings("/refused"));
        }
    }
    assert!(cut > 30, "only {cut} steps were cut short");
}

#[test]
fn a_key_may_lie_in_the_trails_own_directory() {
    let world = World::new();
    let inside = || Settings::new("/one").signing_key("/one/my.key");
    let one = world.used(inside()).unwrap();
    assert_eq!(world.used(inside()).unwrap(), one);
    let error = world.used(Settings::new("/refused").signing_key("/one/my.key")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}
