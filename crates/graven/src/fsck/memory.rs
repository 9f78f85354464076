//! The verifier's two memories: what it has seen at a path, and what it has seen of a key.
//!
//! Who can move files chooses where a trail lies, so a path alone is not enough: the memory of the path says whether
//! this is still the trail with the known key, and no older than before; the memory of the key says whether its history
//! is still the one that was seen, at whatever path. Each is one file, in one folder, which verifiers can share.

mod by_key;
mod by_path;
mod folder;
mod name;

use std::env;
use std::path::{Path, PathBuf};

use graven_core::note::VerifierKey;
use serde::Serialize;

pub(super) use by_key::KeyMemory;
pub(super) use by_path::Memory;
pub use folder::{Folder as MemoryFolder, Held as MemoryHeld, hashed as memory_name};

use crate::error::Error;
use crate::files::layout::Layout;
use crate::seam::machine::Machine;
use by_key::KeyFile;
use by_path::PathFile;
use folder::Folder;

/// The folder for the memory in the user's state: `$XDG_STATE_HOME/graven`, else `$HOME/.local/state/graven`. `None`
/// when neither variable holds an absolute path.
pub fn user_folder() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    base.map(|base| base.join("graven"))
}

/// Which memory of a trail a verifier had before it looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Remembered {
    /// None: nothing is remembered of this trail.
    None,
    /// That of its path, and probably that of its key.
    Path,
    /// Only that of its key: the trail was seen at another path.
    Key,
}

/// What was remembered when a verification began.
#[derive(Debug, Default)]
pub(super) struct Recalled {
    /// What was seen at the path.
    pub(super) path: Option<Memory>,
    /// The key whose memory was read.
    pub(super) asked: Option<VerifierKey>,
    /// What was seen of that key.
    pub(super) key: Option<KeyMemory>,
}

impl Recalled {
    /// Which memory there was.
    pub(super) fn which(&self) -> Remembered {
        match (&self.path, &self.key) {
            (Some(_), _) => Remembered::Path,
            (None, Some(_)) => Remembered::Key,
            (None, None) => Remembered::None,
        }
    }
}

/// What came of remembering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The memory knows what was seen, and nothing newer was lost.
    Remembered,
    /// What was seen contradicts what another verifier has remembered meanwhile: look again.
    Overtaken,
}

/// The memories of one trail, in a folder.
#[derive(Debug)]
pub(super) struct Memories {
    folder: Folder,
    /// `None` when the path is left out.
    path: Option<PathFile>,
}

impl Memories {
    /// The memories of a trail that the verifier knows by the path `named`, or else by the path of its live file.
    pub(super) fn new(
        machine: &Machine,
        folder: &Path,
        layout: &Layout,
        named: Option<&Path>,
    ) -> Result<Memories, Error> {
        let path = PathFile::new(&*machine.disk, layout, named)?;
        Ok(Memories { folder: Folder::new(machine, folder), path: Some(path) })
    }

    /// The memory of the key alone.
    pub(super) fn without_path(self) -> Memories {
        Memories { path: None, ..self }
    }

    /// Reads what is remembered of the path, and of the key that is to judge: the given one, else the one remembered of
    /// the path, else the one that the trail names.
    ///
    /// Call it before looking at the trail: what is remembered later may be newer than what was looked at.
    pub(super) fn recall(
        &self,
        given: Option<&VerifierKey>,
        own: impl FnOnce() -> Option<VerifierKey>,
    ) -> Result<Recalled, Error> {
        let recall = |path: &PathFile| path.recall(&self.folder);
        let path = self.path.as_ref().map(recall).transpose()?.flatten();
        let pinned = || path.as_ref().map(|path| path.key.clone());
        let asked = given.cloned().or_else(pinned).or_else(own);
        let key = asked.as_ref().map(|key| KeyFile::new(key).recall(&self.folder)).transpose()?.flatten();
        Ok(Recalled { path, asked, key })
    }

    /// Remembers what was accepted. Under the lock of the folder it compares with what is remembered by now, so that an
    /// older head never replaces a newer one, and nothing is replaced that this verification was not judged by.
    pub(super) fn remember(
        &self,
        judged_by: &Recalled,
        path: &Memory,
        key: Option<&KeyMemory>,
    ) -> Result<Outcome, Error> {
        let _held = self.folder.lock()?;
        if let Some(key) = key
            && KeyFile::new(&key.key).remember(&self.folder, judged_by.key.as_ref(), key)?
                == Outcome::Overtaken
        {
            return Ok(Outcome::Overtaken);
        }
        match &self.path {
            Some(file) => file.remember(&self.folder, judged_by.path.as_ref(), path),
            None => Ok(Outcome::Remembered),
        }
    }
}

#[cfg(test)]
mod tests;
