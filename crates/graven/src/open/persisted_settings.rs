//! The settings that a trail remembers: those that decide what gets into it and that its callers do not see.
//!
//! They are in `settings.json`, whole: an opening takes from there what its program does not give. An opening with
//! different ones records the difference in an entry `trail.settings`, or is refused while another process has the
//! trail open. The file holds what is not the default; a trail without the file has the defaults. The entry is durable
//! before the file is replaced: after a crash between the two, the next opening with these settings records the
//! difference again.
//!
//! The redaction key is one of them: after it is replaced, equal secrets no longer have equal marks.
//!
//! Settings whose effect a caller sees are not among them: how long it waits, and how large a detail may be.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use graven_core::entry::Category;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::files::durable;
use crate::files::layout::Layout;
use crate::redact::remembered::Remembered as RememberedRedaction;
use crate::redact::{Redaction, Redactor};
use crate::seam::clock::milliseconds;
use crate::seam::disk::Disk;
use crate::seam::machine::Machine;
use crate::settings::flood::Remembered as RememberedFlood;
use crate::settings::terms::Terms;
use crate::settings::{HEARTBEAT_MIN, Settings, WhenFull};

/// Which redaction key the trail has. It has no default: trails did not always remember it. Where it was not
/// remembered, the key is not reported as a change.
const REDACTION_KEY: &str = "redaction_key";

/// The most bytes of a value in the text of an error.
const SHOWN_BYTES_MAX: usize = 200;

/// What `settings.json` holds. A setting that is absent has its default.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PersistedSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    flood_control: Option<RememberedFlood>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heartbeat_ms: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    life_signs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    redaction: Option<RememberedRedaction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redaction_key: Option<String>,
    #[serde(skip_serializing_if = "Word::is_default")]
    when_full: Word,
    /// Only those that differ from `when_full`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    when_full_by_category: BTreeMap<String, Word>,
}

/// What is remembered of a [`WhenFull`]: the deadline is each process's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    #[default]
    Wait,
    Drop,
}

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

impl Word {
    fn of(policy: WhenFull) -> Word {
        if policy == WhenFull::Drop { Word::Drop } else { Word::Wait }
    }

    fn policy(self, deadline: Duration) -> WhenFull {
        match self {
            Word::Wait => WhenFull::Wait(deadline),
            Word::Drop => WhenFull::Drop,
        }
    }

    fn is_default(&self) -> bool {
        *self == Word::default()
    }
}

/// The settings that hold from now on, and what the trail remembers of them: those given, and for the rest those of the
/// trail.
///
/// # Errors
/// `Invalid` when `others`, that is another process has the trail open, and they are not those of the trail; or when
/// the trail does not have a redaction whole and none is given. `Data` when the redaction in the trail is damaged.
pub(super) fn settle(
    settings: &Settings,
    before: &PersistedSettings,
    others: bool,
) -> Result<(Terms, PersistedSettings), Error> {
    let given = &settings.given;
    let when_full = given.when_full.unwrap_or_else(|| before.when_full.policy(settings.deadline));
    let remembered = before.when_full_by_category.iter();
    let mut when_full_by_category: HashMap<Category, WhenFull> = remembered
        .filter(|(_, word)| **word != Word::of(when_full))
        .map(|(name, word)| (category(name), word.policy(settings.deadline)))
        .collect();
    when_full_by_category.extend(given.when_full_by_category.clone());
    let remembered_heartbeat =
        || before.heartbeat_ms.map(|every| Duration::from_millis(every).max(HEARTBEAT_MIN));
    let terms = Terms {
        when_full,
        when_full_by_category,
        life_signs: given.life_signs.unwrap_or(before.life_signs),
        heartbeat: given.heartbeat.unwrap_or_else(remembered_heartbeat),
        redaction: given.redaction.clone().map_or_else(|| before.redaction(), Ok)?,
        flood: given.flood.unwrap_or_else(|| before.flood_control.map(RememberedFlood::restore)),
    };
    let now =
        PersistedSettings { redaction_key: before.redaction_key.clone(), ..PersistedSettings::of(&terms) };
    if others {
        now.refuse_changes_since(before)?;
    }
    Ok((terms, now))
}

impl PersistedSettings {
    /// The part of these settings that is remembered, without the redaction key.
    pub(super) fn of(terms: &Terms) -> PersistedSettings {
        let general = Word::of(terms.when_full);
        let by_category = terms.when_full_by_category.iter();
        PersistedSettings {
            flood_control: terms.flood.map(|flood| flood.remembered()),
            heartbeat_ms: terms.heartbeat.map(milliseconds),
            life_signs: terms.life_signs,
            redaction: terms.redaction.remembered(),
            redaction_key: None,
            when_full: general,
            when_full_by_category: by_category
                .map(|(category, policy)| (category.as_str().to_owned(), Word::of(*policy)))
                .filter(|(_, word)| *word != general)
                .collect(),
        }
    }

    /// Sets the redaction key.
    pub(super) fn with_key_of(mut self, redactor: &Redactor) -> PersistedSettings {
        self.redaction_key = Some(redactor.key_id());
        self
    }

    fn redaction(&self) -> Result<Redaction, Error> {
        self.redaction.as_ref().map_or_else(|| Ok(Redaction::default()), RememberedRedaction::restore)
    }

    /// The settings of the last opening. A file that cannot be understood is an error: without it, the rules of
    /// redaction would be off and nobody would know.
    pub(super) fn read(disk: &dyn Disk, layout: &Layout) -> Result<PersistedSettings, Error> {
        let path = layout.settings();
        let Some(bytes) = read_bytes(disk, &path)? else {
            return Ok(PersistedSettings::default());
        };
        let is_object = bytes.trim_ascii_start().starts_with(b"{");
        let settings = match serde_json::from_slice(&bytes) {
            Ok(_) if !is_object => Err(serde::de::Error::custom("not an object")),
            other => other,
        };
        settings.map_err(|source: serde_json::Error| {
            let message = format!(
                "{} is not what Graven writes, so the settings of the trail are not known: restore it; or delete it, \
                 and what your program does not give has its default (also the rules of redaction)",
                path.display()
            );
            Error::with_source(ErrorKind::Data, message, source)
        })
    }

    /// Writes them to `settings.json`, unless the file holds them already. It does not matter what else it holds.
    pub(super) fn remember(&self, disk: &dyn Disk, layout: &Layout) -> Result<(), Error> {
        let path = layout.settings();
        let bytes = self.to_bytes();
        if read_bytes(disk, &path)?.unwrap_or_else(|| PersistedSettings::default().to_bytes()) == bytes {
            return Ok(());
        }
        if bytes.len() as u64 > durable::WHOLE_FILE_BYTES_MAX {
            let message = format!(
                "the settings that the trail would have to remember take {} bytes, and at most {} are possible: use fewer \
                 or shorter rules of redaction",
                bytes.len(),
                durable::WHOLE_FILE_BYTES_MAX
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        durable::replace(disk, &path, &bytes).map_err(|source| Error::cannot("write", &path, source))
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("names, numbers and texts always serialise");
        bytes.push(b'\n');
        bytes
    }

    /// The form in an entry, by name: of a redaction without its patterns.
    pub(super) fn recorded(&self) -> BTreeMap<String, Value> {
        let Ok(Value::Object(mut settings)) = serde_json::to_value(self) else {
            unreachable!("names, numbers and texts always serialise, to an object");
        };
        if let Some(redaction) = &self.redaction {
            settings.insert("redaction".to_owned(), redaction.recorded());
        }
        settings.into_iter().collect()
    }

    /// What has changed since `before`; `None` if nothing has.
    pub(super) fn changes_since(&self, before: &PersistedSettings) -> Option<Changes> {
        let (before, now) = (before.recorded(), self.recorded());
        let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        let value =
            |settings: &BTreeMap<String, Value>, name| settings.get(name).cloned().unwrap_or(Value::Null);
        let changed: BTreeMap<String, Change> = names
            .into_iter()
            .filter(|name| *name != REDACTION_KEY || before.contains_key(*name))
            .map(|name| (name.clone(), Change { from: value(&before, name), to: value(&now, name) }))
            .filter(|(_, change)| change.from != change.to)
            .collect();
        (!changed.is_empty()).then_some(Changes { changed })
    }

    /// Refuses settings that are not those of the trail, which another process has open: it would go on with others
    /// than the trail says.
    pub(super) fn refuse_changes_since(&self, before: &PersistedSettings) -> Result<(), Error> {
        let Some(changes) = self.changes_since(before) else {
            return Ok(());
        };
        let message = format!(
            "another process has the trail open with other settings: {}. Leave them out or give the same ones, or open \
             the trail when no other process has it open",
            changes.told()
        );
        Err(Error::new(ErrorKind::Invalid, message))
    }
}

impl Changes {
    /// For people: each difference, of a redaction only what differs in it.
    fn told(&self) -> String {
        let mut told = Vec::new();
        for (name, Change { from, to }) in &self.changed {
            match (from, to) {
                (Value::Object(from), Value::Object(to)) => {
                    let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
                    let value =
                        |of: &serde_json::Map<String, Value>, part| of.get(part).cloned().unwrap_or_default();
                    for part in names {
                        tell(&mut told, &format!("{name}.{part}"), &value(from, part), &value(to, part));
                    }
                }
                _ => tell(&mut told, name, from, to),
            }
        }
        told.join("; ")
    }
}

/// Adds a difference, if it is one.
fn tell(told: &mut Vec<String>, name: &str, from: &Value, to: &Value) {
    if from != to {
        told.push(format!("{name} is {} in the trail and {} here", shown(from), shown(to)));
    }
}

fn shown(value: &Value) -> String {
    if value.is_null() {
        return "the default".to_owned();
    }
    let text = value.to_string();
    let end = text.floor_char_boundary(SHOWN_BYTES_MAX);
    if end == text.len() { text } else { format!("{}…", &text[..end]) }
}

/// A category by its name. A program can give any name, also one that no entry can have.
fn category(name: &str) -> Category {
    name.parse().unwrap_or_else(|_| Category::Custom(name.into()))
}

/// The bytes of `settings.json`, if it is there.
fn read_bytes(disk: &dyn Disk, path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match durable::read_file(disk, path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if durable::is_absent(&error) => Ok(None),
        Err(source) => Err(Error::cannot("read", path, source)),
    }
}

impl Redaction {
    /// The redaction of a trail, as its last opening for writing left it. With it, [`Redactor::of_trail`] takes out
    /// what the trail takes out.
    ///
    /// # Errors
    /// `Unavailable` when the trail's settings cannot be read; `Data` when they are damaged; `Invalid` when version 0.1
    /// wrote them, and the trail has rules of its program.
    pub fn of_trail(path: impl AsRef<Path>) -> Result<Redaction, Error> {
        let machine = Machine::os();
        let layout = Layout::find_one(&*machine.disk, path.as_ref())?;
        PersistedSettings::read(&*machine.disk, &layout)?
            .redaction()
            .map_err(|error| error.prefixed(&layout.dir().display().to_string()))
    }
}

#[cfg(test)]
mod tests;
