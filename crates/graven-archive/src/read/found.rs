//! What a verification finds while objects are read, from several threads.

use std::sync::{Mutex, PoisonError};

use graven_core::verdict::Finding;

/// Findings, each of them once: what is read again is found again.
#[derive(Debug, Default)]
pub(super) struct Found(Mutex<Vec<Finding>>);

/// The most that are kept.
const FOUND_MAX: usize = 10_000;

impl Found {
    pub(super) fn add(&self, finding: Finding) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() < FOUND_MAX && !found.contains(&finding) {
            found.push(finding);
        }
    }

    /// Forgets all but the first of them.
    pub(super) fn keep(&self, count: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).truncate(count);
    }

    pub(super) fn all(&self) -> Vec<Finding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
