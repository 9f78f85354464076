//! What reads and verifies a directory does the same with an archive.

use std::fs;

use graven::export::export_tiles;
use graven::fsck::KeySource;
use graven::prove::prove;
use graven::reader::Reader;
use graven::{Category, Continued, Entry, Outcome, Settings, Trail};
use graven_archive::Verifying;
use graven_archive::fixture::Fixture;
use graven_core::verdict::Verdict;

use crate::archived::{Archived, accusations, lines};

/// Archives in all the forms that they take. The trail has 1,702 entries: two of its own.
fn fixtures() -> Vec<Fixture> {
    vec![
        Fixture { epochs: vec![vec![1_700]], ..Fixture::default() },
        Fixture { epochs: vec![vec![300, 900, 901, 1_300, 1_700]], ..Fixture::default() },
        Fixture { epochs: vec![vec![300, 900, 1_300, 1_700]], keeps_tail: true, ..Fixture::default() },
        Fixture {
            epochs: vec![vec![100, 700], vec![], vec![1_100, 1_500], vec![1_640, 1_700]],
            listed_every: 2,
            closed: true,
            ..Fixture::default()
        },
        Fixture { epochs: vec![vec![0], vec![1_700]], ..Fixture::default() },
        Fixture { epochs: vec![vec![255]], ..Fixture::default() },
        Fixture { epochs: vec![(1..=1_700).collect()], ..Fixture::default() },
    ]
}

#[test]
fn an_archive_is_intact_and_has_the_lines_of_its_trail() {
    for fixture in fixtures() {
        let size = *fixture.epochs.iter().flatten().last().unwrap();
        let archived = Archived::new(1_700, &fixture);
        let verified = archived.verify();
        let report = &verified.report;
        assert_eq!(report.verdict, Verdict::Intact, "{fixture:?}: {:?}", report.findings);
        assert_eq!((report.entries, report.sealed, verified.exit_code()), (size, size, 0));
        let trail = archived.archive().newest().unwrap();
        let original = Reader::open(archived.dir()).unwrap();
        assert_eq!(trail.reader().len().unwrap(), size);
        assert_eq!(lines(trail.reader()), lines(&original)[..size as usize], "{fixture:?}");
        for index in (0..size).step_by(97) {
            let record = trail.reader().record(index).unwrap().unwrap();
            assert_eq!(Some(record), original.record(index).unwrap());
            let note = trail.reader().checkpoint().unwrap().1;
            prove(trail.reader(), index, &note).unwrap();
        }
    }
}

#[test]
fn an_exported_log_is_that_of_the_directory() {
    let archived = Archived::new(1_700, &Fixture { epochs: vec![vec![900, 1_700]], ..Fixture::default() });
    let trail = archived.archive().newest().unwrap();
    let (one, other) = (archived.path("one"), archived.path("other"));
    export_tiles(trail.reader(), &one).unwrap();
    export_tiles(&Reader::open(archived.dir()).unwrap(), &other).unwrap();
    for file in ["tile/0/000", "tile/0/006.p/164", "tile/1/000.p/6", "tile/entries/003"] {
        assert_eq!(fs::read(one.join(file)).unwrap(), fs::read(other.join(file)).unwrap(), "{file}");
    }
}

#[test]
fn a_tile_that_comes_after_the_newest_head_may_be_missing() {
    let archived = Archived::new(1_700, &Fixture { epochs: vec![vec![900, 1_700]], ..Fixture::default() });
    for tile in 3..6 {
        archived.remove(&archived.object(&format!("tile/0/00{tile}")));
    }
    let verified = archived.verify();
    assert_eq!(verified.report.verdict, Verdict::Intact, "{:?}", verified.report.findings);
    archived.remove(&archived.object("tile/0/002"));
    let verified = archived.verify();
    assert_eq!(verified.report.verdict, Verdict::TilesDamaged, "{:?}", verified.report.findings);
}

#[test]
fn nothing_is_written_and_what_is_not_there_is_not_found() {
    use graven::disk::Open;
    use std::io::ErrorKind;
    let archived = Archived::new(600, &Fixture { epochs: vec![vec![600]], ..Fixture::default() });
    let trail = archived.archive().newest().unwrap();
    let (disk, layout) = (&trail.machine().disk, trail.reader().layout());
    for path in [layout.lock(), layout.torn(), layout.segment(77), layout.blob(&"0".repeat(64))] {
        assert_eq!(disk.open(&path, Open::Read).unwrap_err().kind(), ErrorKind::NotFound, "{path:?}");
        assert_eq!(disk.metadata(&path).unwrap_err().kind(), ErrorKind::NotFound, "{path:?}");
    }
    for how in [Open::Write, Open::Create, Open::CreateNew] {
        assert_eq!(disk.open(&layout.meta(), how).unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
    }
    assert_eq!(disk.create_dir(&layout.torn()).unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
}

#[test]
fn each_trail_of_a_chain_is_judged() {
    let chain = chain();
    let verified = chain.verify();
    assert_eq!((verified.before.len(), verified.exit_code()), (1, 0), "{:?}", accusations(&verified));
    assert_eq!((verified.before[0].report.sealed, verified.report.sealed), (500, 300));
    let continued = verified.continued.clone().unwrap();
    assert_eq!((&*continued.origin, continued.key_source), ("a/next", KeySource::SelfAsserted));
    assert_eq!(chain.archive().newest().unwrap().reader().len().unwrap(), 300);
}

#[test]
fn the_key_of_a_trail_that_continues_another_is_believed_when_it_is_given_or_accepted() {
    let chain = chain();
    let next = Reader::open(chain.path("next")).unwrap().meta().key.clone();
    let mut how =
        Verifying { keys: vec![chain.key()], state: Some(chain.path("state")), ..Verifying::default() };
    let source = |how: &Verifying| {
        let report = chain.archive().verify(how, &|_, _| ()).unwrap();
        assert_eq!(report.exit_code(), 0, "{:?}", accusations(&report));
        report.continued.unwrap().key_source
    };
    // A second look is not more than the first.
    assert_eq!([source(&how), source(&how)], [KeySource::SelfAsserted; 2]);
    let given = Verifying { keys: vec![chain.key(), next.clone()], ..how.clone() };
    assert_eq!(source(&given), KeySource::Given);
    // The key of the newer trail alone does not judge the older one.
    assert_eq!(source(&Verifying { keys: vec![next], state: None, ..how.clone() }), KeySource::Given);
    let other = chain.path("other");
    how.state = Some(other.clone());
    assert_eq!(source(&how), KeySource::SelfAsserted);
    assert_eq!(source(&Verifying { accept_continuation: true, ..how.clone() }), KeySource::Pinned);
    assert_eq!(source(&how), KeySource::Pinned);
}

#[test]
fn a_trail_that_goes_on_elsewhere_than_the_one_before_it_ended_is_named() {
    // The archive leads to a trail that continues none.
    let archived = Archived::empty();
    crate::archived::record(&archived.dir(), 300);
    let next = Some("a/next".to_owned());
    let first = Fixture { epochs: vec![vec![300], vec![]], next, ..Fixture::default() };
    first.ship(&archived.dir(), &*archived.store());
    let (key, dir) = (archived.key(), archived.path("next"));
    let settings = || Settings::new(&dir).origin("a/next");
    let ship = || {
        let later = Fixture { epochs: vec![vec![1]], later: true, ..Fixture::default() };
        later.ship(&dir, &*archived.store());
        archived.verify()
    };
    let trail = Trail::open(settings()).unwrap();
    trail.record_blocking(Entry::new(Category::Api, "a", Outcome::Success)).unwrap();
    trail.close_blocking().unwrap();
    let verified = ship();
    assert_eq!((verified.exit_code(), verified.report.verdict), (1, Verdict::Inserted), "{verified:#?}");
    // And to one that names another end than there was.
    for folder in [dir.clone(), archived.bucket().join("a%2Fnext")] {
        fs::remove_dir_all(folder).unwrap();
    }
    let (head, _) = archived.archive().trail(key.name(), None).unwrap().reader().checkpoint().unwrap();
    let root = graven_core::hash::leaf_hash(b"another");
    let end = Continued { origin: head.origin, size: head.size, root, key };
    Trail::open(settings().continues(end)).unwrap().close_blocking().unwrap();
    let verified = ship();
    assert_eq!(
        (verified.exit_code(), verified.before[0].report.verdict),
        (1, Verdict::Forked),
        "{verified:#?}"
    );
}

/// An archive of a chain of two trails; the newer one lies in `next`.
pub(crate) fn chain() -> Archived {
    let archived = Archived::empty();
    crate::archived::record(&archived.dir(), 600);
    let next = Some("a/next".to_owned());
    let first = Fixture { epochs: vec![vec![200], vec![500], vec![]], next, ..Fixture::default() };
    first.ship(&archived.dir(), &*archived.store());
    let key = archived.key();
    let (head, _) = archived.archive().trail(key.name(), None).unwrap().reader().checkpoint().unwrap();
    let end = Continued { origin: head.origin, size: head.size, root: head.root, key };
    let settings = Settings::new(archived.path("next")).segment_bytes(60_000).origin("a/next").continues(end);
    Trail::open(settings).unwrap().close_blocking().unwrap();
    crate::archived::record(&archived.path("next"), 299);
    let second = Fixture { epochs: vec![vec![300]], later: true, ..Fixture::default() };
    second.ship(&archived.path("next"), &*archived.store());
    archived
}
