//! A seeded, deterministic simulator of the real engine.
//!
//! One run is one trail on one simulated disk, over several lives: each life opens the trail (creation, recovery or
//! repair), does some twenty random things with it, and ends in a close, a kill, a power cut or a failed write. A plain
//! model beside it decides after every life whether it was right. Nothing depends on anything but the seed: the
//! engine's steps are taken one by one on one thread, see `graven::sim`.
//!
//! A [`Canary`] breaks one rule on purpose, in the disk, the clock or the driver; then the simulator must fail.

mod canary;
mod clock;
mod disk;
mod entries;
mod fault_plan;
mod head;
mod life;
mod look;
mod model;
mod plan;
mod rule;
mod run;
mod runner;
mod tally;
mod trace;
mod verifier;
mod world;

pub use canary::Canary;
pub use rule::Rule;
pub use run::{Ended, run};
pub use runner::{Budget, Failure, Report, simulate};
pub use tally::Tally;
