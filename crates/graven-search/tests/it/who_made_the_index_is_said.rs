//! An answer says who made the index that it rests on; one builder works at a time, and only in the folders that are meant.

use std::path::Path;

use graven_search::{Ask, IndexError, IndexUse, SHELF_ENTRIES, Where};

use crate::large::{Large, SHELVES};
use crate::support::{moment, query};

fn used(search: &graven_search::Search) -> IndexUse {
    search.query(&query("absentword"), &Ask::new(moment())).unwrap().coverage.index
}

#[test]
fn an_index_is_own_only_to_who_has_made_or_checked_it() {
    let large = Large::copy();
    large.build();
    assert_eq!(used(&large.search()), IndexUse::Own);
    let other = large.search_by("other");
    assert_eq!(used(&other), IndexUse::Unchecked);
    let checked = other.check_index(&mut |_, _| ()).unwrap();
    assert_eq!((checked.same, checked.entries), (SHELVES, SHELVES * SHELF_ENTRIES));
    assert!(checked.different.is_empty() && checked.unusable.is_empty());
    assert_eq!(used(&other), IndexUse::Own);
    assert_eq!(used(&large.search_by("other")), IndexUse::Own);
    // With another one in the place of a shelf it is not.
    let before = std::fs::read(large.shelf(1)).unwrap();
    large.search_by("third").keeper(Where::Trail).unwrap().clear().unwrap();
    large.search_by("third").keeper(Where::Trail).unwrap().build(&mut |_, _| ()).unwrap();
    assert!(before != std::fs::read(large.shelf(1)).unwrap(), "the seed is another one");
    assert_eq!(used(&large.search()), IndexUse::Unchecked);
    std::fs::write(large.shelf(1), before).unwrap();
    let state = large.search().index_state().unwrap();
    assert_eq!((state.shelves, state.own, state.missing), (SHELVES, 1, 0));
}

#[test]
fn one_builder_works_at_a_time() {
    let large = Large::copy();
    let mut first = large.keeper(Where::Trail);
    let mut second = large.keeper(Where::Trail);
    let mut busy = 0;
    first
        .build(&mut |_, _| {
            let error = second.build(&mut |_, _| ()).unwrap_err();
            assert!(matches!(error, IndexError::Busy { .. }), "{error}");
            busy += 1;
        })
        .unwrap();
    assert!(busy > 0);
    drop(first);
    assert_eq!(second.build(&mut |_, _| ()).unwrap().made, 0);
    assert_eq!(large.search().index_state().unwrap().own, SHELVES);
}

#[test]
fn two_builders_at_once_make_one_index() {
    let large = Large::copy();
    std::thread::scope(|scope| {
        for place in [Where::Trail, Where::Trail, Where::Cache] {
            let mut keeper = large.keeper(place);
            scope.spawn(move || match keeper.build(&mut |_, _| ()) {
                Ok(_) | Err(IndexError::Busy { .. }) => {}
                Err(error) => panic!("{error}"),
            });
        }
    });
    let search = large.search();
    assert_eq!(search.index_state().unwrap().missing, 0);
    let checked = search.check_index(&mut |_, _| ()).unwrap();
    assert!(checked.different.is_empty() && checked.unusable.is_empty(), "{checked:?}");
}

#[test]
fn a_trail_that_cannot_be_written_has_its_index_in_the_cache() {
    use std::os::unix::fs::PermissionsExt;
    let large = Large::copy();
    let set = |mode| std::fs::set_permissions(large.dir(), std::fs::Permissions::from_mode(mode)).unwrap();
    set(0o500);
    // Root writes everywhere.
    if std::fs::create_dir(large.dir().join("probe")).is_err() {
        let built = large.build();
        assert!(built.folder.starts_with(large.path("cache")), "{built:?}");
    } else {
        std::fs::remove_dir(large.dir().join("probe")).unwrap();
        large.keeper(Where::Cache).build(&mut |_, _| ()).unwrap();
    }
    set(0o700);
    assert!(!large.dir().join("search").exists());
    assert_eq!(used(&large.search()), IndexUse::Own);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = std::fs::read_dir(large.path("cache")).unwrap().next().unwrap().unwrap().path();
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600), "others cannot read it");
}

#[test]
fn nothing_is_written_through_a_link() {
    let large = Large::copy();
    let elsewhere = large.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, large.dir().join("search")).unwrap();
    let error = large.keeper(Where::Trail).build(&mut |_, _| ()).unwrap_err();
    assert!(matches!(error, IndexError::Folder { .. }), "{error}");
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
    assert_eq!(used(&large.search()), IndexUse::None);
    // A link to nothing, and one in the cache.
    std::fs::remove_dir(&elsewhere).unwrap();
    large.keeper(Where::Trail).build(&mut |_, _| ()).unwrap_err();
    assert!(!elsewhere.exists());
    let cache = large.keeper(Where::Cache).build(&mut |_, _| ()).unwrap().folder;
    std::fs::remove_dir_all(&cache).unwrap();
    std::fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &cache).unwrap();
    large.keeper(Where::Cache).build(&mut |_, _| ()).unwrap_err();
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn verifying_and_copying_leave_the_index_alone() {
    let large = Large::copy();
    large.build();
    let options = graven::fsck::VerifyOptions::default();
    let layout = graven::layout::Layout::in_dir(large.dir());
    let verify = |layout: &graven::layout::Layout| {
        graven::fsck::verify(&graven::Machine::os(), layout, &options, &|_, _| ()).unwrap()
    };
    let report = verify(&layout);
    assert!(report.findings.is_empty() && report.warnings.is_empty(), "{report:?}");
    let copy = large.path("copy");
    let reader = graven::reader::Reader::open(large.dir()).unwrap();
    graven::export::copy_trail(&reader, &copy, graven::export::CopyOptions::default()).unwrap();
    assert!(!copy.join("search").exists());
    assert!(verify(&graven::layout::Layout::in_dir(&copy)).findings.is_empty());
    // Opening to record does not touch it either.
    drop(large.trail());
    assert_eq!(used(&large.search()), IndexUse::Own);
}
