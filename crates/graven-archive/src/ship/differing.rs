//! The first entry that two writers have otherwise: for the message of the one that may not go on.

use graven::disk::Open;
use graven::durable;
use graven::reader::Reader;
use graven_core::hash::leaf_hash;
use graven_core::note::VerifierKey;
use graven_core::tile::{HASH_BYTES, TILE_WIDTH};

use crate::epoch::Epoch;
use crate::head::{Head, Heads, Slot};
use crate::names::Names;
use crate::store::Store;
use crate::tail::{lines_of, objects_of, span_of};

/// What is unpacked at once of the other writer's entries.
const LINES_BYTES_MAX: u64 = 512 << 20;

/// The first entry under a head of the archive that this trail does not have, or has otherwise; `None` when there is none,
/// or when it cannot be told.
pub(super) fn first(store: &dyn Store, names: &Names, reader: &Reader, head: &Head) -> Option<u64> {
    let key = &reader.meta().key;
    let mut agreed = agreed_tiles(store, names, reader, head.size)? * TILE_WIDTH;
    // The entries of each head from there on, the oldest first.
    let mut heads = Vec::new();
    let mut at = Some(head.clone());
    while let Some(head) = at.filter(|head| head.size > agreed) {
        let span = span_of(store, names, &head, key).ok()?;
        at = before(store, names, &head, key)?;
        heads.push((head.epoch, span));
    }
    for (epoch, span) in heads.into_iter().rev() {
        let mut index = span.first;
        for object in objects_of(store, names, epoch, span).ok().flatten()? {
            let lines = lines_of(store, &object, LINES_BYTES_MAX).ok()?;
            for line in graven_core::lines::split(&lines) {
                let ours = reader.record(index).ok()?;
                if index >= agreed && ours.is_none_or(|ours| leaf_hash(&ours.line) != leaf_hash(line)) {
                    return Some(index);
                }
                index += 1;
            }
        }
        agreed = agreed.max(index);
    }
    None
}

/// The head before one, also of an earlier epoch. The outer `None`: it cannot be told.
fn before(store: &dyn Store, names: &Names, head: &Head, key: &VerifierKey) -> Option<Option<Head>> {
    if let Some(number) = head.number.checked_sub(1) {
        return match Head::read(store, names, (head.epoch, number), key).ok()?? {
            Slot::Head(before) => Some(Some(before)),
            Slot::End => None,
        };
    }
    let Some(epoch) = head.epoch.checked_sub(1) else { return Some(None) };
    let epoch = Epoch::read(store, names, epoch).ok()??;
    Heads::newest(store, names, &epoch, key).ok()
}

/// How many of the first full tiles of leaf hashes are the same in both.
fn agreed_tiles(store: &dyn Store, names: &Names, reader: &Reader, size: u64) -> Option<u64> {
    let file = reader.disk().open(&reader.layout().level(0), Open::Read).ok()?;
    let mut ours = [0; TILE_WIDTH as usize * HASH_BYTES];
    let (mut same, mut other) = (0, size / TILE_WIDTH + 1);
    while same + 1 < other {
        let middle = same + (other - same) / 2;
        let offset = (middle - 1) * ours.len() as u64;
        let read = durable::read_full_at(&*file, &mut ours, offset).ok()?;
        // Without their tile it cannot be told here: then the entries themselves are compared.
        let theirs = store.read(&names.tile(0, middle - 1)).ok();
        if read == ours.len() && theirs.is_some_and(|theirs| theirs == ours[..]) {
            same = middle;
        } else {
            other = middle;
        }
    }
    Some(same)
}
