//! Tiles and entry bundles: how a log is cut into immutable files, and what they are called.
//!
//! C2SP tlog-tiles. A tile holds up to 256 hashes of one level; hash i of level L is the root over the leaves
//! from `i * 256^L` to `(i + 1) * 256^L`, and only complete subtrees have one. A bundle holds the entries under
//! a tile of level 0.

use std::fmt;
use std::ops::Range;

use crate::tree::Node;

/// How many hashes a full tile holds, and how many entries a full bundle.
pub const TILE_WIDTH: u64 = 256;

/// How many levels of the tree one level of tiles spans: `TILE_WIDTH` is two to this power.
pub const TILE_HEIGHT: u8 = 8;

/// The bytes of one hash; a full tile has 256 × 32 = 8,192.
pub const HASH_BYTES: usize = 32;

/// The most bytes that an entry may have: a bundle writes its length in two bytes.
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// The highest level that a tile's path may name.
const TILE_LEVEL_MAX: u8 = 63;

/// One tile of hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Its level; level 0 holds leaf hashes.
    pub level: u8,
    /// How many tiles of this level stand before it.
    pub index: u64,
    /// How many hashes it holds: 1 to 256.
    pub width: u16,
}

impl Tile {
    /// Its path, such as `tile/1/x001/x234/067` or `tile/0/000.p/17` (C2SP tlog-tiles, "Merkle Tree").
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, Place { index: self.index, width: self.width })
    }

    /// Reads a path that [`path`](Tile::path) would write, and nothing else.
    ///
    /// # Errors
    ///
    /// [`TileError::Path`].
    pub fn parse(path: &str) -> Result<Tile, TileError> {
        let tile = || {
            let (level, place) = path.strip_prefix("tile/")?.split_once('/')?;
            let level = level.parse().ok().filter(|level| *level <= TILE_LEVEL_MAX)?;
            let Place { index, width } = Place::parse(place)?;
            Some(Tile { level, index, width })
        };
        tile().filter(|tile| tile.path() == path).ok_or_else(|| TileError::Path(path.to_owned()))
    }
}

/// One bundle of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bundle {
    /// How many bundles stand before it.
    pub index: u64,
    /// How many entries it holds: 1 to 256.
    pub width: u16,
}

impl Bundle {
    /// Its path, such as `tile/entries/x001/x234/067` or `tile/entries/000.p/17` (C2SP tlog-tiles, "Log
    /// entries").
    pub fn path(&self) -> String {
        format!("tile/entries/{}", Place { index: self.index, width: self.width })
    }

    /// Reads a path that [`path`](Bundle::path) would write, and nothing else.
    ///
    /// # Errors
    ///
    /// [`TileError::Path`].
    pub fn parse(path: &str) -> Result<Bundle, TileError> {
        let place = path.strip_prefix("tile/entries/").and_then(Place::parse);
        let bundle = place.map(|Place { index, width }| Bundle { index, width });
        bundle.filter(|bundle| bundle.path() == path).ok_or_else(|| TileError::Path(path.to_owned()))
    }

    /// Appends an entry to the bytes of a bundle: its length in two bytes, the high one first, and the entry.
    ///
    /// # Errors
    ///
    /// [`TileError::EntryTooLong`] past [`ENTRY_BYTES_MAX`]; then nothing is appended.
    pub fn encode_entry(entry: &[u8], out: &mut Vec<u8>) -> Result<(), TileError> {
        let bytes = u16::try_from(entry.len()).map_err(|_| TileError::EntryTooLong { bytes: entry.len() })?;
        out.extend_from_slice(&bytes.to_be_bytes());
        out.extend_from_slice(entry);
        Ok(())
    }

    /// The entries in the bytes of a bundle, which must be exactly `width`.
    ///
    /// # Errors
    ///
    /// [`TileError::BundleTooShort`] or [`TileError::BundleTooLong`].
    pub fn decode(bundle: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
        let mut entries = Vec::with_capacity(width.into());
        let mut rest = bundle;
        for entry in 0..width {
            let (bytes, after) = rest.split_first_chunk::<2>().ok_or(TileError::BundleTooShort { entry })?;
            let bytes = u16::from_be_bytes(*bytes).into();
            let (found, after) = after.split_at_checked(bytes).ok_or(TileError::BundleTooShort { entry })?;
            entries.push(found);
            rest = after;
        }
        if rest.is_empty() { Ok(entries) } else { Err(TileError::BundleTooLong { width, bytes: rest.len() }) }
    }
}

/// The tiles that a checkpoint of this size implies, level by level from the leaves: all that a log must serve
/// for it (C2SP tlog-tiles, "Partial Tiles").
pub fn tiles(size: u64) -> impl Iterator<Item = Tile> {
    let levels =
        (0..).map(move |level| (level, level_hashes(size, level))).take_while(|(_, hashes)| *hashes > 0);
    levels.flat_map(|(level, hashes)| {
        places(hashes).map(move |Place { index, width }| Tile { level, index, width })
    })
}

/// The entry bundles that a checkpoint of this size implies.
pub fn bundles(size: u64) -> impl Iterator<Item = Bundle> {
    places(size).map(|Place { index, width }| Bundle { index, width })
}

/// How many hashes the tiles of a level hold together, in a tree of `size` leaves.
pub fn level_hashes(size: u64, level: u8) -> u64 {
    size.checked_shr(u32::from(TILE_HEIGHT) * u32::from(level)).unwrap_or(0)
}

/// The hashes of one level of tiles that a complete subtree is made of: the tile level, and the range within
/// that level. Their tree ([`Tree`](crate::tree::Tree)) has the subtree's root; there are 1 to 128, and they
/// lie in one tile.
pub fn node_hashes(node: Node) -> (u8, Range<u64>) {
    let above = node.level % TILE_HEIGHT;
    (node.level / TILE_HEIGHT, node.index << above..(node.index + 1) << above)
}

/// The tiles that hold `count` hashes or entries: all full ones, then the partial one.
fn places(count: u64) -> impl Iterator<Item = Place> {
    let full = (0..count / TILE_WIDTH).map(|index| Place { index, width: TILE_WIDTH as u16 });
    let partial = Place { index: count / TILE_WIDTH, width: (count % TILE_WIDTH) as u16 };
    full.chain((partial.width > 0).then_some(partial))
}

/// What tiles and bundles are called by within their folder: `<N>[.p/<W>]` of C2SP tlog-tiles.
struct Place {
    index: u64,
    width: u16,
}

impl Place {
    /// Lenient: callers compare what it prints with what they were given.
    fn parse(place: &str) -> Option<Place> {
        let (number, width) = match place.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok().filter(|width| (1..256).contains(width))?),
            None => (place, TILE_WIDTH as u16),
        };
        let mut index: u64 = 0;
        for group in number.split('/') {
            let digits: u64 = group.trim_start_matches('x').parse().ok()?;
            index = index.checked_mul(1000)?.checked_add(digits)?;
        }
        Some(Place { index, width })
    }
}

impl fmt::Display for Place {
    /// Groups of three digits, all but the last behind an `x`; the width only when it is a partial one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for group in groups[1..].iter().rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups[0])?;
        if u64::from(self.width) < TILE_WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// What is wrong with a tile or a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// The path is not one that the format gives to anything.
    #[error("{0:?} is not the path of a tile or bundle")]
    Path(String),
    /// The entry does not fit the two bytes of its length.
    #[error("an entry of {bytes} bytes, where at most {ENTRY_BYTES_MAX} fit a bundle")]
    EntryTooLong {
        /// How long it is.
        bytes: usize,
    },
    /// The bundle ends before or within an entry.
    #[error("the bundle ends within its entry {entry}")]
    BundleTooShort {
        /// The entry's place in the bundle, from 0.
        entry: u16,
    },
    /// Bytes follow the last entry.
    #[error("{bytes} bytes follow the last of {width} entries in the bundle")]
    BundleTooLong {
        /// How many entries were expected.
        width: u16,
        /// How many bytes follow them.
        bytes: usize,
    },
}

#[cfg(test)]
mod tests;
