//! The copy that is being written: every file new, every file synced.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::{Hash, leaf_hash};
use graven_core::line::glance::{BLOB_KEY, Glance};
use memchr::memmem::Finder;

use super::CopyReport;
use crate::error::Error;
use crate::files::durable;
use crate::files::layout::Layout;
use crate::files::levels::Levels;
use crate::reader::{Reader, cannot};
use crate::seam::disk::{Disk, File, Open};

/// The bytes that are collected before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// The leaf hashes that are collected before the tree grows by them.
const LEAVES: usize = 4_096;

/// The files of the copy.
pub(in crate::export) struct Out {
    disk: Arc<dyn Disk>,
    layout: Layout,
    /// The live file, the bytes that it has, and those that it gets next.
    live: Arc<dyn File>,
    live_bytes: u64,
    buffer: Vec<u8>,
    levels: Levels,
    leaves: Vec<Hash>,
    blob_key: Finder<'static>,
    /// The index of the first entry of the live file.
    pub(in crate::export) first: u64,
    /// The number of entries so far.
    pub(in crate::export) entries: u64,
    /// The number of closed segments.
    pub(in crate::export) segments: u64,
    /// The number of large details.
    pub(in crate::export) blobs: u64,
    /// The bytes of entries and large details.
    pub(in crate::export) bytes: u64,
}

impl Out {
    /// Makes the folders and an empty live file in a folder that has no files.
    pub(in crate::export) fn make(disk: &Arc<dyn Disk>, folder: &Path) -> Result<Out, Error> {
        let layout = Layout::in_dir(folder);
        for folder in folders(&layout) {
            match durable::retried(|| disk.create_dir(&folder)) {
                // What an attempt that was cut short has left: it has no files any more.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made.map_err(|error| cannot("make", &folder, error))?,
            }
        }
        Ok(Out {
            live: create(&**disk, layout.live())?,
            levels: Levels::empty(Arc::clone(disk), layout.clone()),
            disk: Arc::clone(disk),
            layout,
            live_bytes: 0,
            buffer: Vec::new(),
            leaves: Vec::new(),
            blob_key: Finder::new(BLOB_KEY),
            first: 0,
            entries: 0,
            segments: 0,
            blobs: 0,
            bytes: 0,
        })
    }

    /// Appends a sealed entry, with its large detail.
    pub(in crate::export) fn push(&mut self, reader: &Reader, line: &[u8]) -> Result<(), Error> {
        self.leaves.push(leaf_hash(line));
        if self.leaves.len() == LEAVES {
            self.hash()?;
        }
        self.push_unsealed(reader, line)
    }

    /// Appends an entry that is in no tree yet, with its large detail.
    pub(in crate::export) fn push_unsealed(&mut self, reader: &Reader, line: &[u8]) -> Result<(), Error> {
        self.copy_blob(reader, line)?;
        self.buffer.extend_from_slice(line);
        self.buffer.push(b'\n');
        self.entries += 1;
        self.bytes += line.len() as u64 + 1;
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// The root over the sealed entries so far.
    pub(in crate::export) fn root(&mut self) -> Result<Hash, Error> {
        self.hash()?;
        Ok(self.levels.root())
    }

    /// Makes the live file a closed segment that ends at `size`, under the signed checkpoint `boundary`.
    pub(in crate::export) fn close_segment(&mut self, size: u64, boundary: &[u8]) -> Result<(), Error> {
        self.sync_live()?;
        self.write(&format!("checkpoints/{size}"), boundary)?;
        let segment = self.layout.segment(self.first);
        durable::retried(|| self.disk.rename(self.layout.live(), &segment))
            .map_err(|error| cannot("rename a file to", &segment, error))?;
        self.live = create(&*self.disk, self.layout.live())?;
        self.live_bytes = 0;
        self.first = size;
        self.segments += 1;
        Ok(())
    }

    /// Writes and syncs a new file of this name in the copy.
    pub(in crate::export) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.layout.dir().join(name);
        write_synced(&*self.disk, &path, bytes).map_err(|error| cannot("write", &path, error))
    }

    /// Makes everything durable, then writes `graven.json`: from then on the folder is a trail.
    pub(in crate::export) fn finish(&mut self, meta: &[u8]) -> Result<(), Error> {
        self.finish_with(meta, |_| Ok(()))
    }

    /// The same, with something to do right before the folder becomes a trail.
    pub(in crate::export) fn finish_with(
        &mut self,
        meta: &[u8],
        before: impl FnOnce(&Layout) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.sync_live()?;
        let tiles = self.layout.tiles();
        self.levels.sync(0).map_err(|error| cannot("write", &tiles, error))?;
        for folder in folders(&self.layout).iter().chain([&self.layout.dir().to_owned()]) {
            durable::sync_dir(&*self.disk, folder).map_err(|error| cannot("sync", folder, error))?;
        }
        before(&self.layout)?;
        let path = self.layout.meta();
        durable::replace(&*self.disk, &path, meta).map_err(|error| cannot("write", &path, error))
    }

    /// What was copied, up to this head.
    pub(in crate::export) fn report(&self, head: Checkpoint, keys: bool) -> CopyReport {
        CopyReport {
            origin: head.origin,
            entries: self.entries,
            size: head.size,
            root: head.root.to_string(),
            segments: self.segments,
            blobs: self.blobs,
            keys,
            bytes: self.bytes,
        }
    }

    fn hash(&mut self) -> Result<(), Error> {
        let tiles = self.layout.tiles();
        self.levels.append(&self.leaves).map_err(|error| cannot("write", &tiles, error))?;
        self.leaves.clear();
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        durable::write_all_at(&*self.live, &self.buffer, self.live_bytes)
            .map_err(|error| cannot("write", self.layout.live(), error))?;
        self.live_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn sync_live(&mut self) -> Result<(), Error> {
        self.flush()?;
        durable::retried(|| self.live.sync_all()).map_err(|error| cannot("sync", self.layout.live(), error))
    }

    /// Copies the large detail that a line names, once.
    fn copy_blob(&mut self, reader: &Reader, line: &[u8]) -> Result<(), Error> {
        // Looking for the key first is much faster, and nearly no line has it.
        if self.blob_key.find(line).is_none() {
            return Ok(());
        }
        let Some(blob) = Glance::at(line).and_then(Glance::blob) else {
            return Ok(());
        };
        let path = self.layout.blob(&blob.sha256.to_hex());
        if durable::exists(&*self.disk, &path).map_err(|error| cannot("look for", &path, error))? {
            return Ok(());
        }
        let text = reader.blob(&blob)?;
        write_synced(&*self.disk, &path, text.as_bytes()).map_err(|error| cannot("write", &path, error))?;
        self.blobs += 1;
        self.bytes += blob.bytes;
        Ok(())
    }
}

/// The folders in a copy.
fn folders(layout: &Layout) -> [PathBuf; 5] {
    [layout.keys(), layout.segments(), layout.tiles(), layout.boundaries(), layout.blobs()]
}

/// Makes a file that must not exist, for the owner alone.
fn create(disk: &dyn Disk, path: &Path) -> Result<Arc<dyn File>, Error> {
    durable::retried(|| disk.open(path, Open::CreateNew)).map_err(|error| cannot("make", path, error))
}

fn write_synced(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = durable::retried(|| disk.open(path, Open::CreateNew))?;
    durable::write_all_at(&*file, bytes, 0)?;
    durable::retried(|| file.sync_all())
}
