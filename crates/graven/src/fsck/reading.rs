//! The disk as the verifier sees it: it can only be read, and each error names its file.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::line_ends::PlainFile;
use crate::files::layout::Layout;
use crate::seam::disk::{Access, DirEntry, Disk, File, FileId, Kind, Lock, Metadata, NotAFile, Open};
use crate::seam::machine::Machine;

/// The machine, with a disk that can only be read.
pub(super) fn reading(machine: &Machine) -> Machine {
    with(machine, None)
}

/// The same, with a disk that reads each CR LF of the trail as LF, except in `tiles/`.
pub(super) fn with_plain_ends(machine: &Machine, layout: &Layout) -> Machine {
    with(machine, Some(layout.tiles()))
}

fn with(machine: &Machine, plain_except: Option<PathBuf>) -> Machine {
    let disk = Arc::new(ReadingDisk { disk: Arc::clone(&machine.disk), plain_except });
    Machine { disk, clock: Arc::clone(&machine.clock) }
}

/// What could not be read.
#[derive(Debug)]
struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

impl Error for Unreadable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// The result, with the path in its error. The kind of the error stays, and so does one that says what is in the place
/// of a file: the verifier judges that.
fn named<T>(path: &Path, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|source| match NotAFile::of(&source) {
        Some(_) => source,
        None => io::Error::new(source.kind(), Unreadable { path: path.to_owned(), source }),
    })
}

fn refused<T>(path: &Path) -> io::Result<T> {
    named(path, Err(io::Error::new(io::ErrorKind::Unsupported, "a verifier only reads")))
}

#[derive(Debug)]
struct ReadingDisk {
    disk: Arc<dyn Disk>,
    /// Set when each CR LF is read as LF: the directory whose files are read as they are.
    plain_except: Option<PathBuf>,
}

impl ReadingDisk {
    fn reads_plain(&self, path: &Path) -> bool {
        self.plain_except.as_ref().is_some_and(|except| !path.starts_with(except))
    }
}

#[derive(Debug)]
struct ReadingFile {
    file: Arc<dyn File>,
    path: PathBuf,
}

impl Disk for ReadingDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        if how != Open::Read {
            return refused(path);
        }
        let file = named(path, self.disk.open(path, how))?;
        let file: Arc<dyn File> =
            if self.reads_plain(path) { Arc::new(named(path, PlainFile::new(file))?) } else { file };
        Ok(Arc::new(ReadingFile { file, path: path.to_owned() }))
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut names = named(path, self.disk.read_dir(path))?;
        for entry in names.iter_mut().filter(|entry| entry.metadata.kind == Kind::File) {
            let file = path.join(&entry.name);
            if self.reads_plain(&file) {
                entry.metadata.bytes = self.open(&file, Open::Read)?.bytes()?;
            }
        }
        Ok(names)
    }

    fn read_names(&self, path: &Path) -> io::Result<Vec<(String, Kind)>> {
        named(path, self.disk.read_names(path))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        named(path, self.disk.metadata(path))
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        named(path, self.disk.canonicalize(path))
    }

    fn number(&self) -> u64 {
        self.disk.number()
    }

    fn user(&self) -> u32 {
        self.disk.user()
    }

    fn unique(&self) -> String {
        self.disk.unique()
    }

    fn rename(&self, from: &Path, _to: &Path) -> io::Result<()> {
        refused(from)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        refused(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        refused(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        refused(path)
    }

    fn open_lock(&self, path: &Path) -> io::Result<Arc<dyn Lock>> {
        refused(path)
    }

    fn set_access(&self, path: &Path, _id: FileId, _access: Access) -> io::Result<()> {
        refused(path)
    }
}

impl File for ReadingFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        named(&self.path, self.file.read_at(buffer, offset))
    }

    fn bytes(&self) -> io::Result<u64> {
        named(&self.path, self.file.bytes())
    }

    fn id(&self) -> io::Result<FileId> {
        named(&self.path, self.file.id())
    }

    fn line_known(&self, line: u64) -> Option<(u64, u64)> {
        self.file.line_known(line)
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<usize> {
        refused(&self.path)
    }

    fn sync_data(&self) -> io::Result<()> {
        refused(&self.path)
    }

    fn sync_all(&self) -> io::Result<()> {
        refused(&self.path)
    }

    fn set_bytes(&self, _bytes: u64) -> io::Result<()> {
        refused(&self.path)
    }
}
