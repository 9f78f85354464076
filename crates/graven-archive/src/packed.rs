//! Lines in an object: zstd frames, each with whole lines, and a seek table behind them, so that a reader can fetch any
//! frame alone. Every zstd program unpacks the whole.

use std::io::{self, Read};

use bytes::Bytes;
use graven_core::hash::hex;
use graven_core::tile::ENTRY_BYTES_MAX;
use sha2::{Digest, Sha256};
use zeekstd::SeekTable;
use zeekstd::seek_table::Format;
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

/// How much smaller, and how slowly: 3 is what zstd itself takes.
const LEVEL: i32 = 3;

/// After this many bytes of lines a frame ends, at the next multiple of [`FRAME_ENTRIES`] entries.
const FRAME_BYTES: usize = 1 << 20;

/// A frame has a multiple of this many entries, except the last one.
pub(crate) const FRAME_ENTRIES: u64 = 256;

/// The most bytes of lines that a frame has: it was below [`FRAME_BYTES`] when the last 256 entries began.
pub(crate) const FRAME_BYTES_MAX: u64 = FRAME_BYTES as u64 + FRAME_ENTRIES * (ENTRY_BYTES_MAX as u64 + 1);

/// One frame, as a manifest lists it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Frame {
    pub(crate) entries: u64,
    /// The bytes of its lines.
    pub(crate) bytes: u64,
    /// The bytes that it has in the object.
    pub(crate) packed: u64,
}

/// The object, and what is in it.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) object: Bytes,
    pub(crate) frames: Vec<Frame>,
    /// The bytes of the lines.
    pub(crate) bytes: u64,
    /// The SHA-256 of the lines, in hex.
    pub(crate) sha256: String,
}

/// Packs lines, one after the other.
pub(crate) struct Packer {
    compressor: Compressor<'static>,
    table: SeekTable,
    object: Vec<u8>,
    frames: Vec<Frame>,
    /// The lines of the frame that is being made, and their number.
    lines: Vec<u8>,
    entries: u64,
    hasher: Sha256,
}

impl Packer {
    pub(crate) fn new() -> io::Result<Packer> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        Ok(Packer {
            compressor,
            table: SeekTable::new(),
            object: Vec::new(),
            frames: Vec::new(),
            lines: Vec::new(),
            entries: 0,
            hasher: Sha256::new(),
        })
    }

    /// Adds a line, without its newline.
    pub(crate) fn push(&mut self, line: &[u8]) -> io::Result<()> {
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
        self.entries += 1;
        if self.lines.len() >= FRAME_BYTES && self.entries.is_multiple_of(FRAME_ENTRIES) {
            self.end_frame()?;
        }
        Ok(())
    }

    fn end_frame(&mut self) -> io::Result<()> {
        let packed = self.compressor.compress(&self.lines)?;
        let frame =
            Frame { entries: self.entries, bytes: self.lines.len() as u64, packed: packed.len() as u64 };
        let small = |bytes: u64| u32::try_from(bytes).map_err(io::Error::other);
        self.table.log_frame(small(frame.packed)?, small(frame.bytes)?).map_err(io::Error::other)?;
        self.hasher.update(&self.lines);
        self.object.extend_from_slice(&packed);
        self.frames.push(frame);
        self.lines.clear();
        self.entries = 0;
        Ok(())
    }

    /// The bytes of the lines so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.frames.iter().map(|frame| frame.bytes).sum::<u64>() + self.lines.len() as u64
    }

    /// Ends the last frame, and writes the seek table.
    pub(crate) fn finish(mut self) -> io::Result<Packed> {
        if self.entries > 0 {
            self.end_frame()?;
        }
        let Packer { table, mut object, frames, hasher, .. } = self;
        table.into_format_serializer(Format::Foot).read_to_end(&mut object)?;
        Ok(Packed {
            object: object.into(),
            bytes: frames.iter().map(|frame| frame.bytes).sum(),
            frames,
            sha256: hex(&hasher.finalize()),
        })
    }
}

/// Unpacks one frame, whose lines have this many bytes.
pub(crate) fn unpack_frame(packed: &[u8], bytes: u64) -> io::Result<Vec<u8>> {
    let capacity = usize::try_from(bytes.min(FRAME_BYTES_MAX)).map_err(io::Error::other)?;
    let lines = zstd::bulk::decompress(packed, capacity)?;
    if lines.len() as u64 != bytes {
        return Err(io::Error::other(format!(
            "a frame has {} bytes, and {bytes} were expected",
            lines.len()
        )));
    }
    Ok(lines)
}

/// Unpacks a whole object of at most this many bytes of lines.
pub(crate) fn unpack(object: &[u8], bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    let decoder = zstd::stream::read::Decoder::with_buffer(object)?;
    decoder.take(bytes_max + 1).read_to_end(&mut lines)?;
    if lines.len() as u64 > bytes_max {
        return Err(io::Error::other(format!("it unpacks to more than {bytes_max} bytes")));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use zeekstd::BytesWrapper;

    use super::*;

    fn packed(lines: &[Vec<u8>]) -> Packed {
        let mut packer = Packer::new().unwrap();
        lines.iter().for_each(|line| packer.push(line).unwrap());
        packer.finish().unwrap()
    }

    #[test]
    fn what_was_packed_is_unpacked_as_a_whole_and_by_frames() {
        let lines: Vec<Vec<u8>> =
            (0..20_000).map(|i| format!("{i} {}", "x".repeat(i % 700)).into_bytes()).collect();
        let packed = packed(&lines);
        let whole: Vec<u8> = lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
        let entries: u64 = packed.frames.iter().map(|frame| frame.entries).sum();
        assert_eq!((entries, packed.bytes), (20_000, whole.len() as u64));
        assert_eq!(packed.sha256, hex(&Sha256::digest(&whole)));
        assert_eq!(unpack(&packed.object, packed.bytes).unwrap(), whole);
        assert!(packed.frames.len() > 2);
        let table = SeekTable::from_seekable(&mut BytesWrapper::new(&packed.object)).unwrap();
        assert_eq!(table.num_frames() as usize, packed.frames.len());
        let (mut at, mut from) = (0, 0);
        for (number, frame) in packed.frames.iter().enumerate() {
            assert_eq!(table.frame_start_comp(number as u32).unwrap(), at as u64);
            let end = at + frame.packed as usize;
            let part = unpack_frame(&packed.object[at..end], frame.bytes).unwrap();
            assert_eq!(part, whole[from..from + part.len()]);
            assert_eq!(part.last(), Some(&b'\n'));
            assert!(number + 1 == packed.frames.len() || frame.entries.is_multiple_of(FRAME_ENTRIES));
            (at, from) = (end, from + part.len());
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let packed = packed(&vec![vec![b'x'; 60_000]; 1_000]);
        assert!(packed.object.len() < 100_000);
        assert!(unpack(&packed.object, packed.bytes - 1).is_err());
        let first = packed.frames[0];
        assert!(unpack_frame(&packed.object[..first.packed as usize], first.bytes - 1).is_err());
    }
}
