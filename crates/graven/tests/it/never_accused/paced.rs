//! A disk on which a writer takes a step every few calls of the reader: every order of the two, without chance.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use graven::disk::{Access, DirEntry, Disk, File, FileId, Lock, Metadata, Open, OsDisk};

/// The reader's disk.
#[derive(Clone)]
pub(crate) struct Paced(Arc<Mutex<Pace>>);

struct Pace {
    calls: u64,
    every: u64,
    step: Box<dyn FnMut() + Send>,
}

impl Paced {
    /// One step before each `every`-th call.
    pub(crate) fn new(every: u64, step: impl FnMut() + Send + 'static) -> Paced {
        Paced(Arc::new(Mutex::new(Pace { calls: 0, every, step: Box::new(step) })))
    }

    /// A call of the reader: the writer's step before it, and never during it.
    fn call<T>(&self, call: impl FnOnce() -> T) -> T {
        let mut pace = self.0.lock().unwrap();
        pace.calls += 1;
        if pace.calls.is_multiple_of(pace.every) {
            (pace.step)();
        }
        call()
    }
}

impl fmt::Debug for Paced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Paced")
    }
}

#[derive(Debug)]
struct PacedFile(Arc<dyn File>, Paced);

impl File for PacedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.1.call(|| self.0.read_at(buffer, offset))
    }
    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        panic!("a verification writes nothing")
    }
    fn sync_data(&self) -> io::Result<()> {
        panic!("a verification writes nothing")
    }
    fn sync_all(&self) -> io::Result<()> {
        panic!("a verification writes nothing")
    }
    fn bytes(&self) -> io::Result<u64> {
        self.1.call(|| self.0.bytes())
    }
    fn set_bytes(&self, _: u64) -> io::Result<()> {
        panic!("a verification writes nothing")
    }
    fn id(&self) -> io::Result<FileId> {
        self.1.call(|| self.0.id())
    }
}

impl Disk for Paced {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        assert_eq!(how, Open::Read, "a verification writes nothing");
        let file = self.call(|| OsDisk.open(path, how))?;
        Ok(Arc::new(PacedFile(file, self.clone())))
    }
    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        panic!("a verification writes nothing")
    }
    fn remove_file(&self, _: &Path) -> io::Result<()> {
        panic!("a verification writes nothing")
    }
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        panic!("a verification writes nothing")
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        panic!("a verification writes nothing")
    }
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.call(|| OsDisk.read_dir(path))
    }
    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.call(|| OsDisk.metadata(path))
    }
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        OsDisk.canonicalize(path)
    }
    fn number(&self) -> u64 {
        OsDisk.number()
    }
    fn open_lock(&self, _: &Path) -> io::Result<Arc<dyn Lock>> {
        panic!("a verification locks nothing")
    }
    fn user(&self) -> u32 {
        OsDisk.user()
    }
    fn set_access(&self, _: &Path, _: FileId, _: Access) -> io::Result<()> {
        panic!("a verification writes nothing")
    }
    fn unique(&self) -> String {
        panic!("a verification writes nothing")
    }
}
