//! A closed segment of an archive: where its object has which lines.

use std::io;

use bytes::Bytes;
use zeekstd::{BytesWrapper, SeekTable};

use crate::manifest::Manifest;
use crate::names::Span;
use crate::packed::FRAME_BYTES_MAX;
use crate::store::{Store, StoreError};

/// The most bytes that a seek table takes: it has 12 bytes a frame, and a frame has 1 MiB of lines.
const TABLE_BYTES_MAX: u64 = 16 << 20;

/// A closed segment.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) span: Span,
    /// The name of its object.
    pub(super) object: String,
    /// The bytes of the lines.
    pub(super) bytes: u64,
    pub(super) frames: Vec<Placed>,
    /// What its manifest says; `None` when that is lost, and the frames are known from the object itself.
    pub(super) manifest: Option<Manifest>,
    /// Whether the object is there. Only a verification looks before it reads.
    pub(super) is_there: bool,
}

/// A frame, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    /// The number of its first line in the segment, and how many it has; both 0 when that is not known.
    pub(super) line: u64,
    pub(super) entries: u64,
    /// Where its lines begin in the segment, and their bytes.
    pub(super) at: u64,
    pub(super) bytes: u64,
    /// Where it begins in the object, and its bytes there.
    pub(super) packed_at: u64,
    pub(super) packed: u64,
}

impl Segment {
    /// By its manifest.
    pub(super) fn of(manifest: Manifest) -> Segment {
        let mut next = Placed { line: 0, entries: 0, at: 0, bytes: 0, packed_at: 0, packed: 0 };
        let mut frames = Vec::with_capacity(manifest.frames.len());
        for frame in &manifest.frames {
            let placed = Placed { entries: frame.entries, bytes: frame.bytes, packed: frame.packed, ..next };
            next = placed.next();
            frames.push(placed);
        }
        Segment {
            span: manifest.span(),
            object: manifest.object.name.clone(),
            bytes: manifest.lines.bytes,
            frames,
            manifest: Some(manifest),
            is_there: true,
        }
    }

    /// By the seek table of its object, as where its manifest is lost; `None` when the object is not there. The inner error
    /// says what is wrong with the object.
    pub(super) fn by_table(
        store: &dyn Store,
        object: String,
        span: Span,
    ) -> Result<Option<io::Result<Segment>>, StoreError> {
        let Some(bytes) = store.bytes(&object)? else { return Ok(None) };
        let range = bytes.saturating_sub(TABLE_BYTES_MAX)..bytes;
        // An empty range is no request.
        let end = if range.is_empty() { Bytes::new() } else { store.read_range(&object, range)? };
        Ok(Some(Segment::by_read_table(&end, object, span)))
    }

    fn by_read_table(end: &[u8], object: String, span: Span) -> io::Result<Segment> {
        let table = SeekTable::from_seekable(&mut BytesWrapper::new(end)).map_err(io::Error::other)?;
        let mut frames = Vec::new();
        let mut next = Placed { line: 0, entries: 0, at: 0, bytes: 0, packed_at: 0, packed: 0 };
        for number in 0..table.num_frames() {
            let size = |size: Result<u64, zeekstd::Error>| size.map_err(io::Error::other);
            let placed = Placed {
                bytes: size(table.frame_size_decomp(number))?,
                packed: size(table.frame_size_comp(number))?,
                ..next
            };
            if placed.bytes > FRAME_BYTES_MAX {
                return Err(io::Error::other("its seek table has a frame that is too large"));
            }
            next = placed.next();
            frames.push(placed);
        }
        Ok(Segment { span, object, bytes: next.at, frames, manifest: None, is_there: true })
    }

    /// The frame that has a byte of the lines.
    pub(super) fn frame_at(&self, byte: u64) -> Option<usize> {
        let frame = self.frames.partition_point(|frame| frame.at + frame.bytes <= byte);
        (frame < self.frames.len()).then_some(frame)
    }

    /// The frame that has a line, which counts from the first one of the segment; `None` also when that is not known.
    pub(super) fn frame_of(&self, line: u64) -> Option<usize> {
        let frame = self.frames.partition_point(|frame| frame.line + frame.entries <= line);
        (self.manifest.is_some() && frame < self.frames.len()).then_some(frame)
    }

    /// The bytes of all frames in the object. Behind them stands the seek table.
    pub(super) fn packed(&self) -> u64 {
        self.frames.last().map_or(0, |frame| frame.packed_at + frame.packed)
    }
}

impl Placed {
    /// An empty frame behind this one.
    fn next(self) -> Placed {
        Placed {
            line: self.line + self.entries,
            entries: 0,
            at: self.at + self.bytes,
            bytes: 0,
            packed_at: self.packed_at + self.packed,
            packed: 0,
        }
    }
}
