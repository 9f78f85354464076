//! What an engine starts from: a trail in order, as `open` hands it over.

use std::io;
use std::sync::Arc;

use graven_core::hash::Hash;
use graven_core::note::SigningKey;
use serde::Serialize;

use super::counters::Lost;
use super::held::Held;
use super::run::Run;
use super::system_entries::SystemLine;
use crate::error::Error;
use crate::files::commit_lock::CommitLock;
use crate::files::durable;
use crate::files::layout::Layout;
use crate::files::levels::Levels;
use crate::files::live::Live;
use crate::files::meta::Meta;
use crate::files::publish_lock::PublishLock;
use crate::redact::Redactor;
use crate::seam::machine::Machine;
use crate::settings::Settings;
use crate::settings::terms::Terms;

/// A trail in order and locked, for which no engine runs yet.
pub(crate) struct Ready {
    pub(crate) machine: Machine,
    pub(crate) layout: Layout,
    /// As they were given.
    pub(crate) settings: Settings,
    pub(crate) terms: Terms,
    pub(crate) run: Run,
    pub(crate) recovered: Recovered,
    pub(crate) lost: Arc<Lost>,
    /// Whether the opening has recorded anything about itself.
    pub(crate) told: bool,
}

/// A trail in order, ready for its engine.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) meta: Meta,
    pub(crate) held: Held,
    pub(crate) commit_lock: CommitLock,
    pub(crate) publish_lock: PublishLock,
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

impl Recovered {
    /// How many entries there are.
    pub(crate) fn size(&self) -> u64 {
        self.levels.size() + self.unsealed.len() as u64
    }

    /// Records system entries behind all that is there, durably. Called under the commit lock of the opening: they are
    /// the first that this process records, and nobody comes in between.
    pub(crate) fn record(&mut self, layout: &Layout, entries: &[SystemLine]) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let cannot = |source| Error::cannot("write to", layout.live(), source);
        let writing = self.live.says(true, self.size());
        let mut lines = Vec::new();
        for entry in entries {
            lines.extend_from_slice(&entry.bytes);
            lines.push(b'\n');
            self.unsealed.push(entry.hash);
            self.newest_lines.extend_from_slice(&entry.bytes);
            self.newest_lines.push(b'\n');
            self.newest_ends
                .push(u32::try_from(self.newest_lines.len()).map_err(io::Error::other).map_err(cannot)?);
        }
        self.held
            .say_first(writing)
            .and_then(|()| durable::write_all_at(&*self.live.file, &lines, self.live.bytes))
            .and_then(|()| durable::retried(|| self.live.file.sync_data()))
            .map_err(cannot)?;
        self.live.bytes += lines.len() as u64;
        self.unsealed_bytes += lines.len() as u64;
        self.held
            .say_first(self.live.says(false, self.size()))
            .map_err(|source| Error::cannot("write", &layout.lock(), source))
    }
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
    /// The live file that a repair gave its name back.
    #[serde(flatten)]
    pub(crate) put_back: Option<PutBack>,
}

impl Mended {
    /// Whether the trail was in order.
    pub(crate) fn is_empty(&self) -> bool {
        self.unsealed_entries == 0
            && self.torn_bytes == 0
            && self.torn_earlier.is_empty()
            && self.put_back.is_none()
    }
}

/// What was renamed: a part of the detail of `trail.repaired`.
#[derive(Debug, Serialize)]
pub(crate) struct PutBack {
    /// The name that the live file had.
    pub(crate) put_back: String,
    /// The new name of what had taken its place, unless that was empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) moved_aside: Option<String>,
}
