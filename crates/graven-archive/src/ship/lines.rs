//! Packs entries of the trail, and ships the large details that they name.

use graven::reader::{Entries, Reader};
use graven_core::hash::{Hash, leaf_hash};
use graven_core::line::glance::Glance;

use crate::error::ArchiveError;
use crate::facts::Facts;
use crate::manifest::{Manifest, Object, Sum};
use crate::names::{Names, Span};
use crate::packed::{Packed, Packer};
use crate::put::put_all;
use crate::store::Store;

/// Packed entries, and what a manifest says of them.
#[derive(Debug)]
pub(super) struct Pack {
    pub(super) span: Span,
    pub(super) packed: Packed,
    facts: Facts,
}

impl Pack {
    /// The manifest, once the object is there.
    pub(super) fn manifest(&self, name: String, key: &graven_core::note::VerifierKey) -> Manifest {
        let Packed { object, frames, bytes, sha256, .. } = &self.packed;
        let digest = graven_core::hash::sha256(object).to_hex();
        // No time counts where all years have a sign, as version 1 wrote them. Then a verification judges none either.
        let (from, to) = self.facts.times().unwrap_or_default();
        Manifest {
            first: self.span.first,
            end: self.span.end,
            object: Object { name, bytes: object.len() as u64, sha256: digest },
            lines: Sum { bytes: *bytes, sha256: sha256.clone() },
            events: self.facts.events,
            from,
            to,
            key: key.to_string(),
            frames: frames.clone(),
        }
    }
}

/// Packs the next entries up to `end`, or until they have `bytes_max` bytes. Calls `leaf` with the hash of each, and ships
/// the large details before it returns.
pub(super) fn pack(
    store: &dyn Store,
    names: &Names,
    reader: &Reader,
    entries: &mut Entries,
    (first, end, bytes_max): (u64, u64, u64),
    leaf: &mut dyn FnMut(Hash),
) -> Result<Pack, ArchiveError> {
    let cannot = |error| ArchiveError::unavailable("cannot pack entries", error);
    let mut packer = Packer::new().map_err(cannot)?;
    let mut next = first;
    let mut facts = Facts::default();
    while next < end && packer.bytes() < bytes_max {
        let Some((index, line)) = entries.next_line()? else { break };
        debug_assert_eq!(index, next);
        packer.push(line).map_err(cannot)?;
        leaf(leaf_hash(line));
        let glance = Glance::at(line).ok_or_else(|| not_an_entry(reader, index))?;
        facts.add(line);
        if let Some(blob) = glance.blob() {
            let name = names.blob(&blob.sha256.to_hex());
            put_all(store, vec![(name, reader.blob(&blob)?.into())])?;
        }
        next += 1;
    }
    if next == first {
        return Err(ArchiveError::data(format!(
            "{}: the entries {first} to {end} are under the checkpoint, and not in the log: look with `graven verify`",
            reader.layout().dir().display()
        )));
    }
    let packed = packer.finish().map_err(cannot)?;
    Ok(Pack { span: Span { first, end: next }, packed, facts })
}

fn not_an_entry(reader: &Reader, index: u64) -> ArchiveError {
    ArchiveError::data(format!(
        "{}: entry {index} is not what Graven writes: look with `graven verify`",
        reader.layout().dir().display()
    ))
}
