//! The files change under a process, at each moment of its commit: what its callers are told, and what stays as it is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use graven::ErrorKind;
use graven::disk::Disk;
use graven::disk::sim::{Gate, SimDisk, Snapshot, Step};

use super::{World, said, syncs_live, verdict};
use crate::support::model::DIR;

/// Where the trail's directory goes when it is renamed.
const OLD: &str = "/var/lib/trail.old";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    DirRenamed,
    /// Renamed, and a new trail made in its place.
    DirReplaced,
    LiveRenamed,
    LiveDeleted,
    /// As logrotate does it with `create`.
    LiveReplaced,
    LiveTruncated,
    /// By a stranger, with a line that is no entry.
    LiveAppended,
    LockDeleted,
    ClosedPlanted,
    BoundariesDeleted,
    TilesDeleted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    BeforeTheCommit,
    BetweenWriteAndSync,
    BetweenSyncAndTheSecondLook,
}

use Change::*;
use Moment::*;

const MOMENTS: [Moment; 3] = [BeforeTheCommit, BetweenWriteAndSync, BetweenSyncAndTheSecondLook];

impl Change {
    fn make(self, disk: &SimDisk) {
        let live = format!("{DIR}/audit.jsonl");
        let live = live.as_ref();
        match self {
            DirRenamed => disk.rename(DIR.as_ref(), OLD.as_ref()).unwrap(),
            DirReplaced => {
                disk.rename(DIR.as_ref(), OLD.as_ref()).unwrap();
                let mut new = World::on(disk.clone());
                // Another entry than the first of the old trail.
                new.n = 1_000;
                let mut process = new.open();
                new.record(&mut process).unwrap();
                process.close().unwrap();
            }
            LiveRenamed => disk.rename(live, format!("{DIR}/audit.jsonl.1").as_ref()).unwrap(),
            LiveDeleted => disk.remove_file(live).unwrap(),
            LiveReplaced => {
                LiveRenamed.make(disk);
                disk.open(live, graven::disk::Open::CreateNew).unwrap();
            }
            LiveTruncated => disk.tamper(live, Vec::clear).unwrap(),
            LiveAppended => disk.tamper(live, |bytes| bytes.extend(b"by a stranger\n")).unwrap(),
            LockDeleted => disk.remove_file(format!("{DIR}/LOCK").as_ref()).unwrap(),
            ClosedPlanted => {
                let closed = format!("{DIR}/closed");
                graven::durable::replace(disk, closed.as_ref(), b"not a note\n").unwrap();
            }
            // There is no call that removes a directory: one that is moved away is gone as well.
            BoundariesDeleted => {
                disk.rename(format!("{DIR}/checkpoints").as_ref(), "/var/checkpoints".as_ref()).unwrap();
            }
            TilesDeleted => {
                let tiles = format!("{DIR}/tiles");
                let files = disk.files().into_iter().filter(|path| path.starts_with(&tiles));
                files.for_each(|path| disk.remove_file(&path).unwrap());
            }
        }
    }

    /// What the caller is told: the kind, and words of the text. `None` when the trail goes on.
    fn told(self) -> Option<(ErrorKind, &'static [&'static str])> {
        match self {
            DirRenamed => Some((ErrorKind::Unavailable, &["its directory is gone"])),
            DirReplaced => Some((ErrorKind::Data, &["another directory has taken its place"])),
            LiveRenamed => Some((
                ErrorKind::Unavailable,
                &["audit.jsonl.1", "logrotate", "nothing has its name", "graven repair"],
            )),
            LiveDeleted => Some((ErrorKind::Unavailable, &["deleted", "put it back"])),
            LiveReplaced => Some((
                ErrorKind::Data,
                &["audit.jsonl.1", "logrotate", "another file has its name", "graven repair"],
            )),
            LiveTruncated => Some((ErrorKind::Data, &["was cut to 0 bytes", "graven verify"])),
            LiveAppended | LockDeleted | ClosedPlanted | BoundariesDeleted | TilesDeleted => None,
        }
    }

    /// Where the old trail's files are now.
    fn dir(self) -> &'static str {
        if matches!(self, DirRenamed | DirReplaced) { OLD } else { DIR }
    }

    /// Puts back what an operator can put back. `false` if nothing can.
    fn take_back(self, disk: &SimDisk) -> bool {
        let live = format!("{DIR}/audit.jsonl");
        match self {
            LiveRenamed => disk.rename(format!("{DIR}/audit.jsonl.1").as_ref(), live.as_ref()).unwrap(),
            LiveReplaced => {
                disk.remove_file(live.as_ref()).unwrap();
                LiveRenamed.take_back(disk);
            }
            LiveDeleted | LiveTruncated => return false,
            _ => {}
        }
        true
    }
}

/// The thread whose commit is held.
const HELD: &str = "held";

/// Holds the commit of one entry at a moment within it.
fn hold(disk: &SimDisk, moment: Moment) -> Gate {
    let synced = AtomicBool::new(false);
    disk.hold(move |step: &Step| {
        if thread::current().name() != Some(HELD) {
            return false;
        }
        let syncs = syncs_live(step);
        let after = synced.fetch_or(syncs, Ordering::Relaxed);
        if moment == BetweenWriteAndSync { syncs } else { after }
    })
}

/// The signed files of a trail.
fn signed(disk: &SimDisk, dir: &str) -> Vec<Vec<u8>> {
    let names = disk.files().into_iter().filter(|path| path.starts_with(dir));
    let names = names.filter(|path| path.to_string_lossy().contains("/checkpoint"));
    names.map(|path| disk.contents(path).unwrap()).collect()
}

fn files_below(snapshot: &Snapshot, dir: &str) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let below = snapshot.files().into_iter().filter(|path| path.starts_with(dir));
    below.map(|path| (path.clone(), snapshot.contents(path).unwrap())).collect()
}

#[test]
fn nothing_is_acknowledged_or_signed_that_is_not_in_the_trail() {
    for change in [
        DirRenamed,
        DirReplaced,
        LiveRenamed,
        LiveDeleted,
        LiveReplaced,
        LiveTruncated,
        LiveAppended,
        LockDeleted,
        ClosedPlanted,
        BoundariesDeleted,
        TilesDeleted,
    ] {
        for moment in MOMENTS {
            change_at(change, moment);
        }
    }
}

fn change_at(change: Change, moment: Moment) {
    let at = format!("{change:?}, {moment:?}");
    let mut world = World::new();
    let mut process = world.open();
    world.record_many(&mut process, 3);
    process.publish();
    // Durable and not yet sealed.
    world.record_many(&mut process, 2);
    let disk = world.disk.clone();
    let (told, new) = if moment == BeforeTheCommit {
        change.make(&disk);
        let new = disk.snapshot();
        (world.record(&mut process), new)
    } else {
        let gate = hold(&disk, moment);
        thread::scope(|threads| {
            let thread = thread::Builder::new().name(HELD.into());
            let recording = thread.spawn_scoped(threads, || world.record(&mut process)).unwrap();
            gate.reached();
            change.make(&disk);
            let new = disk.snapshot();
            gate.open();
            (recording.join().unwrap(), new)
        })
    };
    let Some((kind, words)) = change.told() else {
        told.unwrap_or_else(|error| panic!("{at}: {}", error.chain()));
        // A line that a stranger appended is cut by the next commit, and kept beside.
        world.record_many(&mut process, 1);
        process.publish();
        process.close().unwrap_or_else(|error| panic!("{at}: {}", error.chain()));
        let recovered = said(&world.check(DIR), "trail.recovered");
        assert!(recovered.len() <= 1, "{at}: {recovered:?}");
        world.assert_intact();
        return;
    };
    let error = told.expect_err(&at);
    assert_eq!(error.kind(), kind, "{at}: {}", error.chain());
    assert_eq!(error.may_be_recorded(), moment != BeforeTheCommit, "{at}: {}", error.chain());
    for word in words {
        assert!(error.to_string().contains(word), "{at}: {error}");
    }
    let heads = signed(&disk, change.dir());
    let again = world.record(&mut process).expect_err(&at);
    assert_eq!((again.kind(), again.may_be_recorded()), (kind, false), "{at}: {}", again.chain());
    process.publish();
    assert_eq!(process.close().expect_err(&at).kind(), kind, "{at}");
    assert_eq!(signed(&disk, change.dir()), heads, "{at}: something was signed");
    if change == DirReplaced {
        assert_eq!(files_below(&disk.snapshot(), DIR), files_below(&new, DIR), "{at}: the new trail changed");
        assert_eq!(verdict(&disk, DIR).0, graven_core::verdict::Verdict::Intact, "{at}");
    }
    if change.take_back(&disk) {
        world.check(change.dir());
        let (verdict, findings) = verdict(&disk, change.dir());
        assert!(!verdict.accuses(), "{at}: {findings}");
    }
    if change == LiveTruncated {
        let live = disk.contents(format!("{DIR}/audit.jsonl")).unwrap();
        assert!(live.is_empty(), "{at}: something was written where the file had been cut");
    }
}
