//! The settings that a trail remembers: those that decide what gets into it and that its callers do not see.
//!
//! They are in `settings.json`. An opening with different ones records the difference in an entry `trail.settings`. The
//! file holds what is not the default; a trail without the file had the defaults. The entry is durable before the file
//! is replaced: after a crash between the two, the next opening records the difference again.
//!
//! The redaction key is one of them: after it is replaced, equal secrets no longer have equal marks.
//!
//! Settings whose effect a caller sees are not among them: how long it waits, and how large a detail may be.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::files::durable;
use crate::files::layout::Layout;
use crate::redact::Redactor;
use crate::seam::clock::milliseconds;
use crate::seam::disk::Disk;
use crate::settings::{Settings, WhenFull};

/// Which redaction key the trail has. It has no default: trails did not always remember it. Where it was not
/// remembered, the key is not reported as a change.
const REDACTION_KEY: &str = "redaction_key";

/// Settings by name, without those that have their default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct PersistedSettings(BTreeMap<String, Value>);

/// What has changed: the detail of `trail.settings`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Changes {
    changed: BTreeMap<String, Change>,
}

/// A setting before and now; `null` stands for the default.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Change {
    from: Value,
    to: Value,
}

impl PersistedSettings {
    /// The part of these settings that is remembered.
    pub(crate) fn of(settings: &Settings) -> PersistedSettings {
        let word = |policy: &WhenFull| if *policy == WhenFull::Drop { "drop" } else { "wait" };
        let general = word(&settings.when_full);
        let special: BTreeMap<&str, &str> = settings
            .when_full_by_category
            .iter()
            .map(|(category, policy)| (category.as_str(), word(policy)))
            .filter(|(_, policy)| *policy != general)
            .collect();
        let mut values = BTreeMap::new();
        let mut set =
            |name: &str, value: Option<Value>| values.extend(value.map(|value| (name.into(), value)));
        set("when_full", (general != "wait").then(|| general.into()));
        set("when_full_by_category", (!special.is_empty()).then(|| serde_json::json!(special)));
        set("redaction", settings.redaction.persisted());
        set("life_signs", settings.life_signs.then(|| true.into()));
        set("flood_control", settings.flood.map(|flood| flood.persisted()));
        set("heartbeat_ms", settings.heartbeat.map(|every| milliseconds(every).into()));
        PersistedSettings(values)
    }

    /// Adds the redaction key.
    pub(super) fn with_key_of(mut self, redactor: &Redactor) -> PersistedSettings {
        self.0.insert(REDACTION_KEY.to_owned(), redactor.key_id().into());
        self
    }

    /// The settings of the last opening. A file that cannot be parsed counts as empty, so that all settings are
    /// recorded again.
    pub(crate) fn read(disk: &dyn Disk, layout: &Layout) -> Result<PersistedSettings, Error> {
        let path = layout.settings();
        match durable::read_file(disk, &path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(error) if durable::is_absent(&error) => Ok(PersistedSettings::default()),
            Err(source) => Err(Error::cannot("read", &path, source)),
        }
    }

    /// Writes them to `settings.json`, unless the file holds them already.
    pub(crate) fn remember(&self, disk: &dyn Disk, layout: &Layout) -> Result<(), Error> {
        if PersistedSettings::read(disk, layout)? == *self {
            return Ok(());
        }
        let path = layout.settings();
        let mut bytes = serde_json::to_vec(self).expect("names and JSON always serialise");
        bytes.push(b'\n');
        durable::replace(disk, &path, &bytes).map_err(|source| Error::cannot("write", &path, source))
    }

    /// What has changed since `before`; `None` if nothing has.
    pub(super) fn changes_since(&self, before: &PersistedSettings) -> Option<Changes> {
        let names: BTreeSet<&String> = before.0.keys().chain(self.0.keys()).collect();
        let value = |settings: &PersistedSettings, name: &String| {
            settings.0.get(name).cloned().unwrap_or(Value::Null)
        };
        let changed: BTreeMap<String, Change> = names
            .into_iter()
            .filter(|name| *name != REDACTION_KEY || before.0.contains_key(*name))
            .map(|name| (name.clone(), Change { from: value(before, name), to: value(self, name) }))
            .filter(|(_, change)| change.from != change.to)
            .collect();
        (!changed.is_empty()).then_some(Changes { changed })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use graven_core::entry::Category;

    use super::*;

    #[test]
    fn only_what_differs_is_a_change_and_the_default_is_null() {
        let before = Settings::new("t").when_full_for(Category::Api, WhenFull::Drop).life_signs(true);
        let now = before.clone().heartbeat(Duration::from_secs(60)).when_full(WhenFull::Drop);
        let changes = PersistedSettings::of(&now).changes_since(&PersistedSettings::of(&before)).unwrap();
        assert_eq!(
            serde_json::to_string(&changes).unwrap(),
            r#"{"changed":{"heartbeat_ms":{"from":null,"to":60000},"when_full":{"from":null,"to":"drop"},"when_full_by_category":{"from":{"api":"drop"},"to":null}}}"#
        );
        assert_eq!(PersistedSettings::of(&now).changes_since(&PersistedSettings::of(&now)), None);
        assert_eq!(PersistedSettings::of(&Settings::new("t")), PersistedSettings::default());
    }

    #[test]
    fn how_long_a_caller_waits_is_not_remembered() {
        let patient = Settings::new("t").when_full(WhenFull::Wait(Duration::from_secs(60)));
        assert_eq!(PersistedSettings::of(&patient), PersistedSettings::default());
    }
}
