//! Compares an index with the log: each shelf is made again, and must have the same bytes.

use std::path::PathBuf;

use graven::ErrorKind;
use graven::disk::File;
use graven::durable;
use graven::prove::SealedHead;
use serde::Serialize;

use super::folder::Folder;
use super::unsealed::Full;
use super::{Index, IndexError};

/// What a comparison of an index with the log found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Checked {
    /// The shelves that are what the log says. They are this user's own from now on.
    pub same: u64,
    /// The shelves that are something else, and can hide entries.
    pub different: Vec<Wrong>,
    /// The files that are no shelf of this trail: damaged, of another trail, or of another version. A search does not use
    /// them.
    pub unusable: Vec<Wrong>,
    /// How many entries have a shelf that is what the log says.
    pub entries: u64,
}

/// A file of an index that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Wrong {
    /// Which file.
    pub file: PathBuf,
    /// The first entry that it is about.
    pub first: u64,
    /// What is wrong.
    pub message: String,
}

impl Index {
    /// Compares all shelves in all folders with the log. `progress` is told how many of their entries are done.
    pub(crate) fn check(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Checked, IndexError> {
        let standing = self.standing()?;
        if !standing.findings.is_empty() {
            return Err(IndexError::Contradiction);
        }
        let mut files = Vec::new();
        for folder in &self.folders {
            let cannot = |source| IndexError::Folder { path: folder.path().to_owned(), source };
            files.extend(folder.list().map_err(cannot)?.into_iter().map(|first| (folder, first)));
        }
        let total = files.len() as u64 * self.entries;
        let mut checked = Checked::default();
        let mut same = std::collections::BTreeSet::new();
        for ((folder, first), done) in files.into_iter().zip(1_u64..) {
            let wrong = |message: String| Wrong { file: folder.file(first), first, message };
            match self.compare(folder, first, standing.head)? {
                Compared::Same(digest) => {
                    same.insert(first);
                    checked.same += 1;
                    self.remember(first, digest)?;
                }
                Compared::Different => checked
                    .different
                    .push(wrong("it is not what the log says: it can hide entries from a search".to_owned())),
                Compared::Unusable(message) => checked.unusable.push(wrong(message)),
            }
            progress(done * self.entries, total);
        }
        checked.entries = same.len() as u64 * self.entries;
        Ok(checked)
    }

    fn compare(&self, folder: &Folder, first: u64, head: Option<SealedHead>) -> Result<Compared, IndexError> {
        let unusable = |message: &str| Ok(Compared::Unusable(message.to_owned()));
        let cannot = |source| IndexError::Folder { path: folder.file(first), source };
        let Some(file) = folder.open(first).map_err(cannot)? else { return unusable("it is gone") };
        let opened = match self.opened(&file) {
            Ok(opened) => opened,
            Err(error) => return Ok(Compared::Unusable(error.to_string())),
        };
        let roots = head.and_then(|head| self.roots(head));
        let root = roots.as_ref().and_then(|roots| roots.get(usize::try_from(first / self.entries).ok()?));
        let Some(root) = root else { return unusable("no signed head covers its entries") };
        if !self.fits(&opened, first, *root) {
            return unusable("it is of other entries than those of this trail");
        }
        let Some(full) = self.made_again(first, opened.shelf.seed())? else {
            return unusable("the log does not lead to the signed root here: run `graven verify`");
        };
        if full.root != *root {
            return unusable("the log does not lead to the signed root here: run `graven verify`");
        }
        let same = is_file(&*file, &full.bytes).map_err(cannot)?;
        Ok(if same { Compared::Same(opened.digest) } else { Compared::Different })
    }

    /// The shelf of the entries from an index on, made from the log; `None` when they cannot be read.
    fn made_again(&self, first: u64, seed: [u8; 16]) -> Result<Option<Full>, IndexError> {
        let read = || {
            let Some(offset) = self.reader.picks()?.offset(first)? else { return Ok(None) };
            let mut growing = self.growing(first, seed, offset);
            for record in self.reader.entries(first..first + self.entries)? {
                growing.push(&self.reader, &record?)?;
            }
            Ok(Some(growing).filter(|growing| growing.end() == first + self.entries))
        };
        match read() {
            Ok(growing) => Ok(growing.and_then(|growing| growing.finish(&self.cache).ok())),
            Err(error) if ErrorKind::Data == graven::Error::kind(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// What a comparison of one file found.
enum Compared {
    Same(graven::Hash),
    Different,
    Unusable(String),
}

/// Whether a file has exactly these bytes.
fn is_file(file: &dyn File, bytes: &[u8]) -> std::io::Result<bool> {
    if file.bytes()? != bytes.len() as u64 {
        return Ok(false);
    }
    let mut stored = vec![0; bytes.len()];
    let read = durable::read_full_at(file, &mut stored, 0)?;
    Ok(stored[..read] == *bytes)
}
