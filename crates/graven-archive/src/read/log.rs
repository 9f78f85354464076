//! The lines of a trail in an archive: those of the closed segments by frames, the others from a file.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use graven_core::hash::{Hash, leaf_hash};
use memchr::memchr;

use super::found::Found;
use super::frames::{BOUNDS, Frames};
use super::pieces::Pieces;
use super::segment::Segment;
use super::tail::Tail;
use crate::store::Store;

/// How many bytes of the tail are read at a time.
const READ_BYTES: usize = 256 << 10;

/// The lines.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) segments: Arc<[Segment]>,
    frames: Pieces<Frames>,
    pub(super) tail: Tail,
}

impl Log {
    pub(super) fn new(
        store: &Arc<dyn Store>,
        segments: Arc<[Segment]>,
        tail: Tail,
        found: Option<Arc<Found>>,
    ) -> Log {
        let frames = Frames::new(Arc::clone(store), Arc::clone(&segments), found);
        Log { segments, frames: Pieces::new(frames, BOUNDS), tail }
    }

    pub(super) fn frames(&self) -> &Frames {
        self.frames.loader()
    }

    /// The lines of a frame of a segment.
    pub(super) fn frame(&self, segment: usize, frame: usize) -> io::Result<Bytes> {
        self.frames.get(self.frames.loader().piece(segment, frame))
    }

    /// Reads the lines of a closed segment from a byte on, at most to the end of a frame.
    pub(super) fn read_segment(&self, number: usize, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let segment = &self.segments[number];
        let Some(frame) = segment.frame_at(offset) else { return Ok(0) };
        let lines = self.frame(number, frame)?;
        let start = (offset - segment.frames[frame].at) as usize;
        let read = buffer.len().min(lines.len() - start);
        buffer[..read].copy_from_slice(&lines[start..start + read]);
        Ok(read)
    }

    /// The leaf hashes of the entries of a range, as far as the lines are there.
    pub(super) fn leaves(&self, first: u64, end: u64) -> io::Result<Vec<Hash>> {
        let mut leaves = Vec::new();
        let mut next = first;
        while next < end {
            let before = leaves.len();
            if next < self.tail.first {
                self.leaves_of_frame(next, end, &mut leaves)?;
            } else {
                self.leaves_of_tail(next, end, &mut leaves)?;
            }
            next += (leaves.len() - before) as u64;
            if leaves.len() == before {
                let message = format!("entry {next} cannot be found in the closed segments");
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
        }
        Ok(leaves)
    }

    fn leaves_of_frame(&self, first: u64, end: u64, leaves: &mut Vec<Hash>) -> io::Result<()> {
        let number = self.segments.partition_point(|segment| segment.span.end <= first);
        let Some(segment) = self.segments.get(number) else { return Ok(()) };
        let line = first.saturating_sub(segment.span.first);
        let Some(frame) = segment.frame_of(line) else { return Ok(()) };
        let lines = self.frame(number, frame)?;
        let skipped = (line - segment.frames[frame].line) as usize;
        let lines = lines.split_inclusive(|byte| *byte == b'\n').skip(skipped);
        leaves.extend(lines.take((end - first) as usize).map(hash_of));
        Ok(())
    }

    fn leaves_of_tail(&self, first: u64, end: u64, leaves: &mut Vec<Hash>) -> io::Result<()> {
        let line = first - self.tail.first;
        let Some((known, mut at, _)) = self.tail.part_of(line) else { return Ok(()) };
        let (mut skipped, mut left) = (line - known, end - first);
        let mut rest = Vec::new();
        let mut buffer = vec![0; READ_BYTES];
        while left > 0 {
            let read = self.tail.read_at(&mut buffer, at)?;
            if read == 0 {
                break;
            }
            at += read as u64;
            rest.extend_from_slice(&buffer[..read]);
            let mut done = 0;
            while let Some(length) = memchr(b'\n', &rest[done..]).filter(|_| left > 0) {
                if skipped > 0 {
                    skipped -= 1;
                } else {
                    leaves.push(leaf_hash(&rest[done..done + length]));
                    left -= 1;
                }
                done += length + 1;
            }
            rest.drain(..done);
        }
        Ok(())
    }
}

fn hash_of(line: &[u8]) -> Hash {
    leaf_hash(line.strip_suffix(b"\n").unwrap_or(line))
}
