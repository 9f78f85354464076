//! What an opening records about itself: settings that differ from those of the last opening, and that it took place.

use graven_core::entry::system_actions;
use serde_json::json;

use crate::engine::system_entries::{SystemLine, system_line};
use crate::files::meta::Meta;
use crate::open::persisted_settings::PersistedSettings;
use crate::seam::clock::Clock;
use crate::settings::Settings;

/// What an opening puts on record about itself: other terms than before, and that it took place.
pub(crate) fn opening(
    clock: &dyn Clock,
    before: &PersistedSettings,
    terms: &PersistedSettings,
    settings: &Settings,
    meta: &Meta,
) -> Vec<SystemLine> {
    let changed =
        terms.changes_since(before).map(|changes| system_line(clock, system_actions::SETTINGS, &changes));
    let opened = settings.life_signs.then(|| {
        let detail =
            json!({"version": env!("CARGO_PKG_VERSION"), "key": meta.key.to_string(), "settings": terms});
        system_line(clock, system_actions::OPENED, &detail)
    });
    changed.into_iter().chain(opened).collect()
}
