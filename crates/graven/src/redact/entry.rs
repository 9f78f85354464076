//! Sends every string of an entry that comes from a caller through the rules.

use graven_core::entry::{Agent, Category, Detail, Entry, EntryError, ID_BYTES_MAX, Source};

use super::inner::Inner;
use super::json::Walk;
use super::redactor::Redactor;
use super::rules::WHOLE;
use crate::error::{Error, ErrorKind};

impl Redactor {
    /// Takes the secrets out of an entry. Called once, before the entry is hashed. Returns whether the detail changed.
    #[inline]
    pub(crate) fn entry(&self, entry: &mut Entry) -> bool {
        self.0.on && self.0.entry(entry)
    }

    /// Takes the secrets out of an entry as a trail does. For benches that measure the cost.
    #[doc(hidden)]
    pub fn testing_only_entry(&self, entry: &mut Entry) {
        let _changed = self.entry(entry);
    }

    /// The error for an entry that cannot be recorded. It is redacted, because it may repeat text from the caller.
    #[cold]
    pub(crate) fn refusal(&self, source: EntryError) -> Error {
        const MESSAGE: &str = "this entry cannot be recorded";
        let said = source.to_string();
        match self.text(&said) {
            redacted if redacted == said => Error::with_source(ErrorKind::Invalid, MESSAGE, source),
            redacted => Error::with_source(ErrorKind::Invalid, MESSAGE, Told(redacted.into_owned())),
        }
    }
}

/// The text of an error, without the secrets that it repeated.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Told(String);

impl Inner {
    fn entry(&self, entry: &mut Entry) -> bool {
        if let Some(id) = &mut entry.id {
            self.id("id", id);
        }
        self.category(&mut entry.category);
        self.field("action", &mut entry.action);
        self.optional("principal", &mut entry.principal);
        let detail_changed = entry.detail.as_mut().is_some_and(|detail| self.detail(detail));
        let ids = [
            ("okr_id", &mut entry.okr_id),
            ("okr_run_id", &mut entry.okr_run_id),
            ("relay_id", &mut entry.relay_id),
            ("session_id", &mut entry.session_id),
            ("trace_id", &mut entry.trace_id),
            ("span_id", &mut entry.span_id),
            ("request_id", &mut entry.request_id),
            ("resource", &mut entry.resource),
            ("reason", &mut entry.reason),
            ("recorded_by", &mut entry.recorded_by),
        ];
        for (name, text) in ids {
            self.optional(name, text);
        }
        if let Some(id) = &mut entry.intent_id {
            self.id("intent_id", id);
        }
        if let Some(Source { ip, user_agent, service, host }) = entry.source.as_deref_mut() {
            self.optional("source.ip", ip);
            self.optional("source.user_agent", user_agent);
            self.optional("source.service", service);
            self.optional("source.host", host);
        }
        if let Some(Agent { id, instance, model, version }) = entry.agent.as_deref_mut() {
            self.optional("agent.id", id);
            self.optional("agent.instance", instance);
            self.optional("agent.model", model);
            self.optional("agent.version", version);
        }
        if let Some(approval) = entry.approval.as_deref_mut() {
            self.optional("approval.by", &mut approval.by);
            self.optional("approval.rule", &mut approval.rule);
        }
        for principal in &mut entry.on_behalf_of {
            self.field("on_behalf_of", principal);
        }
        detail_changed
    }

    #[inline]
    fn optional(&self, name: &str, text: &mut Option<String>) {
        if let Some(text) = text {
            self.field(name, text);
        }
    }

    #[inline]
    fn field(&self, name: &str, text: &mut String) {
        if !self.rules.is_clean(text) {
            self.suspicious_field(name, text);
        }
    }

    #[cold]
    fn suspicious_field(&self, name: &str, text: &mut String) {
        if self.is_exempt_field(name) {
            return;
        }
        if let (Some(changed), ..) = self.text(text, name) {
            *text = changed;
        }
    }

    /// Redacts an id. If the marks make it too long for an id, one mark replaces all of it.
    fn id(&self, name: &str, id: &mut String) {
        let given = if self.rules.is_clean(id) { return } else { id.clone() };
        self.field(name, id);
        if id.len() > ID_BYTES_MAX && given.len() <= ID_BYTES_MAX {
            *id = self.key.mark(WHOLE, &given);
        }
    }

    /// Redacts a category. It cannot hold a mark, so a category with a secret gets another name.
    fn category(&self, category: &mut Category) {
        let Category::Custom(name) = &*category else { return };
        if !self.rules.is_clean(name) && self.text(name, "category").0.is_some() {
            let redacted = format!("redacted_{}", self.key.digits(name));
            *category = Category::Custom(redacted.into());
        }
    }

    fn detail(&self, detail: &mut Detail) -> bool {
        let json = detail.as_str();
        let escaped = memchr::memchr(b'\\', json.as_bytes()).is_some();
        (escaped || !self.rules.is_clean(json) || self.has_exempt_fields())
            && !self.is_exempt_field("detail")
            && self.suspicious_detail(detail)
    }

    fn suspicious_detail(&self, detail: &mut Detail) -> bool {
        let json = detail.as_str();
        let Some(changed) = Walk::over(self, json, "detail", false).text else { return false };
        // Redaction makes two keys of an object equal only if the caller knew the mark that the other key would get.
        let read = Detail::parse(&changed).or_else(|_| {
            let whole = serde_json::Value::String(self.key.mark(WHOLE, json));
            Detail::parse(&whole.to_string())
        });
        *detail = read.expect("a string is always JSON");
        true
    }
}
