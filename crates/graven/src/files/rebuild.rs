//! The tree under a signed checkpoint: from `tiles/`, or, when these do not give its root, rebuilt from the segments.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::{Hash, leaf_hash};

use super::durable;
use super::layout::Layout;
use super::levels::Levels;
use super::lines::each_line;
use crate::error::{Error, ErrorKind};
use crate::seam::disk::{Disk, Open};

/// How much of `tiles/` is looked at before it is relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The right edge, which gives the signed root.
    Edge,
    /// Also the newest two million leaf hashes, against the hashes of their tiles.
    Newest,
    /// Nothing: everything is made anew if the log gives the signed root.
    Nothing,
}

/// How many of the newest leaf hashes are compared with their tiles at an opening: 64 MiB of hashes, a tenth of a
/// second.
const NEWEST_LEAVES: u64 = 2_000_000;

/// The tree under the checkpoint: from `tiles/`, or from these files, in the order of the log, when the tiles do not
/// give its root.
pub(crate) fn trusted_levels(
    disk: &Arc<dyn Disk>,
    layout: &Layout,
    checkpoint: &Checkpoint,
    files: &[PathBuf],
    trust: Trust,
) -> Result<Levels, Error> {
    let stored = Levels::load(Arc::clone(disk), layout.clone(), checkpoint.size)
        .ok()
        .filter(|levels| levels.root() == checkpoint.root);
    match (trust, stored) {
        (Trust::Edge, Some(levels)) => return Ok(levels),
        (Trust::Newest, Some(levels)) => {
            if levels.newest_are_whole(NEWEST_LEAVES).unwrap_or(false) {
                return Ok(levels);
            }
        }
        (Trust::Nothing, Some(levels)) => {
            // Hashes that give the signed root are evidence if the log does not give it: then they stay.
            return match rebuild(disk, layout, files, checkpoint) {
                Err(error) if error.kind() == ErrorKind::Data => Ok(levels),
                rebuilt => rebuilt,
            };
        }
        (_, None) => {}
    }
    tracing::warn!(tiles = %layout.tiles().display(), "the tiles do not give the checkpoint's root: they are rebuilt from the segments");
    rebuild(disk, layout, files, checkpoint)
}

/// How many leaves are appended at a time.
const LEAVES_AT_ONCE: usize = 4_096;

/// Rebuilds the level files from the first `checkpoint.size` lines of these files. If these do not give the signed
/// root, the segments were changed: this is an error of kind `Data`, and nothing is written.
fn rebuild(
    disk: &Arc<dyn Disk>,
    layout: &Layout,
    files: &[PathBuf],
    checkpoint: &Checkpoint,
) -> Result<Levels, Error> {
    // A first pass without writing: tiles that contradict the signed root must never reach the disk.
    let mut tree = graven_core::tree::Tree::new();
    each_leaf(&**disk, files, checkpoint.size, |leaves| {
        tree.extend(leaves.iter().copied());
        Ok(())
    })?;
    if tree.size() != checkpoint.size || tree.root() != checkpoint.root {
        let message = format!(
            "the segments do not give the root that was signed for {} entries; look with `graven verify {}`",
            checkpoint.size,
            layout.dir().display()
        );
        return Err(Error::new(ErrorKind::Data, message));
    }
    let unwritable = |source| Error::cannot("write the hashes in", &layout.tiles(), source);
    durable::create_dir(&**disk, &layout.tiles()).map_err(unwritable)?;
    // Written beside the old files: these may be whole and only unreadable now, and a crash must not leave less than
    // there was.
    let mut levels = Levels::beside(Arc::clone(disk), layout.clone());
    each_leaf(&**disk, files, checkpoint.size, |leaves| levels.append(leaves).map_err(unwritable))?;
    levels.sync(0).and_then(|()| levels.put_in_place()).map_err(unwritable)?;
    Ok(levels)
}

/// Calls `call` with the leaf hashes of the first `limit` lines of these files, some thousand at a time.
fn each_leaf(
    disk: &dyn Disk,
    files: &[PathBuf],
    limit: u64,
    mut call: impl FnMut(&[Hash]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut left = limit;
    let mut leaves = Vec::with_capacity(LEAVES_AT_ONCE);
    for path in files {
        let unreadable = |source| Error::cannot("read", path, source);
        let file = disk.open(path, Open::Read).map_err(unreadable)?;
        let ended = each_line(&*file, |line| {
            if left == 0 {
                return ControlFlow::Break(Ok(()));
            }
            left -= 1;
            leaves.push(leaf_hash(line));
            if leaves.len() < LEAVES_AT_ONCE {
                return ControlFlow::Continue(());
            }
            let called = call(&leaves);
            leaves.clear();
            if called.is_err() { ControlFlow::Break(called) } else { ControlFlow::Continue(()) }
        });
        if let ControlFlow::Break(stopped) = ended.map_err(unreadable)? {
            stopped?;
        }
    }
    call(&leaves)
}
