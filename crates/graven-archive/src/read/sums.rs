//! The digests of the objects of closed segments, computed while their frames pass by, and compared with the manifests.
//!
//! Frames are unpacked by several threads. What comes early waits, and one thread at a time hashes what is next: after it has
//! handed its own frame over, so that nobody waits for the digests of others.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use graven_core::hash::hex;
use sha2::{Digest, Sha256};

use crate::facts::Facts;
use crate::manifest::Manifest;

/// The digests of one segment.
#[derive(Debug, Default)]
pub(super) struct Sums {
    state: Mutex<State>,
    /// Signalled when a thread has hashed what there was.
    hashed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// `None` while a thread hashes.
    so_far: Option<Box<SoFar>>,
    began: bool,
    next: usize,
    early: BTreeMap<usize, (Bytes, Bytes)>,
}

/// What was hashed.
#[derive(Debug, Clone, Default)]
struct SoFar {
    object: Sha256,
    lines: Sha256,
    facts: Facts,
}

impl Sums {
    /// Adds a frame as it is in the object, and its lines. What was added before is not added again.
    pub(super) fn add(&self, frame: usize, packed: Bytes, lines: Bytes) {
        let mut state = self.state();
        if frame >= state.next {
            state.early.insert(frame, (packed, lines));
        }
        if !state.began {
            state.began = true;
            state.so_far = Some(Box::default());
        }
    }

    /// Hashes what is next, as far as it is there and no other thread is at it.
    pub(super) fn hash(&self) {
        let mut state = self.state();
        loop {
            let next = state.next;
            if !state.early.contains_key(&next) {
                return;
            }
            // Another thread has them, and sees this frame when it comes to it.
            let Some(mut so_far) = state.so_far.take() else { return };
            let Some((packed, lines)) = state.early.remove(&next) else { return };
            drop(state);
            so_far.object.update(&packed);
            so_far.lines.update(&lines);
            so_far.facts.add_all(&lines);
            state = self.state();
            state.so_far = Some(so_far);
            state.next += 1;
            self.hashed.notify_all();
        }
    }

    /// The number of frames that are hashed, in order, when all are that were added.
    pub(super) fn frames(&self) -> usize {
        self.hash();
        let mut state = self.state();
        while state.began && state.so_far.is_none() {
            state = self.hashed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.next
    }

    /// What contradicts the manifest of the object and of its lines. All frames must be hashed; `rest` is what stands
    /// behind them in the object.
    pub(super) fn differ(&self, manifest: &Manifest, rest: &[u8]) -> Differs {
        let mut so_far = self.state().so_far.as_deref().cloned().unwrap_or_default();
        so_far.object.update(rest);
        let facts = so_far.facts;
        Differs {
            object: hex(&so_far.object.finalize()) != manifest.object.sha256,
            lines: hex(&so_far.lines.finalize()) != manifest.lines.sha256,
            facts: facts.events != manifest.events
                || facts.times().is_some_and(|times| times != (manifest.from, manifest.to)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is not as a manifest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Differs {
    pub(super) object: bool,
    pub(super) lines: bool,
    pub(super) facts: bool,
}
