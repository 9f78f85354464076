//! A repair gives a live file that logrotate or a person renamed its name back.
//!
//! Which file it was, the hashes of the sealed entries tell; where none of them is sealed yet, the length that `LOCK`
//! says was durable.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven_core::checkpoint::Checkpoint;
use graven_core::entry::Entry;
use graven_core::hash::{Hash, leaf_hash};

use crate::engine::ready::PutBack;
use crate::error::Error;
use crate::files::boundaries::boundaries;
use crate::files::durable;
use crate::files::layout::Layout;
use crate::files::levels::Levels;
use crate::files::lines::each_line;
use crate::files::lock_line::LockLine;
use crate::files::names::free_name;
use crate::seam::disk::{Disk, Kind, Open};

/// What the live file must hold.
struct Wanted {
    /// The leaf hashes of its sealed entries.
    sealed: Vec<Hash>,
    /// How many bytes of it are durable.
    durable: u64,
}

/// Puts the live file back, if it is not in its place and a file beside it holds its entries.
pub(super) fn put_back(
    disk: &Arc<dyn Disk>,
    layout: &Layout,
    checkpoint: &Checkpoint,
    line: Option<LockLine>,
) -> Result<Option<PutBack>, Error> {
    let first = *boundaries(&**disk, layout)?.last().expect("0 is always there");
    let Ok(levels) = Levels::load(Arc::clone(disk), layout.clone(), checkpoint.size) else {
        // Without the hashes nobody can tell which file it was.
        return Ok(None);
    };
    let unreadable = |source| Error::cannot("read", &layout.tiles(), source);
    let wanted = Wanted {
        sealed: levels.leaves_from(first).map_err(unreadable)?,
        durable: line.filter(|line| line.first == first).map_or(0, |line| line.bytes),
    };
    let live = layout.live();
    let cannot = |source| Error::cannot("put back", live, source);
    if wanted.is_nothing() || wanted.is_in(&**disk, live).map_err(cannot)? {
        return Ok(None);
    }
    let Some(found) = wanted.find_beside(&**disk, layout).map_err(cannot)? else {
        return Ok(None);
    };
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let in_the_way =
        durable::exists(&**disk, live).map_err(cannot)? && disk.metadata(live).map_err(cannot)?.bytes > 0;
    let mut moved_aside = None;
    if in_the_way {
        let aside = free_name(&**disk, live, "before-repair").map_err(cannot)?;
        durable::retried(|| disk.rename(live, &aside)).map_err(cannot)?;
        moved_aside = Some(name(&aside));
    }
    durable::retried(|| disk.rename(&found, live)).map_err(cannot)?;
    durable::sync_dir(&**disk, layout.live_parent()).map_err(cannot)?;
    Ok(Some(PutBack { put_back: name(&found), moved_aside }))
}

impl Wanted {
    fn is_nothing(&self) -> bool {
        self.sealed.is_empty() && self.durable == 0
    }

    /// The longest file beside the live file that holds its entries, under a name that begins with that of the live
    /// file.
    fn find_beside(&self, disk: &dyn Disk, layout: &Layout) -> io::Result<Option<PathBuf>> {
        let live = layout.live().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut found = None;
        for entry in disk.read_dir(layout.live_parent())? {
            let may_be = entry.metadata.kind == Kind::File
                && entry.name != live
                && entry.name.starts_with(&live)
                && !entry.name.ends_with(".tmp");
            let path = layout.live_parent().join(&entry.name);
            if may_be
                && found.as_ref().is_none_or(|(bytes, _)| entry.metadata.bytes > *bytes)
                && self.is_in(disk, &path)?
            {
                found = Some((entry.metadata.bytes, path));
            }
        }
        Ok(found.map(|(_, path)| path))
    }

    /// Whether a file begins with the sealed entries and is long enough. Without sealed entries, all of its complete
    /// lines must be entries.
    fn is_in(&self, disk: &dyn Disk, path: &Path) -> io::Result<bool> {
        let file = match disk.open(path, Open::Read) {
            Err(error) if durable::is_absent(&error) => return Ok(false),
            opened => opened?,
        };
        if file.bytes()? < self.durable {
            return Ok(false);
        }
        let mut hashes = self.sealed.iter();
        let only_entries = self.sealed.is_empty();
        let ended = each_line(&*file, |line| match hashes.next() {
            Some(hash) if leaf_hash(line) != *hash => ControlFlow::Break(()),
            None if only_entries && Entry::from_line(line).is_err() => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })?;
        Ok(ended.is_continue() && hashes.next().is_none())
    }
}
