//! The files that the bench itself reads and writes.
#![expect(clippy::disallowed_methods, reason = "these files are not part of a trail, or are only read")]

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use graven_core::hash::sha256;

use crate::shared::failure::Failure;

/// The name of the processor, if the system tells it.
pub(crate) fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1).map(str::trim));
    model.unwrap_or("unknown processor").to_owned()
}

/// The resident memory of a process in bytes, if the system tells it.
pub(crate) fn resident_bytes(process: u32) -> Option<u64> {
    memory(&process.to_string(), "VmRSS:")
}

/// The most resident memory that this process had, in bytes, if the system tells it.
pub(crate) fn peak_bytes() -> Option<u64> {
    memory("self", "VmHWM:")
}

fn memory(process: &str, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Writes a file of NDJSON.
pub(crate) fn write_ndjson(path: &Path, entries: u64) -> Result<(), Failure> {
    let write = || {
        let mut file = BufWriter::new(File::create(path)?);
        let mut line = Vec::new();
        for n in 0..entries {
            line.clear();
            super::entries::ndjson(n, &mut line);
            file.write_all(&line)?;
        }
        file.into_inner()?.sync_all()
    };
    write().map_err(|error: std::io::Error| Failure::file("write", path, &error))
}

/// Opens a file for a child's standard input.
pub(crate) fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| Failure::file("open", path, &error))
}

/// Reads a file and hashes each MiB of it, on one core.
pub(crate) fn hash(path: &Path) -> Result<(), Failure> {
    let hash = || {
        let mut file = File::open(path)?;
        let mut block = vec![0; 1 << 20];
        loop {
            match file.read(&mut block)? {
                0 => return Ok(()),
                read => std::hint::black_box(sha256(&block[..read])),
            };
        }
    };
    hash().map_err(|error: std::io::Error| Failure::file("read", path, &error))
}

/// The files of JSON Lines below a directory, with their lengths.
pub(crate) fn files_of_lines(dir: &Path) -> Result<Vec<(PathBuf, u64)>, Failure> {
    let mut files = files(dir)?;
    files.retain(|(path, _)| path.extension().is_some_and(|ending| ending == "jsonl"));
    Ok(files)
}

/// How many bytes of JSON Lines there are below a directory.
pub(crate) fn bytes_of_lines(dir: &Path) -> Result<u64, Failure> {
    Ok(files_of_lines(dir)?.iter().map(|(_, bytes)| bytes).sum())
}

/// The files below a directory, with their lengths.
pub(crate) fn files(dir: &Path) -> Result<Vec<(PathBuf, u64)>, Failure> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).map_err(|error| Failure::file("read", &dir, &error))? {
            let entry = entry.map_err(|error| Failure::file("read", &dir, &error))?;
            let metadata =
                entry.metadata().map_err(|error| Failure::file("look at", &entry.path(), &error))?;
            if metadata.is_dir() {
                dirs.push(entry.path());
            } else {
                found.push((entry.path(), metadata.len()));
            }
        }
    }
    Ok(found)
}

/// Creates a file, or empties it.
#[cfg(feature = "archive")]
pub(crate) fn create(path: &Path) -> std::io::Result<File> {
    File::create(path)
}

/// Makes a directory.
#[cfg(feature = "archive")]
pub(crate) fn make(dir: &Path) -> Result<(), Failure> {
    fs::create_dir(dir).map_err(|error| Failure::file("make", dir, &error))
}

/// Removes a directory with everything in it.
pub(crate) fn remove(dir: &Path) -> Result<(), Failure> {
    fs::remove_dir_all(dir).map_err(|error| Failure::file("remove", dir, &error))
}
