//! Reads and writes the user's files, and the temporary folders of demo and soak. Only the library writes to a trail.
#![expect(clippy::disallowed_methods, reason = "these files belong to the user, not to a trail")]

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::shared::failure::Failure;

/// The largest file that is read into memory: a proof, or one entry.
const WHOLE_FILE_BYTES_MAX: u64 = 4 << 20;

/// Opens a file to stream it. `-` is standard input.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read + Send>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path).map_err(|error| Failure::file("open", path, &error))?;
    let metadata = file.metadata().map_err(|error| Failure::file("look at", path, &error))?;
    if metadata.is_dir() {
        return Err(Failure::cannot(format_args!("{} is a directory, not a file", path.display())));
    }
    Ok(Box::new(file))
}

/// The length of a file. 0 when it is not known before the file is read.
pub(crate) fn bytes(path: &Path) -> u64 {
    fs::metadata(path).ok().filter(fs::Metadata::is_file).map_or(0, |metadata| metadata.len())
}

/// Reads a small file into memory.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut file = open(path)?.take(WHOLE_FILE_BYTES_MAX + 1);
    file.read_to_end(&mut bytes).map_err(|error| Failure::file("read", path, &error))?;
    if bytes.len() as u64 > WHOLE_FILE_BYTES_MAX {
        return Err(Failure::cannot(format_args!(
            "{} is larger than 4 MiB: it is neither a proof nor an entry",
            path.display()
        )));
    }
    Ok(bytes)
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
