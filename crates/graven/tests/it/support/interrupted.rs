//! The system's disk, with something happening just before a chosen call of it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use graven::disk::{Access, DirEntry, Disk, File, FileId, Lock, Metadata, Open, OsDisk};

/// Passes every call on to the system; before one of them, somebody else acts.
#[derive(Debug, Default)]
pub(crate) struct Interrupted {
    next: Arc<Mutex<Option<Interruption>>>,
}

struct Interruption {
    /// How many calls there are until then, that one included.
    calls: u32,
    act: Box<dyn FnOnce() + Send>,
}

impl std::fmt::Debug for Interruption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Interruption at call {}", self.calls)
    }
}

impl Interrupted {
    /// Acts just before the `calls`-th call from now on.
    pub(crate) fn at_call(&self, calls: u32, act: impl FnOnce() + Send + 'static) {
        *self.next.lock().unwrap() = Some(Interruption { calls, act: Box::new(act) });
    }

    /// Whether it has acted. In both cases it will not act any more.
    pub(crate) fn is_done(&self) -> bool {
        self.next.lock().unwrap().take().is_none()
    }
}

fn count(next: &Mutex<Option<Interruption>>) {
    let mut next = next.lock().unwrap();
    if let Some(mut interruption) = next.take() {
        interruption.calls -= 1;
        match interruption.calls {
            0 => (interruption.act)(),
            _ => *next = Some(interruption),
        }
    }
}

#[derive(Debug)]
struct InterruptedFile {
    file: Arc<dyn File>,
    next: Arc<Mutex<Option<Interruption>>>,
}

impl Disk for Interrupted {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        count(&self.next);
        Ok(Arc::new(InterruptedFile { file: OsDisk.open(path, how)?, next: Arc::clone(&self.next) }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        count(&self.next);
        OsDisk.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        count(&self.next);
        OsDisk.remove_file(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        count(&self.next);
        OsDisk.create_dir(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        count(&self.next);
        OsDisk.sync_dir(path)
    }
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        count(&self.next);
        OsDisk.read_dir(path)
    }
    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        count(&self.next);
        OsDisk.metadata(path)
    }
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        count(&self.next);
        OsDisk.canonicalize(path)
    }
    fn number(&self) -> u64 {
        OsDisk.number()
    }
    fn open_lock(&self, path: &Path) -> io::Result<Arc<dyn Lock>> {
        count(&self.next);
        OsDisk.open_lock(path)
    }
    fn user(&self) -> u32 {
        OsDisk.user()
    }
    fn set_access(&self, path: &Path, id: FileId, access: Access) -> io::Result<()> {
        count(&self.next);
        OsDisk.set_access(path, id, access)
    }
    fn unique(&self) -> String {
        OsDisk.unique()
    }
}

impl File for InterruptedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        count(&self.next);
        self.file.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        count(&self.next);
        self.file.write_at(bytes, offset)
    }
    fn sync_data(&self) -> io::Result<()> {
        count(&self.next);
        self.file.sync_data()
    }
    fn sync_all(&self) -> io::Result<()> {
        count(&self.next);
        self.file.sync_all()
    }
    fn bytes(&self) -> io::Result<u64> {
        count(&self.next);
        self.file.bytes()
    }
    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        count(&self.next);
        self.file.set_bytes(bytes)
    }
    fn id(&self) -> io::Result<FileId> {
        count(&self.next);
        self.file.id()
    }
}
