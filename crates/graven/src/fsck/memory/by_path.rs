//! What was seen at a path: the key and the newest accepted head, like the known hosts of SSH.
//!
//! It reveals a rollback of everything at once and a changed key, which no single look at a trail can.

use std::path::Path;

use graven_core::hash::Hash;
use graven_core::note::VerifierKey;
use serde::{Deserialize, Serialize};

use super::folder::{Folder, hashed};
use super::{Outcome, name};
use crate::error::Error;
use crate::files::layout::Layout;
use crate::files::meta::UNSIGNED_VERSION;
use crate::seam::disk::Disk;

/// What is remembered of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fsck) struct Memory {
    /// The key. Its name is the origin.
    pub(in crate::fsck) key: VerifierKey,
    pub(in crate::fsck) size: u64,
    pub(in crate::fsck) root: Hash,
    /// The newest version of the format that `graven.json` was of.
    pub(in crate::fsck) format: u64,
}

/// The file for one path.
#[derive(Debug)]
pub(super) struct PathFile {
    /// The trail's name, see [`name::of_trail`], for a person who reads the file.
    trail: String,
    name: String,
    /// The names of the files in which earlier versions remembered the trail: by the path of its directory, as it is
    /// written and with links resolved.
    earlier: Vec<String>,
}

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u64,
    trail: String,
    origin: String,
    key: String,
    size: u64,
    root: Hash,
    /// Absent as long as it is the first.
    #[serde(default = "first_format", skip_serializing_if = "is_first_format")]
    format: u64,
}

fn first_format() -> u64 {
    UNSIGNED_VERSION
}

fn is_first_format(format: &u64) -> bool {
    *format == UNSIGNED_VERSION
}

/// The only version of the file.
const VERSION: u64 = 1;

impl PathFile {
    /// The file for the trail that is known by the path `named`, or else by the path of its live file.
    pub(super) fn new(disk: &dyn Disk, layout: &Layout, named: Option<&Path>) -> Result<PathFile, Error> {
        let named = named.unwrap_or(layout.live());
        let cannot = |source| Error::cannot("find the absolute path of", named, source);
        let trail = name::of_trail(named).map_err(cannot)?;
        let written = name::without_dots(layout.dir()).map_err(cannot)?;
        // A trail that is gone has no resolved path. What is remembered of the written one still counts.
        let resolved = disk.canonicalize(layout.dir()).ok();
        Ok(PathFile {
            name: file_name(&trail),
            trail: trail.display().to_string(),
            earlier: [Some(written), resolved].into_iter().flatten().map(|path| file_name(&path)).collect(),
        })
    }

    /// Reads what is remembered; `None` when nothing is.
    pub(super) fn recall(&self, folder: &Folder) -> Result<Option<Memory>, Error> {
        for name in [&self.name].into_iter().chain(&self.earlier) {
            if let Some(memory) = folder.read(name, parse)? {
                return Ok(Some(memory));
            }
        }
        Ok(None)
    }

    /// Remembers what was accepted, unless something newer is remembered. What was not compared with that is in the
    /// memory of the key. The caller holds the folder's lock.
    pub(super) fn remember(
        &self,
        folder: &Folder,
        judged_by: Option<&Memory>,
        accepted: &Memory,
    ) -> Result<Outcome, Error> {
        match self.recall(folder)? {
            Some(now) if Some(&now) == judged_by => {}
            Some(now) if now.key != accepted.key => return Ok(Outcome::Overtaken),
            Some(now) if now.size == accepted.size && now.root != accepted.root => {
                return Ok(Outcome::Overtaken);
            }
            Some(now) if now.size >= accepted.size => return Ok(Outcome::Remembered),
            _ => {}
        }
        if folder.read(&self.name, parse)?.as_ref() != Some(accepted) {
            folder.replace(&self.name, &self.content(accepted))?;
        }
        Ok(Outcome::Remembered)
    }

    fn content(&self, memory: &Memory) -> Content {
        Content {
            version: VERSION,
            trail: self.trail.clone(),
            origin: memory.key.name().to_owned(),
            key: memory.key.to_string(),
            size: memory.size,
            root: memory.root,
            format: memory.format,
        }
    }
}

fn file_name(path: &Path) -> String {
    format!("{}.json", hashed(path.as_os_str().as_encoded_bytes()))
}

fn parse(bytes: &[u8]) -> Option<Memory> {
    let file: Content = serde_json::from_slice(bytes).ok()?;
    let key = VerifierKey::parse(&file.key).ok()?;
    (file.version == VERSION && key.name() == file.origin).then_some(Memory {
        key,
        size: file.size,
        root: file.root,
        format: file.format,
    })
}
