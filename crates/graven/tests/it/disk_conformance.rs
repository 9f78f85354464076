//! What every disk does, tried on the system's and on the simulated one.

use std::io::{self, ErrorKind};
use std::path::Path;

use graven::disk::sim::SimDisk;
use graven::disk::{Access, DirEntry, Disk, File, Hold, Kind, Metadata, Open, OsDisk};

use crate::support::locking::hold;
use crate::support::patience::receive;

/// Runs the same test on both disks, each in an empty folder.
macro_rules! on_both_disks {
    ($($name:ident)*) => {
        mod os {
            $(#[test] fn $name() {
                let folder = tempfile::tempdir().unwrap();
                let folder = super::Disk::canonicalize(&super::OsDisk, folder.path()).unwrap();
                super::$name(&super::OsDisk, &folder);
            })*
        }
        mod sim {
            $(#[test] fn $name() {
                let disk = super::SimDisk::new();
                super::Disk::create_dir(&disk, "/folder".as_ref()).unwrap();
                super::$name(&disk, "/folder".as_ref());
            })*
        }
    };
}

on_both_disks! {
    opening_keeps_bytes_and_says_what_is_missing
    reads_and_writes_are_positional
    a_gap_and_a_longer_length_are_zeros
    cutting_forgets_what_was_cut
    a_file_open_for_reading_is_not_written
    all_handles_of_a_file_see_one_content
    an_open_file_outlives_its_name
    rename_replaces
    rename_between_directories
    a_directory_is_renamed_with_what_is_in_it
    a_rename_that_cannot_be_changes_nothing
    listing_is_sorted_and_complete
    metadata_tells_files_from_directories
    paths_through_files_or_nothing_fail
    paths_are_made_canonical
    what_is_made_is_the_users_alone
    access_is_changed_for_the_file_that_is_meant
    a_unique_text_is_never_given_twice
    syncs_succeed
    a_lock_is_held_once
    a_lock_belongs_to_the_file_and_not_to_its_name
    a_directory_is_locked_shared_or_exclusive
    a_lock_that_is_waited_for_is_had_once_it_is_released
    a_file_is_known_by_its_id_under_any_name
    two_disks_of_one_number_are_one
}

fn opening_keeps_bytes_and_says_what_is_missing(disk: &dyn Disk, folder: &Path) {
    let path = folder.join("file");
    assert_fails(disk.open(&path, Open::Read), ErrorKind::NotFound);
    assert_fails(disk.open(&path, Open::Write), ErrorKind::NotFound);
    write(&*disk.open(&path, Open::CreateNew).unwrap(), b"kept", 0);
    assert_fails(disk.open(&path, Open::CreateNew), ErrorKind::AlreadyExists);
    for how in [Open::Read, Open::Write, Open::Create] {
        assert_eq!(all(&*disk.open(&path, how).unwrap()), b"kept");
    }
    assert_eq!(all(&*disk.open(&folder.join("other"), Open::Create).unwrap()), b"");
    disk.remove_file(&path).unwrap();
    assert_fails(disk.remove_file(&path), ErrorKind::NotFound);
    assert_fails(disk.open(&path, Open::Read), ErrorKind::NotFound);
}

fn reads_and_writes_are_positional(disk: &dyn Disk, folder: &Path) {
    let file = disk.open(&folder.join("file"), Open::CreateNew).unwrap();
    write(&*file, b"0123456789", 0);
    write(&*file, b"ab", 4);
    write(&*file, b"", 40);
    assert_eq!(file.bytes().unwrap(), 10);
    assert_eq!(all(&*file), b"0123ab6789");
    let mut buffer = [b'.'; 4];
    assert_eq!(file.read_at(&mut buffer, 8).unwrap(), 2);
    assert_eq!(&buffer, b"89..");
    assert_eq!(file.read_at(&mut buffer, 10).unwrap(), 0);
    assert_eq!(file.read_at(&mut buffer, 11).unwrap(), 0);
    assert_eq!(file.read_at(&mut [], 0).unwrap(), 0);
}

fn a_gap_and_a_longer_length_are_zeros(disk: &dyn Disk, folder: &Path) {
    let file = disk.open(&folder.join("file"), Open::CreateNew).unwrap();
    write(&*file, b"z", 10_000);
    assert_eq!(file.bytes().unwrap(), 10_001);
    let bytes = all(&*file);
    assert!(bytes[..10_000].iter().all(|byte| *byte == 0) && bytes[10_000] == b'z');
    file.set_bytes(10_003).unwrap();
    assert_eq!(&all(&*file)[10_000..], b"z\0\0");
}

fn cutting_forgets_what_was_cut(disk: &dyn Disk, folder: &Path) {
    let file = disk.open(&folder.join("file"), Open::CreateNew).unwrap();
    write(&*file, &[b'x'; 9_000], 0);
    file.set_bytes(5_000).unwrap();
    assert_eq!(file.bytes().unwrap(), 5_000);
    file.set_bytes(9_000).unwrap();
    let bytes = all(&*file);
    assert!(bytes[..5_000].iter().all(|byte| *byte == b'x') && bytes[5_000..].iter().all(|byte| *byte == 0));
    file.set_bytes(0).unwrap();
    assert_eq!(all(&*file), b"");
}

fn a_file_open_for_reading_is_not_written(disk: &dyn Disk, folder: &Path) {
    let path = folder.join("file");
    write(&*disk.open(&path, Open::CreateNew).unwrap(), b"kept", 0);
    let file = disk.open(&path, Open::Read).unwrap();
    assert!(file.write_at(b"x", 0).is_err());
    assert!(file.set_bytes(1).is_err());
    assert_eq!(all(&*file), b"kept");
}

fn all_handles_of_a_file_see_one_content(disk: &dyn Disk, folder: &Path) {
    let path = folder.join("file");
    let writer = disk.open(&path, Open::CreateNew).unwrap();
    let reader = disk.open(&path, Open::Read).unwrap();
    write(&*writer, b"seen before any sync", 0);
    assert_eq!(all(&*reader), b"seen before any sync");
    assert_eq!(disk.metadata(&path).unwrap().bytes, 20);
}

fn an_open_file_outlives_its_name(disk: &dyn Disk, folder: &Path) {
    let path = folder.join("file");
    let file = disk.open(&path, Open::CreateNew).unwrap();
    write(&*file, b"old", 0);
    disk.remove_file(&path).unwrap();
    disk.sync_dir(folder).unwrap();
    write(&*disk.open(&path, Open::CreateNew).unwrap(), b"new", 0);
    write(&*file, b"er", 3);
    file.sync_data().unwrap();
    assert_eq!(all(&*file), b"older");
    assert_eq!(all(&*disk.open(&path, Open::Read).unwrap()), b"new");
}

fn rename_replaces(disk: &dyn Disk, folder: &Path) {
    let (from, to) = (folder.join("from"), folder.join("to"));
    assert_fails(disk.rename(&from, &to), ErrorKind::NotFound);
    write(&*disk.open(&from, Open::CreateNew).unwrap(), b"new", 0);
    write(&*disk.open(&to, Open::CreateNew).unwrap(), b"older", 0);
    disk.rename(&from, &to).unwrap();
    assert_eq!(all(&*disk.open(&to, Open::Read).unwrap()), b"new");
    assert_eq!(names(disk, folder), ["to"]);
    disk.rename(&to, &to).unwrap();
    assert_eq!(names(disk, folder), ["to"]);
}

fn rename_between_directories(disk: &dyn Disk, folder: &Path) {
    let (a, b) = (folder.join("a"), folder.join("b"));
    disk.create_dir(&a).unwrap();
    disk.create_dir(&b).unwrap();
    let file = disk.open(&a.join("x"), Open::CreateNew).unwrap();
    disk.rename(&a.join("x"), &b.join("y")).unwrap();
    write(&*file, b"through the old handle", 0);
    assert_eq!(all(&*disk.open(&b.join("y"), Open::Read).unwrap()), b"through the old handle");
    assert!(names(disk, &a).is_empty());
}

fn a_directory_is_renamed_with_what_is_in_it(disk: &dyn Disk, folder: &Path) {
    disk.create_dir(&folder.join("a")).unwrap();
    disk.open(&folder.join("a/file"), Open::CreateNew).unwrap();
    disk.rename(&folder.join("a"), &folder.join("b")).unwrap();
    assert_eq!(names(disk, &folder.join("b")), ["file"]);
    assert_fails(disk.read_dir(&folder.join("a")), ErrorKind::NotFound);
}

fn a_rename_that_cannot_be_changes_nothing(disk: &dyn Disk, folder: &Path) {
    let at = |name: &str| folder.join(name);
    disk.open(&at("file"), Open::CreateNew).unwrap();
    disk.create_dir(&at("dir")).unwrap();
    disk.create_dir(&at("full")).unwrap();
    disk.open(&at("full/file"), Open::CreateNew).unwrap();
    assert_fails(disk.rename(&at("file"), &at("dir")), ErrorKind::IsADirectory);
    assert_fails(disk.rename(&at("dir"), &at("file")), ErrorKind::NotADirectory);
    assert_fails(disk.rename(&at("dir"), &at("full")), ErrorKind::DirectoryNotEmpty);
    assert_fails(disk.rename(&at("dir"), &at("dir/inside")), ErrorKind::InvalidInput);
    assert_fails(disk.rename(&at("file"), &at("absent/file")), ErrorKind::NotFound);
    assert_eq!(names(disk, folder), ["dir", "file", "full"]);
}

fn listing_is_sorted_and_complete(disk: &dyn Disk, folder: &Path) {
    assert!(disk.read_dir(folder).unwrap().is_empty());
    for name in ["b", "a", "C", "10", "9", ".hidden"] {
        disk.open(&folder.join(name), Open::CreateNew).unwrap();
    }
    write(&*disk.open(&folder.join("a"), Open::Write).unwrap(), b"abc", 0);
    disk.create_dir(&folder.join("dir")).unwrap();
    let entry = |name: &str, kind, bytes| {
        let Metadata { id, access, .. } = disk.metadata(&folder.join(name)).unwrap();
        DirEntry { name: name.into(), metadata: Metadata { kind, bytes, id, access } }
    };
    let file = |name: &str, bytes| entry(name, Kind::File, bytes);
    let dir = entry("dir", Kind::Dir, 0);
    let expected =
        [file(".hidden", 0), file("10", 0), file("9", 0), file("C", 0), file("a", 3), file("b", 0), dir];
    assert_eq!(disk.read_dir(folder).unwrap(), expected);
    let names = expected.map(|entry| (entry.name, entry.metadata.kind));
    assert_eq!(disk.read_names(folder).unwrap(), names);
    assert_fails(disk.read_dir(&folder.join("absent")), ErrorKind::NotFound);
    assert_fails(disk.read_dir(&folder.join("a")), ErrorKind::NotADirectory);
    assert_fails(disk.read_names(&folder.join("absent")), ErrorKind::NotFound);
    assert_fails(disk.read_names(&folder.join("a")), ErrorKind::NotADirectory);
}

fn metadata_tells_files_from_directories(disk: &dyn Disk, folder: &Path) {
    let seen = |path: &Path| {
        let Metadata { kind, bytes, .. } = disk.metadata(path).unwrap();
        (kind, bytes)
    };
    assert_eq!(seen(folder), (Kind::Dir, 0));
    assert_fails(disk.metadata(&folder.join("file")), ErrorKind::NotFound);
    let file = disk.open(&folder.join("file"), Open::CreateNew).unwrap();
    write(&*file, b"12345", 0);
    assert_eq!(seen(&folder.join("file")), (Kind::File, 5));
    assert_fails(disk.open(folder, Open::Write), ErrorKind::IsADirectory);
    assert_fails(disk.open(folder, Open::Create), ErrorKind::IsADirectory);
    assert_fails(disk.open(folder, Open::CreateNew), ErrorKind::AlreadyExists);
    assert!(disk.remove_file(folder).is_err());
}

fn paths_through_files_or_nothing_fail(disk: &dyn Disk, folder: &Path) {
    disk.open(&folder.join("file"), Open::CreateNew).unwrap();
    disk.create_dir(&folder.join("dir")).unwrap();
    assert_fails(disk.create_dir(&folder.join("dir")), ErrorKind::AlreadyExists);
    assert_fails(disk.create_dir(&folder.join("file")), ErrorKind::AlreadyExists);
    for (parent, kind) in [("file", ErrorKind::NotADirectory), ("absent", ErrorKind::NotFound)] {
        let inside = folder.join(parent).join("x");
        assert_fails(disk.open(&inside, Open::Create), kind);
        assert_fails(disk.create_dir(&inside), kind);
        assert_fails(disk.metadata(&inside), kind);
        assert_fails(disk.remove_file(&inside), kind);
    }
}

fn paths_are_made_canonical(disk: &dyn Disk, folder: &Path) {
    disk.create_dir(&folder.join("dir")).unwrap();
    disk.open(&folder.join("file"), Open::CreateNew).unwrap();
    let roundabout = folder.join(".").join("dir").join("..").join("file");
    assert_eq!(disk.canonicalize(&roundabout).unwrap(), folder.join("file"));
    assert_eq!(disk.canonicalize(folder).unwrap(), folder);
    assert_fails(disk.canonicalize(&folder.join("absent")), ErrorKind::NotFound);
}

fn what_is_made_is_the_users_alone(disk: &dyn Disk, folder: &Path) {
    disk.create_dir(&folder.join("dir")).unwrap();
    disk.open(&folder.join("new"), Open::CreateNew).unwrap();
    disk.open(&folder.join("absent"), Open::Create).unwrap();
    for (name, mode) in [("dir", 0o700), ("new", 0o600), ("absent", 0o600)] {
        let access = disk.metadata(&folder.join(name)).unwrap().access;
        assert_eq!((access.owner, access.mode), (disk.user(), mode), "{name}");
    }
}

fn access_is_changed_for_the_file_that_is_meant(disk: &dyn Disk, folder: &Path) {
    let (file, dir, other) = (folder.join("file"), folder.join("dir"), folder.join("other"));
    disk.create_dir(&dir).unwrap();
    let open = disk.open(&file, Open::CreateNew).unwrap();
    for (path, mode) in [(&file, 0o640), (&dir, 0o750)] {
        let before = disk.metadata(path).unwrap();
        let wanted = Access { mode, ..before.access };
        disk.set_access(path, before.id, wanted).unwrap();
        assert_eq!(disk.metadata(path).unwrap(), Metadata { access: wanted, ..before });
    }
    disk.rename(&file, &other).unwrap();
    disk.open(&file, Open::CreateNew).unwrap();
    let new = disk.metadata(&file).unwrap();
    let wanted = Access { mode: 0o644, ..new.access };
    disk.set_access(&file, open.id().unwrap(), wanted).expect_err("another file has its name");
    assert_eq!(disk.metadata(&file).unwrap(), new);
    assert_fails(disk.set_access(&folder.join("absent"), new.id, wanted), ErrorKind::NotFound);
}

fn a_unique_text_is_never_given_twice(disk: &dyn Disk, _: &Path) {
    let (one, two) = (disk.unique(), disk.unique());
    assert_ne!(one, two);
    for text in [one, two] {
        let name = format!("name.{text}.tmp");
        assert_eq!(graven::durable::temporary_of(&name), Some("name"), "{name}");
    }
}

fn syncs_succeed(disk: &dyn Disk, folder: &Path) {
    let file = disk.open(&folder.join("file"), Open::CreateNew).unwrap();
    write(&*file, b"x", 0);
    file.sync_data().unwrap();
    file.sync_all().unwrap();
    disk.sync_dir(folder).unwrap();
    assert_fails(disk.sync_dir(&folder.join("absent")), ErrorKind::NotFound);
}

fn a_lock_is_held_once(disk: &dyn Disk, folder: &Path) {
    let path = folder.join("LOCK");
    let guard = hold(disk, &path).unwrap().expect("nobody has it");
    let file = disk.open(&path, Open::Write).expect("it is made when absent");
    assert!(hold(disk, &path).unwrap().is_none());
    write(&*file, b"a lock stops nobody from writing", 0);
    drop(file);
    drop(disk.open(&path, Open::Read).unwrap());
    assert!(hold(disk, &path).unwrap().is_none(), "closing another handle lets nothing go");
    drop(guard);
    assert!(hold(disk, &path).unwrap().is_some());
    assert!(hold(disk, &path).unwrap().is_some(), "the guard before was dropped at once");
}

fn a_lock_belongs_to_the_file_and_not_to_its_name(disk: &dyn Disk, folder: &Path) {
    let (path, moved) = (folder.join("LOCK"), folder.join("moved"));
    disk.open(&path, Open::CreateNew).unwrap();
    let _guard = hold(disk, &path).unwrap().expect("nobody has it");
    disk.rename(&path, &moved).unwrap();
    assert!(hold(disk, &moved).unwrap().is_none());
    disk.open(&path, Open::CreateNew).unwrap();
    assert!(hold(disk, &path).unwrap().is_some(), "another file of the same name");
}

fn a_directory_is_locked_shared_or_exclusive(disk: &dyn Disk, folder: &Path) {
    assert_fails(disk.open_lock(&folder.join("absent")), ErrorKind::NotFound);
    let [one, two] = [(); 2].map(|()| disk.open_lock(folder).unwrap());
    assert!(one.try_lock(Hold::Exclusive).unwrap());
    assert!(!two.try_lock(Hold::Shared).unwrap());
    assert!(one.try_lock(Hold::Shared).unwrap(), "an exclusive lock becomes a shared one");
    assert!(two.try_lock(Hold::Shared).unwrap());
    assert!(!two.try_lock(Hold::Exclusive).unwrap(), "another holds it shared");
    one.unlock().unwrap();
    assert!(two.try_lock(Hold::Exclusive).unwrap());
    drop(two);
    one.lock(Hold::Exclusive).unwrap();
}

fn a_lock_that_is_waited_for_is_had_once_it_is_released(disk: &dyn Disk, folder: &Path) {
    let [one, two] = [(); 2].map(|()| disk.open_lock(folder).unwrap());
    one.lock(Hold::Exclusive).unwrap();
    let (sent, received) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            two.lock(Hold::Exclusive).unwrap();
            sent.send(()).unwrap();
        });
        assert!(received.try_recv().is_err());
        one.unlock().unwrap();
        receive("the lock", &received);
    });
}

fn a_file_is_known_by_its_id_under_any_name(disk: &dyn Disk, folder: &Path) {
    let (path, moved) = (folder.join("file"), folder.join("moved"));
    let file = disk.open(&path, Open::CreateNew).unwrap();
    let id = file.id().unwrap();
    assert_eq!(disk.metadata(&path).unwrap().id, id);
    assert_eq!(disk.open_lock(&path).unwrap().id(), id);
    disk.rename(&path, &moved).unwrap();
    assert_eq!(disk.metadata(&moved).unwrap().id, id);
    let other = disk.open(&path, Open::CreateNew).unwrap();
    assert_ne!(other.id().unwrap(), id);
    assert_ne!(disk.metadata(folder).unwrap().id, id);
}

fn two_disks_of_one_number_are_one(disk: &dyn Disk, _: &Path) {
    assert_eq!(disk.number(), disk.number());
    assert_ne!(disk.number(), SimDisk::new().number());
}

fn write(file: &dyn File, mut bytes: &[u8], mut offset: u64) {
    while !bytes.is_empty() {
        let written = file.write_at(bytes, offset).unwrap();
        bytes = &bytes[written..];
        offset += written as u64;
    }
}

fn all(file: &dyn File) -> Vec<u8> {
    let mut bytes = vec![0; file.bytes().unwrap() as usize];
    let mut done = 0;
    while done < bytes.len() {
        done += file.read_at(&mut bytes[done..], done as u64).unwrap();
    }
    bytes
}

fn names(disk: &dyn Disk, folder: &Path) -> Vec<String> {
    disk.read_dir(folder).unwrap().into_iter().map(|entry| entry.name).collect()
}

#[track_caller]
fn assert_fails<T: std::fmt::Debug>(result: io::Result<T>, kind: ErrorKind) {
    match result {
        Err(error) => assert_eq!(error.kind(), kind, "{error}"),
        Ok(value) => panic!("expected {kind:?}, got {value:?}"),
    }
}
