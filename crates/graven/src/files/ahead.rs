//! The leaf hashes in `tiles/` past the checkpoint: evidence of entries that nothing signed vouches for.
//!
//! A publisher writes the hash of an entry only when the entry is durable, and syncs it before the checkpoint. So a crash
//! leaves in the place of each hash past the checkpoint all of it, nothing, or a part of it before zeros: `docs/FORMAT.md`
//! says what a crash does to a write. Whatever it is, it fits the entry, which is there. A hash that does not fit shows
//! that the entry was changed or taken away, or that the checkpoint is older than the one that was there.

use std::io;

use graven_core::hash::Hash;
use graven_core::tile::HASH_BYTES;

use super::bounds::UNSEALED_ENTRIES_MAX;
use super::durable;
use super::layout::Layout;
use crate::seam::disk::{Disk, Open};

/// The bytes of `tiles/0` past the hashes that a checkpoint implies, as many as the bound allows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Ahead {
    /// How many entries the checkpoint covers.
    size: u64,
    bytes: Vec<u8>,
}

/// The entries whose hashes do not fit, each as the first and the last index.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unfit {
    /// Those that are there.
    pub(crate) changed: Option<(u64, u64)>,
    /// Those that are not there.
    pub(crate) gone: Option<(u64, u64)>,
}

impl Ahead {
    /// Reads what is past the hashes of `size` entries. A file that is absent has nothing there.
    pub(crate) fn read(disk: &dyn Disk, layout: &Layout, size: u64) -> io::Result<Ahead> {
        let nothing = Ahead { size, bytes: Vec::new() };
        let file = match disk.open(&layout.level(0), Open::Read) {
            Err(error) if durable::is_absent(&error) => return Ok(nothing),
            opened => opened?,
        };
        let Some(start) = size.checked_mul(HASH_BYTES as u64) else { return Ok(nothing) };
        let wanted = file.bytes()?.saturating_sub(start).min(UNSEALED_ENTRIES_MAX * HASH_BYTES as u64);
        let mut bytes = vec![0; usize::try_from(wanted).map_err(io::Error::other)?];
        let read = durable::read_full_at(&*file, &mut bytes, start)?;
        bytes.truncate(read);
        Ok(Ahead { size, bytes })
    }

    /// How many entries the checkpoint covers.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether a leaf hash is there, or a part of one.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.iter().all(|byte| *byte == 0)
    }

    /// Compares with the leaf hashes of the entries from `first` on, which are all that are there. Says nothing of
    /// entries before them.
    pub(crate) fn compare(&self, first: u64, leaves: &[Hash]) -> Unfit {
        let mut unfit = Unfit::default();
        for (index, there) in (self.size..).zip(self.bytes.chunks(HASH_BYTES)) {
            let Some(place) = index.checked_sub(first) else { continue };
            let leaf = usize::try_from(place).ok().and_then(|place| leaves.get(place));
            let written = leaf.map_or(0, |leaf| common_prefix(there, leaf.as_bytes()));
            if there[written..].iter().any(|byte| *byte != 0) {
                let of = if leaf.is_some() { &mut unfit.changed } else { &mut unfit.gone };
                *of = Some((of.map_or(index, |(first, _)| first), index));
            }
        }
        unfit
    }
}

fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use graven_core::hash::leaf_hash;

    use super::*;

    #[test]
    fn what_a_crash_leaves_of_a_hash_fits_and_anything_else_does_not() {
        let leaves: Vec<Hash> = (0..3_u8).map(|n| leaf_hash(&[n])).collect();
        let whole: Vec<u8> = leaves.iter().flat_map(|leaf| *leaf.as_bytes()).collect();
        let unfit = |bytes: &[u8]| Ahead { size: 7, bytes: bytes.to_vec() }.compare(7, &leaves);
        for cut in 0..=whole.len() {
            assert_eq!(unfit(&whole[..cut]), Unfit::default(), "the first {cut} bytes");
            let mut zeros = whole.clone();
            zeros[cut..].fill(0);
            assert_eq!(unfit(&zeros), Unfit::default(), "zeros from byte {cut} on");
        }
        let mut hole = whole.clone();
        hole[32..64].fill(0);
        assert_eq!(unfit(&hole), Unfit::default());
        for place in 0..whole.len() {
            let mut other = whole.clone();
            other[place] ^= 1;
            let index = 7 + place as u64 / 32;
            assert_eq!(unfit(&other), Unfit { changed: Some((index, index)), gone: None }, "byte {place}");
        }
        let more = [&whole[..], &[0; 40], &[1]].concat();
        assert_eq!(unfit(&more), Unfit { changed: None, gone: Some((11, 11)) });
        let ahead = Ahead { size: 7, bytes: whole };
        assert_eq!(ahead.compare(9, &leaves[2..]), Unfit::default(), "earlier entries are not looked at");
        assert_eq!(ahead.compare(7, &leaves[..1]), Unfit { changed: None, gone: Some((8, 9)) });
        assert!(!ahead.is_empty());
    }
}
