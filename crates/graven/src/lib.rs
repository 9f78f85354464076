//! Graven: the audit trail for agent and API servers.
//!
//! Every action becomes one JSON line on disk, every line a leaf of a Merkle tree, every tree head a signed C2SP
//! checkpoint. An entry is durable before it is acknowledged, and anyone can check it without us.
//!
//! It is not a logging framework (nothing is sampled or dropped in silence), not a database, and no network service.
//!
//! ```
//! use graven::{Category, Entry, Outcome, Settings, Trail};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let dir = folder.path().join("trail");
//! let trail = Trail::open(Settings::new(dir))?;
//! let receipt = trail.record_blocking(
//!     Entry::new(Category::ToolExecution, "tool:bash", Outcome::Denied)
//!         .principal("alice@example.com")
//!         .detail(serde_json::json!({"command": "rm -rf /"})),
//! )?;
//! assert_eq!(receipt.index, 0);
//! # Ok::<(), graven::Error>(())
//! ```
//!
//! Where to start reading: [`Trail::record`], then `docs/LIFE_OF_AN_ENTRY.md`.

pub mod audit;
pub mod clock;
#[cfg(feature = "sim")]
pub mod clock_sim;
pub mod disk;
pub mod durable;
pub mod export;
pub mod fsck;
pub mod layout;
pub mod meta;
pub mod prove;
pub mod reader;
pub mod state;

mod batch;
mod blob;
mod block_on;
mod commit;
mod completion;
mod counters;
mod create;
mod engine;
mod error;
mod event;
mod levels;
mod lookup;
mod offload;
mod own;
mod publish;
mod queue;
mod rebuild;
mod recording;
mod recovery;
mod registry;
mod ring;
mod rotation;
mod settings;
mod tail;
mod trail;
mod watchdog;

pub use batch::RecordingBatch;
pub use counters::Counters;
pub use error::{Error, ErrorKind};
pub use graven_core::entry::{Agent, Category, Detail, Entry, Outcome, Phase, Source};
pub use graven_core::hash::Hash;
pub use graven_core::note::VerifierKey;
pub use recording::{Receipt, Recording};
pub use settings::{Machine, Settings, WhenFull};
pub use trail::{Key, Trail};

/// The examples of the README, so that they compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}
