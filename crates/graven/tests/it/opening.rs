//! Opening, sharing, closing, and what opening refuses.

use std::process::Command;
use std::thread;

use graven::clock::sim::SimClock;
use graven::disk::sim::SimDisk;
use graven::layout::Layout;
use graven::sim::Process;
use graven::{Category, Entry, ErrorKind, Outcome, Settings, Trail};

use crate::support::model::machine;
use crate::support::patience::must_end;
use crate::support::{another_process, assert_intact, lines};

fn entry(n: u64) -> Entry {
    Entry::new(Category::Api, format!("GET /{n}"), Outcome::Success)
}

#[test]
fn two_threads_that_open_one_trail_share_it() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&dir, &link).unwrap();
    let names = [dir.clone(), link, folder.path().join("./trail")];
    Trail::open(Settings::new(&dir)).unwrap().close_blocking().unwrap();
    let trails: Vec<Trail> = thread::scope(|scope| {
        let openers: Vec<_> = (0..12)
            .map(|n| {
                scope.spawn({
                    let name = names[n % 3].clone();
                    move || Trail::open(Settings::new(name))
                })
            })
            .collect();
        openers.into_iter().map(|opener| opener.join().unwrap().unwrap()).collect()
    });
    for (n, trail) in (0..).zip(&trails) {
        assert_eq!(trail.record_blocking(entry(n)).unwrap().index, n);
    }
    assert!(trails.iter().all(|trail| trail.len() == 12));
    trails[3].close_blocking().unwrap();
    assert_eq!(trails[4].record_blocking(entry(0)).unwrap_err().kind(), ErrorKind::Closed);
    // Closed through one handle, it can be opened again while the closed handles are still there.
    let again = Trail::open(Settings::new(&dir)).unwrap();
    assert_eq!(again.record_blocking(entry(12)).unwrap().index, 12);
}

#[test]
fn dropping_the_last_handle_seals_and_unlocks_before_it_returns() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let trail = Trail::open(Settings::new(folder.path())).unwrap();
        assert_eq!(trail.len(), round);
        trail.emit(entry(round));
        drop(trail);
        assert!(folder.path().join("closed").exists());
        let checkpoint = std::fs::read_to_string(folder.path().join("checkpoint")).unwrap();
        assert_eq!(checkpoint.lines().nth(1).unwrap(), (round + 1).to_string());
    }
}

/// Runs this binary again, as the other process.
#[test]
fn another_process_opens_the_trail_beside_this_one() {
    if let Some(dir) = another_process::held_trail() {
        let trail = Trail::open(Settings::new(dir)).unwrap();
        assert_eq!(trail.record_blocking(entry(1)).unwrap().index, 1);
        return trail.close_blocking().unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path())).unwrap();
    assert_eq!(trail.record_blocking(entry(0)).unwrap().index, 0);
    another_process::beside("opening::another_process_opens_the_trail_beside_this_one", folder.path());
    assert!(!folder.path().join("closed").exists());
    assert_eq!(trail.record_blocking(entry(2)).unwrap().index, 2);
    trail.close_blocking().unwrap();
    assert_intact(&Layout::in_dir(folder.path()));
}

#[test]
fn a_foreign_file_is_moved_aside_and_the_first_entry_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("sink.log");
    std::fs::write(&live, "not ours\nnor this\n").unwrap();
    std::fs::write(folder.path().join("sink.log.before-graven"), "somebody else's").unwrap();
    let trail = Trail::open(Settings::live_file(&live)).unwrap();
    trail.record_blocking(entry(0)).unwrap();
    let first = trail.entries(..1).unwrap().next().unwrap().unwrap().entry().unwrap();
    assert_eq!(first.action, "trail.adopted");
    let sha256 = graven_core::hash::sha256(b"not ours\nnor this\n").to_hex();
    let said =
        format!(r#"{{"moved_to":"sink.log.before-graven-2","sha256":"{sha256}","bytes":18,"lines":2}}"#);
    assert_eq!(first.detail.unwrap().as_str(), said);
    assert_eq!(
        std::fs::read(folder.path().join("sink.log.before-graven-2")).unwrap(),
        b"not ours\nnor this\n"
    );
    assert_eq!(std::fs::read(folder.path().join("sink.log.before-graven")).unwrap(), b"somebody else's");
    assert_eq!(lines(&live).len(), 2);
}

#[test]
fn what_is_not_a_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for path in [fifo.as_path(), std::path::Path::new("/dev/null")] {
        let error = Trail::open(Settings::live_file(path)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
        assert!(!path.with_extension("d").exists());
    }
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|name| name.unwrap().file_name()).collect();
    assert_eq!(names, ["fifo"]);
}

#[test]
fn a_trail_whose_graven_json_was_taken_away_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path())).unwrap();
    trail.record_blocking(entry(0)).unwrap();
    drop(trail);
    std::fs::remove_file(folder.path().join("graven.json")).unwrap();
    let error = Trail::open(Settings::new(folder.path())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("graven.json is missing"), "{error}");
}

#[test]
fn an_origin_must_be_a_key_name_and_a_missing_trail_is_not_made_unasked() {
    let folder = tempfile::tempdir().unwrap();
    for bad in ["", "with space", "with+plus", &"x".repeat(256)] {
        let error = Trail::open(Settings::new(folder.path().join("x")).origin(bad)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    }
    let error = Trail::open(Settings::new(folder.path().join("y")).must_exist()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!folder.path().join("y").exists());
}

#[test]
fn files_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    let trail = Trail::open(Settings::new(&dir)).unwrap();
    trail.record_blocking(entry(0).detail("x".repeat(70_000))).unwrap();
    trail.close_blocking().unwrap();
    let mut seen = 0;
    let mut dirs = vec![dir];
    while let Some(dir) = dirs.pop() {
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700, "{}", dir.display());
        for name in std::fs::read_dir(&dir).unwrap() {
            let path = name.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                seen += 1;
                assert_eq!(mode(&path), 0o600, "{}", path.display());
            }
        }
    }
    assert!(seen >= 8, "{seen} files");
}

#[test]
fn an_exclusive_trail_keeps_other_processes_out_and_waits_for_none() {
    let disk = SimDisk::new();
    let open = |settings: Settings| Process::new().open(settings, machine(&disk, &SimClock::new(1)));
    let refused = |settings: Settings| {
        let error = open(settings).expect_err("another process has the trail open");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(error.to_string().contains("wants to be alone"), "{error}");
    };
    let alone = open(Settings::new("/trail").exclusive()).unwrap();
    refused(Settings::new("/trail"));
    refused(Settings::new("/trail").exclusive());
    alone.close().unwrap();
    let shared = open(Settings::new("/trail")).unwrap();
    refused(Settings::new("/trail").exclusive());
    let beside = open(Settings::new("/trail")).unwrap();
    shared.close().unwrap();
    beside.close().unwrap();
    open(Settings::new("/trail").exclusive()).unwrap().close().unwrap();
}
