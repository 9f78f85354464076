//! Files that survive: whole reads and writes, and the one way in which a file is replaced.
//!
//! [`replace`] makes these calls, in this order, and nothing is guaranteed before the last:
//!
//! ```text
//! open(temporary, create, exclusive) → pwrite… → fsync(temporary) → rename(temporary, path) → fsync(directory)
//! ```
//!
//! The temporary name is `<path>.<process id>-<16 random hex digits>.tmp`: no other process writes to it, and nobody can
//! have put a link there before. A crash before the rename leaves it beside the old file; an opening that is alone
//! removes it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven_core::note::NOTE_BYTES_MAX;
use zeroize::Zeroizing;

pub use crate::seam::disk::temporary_of;
use crate::seam::disk::{Disk, File, Open};

/// How often a call that was interrupted is tried again before the interruption is an error. A disk that never
/// answers anything else must not hang the engine.
const INTERRUPTIONS_MAX: u32 = 1_000;

/// How many temporary names are tried before that is an error.
const NAMES_TRIED_MAX: u32 = 16;

/// The most bytes of a file that [`read_file`] reads: 16 MiB.
pub const WHOLE_FILE_BYTES_MAX: u64 = 16 << 20;

/// The most bytes of a file with a key: far more than the one line that such a file has.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Reads a whole file of at most [`WHOLE_FILE_BYTES_MAX`] bytes. A larger one is an error of kind `FileTooLarge`, and
/// nothing of it is read.
pub fn read_file(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    read_at_most(disk, path, WHOLE_FILE_BYTES_MAX)
}

/// Reads a whole file of at most `most` bytes. A larger one is an error of kind `FileTooLarge`, and nothing of it is read:
/// a file can claim any length without taking up any room.
pub fn read_at_most(disk: &dyn Disk, path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(path, Open::Read)?;
    let length = file.bytes()?;
    if length > most {
        let message = format!("it has {length} bytes, and such a file has at most {most}");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    let read = read_full_at(&*file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Reads the beginning of a file: at most `most` bytes.
pub(crate) fn read_beginning(disk: &dyn Disk, path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let file = disk.open(path, Open::Read)?;
    let length = usize::try_from(file.bytes()?).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length.min(most)];
    let read = read_full_at(&*file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Reads a whole signed note.
pub(crate) fn read_note(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    read_at_most(disk, path, NOTE_BYTES_MAX as u64)
}

/// Reads a whole file that holds a secret. The bytes are wiped from memory when they are dropped.
pub(crate) fn read_secret(disk: &dyn Disk, path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    read_at_most(disk, path, SECRET_BYTES_MAX).map(Zeroizing::new)
}

/// Whether a path names anything. If that cannot be told, it is an error: treating "cannot look" as "absent" would
/// create a new trail over an existing one.
pub fn exists(disk: &dyn Disk, path: &Path) -> io::Result<bool> {
    match disk.metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether an error says that the path names nothing.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What was asked of a path; `None` when the path names nothing.
pub(crate) fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if is_absent(&error) => Ok(None),
        other => other.map(Some),
    }
}

/// Reads until the buffer is full or the file ends. Returns how many bytes were read.
pub fn read_full_at(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match retried(|| file.read_at(&mut buffer[done..], offset + done as u64))? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}

/// Writes all bytes at an offset.
pub fn write_all_at(file: &dyn File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match retried(|| file.write_at(&bytes[done..], offset + done as u64))? {
            0 => return Err(io::Error::new(io::ErrorKind::WriteZero, "the disk accepted no bytes")),
            written => done += written,
        }
    }
    Ok(())
}

/// Replaces a file as a whole, durably: see the documentation of the module.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (temporary, file) = create_temporary(disk, path)?;
    let replaced = write_all_at(&*file, bytes, 0)
        .and_then(|()| retried(|| file.sync_all()))
        .and_then(|()| retried(|| disk.rename(&temporary, path)));
    if replaced.is_err() {
        // The failure counts. On a disk that is full, what the attempt wrote must not stay.
        let _left_to_the_next_opening = disk.remove_file(&temporary);
    }
    replaced?;
    sync_dir(disk, parent(path))
}

/// Makes an empty file under a temporary name of `path`, beside it.
pub(crate) fn create_temporary(disk: &dyn Disk, path: &Path) -> io::Result<(PathBuf, Arc<dyn File>)> {
    let mut attempts = 1;
    loop {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}.tmp", disk.unique()));
        let temporary = PathBuf::from(temporary);
        match retried(|| disk.open(&temporary, Open::CreateNew)) {
            Ok(file) => return Ok((temporary, file)),
            // By chance, or because a call that was interrupted had made it.
            Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists && attempts < NAMES_TRIED_MAX => {
                attempts += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Writes a file as a whole and syncs it, but not its directory.
pub fn write_whole(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = retried(|| disk.open(path, Open::Create))?;
    retried(|| file.set_bytes(0))?;
    write_all_at(&*file, bytes, 0)?;
    retried(|| file.sync_all())
}

/// Makes a directory and syncs its parent. Does nothing if it exists.
pub fn create_dir(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match retried(|| disk.create_dir(path)) {
        Ok(()) => sync_dir(disk, parent(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes a directory with all directories above it.
pub fn create_dir_all(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match create_dir(disk, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && parent(path) != path => {
            create_dir_all(disk, parent(path))?;
            create_dir(disk, path)
        }
        other => other,
    }
}

/// Syncs a directory.
pub fn sync_dir(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    retried(|| disk.sync_dir(path))
}

/// Whether the error means that a program like this one makes no names in that directory, so that none need a sync.
pub(crate) fn is_not_ours(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(kind, PermissionDenied | ReadOnlyFilesystem | InvalidInput | Unsupported)
}

/// Calls again if a signal interrupted the call.
pub fn retried<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut interruptions = 0;
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted && interruptions < INTERRUPTIONS_MAX => {
                interruptions += 1;
            }
            other => return other,
        }
    }
}

/// The directory that holds a path's name.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        None => path,
    }
}

#[cfg(test)]
#[cfg(feature = "sim")]
mod tests {
    use super::*;
    use crate::seam::disk::sim::{Op, SimDisk};

    #[test]
    fn a_file_that_is_too_large_is_refused_before_it_is_read() {
        let disk = SimDisk::new();
        let path = Path::new("/file");
        write_whole(&disk, path, &[b'x'; 101]).unwrap();
        let reads = || disk.calls().iter().filter(|call| call.step.op == Op::Read).count();
        let error = read_at_most(&disk, path, 100).unwrap_err();
        assert_eq!((error.kind(), reads()), (io::ErrorKind::FileTooLarge, 0), "{error}");
        assert_eq!(read_at_most(&disk, path, 101).unwrap().len(), 101);
        assert_eq!(read_beginning(&disk, path, 7).unwrap(), b"xxxxxxx");
        assert_eq!(read_beginning(&disk, path, 1_000).unwrap().len(), 101);
        disk.create_dir(Path::new("/dir")).unwrap();
        let error = read_file(&disk, Path::new("/dir")).unwrap_err();
        assert_eq!(error.to_string(), "it is a directory, not a regular file");
    }
}
