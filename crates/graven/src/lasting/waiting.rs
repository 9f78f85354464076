//! What was emitted while no trail was open: a bounded number of entries.

use graven_core::entry::Entry;

use crate::engine::counters::Losses;

/// The most entries that are kept.
const ENTRIES_MAX: usize = 1_024;
/// The most bytes of their texts.
const BYTES_MAX: usize = 1 << 20;

/// Emitted entries that wait for a trail, oldest first.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    entries: Vec<Entry>,
    bytes: usize,
}

impl Waiting {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is room for one more.
    pub(super) fn has_room(&self, entry: &Entry) -> bool {
        self.entries.len() < ENTRIES_MAX && self.bytes + bytes(entry) <= BYTES_MAX
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, entry: Entry) {
        self.bytes += bytes(&entry);
        self.entries.push(entry);
    }

    /// Takes all of them.
    pub(super) fn take(&mut self) -> Vec<Entry> {
        std::mem::take(self).entries
    }

    /// How many there are of each category.
    pub(super) fn by_category(&self) -> Losses {
        let mut counts = Losses::new();
        for entry in &self.entries {
            *counts.entry(entry.category.as_str().to_owned()).or_default() += 1;
        }
        counts
    }
}

/// How long the texts of an entry are.
fn bytes(entry: &Entry) -> usize {
    let own = [
        &entry.id,
        &entry.principal,
        &entry.okr_id,
        &entry.okr_run_id,
        &entry.relay_id,
        &entry.session_id,
        &entry.trace_id,
        &entry.span_id,
        &entry.request_id,
        &entry.resource,
        &entry.intent_id,
        &entry.reason,
        &entry.recorded_by,
    ];
    let source = entry.source.iter().flat_map(|of| [&of.ip, &of.user_agent, &of.service, &of.host]);
    let agent = entry.agent.iter().flat_map(|of| [&of.id, &of.instance, &of.model, &of.version]);
    let approval = entry.approval.iter().flat_map(|of| [&of.by, &of.rule]);
    let optional = own.into_iter().chain(source).chain(agent).chain(approval).flatten();
    let texts = optional.chain(&entry.on_behalf_of).map(String::len).sum::<usize>();
    let detail = entry.detail.as_ref().map_or(0, |detail| detail.as_str().len());
    entry.action.len() + detail + texts
}
