//! The state of a trail's flood control, behind its lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::kinds::Kinds;
use crate::settings::flood::Flood;

/// The flood control of an open trail.
#[derive(Debug)]
pub(crate) struct Floodgate(Mutex<State>);

#[derive(Debug)]
pub(super) struct State {
    pub(super) kinds: Kinds,
    /// The trail is closing: what is emitted now is refused and counted as lost.
    pub(super) ended: bool,
}

impl Floodgate {
    pub(crate) fn new(flood: Flood) -> Floodgate {
        Floodgate(Mutex::new(State { kinds: Kinds::new(flood), ended: false }))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
