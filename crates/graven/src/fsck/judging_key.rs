//! The key that judges a trail: the given one, else the remembered one, else the one that the trail names.

use graven_core::note::VerifierKey;
use graven_core::verdict::{Finding, Verdict};

use super::KeySource;
use super::memory::Memory;

/// A key, and where it came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct JudgingKey<'a> {
    pub(super) key: &'a VerifierKey,
    pub(super) source: KeySource,
}

impl<'a> JudgingKey<'a> {
    /// The key that judges; `None` when there is none.
    pub(super) fn choose(
        given: Option<&'a VerifierKey>,
        memory: Option<&'a Memory>,
        own: Option<&'a VerifierKey>,
    ) -> Option<JudgingKey<'a>> {
        let pinned = memory.map(|memory| &memory.key);
        let choice = [(given, KeySource::Given), (pinned, KeySource::Pinned), (own, KeySource::SelfAsserted)];
        choice.into_iter().find_map(|(key, source)| Some(JudgingKey { key: key?, source }))
    }

    /// The finding when the trail names another key.
    pub(super) fn other_key(&self) -> Finding {
        let expected =
            if self.source == KeySource::Given { "given" } else { "remembered from an earlier verification" };
        let message = format!("the trail names another key than the one {expected}, {}", self.key);
        Finding::new(Verdict::BadSignature, message).file("graven.json")
    }
}
