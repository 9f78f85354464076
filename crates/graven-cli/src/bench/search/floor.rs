//! The floor: the work that no search can avoid for the hits of an answer, and nothing else.
//!
//! That is, for each of these lines: one `pread`, its leaf hash, its decoding, and the path from the leaf hash to the root
//! of the signed head. Where the lines are is known beforehand.

use std::collections::HashMap;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use graven::fsck::{VerifyOptions, standing};
use graven::prove::{Prover, Seal, SealedHead};
use graven::reader::{Reader, Record};
use graven::{Entry, Machine};

use crate::bench::disk;
use crate::shared::failure::Failure;

/// What knows where lines are, and what they have to lead to.
#[derive(Debug)]
pub(super) struct Floor {
    reader: Reader,
    head: SealedHead,
    files: HashMap<PathBuf, File>,
}

/// A line, by its place.
#[derive(Debug)]
pub(super) struct Spot {
    index: u64,
    file: PathBuf,
    offset: u64,
    bytes: usize,
}

impl Floor {
    pub(super) fn new(reader: &Reader) -> Result<Floor, Failure> {
        let standing = standing(&Machine::os(), reader, &VerifyOptions::default())?;
        let head =
            standing.head.ok_or_else(|| Failure::cannot("the bench's own trail has no signed head"))?;
        Ok(Floor { reader: reader.clone(), head, files: HashMap::new() })
    }

    /// Finds the lines of some entries. That is not measured.
    pub(super) fn spots(
        &mut self,
        hits: impl IntoIterator<Item = (u64, usize)>,
    ) -> Result<Vec<Spot>, Failure> {
        let mut spots = Vec::new();
        for (index, bytes) in hits {
            let Some(place) = self.reader.place(index)? else {
                return Err(Failure::cannot(format_args!(
                    "entry {index} of the bench's own trail is missing"
                )));
            };
            if !self.files.contains_key(&place.file) {
                self.files.insert(place.file.clone(), disk::open(&place.file)?);
            }
            spots.push(Spot { index, file: place.file, offset: place.offset, bytes });
        }
        Ok(spots)
    }

    /// The work.
    pub(super) fn work(&self, spots: &[Spot]) -> Result<(), Failure> {
        let mut prover = Prover::new(&self.reader, self.head);
        for spot in spots {
            let mut line = vec![0; spot.bytes];
            let read = self.files[&spot.file].read_exact_at(&mut line, spot.offset);
            read.map_err(|error| Failure::file("read", &spot.file, &error))?;
            let record = Record { index: spot.index, line };
            let entry = Entry::from_line(&record.line);
            let proved = prover.judge(&record)? == Seal::Proved;
            if !proved || black_box(entry).is_err() {
                return Err(Failure::cannot("the bench's own trail does not fit its head"));
            }
        }
        Ok(())
    }
}
