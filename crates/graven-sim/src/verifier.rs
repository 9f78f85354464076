//! The verifier, on its own machine: it sees the disk of the trail without faults, and has its memory on another disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven::disk::sim::SimDisk;
use graven::disk::{Access, DirEntry, Disk, File, FileId, Lock, Metadata, Open};
use graven::fsck::{self, Report, VerifyOptions};
use graven::layout::Layout;
use graven::{Error, Machine};

use crate::clock::FaultyClock;

/// Where the memory is.
const MEMORY: &str = "/memory-of-the-verifier";

/// A verifier with a memory.
#[derive(Debug)]
pub(crate) struct Verifier {
    memory: SimDisk,
    clock: FaultyClock,
}

impl Verifier {
    pub(crate) fn new(clock: FaultyClock) -> Verifier {
        Verifier { memory: SimDisk::new(), clock }
    }

    /// Verifies a trail, and remembers what was accepted.
    pub(crate) fn verify(&self, disk: &SimDisk, layout: &Layout) -> Result<Report, Error> {
        let disk = TwoDisks { trail: disk.clone(), memory: self.memory.clone() };
        let machine = Machine { disk: Arc::new(disk), clock: Arc::new(self.clock.clone()) };
        let options = VerifyOptions { state: Some(MEMORY.into()), ..VerifyOptions::default() };
        fsck::verify(&machine, layout, &options, &|_, _| {})
    }
}

/// The disk of the trail, with the disk of the memory mounted in it.
#[derive(Debug)]
struct TwoDisks {
    trail: SimDisk,
    memory: SimDisk,
}

impl TwoDisks {
    fn of(&self, path: &Path) -> &SimDisk {
        if path.starts_with(MEMORY) { &self.memory } else { &self.trail }
    }
}

impl Disk for TwoDisks {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        self.of(path).open(path, how)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.of(from).rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.of(path).remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.of(path).create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.of(path).sync_dir(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.of(path).read_dir(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.of(path).metadata(path)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.of(path).canonicalize(path)
    }

    fn number(&self) -> u64 {
        self.trail.number()
    }

    fn open_lock(&self, path: &Path) -> io::Result<Arc<dyn Lock>> {
        self.of(path).open_lock(path)
    }

    fn user(&self) -> u32 {
        self.trail.user()
    }

    fn set_access(&self, path: &Path, id: FileId, access: Access) -> io::Result<()> {
        self.of(path).set_access(path, id, access)
    }

    fn unique(&self) -> String {
        self.trail.unique()
    }
}
