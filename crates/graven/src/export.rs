//! Writes a static C2SP log: `checkpoint`, and exactly the tiles and entry bundles that it implies. `export/copy.rs`
//! copies the whole trail.
//!
//! All files are computed from the stored lines. The checkpoint is written last, and only when the lines lead to its
//! root. A folder without `checkpoint` is not a log. `export/one_file.rs` makes single files of the same log.

mod copy;
mod one_file;
mod restore;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::{Hash, leaf_hash};
use graven_core::note::Note;
use graven_core::tile::{Bundle, TILE_WIDTH, Tile};
use graven_core::tree::Tree;
use serde::Serialize;

use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::reader::{Entries, Hashes, Reader, cannot};
use crate::seam::disk::{Disk, Kind, Open};

pub use copy::{CopyOptions, CopyReport, copy_trail, copy_trail_with};
pub use one_file::log_file;
pub use restore::{BeforeItIsATrail, Restoring, restore_trail};

/// The result of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportReport {
    /// The log's origin.
    pub origin: String,
    /// The number of entries.
    pub size: u64,
    /// Its root, in base64.
    pub root: String,
    /// The number of tiles written.
    pub tiles: u64,
    /// The number of entry bundles written.
    pub bundles: u64,
    /// The bytes written.
    pub bytes: u64,
}

/// Exports the entries under the latest checkpoint into `out`, a folder that is absent or empty.
///
/// Only the owner can read the files and folders, as with the trail: the bundles hold every entry.
///
/// # Errors
///
/// `Invalid` when `out` is not empty or lies within the trail. `Data` when the stored entries do not lead to the
/// checkpoint's root; then `out` holds no checkpoint. `Unavailable` when a file cannot be read or written.
pub fn export_tiles(reader: &Reader, out: &Path) -> Result<ExportReport, Error> {
    export_tiles_with(reader, out, &mut |_, _| ())
}

/// Exports like [`export_tiles`]. Calls `progress` with the entries done and the entries in all.
///
/// # Errors
///
/// As [`export_tiles`].
pub fn export_tiles_with(
    reader: &Reader,
    out: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<ExportReport, Error> {
    // Read the checkpoint first: beside a live writer, all entries under it are there, and later ones are not exported.
    let (head, note) = reader.checkpoint()?;
    let disk = reader.disk();
    prepare(&**disk, reader, out)?;
    let mut log = Log::new(Arc::clone(disk), out);
    let mut suspect = Suspect::new(reader.hashes(head.size), head.size);
    let mut entries = reader.entries(..head.size)?;
    while let Some((index, line)) = entries.next_line()? {
        let leaf = leaf_hash(line);
        log.push(line, leaf)?;
        suspect.look(index, leaf, &entries);
        if log.tree.size().is_multiple_of(TILE_WIDTH) {
            progress(log.tree.size(), head.size);
        }
    }
    log.finish()?;
    check(&log, &head, suspect, out)?;
    let checkpoint = with_our_signature_alone(&note, reader)?;
    log.write("checkpoint", checkpoint.as_bytes())?;
    seal(&**disk, out)?;
    progress(head.size, head.size);
    Ok(ExportReport {
        origin: head.origin,
        size: head.size,
        root: head.root.to_string(),
        tiles: log.tiles,
        bundles: log.bundles,
        bytes: log.bytes,
    })
}

/// Makes the folder, or checks that it is empty. Refuses one within the trail.
fn prepare(disk: &dyn Disk, reader: &Reader, out: &Path) -> Result<(), Error> {
    let refuse = |why: &str| Err(Error::new(ErrorKind::Invalid, format!("{}: {why}", out.display())));
    let existing = out.ancestors().find_map(|path| disk.canonicalize(path).ok());
    let trail = disk
        .canonicalize(reader.layout().dir())
        .map_err(|error| cannot("read", reader.layout().dir(), error))?;
    if existing.is_some_and(|existing| existing.starts_with(trail)) {
        return refuse(
            "this folder is within the trail, and an export must not change the trail: name another folder",
        );
    }
    match disk.metadata(out) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            durable::create_dir_all(disk, out).map_err(|error| cannot("make", out, error))
        }
        Err(error) => Err(cannot("read", out, error)),
        Ok(metadata) if metadata.kind != Kind::Dir => refuse("not a folder: name a new or an empty folder"),
        Ok(_) => match disk.read_dir(out).map_err(|error| cannot("list", out, error))?.first() {
            None => Ok(()),
            Some(name) => {
                refuse(&format!("the folder is not empty, it holds {:?}: name a new folder", name.name))
            }
        },
    }
}

/// Checks that the lines lead to the checkpoint's root.
fn check(log: &Log, head: &Checkpoint, suspect: Suspect, out: &Path) -> Result<(), Error> {
    let (size, root) = (log.tree.size(), log.tree.root());
    let what = if size < head.size {
        format!("the checkpoint covers {} entries, but only {size} are stored", head.size)
    } else if root != head.root {
        let place = suspect.first.map_or_else(String::new, |place| {
            format!("; the first entry that differs from tiles/0 is {place}")
        });
        format!("the stored entries do not lead to the root that was sealed{place}")
    } else {
        return Ok(());
    };
    let message =
        format!("{what}; see `graven verify`. The files in {} are not a log: delete them", out.display());
    Err(Error::new(ErrorKind::Data, message))
}

/// The checkpoint without cosignatures: readers of a static log know only the log's own key.
fn with_our_signature_alone(note: &str, reader: &Reader) -> Result<String, Error> {
    let key = &reader.meta().key;
    let bad = |error| {
        Error::with_source(ErrorKind::Data, "the checkpoint is not a note signed by the trail's key", error)
    };
    let mut note = Note::parse(note.as_bytes()).map_err(bad)?;
    note.signatures.retain(|signature| signature.name == key.name() && signature.key_id == key.key_id());
    note.signatures.truncate(1);
    note.verify(&[key]).map_err(bad)?;
    Ok(note.to_string())
}

/// Makes the checkpoint durable. The other files are left to the system: they can be exported again.
fn seal(disk: &dyn Disk, out: &Path) -> Result<(), Error> {
    let path = out.join("checkpoint");
    let synced = disk.open(&path, Open::Read).and_then(|file| file.sync_all());
    synced.and_then(|()| durable::sync_dir(disk, out)).map_err(|error| cannot("sync", &path, error))
}

/// A static log being written. Keeps in memory one bundle, and one tile for each level.
struct Log {
    disk: Arc<dyn Disk>,
    out: PathBuf,
    /// The folders that exist already.
    folders: HashSet<PathBuf>,
    /// The whole tree, for its root.
    tree: Tree,
    /// The bundle being filled.
    bundle: Vec<u8>,
    /// The tile being filled of each level.
    levels: Vec<Level>,
    tiles: u64,
    bundles: u64,
    bytes: u64,
}

/// The tile being filled of one level.
#[derive(Default)]
struct Level {
    /// The number of full tiles before it.
    index: u64,
    /// The tree over its hashes, for the hash in the level above.
    tree: Tree,
    bytes: Vec<u8>,
}

impl Log {
    fn new(disk: Arc<dyn Disk>, out: &Path) -> Log {
        Log {
            disk,
            out: out.to_owned(),
            folders: HashSet::new(),
            tree: Tree::new(),
            bundle: Vec::new(),
            levels: Vec::new(),
            tiles: 0,
            bundles: 0,
            bytes: 0,
        }
    }

    /// Appends an entry; writes the bundle and the tiles that it fills.
    fn push(&mut self, line: &[u8], leaf: Hash) -> Result<(), Error> {
        Bundle::encode_entry(line, &mut self.bundle)
            .expect("the reader returns no line past the bundle's limit");
        self.tree.push(leaf);
        if self.tree.size().is_multiple_of(TILE_WIDTH) {
            self.write_bundle(TILE_WIDTH as u16)?;
        }
        self.push_hash(0, leaf)
    }

    /// Appends a hash to a level. Writes a full tile, and appends its root to the level above.
    fn push_hash(&mut self, number: u8, hash: Hash) -> Result<(), Error> {
        if self.levels.len() == usize::from(number) {
            self.levels.push(Level::default());
        }
        let level = &mut self.levels[usize::from(number)];
        level.bytes.extend_from_slice(hash.as_bytes());
        level.tree.push(hash);
        if level.tree.size() < TILE_WIDTH {
            return Ok(());
        }
        let next = Level { index: level.index + 1, ..Level::default() };
        let full = std::mem::replace(level, next);
        self.write_tile(number, &full)?;
        self.push_hash(number + 1, full.tree.root())
    }

    /// Writes the partial bundle and the partial tiles at the right edge. Writes no empty ones.
    fn finish(&mut self) -> Result<(), Error> {
        if !self.bundle.is_empty() {
            self.write_bundle((self.tree.size() % TILE_WIDTH) as u16)?;
        }
        for (number, level) in (0..).zip(std::mem::take(&mut self.levels)) {
            if level.tree.size() > 0 {
                self.write_tile(number, &level)?;
            }
        }
        Ok(())
    }

    /// Writes the bundle that ends with the newest entry.
    fn write_bundle(&mut self, width: u16) -> Result<(), Error> {
        let bundle = Bundle { index: (self.tree.size() - 1) / TILE_WIDTH, width };
        let bytes = std::mem::take(&mut self.bundle);
        self.write(&bundle.path(), &bytes)?;
        self.bundles += 1;
        // Keep the allocation for the next bundle.
        self.bundle = bytes;
        self.bundle.clear();
        Ok(())
    }

    fn write_tile(&mut self, level: u8, tile: &Level) -> Result<(), Error> {
        let width = u16::try_from(tile.tree.size()).expect("a tile has at most 256 hashes");
        self.write(&Tile { level, index: tile.index, width }.path(), &tile.bytes)?;
        self.tiles += 1;
        Ok(())
    }

    /// Writes a new file under the folder.
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.out.join(name);
        self.make_folder(durable::parent(&path))?;
        let file = self.disk.open(&path, Open::CreateNew);
        file.and_then(|file| durable::write_all_at(&*file, bytes, 0))
            .map_err(|error| cannot("write", &path, error))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn make_folder(&mut self, folder: &Path) -> Result<(), Error> {
        if folder == self.out || self.folders.contains(folder) {
            return Ok(());
        }
        self.make_folder(durable::parent(folder))?;
        match self.disk.create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(cannot("make", folder, error));
            }
            _ => self.folders.insert(folder.to_owned()),
        };
        Ok(())
    }
}

/// Finds the first entry whose hash differs from `tiles/0`: if the root is wrong, this is where to look.
struct Suspect {
    /// The stored hashes; `None` once the search has ended.
    stored: Option<Hashes>,
    /// Stored leaf hashes, from `start` on.
    window: Vec<Hash>,
    start: u64,
    size: u64,
    first: Option<String>,
}

impl Suspect {
    /// The number of stored hashes that are read at a time.
    const WINDOW_HASHES: u64 = 4_096;

    fn new(stored: Hashes, size: u64) -> Suspect {
        Suspect { stored: Some(stored), window: Vec::new(), start: 0, size, first: None }
    }

    /// Compares the current entry with its stored hash.
    fn look(&mut self, index: u64, leaf: Hash, entries: &Entries) {
        let Some(stored) = &mut self.stored else {
            return;
        };
        if index >= self.start + self.window.len() as u64 {
            let end = self.size.min(index + Suspect::WINDOW_HASHES);
            (self.start, self.window) = (index, stored.read(0, index, end).unwrap_or_default());
        }
        match self.window.get((index - self.start) as usize) {
            Some(hash) if *hash == leaf => {}
            Some(_) => {
                self.first = Some(format!("entry {index} ({})", entries.place()));
                self.stored = None;
            }
            None => self.stored = None,
        }
    }
}
