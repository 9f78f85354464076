//! The frames of all closed segments, fetched by range and unpacked.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use graven_core::verdict::{Finding, Verdict};

use super::found::Found;
use super::pieces::{Bounds, Loader};
use super::segment::{Placed, Segment};
use super::sums::Sums;
use crate::packed::unpack_frame;
use crate::store::{Store, StoreError, StoreErrorKind};

/// What is kept of unpacked lines, and what is fetched ahead. With what the workers have in their hands, about 100 MiB.
pub(super) const BOUNDS: Bounds = Bounds { kept: 64 << 20, ahead: 32 << 20, at_once: 8 << 20 };

/// The frames. They are numbered through all segments.
#[derive(Debug)]
pub(super) struct Frames {
    store: Arc<dyn Store>,
    segments: Arc<[Segment]>,
    /// The number of the first frame of each segment, and of all.
    starts: Vec<u64>,
    judging: Option<Judging>,
}

/// What a verification does while it reads.
#[derive(Debug)]
struct Judging {
    found: Arc<Found>,
    sums: Vec<Sums>,
}

impl Frames {
    /// With `found`, damage is a finding, and lines that are no entries stand in its place. Without, it is an error.
    pub(super) fn new(store: Arc<dyn Store>, segments: Arc<[Segment]>, found: Option<Arc<Found>>) -> Frames {
        let mut starts = vec![0];
        let mut next = 0;
        for segment in &*segments {
            next += segment.frames.len() as u64;
            starts.push(next);
        }
        let judging =
            found.map(|found| Judging { found, sums: segments.iter().map(|_| Sums::default()).collect() });
        Frames { store, segments, starts, judging }
    }

    /// The number of a frame of a segment.
    pub(super) fn piece(&self, segment: usize, frame: usize) -> u64 {
        self.starts[segment] + frame as u64
    }

    /// The digests of a segment, of a verification.
    pub(super) fn sums(&self, segment: usize) -> Option<&Sums> {
        self.judging.as_ref().map(|judging| &judging.sums[segment])
    }

    fn place(&self, piece: u64) -> (usize, usize) {
        let segment = self.starts.partition_point(|start| *start <= piece) - 1;
        (segment, (piece - self.starts[segment]) as usize)
    }

    fn placed(&self, piece: u64) -> Placed {
        let (segment, frame) = self.place(piece);
        self.segments[segment].frames[frame]
    }

    fn unpacked(&self, piece: u64, packed: Bytes) -> io::Result<Bytes> {
        let (segment, frame) = self.place(piece);
        match unpack_frame(&packed, self.placed(piece).bytes) {
            Ok(lines) => {
                let lines = Bytes::from(lines);
                if let Some(judging) = &self.judging {
                    judging.sums[segment].add(frame, packed, lines.clone());
                }
                Ok(lines)
            }
            Err(error) => self.damaged(piece, &format!("this frame cannot be unpacked: {error}")),
        }
    }

    /// A frame that is damaged.
    fn damaged(&self, piece: u64, why: &str) -> io::Result<Bytes> {
        let (segment, frame) = self.place(piece);
        let segment = &self.segments[segment];
        let placed = segment.frames[frame];
        let address = self.store.address(&segment.object);
        let Some(judging) = &self.judging else {
            let message = format!("{address}, byte {}: {why}; see `graven verify`", placed.packed_at);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        };
        let finding = Finding::new(Verdict::Altered, why.to_owned()).file(address).offset(placed.packed_at);
        let first = segment.span.first + placed.line;
        judging.found.add(match placed.entries {
            0 => finding,
            entries => finding.range(first, first + entries - 1),
        });
        Ok(no_entries(placed))
    }

    /// Why a range of an object cannot be read: it does not have it, or else what the store says.
    fn unread(&self, piece: u64, error: StoreError) -> io::Result<Bytes> {
        let (segment, _) = self.place(piece);
        let (name, placed) = (&self.segments[segment].object, self.placed(piece));
        match self.store.bytes(name) {
            Ok(Some(bytes)) if bytes >= placed.packed_at + placed.packed => Err(as_io(error)),
            Ok(Some(bytes)) => self.damaged(piece, &format!("the object was cut: it has {bytes} bytes")),
            Ok(None) if self.judging.is_none() => {
                Err(as_io(StoreError { kind: StoreErrorKind::NotFound, ..error }))
            }
            Ok(None) => self.damaged(piece, "the object is missing"),
            Err(_) => Err(as_io(error)),
        }
    }
}

impl Loader for Frames {
    fn load(&self, run: &[u64], hand_over: &mut dyn FnMut(u64, io::Result<Bytes>)) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return };
        let (from, to) = (self.placed(*first), self.placed(*last));
        let start = from.packed_at;
        let range = start..to.packed_at + to.packed;
        let length = range.end - range.start;
        let (segment, _) = self.place(*first);
        match self.store.read_range(&self.segments[segment].object, range) {
            Ok(packed) if packed.len() as u64 == length => {
                for piece in run {
                    let placed = self.placed(*piece);
                    let at = (placed.packed_at - start) as usize;
                    let packed = packed.slice(at..at + placed.packed as usize);
                    hand_over(*piece, self.unpacked(*piece, packed));
                    if let Some(sums) = self.sums(segment) {
                        sums.hash();
                    }
                }
            }
            // One frame may be there, and another not.
            _ if run.len() > 1 => run.iter().for_each(|piece| self.load(&[*piece], hand_over)),
            Ok(packed) => {
                let why = format!("the object was cut: {} of {length} bytes are there", packed.len());
                hand_over(*first, self.damaged(*first, &why));
            }
            Err(error) => hand_over(*first, self.unread(*first, error)),
        }
    }

    fn before(&self, piece: u64) -> Option<u64> {
        piece.checked_sub(1)
    }

    fn after(&self, piece: u64, n: u64) -> Option<u64> {
        let count = self.starts.last().copied().unwrap_or(0);
        piece.checked_add(n).filter(|piece| *piece < count)
    }

    fn weight(&self, piece: u64) -> u64 {
        self.placed(piece).bytes
    }

    fn joins(&self, piece: u64) -> bool {
        self.place(piece).1 > 0
    }
}

/// As many lines and bytes as a frame has, and no entry.
fn no_entries(placed: Placed) -> Bytes {
    let bytes = usize::try_from(placed.bytes).expect("a frame fits the memory: its manifest was checked");
    let mut lines = vec![b'!'; bytes];
    let each = (placed.bytes / placed.entries.max(1)).max(1) as usize;
    for line in 1..placed.entries as usize {
        if let Some(end) = lines.get_mut(line * each - 1) {
            *end = b'\n';
        }
    }
    if let Some(end) = lines.last_mut() {
        *end = b'\n';
    }
    lines.into()
}

/// The error of a store, as one of a disk. Only what is not there is `NotFound`.
pub(super) fn as_io(error: StoreError) -> io::Error {
    let kind = match error.kind {
        StoreErrorKind::NotFound => io::ErrorKind::NotFound,
        StoreErrorKind::Refused => io::ErrorKind::PermissionDenied,
        StoreErrorKind::Unavailable => io::ErrorKind::Other,
    };
    io::Error::new(kind, crate::error::ArchiveError::from(error).chain())
}
