//! The upgrade of a trail that an earlier version made: `graven.json` is signed.
//!
//! Two steps. First the entry `trail.upgraded` is durable, then `graven.json` is replaced, and only then may a caller
//! record. So no crash leaves a signed `graven.json` without the entry, and where a caller's entry follows the
//! newest `trail.upgraded`, `graven.json` is signed. After a crash between the two steps, the next opening takes both
//! again.

use graven_core::entry::system_actions;
use serde::Serialize;

use crate::engine::ready::Recovered;
use crate::engine::system_entries::{SystemLine, system_line};
use crate::error::Error;
use crate::files::durable;
use crate::files::layout::Layout;
use crate::files::meta::{Meta, VERSION};
use crate::seam::clock::Clock;
use crate::seam::disk::Disk;

/// The detail of `trail.upgraded`.
#[derive(Debug, Serialize)]
struct Upgraded {
    from: u64,
    to: u64,
}

/// The first step: the entry, if there is something to upgrade. From now on the trail is in memory what it will be on
/// disk.
pub(super) fn begin(clock: &dyn Clock, recovered: &mut Recovered) -> Option<SystemLine> {
    let from = recovered.meta.version;
    if from == VERSION {
        return None;
    }
    recovered.meta = recovered.meta.signed(&recovered.signing_key);
    Some(system_line(clock, system_actions::UPGRADED, &Upgraded { from, to: VERSION }))
}

/// The second step, once the entry is durable: replaces `graven.json`, unless that was done. `meta` is what
/// [`begin`] made of it.
pub(super) fn finish(disk: &dyn Disk, layout: &Layout, meta: &Meta) -> Result<(), Error> {
    if Meta::read(disk, layout)?.version == VERSION {
        return Ok(());
    }
    let path = layout.meta();
    durable::replace(disk, &path, &meta.to_bytes()).map_err(|source| Error::cannot("write", &path, source))
}
