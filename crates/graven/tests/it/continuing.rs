//! A trail that continues another one begins with the entry that says so, and a restored copy is not written.

use graven::clock::sim::SimClock;
use graven::disk::sim::SimDisk;
use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;
use graven::reader::Reader;
use graven::restored::{self, Restored};
use graven::{Category, Continued, Entry, ErrorKind, Hash, Outcome, Settings, Trail, VerifierKey};
use graven_core::verdict::Verdict;

use crate::support::model::{DIR, Place, machine};
use crate::support::patience::must_end;

fn continued(size: u64) -> Continued {
    let key = graven_core::note::SigningKey::from_seed("example.org/old", [7; 32]).unwrap();
    let key: VerifierKey = key.verifier_key().clone();
    Continued { origin: "example.org/old".into(), size, root: Hash::EMPTY_TREE, key }
}

fn entry() -> Entry {
    Entry::new(Category::Api, "GET /", Outcome::Success)
}

fn first(disk: &SimDisk) -> Option<Entry> {
    let reader = Reader::open_on(&machine(disk, &SimClock::new(9)), Layout::in_dir(DIR)).unwrap();
    reader.record(0).unwrap().map(|record| record.entry().unwrap())
}

#[test]
fn a_new_trail_begins_with_what_it_continues() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let settings = || Settings::new(folder.path()).continues(continued(5)).life_signs(true);
    let trail = Trail::open(settings()).unwrap();
    trail.record_blocking(entry()).unwrap();
    trail.close_blocking().unwrap();
    assert!(!folder.path().join("continues").exists());
    let reader = Reader::open(folder.path()).unwrap();
    let first = reader.record(0).unwrap().unwrap();
    assert_eq!(Continued::of(&first.entry().unwrap()), Some(continued(5)));
    let line = String::from_utf8(first.line).unwrap();
    let detail = r#""detail":{"origin":"example.org/old","size":5,"root":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","key":"example.org/old+"#;
    assert!(
        line.contains(r#""category":"trail","action":"trail.continues""#) && line.contains(detail),
        "{line}"
    );
    assert_eq!(reader.record(1).unwrap().unwrap().entry().unwrap().action, "trail.opened");
    // Once is enough.
    let size = reader.len().unwrap();
    Trail::open(settings()).unwrap().close_blocking().unwrap();
    let again: Vec<_> = reader.entries(size..).unwrap().map(|r| r.unwrap().entry().unwrap().action).collect();
    assert!(!again.contains(&"trail.continues".to_owned()), "{again:?}");
}

#[test]
fn no_other_trail_takes_the_setting() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let open =
        |name: &str, continued| Trail::open(Settings::new(folder.path().join(name)).continues(continued));
    let plain = Trail::open(Settings::new(folder.path().join("plain"))).unwrap();
    plain.record_blocking(entry()).unwrap();
    plain.close_blocking().unwrap();
    let refused = open("plain", continued(5)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert!(folder.path().join("plain/closed").exists(), "nothing was changed: {refused}");
    open("other", continued(5)).unwrap().close_blocking().unwrap();
    assert_eq!(open("other", continued(6)).unwrap_err().kind(), ErrorKind::Invalid);
    open("other", continued(5)).unwrap().close_blocking().unwrap();
    // A trail without entries can still begin.
    Trail::open(Settings::new(folder.path().join("empty"))).unwrap().close_blocking().unwrap();
    open("empty", continued(5)).unwrap().close_blocking().unwrap();
    let first = Reader::open(folder.path().join("empty")).unwrap().record(0).unwrap().unwrap();
    assert_eq!(Continued::of(&first.entry().unwrap()), Some(continued(5)));
}

/// Whenever the power fails, a trail that is there has no other first entry, also when it is opened without the setting.
#[test]
fn a_creation_that_is_cut_short_owes_its_first_entry() {
    must_end();
    let (disk, clock) = (Place::InDir.disk(), SimClock::new(3));
    disk.record_history();
    let settings = Place::InDir.settings().continues(continued(5));
    let trail = Trail::open_on(settings.clone(), machine(&disk, &clock)).unwrap();
    trail.record_blocking(entry()).unwrap();
    trail.close_blocking().unwrap();
    let (mut tried, mut owed) = (0, 0);
    for moment in disk.history() {
        for choice in moment.crash_choices(20, moment.calls_made() as u64) {
            let disk = moment.crash(&choice);
            let layout = Layout::in_dir(DIR);
            let is_trail = graven::durable::exists(&disk, &layout.meta()).unwrap();
            let settings = if is_trail { Place::InDir.settings() } else { settings.clone() };
            let trail = Trail::open_on(settings, machine(&disk, &SimClock::new(4))).unwrap();
            trail.record_blocking(entry()).unwrap();
            trail.close_blocking().unwrap();
            let first = first(&disk).unwrap();
            assert_eq!(Continued::of(&first), Some(continued(5)), "{choice:?}: {first:?}");
            tried += 1;
            owed += u32::from(is_trail);
        }
    }
    assert!(tried > 100 && owed > 50, "{tried} images, {owed} of them trails");
}

#[test]
fn a_restored_copy_is_read_and_not_written() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    let trail = Trail::open(Settings::new(&dir)).unwrap();
    trail.record_blocking(entry()).unwrap();
    trail.close_blocking().unwrap();
    let (disk, layout) = (graven::disk::OsDisk, Layout::in_dir(&dir));
    let mark =
        Restored { from: "s3://bucket/audit".into(), restored: "2026-11-30T12:00:00Z".parse().unwrap() };
    restored::mark(&disk, &layout, &mark).unwrap();
    let text = std::fs::read_to_string(layout.restored()).unwrap();
    assert_eq!(text, "{\"from\":\"s3://bucket/audit\",\"restored\":\"2026-11-30T12:00:00Z\"}\n");
    assert_eq!(restored::read(&disk, &layout).unwrap(), Some(mark));
    for damaged in [false, true] {
        if damaged {
            std::fs::write(layout.restored(), "").unwrap();
        }
        for refused in [Trail::open(Settings::new(&dir)), Trail::repair(Settings::new(&dir))] {
            let refused = refused.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Invalid);
            assert!(refused.chain().contains("--take-over"), "{refused}");
        }
        assert_eq!(Reader::open(&dir).unwrap().len().unwrap(), 1);
        let report =
            fsck::verify(&graven::Machine::os(), &layout, &VerifyOptions::default(), &|_, _| ()).unwrap();
        assert_eq!((report.verdict, report.findings.len()), (Verdict::Intact, 0));
    }
    restored::unmark(&disk, &layout).unwrap();
    restored::unmark(&disk, &layout).unwrap();
    Trail::open(Settings::new(&dir)).unwrap().close_blocking().unwrap();
}
