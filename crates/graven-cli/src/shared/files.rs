//! Reads and writes the user's files, and the temporary folders of demo and soak. Only the library writes to a trail.
#![expect(clippy::disallowed_methods, reason = "these files belong to the user, not to a trail")]

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

use graven::disk::{self, Disk, Open, OsDisk};
use graven::durable;

use crate::shared::failure::Failure;

/// The largest file that is read into memory: a proof, or one entry.
const WHOLE_FILE_BYTES_MAX: u64 = 4 << 20;

/// What a command takes besides regular files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Besides {
    /// Also a FIFO by its name: the command waits for what a person sends through it.
    Fifos,
    /// Only what the caller of this process has opened for it, such as a shell's `<(…)`.
    Inherited,
}

/// Opens a file to stream it. `-` is standard input.
pub(crate) fn open(path: &Path, besides: Besides) -> Result<Box<dyn Read + Send>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    let cannot = |error: io::Error| Failure::file("open", path, &error);
    // Looked at first: opening a FIFO and closing it again would end the program that writes to it.
    let kind = fs::metadata(path).map_err(cannot)?.file_type();
    let is_fifo = besides == Besides::Fifos && kind.is_fifo();
    if !kind.is_file() && !kind.is_dir() && (is_fifo || is_inherited(path)) {
        return Ok(Box::new(File::open(path).map_err(cannot)?));
    }
    let file = OsDisk.open(path, Open::Read).map_err(cannot)?;
    Ok(Box::new(Streamed { file, at: 0 }))
}

/// Whether a path names something that is open in this process already.
fn is_inherited(path: &Path) -> bool {
    path == Path::new("/dev/stdin") || path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd")
}

/// A regular file, read from its start to its end.
struct Streamed {
    file: Arc<dyn disk::File>,
    at: u64,
}

impl Read for Streamed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// The length of a file. 0 when it is not known before the file is read.
pub(crate) fn bytes(path: &Path) -> u64 {
    fs::metadata(path).ok().filter(fs::Metadata::is_file).map_or(0, |metadata| metadata.len())
}

/// Reads a small file into memory.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut file = open(path, Besides::Inherited)?.take(WHOLE_FILE_BYTES_MAX + 1);
    file.read_to_end(&mut bytes).map_err(|error| Failure::file("read", path, &error))?;
    if bytes.len() as u64 > WHOLE_FILE_BYTES_MAX {
        return Err(Failure::cannot(format_args!(
            "{} is larger than 4 MiB: it is neither a proof nor an entry",
            path.display()
        )));
    }
    Ok(bytes)
}

/// Reads a whole file of a trail that this command has made itself, however large.
pub(crate) fn read_own(path: &Path) -> Result<Vec<u8>, Failure> {
    durable::read_at_most(&OsDisk, path, u64::MAX).map_err(|error| Failure::file("read", path, &error))
}

/// Writes a file, and replaces an existing one.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|error| Failure::file("write", path, &error))
}

/// Creates a directory and its parents.
pub(crate) fn create_dir(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| Failure::file("create", path, &error))
}

/// Copies a directory and everything in it.
pub(crate) fn copy_dir(from: &Path, to: &Path) -> Result<(), Failure> {
    create_dir(to)?;
    let entries = fs::read_dir(from).map_err(|error| Failure::file("read", from, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Failure::file("read", from, &error))?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_dir(&path, &copy)?;
        } else {
            fs::copy(&path, &copy).map_err(|error| Failure::file("copy", &path, &error))?;
        }
    }
    Ok(())
}

/// Removes a directory and everything in it.
pub(crate) fn remove_dir(path: &Path) -> Result<(), Failure> {
    fs::remove_dir_all(path).map_err(|error| Failure::file("remove", path, &error))
}
