//! What reads and verifies a directory does the same with an archive.

use std::fs;

use graven::export::export_tiles;
use graven::prove::prove;
use graven::reader::Reader;
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
        let report = &verified.newest;
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
    assert_eq!(verified.newest.verdict, Verdict::Intact, "{:?}", verified.newest.findings);
    archived.remove(&archived.object("tile/0/002"));
    let verified = archived.verify();
    assert_eq!(verified.newest.verdict, Verdict::TilesDamaged, "{:?}", verified.newest.findings);
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
    assert_eq!((verified.before[0].sealed, verified.newest.sealed), (500, 300));
    assert_eq!(chain.archive().newest().unwrap().reader().len().unwrap(), 300);
}

/// An archive of a chain of two trails; the newer one lies in `next`.
pub(crate) fn chain() -> Archived {
    let archived = Archived::empty();
    crate::archived::record(&archived.dir(), 600);
    crate::archived::record(&archived.path("next"), 300);
    let next = Reader::open(archived.path("next")).unwrap().meta().origin.clone();
    let first =
        Fixture { epochs: vec![vec![200], vec![500], vec![]], next: Some(next), ..Fixture::default() };
    first.ship(&archived.dir(), &*archived.store());
    let second = Fixture { epochs: vec![vec![300]], later: true, ..Fixture::default() };
    second.ship(&archived.path("next"), &*archived.store());
    archived
}
