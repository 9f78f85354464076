//! The hashes of the tree: full tiles from their objects, and the right edge from the lines.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use graven_core::hash::Hash;
use graven_core::tile::{HASH_BYTES, TILE_WIDTH, level_hashes};
use graven_core::tree::Tree;
use graven_core::verdict::{Finding, Verdict};

use super::found::Found;
use super::frames::as_io;
use super::log::Log;
use super::pieces::{Bounds, Loader, Pieces};
use crate::names::Names;
use crate::store::{Store, StoreErrorKind};

/// The bytes of a full tile.
const TILE_BYTES: usize = TILE_WIDTH as usize * HASH_BYTES;

/// What is kept of tiles, and what is fetched ahead. Each is an object of its own.
const BOUNDS: Bounds = Bounds { kept: 8 << 20, ahead: 2 << 20, at_once: 1 << 19 };

/// In the number of a tile among all, the level stands above the number in the level.
const LEVEL_SHIFT: u32 = 56;

/// The hashes of the tree of `size` leaves.
#[derive(Debug)]
pub(super) struct Tiles {
    size: u64,
    full: Pieces<Full>,
    /// The hashes past the last full tile of a level, once they were asked for.
    edges: Mutex<BTreeMap<u8, Bytes>>,
}

#[derive(Debug)]
struct Full {
    store: Arc<dyn Store>,
    names: Names,
    log: Arc<Log>,
    size: u64,
    /// The tiles under this size are there. Later ones may still be missing.
    surely: u64,
    found: Option<Arc<Found>>,
}

impl Tiles {
    pub(super) fn new(
        (store, names): (&Arc<dyn Store>, &Names),
        log: &Arc<Log>,
        (size, surely): (u64, u64),
        found: Option<Arc<Found>>,
    ) -> Tiles {
        let (store, names, log) = (Arc::clone(store), names.clone(), Arc::clone(log));
        let full = Full { store, names, log, size, surely, found };
        Tiles { size, full: Pieces::new(full, BOUNDS), edges: Mutex::default() }
    }

    /// The bytes of a level.
    pub(super) fn bytes(&self, level: u8) -> u64 {
        level_hashes(self.size, level) * HASH_BYTES as u64
    }

    /// Reads hashes of a level, at most to the end of a tile.
    pub(super) fn read(&self, level: u8, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.bytes(level) {
            return Ok(0);
        }
        let (tile, start) = (offset / TILE_BYTES as u64, (offset % TILE_BYTES as u64) as usize);
        let full = level_hashes(self.size, level) / TILE_WIDTH;
        let hashes = if tile < full { self.full.get(piece(level, tile))? } else { self.edge(level)? };
        let read = buffer.len().min(hashes.len().saturating_sub(start));
        buffer[..read].copy_from_slice(&hashes[start..start + read]);
        Ok(read)
    }

    /// The hashes past the last full tile of a level.
    fn edge(&self, level: u8) -> io::Result<Bytes> {
        if let Some(edge) = self.edges().get(&level) {
            return Ok(edge.clone());
        }
        let end = level_hashes(self.size, level);
        let hashes =
            self.full.loader().computed(level, end - end % TILE_WIDTH, end, |tile| self.full.get(tile))?;
        self.edges().insert(level, hashes.clone());
        Ok(hashes)
    }

    fn edges(&self) -> std::sync::MutexGuard<'_, BTreeMap<u8, Bytes>> {
        self.edges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Full {
    /// The hashes of a range of a level: from the lines, or from the tiles below.
    fn computed(
        &self,
        level: u8,
        first: u64,
        end: u64,
        below: impl Fn(u64) -> io::Result<Bytes>,
    ) -> io::Result<Bytes> {
        let hashes = match level.checked_sub(1) {
            None => self.log.leaves(first, end)?,
            Some(lower) => {
                let root = |tile| below(piece(lower, tile)).map(|tile| root_of(&tile));
                (first..end).map(root).collect::<io::Result<Vec<Hash>>>()?
            }
        };
        Ok(hashes.iter().flat_map(|hash| *hash.as_bytes()).collect())
    }

    /// A tile that may not be there yet.
    fn late(&self, tile: u64) -> io::Result<Bytes> {
        let (level, number) = place(tile);
        let first = number * TILE_WIDTH;
        self.computed(level, first, first + TILE_WIDTH, |below| self.one(below))
    }

    fn one(&self, tile: u64) -> io::Result<Bytes> {
        let mut answer = None;
        self.load(&[tile], &mut |_, result| answer = Some(result));
        answer.unwrap_or_else(|| Err(io::Error::other("it was not fetched")))
    }

    /// A tile that is not as it should be.
    fn wrong(&self, tile: u64, why: &str, kind: io::ErrorKind) -> io::Result<Bytes> {
        let (level, number) = place(tile);
        let address = self.store.address(&self.names.tile(level, number));
        let Some(found) = &self.found else {
            return Err(io::Error::new(kind, format!("{address}: {why}; see `graven verify`")));
        };
        let leaves = TILE_WIDTH << (8 * u32::from(level));
        let finding =
            Finding::new(Verdict::TilesDamaged, format!("{why}: it can be made again from the entries"));
        found.add(finding.range(number * leaves, (number + 1) * leaves - 1).file(address));
        Ok(Bytes::from(vec![0; TILE_BYTES]))
    }
}

impl Loader for Full {
    fn load(&self, run: &[u64], hand_over: &mut dyn FnMut(u64, io::Result<Bytes>)) {
        let name = |tile: &u64| {
            let (level, number) = place(*tile);
            self.names.tile(level, number)
        };
        let answers = self.store.read_all(run.iter().map(name).collect());
        for (tile, answer) in run.iter().zip(answers) {
            let (level, number) = place(*tile);
            let result = match answer {
                Ok(bytes) if bytes.len() == TILE_BYTES => Ok(bytes),
                Ok(bytes) => {
                    let why = format!("a full tile has {TILE_BYTES} bytes, and this object {}", bytes.len());
                    self.wrong(*tile, &why, io::ErrorKind::InvalidData)
                }
                Err(error) if error.kind == StoreErrorKind::NotFound => {
                    let is_late = number >= level_hashes(self.surely, level) / TILE_WIDTH;
                    let gone = "a tile under a head is missing";
                    if is_late { self.late(*tile) } else { self.wrong(*tile, gone, io::ErrorKind::NotFound) }
                }
                Err(error) => Err(as_io(error)),
            };
            hand_over(*tile, result);
        }
    }

    fn before(&self, tile: u64) -> Option<u64> {
        let (level, number) = place(tile);
        number.checked_sub(1).map(|number| piece(level, number))
    }

    fn after(&self, tile: u64, n: u64) -> Option<u64> {
        let (level, number) = place(tile);
        let next = number.checked_add(n)?;
        (next < level_hashes(self.size, level) / TILE_WIDTH).then(|| piece(level, next))
    }

    fn weight(&self, _tile: u64) -> u64 {
        TILE_BYTES as u64
    }

    fn joins(&self, _tile: u64) -> bool {
        true
    }
}

fn piece(level: u8, tile: u64) -> u64 {
    u64::from(level) << LEVEL_SHIFT | tile
}

fn place(piece: u64) -> (u8, u64) {
    ((piece >> LEVEL_SHIFT) as u8, piece & ((1 << LEVEL_SHIFT) - 1))
}

/// The root of a full tile.
fn root_of(tile: &[u8]) -> Hash {
    let (hashes, _) = tile.as_chunks::<HASH_BYTES>();
    hashes.iter().map(|hash| Hash::from_bytes(*hash)).collect::<Tree>().root()
}
