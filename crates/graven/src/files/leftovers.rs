//! Temporary files that a crash left: the names, and how they are removed.

use std::io;
use std::path::PathBuf;

use super::durable;
use super::layout::Layout;
use crate::seam::disk::{Disk, Kind};

/// The files of the trail's directory that are replaced under a temporary name. In the directories below it, every file
/// is the trail's.
const REPLACED: [&str; 6] = ["checkpoint", "closed", "continues", "graven.json", "restored", "settings.json"];

/// Removes the temporary files in the directories of a trail. Only an opening that is alone may do this: another process
/// may be writing such a file. What was renamed by then is durable without it, so nothing is synced.
pub(crate) fn remove(disk: &dyn Disk, layout: &Layout) -> io::Result<()> {
    for dir in dirs(layout) {
        let names = match disk.read_dir(&dir) {
            Err(error) if durable::is_absent(&error) => continue,
            other => other?,
        };
        let is_own = |name: &str| dir != layout.dir() || REPLACED.contains(&name);
        for entry in names.iter().filter(|entry| entry.metadata.kind == Kind::File) {
            if replaced(&entry.name).is_some_and(is_own) {
                durable::retried(|| disk.remove_file(&dir.join(&entry.name)))?;
            }
        }
    }
    Ok(())
}

/// The name that a temporary one stands for, also of version 0.1: that was only the name and `.tmp`.
fn replaced(name: &str) -> Option<&str> {
    durable::temporary_of(name).or_else(|| name.strip_suffix(".tmp"))
}

fn dirs(layout: &Layout) -> [PathBuf; 7] {
    [
        layout.dir().to_owned(),
        layout.keys(),
        layout.segments(),
        layout.tiles(),
        layout.boundaries(),
        layout.blobs(),
        layout.torn(),
    ]
}

#[cfg(all(test, feature = "sim"))]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::seam::disk::Open;
    use crate::seam::disk::sim::SimDisk;

    #[test]
    fn only_temporary_files_of_the_trail_are_removed() {
        let disk = SimDisk::new();
        let layout = Layout::beside_live("/logs/audit.jsonl");
        let make = |path: &str| {
            durable::create_dir_all(&disk, durable::parent(Path::new(path))).unwrap();
            disk.open(path.as_ref(), Open::CreateNew).unwrap();
        };
        let kept = [
            "/logs/audit.jsonl",
            "/logs/audit.jsonl.d/blobs/ab",
            "/logs/audit.jsonl.d/checkpoint",
            "/logs/audit.jsonl.d/notes.tmp",
            "/logs/audit.jsonl.d/somebody/else.tmp",
            "/logs/audit.jsonl.d/tiles/0",
            "/logs/checkpoint.tmp",
        ];
        let removed = [
            "/logs/audit.jsonl.d/blobs/ab.7-00000000000000aa.tmp",
            "/logs/audit.jsonl.d/checkpoint.tmp",
            "/logs/audit.jsonl.d/checkpoint.7-00000000000000aa.tmp",
            "/logs/audit.jsonl.d/checkpoints/256.7-00000000000000aa.tmp",
            "/logs/audit.jsonl.d/graven.json.7-00000000000000aa.tmp",
            "/logs/audit.jsonl.d/keys/signing.tmp",
            "/logs/audit.jsonl.d/tiles/0.7-00000000000000aa.tmp",
            "/logs/audit.jsonl.d/torn/1-2.7-00000000000000aa.tmp",
        ];
        kept.iter().chain(&removed).for_each(|path| make(path));
        remove(&disk, &layout).unwrap();
        assert_eq!(disk.files(), kept.map(PathBuf::from));
        remove(&disk, &layout).unwrap();
    }
}
