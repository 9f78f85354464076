//! A trail is shipped while it grows: what lies in the archive, who may go on, and what acknowledges.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use graven::reader::Reader;
use graven::{Category, Entry, Outcome, Settings, Trail};
use graven_archive::{Address, ShipOptions, Shipper, State};
use tempfile::TempDir;

use crate::archived::{PATIENCE, wait};

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    fn dir(&self) -> std::path::PathBuf {
        self.folder.path().join("trail")
    }

    fn bucket(&self) -> std::path::PathBuf {
        self.folder.path().join("bucket")
    }

    fn address(&self) -> Address {
        Address::parse(&format!("file://{}", self.bucket().display())).unwrap()
    }

    /// A trail with small segments.
    fn trail(&self) -> Trail {
        Trail::open(Settings::new(self.dir()).segment_bytes(64 << 10)).unwrap()
    }

    fn ship(&self, dir: &Path, name: &str) -> Shipper {
        let mut options = ShipOptions::new(name);
        options.every = Duration::from_millis(100);
        Shipper::start(Reader::open(dir).unwrap(), &self.address(), options).unwrap()
    }

    /// The objects below the origin, by their names.
    fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let mut objects = BTreeMap::new();
        let mut folders = vec![self.bucket()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    let name = entry.path().strip_prefix(self.bucket()).unwrap().display().to_string();
                    objects.insert(name, fs::read(entry.path()).unwrap());
                }
            }
        }
        objects
    }
}

fn record(trail: &Trail, count: u64) {
    let entry = |i| {
        Entry::new(Category::ToolExecution, "tool:bash", Outcome::Success)
            .principal("alice@example.com")
            .detail(serde_json::json!({"number": i, "command": "make -j2 all"}))
    };
    trail.record_batch_blocking((0..count).map(entry).collect()).unwrap();
}

#[test]
fn all_that_is_sealed_is_in_the_archive() {
    let place = Place::new();
    let trail = place.trail();
    record(&trail, 3_000);
    let shipper = place.ship(&place.dir(), "first");
    wait(&shipper, |status| status.shipped >= 3_000);
    record(&trail, 500);
    trail.close_blocking().unwrap();
    let status = shipper.stop();
    assert!(matches!(status.state, State::Stopped), "{status:?}");
    assert_eq!((status.shipped, status.lag.entries), (3_500, 0));

    let objects = place.objects();
    let reader = Reader::open(place.dir()).unwrap();
    let origin = reader.meta().origin.replace('/', "%2F");
    let (checkpoint, note) = reader.checkpoint().unwrap();
    assert_eq!(checkpoint.size, 3_500);
    assert_eq!(objects["origin"], format!("{}\n", reader.meta().origin).as_bytes());
    assert_eq!(objects[&format!("{origin}/checkpoint")], note.as_bytes());
    assert!(objects.contains_key(&format!("{origin}/closed/0")));
    // Full tiles: 13 of leaves, none above.
    let tiles: Vec<_> = objects.keys().filter(|name| name.contains("/tile/")).collect();
    assert_eq!(tiles.len(), 13, "{tiles:?}");
    let leaves = fs::read(place.dir().join("tiles/0")).unwrap();
    assert_eq!(objects[&format!("{origin}/tile/0/012")], leaves[12 * 8192..13 * 8192]);
    // Every closed segment, each with what it was.
    let mut number = 0;
    while let Some(span) = objects.get(&format!("{origin}/segments/{number}")) {
        let span = String::from_utf8(span.clone()).unwrap();
        let span = span.trim();
        let (first, end) = span.split_once('-').unwrap();
        let packed = &objects[&format!("{origin}/segments/{span}.jsonl.zst")];
        let lines =
            fs::read(place.dir().join(format!("segments/{:020}.jsonl", first.parse::<u64>().unwrap())));
        assert_eq!(zstd::decode_all(&packed[..]).unwrap(), lines.unwrap());
        let boundary = fs::read(place.dir().join("checkpoints").join(end)).unwrap();
        assert_eq!(objects[&format!("{origin}/boundaries/{end}")], boundary);
        number += 1;
    }
    assert_eq!(number, fs::read_dir(place.dir().join("segments")).unwrap().count());
    assert!(number > 3, "{number}");
}

#[test]
fn a_restart_goes_on_and_a_copy_of_the_machine_is_fenced() {
    let place = Place::new();
    let trail = place.trail();
    record(&trail, 1_000);
    let first = place.ship(&place.dir(), "first");
    wait(&first, |status| status.shipped >= 1_000);
    assert!(matches!(first.stop().state, State::Stopped));

    // A copy of the disk, as it is now.
    let copy = place.folder.path().join("copy");
    trail.close_blocking().unwrap();
    copy_folder(&place.dir(), &copy);
    let trail = place.trail();

    let again = place.ship(&place.dir(), "again");
    record(&trail, 100);
    let status = wait(&again, |status| status.shipped >= 1_100);
    assert_eq!(status.epoch, Some(1));

    let other = Trail::open(Settings::new(&copy)).unwrap();
    record(&other, 10);
    let fenced = place.ship(&copy, "copy");
    let status = wait(&fenced, |status| matches!(status.state, State::Fenced(_)));
    let State::Fenced(by) = &status.state else { unreachable!() };
    assert!(by.other.contains("\"again\", epoch 1"), "{by}");
    // 1,000 entries are the same, then each has recorded its own.
    assert_eq!(by.first_differing, Some(1_000), "{by}");
    // It records on.
    record(&other, 10);
    drop(fenced);
    // And the one that holds the epoch ships on.
    record(&trail, 100);
    wait(&again, |status| status.shipped >= 1_200);
}

#[test]
fn a_writer_looks_again_whether_an_epoch_is_given_back() {
    let place = Place::new();
    let trail = place.trail();
    record(&trail, 3);
    let shipper = place.ship(&place.dir(), "first");
    wait(&shipper, |status| status.shipped == 3);
    let origin = Reader::open(place.dir()).unwrap().meta().origin.clone();
    let below = place.bucket().join(origin.replace('/', "%2F"));
    // Another writer takes the next epoch.
    let mut epoch: serde_json::Value =
        serde_json::from_slice(&fs::read(below.join("epochs/0")).unwrap()).unwrap();
    (epoch["epoch"], epoch["id"], epoch["name"]) = (1.into(), "f".repeat(32).into(), "other".into());
    fs::write(below.join("epochs/1"), format!("{epoch}\n")).unwrap();
    record(&trail, 3);
    std::thread::sleep(Duration::from_millis(500));
    let status = shipper.status();
    assert!(status.shipped == 3 && !matches!(status.state, State::Fenced(_)), "{status:?}");
    // It finds that its trail is another one.
    fs::create_dir(below.join("heads/1")).unwrap();
    fs::write(below.join("heads/1/0"), "end\n").unwrap();
    let status = wait(&shipper, |status| status.shipped == 6);
    assert_eq!(status.epoch, Some(2));
}

#[test]
fn a_take_over_that_fails_forgets_no_epoch_that_this_writer_holds() {
    let place = Place::new();
    let trail = place.trail();
    record(&trail, 3);
    place.ship(&place.dir(), "first").stop();
    // Its creation had no answer, so that it is only a try.
    let state = place.dir().join("archive/state.json");
    let text = fs::read_to_string(&state).unwrap();
    let as_try = text.replace("\"taken\":{", "\"tried\":[{").replace("}}", "}]}");
    assert!(as_try != text && serde_json::from_str::<serde_json::Value>(&as_try).is_ok(), "{as_try}");
    fs::write(&state, as_try).unwrap();
    // The next epoch cannot be created.
    let origin = Reader::open(place.dir()).unwrap().meta().origin.clone();
    let next = place.bucket().join(origin.replace('/', "%2F")).join("epochs/1");
    fs::create_dir(&next).unwrap();
    let mut options = ShipOptions::new("first");
    options.take_over = true;
    let failing = Shipper::start(Reader::open(place.dir()).unwrap(), &place.address(), options).unwrap();
    wait(&failing, |status| matches!(status.state, State::Failing { .. }));
    drop(failing);
    fs::remove_dir(&next).unwrap();
    record(&trail, 3);
    wait(&place.ship(&place.dir(), "first"), |status| status.shipped == 6);
}

#[test]
fn two_with_the_same_memory_one_goes_on() {
    for _ in 0..5 {
        let place = Place::new();
        let trail = place.trail();
        record(&trail, 300);
        let first = place.ship(&place.dir(), "first");
        wait(&first, |status| status.shipped >= 300);
        first.stop();
        trail.close_blocking().unwrap();
        let copy = place.folder.path().join("copy");
        copy_folder(&place.dir(), &copy);
        let before = place.objects();
        let trails = [place.trail(), Trail::open(Settings::new(&copy)).unwrap()];
        let shippers = [place.ship(&place.dir(), "one"), place.ship(&copy, "two")];
        trails.iter().for_each(|trail| record(trail, 700));
        let started = Instant::now();
        loop {
            let states = shippers.each_ref().map(|shipper| shipper.status());
            let fenced = states.iter().filter(|status| matches!(status.state, State::Fenced(_))).count();
            let whole = states.iter().filter(|status| status.shipped >= 1_000).count();
            if (fenced, whole) == (1, 1) {
                break;
            }
            assert!(fenced < 2 && whole < 2 && started.elapsed() < PATIENCE, "{states:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        let after = place.objects();
        for (name, bytes) in before.iter().filter(|(name, _)| !name.ends_with("/checkpoint")) {
            assert_eq!(after.get(name), Some(bytes), "{name}");
        }
    }
}

#[test]
fn an_entry_is_acknowledged_by_a_head() {
    let place = Place::new();
    let trail = place.trail();
    let shipper = place.ship(&place.dir(), "first");
    for _ in 0..5 {
        record(&trail, 1);
        let index = trail.len() - 1;
        block_on(shipper.shipped(index)).unwrap();
        let head =
            place.objects().into_iter().filter(|(name, _)| name.contains("/heads/")).any(|(_, note)| {
                String::from_utf8(note).unwrap().lines().nth(1).unwrap().parse::<u64>().unwrap() > index
            });
        assert!(head, "no head covers entry {index}");
    }
}

#[test]
fn an_archive_that_was_emptied_acknowledges_nothing() {
    let place = Place::new();
    let trail = place.trail();
    record(&trail, 3);
    let shipper = place.ship(&place.dir(), "first");
    wait(&shipper, |status| status.shipped == 3);
    // As when the disk of the folder is not mounted any more.
    let away = place.folder.path().join("away");
    fs::rename(place.bucket(), &away).unwrap();
    record(&trail, 3);
    let is_gone =
        |state: &State| matches!(state, State::Failing { error, .. } if error.chain().contains("is gone"));
    let status = wait(&shipper, |status| is_gone(&status.state));
    assert_eq!(status.shipped, 3);
    // And when it is there again, it goes on.
    if place.bucket().exists() {
        fs::remove_dir_all(place.bucket()).unwrap();
    }
    fs::rename(&away, place.bucket()).unwrap();
    wait(&shipper, |status| status.shipped == 6);
}

#[test]
fn another_trail_is_refused_at_the_same_prefix() {
    let place = Place::new();
    let trail = place.trail();
    record(&trail, 3);
    place.ship(&place.dir(), "first").stop();
    let other = place.folder.path().join("other");
    record(&Trail::open(Settings::new(&other)).unwrap(), 3);
    let status = wait(&place.ship(&other, "other"), |status| matches!(status.state, State::Refused(_)));
    let State::Refused(error) = status.state else { unreachable!() };
    assert!(error.to_string().contains("holds another trail"), "{error}");
}

fn block_on<F: Future>(future: F) -> F::Output {
    struct Wake(std::thread::Thread);
    impl std::task::Wake for Wake {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Wake(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::park_timeout(PATIENCE);
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
