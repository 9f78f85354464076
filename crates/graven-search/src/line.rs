//! An entry as a query sees it: decoded, with the detail and the texts that are stored beside the log.

use std::cell::OnceCell;

use graven::reader::{Reader, Record};
use graven::{Entry, Error};
use graven_core::json::tree::Tree;
use graven_core::verdict::{Finding, Verdict};

use crate::query::{EntryField, written};

/// A decoded entry. What is stored in a blob is read when it is first asked for.
#[derive(Debug)]
pub struct Line<'a> {
    index: u64,
    stored: Entry,
    /// The trail, for the blob.
    reader: Option<&'a Reader>,
    /// The entry as it was recorded, when that is not what the line says.
    restored: OnceCell<Result<Entry, Error>>,
    detail: OnceCell<Option<Tree>>,
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar<'a> {
    /// What a string says.
    Text(&'a str),
    /// A number, as it is written.
    Number(&'a str),
    Bool(bool),
    Null,
}

impl<'a> Line<'a> {
    /// Decodes a stored line.
    ///
    /// # Errors
    /// `Data` when it is not an entry.
    pub fn read(reader: &'a Reader, record: &Record) -> Result<Line<'a>, Error> {
        Line::of_stored(reader, record.index, &record.line)
    }

    pub(crate) fn of_stored(reader: &'a Reader, index: u64, line: &[u8]) -> Result<Line<'a>, Error> {
        let (restored, detail) = (OnceCell::new(), OnceCell::new());
        Ok(Line { index, stored: Record::entry_of(index, line)?, reader: Some(reader), restored, detail })
    }

    /// An entry whose line has all of it.
    pub fn of_entry(index: u64, entry: Entry) -> Line<'a> {
        Line { index, stored: entry, reader: None, restored: OnceCell::new(), detail: OnceCell::new() }
    }

    /// Its position in the log.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The entry as its line says, with a marker for what is in a blob.
    pub fn stored(&self) -> &Entry {
        &self.stored
    }

    /// The entry as it was recorded. If its blob is missing or damaged, as its line says.
    pub fn entry(&self) -> &Entry {
        match self.restored() {
            Some(Ok(entry)) => entry,
            Some(Err(_)) | None => &self.stored,
        }
    }

    /// The same, to keep.
    pub(crate) fn into_entry(self) -> Entry {
        self.restored();
        match self.restored.into_inner() {
            Some(Ok(entry)) => entry,
            Some(Err(_)) | None => self.stored,
        }
    }

    /// Why the blob could not be read, if that was tried.
    pub fn problem(&self) -> Option<&Error> {
        self.restored.get().and_then(|restored| restored.as_ref().err())
    }

    /// What to say of that.
    pub(crate) fn finding(&self) -> Option<Finding> {
        let problem = self.problem()?;
        let message = format!("what is stored beside its line cannot be read: {}", problem.chain());
        Some(Finding::new(Verdict::Missing, message).index(self.index))
    }

    /// Forgets what was read beside the line and what the detail says. Both are read again when they are asked for.
    pub(crate) fn forget_details(&mut self) {
        self.restored.take();
        self.detail.take();
    }

    fn restored(&self) -> Option<&Result<Entry, Error>> {
        let reader = self.reader?;
        self.stored.detail.as_ref()?.blob()?;
        Some(self.restored.get_or_init(|| reader.restored(&self.stored)))
    }

    /// The events that the entry stands for.
    pub(crate) fn events(&self) -> u64 {
        self.stored.count.unwrap_or(1)
    }

    pub(crate) fn detail(&self) -> Option<&Tree> {
        let parse = || self.entry().detail.as_ref().and_then(|detail| detail.tree().ok());
        self.detail.get_or_init(parse).as_ref()
    }

    /// Shows each value of a field until `f` says yes; whether it did.
    pub(crate) fn any_of_field(&self, field: EntryField, f: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool {
        use EntryField as F;
        // What is never cut needs no blob.
        let stored = &self.stored;
        let number = |number: Option<u64>, f: &mut dyn FnMut(Scalar<'_>) -> bool| {
            number.is_some_and(|number| f(Scalar::Number(&number.to_string())))
        };
        let name = |name: Option<&str>, f: &mut dyn FnMut(Scalar<'_>) -> bool| {
            name.is_some_and(|name| f(Scalar::Text(name)))
        };
        match field {
            F::Timestamp => name(stored.timestamp.as_ref().map(written).as_deref(), f),
            F::ReceivedAt => name(stored.received_at.as_ref().map(written).as_deref(), f),
            F::Category => name(Some(stored.category.as_str()), f),
            F::Outcome => name(Some(stored.outcome.as_str()), f),
            F::Phase => name(stored.phase.map(|phase| phase.as_str()), f),
            F::DurationMs => number(stored.duration_ms, f),
            F::Count => number(stored.count, f),
            F::ApprovalKind => {
                let kind = stored.approval.as_ref().and_then(|approval| approval.kind);
                name(kind.map(|kind| kind.as_str()), f)
            }
            F::ApprovalDecision => {
                name(stored.approval.as_ref().map(|approval| approval.decision.as_str()), f)
            }
            F::OnBehalfOf => self.entry().on_behalf_of.iter().any(|one| f(Scalar::Text(one))),
            F::Tool => name(self.entry().action.strip_prefix("tool:"), f),
            F::Source | F::Approval => false,
            _ => name(self.text(field), f),
        }
    }

    /// The text of a field that has one.
    fn text(&self, field: EntryField) -> Option<&str> {
        use EntryField as F;
        let entry = self.entry();
        let (source, agent) = (entry.source.as_deref(), entry.agent.as_deref());
        let approval = entry.approval.as_deref();
        match field {
            F::Id => entry.id.as_deref(),
            F::Action => Some(&entry.action),
            F::Principal => entry.principal.as_deref(),
            F::OkrId => entry.okr_id.as_deref(),
            F::OkrRunId => entry.okr_run_id.as_deref(),
            F::RelayId => entry.relay_id.as_deref(),
            F::SessionId => entry.session_id.as_deref(),
            F::TraceId => entry.trace_id.as_deref(),
            F::SpanId => entry.span_id.as_deref(),
            F::RequestId => entry.request_id.as_deref(),
            F::Resource => entry.resource.as_deref(),
            F::IntentId => entry.intent_id.as_deref(),
            F::Reason => entry.reason.as_deref(),
            F::RecordedBy => entry.recorded_by.as_deref(),
            F::SourceIp => source.and_then(|source| source.ip.as_deref()),
            F::SourceUserAgent => source.and_then(|source| source.user_agent.as_deref()),
            F::SourceService => source.and_then(|source| source.service.as_deref()),
            F::SourceHost => source.and_then(|source| source.host.as_deref()),
            F::AgentId => agent.and_then(|agent| agent.id.as_deref()),
            F::AgentInstance => agent.and_then(|agent| agent.instance.as_deref()),
            F::AgentModel => agent.and_then(|agent| agent.model.as_deref()),
            F::AgentVersion => agent.and_then(|agent| agent.version.as_deref()),
            F::ApprovalBy => approval.and_then(|approval| approval.by.as_deref()),
            F::ApprovalRule => approval.and_then(|approval| approval.rule.as_deref()),
            _ => None,
        }
    }

    /// Whether the entry has a field.
    pub(crate) fn has(&self, field: EntryField) -> bool {
        match field {
            EntryField::Source => self.stored.source.is_some(),
            EntryField::Approval => self.stored.approval.is_some(),
            _ => self.any_of_field(field, &mut |_| true),
        }
    }

    /// Shows each value of the entry, once, until `f` says yes; whether it did.
    pub(crate) fn any_value(&self, f: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool {
        let of_fields = EntryField::ALL
            .iter()
            .filter(|field| **field != EntryField::Tool)
            .any(|field| self.any_of_field(*field, f));
        of_fields || self.blob_hash().is_some_and(|hash| f(Scalar::Text(&hash))) || self.in_detail(f, false)
    }

    /// Shows each string of the entry, also the keys of its detail, until `f` says yes; whether it did.
    pub(crate) fn any_text(&self, f: &mut dyn FnMut(&str) -> bool) -> bool {
        let mut text = |scalar: Scalar<'_>| matches!(scalar, Scalar::Text(text) if f(text));
        let of_fields = EntryField::ALL
            .iter()
            .filter(|field| **field != EntryField::Tool)
            .any(|field| self.any_of_field(*field, &mut text));
        of_fields
            || self.blob_hash().is_some_and(|hash| text(Scalar::Text(&hash)))
            || self.in_detail(&mut text, true)
    }

    /// The name of the blob that the line refers to.
    fn blob_hash(&self) -> Option<String> {
        Some(self.stored.detail.as_ref()?.blob()?.sha256.to_hex())
    }

    fn in_detail(&self, f: &mut dyn FnMut(Scalar<'_>) -> bool, with_keys: bool) -> bool {
        // What the marker says is in the hash above.
        let is_marker = self.entry().detail.as_ref().is_some_and(|detail| detail.blob().is_some());
        !is_marker && self.detail().is_some_and(|detail| any_in(detail, f, with_keys))
    }

    /// Shows each value at a path of the detail until `f` says yes; whether it did.
    pub(crate) fn any_at(&self, path: &[String], f: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool {
        self.detail().is_some_and(|detail| any_at(detail, path, f))
    }

    /// Whether the detail has something at a path.
    pub(crate) fn has_at(&self, path: &[String]) -> bool {
        self.detail().is_some_and(|detail| has_at(detail, path))
    }
}

/// What to say of a line that cannot be decoded.
pub(crate) fn unreadable(index: u64, error: &Error) -> Finding {
    Finding::new(Verdict::Altered, format!("it is no entry: {}", error.chain())).index(index)
}

/// The scalar that a value is.
fn scalar(tree: &Tree) -> Option<Scalar<'_>> {
    match tree {
        Tree::Null => Some(Scalar::Null),
        Tree::Bool(value) => Some(Scalar::Bool(*value)),
        Tree::Number(number) => Some(Scalar::Number(number)),
        Tree::String(text) => Some(Scalar::Text(text)),
        Tree::Array(_) | Tree::Object(_) => None,
    }
}

fn any_in(tree: &Tree, f: &mut dyn FnMut(Scalar<'_>) -> bool, with_keys: bool) -> bool {
    match tree {
        Tree::Array(elements) => elements.iter().any(|element| any_in(element, f, with_keys)),
        Tree::Object(members) => members
            .iter()
            .any(|(key, value)| (with_keys && f(Scalar::Text(key))) || any_in(value, f, with_keys)),
        other => scalar(other).is_some_and(&mut *f),
    }
}

fn any_at(tree: &Tree, path: &[String], f: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool {
    match (tree, path) {
        (Tree::Array(elements), _) => elements.iter().any(|element| any_at(element, path, f)),
        (Tree::Object(members), [key, rest @ ..]) => {
            members.iter().any(|(name, value)| name == key && any_at(value, rest, f))
        }
        (other, []) => scalar(other).is_some_and(&mut *f),
        _ => false,
    }
}

fn has_at(tree: &Tree, path: &[String]) -> bool {
    match (tree, path) {
        (Tree::Null, []) => false,
        (_, []) => true,
        (Tree::Array(elements), _) => elements.iter().any(|element| has_at(element, path)),
        (Tree::Object(members), [key, rest @ ..]) => {
            members.iter().any(|(name, value)| name == key && has_at(value, rest))
        }
        _ => false,
    }
}
