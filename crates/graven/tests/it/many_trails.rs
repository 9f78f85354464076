//! Many trails in one process: opened, closed and dropped from anywhere, shared by whatever name, and nothing of them
//! is left when they are gone.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use graven::disk::OsDisk;
use graven::disk::sim::{Op, SimDisk};
use graven::layout::Layout;
use graven::{Category, Entry, ErrorKind, Machine, Outcome, Settings, Trail};

use crate::support::another_process;
use crate::support::locking::hold;
use crate::support::patience::{must_end, receive, until};
use crate::support::plain::block_on;
use crate::support::{assert_intact, lines};

fn entry(id: &str) -> Entry {
    Entry::new(Category::Api, "GET /", Outcome::Success).id(id)
}

/// The ids in the live file, without the engine's help.
fn ids(live: &Path) -> Vec<String> {
    let entries = lines(live).into_iter().map(|line| Entry::from_line(&line).unwrap());
    entries.filter(|entry| entry.category != Category::Trail).map(|entry| entry.id.unwrap()).collect()
}

#[track_caller]
fn assert_unlocked(layout: &Layout) {
    assert!(hold(&OsDisk, &layout.lock()).unwrap().is_some(), "{} is locked", layout.dir().display());
}

/// Opens, records in, closes and drops `trails` trails from `threads` threads; returns which ids each acknowledged.
fn churn(folder: &Path, trails: usize, threads: usize, rounds: usize) -> Vec<HashSet<String>> {
    must_end();
    let acknowledged: Vec<Mutex<HashSet<String>>> = (0..trails).map(|_| Mutex::default()).collect();
    thread::scope(|scope| {
        for thread in 0..threads {
            let acknowledged = &acknowledged;
            scope.spawn(move || {
                for round in 0..rounds {
                    let which = (thread * 5 + round * 3) % trails;
                    let trail = Trail::open(Settings::new(folder.join(which.to_string()))).unwrap();
                    let id = format!("{thread}-{round}");
                    match trail.record_blocking(entry(&id)) {
                        Ok(receipt) => assert!(acknowledged[which].lock().unwrap().insert(receipt.id)),
                        // Another thread has closed what both share.
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}"),
                    }
                    match round % 4 {
                        0 => trail.close_blocking().unwrap(),
                        1 => block_on(trail.close()).unwrap(),
                        _ => drop(trail),
                    }
                }
            });
        }
    });
    acknowledged.into_iter().map(|ids| ids.into_inner().unwrap()).collect()
}

#[test]
fn trails_that_many_threads_open_and_close_hold_what_was_acknowledged() {
    const TRAILS: usize = 5;
    let folder = tempfile::tempdir().unwrap();
    let acknowledged = churn(folder.path(), TRAILS, 8, 40);
    assert!(acknowledged.iter().map(HashSet::len).sum::<usize>() > 8 * 40 / 4, "{acknowledged:?}");
    for (which, acknowledged) in acknowledged.iter().enumerate() {
        let layout = Layout::in_dir(folder.path().join(which.to_string()));
        assert_unlocked(&layout);
        let found = ids(layout.live());
        assert_eq!(found.iter().cloned().collect::<HashSet<_>>(), *acknowledged);
        assert_eq!(found.len(), acknowledged.len(), "each is there once");
        assert_intact(&layout);
    }
}

#[test]
fn a_hundred_trails_at_once_keep_their_entries_apart() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let name = |n: usize| folder.path().join(n.to_string());
    let trails: Vec<Trail> = (0..100).map(|n| Trail::open(Settings::new(name(n))).unwrap()).collect();
    let recordings: Vec<_> = (0..300).map(|n| trails[n % 100].record(entry(&n.to_string()))).collect();
    thread::scope(|scope| {
        for third in 0..3 {
            let trails = &trails;
            scope.spawn(move || {
                for (n, trail) in trails.iter().enumerate() {
                    trail.record_blocking(entry(&format!("{n} {third}"))).unwrap();
                }
            });
        }
    });
    for (n, recording) in recordings.into_iter().enumerate() {
        assert_eq!(block_on(recording).unwrap().id, n.to_string());
    }
    drop(trails);
    for n in 0..100 {
        let layout = Layout::in_dir(name(n));
        let mut found = ids(layout.live());
        found.sort_unstable();
        let mut expected: Vec<String> = (0..3).map(|third| format!("{n} {third}")).collect();
        expected.extend((0..3).map(|turn| (turn * 100 + n).to_string()));
        expected.sort_unstable();
        assert_eq!(found, expected);
        assert_unlocked(&layout);
    }
}

/// A waker that drops what it holds when it is woken, as an executor does with a task that is done.
struct Dropping<T>(Mutex<Option<T>>, mpsc::Sender<thread::ThreadId>);

impl<T: Send> Wake for Dropping<T> {
    fn wake(self: Arc<Self>) {
        if let Some(held) = self.0.lock().unwrap().take() {
            drop(held);
            self.1.send(thread::current().id()).unwrap();
        }
    }
}

/// Records in `trail` and calls `now`; the trail's writer drops `held` when it acknowledges the entry.
fn dropped_by_the_writer<T: Send + 'static>(trail: Trail, id: &str, held: T, now: impl FnOnce()) {
    let (say, heard) = mpsc::channel();
    let waker = Waker::from(Arc::new(Dropping(Mutex::new(Some(held)), say)));
    let mut recording = Box::pin(trail.record(entry(id)));
    assert!(recording.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    // The future is a handle, too.
    drop((recording, trail, waker));
    now();
    let dropped_on = receive("the writer drops what the waker holds", &heard);
    assert_ne!(dropped_on, thread::current().id());
}

#[test]
fn the_last_handle_may_be_dropped_by_the_writer_that_wakes_its_holder() {
    must_end();
    let disk = SimDisk::new();
    let open = || {
        let machine = Machine { disk: Arc::new(disk.clone()), ..Machine::os() };
        Trail::open_on(Settings::new("/trail"), machine).unwrap()
    };
    for round in 0..20 {
        let trail = open();
        // The writer waits until the one in the waker is the last.
        let sync = disk.hold(|step| step.op == Op::SyncData && step.is_named("audit.jsonl"));
        dropped_by_the_writer(trail.clone(), &round.to_string(), trail, || sync.open());
    }
    // An opening waits for what ends by itself.
    let trail = open();
    let ids: Vec<String> = trail.recent(100).into_iter().rev().map(|entry| entry.id.unwrap()).collect();
    assert!(ids.into_iter().eq((0..20).map(|round| round.to_string())));
    drop(trail);
    let layout = Layout::in_dir("/trail");
    assert!(hold(&disk, &layout.lock()).unwrap().is_some());
    assert!(disk.contents(layout.closed()).is_ok());
}

#[test]
fn the_writer_of_one_trail_may_drop_the_last_handle_of_another() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let one = Trail::open(Settings::new(path("one"))).unwrap();
    for round in 0..20 {
        let other = Trail::open(Settings::new(path("other"))).unwrap();
        other.emit(entry(&round.to_string()));
        dropped_by_the_writer(one.clone(), &round.to_string(), other, || {});
    }
    drop(Trail::open(Settings::new(path("other"))).unwrap());
    drop(one);
    for name in ["one", "other"] {
        let layout = Layout::in_dir(path(name));
        assert!(ids(layout.live()).into_iter().eq((0..20).map(|round| round.to_string())), "{name}");
        assert_unlocked(&layout);
        assert_intact(&layout);
    }
}

#[test]
fn futures_that_are_dropped_unfinished_leave_whole_entries_and_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::in_dir(folder.path());
    let trail = Trail::open(Settings::new(folder.path())).unwrap();
    let mut queued: Vec<_> = (0..50).map(|n| Box::pin(trail.record(entry(&n.to_string())))).collect();
    let mut batch = Box::pin(trail.record_batch((50..60).map(|n| entry(&n.to_string())).collect()));
    let never_polled = trail.record(entry("never polled"));
    for recording in &mut queued {
        // It may be durable by now, but the first poll does not look.
        assert!(recording.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    // Queued; the writer may be so fast that it has its answer at once.
    let _either = batch.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    drop(trail);
    // Each future is a handle, too.
    assert!(hold(&OsDisk, &layout.lock()).unwrap().is_none());
    assert!(Trail::open(Settings::new(folder.path())).is_ok());
    drop((queued, batch));
    assert!(hold(&OsDisk, &layout.lock()).unwrap().is_none());
    drop(never_polled);
    assert_unlocked(&layout);
    assert!(ids(layout.live()).into_iter().eq((0..60).map(|n| n.to_string())));
    assert_intact(&layout);
}

#[test]
fn a_future_that_outlives_the_close_of_its_trail_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path())).unwrap();
    let mut queued = Box::pin(trail.record(entry("queued")));
    assert!(queued.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let late = trail.record(entry("late"));
    trail.close_blocking().unwrap();
    assert_unlocked(&Layout::in_dir(folder.path()));
    assert_eq!(block_on(queued).unwrap().index, 0);
    assert_eq!(block_on(late).unwrap_err().kind(), ErrorKind::Closed);
    // While all of these are there, it can be opened again.
    let again = Trail::open(Settings::new(folder.path())).unwrap();
    assert_eq!(again.record_blocking(entry("again")).unwrap().index, 1);
    assert_eq!(trail.record_blocking(entry("late")).unwrap_err().kind(), ErrorKind::Closed);
    drop(trail);
    assert_eq!(again.record_blocking(entry("again")).unwrap().index, 2, "the old handle took nothing along");
}

/// Every way to name a trail in `folder/real/trail`, with links.
fn names(folder: &Path) -> Vec<PathBuf> {
    symlink(folder.join("real/trail"), folder.join("link")).unwrap();
    symlink("real", folder.join("dir-link")).unwrap();
    symlink("link", folder.join("link-to-link")).unwrap();
    [
        "real/trail",
        "real/../real/trail",
        "real/./trail/",
        "link",
        "link/",
        "dir-link/trail",
        "link-to-link",
        "link/../trail",
    ]
    .iter()
    .map(|name| folder.join(name))
    .collect()
}

#[test]
fn all_names_of_a_trail_share_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("real")).unwrap();
    drop(Trail::open(Settings::new(folder.path().join("real/trail"))).unwrap());
    let names = names(folder.path());
    // First in turn, then at once.
    for (index, name) in (0..).zip(&names) {
        let trail = Trail::open(Settings::new(name)).unwrap();
        assert_eq!(trail.record_blocking(entry("one")).unwrap().index, index, "{}", name.display());
    }
    let trails: Vec<Trail> = names.iter().map(|name| Trail::open(Settings::new(name)).unwrap()).collect();
    for (index, trail) in (names.len() as u64..).zip(&trails) {
        assert_eq!(trail.record_blocking(entry("two")).unwrap().index, index);
        assert_eq!(trail.layout(), trails[0].layout());
    }
    drop(trails);
    assert_intact(&Layout::in_dir(folder.path().join("real/trail")));
}

#[test]
fn all_names_of_a_live_file_share_its_trail() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("real")).unwrap();
    symlink("real/audit.log", path("link.log")).unwrap();
    symlink("real", path("dir-link")).unwrap();
    // The link leads nowhere until there is a trail.
    drop(Trail::open(Settings::live_file(path("real/audit.log"))).unwrap());
    let names = ["real/audit.log", "link.log", "dir-link/audit.log", "real/../link.log"].map(path);
    let trails: Vec<Trail> =
        names.iter().map(|name| Trail::open(Settings::live_file(name)).unwrap()).collect();
    for (index, trail) in (0..).zip(&trails) {
        assert_eq!(trail.record_blocking(entry("x")).unwrap().index, index);
    }
    drop(trails);
    let mut found: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|name| name.unwrap().file_name()).collect();
    found.sort_unstable();
    assert_eq!(found, ["dir-link", "link.log", "real"], "nothing is made beside a link");
    assert_intact(&Layout::beside_live(path("real/audit.log")));
}

#[test]
fn the_live_file_of_a_directorys_trail_is_another_name_of_that_trail() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("trail");
    let trail = Trail::open(Settings::new(&dir)).unwrap();
    trail.record_blocking(entry("0")).unwrap();
    symlink("trail/audit.jsonl", folder.path().join("sink.log")).unwrap();
    for open in [true, false] {
        if !open {
            trail.close_blocking().unwrap();
        }
        for name in [dir.join("audit.jsonl"), folder.path().join("sink.log")] {
            let before = ids(&dir.join("audit.jsonl")).len() as u64;
            let by_file = Trail::open(Settings::live_file(&name).must_exist()).unwrap();
            assert_eq!(by_file.record_blocking(entry("x")).unwrap().index, before, "{}", name.display());
            assert_eq!(by_file.layout(), trail.layout());
        }
    }
    let strangers: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|name| name.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("audit.jsonl") && name != "audit.jsonl")
        .collect();
    assert_eq!(strangers, Vec::<String>::new(), "it was not taken for somebody else's file");
    assert_intact(&Layout::in_dir(dir));
}

/// How many threads and open files this process has.
fn threads_and_files() -> (usize, usize) {
    let count = |dir: &str| fs::read_dir(dir).unwrap().count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

/// Runs this binary again: only a process of one test can count its threads.
#[test]
fn nothing_is_left_of_a_trail_that_is_gone() {
    const ALONE: &str = "GRAVEN_TEST_COUNTS_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return count_what_is_left();
    }
    let said = another_process::again("many_trails::nothing_is_left_of_a_trail_that_is_gone", ALONE, "");
    assert!(said.contains("COUNTED"), "{said}");
}

fn count_what_is_left() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // Once before counting: what a process makes only once is no leak.
    use_in_every_way(&path("first"));
    let before = threads_and_files();
    for round in 0..10 {
        use_in_every_way(&path(&round.to_string()));
        churn(&path("churn"), 4, 4, 8);
    }
    // Threads whose last handle one of them has dropped end by themselves.
    until("threads and files of closed trails are gone", || threads_and_files() <= before);
    assert_eq!(threads_and_files(), before);
    eprintln!("COUNTED {before:?}");
}

fn use_in_every_way(dir: &Path) {
    let open = || Trail::open(Settings::new(dir).segment_bytes(1_000)).unwrap();
    let trail = open();
    trail.record_batch_blocking((0..600).map(|n| entry(&n.to_string())).collect()).unwrap();
    trail.record_blocking(entry("large").detail("x".repeat(70_000))).unwrap();
    assert_eq!(trail.entries(..).unwrap().count(), 601);
    trail.prove_blocking(3).unwrap();
    block_on(trail.checkpoint()).unwrap();
    block_on(trail.close()).unwrap();
    let again = open();
    assert_eq!(trail.record_blocking(entry("late")).unwrap_err().kind(), ErrorKind::Closed);
    drop(trail);
    // A second process would be refused the lock; where there is no trail, none is found.
    assert!(hold(&OsDisk, &again.layout().lock()).unwrap().is_none());
    assert!(Trail::open(Settings::new(dir.join("nowhere")).must_exist()).is_err());
    let other = Trail::open(Settings::new(dir.with_extension("other"))).unwrap();
    dropped_by_the_writer(other.clone(), "x", again, || {});
    let mut unfinished = Box::pin(other.record(entry("unfinished")));
    assert!(matches!(unfinished.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
    drop(other);
    drop(unfinished);
    // Waits for the one that ends by itself.
    drop(open());
    fs::write(dir.join("checkpoint"), "forged").unwrap();
    assert_eq!(Trail::open(Settings::new(dir)).unwrap_err().kind(), ErrorKind::Data);
}
