//! The system's disk under a number of its own, with something happening before each sync of a file's data.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven::disk::{Access, DirEntry, Disk, File, FileId, Lock, Metadata, Open, OsDisk};

type BeforeSync = Arc<dyn Fn(&Path) + Send + Sync>;

/// A trail that is opened on two of them has two engines, which exclude each other as two processes do.
pub(super) struct AnotherDisk {
    pub(super) number: u64,
    pub(super) before_sync: BeforeSync,
}

struct AnotherFile {
    path: PathBuf,
    file: Arc<dyn File>,
    before_sync: BeforeSync,
}

impl Disk for AnotherDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let file = OsDisk.open(path, how)?;
        Ok(Arc::new(AnotherFile { path: path.into(), file, before_sync: Arc::clone(&self.before_sync) }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsDisk.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        OsDisk.remove_file(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        OsDisk.create_dir(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        OsDisk.sync_dir(path)
    }
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        OsDisk.read_dir(path)
    }
    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        OsDisk.metadata(path)
    }
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        OsDisk.canonicalize(path)
    }
    fn number(&self) -> u64 {
        self.number
    }
    fn open_lock(&self, path: &Path) -> io::Result<Arc<dyn Lock>> {
        OsDisk.open_lock(path)
    }
    fn user(&self) -> u32 {
        OsDisk.user()
    }
    fn set_access(&self, path: &Path, id: FileId, access: Access) -> io::Result<()> {
        OsDisk.set_access(path, id, access)
    }
    fn unique(&self) -> String {
        OsDisk.unique()
    }
}

impl File for AnotherFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }
    fn sync_data(&self) -> io::Result<()> {
        (self.before_sync)(&self.path);
        self.file.sync_data()
    }
    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }
    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }
    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.file.set_bytes(bytes)
    }
    fn id(&self) -> io::Result<FileId> {
        self.file.id()
    }
}

impl fmt::Debug for AnotherDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnotherDisk({})", self.number)
    }
}

impl fmt::Debug for AnotherFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnotherFile({:?})", self.file)
    }
}
