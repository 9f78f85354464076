//! The manifest of a closed segment: what its object holds, and how to fetch a part of it.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::ArchiveError;
use crate::names::Span;
use crate::packed::{FRAME_BYTES_MAX, FRAME_ENTRIES, Frame};

/// What is said of a closed segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Its first entry, and the one after its last.
    pub(crate) first: u64,
    pub(crate) end: u64,
    /// The object.
    pub(crate) object: Object,
    /// The lines in it, unpacked.
    pub(crate) lines: Sum,
    /// For how many events its entries stand.
    pub(crate) events: u64,
    /// The earliest and the latest time of its entries.
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
    /// The key that has signed the head over its end.
    pub(crate) key: String,
    pub(crate) frames: Vec<Frame>,
}

/// Where the packed lines are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Object {
    /// The whole name, below the prefix of the archive.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// A length and a SHA-256, in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sum {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Manifest {
    pub(crate) fn to_bytes(&self) -> Bytes {
        let mut bytes = serde_json::to_vec(self).expect("a manifest is JSON");
        bytes.push(b'\n');
        bytes.into()
    }

    pub(crate) fn span(&self) -> Span {
        Span { first: self.first, end: self.end }
    }

    /// Reads the manifest of a range, and checks that it agrees with itself.
    pub(crate) fn parse(bytes: &[u8], span: Span, address: &str) -> Result<Manifest, ArchiveError> {
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| {
            ArchiveError::data_because(format!("{address} is not a manifest of a segment"), error)
        })?;
        manifest.check(span).map_err(|why| ArchiveError::data(format!("{address}: {why}")))?;
        Ok(manifest)
    }

    fn check(&self, span: Span) -> Result<(), String> {
        if self.span() != span {
            return Err(format!("it is about the entries {}", self.span()));
        }
        let sum = |of: fn(&Frame) -> u64| {
            self.frames.iter().try_fold(0u64, |sum, frame| sum.checked_add(of(frame)))
        };
        if sum(|frame| frame.entries) != Some(span.entries())
            || sum(|frame| frame.bytes) != Some(self.lines.bytes)
        {
            return Err("its frames do not have the entries or the bytes that it has in all".into());
        }
        // Behind the frames stands the seek table.
        if sum(|frame| frame.packed).is_none_or(|packed| packed > self.object.bytes) {
            return Err("its frames are longer than its object".into());
        }
        let last = self.frames.len().saturating_sub(1);
        let odd = self.frames.iter().enumerate().any(|(number, frame)| {
            frame.entries == 0
                || frame.bytes > FRAME_BYTES_MAX
                || (number < last && !frame.entries.is_multiple_of(FRAME_ENTRIES))
        });
        if odd {
            return Err("one of its frames is empty, too large, or ends between two multiples of 256".into());
        }
        Ok(())
    }
}
