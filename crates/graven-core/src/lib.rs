//! The pure heart of Graven: bytes in, values out. No files, clock, randomness or threads.
//!
//! An audit trail is a log: each entry is one line of JSON and one leaf of a Merkle tree, and a signed
//! checkpoint speaks for all entries at once. Here are those lines, that tree, and all that others need to
//! check it: every format is that of [C2SP](https://c2sp.org) and every hash that of RFC 6962, so what Graven wrote
//! can be verified without Graven. The crate `graven` decides what is written to disk, and when.
//!
//! All parsers are strict: they refuse text that would not print back the same.
//!
//! ```
//! use graven_core::checkpoint::Checkpoint;
//! use graven_core::hash::leaf_hash;
//! use graven_core::note::SigningKey;
//! use graven_core::proof::inclusion_proof;
//! use graven_core::tlog_proof::TlogProof;
//! use graven_core::tree::{Node, Tree};
//!
//! // A log of two entries, and its signed checkpoint.
//! let key = SigningKey::from_seed("example.com/log", [7; 32])?;
//! let leaves = [leaf_hash(b"first"), leaf_hash(b"second")];
//! let tree: Tree = leaves.into_iter().collect();
//! let checkpoint =
//!     Checkpoint { origin: key.name().to_owned(), size: tree.size(), root: tree.root(), extensions: vec![] };
//! let note = checkpoint.sign(&key).to_string();
//!
//! // A file that proves the second entry to anyone who has the log's public key.
//! let hash = |node: Node| Ok::<_, std::convert::Infallible>(leaves[node.index as usize]);
//! let hashes = inclusion_proof(1, tree.size(), hash)?;
//! let file = TlogProof { index: 1, hashes, extra: None, checkpoint: note }.to_string();
//!
//! let proof = TlogProof::parse(file.as_bytes())?;
//! assert_eq!(proof.verify(b"second", key.verifier_key())?, checkpoint);
//! assert!(proof.verify(b"another", key.verifier_key()).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To read it in order: [`entry`], [`line`](mod@line), [`line::glance`]; then [`hash`], [`tree`], [`tile`], [`proof`]; then [`note`],
//! [`checkpoint`], [`tlog_proof`].

pub mod base64;
pub mod checkpoint;
pub mod entry;
mod field;
pub mod hash;
pub mod input;
pub mod intake;
pub mod json;
pub mod line;
pub mod lines;
pub mod note;
pub mod proof;
pub mod salvage;
pub mod text;
pub mod tile;
pub mod time;
pub mod tlog_proof;
pub mod trace_context;
pub mod tree;
pub mod verdict;

pub use field::nearest;
