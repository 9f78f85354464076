//! `graven.json`: what a trail is. Written last at creation, never changed afterwards.

use std::io;

use chrono::{DateTime, Utc};
use graven_core::note::VerifierKey;
use serde::{Deserialize, Serialize};

use super::durable;
use super::layout::Layout;
use crate::error::{Error, ErrorKind};
use crate::seam::disk::Disk;

/// The only format version there is.
pub const VERSION: u64 = 1;

/// The size in bytes at which a live file becomes a segment, by default: 256 MiB.
pub const SEGMENT_BYTES: u64 = 256 << 20;

/// What a trail is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The version of the format.
    pub version: u64,
    /// The origin: the first line of its checkpoints, and the name of its key.
    pub origin: String,
    /// The key that its checkpoints are signed with.
    pub key: VerifierKey,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// After how many bytes the live file becomes a segment.
    pub segment_bytes: u64,
}

/// The bytes of `graven.json`, field by field in the order of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u64,
    origin: String,
    public_key: String,
    created: DateTime<Utc>,
    segment_bytes: u64,
}

impl Meta {
    /// Reads `graven.json`. The error is of kind `NotFound` when there is none, `Unavailable` when it cannot be read,
    /// and `Data` when its content is not valid.
    pub fn read(disk: &dyn Disk, layout: &Layout) -> Result<Meta, Error> {
        let path = layout.meta();
        let bytes = durable::read_file(disk, &path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::no_trail(layout.dir()),
            _ => Error::cannot("read", &path, source),
        })?;
        Meta::parse(&bytes)
            .map_err(|problem| Error::new(ErrorKind::Data, format!("{}: {problem}", path.display())))
    }

    /// Reads the bytes of a `graven.json`; the error says what is wrong with them.
    pub fn parse(bytes: &[u8]) -> Result<Meta, String> {
        // The version first: what a later version adds must not look like damage.
        #[derive(Deserialize)]
        struct Version {
            version: u64,
        }
        let Version { version } =
            serde_json::from_slice(bytes).map_err(|error| format!("not a graven.json: {error}"))?;
        if version != VERSION {
            return Err(format!(
                "this graven knows only format version {VERSION}, not {version}: use a newer graven"
            ));
        }
        let file: File =
            serde_json::from_slice(bytes).map_err(|error| format!("not a graven.json: {error}"))?;
        let key = VerifierKey::parse(&file.public_key)
            .map_err(|error| format!("public_key is not a verifier key: {error}"))?;
        if key.name() != file.origin {
            return Err(format!("public_key is named {:?}, but origin is {:?}", key.name(), file.origin));
        }
        Ok(Meta {
            version,
            origin: file.origin,
            key,
            created: file.created,
            segment_bytes: file.segment_bytes,
        })
    }

    /// The bytes of the file: one line of JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        let file = File {
            version: self.version,
            origin: self.origin.clone(),
            public_key: self.key.to_string(),
            created: self.created,
            segment_bytes: self.segment_bytes,
        };
        let mut bytes = serde_json::to_vec(&file).expect("strings, numbers and a time always serialise");
        bytes.push(b'\n');
        bytes
    }
}
