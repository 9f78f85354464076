//! A shelf and the places of its blocks, as they are in one file.

use std::sync::Arc;

use graven::Hash;
use graven::disk::{File, FileId};
use graven_core::hash::sha256;

use super::places::{Beginning, Places};
use super::shelf::{Cache, Shelf, ShelfError, Source};

/// A shelf that can be asked.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) shelf: Shelf,
    pub(crate) places: Places,
    /// The hash of the hashes of both: what all bytes of the file hang on.
    pub(crate) digest: Hash,
    /// Which file it is; `None` for one in memory.
    pub(crate) file: Option<FileId>,
}

impl Opened {
    /// Reads the two ends of a file.
    pub(crate) fn of_file(file: &Arc<dyn File>, cache: &Arc<Cache>) -> Result<Opened, ShelfError> {
        let Beginning { places, hash, rest } = Places::read(file)?.ok_or(ShelfError::NotAShelf)?;
        Ok(Opened { file: Some(file.id()?), ..Opened::of(places, hash, Source::File(rest), cache)? })
    }

    /// A shelf that was just made, and the bytes of its file.
    pub(crate) fn of_made(
        places: Places,
        shelf: Vec<u8>,
        cache: &Arc<Cache>,
    ) -> Result<(Opened, Vec<u8>), ShelfError> {
        let mut bytes = places.encode();
        let hash = Places::hash_of(&bytes);
        bytes.extend_from_slice(&shelf);
        Ok((Opened::of(places, hash, Source::Bytes(shelf.into()), cache)?, bytes))
    }

    fn of(places: Places, hash: Hash, source: Source, cache: &Arc<Cache>) -> Result<Opened, ShelfError> {
        let shelf = Shelf::open(source, cache)?;
        let digest = sha256(&[&hash.as_bytes()[..], shelf.digest().as_bytes()].concat());
        Ok(Opened { shelf, places, digest, file: None })
    }
}
