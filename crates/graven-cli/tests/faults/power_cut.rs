//! Power cuts: the calls of a real run are replayed on a simulated disk that may lose everything not synced, and the
//! binary opens what is left.
//!
//! The calls, with every written byte, come from strace. After each call the simulated disk lists what a power cut
//! could leave (see its module `crash`): each file keeps nothing, everything, a prefix or some blocks of what was not
//! synced, and each name that was not synced with its directory exists or not. Each such image is written as real files,
//! and must have every entry that was acknowledged before that moment.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use graven::disk::sim::{SimDisk, Snapshot};
use graven::disk::{Disk, File, Kind, Open};

use crate::judge::{Known, PANIC, copy};
use crate::report::Table;
use crate::scenario::{Doing, Ran, Scenario, Who};
use crate::system_calls::scenarios;
use crate::trace::Call;
use crate::workload::Told;
use crate::{full, sample};

/// The most images of one moment.
const PER_MOMENT: usize = 40;
const PER_MOMENT_IN_FULL: usize = 400;

/// How many images of one run are opened, unless all are.
const PER_RUN: usize = 120;

/// The disk after a call, and the answers until then.
struct Moment {
    snapshot: Snapshot,
    /// A description of the call.
    after: String,
    known: Known,
}

/// One image: a moment, and one of its possible outcomes.
struct Image<'a> {
    moment: &'a Moment,
    disk: SimDisk,
    /// A description of what was kept.
    choice: String,
}

#[test]
fn what_was_acknowledged_survives_a_power_cut_at_any_call() {
    let bases = tempfile::tempdir().unwrap();
    let mut table = Table::default();
    for scenario in &scenarios(bases.path()) {
        let ran = scenario.run(Who::Others, None);
        assert_eq!(ran.ended.code, Some(0), "{}: {}", scenario.name, ran.ended.stderr);
        let moments = replay(scenario, &ran, |_| true);
        assert_eq!(
            moments.last().unwrap().known.told.answers,
            ran.known.told.answers,
            "each answer was traced"
        );
        let images = images(&moments, if full() { usize::MAX } else { PER_RUN });
        println!("{}: {} calls, {} images", scenario.name, moments.len(), images.len());
        open_all(scenario, &ran.place.folder, &images, &mut table);
    }
    table.conclude("run");
}

/// The check must be able to fail: without one kind of sync, the same run loses entries.
#[test]
fn a_missing_sync_is_noticed() {
    let bases = tempfile::tempdir().unwrap();
    let scenarios = scenarios(bases.path());
    let scenario = scenarios.iter().find(|scenario| scenario.name == "record").unwrap();
    let ran = scenario.run(Who::Others, None);
    let of_directory = |call: &Call| call.name == "fsync" && call.path().is_some_and(|path| path.is_dir());
    for what in ["the data", "the directories"] {
        let forgotten = |call: &Call| match what {
            "the data" => call.name == "fdatasync",
            _ => of_directory(call),
        };
        let moments = replay(scenario, &ran, |call| !forgotten(call));
        let mut table = Table::default();
        open_all(scenario, &ran.place.folder, &images(&moments, PER_RUN), &mut table);
        let sum = table.sum();
        println!("without a sync of {what}: {sum:?}");
        assert!(sum.lost > 0, "no check noticed that {what} were not synced: {sum:?}");
        // Even when much is lost, the verifier gives a verdict and does not panic.
        let panics: Vec<_> = table.examples().iter().filter(|example| example.contains(PANIC)).collect();
        assert!(panics.is_empty(), "{panics:#?}");
    }
}

/// Replays the wanted calls on a simulated disk, in their order.
fn replay(scenario: &Scenario, ran: &Ran, wanted: impl Fn(&Call) -> bool) -> Vec<Moment> {
    let disk = SimDisk::new();
    make_dirs(&disk, &ran.place.folder);
    if let Some(base) = &scenario.base {
        load(&disk, base, &ran.place.folder);
    }
    let mut replay = Replay { disk, open: HashMap::new() };
    let mut known = Known { told: Told::default(), created: false, ..ran.known.clone() };
    let mut moments = Vec::new();
    for call in in_order(&ran.calls) {
        if call.name == "write" && call.fd(0) == 1 {
            hear(scenario, call.bytes(1), &mut known);
        } else if !call.worked() || !wanted(call) || !replay.apply(call) {
            continue;
        }
        let path = call.path().map_or_else(String::new, |path| path.display().to_string());
        let after = format!("after line {}: {} {path}", call.ended, call.name);
        moments.push(Moment { snapshot: replay.disk.snapshot(), after, known: known.clone() });
    }
    moments
}

fn hear(scenario: &Scenario, bytes: &[u8], known: &mut Known) {
    match scenario.doing {
        Doing::Init => known.created = true,
        Doing::Repair => {}
        Doing::Record | Doing::Feed(_) => {
            for line in std::str::from_utf8(bytes).unwrap().lines() {
                known.told.hear(line, &known.asked);
            }
        }
    }
}

/// The calls in the order in which they took effect. Where the order is not known, the weakest one is taken: an answer
/// counts from its beginning; a descriptor is gone when its close begins; a sync covers nothing that was changed while
/// it ran.
fn in_order(calls: &[Call]) -> Vec<&Call> {
    let mut ordered: Vec<(usize, &Call)> = calls
        .iter()
        .map(|call| {
            let early = match call.name.as_str() {
                "write" | "close" => true,
                "fsync" | "fdatasync" => changed_during(call, calls),
                _ => false,
            };
            (if early { call.begun } else { call.ended }, call)
        })
        .collect();
    ordered.sort_by_key(|(place, _)| *place);
    ordered.into_iter().map(|(_, call)| call).collect()
}

/// Whether another thread changed the file, or a name in the directory, while it was being synced.
fn changed_during(sync: &Call, calls: &[Call]) -> bool {
    let synced = sync.path().expect("a sync is of something");
    let touches = |path: &Path| path == synced || path.parent() == Some(synced);
    let between =
        |call: &&Call| call.ended > sync.begun && call.ended < sync.ended && call.thread != sync.thread;
    let changes = |call: &&Call| !matches!(call.name.as_str(), "fsync" | "fdatasync" | "close");
    calls.iter().filter(between).filter(changes).any(|call| call.paths().any(touches))
}

/// A disk on which the calls of a trace are replayed.
struct Replay {
    disk: SimDisk,
    /// The file of each descriptor. `Err` for a directory.
    open: HashMap<i64, Result<Arc<dyn File>, PathBuf>>,
}

impl Replay {
    /// Replays a successful call. Returns whether it could have changed anything.
    fn apply(&mut self, call: &Call) -> bool {
        match call.name.as_str() {
            "openat" => return self.open_again(call),
            "close" => drop(self.open.remove(&call.fd(0))),
            "pwrite64" => {
                let written = usize::try_from(call.returned.unwrap()).unwrap();
                let file = self.file(call);
                assert_eq!(file.write_at(&call.bytes(1)[..written], call.number(3)).unwrap(), written);
                return true;
            }
            "ftruncate" => self.file(call).set_bytes(call.number(1)).unwrap(),
            "fsync" | "fdatasync" => match self.open.get(&call.fd(0)) {
                Some(Ok(file)) => file.sync_all().unwrap(),
                Some(Err(dir)) => self.disk.sync_dir(dir).unwrap(),
                None => panic!("a sync of a descriptor that was never opened: {call:?}"),
            },
            "mkdir" => self.disk.create_dir(as_path(call, 0)).unwrap(),
            "rename" => self.disk.rename(as_path(call, 0), as_path(call, 1)).unwrap(),
            "unlink" => self.disk.remove_file(as_path(call, 0)).unwrap(),
            "read" | "pread64" | "statx" | "fstat" | "newfstatat" | "getdents64" | "readlink" | "flock"
            | "access" | "fchmod" => return false,
            other => panic!("this replay does not know {other}: {call:?}"),
        }
        call.name != "close"
    }

    fn open_again(&mut self, call: &Call) -> bool {
        let path = as_path(call, 1);
        let flags: Vec<&str> = call.flags(2).split('|').collect();
        let creates = flags.contains(&"O_CREAT");
        if !creates && self.disk.metadata(path).is_err() {
            // Not of the trail: a library, or a file of the system.
            assert!(!flags.contains(&"O_RDWR") && !flags.contains(&"O_WRONLY"), "{call:?}");
            return false;
        }
        assert!(!flags.contains(&"O_TRUNC") && !flags.contains(&"O_APPEND"), "{call:?}");
        let is_dir = self.disk.metadata(path).is_ok_and(|metadata| metadata.kind == Kind::Dir);
        let opened = if is_dir {
            Err(path.to_owned())
        } else {
            let how = match (creates, flags.contains(&"O_EXCL"), flags.contains(&"O_RDONLY")) {
                (true, true, _) => Open::CreateNew,
                (true, false, _) => Open::Create,
                (false, _, true) => Open::Read,
                (false, _, false) => Open::Write,
            };
            Ok(self.disk.open(path, how).unwrap())
        };
        self.open.insert(call.returned.unwrap(), opened);
        creates
    }

    fn file(&self, call: &Call) -> &Arc<dyn File> {
        match self.open.get(&call.fd(0)) {
            Some(Ok(file)) => file,
            _ => panic!("a write to a descriptor that was never opened: {call:?}"),
        }
    }
}

fn as_path(call: &Call, place: usize) -> &Path {
    Path::new(std::str::from_utf8(call.bytes(place)).unwrap())
}

/// Creates a directory and its parents, and syncs them.
fn make_dirs(disk: &SimDisk, dir: &Path) {
    graven::durable::create_dir_all(disk, dir).unwrap();
}

/// Copies real files to the simulated disk, and syncs them.
fn load(disk: &SimDisk, from: &Path, to: &Path) {
    make_dirs(disk, to);
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let copied = to.join(entry.file_name());
        if entry.path().is_dir() {
            load(disk, &entry.path(), &copied);
        } else {
            let bytes = std::fs::read(entry.path()).unwrap();
            graven::durable::write_whole(disk, &copied, &bytes).unwrap();
        }
    }
    disk.sync_dir(to).unwrap();
}

/// Writes the files of a simulated disk as real files.
fn unload(disk: &SimDisk, from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in disk.read_dir(from).unwrap() {
        let (path, written) = (from.join(&entry.name), to.join(&entry.name));
        match entry.metadata.kind {
            Kind::Dir => unload(disk, &path, &written),
            _ => std::fs::write(written, disk.contents(path).unwrap()).unwrap(),
        }
    }
}

/// What power cuts can leave at the moments of a run, without duplicates.
fn images(moments: &[Moment], most: usize) -> Vec<Image<'_>> {
    let per_moment = if full() { PER_MOMENT_IN_FULL } else { PER_MOMENT };
    let mut seen = BTreeMap::new();
    for (number, moment) in moments.iter().enumerate() {
        for choice in moment.snapshot.crash_choices(per_moment, number as u64) {
            let disk = moment.snapshot.crash(&choice);
            let said = (moment.known.told.answers, moment.known.created);
            seen.entry((disk.snapshot().digest(), said)).or_insert((number, disk, format!("{choice:?}")));
        }
    }
    let mut images: Vec<_> = seen.into_values().collect();
    images.sort_by_key(|(number, _, _)| *number);
    let images =
        images.into_iter().map(|(number, disk, choice)| Image { moment: &moments[number], disk, choice });
    sample(images.collect(), most)
}

/// Writes each image as real files, opens it with the binary, and judges. `from` is the run's folder in the image.
fn open_all(scenario: &Scenario, from: &Path, images: &[Image<'_>], table: &mut Table) {
    let table = Mutex::new(table);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                // One folder for all images, so that the verifier remembers the trail.
                let folder = tempfile::tempdir().unwrap();
                let place = scenario.place(folder.path());
                let remembered = tempfile::tempdir().unwrap();
                if let Some(base) = &scenario.base.as_ref().filter(|_| scenario.doing != Doing::Init) {
                    copy(base, &place.folder);
                    place.verdict().unwrap();
                    let memory = place.folder.join("memory");
                    if memory.exists() {
                        copy(&memory, &remembered.path().join("memory"));
                    }
                }
                while let Some(image) = images.get(next.fetch_add(1, Ordering::Relaxed)) {
                    std::fs::remove_dir_all(&place.folder).unwrap();
                    unload(&image.disk, from, &place.folder);
                    copy(remembered.path(), &place.folder);
                    let wrong = place.judge(&image.moment.known);
                    let acknowledged = image.moment.known.acknowledged();
                    let at = format!("{}, {}", image.moment.after, image.choice);
                    table.lock().unwrap().add(scenario.name, "power cut", acknowledged, &at, &wrong);
                }
            });
        }
    });
}
