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
pub mod chain;
pub mod export;
pub mod fsck;
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod macro_support;
pub mod prove;
pub mod reader;
pub mod redact;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "testing")]
pub mod testing;

mod act;
mod actor;
mod default_trail;
mod engine;
mod error;
mod files;
mod guard;
mod lasting;
mod open;
mod outcome;
mod record;
mod seam;
mod settings;
mod trail;

pub use act::{ABANDONED, Act, Beginning, Finishing};
pub use actor::{Actor, ActorFields, Scoped};
pub use default_trail::{default_trail, guard, init_trail};
pub use engine::counters::Counters;
pub use engine::sync_times::SyncTimes;
pub use engine::threads::on_a_trails_thread;
pub use error::{Error, ErrorKind};
pub use files::{durable, layout, meta, origin_name, remains, restored};
pub use graven_core::entry::{
    Agent, Approval, Approver, Category, Decision, Detail, Entry, Outcome, Phase, Source,
};
pub use graven_core::hash::Hash;
pub use graven_core::note::VerifierKey;
#[cfg(feature = "macros")]
pub use graven_macros::audited;
pub use guard::Guard;
pub use lasting::LastingTrail;
pub use outcome::HasOutcome;
pub use record::batch::RecordingBatch;
#[doc(hidden)]
pub use record::block_on::block_on;
pub use record::event::without_events;
pub use record::recording::{Receipt, Recording};
pub use record::stored::Stored;
pub use redact::{Redaction, Redactor};
pub use seam::machine::Machine;
pub use seam::{clock, disk};
pub use settings::continued::Continued;
pub use settings::flood::Flood;
pub use settings::{Settings, WhenFull};
pub use trail::{Key, Trail};

/// The examples of the README, so that they compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

/// The examples of the page on redaction, so that they compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/REDACTION.md")]
mod redaction_page {}

/// The examples of the page for programs of the module that Graven began from, so that they compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/FROM_CODETETHER.md")]
mod from_codetether {}

/// The examples of the guide, so that they compile.
#[cfg(all(doctest, feature = "macros", feature = "testing"))]
#[doc = include_str!("../../../docs/AUDIT_YOUR_SERVER.md")]
mod audit_your_server {}
