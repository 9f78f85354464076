//! Tampers with a copy of a trail in a random way, and says which verdict the verifier must give.

use std::path::{Path, PathBuf};

use fastrand::Rng;
use graven::disk::{DirEntry, Disk, OsDisk};
use graven::layout::segment_first;
use graven::reader::Reader;
use graven_core::verdict::Verdict;

use crate::shared::failure::Failure;
use crate::shared::files;

/// A way to tamper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tampering {
    ByteChanged,
    LineDeleted,
    LineInserted,
    TailCut,
    SegmentDeleted,
    BlobChanged,
    HashChanged,
    SignatureChanged,
    RolledBack,
}

/// The verdict that verify must give.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) verdict: Verdict,
    /// The first entry that was tampered with, where it is known.
    pub(super) index: Option<u64>,
}

/// The copy, and what is known about it.
#[derive(Debug)]
pub(super) struct Victim<'a> {
    pub(super) copy: &'a Path,
    /// An earlier state of the same trail, with fewer sealed entries.
    pub(super) old: Option<&'a Path>,
    pub(super) sealed: u64,
    /// Sealed entries with a blob, and the name of the blob.
    pub(super) blobs: &'a [(u64, String)],
}

impl Tampering {
    pub(super) const ALL: [Tampering; 9] = [
        Tampering::ByteChanged,
        Tampering::LineDeleted,
        Tampering::LineInserted,
        Tampering::TailCut,
        Tampering::SegmentDeleted,
        Tampering::BlobChanged,
        Tampering::HashChanged,
        Tampering::SignatureChanged,
        Tampering::RolledBack,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Tampering::ByteChanged => "a byte of an entry changed",
            Tampering::LineDeleted => "a line deleted",
            Tampering::LineInserted => "a line inserted",
            Tampering::TailCut => "the tail cut off",
            Tampering::SegmentDeleted => "a segment deleted",
            Tampering::BlobChanged => "a large detail changed",
            Tampering::HashChanged => "a stored hash changed",
            Tampering::SignatureChanged => "the checkpoint's signature changed",
            Tampering::RolledBack => "everything put back to an older state",
        }
    }

    /// Tampers with the copy. `None` when this is not possible with this trail.
    pub(super) fn apply(self, victim: &Victim<'_>, random: &mut Rng) -> Result<Option<Expected>, Failure> {
        // An entry that is followed by another sealed one, in the same trail.
        if victim.sealed < 2 {
            return Ok(None);
        }
        let index = random.u64(0..victim.sealed - 1);
        let expected = |verdict, index| Ok(Some(Expected { verdict, index }));
        match self {
            Tampering::ByteChanged => {
                victim.edit(index, |log, start, end| {
                    let place = random.usize(start..end);
                    log[place] = if log[place] == b'x' { b'y' } else { b'x' };
                })?;
                expected(Verdict::Altered, Some(index))
            }
            Tampering::LineDeleted => {
                victim.edit(index, |log, start, end| drop(log.drain(start..=end)))?;
                expected(Verdict::Missing, Some(index))
            }
            Tampering::LineInserted => {
                let line = b"{\"id\":\"inserted\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"category\":\"api\",\"action\":\"a\",\"principal\":null,\"outcome\":\"success\"}\n";
                victim.edit(index, |log, start, _| drop(log.splice(start..start, *line)))?;
                expected(Verdict::Inserted, Some(index))
            }
            Tampering::TailCut => victim.cut_tail(random),
            Tampering::SegmentDeleted => victim.delete_segment(random),
            Tampering::BlobChanged => {
                let Some((index, name)) = random.choice(victim.blobs) else { return Ok(None) };
                let path = victim.copy.join("blobs").join(name);
                change_byte(&path, |bytes| random.usize(0..bytes))?;
                // Equal details share one file, but no two details of a soak are equal.
                expected(Verdict::Altered, Some(*index))
            }
            Tampering::HashChanged => {
                let sealed = usize::try_from(victim.sealed * 32).expect("it was read into memory");
                change_byte(&victim.copy.join("tiles/0"), |_| random.usize(0..sealed))?;
                expected(Verdict::TilesDamaged, None)
            }
            Tampering::SignatureChanged => {
                // The last line ends in the base64 of 68 bytes: 91 digits, one `=`, a newline.
                change_byte(&victim.copy.join("checkpoint"), |bytes| bytes - 12)?;
                expected(Verdict::BadSignature, None)
            }
            Tampering::RolledBack => {
                let Some(old) = victim.old else { return Ok(None) };
                files::remove_dir(victim.copy)?;
                files::copy_dir(old, victim.copy)?;
                expected(Verdict::RolledBack, None)
            }
        }
    }
}

impl Victim<'_> {
    /// Changes the file of an entry. The line is at `start..end`, and its newline at `end`.
    fn edit(&self, index: u64, change: impl FnOnce(&mut Vec<u8>, usize, usize)) -> Result<(), Failure> {
        let (file, offset) = self.place(index)?;
        let mut log = files::read_own(&file)?;
        let length = memchr::memchr(b'\n', &log[offset..]).expect("a sealed line ends");
        change(&mut log, offset, offset + length);
        files::write(&file, &log)
    }

    /// Cuts the live file before one of its sealed entries.
    fn cut_tail(&self, random: &mut Rng) -> Result<Option<Expected>, Failure> {
        let (last, _) = self.place(self.sealed - 1)?;
        if last != self.copy.join("audit.jsonl") {
            return Ok(None);
        }
        let index = self.sealed - 1 - random.u64(0..self.sealed.min(200));
        let (file, offset) = self.place(index)?;
        if file != last {
            return Ok(None);
        }
        let mut log = files::read_own(&file)?;
        log.truncate(offset);
        files::write(&file, &log)?;
        Ok(Some(Expected { verdict: Verdict::Truncated, index: Some(index) }))
    }

    /// Deletes one of the closed segments.
    fn delete_segment(&self, random: &mut Rng) -> Result<Option<Expected>, Failure> {
        let segments = self.copy.join("segments");
        let names = OsDisk.read_dir(&segments);
        let names = names.map_err(|error| Failure::file("list", &segments, &error))?;
        let named = |name: &DirEntry| Some((segment_first(&name.name)?, segments.join(&name.name)));
        let all: Vec<(u64, PathBuf)> = names.iter().filter_map(named).collect();
        let Some((first, path)) = random.choice(&all) else { return Ok(None) };
        let deleted = lines(path)?;
        remove(path)?;
        // A live file with the same number of entries, none of them sealed, is taken for the deleted segment before its
        // renaming. Then its entries differ from the signed ones.
        let stands_for_it =
            self.sealed == first + deleted && lines(&self.copy.join("audit.jsonl"))? == deleted;
        let verdict = if stands_for_it { Verdict::Altered } else { Verdict::Missing };
        Ok(Some(Expected { verdict, index: Some(*first) }))
    }

    fn place(&self, index: u64) -> Result<(PathBuf, usize), Failure> {
        let place = Reader::open(self.copy)?.place(index)?;
        let place = place.ok_or_else(|| Failure::cannot(format_args!("entry {index} is in no file")))?;
        Ok((place.file, usize::try_from(place.offset).expect("it was read into memory")))
    }
}

/// Changes one byte to another letter.
fn change_byte(path: &Path, place: impl FnOnce(usize) -> usize) -> Result<(), Failure> {
    let mut bytes = files::read_own(path)?;
    let place = place(bytes.len());
    bytes[place] = if bytes[place] == b'x' { b'y' } else { b'x' };
    files::write(path, &bytes)
}

/// The number of entries in a file.
fn lines(path: &Path) -> Result<u64, Failure> {
    Ok(memchr::memchr_iter(b'\n', &files::read_own(path)?).count() as u64)
}

fn remove(path: &Path) -> Result<(), Failure> {
    OsDisk.remove_file(path).map_err(|error| Failure::file("remove", path, &error))
}
