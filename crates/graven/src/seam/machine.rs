//! What a trail runs on: a disk and a clock.

use std::sync::Arc;

use super::clock::{Clock, OsClock};
use super::disk::{Disk, OsDisk};

/// What a trail runs on: a disk and a clock. The system's, unless a simulator passes in others.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Where files live.
    pub disk: Arc<dyn Disk>,
    /// Where time and random numbers come from.
    pub clock: Arc<dyn Clock>,
}

impl Machine {
    /// The operating system's disk and clock.
    pub fn os() -> Machine {
        Machine { disk: Arc::new(OsDisk), clock: Arc::new(OsClock::new()) }
    }
}
