//! An entry as another trail has stored it, to be recorded again without any change.

use graven_core::entry::{Blob, Category, Entry};
use graven_core::hash::{Hash, leaf_hash, sha256};

use crate::error::{Error, ErrorKind};

/// The stored line of another trail, and what that trail kept beside its log.
///
/// It is recorded byte for byte, so it has the same leaf hash here. Nothing is redacted: the other trail has done that,
/// and a second time could change what it had acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub(crate) line: Vec<u8>,
    pub(crate) leaf_hash: Hash,
    pub(crate) blob: Option<Blob>,
    pub(crate) id: String,
    pub(crate) category: Category,
}

impl Stored {
    /// Takes a stored line, without its newline, and the text of the blob that it names.
    ///
    /// # Errors
    /// `Invalid` when the line is not an entry, is an entry of the trail itself (category `trail`), or when the blob is not
    /// the one that it names.
    pub fn new(line: &[u8], blob: Option<String>) -> Result<Stored, Error> {
        let entry = Entry::from_line(line).map_err(|source| {
            Error::with_source(ErrorKind::Invalid, "the line of another trail is not an entry", source)
        })?;
        if entry.category == Category::Trail {
            let message =
                "an entry of the category `trail` is about another trail, and cannot be one of this";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let named = entry.detail.as_ref().and_then(|detail| detail.blob());
        let blob = blob.map(|text| Blob { sha256: sha256(text.as_bytes()), text });
        let found = blob.as_ref().map(|blob| (blob.sha256, blob.text.len() as u64));
        if named.map(|named| (named.sha256, named.bytes)) != found {
            return Err(Error::new(ErrorKind::Invalid, "the blob is not the one that the line names"));
        }
        let id = entry.id.unwrap_or_default();
        Ok(Stored { line: line.to_vec(), leaf_hash: leaf_hash(line), blob, id, category: entry.category })
    }

    /// The leaf hash of the line.
    pub fn leaf_hash(&self) -> Hash {
        self.leaf_hash
    }

    /// How many bytes it takes: the line, and what is beside the log.
    pub fn bytes(&self) -> usize {
        self.line.len() + self.blob.as_ref().map_or(0, |blob| blob.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_caller_had_recorded_is_taken() {
        let line = |category: &str, detail: &str| {
            format!(
                r#"{{"id":"a","timestamp":"2026-01-31T12:00:00Z","category":"{category}","action":"x","principal":null,"outcome":"success"{detail}}}"#
            )
        };
        assert!(Stored::new(line("api", "").as_bytes(), None).is_ok());
        assert!(Stored::new(line("trail", "").as_bytes(), None).is_err());
        assert!(Stored::new(b"{}", None).is_err());
        assert!(Stored::new(line("api", "").as_bytes(), Some("[]".into())).is_err());
        let marker = format!(r#","detail":{{"$blob":{{"sha256":"{}","bytes":2}}}}"#, sha256(b"[]").to_hex());
        let line = line("api", &marker);
        assert!(Stored::new(line.as_bytes(), None).is_err());
        assert!(Stored::new(line.as_bytes(), Some("{}".into())).is_err());
        let stored = Stored::new(line.as_bytes(), Some("[]".into())).unwrap();
        assert_eq!((stored.leaf_hash(), stored.bytes()), (leaf_hash(line.as_bytes()), line.len() + 2));
    }
}
