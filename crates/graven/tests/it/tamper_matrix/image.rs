//! A trail on a simulated disk, of which each tampering gets a copy of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven::clock::sim::SimClock;
use graven::disk::sim::{SimDisk, Snapshot};
use graven::disk::{Disk, Open};
use graven::fsck::{self, Report, VerifyOptions};
use graven::layout::Layout;
use graven::{Category, Entry, Error, Machine, Outcome, Settings, Trail};

/// Where the verifier's memory is.
const MEMORY: &str = "/memory";

/// The size of segments: 256 entries are more than that.
const SEGMENT_BYTES: u64 = 30_000;

/// The entries with a detail in a blob: one in the first segment, one in the live file.
const BLOBS_AT: [u64; 2] = [7, 1_400];

/// The files of a trail, by the names that a report uses.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A trail as it lies on a disk.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    snapshot: Snapshot,
    layout: Layout,
}

/// A copy of an image, to be changed.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) disk: SimDisk,
    layout: Layout,
}

/// A trail that is being recorded.
#[derive(Debug)]
pub(crate) struct Growing {
    disk: SimDisk,
    settings: Settings,
    layout: Layout,
    /// From it the ids and the key follow.
    seed: u64,
}

impl Growing {
    /// One seed gives the same trail each time, with the same key.
    pub(crate) fn in_dir(seed: u64) -> Growing {
        let settings = Settings::new("/trail").origin(format!("graven.local/suite-{seed}"));
        Growing { disk: SimDisk::new(), settings, layout: Layout::in_dir("/trail"), seed }
    }

    pub(crate) fn beside_live() -> Growing {
        let disk = SimDisk::new();
        disk.create_dir("/log".as_ref()).unwrap();
        let settings = Settings::live_file("/log/x.jsonl").origin("graven.local/suite");
        Growing { disk, settings, layout: Layout::beside_live("/log/x.jsonl"), seed: 1 }
    }

    /// Opens the trail, records up to this many entries in all, and closes it.
    pub(crate) fn grow(&self, entries: u64) {
        let settings = self.settings.clone().segment_bytes(SEGMENT_BYTES);
        let trail = Trail::open_on(settings, machine(&self.disk, self.seed)).unwrap();
        while trail.len() < entries {
            let upto = entries.min(trail.len() + 100);
            trail.record_batch_blocking((trail.len()..upto).map(entry).collect()).unwrap();
        }
        trail.close_blocking().unwrap();
    }

    pub(crate) fn image(&self) -> Image {
        Image { snapshot: self.disk.snapshot(), layout: self.layout.clone() }
    }
}

fn entry(index: u64) -> Entry {
    let entry = Entry::new(Category::Api, format!("GET /{index}"), Outcome::Success);
    if BLOBS_AT.contains(&index) { entry.detail(format!("{index}").repeat(70_000)) } else { entry }
}

fn machine(disk: &SimDisk, seed: u64) -> Machine {
    Machine { disk: Arc::new(disk.clone()), clock: Arc::new(SimClock::new(seed)) }
}

impl Image {
    pub(crate) fn copy(&self) -> Copy {
        Copy { disk: self.snapshot.restart(), layout: self.layout.clone() }
    }

    /// An image with changes.
    pub(crate) fn changed(&self, change: impl FnOnce(&Copy)) -> Image {
        let copy = self.copy();
        change(&copy);
        Image { snapshot: copy.disk.snapshot(), layout: self.layout.clone() }
    }

    pub(crate) fn files(&self) -> Files {
        self.copy().files()
    }
}

impl Copy {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let live = self.layout.live();
        if live.file_name().is_some_and(|live| live == name) {
            live.to_owned()
        } else {
            self.layout.dir().join(name)
        }
    }

    pub(crate) fn files(&self) -> Files {
        let named = |path: &PathBuf| match path.strip_prefix(self.layout.dir()) {
            Ok(name) => Some(name.to_str()?.to_owned()),
            Err(_) if path == self.layout.live() => Some(path.file_name()?.to_str()?.to_owned()),
            Err(_) => None,
        };
        let files = self.disk.files();
        let named = files.iter().filter_map(|path| Some((named(path)?, self.disk.contents(path).unwrap())));
        named.collect()
    }

    pub(crate) fn get(&self, name: &str) -> Vec<u8> {
        self.disk.contents(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Writes a file, whether it is there or not.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        if !self.disk.files().contains(&path) {
            self.make_dirs(path.parent().unwrap());
            self.disk.open(&path, Open::CreateNew).unwrap();
        }
        self.disk.tamper(&path, |there| *there = bytes.to_vec()).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        self.disk.remove_file(&self.path(name)).unwrap();
    }

    /// Makes all files those of another trail or state.
    pub(crate) fn become_like(&self, files: &Files) {
        for name in self.files().keys().filter(|name| !files.contains_key(*name)) {
            self.remove(name);
        }
        files.iter().for_each(|(name, bytes)| self.put(name, bytes));
    }

    fn make_dirs(&self, dir: &Path) {
        if self.disk.metadata(dir).is_err() {
            self.make_dirs(dir.parent().unwrap());
            self.disk.create_dir(dir).unwrap();
        }
    }

    pub(crate) fn verify(&self, remembering: bool) -> Result<Report, Error> {
        let state = remembering.then(|| MEMORY.into());
        let options = VerifyOptions { state, ..VerifyOptions::default() };
        fsck::verify(&machine(&self.disk, 3), &self.layout, &options, &|_, _| ())
    }

    pub(crate) fn open(&self) -> Result<Trail, Error> {
        let in_dir = self.layout.live().starts_with(self.layout.dir());
        let settings =
            if in_dir { Settings::new(self.layout.dir()) } else { Settings::live_file(self.layout.live()) };
        Trail::open_on(settings, machine(&self.disk, 3))
    }
}
