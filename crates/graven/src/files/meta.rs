//! `graven.json`: what a trail is. Written last at creation. Afterwards only its version changes, in an upgrade.

use chrono::{DateTime, Utc};
use graven_core::note::{Note, SigningKey, VerifierKey};
use serde::{Deserialize, Serialize};

use super::durable;
use super::layout::Layout;
use super::remains;
use crate::error::{Error, ErrorKind};
use crate::seam::disk::Disk;

/// The format version of new trails.
pub const VERSION: u64 = 2;

/// The first version. In it, `graven.json` was not signed.
pub const UNSIGNED_VERSION: u64 = 1;

/// The size in bytes at which a live file becomes a segment, by default: 256 MiB.
pub const SEGMENT_BYTES: u64 = 256 << 20;

/// The first line of what is signed. Because of it the signature can be no other note's: it is not the key's name, as
/// the first line of a checkpoint is.
const SIGNED_AS: &str = "graven/trail/v2";

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
    /// From version 2 on: the signature over the rest, as in the signature line of a note.
    signature: Option<String>,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

impl Meta {
    /// A new trail, signed.
    pub(crate) fn new(key: &SigningKey, created: DateTime<Utc>, segment_bytes: u64) -> Meta {
        let (origin, public) = (key.name().to_owned(), key.verifier_key().clone());
        Meta { version: VERSION, origin, key: public, created, segment_bytes, signature: None }.signed(key)
    }

    /// The same trail in the newest version, signed by its key.
    pub(crate) fn signed(&self, key: &SigningKey) -> Meta {
        let mut meta = Meta { version: VERSION, signature: None, ..self.clone() };
        let note = Note::sign(meta.signed_text(), key);
        let line = note.signatures.first().expect("it was just signed").to_string();
        meta.signature = line.rsplit(' ').next().map(str::to_owned);
        meta
    }

    /// Reads `graven.json`. The error is of kind `NotFound` when there is none, `Unavailable` when it cannot be read,
    /// and `Data` when its content is not valid, or its signature is not good.
    pub fn read(disk: &dyn Disk, layout: &Layout) -> Result<Meta, Error> {
        let path = layout.meta();
        let bytes = durable::read_file(disk, &path).map_err(|source| match durable::is_absent(&source) {
            // To a reader, a copy that did not finish is no trail yet.
            true => remains::absent(disk, layout, ErrorKind::NotFound),
            false => Error::cannot("read", &path, source),
        })?;
        Meta::parse(&bytes)
            .and_then(|meta| meta.check().map(|()| meta))
            .map_err(|problem| Error::new(ErrorKind::Data, format!("{}: {problem}", path.display())))
    }

    /// Reads the bytes of a `graven.json`; the error says what is wrong with them. The signature is not checked yet:
    /// [`check`](Meta::check) does that.
    pub fn parse(bytes: &[u8]) -> Result<Meta, String> {
        // The version first: what a later version adds must not look like damage.
        #[derive(Deserialize)]
        struct Version {
            version: u64,
        }
        let Version { version } =
            serde_json::from_slice(bytes).map_err(|error| format!("not a graven.json: {error}"))?;
        if !Meta::knows(version) {
            return Err(format!(
                "this graven knows only format versions {UNSIGNED_VERSION} and {VERSION}, not {version}: use a newer \
                 graven"
            ));
        }
        let file: File =
            serde_json::from_slice(bytes).map_err(|error| format!("not a graven.json: {error}"))?;
        let key = VerifierKey::parse(&file.public_key)
            .map_err(|error| format!("public_key is not a verifier key: {error}"))?;
        if key.name() != file.origin {
            return Err(format!("public_key is named {:?}, but origin is {:?}", key.name(), file.origin));
        }
        if (version == UNSIGNED_VERSION) != file.signature.is_none() {
            return Err(format!("a graven.json is signed from version {VERSION} on, and only then"));
        }
        let meta = Meta {
            version,
            origin: file.origin,
            key,
            created: file.created,
            segment_bytes: file.segment_bytes,
            signature: file.signature,
        };
        // What is signed is one spelling. Another one would be a change that nobody sees.
        if version != UNSIGNED_VERSION && meta.to_bytes() != bytes {
            return Err("not spelled as graven spells it".to_owned());
        }
        Ok(meta)
    }

    /// Whether this program knows a version of the format.
    pub(crate) fn knows(version: u64) -> bool {
        (UNSIGNED_VERSION..=VERSION).contains(&version)
    }

    /// Whether it is signed. A trail of version 1 is not, until it is opened for writing.
    pub fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    /// Checks the signature with the key that it names itself. There is nothing to check in version 1.
    pub fn check(&self) -> Result<(), String> {
        let Some(signature) = &self.signature else {
            return Ok(());
        };
        let note = format!("{}\n— {} {signature}\n", self.signed_text(), self.origin);
        let checked = Note::parse(note.as_bytes()).and_then(|note| note.verify(&[&self.key]).map(drop));
        checked.map_err(|_| "the trail's key did not sign this: something in it was changed".to_owned())
    }

    /// The bytes of the file: one line of JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        format!("{}\n", self.json(self.signature.clone())).into_bytes()
    }

    /// The text of the note that is signed: the line of the file without its member `signature`.
    fn signed_text(&self) -> String {
        format!("{SIGNED_AS}\n{}\n", self.json(None))
    }

    fn json(&self, signature: Option<String>) -> String {
        let file = File {
            version: self.version,
            origin: self.origin.clone(),
            public_key: self.key.to_string(),
            created: self.created,
            segment_bytes: self.segment_bytes,
            signature,
        };
        serde_json::to_string(&file).expect("strings, numbers and a time always serialise")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed("example.com/log", [7; 32]).expect("it is a name")
    }

    fn meta() -> Meta {
        Meta::new(&key(), DateTime::from_timestamp(1_700_000_000, 123_000_000).expect("in range"), 1_000)
    }

    #[test]
    fn what_is_printed_is_parsed_and_its_signature_is_good() {
        let parsed = Meta::parse(&meta().to_bytes()).unwrap();
        assert_eq!(parsed, meta());
        assert!(parsed.is_signed());
        parsed.check().unwrap();
    }

    #[test]
    fn every_changed_byte_is_seen() {
        let bytes = meta().to_bytes();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[place] ^= 1 << bit;
                let accepted = Meta::parse(&changed).and_then(|meta| meta.check());
                assert!(accepted.is_err(), "{}", String::from_utf8_lossy(&changed));
            }
        }
    }

    #[test]
    fn any_tool_for_signed_notes_can_check_it() {
        let line = String::from_utf8(meta().to_bytes()).unwrap();
        let (signed, signature) = line.split_once(",\"signature\":\"").unwrap();
        let signature = signature.strip_suffix("\"}\n").unwrap();
        let note = format!("graven/trail/v2\n{signed}}}\n\n— example.com/log {signature}\n");
        Note::parse(note.as_bytes()).unwrap().verify(&[key().verifier_key()]).unwrap();
    }

    #[test]
    fn another_key_has_not_signed_it() {
        let other = SigningKey::from_seed("example.com/log", [8; 32]).unwrap();
        assert!(meta().signed(&other).check().is_err());
    }

    #[test]
    fn a_reader_sees_the_version_before_anything_else() {
        let unknown = r#"{"version":3,"something":"else"}"#;
        assert!(Meta::parse(unknown.as_bytes()).unwrap_err().contains("not 3: use a newer graven"));
        let unsigned = String::from_utf8(Meta { signature: None, ..meta() }.to_bytes()).unwrap();
        assert!(Meta::parse(unsigned.as_bytes()).is_err(), "version 2 is signed");
        let first = unsigned.replace("\"version\":2", "\"version\":1");
        assert!(!Meta::parse(first.as_bytes()).unwrap().is_signed());
        let signed = String::from_utf8(meta().to_bytes()).unwrap().replace("\"version\":2", "\"version\":1");
        assert!(Meta::parse(signed.as_bytes()).is_err(), "version 1 is not");
    }
}
