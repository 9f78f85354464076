//! One file of the static log, made when it is asked for.

use std::ops::Range;

use graven_core::tile::{Bundle, TILE_WIDTH, Tile, level_hashes};

use super::with_our_signature_alone;
use crate::error::{Error, ErrorKind};
use crate::reader::{Reader, cannot};

/// The file of the static log at a path, as [`export_tiles`](super::export_tiles) would write it under the newest
/// checkpoint, or would have written it under an older one; `None` when no checkpoint so far implies it.
///
/// The hashes of tiles are those that are stored in `tiles/`: a reader checks them against the checkpoint.
///
/// # Errors
///
/// `Data` when the checkpoint, the stored hashes or the stored lines are damaged; `Unavailable` when they cannot be read.
pub fn log_file(reader: &Reader, path: &str) -> Result<Option<Vec<u8>>, Error> {
    let (head, note) = reader.checkpoint()?;
    if path == "checkpoint" {
        return with_our_signature_alone(&note, reader).map(|note| Some(note.into_bytes()));
    }
    if let Ok(Bundle { index, width }) = Bundle::parse(path) {
        let Some(entries) = implied(index, width, head.size) else { return Ok(None) };
        return bundle(reader, entries).map(Some);
    }
    let Ok(Tile { level, index, width }) = Tile::parse(path) else { return Ok(None) };
    let Some(hashes) = implied(index, width, level_hashes(head.size, level)) else { return Ok(None) };
    let read = reader.hashes(head.size).read(level, hashes.start, hashes.end);
    let hashes = read.map_err(|error| cannot("read", &reader.layout().level(level), error))?;
    Ok(Some(hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()))
}

/// What a tile or a bundle holds, if there is so much of it.
fn implied(index: u64, width: u16, count: u64) -> Option<Range<u64>> {
    let first = index.checked_mul(TILE_WIDTH)?;
    let end = first.checked_add(width.into())?;
    (end <= count).then_some(first..end)
}

fn bundle(reader: &Reader, entries: Range<u64>) -> Result<Vec<u8>, Error> {
    let (first, end) = (entries.start, entries.end);
    let mut bytes = Vec::new();
    let mut entries = reader.entries(entries)?;
    let mut next = first;
    while let Some((index, line)) = entries.next_line()? {
        Bundle::encode_entry(line, &mut bytes).expect("the reader returns no line past the bundle's limit");
        next = index + 1;
    }
    if next == end {
        return Ok(bytes);
    }
    let message = format!("a checkpoint covers entry {next}, and it is not stored; see `graven verify`");
    Err(Error::new(ErrorKind::Data, message))
}
