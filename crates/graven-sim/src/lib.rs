//! A seeded, deterministic simulator of the real engine.
//!
//! One run is one trail on one simulated disk, over several lives. Each life opens the trail (creation, recovery or
//! repair), takes some twenty random actions, and ends in a close, a kill, a power cut or a failed write. After every
//! life, a plain model decides whether the engine was right. Up to four processes have the trail open at once. Their
//! steps are interleaved, but only one of them runs at a time, see `baton` and `graven::sim`: a run depends on nothing
//! but its seed.
//!
//! A [`Canary`] breaks one rule on purpose, in the disk, the clock or the driver. Then the simulator must fail.
//!
//! The files build on each other in this order, lowest first: `rule canary index_files head lock_line trace fault_plan baton disk
//! clock entries look model plan verifier tally follower world process life bucket ended shipper shipping run runner`.

mod baton;
mod bucket;
mod canary;
mod clock;
mod disk;
mod ended;
mod entries;
mod fault_plan;
mod follower;
mod head;
mod index_files;
mod life;
mod lock_line;
mod look;
mod model;
mod plan;
mod process;
mod rule;
mod run;
mod runner;
mod shipper;
mod shipping;
mod tally;
mod trace;
mod verifier;
mod world;

pub use canary::Canary;
pub use ended::Ended;
pub use rule::Rule;
pub use run::run;
pub use runner::{Budget, Failure, Report, simulate};
pub use tally::Tally;
