//! The fields of an entry that the peers keep in columns, and the text that they search.

use ::graven::Entry;
use ::graven::reader::Reader;
use serde_json::Value;

use crate::peer::Failure;

/// Stands between two strings, so that no phrase goes over both.
const BETWEEN: &str = " zzbetweenzz ";

/// An entry, for the peers that are filled by this program.
pub(super) struct Fields {
    pub(super) index: u64,
    pub(super) line: String,
    pub(super) entry: Entry,
    /// `detail.exit`.
    pub(super) exit: Option<f64>,
    /// The strings of action, resource, reason and detail.
    pub(super) text: String,
}

impl Fields {
    pub(super) fn time_s(&self) -> i64 {
        self.entry.timestamp.map_or(0, |time| time.timestamp())
    }

    pub(super) fn agent(&self) -> Option<&str> {
        self.entry.agent.as_ref()?.id.as_deref()
    }

    pub(super) fn model(&self) -> Option<&str> {
        self.entry.agent.as_ref()?.model.as_deref()
    }

    pub(super) fn phase(&self) -> Option<&'static str> {
        self.entry.phase.map(|phase| phase.as_str())
    }
}

/// Hands over every entry, the oldest first.
pub(super) fn each(reader: &Reader, mut f: impl FnMut(Fields) -> Result<(), Failure>) -> Result<(), Failure> {
    for record in reader.entries(..)? {
        let record = record?;
        let entry = record.entry()?;
        let detail = entry.detail.as_ref().map(|detail| serde_json::from_str::<Value>(detail.as_str()));
        let detail = detail.transpose()?.unwrap_or(Value::Null);
        let mut text = entry.action.clone();
        for part in [&entry.resource, &entry.reason].into_iter().flatten() {
            text += BETWEEN;
            text += part;
        }
        strings(&detail, &mut text);
        let exit = detail["exit"].as_f64();
        let line = String::from_utf8(record.line).map_err(|_| Failure::from("a line is not text"))?;
        f(Fields { index: record.index, line, entry, exit, text })?;
    }
    Ok(())
}

fn strings(value: &Value, text: &mut String) {
    match value {
        Value::String(string) => {
            text.push_str(BETWEEN);
            text.push_str(string);
        }
        Value::Array(all) => all.iter().for_each(|one| strings(one, text)),
        Value::Object(all) => all.values().for_each(|one| strings(one, text)),
        _ => {}
    }
}
