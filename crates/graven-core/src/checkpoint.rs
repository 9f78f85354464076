//! Checkpoints: the size and the root of a log, signed.
//!
//! C2SP tlog-checkpoint. The text of the note is three lines, origin, size and root, and then possibly
//! extension lines.

use crate::base64::Base64Error;
use crate::hash::Hash;
use crate::note::{Note, NoteError, SigningKey, VerifierKey};

/// The state of a log at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
    /// Lines of unknown meaning that are signed as well. Graven writes none.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// Reads the text of a checkpoint (C2SP tlog-checkpoint, "Note text"): exactly what
    /// [`to_text`](Checkpoint::to_text) writes.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`], for any other text.
    pub fn parse_text(text: &str) -> Result<Checkpoint, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(CheckpointError::Lines);
        };
        let checkpoint = Checkpoint {
            origin: origin.to_owned(),
            size: parse_decimal(size).ok_or(CheckpointError::Size)?,
            root: Hash::parse(root).map_err(CheckpointError::Root)?,
            extensions: lines.map(str::to_owned).collect(),
        };
        if origin.is_empty() || checkpoint.extensions.iter().any(String::is_empty) {
            return Err(CheckpointError::EmptyLine);
        }
        if checkpoint.size == 0 && checkpoint.root != Hash::EMPTY_TREE {
            return Err(CheckpointError::EmptyTreeRoot);
        }
        Ok(checkpoint)
    }

    /// The text that is signed.
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, self.root);
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Signs it, as the log that it names.
    ///
    /// # Panics
    ///
    /// When the key has another name than the log, or when it is no checkpoint: an extension line is empty or
    /// more than a line, or the size is 0 and the root not that of the empty tree.
    pub fn sign(&self, key: &SigningKey) -> Note {
        assert_eq!(self.origin, key.name(), "a log signs with the key of its own name");
        let text = self.to_text();
        assert_eq!(
            Checkpoint::parse_text(&text).as_ref(),
            Ok(self),
            "a checkpoint reads back before it is signed"
        );
        Note::sign(text, key)
    }

    /// Reads a signed checkpoint of the log whose key this is. Signatures of others are ignored, and left in
    /// the note.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`], when it is not a checkpoint of that log with a good signature of that key.
    pub fn open(note: &[u8], key: &VerifierKey) -> Result<(Checkpoint, Note), CheckpointError> {
        let note = Note::parse(note)?;
        note.verify(&[key])?;
        let checkpoint = Checkpoint::parse_text(&note.text)?;
        if checkpoint.origin != key.name() {
            return Err(CheckpointError::Origin {
                found: checkpoint.origin,
                expected: key.name().to_owned(),
            });
        }
        Ok((checkpoint, note))
    }
}

/// Reads a number in decimal digits without sign and leading zeros.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// What is wrong with a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The note around it is not sound, or not signed by the log.
    #[error("the checkpoint is not a note signed by its log")]
    Note(#[from] NoteError),
    /// Fewer than three lines, or the last one is not ended.
    #[error("the checkpoint does not have the three lines origin, size and root")]
    Lines,
    /// The second line.
    #[error("line 2 of the checkpoint is not a size in decimal")]
    Size,
    /// The third line.
    #[error("line 3 of the checkpoint is not a root hash")]
    Root(#[source] Base64Error),
    /// An empty origin or extension line.
    #[error("the checkpoint has an empty line")]
    EmptyLine,
    /// Size 0 with the root of something.
    #[error("the checkpoint has size 0, but not the root of the empty tree")]
    EmptyTreeRoot,
    /// It is about another log than the one whose key signed it.
    #[error("the checkpoint is of {found:?}, not of {expected:?}")]
    Origin {
        /// The origin in the checkpoint.
        found: String,
        /// The name of the key.
        expected: String,
    },
}
