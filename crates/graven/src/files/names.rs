//! Names for files that are moved aside.

use std::io;
use std::path::{Path, PathBuf};

use crate::seam::disk::{Disk, Open};

/// `<path>.<word>`, or the first `<path>.<word>-<n>` that is free.
pub(crate) fn free_name(disk: &dyn Disk, path: &Path, word: &str) -> io::Result<PathBuf> {
    for n in 1..10_000 {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{word}"));
        if n > 1 {
            name.push(format!("-{n}"));
        }
        let name = PathBuf::from(name);
        match disk.open(&name, Open::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(name),
            _ => {}
        }
    }
    Err(io::Error::other("every name beside the live file is taken"))
}
