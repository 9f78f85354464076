//! Proof files: all that is needed, beside the entry and the log's key, to check offline that the log holds it.
//!
//! C2SP tlog-proof: the index, the inclusion proof and the signed checkpoint, as text. Such files end in
//! `.tlog-proof`.

use std::fmt;

use crate::base64::{self, Base64Error};
use crate::checkpoint::{Checkpoint, CheckpointError, parse_decimal};
use crate::hash::{Hash, leaf_hash};
use crate::note::{Note, VerifierKey};
use crate::proof::{ProofError, verify_inclusion};

/// The content of a proof file. [`Display`](fmt::Display) prints the very bytes that
/// [`parse`](TlogProof::parse) reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// The index of the entry.
    pub index: u64,
    /// The inclusion proof, from the leaf's sibling to the root's child.
    pub hashes: Vec<Hash>,
    /// Bytes that an application put beside the proof; nothing vouches for them. Not empty when there are any.
    pub extra: Option<Vec<u8>>,
    /// The signed checkpoint, word for word.
    pub checkpoint: String,
}

impl TlogProof {
    /// Reads a proof file. Nothing is verified yet, but the checkpoint is one in form.
    ///
    /// # Errors
    ///
    /// [`TlogProofError`], when these are not bytes that a proof file prints.
    pub fn parse(file: &[u8]) -> Result<TlogProof, TlogProofError> {
        let file = std::str::from_utf8(file).map_err(|_| TlogProofError::NotText)?;
        let (head, checkpoint) = file.split_once("\n\n").ok_or(TlogProofError::NoCheckpoint)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(TlogProofError::Header);
        }
        let extra = match lines.next_if(|line| line.starts_with(EXTRA)) {
            Some(line) => Some(parse_extra(line).ok_or(TlogProofError::Extra)?),
            None => None,
        };
        let index = lines.next().and_then(|line| line.strip_prefix(INDEX)).and_then(parse_decimal);
        let index = index.ok_or(TlogProofError::Index)?;
        let mut hashes = Vec::new();
        for (number, line) in (1..).zip(lines) {
            if number > HASHES_MAX {
                return Err(TlogProofError::TooManyHashes);
            }
            hashes.push(Hash::parse(line).map_err(|source| TlogProofError::Hash { number, source })?);
        }
        let note = Note::parse(checkpoint.as_bytes()).map_err(CheckpointError::from)?;
        Checkpoint::parse_text(&note.text)?;
        Ok(TlogProof { index, hashes, extra, checkpoint: checkpoint.to_owned() })
    }

    /// Checks that this entry is in the log with this key, and gives the checkpoint that says so.
    ///
    /// # Errors
    ///
    /// [`TlogProofError`], when it is not shown: the checkpoint is not signed by the log, or entry and proof do
    /// not lead to its root.
    pub fn verify(&self, entry: &[u8], key: &VerifierKey) -> Result<Checkpoint, TlogProofError> {
        let (checkpoint, _) = Checkpoint::open(self.checkpoint.as_bytes(), key)?;
        verify_inclusion(&leaf_hash(entry), self.index, checkpoint.size, &self.hashes, &checkpoint.root)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = self.extra.as_ref().filter(|extra| !extra.is_empty()) {
            writeln!(f, "{EXTRA}{}", base64::encode(extra))?;
        }
        writeln!(f, "{INDEX}{}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// The bytes of the extra line, which is left out rather than empty.
fn parse_extra(line: &str) -> Option<Vec<u8>> {
    let extra = base64::decode(line.strip_prefix(EXTRA)?).ok()?;
    (!extra.is_empty()).then_some(extra)
}

const HEADER: &str = "c2sp.org/tlog-proof@v1";
const EXTRA: &str = "extra ";
const INDEX: &str = "index ";

/// The most hashes that an inclusion proof can have, in a tree of 2^64 - 1 leaves.
const HASHES_MAX: usize = 64;

/// Why a proof file does not show that an entry is in a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlogProofError {
    /// Not valid UTF-8.
    #[error("the proof file is not UTF-8 text")]
    NotText,
    /// The first line is another.
    #[error("line 1 of the proof file is not {HEADER:?}")]
    Header,
    /// The extra line is not canonical base64 of at least one byte.
    #[error("the extra line of the proof file is not base64")]
    Extra,
    /// There is no index line, or not in decimal.
    #[error("the proof file has no line with the index of the entry")]
    Index,
    /// A hash of the inclusion proof.
    #[error("hash {number} of the proof file is malformed")]
    Hash {
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        source: Base64Error,
    },
    /// More hashes than any proof has.
    #[error("the proof file has more than {HASHES_MAX} hashes")]
    TooManyHashes,
    /// There is no empty line with a checkpoint after it.
    #[error("the proof file has no checkpoint")]
    NoCheckpoint,
    /// The checkpoint is malformed, or not signed by the log.
    #[error("the checkpoint in the proof file is not acceptable")]
    Checkpoint(#[from] CheckpointError),
    /// Entry, index and proof do not lead to the root in the checkpoint.
    #[error("the proof file does not prove this entry")]
    Proof(#[from] ProofError),
}
