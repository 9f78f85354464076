//! Writes a static C2SP log: `checkpoint`, and exactly the tiles and entry bundles which it implies.
//!
//! Everything is made anew from the stored lines, so what is exported is what the lines say; and the checkpoint is
//! written last, only when they lead to its root. A folder without `checkpoint` is no log.

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

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportReport {
    /// The log's origin.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// Its root, in base64.
    pub root: String,
    /// Tiles written.
    pub tiles: u64,
    /// Entry bundles written.
    pub bundles: u64,
    /// Bytes written.
    pub bytes: u64,
}

/// Exports what the latest checkpoint covers into `out`, a folder that is absent or empty.
///
/// Files and folders are the owner's alone, as those of the trail: the bundles hold every entry.
///
/// # Errors
///
/// `Invalid` when `out` holds anything or lies within the trail; `Data` when the stored entries do not lead to the
/// checkpoint's root, and then `out` holds no checkpoint.
pub fn export_tiles(reader: &Reader, out: &Path) -> Result<ExportReport, Error> {
    export_tiles_with(reader, out, &mut |_, _| ())
}

/// The same; `progress` is told how many entries are done, of how many.
pub fn export_tiles_with(
    reader: &Reader,
    out: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<ExportReport, Error> {
    // The checkpoint first: beside a live writer, all it covers is there, and what comes later is not exported.
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

/// Makes the folder, or sees that it is empty and not a part of the trail.
fn prepare(disk: &dyn Disk, reader: &Reader, out: &Path) -> Result<(), Error> {
    let refuse = |why: &str| Err(Error::new(ErrorKind::Invalid, format!("{}: {why}", out.display())));
    let existing = out.ancestors().find_map(|path| disk.canonicalize(path).ok());
    let trail = disk
        .canonicalize(reader.layout().dir())
        .map_err(|error| cannot("read", reader.layout().dir(), error))?;
    if existing.is_some_and(|existing| existing.starts_with(trail)) {
        return refuse("this is within the trail, which an export must leave alone: name another folder");
    }
    match disk.metadata(out) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            durable::create_dir_all(disk, out).map_err(|error| cannot("make", out, error))
        }
        Err(error) => Err(cannot("read", out, error)),
        Ok(metadata) if metadata.kind != Kind::Dir => refuse("there is something else than a folder"),
        Ok(_) => match disk.read_dir(out).map_err(|error| cannot("list", out, error))?.first() {
            None => Ok(()),
            Some(name) => refuse(&format!("not empty, it holds {:?}: name a new folder", name.name)),
        },
    }
}

/// Sees that the lines lead to the checkpoint's root.
fn check(log: &Log, head: &Checkpoint, suspect: Suspect, out: &Path) -> Result<(), Error> {
    let (size, root) = (log.tree.size(), log.tree.root());
    let what = if size < head.size {
        format!("the checkpoint covers {} entries, and {size} are stored", head.size)
    } else if root != head.root {
        let place = suspect
            .first
            .map_or_else(String::new, |place| format!("; the first to differ from tiles/0 is {place}"));
        format!("the stored entries do not lead to the root that was sealed{place}")
    } else {
        return Ok(());
    };
    let message = format!("{what}; see `graven verify`. What was written to {} is no log", out.display());
    Err(Error::new(ErrorKind::Data, message))
}

/// The checkpoint without cosignatures: a reader of a static log knows the log's own key.
fn with_our_signature_alone(note: &str, reader: &Reader) -> Result<String, Error> {
    let key = &reader.meta().key;
    let bad = |error| Error::with_source(ErrorKind::Data, "the checkpoint is not a good note", error);
    let mut note = Note::parse(note.as_bytes()).map_err(bad)?;
    note.signatures.retain(|signature| signature.name == key.name() && signature.key_id == key.key_id());
    note.signatures.truncate(1);
    note.verify(&[key]).map_err(bad)?;
    Ok(note.to_string())
}

/// Makes the checkpoint's name durable. The rest can be exported again, so it is left to the system.
fn seal(disk: &dyn Disk, out: &Path) -> Result<(), Error> {
    let path = out.join("checkpoint");
    let synced = disk.open(&path, Open::Read).and_then(|file| file.sync_all());
    synced.and_then(|()| durable::sync_dir(disk, out)).map_err(|error| cannot("sync", &path, error))
}

/// A static log being written: in memory are one bundle and one tile a level.
struct Log {
    disk: Arc<dyn Disk>,
    out: PathBuf,
    /// Folders that were made.
    folders: HashSet<PathBuf>,
    /// The whole tree, for its root.
    tree: Tree,
    /// The bundle being filled.
    bundle: Vec<u8>,
    /// The tile being filled, level by level.
    levels: Vec<Level>,
    tiles: u64,
    bundles: u64,
    bytes: u64,
}

/// The tile of one level that is being filled.
#[derive(Default)]
struct Level {
    /// How many full tiles stand before it.
    index: u64,
    /// Its hashes as a tree, for the hash of the level above.
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

    /// Appends an entry; writes what it fills.
    fn push(&mut self, line: &[u8], leaf: Hash) -> Result<(), Error> {
        Bundle::encode_entry(line, &mut self.bundle)
            .expect("the reader hands out no line past the bundle's limit");
        self.tree.push(leaf);
        if self.tree.size().is_multiple_of(TILE_WIDTH) {
            self.write_bundle(TILE_WIDTH as u16)?;
        }
        self.push_hash(0, leaf)
    }

    /// Appends a hash to a level; a full tile is written, and its root goes to the level above.
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

    /// Writes the partial bundle and the partial tiles at the right edge. Empty ones do not exist.
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
        // The allocation serves the next one.
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

/// Remembers the first entry that `tiles/0` has another hash for: if the root is wrong, this is where to look.
struct Suspect {
    /// Where to look; `None` once there is nothing to look for.
    stored: Option<Hashes>,
    /// Leaf hashes as stored, from `start` on.
    window: Vec<Hash>,
    start: u64,
    size: u64,
    first: Option<String>,
}

impl Suspect {
    /// How many stored hashes are read at a time.
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
