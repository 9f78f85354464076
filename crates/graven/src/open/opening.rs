//! What an opening records about itself: settings that differ from those of the last opening, and that it took place.

use graven_core::entry::system_actions;
use serde_json::json;

use crate::engine::system_entries::{SystemLine, system_line};
use crate::files::meta::Meta;
use crate::open::persisted_settings::PersistedSettings;
use crate::seam::clock::Clock;
use crate::settings::terms::Terms;

/// The entries of an opening.
pub(super) fn opening(
    clock: &dyn Clock,
    before: &PersistedSettings,
    now: &PersistedSettings,
    terms: &Terms,
    meta: &Meta,
) -> Vec<SystemLine> {
    let changed =
        now.changes_since(before).map(|changes| system_line(clock, system_actions::SETTINGS, &changes));
    let opened = terms.life_signs.then(|| {
        let detail =
            json!({"version": env!("CARGO_PKG_VERSION"), "key": meta.key.to_string(), "settings": now.recorded()});
        system_line(clock, system_actions::OPENED, &detail)
    });
    changed.into_iter().chain(opened).collect()
}
