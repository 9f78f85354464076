//! What an opening records about itself: settings that differ from those of the last opening, and that it took place.

use serde_json::json;

use crate::files::meta::Meta;
use crate::own::{self, OwnLine, own_line};
use crate::seam::clock::Clock;
use crate::settings::Settings;
use crate::terms::Terms;

/// What an opening puts on record about itself: other terms than before, and that it took place.
pub(crate) fn opening(
    clock: &dyn Clock,
    before: &Terms,
    terms: &Terms,
    settings: &Settings,
    meta: &Meta,
) -> Vec<OwnLine> {
    let changed = terms.changes_since(before).map(|changes| own_line(clock, own::SETTINGS, &changes));
    let opened = settings.life_signs.then(|| {
        let detail =
            json!({"version": env!("CARGO_PKG_VERSION"), "key": meta.key.to_string(), "settings": terms});
        own_line(clock, own::OPENED, &detail)
    });
    changed.into_iter().chain(opened).collect()
}
