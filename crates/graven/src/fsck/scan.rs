//! The one pass over all bytes: recomputes every leaf hash, on all cores, in bounded memory.
//!
//! The pieces are cut into chunks, and the threads take the chunks in order. A thread reads its chunk, finds the lines
//! and shares their number: from it follows the index of the first line of the next chunk. Then it hashes the lines,
//! compares them with `tiles/0`, and hashes them up to subtrees of 256. The results of a chunk are small; they are put
//! together in order on the right edge of the tree.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use graven_core::hash::{Hash, sha256};
use graven_core::tile::{ENTRY_BYTES_MAX, TILE_HEIGHT, TILE_WIDTH};
use graven_core::tree::Node;

use super::blobs::{BlobProblem, Blobs};
use super::piece::{Chunk, Piece};
use super::spine::{Spine, subtrees};
use super::tiles::{Damage, Tiles};

/// The bytes that a thread takes at a time: few enough to stay in the core's cache while they are hashed.
const CHUNK_BYTES: u64 = 512 << 10;

/// More threads than this read no faster.
const THREADS_MAX: usize = 16;

/// What to read, and what to find out on the way.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) pieces: &'a [Piece],
    /// The sizes at which to compute the root, ascending.
    pub(super) stops: &'a [u64],
    /// The number of sealed entries; the scan finds the offset of the first entry after them.
    pub(super) sealed: u64,
    pub(super) tiles: &'a Tiles,
    pub(super) blobs: &'a Blobs,
}

/// What the pass found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// What it found in each piece.
    pub(super) pieces: Vec<PieceScan>,
    /// For each stop: the root over that number of entries; `None` when some of them are missing.
    pub(super) roots: Vec<Option<Hash>>,
    /// The roots of the complete subtrees of the sealed entries; `None` when some of these are missing.
    pub(super) peaks: Option<Vec<Hash>>,
    /// Where `tiles/` differs from the entries, level by level.
    pub(super) damage: Damage,
    /// The root of each complete group of 256 sealed entries, by group.
    pub(super) groups: BTreeMap<u64, Hash>,
    /// The leaf hashes of the sealed entries past the last whole group.
    pub(super) tail: Vec<(u64, Hash)>,
    pub(super) blob_problems: Vec<BlobProblem>,
    /// Where the first unsealed entry begins: its piece, and the offset in it.
    pub(super) unsealed_at: Option<(usize, u64)>,
}

/// What the pass found in one piece.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PieceScan {
    /// The number of whole lines.
    pub(super) lines: u64,
    /// Where the bytes after its last newline begin.
    pub(super) torn: Option<u64>,
    /// The first line that is empty or too long for an entry: its number in the piece, and its offset.
    pub(super) not_an_entry: Option<(u64, u64)>,
}

/// Runs the pass. Calls `progress` on this thread with the bytes done; with all bytes only once, at the end.
pub(super) fn scan(plan: &Plan, progress: &dyn Fn(u64)) -> io::Result<Scan> {
    let chunks = cut(plan.pieces);
    let work = Work::new(plan, &chunks);
    thread::scope(|scope| {
        for _ in 1..threads().min(chunks.len()) {
            scope.spawn(|| work.run(&|_| ()));
        }
        work.run(progress);
    });
    let bytes_total = work.bytes_total;
    let scan = work.finish()?;
    progress(bytes_total);
    Ok(scan)
}

fn threads() -> usize {
    thread::available_parallelism().map_or(2, usize::from).min(THREADS_MAX)
}

/// A part of one piece.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    piece: usize,
    start: u64,
    end: u64,
}

fn cut(pieces: &[Piece]) -> Vec<Stretch> {
    let mut chunks = Vec::new();
    for (piece, Piece { bytes, .. }) in pieces.iter().enumerate() {
        for start in (0..*bytes).step_by(CHUNK_BYTES as usize) {
            chunks.push(Stretch { piece, start, end: bytes.min(&(start + CHUNK_BYTES)).to_owned() });
        }
    }
    chunks
}

/// The state that the threads share.
#[derive(Debug)]
struct Work<'a> {
    plan: &'a Plan<'a>,
    chunks: &'a [Stretch],
    next: AtomicUsize,
    bytes_done: AtomicU64,
    bytes_total: u64,
    lines: Mutex<LineCounts>,
    /// Signalled when `lines` moves on.
    counted: Condvar,
    /// The results, put together in order.
    assembly: Mutex<Assembly<'a>>,
}

/// The line counts of the chunks, as far as they are known.
#[derive(Debug)]
struct LineCounts {
    /// By chunk: the number within its piece of the first line that begins in it. One more than the counted chunks.
    first_lines: Vec<u64>,
    /// Counts that came before those of earlier chunks, by chunk.
    early: BTreeMap<usize, u64>,
    error: Option<io::Error>,
    stopped: bool,
}

/// The results of one chunk.
#[derive(Debug)]
struct Part {
    piece: usize,
    lines: u64,
    torn: Option<u64>,
    not_an_entry: Option<(u64, u64)>,
    subtrees: Vec<(Node, Hash)>,
    damage: Damage,
    tail: Vec<(u64, Hash)>,
    blob_problems: Vec<BlobProblem>,
    unsealed_at: Option<(usize, u64)>,
}

impl<'a> Work<'a> {
    fn new(plan: &'a Plan<'a>, chunks: &'a [Stretch]) -> Work<'a> {
        Work {
            plan,
            chunks,
            next: AtomicUsize::new(0),
            bytes_done: AtomicU64::new(0),
            bytes_total: plan.pieces.iter().map(|piece| piece.bytes).sum(),
            lines: Mutex::new(LineCounts {
                first_lines: vec![0],
                early: BTreeMap::new(),
                error: None,
                stopped: false,
            }),
            counted: Condvar::new(),
            assembly: Mutex::new(Assembly::new(plan)),
        }
    }

    fn run(&self, progress: &dyn Fn(u64)) {
        let _guard = StopOthersOnPanic(self);
        let mut chunk = Chunk::default();
        let mut leaves = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(stretch) = self.chunks.get(number) else {
                return;
            };
            match self.run_one(number, *stretch, &mut chunk, &mut leaves) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return self.stop(Some(error)),
            }
            let bytes = stretch.end - stretch.start;
            let done = self.bytes_done.fetch_add(bytes, Ordering::Relaxed) + bytes;
            if done < self.bytes_total {
                progress(done);
            }
        }
    }

    /// Does one chunk; `false` when another thread has failed.
    fn run_one(
        &self,
        number: usize,
        stretch: Stretch,
        chunk: &mut Chunk,
        leaves: &mut Vec<Hash>,
    ) -> io::Result<bool> {
        let piece = &self.plan.pieces[stretch.piece];
        chunk.read(piece, stretch.start, stretch.end)?;
        let lines = chunk.ends.len() as u64;
        self.say_count(number, lines);
        let not_an_entry = hash_lines(chunk, leaves);
        let Some(first_line) = self.first_line(number) else {
            return Ok(false);
        };
        let first = piece.first + first_line;
        let mut part = Part {
            piece: stretch.piece,
            lines,
            torn: chunk.torn,
            not_an_entry: not_an_entry.map(|(line, offset)| (first_line + line, offset)),
            subtrees: Vec::new(),
            damage: Damage::default(),
            tail: Vec::new(),
            blob_problems: self.plan.blobs.check_chunk(stretch.piece, first_line, chunk)?,
            unsealed_at: None,
        };
        self.plan.tiles.compare(0, first, leaves, &mut part.damage)?;
        self.hash_up(first, leaves, &mut part);
        self.keep_tail(first, leaves, chunk, &mut part);
        let mut assembly = self.assembly.lock().unwrap_or_else(PoisonError::into_inner);
        assembly.add(number, part)?;
        Ok(true)
    }

    /// Hashes leaves up to subtrees of at most 256. No subtree crosses a stop.
    fn hash_up(&self, first: u64, leaves: &[Hash], part: &mut Part) {
        let end = first + leaves.len() as u64;
        let mut at = first;
        let mut stops = self.plan.stops[self.plan.stops.partition_point(|stop| *stop <= first)..].iter();
        while at < end {
            let stop = end.min(stops.next().copied().unwrap_or(end));
            let range = &leaves[(at - first) as usize..(stop - first) as usize];
            subtrees(at, range, |node, hash| part.subtrees.push((node, hash)));
            at = stop;
        }
    }

    /// Keeps the leaf hashes after the last whole group, and the offset where the sealed entries end.
    fn keep_tail(&self, first: u64, leaves: &[Hash], chunk: &Chunk, part: &mut Part) {
        let sealed = self.plan.sealed;
        let end = first + leaves.len() as u64;
        let tail = first.max(sealed - sealed % TILE_WIDTH)..end.min(sealed);
        part.tail.extend(tail.map(|index| (index, leaves[(index - first) as usize])));
        if (first..end).contains(&sealed) {
            let (start, _) = chunk.lines().nth((sealed - first) as usize).expect("a leaf for every line");
            part.unsealed_at = Some((part.piece, chunk.offset(start)));
        }
    }

    /// Shares how many lines begin in a chunk.
    fn say_count(&self, number: usize, lines: u64) {
        let mut counts = self.counts();
        counts.early.insert(number, lines);
        while let Some(lines) = {
            let next = counts.first_lines.len() - 1;
            counts.early.remove(&next)
        } {
            let next = counts.first_lines.len() - 1;
            let same_piece = self.chunks.get(next + 1).is_some_and(|c| c.piece == self.chunks[next].piece);
            let first_line = if same_piece { counts.first_lines[next] + lines } else { 0 };
            counts.first_lines.push(first_line);
        }
        drop(counts);
        self.counted.notify_all();
    }

    /// The number within its piece of the first line of a chunk, once the chunks before it are counted; `None` when
    /// another thread has failed.
    fn first_line(&self, number: usize) -> Option<u64> {
        let counts = self.counts();
        let waiting = |counts: &mut LineCounts| counts.first_lines.len() <= number && !counts.stopped;
        let counts = self.counted.wait_while(counts, waiting).unwrap_or_else(PoisonError::into_inner);
        counts.first_lines.get(number).copied().filter(|_| !counts.stopped)
    }

    fn stop(&self, error: Option<io::Error>) {
        let mut counts = self.counts();
        counts.stopped = true;
        if counts.error.is_none() {
            counts.error = error;
        }
        drop(counts);
        self.counted.notify_all();
    }

    fn finish(self) -> io::Result<Scan> {
        if let Some(error) = self.lines.into_inner().unwrap_or_else(PoisonError::into_inner).error {
            return Err(error);
        }
        let mut scan = self.assembly.into_inner().unwrap_or_else(PoisonError::into_inner).scan;
        scan.damage.settle();
        Ok(scan)
    }

    fn counts(&self) -> MutexGuard<'_, LineCounts> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that panics must not leave the others waiting for its count.
struct StopOthersOnPanic<'w, 'a>(&'w Work<'a>);

impl Drop for StopOthersOnPanic<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop(None);
        }
    }
}

/// Computes the leaf hash of every line. Returns number and offset of the first line whose length no entry has.
fn hash_lines(chunk: &mut Chunk, leaves: &mut Vec<Hash>) -> Option<(u64, u64)> {
    leaves.clear();
    leaves.reserve(chunk.ends.len());
    let mut start = chunk.first_line;
    let mut not_an_entry = None;
    for (number, end) in (0..).zip(&chunk.ends) {
        let end = *end as usize;
        if not_an_entry.is_none() && !(1..=ENTRY_BYTES_MAX).contains(&(end - start)) {
            not_an_entry = Some((number, chunk.start + start as u64 - 1));
        }
        // The byte before a line is a newline that is no longer needed: it becomes the 0x00 of the leaf hash.
        chunk.buffer[start - 1] = 0;
        leaves.push(sha256(&chunk.buffer[start - 1..end]));
        start = end + 1;
    }
    not_an_entry
}

/// The results of the chunks, put together in order.
#[derive(Debug)]
struct Assembly<'a> {
    plan: &'a Plan<'a>,
    early: BTreeMap<usize, Part>,
    next: usize,
    spine: Spine,
    scan: Scan,
}

impl<'a> Assembly<'a> {
    fn new(plan: &'a Plan<'a>) -> Assembly<'a> {
        let root_of_nothing = |stop: &u64| (*stop == 0).then_some(Hash::EMPTY_TREE);
        Assembly {
            plan,
            early: BTreeMap::new(),
            next: 0,
            spine: Spine::new(0),
            scan: Scan {
                pieces: vec![PieceScan::default(); plan.pieces.len()],
                roots: plan.stops.iter().map(root_of_nothing).collect(),
                peaks: (plan.sealed == 0).then(Vec::new),
                ..Scan::default()
            },
        }
    }

    fn add(&mut self, number: usize, part: Part) -> io::Result<()> {
        self.early.insert(number, part);
        while let Some(part) = self.early.remove(&self.next) {
            self.next += 1;
            self.append(part)?;
        }
        Ok(())
    }

    fn append(&mut self, part: Part) -> io::Result<()> {
        for (node, hash) in part.subtrees {
            self.push(node, hash)?;
        }
        let piece = &mut self.scan.pieces[part.piece];
        piece.lines += part.lines;
        piece.torn = piece.torn.or(part.torn);
        piece.not_an_entry = piece.not_an_entry.or(part.not_an_entry);
        self.scan.damage.extend(&part.damage);
        self.scan.tail.extend(part.tail);
        self.scan.blob_problems.extend(part.blob_problems);
        self.scan.unsealed_at = self.scan.unsealed_at.or(part.unsealed_at);
        Ok(())
    }

    fn push(&mut self, node: Node, hash: Hash) -> io::Result<()> {
        let Assembly { plan, spine, scan, .. } = self;
        let mut result = Ok(());
        spine.push(node, hash, |node, hash| {
            if node.level == TILE_HEIGHT && node.index < plan.sealed / TILE_WIDTH {
                scan.groups.insert(node.index, *hash);
            }
            if node.level > 0 && node.level.is_multiple_of(TILE_HEIGHT) && result.is_ok() {
                let level = node.level / TILE_HEIGHT;
                result = plan.tiles.compare(level, node.index, &[*hash], &mut scan.damage);
            }
        });
        if let Ok(stop) = plan.stops.binary_search(&spine.size())
            && scan.roots[stop].is_none()
        {
            scan.roots[stop] = spine.root();
            if spine.size() == plan.sealed {
                scan.peaks = spine.peaks();
            }
        }
        result
    }
}
