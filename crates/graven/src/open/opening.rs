//! What an opening records about itself: settings that differ from those of the last opening, and that it took place.

use std::collections::BTreeMap;

use graven_core::entry::system_actions;
use serde::Serialize;
use serde_json::Value;

use crate::engine::run::Run;
use crate::engine::system_entries::{SystemLine, system_line};
use crate::files::meta::Meta;
use crate::open::persisted_settings::PersistedSettings;
use crate::seam::clock::Clock;
use crate::settings::terms::Terms;

/// The detail of `trail.opened`.
#[derive(Serialize)]
struct Opened {
    #[serde(skip_serializing_if = "Option::is_none")]
    alone_at: Option<u64>,
    key: String,
    settings: BTreeMap<String, Value>,
    version: &'static str,
}

/// The entries of an opening. `alone_at` is the number of entries at a moment when no other process had the trail open:
/// all runs that began before it are over. `None` when another process has it open.
pub(super) fn opening(
    clock: &dyn Clock,
    (run, alone_at): (Run, Option<u64>),
    before: &PersistedSettings,
    now: &PersistedSettings,
    terms: &Terms,
    meta: &Meta,
) -> Vec<SystemLine> {
    let changed =
        now.changes_since(before).map(|changes| system_line(clock, system_actions::SETTINGS, &changes));
    let opened = terms.life_signs.then(|| {
        let opened = Opened {
            alone_at,
            key: meta.key.to_string(),
            settings: now.recorded(),
            version: env!("CARGO_PKG_VERSION"),
        };
        system_line(clock, system_actions::OPENED, &run.says(opened))
    });
    changed.into_iter().chain(opened).collect()
}
