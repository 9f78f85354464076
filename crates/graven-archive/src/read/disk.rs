//! A trail in an archive as the directory that it was: what reads and verifies a trail works on it unchanged.
//!
//! The directory has the address of the trail in the archive as its path. Every other path is the system's. Nothing can be
//! written in it.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use graven::disk::{Access, DirEntry, Disk, File, FileId, Kind, Lock, Metadata, NotAFile, Open, OsDisk};
use graven::layout::{Layout, segment_first};
use graven_core::tile::level_hashes;

use super::found::Found;
use super::frames::as_io;
use super::log::Log;
use super::snapshot::Snapshot;
use super::tiles::Tiles;
use crate::names::Names;
use crate::store::Store;

/// The device of virtual files: one of its own for each disk. Far from those of a simulator, which count from 1.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1 << 48);

/// The largest large detail that is read whole.
const BLOB_BYTES_MAX: u64 = 1 << 30;

/// The disk.
#[derive(Debug)]
pub(super) struct BucketDisk {
    root: PathBuf,
    number: u64,
    trail: Arc<Trail>,
}

/// What the directory shows.
#[derive(Debug)]
struct Trail {
    store: Arc<dyn Store>,
    names: Names,
    small: Vec<(&'static str, Bytes)>,
    boundaries: Vec<(u64, Bytes)>,
    log: Arc<Log>,
    tiles: Tiles,
    size: u64,
}

/// What a path in the directory names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Folder(Folder),
    Small(Bytes),
    Segment(usize),
    Live,
    Level(u8),
    Blob(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Folder {
    Trail,
    Segments,
    Boundaries,
    Tiles,
    Blobs,
}

impl BucketDisk {
    pub(super) fn new(snapshot: Snapshot, found: Option<Arc<Found>>) -> BucketDisk {
        let Snapshot { store, names, meta, settings, heads, segments, tail, closed, boundaries, .. } =
            snapshot;
        let size = heads.newest.size;
        let log = Arc::new(Log::new(&store, segments, tail, found.clone()));
        let tiles = Tiles::new((&store, &names), &log, (size, heads.before), found);
        let files = [
            ("graven.json", meta),
            ("settings.json", settings),
            ("checkpoint", Some(heads.newest.note)),
            ("closed", closed),
        ];
        let small = files.into_iter().filter_map(|(name, bytes)| Some((name, bytes?))).collect();
        let boundaries = boundaries.into_iter().filter_map(|(size, bytes)| Some((size, bytes?))).collect();
        let root = PathBuf::from(store.address(names.folder()));
        let trail = Trail { store, names, small, boundaries, log, tiles, size };
        BucketDisk { root, number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed), trail: Arc::new(trail) }
    }

    /// The layout of the trail on this disk.
    pub(super) fn layout(&self) -> Layout {
        Layout::in_dir(&self.root)
    }

    pub(super) fn log(&self) -> &Arc<Log> {
        &self.trail.log
    }

    /// What a path names; `None` for a path of the system.
    fn place(&self, path: &Path) -> Option<io::Result<Place>> {
        let rest = path.strip_prefix(&self.root).ok()?;
        let parts: Option<Vec<&str>> = rest
            .components()
            .map(|part| match part {
                Component::Normal(part) => part.to_str(),
                _ => None,
            })
            .collect();
        let place = parts.and_then(|parts| self.trail.place(&parts));
        Some(place.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)))
    }

    fn id(&self, path: &Path) -> FileId {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        path.hash(&mut hasher);
        FileId { device: self.number, inode: hasher.finish() }
    }

    fn metadata_of(&self, path: &Path, place: &Place) -> io::Result<Metadata> {
        let kind = if matches!(place, Place::Folder(_)) { Kind::Dir } else { Kind::File };
        let mode = if kind == Kind::Dir { 0o500 } else { 0o400 };
        let access = Access { owner: OsDisk.user(), group: 0, mode };
        Ok(Metadata { kind, bytes: self.trail.bytes(place)?, id: self.id(path), access })
    }

    fn refuse<T>(&self, path: &Path) -> Option<io::Result<T>> {
        path.starts_with(&self.root).then(|| {
            let message = "an archive is only read here";
            Err(io::Error::new(io::ErrorKind::ReadOnlyFilesystem, message))
        })
    }
}

impl Trail {
    fn place(&self, parts: &[&str]) -> Option<Place> {
        Some(match parts {
            [] => Place::Folder(Folder::Trail),
            ["segments"] => Place::Folder(Folder::Segments),
            ["checkpoints"] => Place::Folder(Folder::Boundaries),
            ["tiles"] => Place::Folder(Folder::Tiles),
            ["blobs"] => Place::Folder(Folder::Blobs),
            ["audit.jsonl"] => Place::Live,
            [name] => Place::Small(self.small.iter().find(|(small, _)| small == name)?.1.clone()),
            ["segments", name] => {
                let first = segment_first(name)?;
                let segments = &self.log.segments;
                let found = segments.binary_search_by_key(&first, |segment| segment.span.first).ok()?;
                segments[found].is_there.then_some(Place::Segment(found))?
            }
            ["checkpoints", name] => {
                let wanted = name.parse().ok().filter(|size: &u64| size.to_string() == *name)?;
                let found = self.boundaries.binary_search_by_key(&wanted, |(size, _)| *size).ok()?;
                Place::Small(self.boundaries[found].1.clone())
            }
            ["tiles", name] => {
                let level = name.parse().ok().filter(|level: &u8| level.to_string() == *name)?;
                (level_hashes(self.size, level) > 0).then_some(Place::Level(level))?
            }
            ["blobs", name] if is_blob(name) => Place::Blob((*name).to_owned()),
            _ => return None,
        })
    }

    fn bytes(&self, place: &Place) -> io::Result<u64> {
        Ok(match place {
            Place::Folder(_) => 0,
            Place::Small(bytes) => bytes.len() as u64,
            Place::Segment(number) => self.log.segments[*number].bytes,
            Place::Live => self.log.tail.bytes,
            Place::Level(level) => self.tiles.bytes(*level),
            Place::Blob(sha256) => {
                let bytes = self.store.bytes(&self.names.blob(sha256)).map_err(as_io)?;
                bytes.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?
            }
        })
    }

    /// The names in a folder. Of large details only those have a name here that are asked for by it.
    fn names_in(&self, folder: Folder) -> Vec<String> {
        match folder {
            Folder::Trail => {
                let folders = ["audit.jsonl", "blobs", "checkpoints", "segments", "tiles"];
                let mut names: Vec<String> = folders.map(str::to_owned).to_vec();
                names.extend(self.small.iter().map(|(name, _)| (*name).to_owned()));
                names
            }
            Folder::Segments => {
                let there = self.log.segments.iter().filter(|segment| segment.is_there);
                there.map(|segment| format!("{:020}.jsonl", segment.span.first)).collect()
            }
            Folder::Boundaries => self.boundaries.iter().map(|(size, _)| size.to_string()).collect(),
            Folder::Tiles => {
                let levels = (0..).take_while(|level| level_hashes(self.size, *level) > 0);
                levels.map(|level| level.to_string()).collect()
            }
            Folder::Blobs => Vec::new(),
        }
    }
}

fn is_blob(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit))
}

/// A file of the directory.
#[derive(Debug)]
struct VirtualFile {
    trail: Arc<Trail>,
    place: Place,
    id: FileId,
}

impl File for VirtualFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match &self.place {
            Place::Small(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let read = buffer.len().min(bytes.len() - start);
                buffer[..read].copy_from_slice(&bytes[start..start + read]);
                Ok(read)
            }
            Place::Segment(number) => self.trail.log.read_segment(*number, buffer, offset),
            Place::Live => self.trail.log.tail.read_at(buffer, offset),
            Place::Level(level) => self.trail.tiles.read(*level, buffer, offset),
            Place::Folder(_) | Place::Blob(_) => Err(NotAFile::Directory.into()),
        }
    }

    fn line_known(&self, line: u64) -> Option<(u64, u64)> {
        match &self.place {
            Place::Segment(number) => {
                let segment = &self.trail.log.segments[*number];
                let frame = &segment.frames[segment.frame_of(line)?];
                Some((frame.line, frame.at))
            }
            Place::Live => self.trail.log.tail.part_of(line).map(|(first, at, _)| (first, at)),
            _ => None,
        }
    }

    fn bytes(&self) -> io::Result<u64> {
        self.trail.bytes(&self.place)
    }

    fn id(&self) -> io::Result<FileId> {
        Ok(self.id)
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_all(&self) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn set_bytes(&self, _bytes: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

impl Disk for BucketDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let Some(place) = self.place(path) else { return OsDisk.open(path, how) };
        if how != Open::Read {
            return self.refuse(path).unwrap_or_else(|| OsDisk.open(path, how));
        }
        let place = match place? {
            Place::Folder(_) => return Err(NotAFile::Directory.into()),
            // Whole: large details are read once, and few lines have one.
            Place::Blob(sha256) => {
                let name = self.trail.names.blob(&sha256);
                let bytes = self.trail.bytes(&Place::Blob(sha256))?;
                if bytes > BLOB_BYTES_MAX {
                    let message = format!("{}: it has {bytes} bytes", self.trail.store.address(&name));
                    return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
                }
                Place::Small(self.trail.store.read(&name).map_err(as_io)?)
            }
            place => place,
        };
        Ok(Arc::new(VirtualFile { trail: Arc::clone(&self.trail), place, id: self.id(path) }))
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let Some(place) = self.place(path) else { return OsDisk.read_dir(path) };
        let Place::Folder(folder) = place? else { return Err(io::ErrorKind::NotADirectory.into()) };
        let mut entries = Vec::new();
        for name in self.trail.names_in(folder) {
            let metadata = self.metadata(&path.join(&name))?;
            entries.push(DirEntry { name, metadata });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let Some(place) = self.place(path) else { return OsDisk.metadata(path) };
        self.metadata_of(path, &place?)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        match self.place(path) {
            Some(place) => place.map(|_| path.to_owned()),
            None => OsDisk.canonicalize(path),
        }
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn user(&self) -> u32 {
        OsDisk.user()
    }

    fn unique(&self) -> String {
        OsDisk.unique()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.refuse(from).or_else(|| self.refuse(to)).unwrap_or_else(|| OsDisk.rename(from, to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.refuse(path).unwrap_or_else(|| OsDisk.remove_file(path))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.refuse(path).unwrap_or_else(|| OsDisk.create_dir(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.refuse(path).unwrap_or_else(|| OsDisk.sync_dir(path))
    }

    fn open_lock(&self, path: &Path) -> io::Result<Arc<dyn Lock>> {
        self.refuse(path).unwrap_or_else(|| OsDisk.open_lock(path))
    }

    fn set_access(&self, path: &Path, id: FileId, access: Access) -> io::Result<()> {
        self.refuse(path).unwrap_or_else(|| OsDisk.set_access(path, id, access))
    }
}
