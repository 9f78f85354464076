//! What an engine starts from: a trail in order, as `open` hands it over.

use std::sync::Arc;

use graven_core::hash::Hash;
use graven_core::note::SigningKey;
use serde::Serialize;

use super::counters::Lost;
use super::held::Held;
use super::run::Run;
use super::system_entries::SystemLine;
use crate::files::layout::Layout;
use crate::files::levels::Levels;
use crate::files::live::Live;
use crate::files::meta::Meta;
use crate::redact::Redactor;
use crate::seam::machine::Machine;
use crate::settings::Settings;

/// A trail in order and locked, for which no engine runs yet.
pub(crate) struct Ready {
    pub(crate) machine: Machine,
    pub(crate) layout: Layout,
    pub(crate) settings: Settings,
    pub(crate) run: Run,
    pub(crate) recovered: Recovered,
    pub(crate) lost: Arc<Lost>,
    /// The entries that say what happened before this opening.
    pub(crate) system_entries: Vec<SystemLine>,
}

/// A trail in order, ready for its engine.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) meta: Meta,
    pub(crate) lock: Held,
    pub(crate) signing_key: SigningKey,
    pub(crate) redactor: Redactor,
    /// The signed checkpoint, as it is in the file.
    pub(crate) checkpoint: String,
    /// The tree under the checkpoint.
    pub(crate) levels: Levels,
    /// The leaf hashes past the checkpoint, and the bytes of their lines.
    pub(crate) unsealed: Vec<Hash>,
    pub(crate) unsealed_bytes: u64,
    pub(crate) live: Live,
    pub(crate) newest_lines: Vec<u8>,
    pub(crate) newest_ends: Vec<u32>,
    /// What a crash left. Taken by the code that records it.
    pub(crate) mended: Option<Mended>,
}

/// What the last crash left: the detail of the entry that records it.
#[derive(Debug, Serialize)]
pub(crate) struct Mended {
    /// The first index past the checkpoint, and how many entries were there: no signature covered them.
    pub(crate) unsealed_first: u64,
    pub(crate) unsealed_entries: u64,
    /// How many bytes were cut from the tail, and where they are.
    pub(crate) torn_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) torn_file: Option<String>,
    /// Where the bytes are that an earlier opening cut here and, because of a crash, did not record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) torn_earlier: Vec<String>,
}

impl Mended {
    /// Whether the trail was in order.
    pub(crate) fn is_empty(&self) -> bool {
        self.unsealed_entries == 0 && self.torn_bytes == 0 && self.torn_earlier.is_empty()
    }
}
