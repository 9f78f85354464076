//! A closed trail that is damaged, verified and put right again, many times over.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use graven::fsck::{self, Report, VerifyOptions};
use graven::layout::Layout;
use graven::{Category, Entry, Machine, Outcome, Settings, Trail};
use graven_core::verdict::{Finding, Verdict};

/// A trail, and its files as they were when it was closed.
pub(crate) struct Specimen {
    folder: tempfile::TempDir,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// Where a line lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) index: u64,
    pub(crate) file: String,
    pub(crate) start: usize,
    /// The place of its newline.
    pub(crate) end: usize,
}

impl Specimen {
    /// A trail of `entries` small entries, in segments of about `segment_bytes`.
    pub(crate) fn new(entries: u64, segment_bytes: u64) -> Specimen {
        let folder = tempfile::tempdir().unwrap();
        record(folder.path(), entries, segment_bytes);
        Specimen::of(folder)
    }

    /// The trail that lies in a folder.
    pub(crate) fn of(folder: tempfile::TempDir) -> Specimen {
        let files = read_tree(folder.path());
        Specimen { folder, files }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn bytes(&self, name: &str) -> &[u8] {
        &self.files[name]
    }

    /// The names of the files in a folder of the trail.
    pub(crate) fn names_in(&self, folder: &str) -> Vec<String> {
        self.files.keys().filter(|name| name.starts_with(folder)).cloned().collect()
    }

    /// Writes a file, or removes it.
    pub(crate) fn put(&self, name: &str, bytes: Option<&[u8]>) {
        let path = self.path().join(name);
        match bytes {
            Some(bytes) => fs::write(path, bytes).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
    }

    /// Puts these files, verifies, and puts everything back.
    pub(crate) fn with(&self, changes: &[(&str, Option<Vec<u8>>)]) -> Report {
        for (name, bytes) in changes {
            self.put(name, bytes.as_deref());
        }
        let report = verify(self.path());
        for (name, _) in changes {
            match self.files.get(*name) {
                Some(bytes) => self.put(name, Some(bytes)),
                None if self.path().join(name).exists() => self.put(name, None),
                None => {}
            }
        }
        report
    }

    /// Verifies with one file changed, and puts it back.
    pub(crate) fn changed(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Report {
        let mut bytes = self.files[name].clone();
        change(&mut bytes);
        self.with(&[(name, Some(bytes))])
    }

    /// All lines of all segments.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for file in self.names_in("segments/").into_iter().chain(["audit.jsonl".to_owned()]) {
            let mut start = 0;
            for (end, _) in self.files[&file].iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
                lines.push(Line { index: lines.len() as u64, file: file.clone(), start, end });
                start = end + 1;
            }
        }
        lines
    }
}

fn record(dir: &Path, entries: u64, segment_bytes: u64) {
    let trail = Trail::open(Settings::new(dir).segment_bytes(segment_bytes)).unwrap();
    while trail.len() < entries {
        let count = (entries - trail.len()).min(256);
        let next = |n| Entry::new(Category::Api, format!("GET /{n}"), Outcome::Success);
        trail.record_batch_blocking((0..count).map(|n| next(trail.len() + n)).collect()).unwrap();
    }
    trail.close_blocking().unwrap();
}

/// The content of every file under a folder, by relative name; the lock and the keys are left out.
pub(crate) fn read_tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(relative) = folders.pop() {
        for entry in fs::read_dir(folder.join(&relative)).unwrap() {
            let entry = entry.unwrap();
            let name = relative.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.push(name);
            } else if name != Path::new("LOCK") && !name.starts_with("keys") {
                let bytes = fs::read(entry.path()).unwrap();
                files.insert(name.to_str().unwrap().to_owned(), bytes);
            }
        }
    }
    files
}

/// Verifies a trail without a memory.
pub(crate) fn verify(dir: &Path) -> Report {
    verify_with(dir, &VerifyOptions::default())
}

/// Verifies a trail.
pub(crate) fn verify_with(dir: &Path, options: &VerifyOptions) -> Report {
    fsck::verify(&Machine::os(), &Layout::in_dir(dir), options, &|_, _| ()).unwrap()
}

/// What a finding says, without its words.
pub(crate) type Place = (Verdict, Option<u64>, Option<u64>, Option<String>, Option<u64>);

/// A finding about one entry or the first of many.
pub(crate) fn place(finding: &Finding) -> Place {
    (finding.verdict, finding.index, finding.last, finding.file.clone(), finding.offset)
}

pub(crate) fn places(report: &Report) -> Vec<Place> {
    report.findings.iter().map(place).collect()
}

/// The place of one line.
pub(crate) fn at(verdict: Verdict, line: &Line) -> Place {
    (verdict, Some(line.index), None, Some(line.file.clone()), Some(line.start as u64))
}
