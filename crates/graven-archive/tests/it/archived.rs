//! A trail in a temporary folder, and its archive beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use graven::chain::ChainReport;
use graven::reader::Reader;
use graven::{Category, Entry, Outcome, Settings, Trail, VerifierKey};
use graven_archive::fixture::Fixture;
use graven_archive::{Address, Archive, Objects, Shipper, Status, Store, Verifying};
use graven_core::verdict::Finding;
use tempfile::TempDir;

/// A trail and its archive.
pub(crate) struct Archived {
    folder: TempDir,
}

impl Archived {
    /// A trail of this many entries, some with large details, in segments of about 256 or 512 entries, and its archive.
    pub(crate) fn new(entries: u64, fixture: &Fixture) -> Archived {
        let archived = Archived::empty();
        record(&archived.dir(), entries);
        fixture.ship(&archived.dir(), &*archived.store());
        archived
    }

    /// A folder with nothing in it.
    pub(crate) fn empty() -> Archived {
        Archived { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.path("trail")
    }

    pub(crate) fn bucket(&self) -> PathBuf {
        self.path("bucket")
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.bucket().display())
    }

    pub(crate) fn store(&self) -> Arc<Objects> {
        Arc::new(Address::parse(&self.url()).unwrap().open().unwrap())
    }

    pub(crate) fn archive(&self) -> Archive {
        Archive::open(&Address::parse(&self.url()).unwrap()).unwrap()
    }

    pub(crate) fn key(&self) -> VerifierKey {
        Reader::open(self.dir()).unwrap().meta().key.clone()
    }

    /// Verifies the archive with the key of the trail.
    pub(crate) fn verify(&self) -> ChainReport {
        let verifying = Verifying { keys: vec![self.key()], ..Verifying::default() };
        self.archive().verify(&verifying, &|_, _| ()).unwrap()
    }

    /// The names of all objects, in order.
    pub(crate) fn objects(&self) -> Vec<String> {
        let mut names = Vec::new();
        collect(&self.bucket(), "", &mut names);
        names.sort();
        names
    }

    pub(crate) fn read(&self, object: &str) -> Vec<u8> {
        fs::read(self.bucket().join(object)).unwrap()
    }

    pub(crate) fn write(&self, object: &str, bytes: &[u8]) {
        fs::write(self.bucket().join(object), bytes).unwrap();
    }

    pub(crate) fn remove(&self, object: &str) {
        fs::remove_file(self.bucket().join(object)).unwrap();
    }

    pub(crate) fn address(&self, object: &str) -> String {
        self.store().address(object)
    }

    /// The name of an object of the trail.
    pub(crate) fn object(&self, rest: &str) -> String {
        let origin = Reader::open(self.dir()).unwrap().meta().origin.clone();
        format!("{}/{rest}", origin.replace('/', "%2F"))
    }
}

/// Records entries in a new trail, and closes it.
pub(crate) fn record(dir: &Path, entries: u64) {
    let trail = Trail::open(Settings::new(dir).segment_bytes(60_000)).unwrap();
    let entry = |index: u64| {
        let detail = match index % 400 {
            7 => serde_json::json!({"text": "x".repeat(70_000), "index": index}),
            _ => serde_json::json!({"index": index}),
        };
        let entry = Entry::new(Category::ToolExecution, format!("tool:{}", index % 7), Outcome::Success);
        entry.detail(detail)
    };
    // A hundred at a time, so that segments end about where they are due.
    for first in (0..entries).step_by(100) {
        trail.record_batch_blocking((first..entries.min(first + 100)).map(entry).collect()).unwrap();
    }
    trail.close_blocking().unwrap();
}

/// The lines of a trail.
pub(crate) fn lines(reader: &Reader) -> Vec<Vec<u8>> {
    reader.entries(..).unwrap().map(|record| record.unwrap().line).collect()
}

/// The findings that accuse, as texts.
pub(crate) fn accusations(verified: &ChainReport) -> Vec<String> {
    let all = verified.before.iter().chain([verified]).flat_map(|trail| &trail.report.findings);
    all.filter(|finding| finding.verdict.accuses()).map(Finding::to_string).collect()
}

fn collect(folder: &Path, before: &str, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{before}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), names);
        } else {
            names.push(name);
        }
    }
}

/// Long enough for every wait; each ends as soon as what it waits for is there.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a shipper is as wanted.
pub(crate) fn wait(shipper: &Shipper, wanted: impl Fn(&Status) -> bool) -> Status {
    let started = Instant::now();
    loop {
        let status = shipper.status();
        if wanted(&status) {
            return status;
        }
        assert!(started.elapsed() < PATIENCE, "{status:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
