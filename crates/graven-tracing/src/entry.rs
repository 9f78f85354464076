//! From the fields of an event or span to an entry.

use graven::{Category, Entry, Outcome, Redactor};
use tracing::{Level, Metadata};

use crate::counters::Counters;
use crate::fields::{Fields, Value, write_json_string};
use crate::filter::MARKER;
use crate::known::{self, Texts};

/// How an event or span ended, when it does not say so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unsaid {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<&'static str>,
}

/// What makes entries of fields.
#[derive(Debug)]
pub(crate) struct Maker {
    /// The category of events and spans that name none.
    pub(crate) category: Category,
    /// Whether the detail says where in the program it was said.
    pub(crate) places: bool,
    /// The trail's: what a span gives on is redacted before it is cut.
    pub(crate) redactor: Redactor,
    pub(crate) counters: Counters,
}

impl Maker {
    /// The entry of an event or span. `unsaid` is its outcome when no field says one.
    pub(crate) fn entry(&self, metadata: &Metadata<'_>, fields: &Fields, unsaid: Unsaid) -> Entry {
        let (category, category_kept) = self.category(metadata, fields);
        let mut entry = Entry::new(category, "", Outcome::Success).cut_to_fit();
        let mut detail = Members::default();
        for (name, value) in fields.iter() {
            let kept = match name {
                "category" => category_kept,
                "outcome" => {
                    value.as_text().parse().is_ok_and(|outcome: Outcome| outcome != Outcome::Pending)
                }
                "message" => !fields.has("action"),
                "intent" if metadata.is_span() => value.is("true"),
                MARKER => value.is("true"),
                _ => known::place(&mut entry, name, value, Texts::Whole) == Some(true),
            };
            if !kept {
                detail.add(name, value);
            }
        }
        known::place_trace(&mut entry, fields, Texts::Whole);
        if !fields.has("action") {
            entry.action = fields.get("message").map_or(metadata.name(), Value::as_text).to_owned();
        }
        if self.places {
            detail.add_place(metadata, fields);
        }
        self.decide(&mut entry, fields, unsaid);
        self.counters.add_cut(fields.cut);
        match detail.finish() {
            Some(json) => entry.detail_json(&json),
            None => entry,
        }
    }

    /// The category, and whether the field of that name says no more than that.
    fn category(&self, metadata: &Metadata<'_>, fields: &Fields) -> (Category, bool) {
        let read = |name: &str| name.parse().ok().filter(|category| *category != Category::Trail);
        if let Some(name) = fields.get("category") {
            if let Some(category) = read(name.as_text()) {
                return (category, true);
            }
            self.counters.rename();
            return (self.category.clone(), false);
        }
        let named = metadata.target().strip_prefix("audit::").and_then(|rest| read(rest.split("::").next()?));
        (named.unwrap_or_else(|| self.category.clone()), true)
    }

    /// Says how it ended.
    fn decide(&self, entry: &mut Entry, fields: &Fields, unsaid: Unsaid) {
        let status = fields.get("otel.status_code").map(Value::as_text).unwrap_or_default();
        entry.outcome = match fields.get("outcome").map(|said| said.as_text().parse()) {
            Some(Ok(Outcome::Pending) | Err(_)) => {
                // An outcome that cannot be read never counts as a success.
                self.counters.rename();
                Outcome::Failure
            }
            Some(Ok(outcome)) => outcome,
            None if fields.has("error") || fields.has("err") => Outcome::Failure,
            None if status.eq_ignore_ascii_case("error") => Outcome::Failure,
            None => {
                if entry.reason.is_none() {
                    entry.reason = unsaid.reason.map(Into::into);
                }
                unsaid.outcome
            }
        };
    }
}

impl Unsaid {
    /// An event of the level `ERROR` is a failure.
    pub(crate) fn of_event(metadata: &Metadata<'_>) -> Unsaid {
        let failed = *metadata.level() == Level::ERROR;
        Unsaid { outcome: if failed { Outcome::Failure } else { Outcome::Success }, reason: None }
    }

    /// A span without an error is a success, unless it declared `outcome` and never set it.
    pub(crate) fn of_span(metadata: &Metadata<'_>) -> Unsaid {
        let failure = |reason| Unsaid { outcome: Outcome::Failure, reason: Some(reason) };
        if std::thread::panicking() {
            failure("panicked")
        } else if metadata.fields().field("outcome").is_some() {
            failure(graven::ABANDONED)
        } else {
            Unsaid { outcome: Outcome::Success, reason: None }
        }
    }
}

/// The members of a JSON object.
#[derive(Default)]
struct Members(String);

impl Members {
    fn add(&mut self, name: &str, value: &Value) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        write_json_string(name, &mut self.0);
        self.0.push(':');
        value.write_json(&mut self.0);
    }

    /// Where in the program it was said. The event's own fields of these names win.
    fn add_place(&mut self, metadata: &Metadata<'_>, fields: &Fields) {
        let text = |text: &str| Value::Text(text.to_owned());
        let places = [
            ("level", Some(text(metadata.level().as_str()))),
            ("target", Some(text(metadata.target()))),
            ("file", metadata.file().map(text)),
            ("line", metadata.line().map(|line| Value::Literal(line.to_string()))),
        ];
        for (name, value) in places {
            if let (Some(value), false) = (value, fields.has(name)) {
                self.add(name, &value);
            }
        }
    }

    fn finish(mut self) -> Option<String> {
        self.0.push('}');
        (self.0.len() > 1).then_some(self.0)
    }
}
