//! Opening a trail: the steps of a commit, read backwards.
//!
//! First everything is read and judged, and a trail that contradicts what was signed is refused untouched. Then, and
//! only then, what a crash left is put in order: an unfinished rotation is finished, a torn tail is cut (and kept in
//! `torn/`), and complete lines past the checkpoint are written and synced again, because after a failed sync the page
//! cache may hold what the disk does not.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graven_core::checkpoint::Checkpoint;
use graven_core::entry::Entry;
use graven_core::hash::{Hash, leaf_hash, sha256};
use graven_core::note::{Note, SigningKey};
use graven_core::tile::{ENTRY_BYTES_MAX, TILE_WIDTH};
use serde::Serialize;

use crate::commit::Live;
use crate::create::read_signing_key;
use crate::disk::{DirEntry, Disk, File, Open};
use crate::durable;
use crate::error::{Error, ErrorKind};
use crate::layout::{Layout, segment_first};
use crate::levels::Levels;
use crate::meta::Meta;
use crate::publish::{UNSEALED_BYTES_MAX, UNSEALED_ENTRIES_MAX, closed_text};
use crate::queue::GROUP_BYTES_MAX;
use crate::rebuild;
use crate::registry::Held;
use crate::rotation::{close_live, create_live};
use crate::settings::{Machine, Settings};
use crate::tail::last_lines;

impl Mended {
    /// Whether the trail was in order.
    pub(crate) fn is_empty(&self) -> bool {
        self.unsealed_entries == 0 && self.torn_bytes == 0
    }
}

/// How far opening a trail may go to put it in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Only what a crash explains.
    Open,
    /// On an operator's word: whatever is past the checkpoint and cannot be kept goes to `torn/`. What contradicts a
    /// signed head is refused all the same.
    Repair,
}

/// A trail in order, ready for its engine.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) meta: Meta,
    pub(crate) lock: Held,
    pub(crate) signing_key: SigningKey,
    /// The signed checkpoint, as it stands in the file.
    pub(crate) checkpoint: String,
    /// The tree under the checkpoint.
    pub(crate) levels: Levels,
    /// The leaf hashes past the checkpoint, and the bytes of their lines.
    pub(crate) unsealed: Vec<Hash>,
    pub(crate) unsealed_bytes: u64,
    pub(crate) live: Live,
    pub(crate) newest_lines: Vec<u8>,
    pub(crate) newest_ends: Vec<u32>,
    /// What a crash left. Taken by whoever writes it down.
    pub(crate) mended: Option<Mended>,
}

/// What the last crash left, for the entry that says so.
#[derive(Debug, Serialize)]
pub(crate) struct Mended {
    /// The first index past the checkpoint, and how many entries were there: they rested on the disk alone.
    unsealed_first: u64,
    unsealed_entries: u64,
    /// How many bytes were cut from the tail, and where they are.
    torn_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    torn_file: Option<String>,
}

/// Reads, judges and mends a trail whose lock is held.
pub(crate) fn recover(
    machine: &Machine,
    layout: &Layout,
    settings: &Settings,
    lock: Held,
    mode: Mode,
) -> Result<Recovered, Error> {
    let disk = &machine.disk;
    let meta = Meta::read(&**disk, layout)?;
    let signing_key = matching_key(&**disk, layout, settings, &meta)?;
    let closed = Closed::read(&**disk, layout, &meta)?;
    let (checkpoint, checkpoint_text) = read_checkpoint(&**disk, layout, &meta, mode)?;
    let segments = Segments::read(&**disk, layout, &meta, &checkpoint)?;
    let levels = trusted_levels(disk, layout, &checkpoint, &segments)?;
    // After a clean close nothing may follow; an operator may have what does cut off.
    let keep = closed.as_ref().filter(|_| mode == Mode::Repair).map(|closed| closed.size);
    let tail = Tail::read(&**disk, layout, &segments, &levels, mode, keep)?;
    if let Some(closed) = &closed {
        closed.check(layout, &levels, &tail, mode)?;
    }
    // Everything was read and nothing contradicts what was signed. From here on we write.
    let mend = |source| {
        let message = format!("cannot put {} in order after a crash", layout.dir().display());
        Error::with_source(ErrorKind::Unavailable, message, source)
    };
    if closed.is_some() {
        durable::retried(|| disk.remove_file(&layout.closed())).map_err(mend)?;
    }
    // Also makes durable a checkpoint whose rename an earlier process saw but could not sync.
    durable::sync_dir(&**disk, layout.dir()).map_err(mend)?;
    // The same for a boundary, before a segment is closed under it.
    durable::sync_dir(&**disk, &layout.boundaries()).map_err(mend)?;
    let file = segments.finish_rotation(&**disk, layout).map_err(mend)?;
    let torn_file = tail.mend(&**disk, layout, &*file).map_err(mend)?;
    levels.trim().map_err(mend)?;
    let newest = last_lines(&**disk, &segments.files(layout), settings.ring_entries).map_err(mend)?;
    let mended = Mended {
        unsealed_first: checkpoint.size,
        unsealed_entries: tail.unsealed.len() as u64,
        torn_bytes: tail.torn_bytes(),
        torn_file,
    };
    let live =
        Live { file, first: segments.live_first_after, bytes: tail.good_end, since: machine.clock.elapsed() };
    Ok(Recovered {
        meta,
        lock,
        signing_key,
        checkpoint: checkpoint_text,
        unsealed_bytes: tail.good_end - tail.sealed_end,
        unsealed: tail.unsealed,
        levels,
        live,
        newest_lines: newest.bytes,
        newest_ends: newest.ends,
        mended: Some(mended),
    })
}

/// The signing key, which must be the one that `graven.json` names.
fn matching_key(
    disk: &dyn Disk,
    layout: &Layout,
    settings: &Settings,
    meta: &Meta,
) -> Result<SigningKey, Error> {
    let path = settings.signing_key.clone().unwrap_or_else(|| layout.signing_key());
    let key = read_signing_key(disk, &path)?;
    if *key.verifier_key() == meta.key {
        return Ok(key);
    }
    let message = format!("{} is not the key that {} names", path.display(), layout.meta().display());
    Err(Error::new(ErrorKind::Data, message))
}

/// Reads the checkpoint and checks our own signature on it. A repair begins at the newest head that was signed, which
/// is a boundary's when an older checkpoint was put in the place of the last.
fn read_checkpoint(
    disk: &dyn Disk,
    layout: &Layout,
    meta: &Meta,
    mode: Mode,
) -> Result<(Checkpoint, String), Error> {
    let (checkpoint, text) = read_signed(disk, &layout.checkpoint(), meta)?;
    let newest = *boundaries(disk, layout)?.last().expect("0 is always there");
    if mode == Mode::Repair && newest > checkpoint.size {
        return read_signed(disk, &layout.boundary(newest), meta);
    }
    Ok((checkpoint, text))
}

fn read_signed(disk: &dyn Disk, path: &Path, meta: &Meta) -> Result<(Checkpoint, String), Error> {
    let bytes = durable::read_file(disk, path).map_err(|source| {
        let kind =
            if source.kind() == io::ErrorKind::NotFound { ErrorKind::Data } else { ErrorKind::Unavailable };
        Error::with_source(kind, format!("cannot read the checkpoint {}", path.display()), source)
    })?;
    let (checkpoint, note) = Checkpoint::open(&bytes, &meta.key).map_err(|source| {
        Error::with_source(
            ErrorKind::Data,
            format!("{} is not a checkpoint of this trail", path.display()),
            source,
        )
    })?;
    Ok((checkpoint, note.to_string()))
}

/// The note that a clean close leaves.
struct Closed {
    size: u64,
    root: Hash,
}

impl Closed {
    fn read(disk: &dyn Disk, layout: &Layout, meta: &Meta) -> Result<Option<Closed>, Error> {
        let path = layout.closed();
        let bytes = match durable::read_file(disk, &path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                let message = format!("cannot read {}", path.display());
                return Err(Error::with_source(ErrorKind::Unavailable, message, source));
            }
        };
        let bad =
            || Error::new(ErrorKind::Data, format!("{} is not a note of this trail's key", path.display()));
        let note = Note::parse(&bytes).map_err(|_| bad())?;
        note.verify(&[&meta.key]).map_err(|_| bad())?;
        let mut lines = note.text.lines().skip(2);
        let size = lines.next().and_then(|size| size.parse().ok()).ok_or_else(bad)?;
        let root = lines.next().and_then(|root| Hash::parse(root).ok()).ok_or_else(bad)?;
        if note.text != closed_text(&meta.origin, size, &root) {
            return Err(bad());
        }
        Ok(Some(Closed { size, root }))
    }

    /// After a clean close the trail holds exactly what the note says.
    fn check(&self, layout: &Layout, levels: &Levels, tail: &Tail, mode: Mode) -> Result<(), Error> {
        let size = levels.size() + tail.unsealed.len() as u64;
        let nothing_torn = tail.torn_bytes() == 0 || mode == Mode::Repair;
        let checkpoint_is_last = tail.unsealed.is_empty() || mode == Mode::Repair;
        let root = || {
            let mut tree = levels.tree();
            tree.extend(tail.unsealed.iter().copied());
            tree.root()
        };
        if size == self.size && nothing_torn && checkpoint_is_last && root() == self.root {
            return Ok(());
        }
        let holds = if size != self.size {
            format!("now holds {size}")
        } else if !nothing_torn {
            format!("{} bytes follow the last of them", tail.torn_bytes())
        } else if !checkpoint_is_last {
            format!("its checkpoint covers only {} of them", levels.size())
        } else {
            "they are not those that were signed then".to_owned()
        };
        let dir = layout.dir().display();
        let message = format!(
            "the trail was closed with {} entries, and {holds}; look with `graven verify {dir}`",
            self.size
        );
        Err(Error::new(ErrorKind::Data, message))
    }
}

/// 0, then each size under which a segment was closed, in order.
fn boundaries(disk: &dyn Disk, layout: &Layout) -> Result<Vec<u64>, Error> {
    let names = list(disk, &layout.boundaries())?;
    let mut sizes: Vec<u64> = names.iter().filter_map(|name| name.name.parse().ok()).collect();
    sizes.push(0);
    sizes.sort_unstable();
    Ok(sizes)
}

fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<DirEntry>, Error> {
    disk.read_dir(dir).map_err(|source| {
        Error::with_source(ErrorKind::Data, format!("cannot list {}", dir.display()), source)
    })
}

/// Which files hold which entries.
#[derive(Debug)]
struct Segments {
    /// The first index of each closed segment, in order.
    firsts: Vec<u64>,
    /// The first index of the live file as found.
    live_first: u64,
    /// The first index of the live file once an unfinished rotation is finished.
    live_first_after: u64,
    /// Whether the live file is there.
    live_exists: bool,
}

impl Segments {
    fn read(
        disk: &dyn Disk,
        layout: &Layout,
        meta: &Meta,
        checkpoint: &Checkpoint,
    ) -> Result<Segments, Error> {
        let damaged = |message: String| Error::new(ErrorKind::Data, message);
        let boundaries = boundaries(disk, layout)?;
        let newest = *boundaries.last().expect("0 is always there");
        if newest > 0 {
            let (boundary, _) = read_signed(disk, &layout.boundary(newest), meta)?;
            if boundary.size != newest || newest % TILE_WIDTH != 0 || checkpoint.size < newest {
                let message = format!(
                    "the checkpoint of {} entries is older than the segment that was closed at {newest}",
                    checkpoint.size
                );
                return Err(damaged(message));
            }
        }
        let mut firsts: Vec<u64> = Vec::new();
        for name in list(disk, &layout.segments())? {
            if let Some(first) = segment_first(&name.name) {
                if name.metadata.bytes == 0 {
                    return Err(damaged(format!("the segment {} is empty", name.name)));
                }
                firsts.push(first);
            }
        }
        firsts.sort_unstable();
        let live_exists = disk.metadata(layout.live()).is_ok();
        // Every boundary but the newest begins a segment. The last of these may still be called by the live file's name.
        let expected = &boundaries[..boundaries.len() - 1];
        let unfinished = !expected.is_empty() && firsts == expected[..expected.len() - 1] && live_exists;
        if firsts != expected && !unfinished {
            let gap = expected.iter().find(|first| !firsts.contains(first));
            return Err(damaged(match gap {
                Some(first) => format!(
                    "the segment that begins at entry {first} is missing in {}",
                    layout.segments().display()
                ),
                None => format!("{} holds a segment that no checkpoint closed", layout.segments().display()),
            }));
        }
        if !live_exists && checkpoint.size > newest {
            return Err(damaged(format!("the live file {} is missing", layout.live().display())));
        }
        let live_first = if unfinished { expected[expected.len() - 1] } else { newest };
        Ok(Segments { firsts, live_first, live_first_after: newest, live_exists })
    }

    /// Whether a crash fell between a boundary checkpoint and the rename of its segment.
    fn unfinished(&self) -> bool {
        self.live_first != self.live_first_after
    }

    /// Finishes what a crash left of a rotation, and opens the live file.
    fn finish_rotation(&self, disk: &dyn Disk, layout: &Layout) -> io::Result<Arc<dyn File>> {
        if self.unfinished() {
            close_live(disk, layout, self.live_first)?;
        }
        if self.unfinished() || !self.live_exists {
            // The rename may have been seen but not synced.
            durable::sync_dir(disk, &layout.segments())?;
            return create_live(disk, layout);
        }
        durable::sync_dir(disk, layout.live_parent())?;
        durable::retried(|| disk.open(layout.live(), Open::Write))
    }

    /// All files in the order of the log, once the rotation is finished.
    fn files(&self, layout: &Layout) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.firsts.iter().map(|first| layout.segment(*first)).collect();
        if self.unfinished() {
            files.push(layout.segment(self.live_first));
        }
        files.push(layout.live().to_owned());
        files
    }
}

/// The tree under the checkpoint: from `tiles/`, or from the segments when the tiles do not give its root.
fn trusted_levels(
    disk: &Arc<dyn Disk>,
    layout: &Layout,
    checkpoint: &Checkpoint,
    segments: &Segments,
) -> Result<Levels, Error> {
    if let Ok(levels) = Levels::load(Arc::clone(disk), layout.clone(), checkpoint.size)
        && levels.root() == checkpoint.root
    {
        return Ok(levels);
    }
    tracing::warn!(tiles = %layout.tiles().display(), "the tiles do not give the checkpoint's root: made again from the segments");
    let mut files: Vec<PathBuf> = segments.firsts.iter().map(|first| layout.segment(*first)).collect();
    files.push(layout.live().to_owned());
    rebuild::rebuild(disk, layout, &files, checkpoint)
}

/// The end of the live file, from the last full tile on.
#[derive(Debug)]
struct Tail {
    /// Where the lines under the checkpoint end.
    sealed_end: u64,
    /// Where the last good line ends.
    good_end: u64,
    /// The bytes from `sealed_end` on: first the good lines, then what is torn.
    bytes: Vec<u8>,
    /// The leaf hashes of the good lines past the checkpoint.
    unsealed: Vec<Hash>,
    /// The index after the last good line.
    next: u64,
}

impl Tail {
    /// Reads and judges the end of the live file; in a repair at most `keep` entries are kept.
    fn read(
        disk: &dyn Disk,
        layout: &Layout,
        segments: &Segments,
        levels: &Levels,
        mode: Mode,
        keep: Option<u64>,
    ) -> Result<Tail, Error> {
        let path = layout.live();
        if !segments.live_exists {
            let next = segments.live_first_after;
            return Ok(Tail { sealed_end: 0, good_end: 0, bytes: Vec::new(), unsealed: Vec::new(), next });
        }
        let unreadable = |source: io::Error| {
            Error::with_source(ErrorKind::Unavailable, format!("cannot read {}", path.display()), source)
        };
        let file = disk.open(path, Open::Read).map_err(unreadable)?;
        let size = levels.size();
        // The lines under the checkpoint since the last full tile are compared with their hashes.
        let checked_from = segments.live_first.max(size - size % TILE_WIDTH);
        let start = skip_lines(&*file, checked_from - segments.live_first).map_err(unreadable)?;
        let mut bytes = vec![
            0;
            usize::try_from(file.bytes().map_err(unreadable)? - start.offset)
                .map_err(|error| unreadable(io::Error::other(error)))?
        ];
        let read = durable::read_full_at(&*file, &mut bytes, start.offset).map_err(unreadable)?;
        bytes.truncate(read);
        let hashes = levels.partial_leaves().map_err(unreadable)?;
        let hashes = &hashes[hashes.len() - usize::try_from(size - checked_from).expect("at most 255")..];
        let sealed = check_sealed(layout, checked_from - start.missing, hashes, &bytes, start)?;
        let bytes = bytes.split_off(sealed);
        let tail = Tail::sort(start.offset + sealed as u64, size, bytes, keep);
        tail.judge(layout, segments, mode)
    }

    /// Sorts what is past the checkpoint into good lines and a torn rest.
    fn sort(sealed_end: u64, size: u64, bytes: Vec<u8>, keep: Option<u64>) -> Tail {
        let mut unsealed = Vec::new();
        let mut good = 0;
        for end in memchr::memchr_iter(b'\n', &bytes) {
            let line = &bytes[good..end];
            let kept = keep.is_none_or(|keep| size + (unsealed.len() as u64) < keep);
            if !kept || line.len() > ENTRY_BYTES_MAX || Entry::from_line(line).is_err() {
                break;
            }
            unsealed.push(leaf_hash(line));
            good = end + 1;
        }
        let next = size + unsealed.len() as u64;
        Tail { sealed_end, good_end: sealed_end + good as u64, bytes, unsealed, next }
    }

    /// Refuses what no crash explains.
    fn judge(mut self, layout: &Layout, segments: &Segments, mode: Mode) -> Result<Tail, Error> {
        let refuse = |what: String| {
            let live = layout.live().display();
            let dir = layout.dir().display();
            let message = format!(
                "{live}: {what}; look with `graven verify {dir}`, then perhaps `graven repair {dir}`"
            );
            Err(Error::new(ErrorKind::Data, message))
        };
        if mode == Mode::Open && self.torn_bytes() > GROUP_BYTES_MAX as u64 {
            return refuse(format!(
                "damaged from byte {} on, {} bytes before its end, which no crash explains",
                self.good_end,
                self.torn_bytes()
            ));
        }
        let bytes = self.good_end - self.sealed_end;
        let too_many = self.unsealed.len() as u64 > UNSEALED_ENTRIES_MAX || bytes > UNSEALED_BYTES_MAX;
        if mode == Mode::Open && too_many {
            return refuse(format!(
                "{} entries of {bytes} bytes are past the checkpoint, which is more than there can be: the checkpoint \
                 was rolled back",
                self.unsealed.len()
            ));
        }
        if segments.unfinished() {
            if !self.bytes.is_empty() {
                return refuse(format!("it goes on at byte {} past the end of its segment", self.sealed_end));
            }
            // The rotation will be finished: then the live file is a new, empty one.
            (self.sealed_end, self.good_end) = (0, 0);
        }
        Ok(self)
    }

    fn torn_bytes(&self) -> u64 {
        self.bytes.len() as u64 - (self.good_end - self.sealed_end)
    }

    /// Keeps and cuts what is torn, and writes again what is good. Returns where the torn bytes are.
    fn mend(&self, disk: &dyn Disk, layout: &Layout, live: &dyn File) -> io::Result<Option<String>> {
        let (good, torn) =
            self.bytes.split_at(usize::try_from(self.good_end - self.sealed_end).map_err(io::Error::other)?);
        let mut torn_file = None;
        if !torn.is_empty() {
            let hash = sha256(torn).to_hex();
            let name = format!("{:020}-{}", self.next, &hash[..16]);
            durable::create_dir(disk, &layout.torn())?;
            durable::replace(disk, &layout.torn().join(&name), torn)?;
            // The copy is durable: now the bytes may go.
            durable::retried(|| live.set_bytes(self.good_end))?;
            torn_file = Some(format!("torn/{name}"));
        }
        durable::write_all_at(live, good, self.sealed_end)?;
        durable::retried(|| live.sync_all())?;
        Ok(torn_file)
    }
}

/// Where a line begins; how many lines fewer there were than asked for.
#[derive(Debug, Clone, Copy)]
struct Start {
    offset: u64,
    missing: u64,
}

/// The offset after `lines` complete lines.
fn skip_lines(file: &dyn File, lines: u64) -> io::Result<Start> {
    let mut buffer = vec![0; 1 << 20];
    let (mut offset, mut after_line, mut left) = (0, 0, lines);
    while left > 0 {
        let read = durable::read_full_at(file, &mut buffer, offset)?;
        if read == 0 {
            break;
        }
        for at in memchr::memchr_iter(b'\n', &buffer[..read]) {
            left -= 1;
            after_line = offset + at as u64 + 1;
            if left == 0 {
                break;
            }
        }
        offset += read as u64;
    }
    Ok(Start { offset: after_line, missing: left })
}

/// Compares the lines under the checkpoint with their hashes; where they end.
fn check_sealed(
    layout: &Layout,
    first: u64,
    hashes: &[Hash],
    bytes: &[u8],
    start: Start,
) -> Result<usize, Error> {
    let damaged = |what: String| {
        let look = format!("look with `graven verify {}`", layout.dir().display());
        Error::new(ErrorKind::Data, format!("{}: {what}; {look}", layout.live().display()))
    };
    let mut end = 0;
    let mut ends = memchr::memchr_iter(b'\n', bytes);
    for (index, hash) in (first..).zip(hashes) {
        let Some(newline) = ends.next() else {
            return Err(damaged(format!("entry {index} is missing, though a checkpoint covers it")));
        };
        if leaf_hash(&bytes[end..newline]) != *hash {
            return Err(damaged(format!("entry {index} at byte {} was changed", start.offset + end as u64)));
        }
        end = newline + 1;
    }
    if start.missing > 0 {
        return Err(damaged(format!("entry {first} is missing, though a checkpoint covers it")));
    }
    Ok(end)
}
