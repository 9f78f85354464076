//! Where in the log each block of a shelf's entries begins, so that one of them is read without a search for it.
//!
//! They stand before the shelf in its file, with their own hash:
//!
//! ```text
//! "graven places 1\n" │ number of places, 8 bytes │ each place, 8 bytes │ SHA-256 of all before │ the shelf
//! ```
//!
//! Numbers have their low byte first. There is one place for each block of 64 entries, and one for the end of the last
//! block. A place is an offset in the log ([`Picks`](graven::reader::Picks)), and only a hint.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use graven::disk::{File, FileId};
use graven::durable;
use graven_core::hash::{Hash, sha256};
use graven_core::tile::HASH_BYTES;

use super::shelf::BLOCK_ENTRIES;

/// How the file begins.
const MAGIC: &[u8; 16] = b"graven places 1\n";

/// What stands before the places.
const HEAD_BYTES: usize = MAGIC.len() + 8;

/// The most places: those of a shelf.
const PLACES_MAX: u64 = super::shelf::SHELF_ENTRIES / BLOCK_ENTRIES as u64 + 1;

/// The places of the blocks of one shelf.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Places {
    offsets: Vec<u64>,
}

/// What a file begins with.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) places: Places,
    /// The hash of the places.
    pub(crate) hash: Hash,
    /// The file without them.
    pub(crate) rest: Arc<dyn File>,
}

impl Places {
    /// Notes where the next entry begins. `number` is its number in the shelf.
    pub(crate) fn note(&mut self, number: u32, offset: u64) {
        if number.is_multiple_of(BLOCK_ENTRIES) {
            self.offsets.push(offset);
        }
    }

    /// The places of a shelf in the making whose last entry ends at this offset.
    pub(crate) fn up_to(&self, offset: u64) -> Places {
        let mut offsets = Vec::with_capacity(self.offsets.len() + 1);
        offsets.extend_from_slice(&self.offsets);
        offsets.push(offset);
        Places { offsets }
    }

    /// Where the block of an entry begins and ends; `None` when that is not known.
    pub(crate) fn block(&self, number: u32) -> Option<Range<u64>> {
        let block = (number / BLOCK_ENTRIES) as usize;
        Some(*self.offsets.get(block)?..*self.offsets.get(block + 1)?)
    }

    /// The places as they stand in the file.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend((self.offsets.len() as u64).to_le_bytes());
        bytes.extend(self.offsets.iter().flat_map(|offset| offset.to_le_bytes()));
        let hash = sha256(&bytes);
        bytes.extend(hash.as_bytes());
        bytes
    }

    /// The hash at the end of encoded places.
    pub(crate) fn hash_of(encoded: &[u8]) -> Hash {
        let hash = encoded.last_chunk::<HASH_BYTES>().expect("places end with their hash");
        Hash::from_bytes(*hash)
    }

    /// Reads the beginning of a file; `None` when it has no places.
    pub(crate) fn read(file: &Arc<dyn File>) -> io::Result<Option<Beginning>> {
        let mut head = [0; HEAD_BYTES];
        if durable::read_full_at(&**file, &mut head, 0)? < HEAD_BYTES || !head.starts_with(MAGIC) {
            return Ok(None);
        }
        let count = number(&head[MAGIC.len()..]);
        if count > PLACES_MAX {
            return Ok(None);
        }
        let length = HEAD_BYTES + 8 * count as usize;
        let mut bytes = vec![0; length + HASH_BYTES];
        if durable::read_full_at(&**file, &mut bytes, 0)? < bytes.len() {
            return Ok(None);
        }
        let hash = sha256(&bytes[..length]);
        if Places::hash_of(&bytes) != hash {
            return Ok(None);
        }
        let (offsets, _) = bytes[HEAD_BYTES..length].as_chunks::<8>();
        let offsets = offsets.iter().map(|offset| u64::from_le_bytes(*offset)).collect();
        let rest = Behind { file: Arc::clone(file), bytes: bytes.len() as u64 };
        Ok(Some(Beginning { places: Places { offsets }, hash, rest: Arc::new(rest) }))
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A file without its first bytes, for reading.
#[derive(Debug)]
struct Behind {
    file: Arc<dyn File>,
    /// How many bytes are left out.
    bytes: u64,
}

impl File for Behind {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let offset = offset.checked_add(self.bytes).ok_or(io::ErrorKind::InvalidInput)?;
        self.file.read_at(buffer, offset)
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.file.bytes()?.saturating_sub(self.bytes))
    }

    fn id(&self) -> io::Result<FileId> {
        self.file.id()
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn set_bytes(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_all(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
