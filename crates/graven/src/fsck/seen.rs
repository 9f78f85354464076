//! What was checked before and stays true, so that it is not computed again for each question.
//!
//! A signature of some bytes is good or not, and one root continues another or does not: files can change, but not that.
//! The checkpoints at the ends of segments are as many as the segments, so they are not read for each question either.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use graven_core::hash::{Hash, sha256};
use graven_core::note::VerifierKey;

/// How much is kept. Then all of it is forgotten.
const SEEN_MAX: usize = 65_536;

/// How long a checkpoint at the end of a segment is not read again, unless it is the newest one.
const BOUNDARY_AGE: Duration = Duration::from_secs(1);

/// What was checked, by one who asks the same trail again and again.
#[derive(Debug, Default)]
pub struct Seen(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The names of facts that hold.
    facts: HashSet<Hash>,
    /// The checkpoints at the ends of segments, by their size: the key that has signed each, its root, and when it was read.
    boundaries: BTreeMap<u64, (VerifierKey, Hash, Duration)>,
}

impl Seen {
    /// Whether these facts hold: as they were checked before, or by a new check. `what` tells kinds of facts apart.
    pub(super) fn or(&self, what: &str, facts: &[&[u8]], check: impl FnOnce() -> bool) -> bool {
        let mut name = what.as_bytes().to_vec();
        for fact in facts {
            name.extend((fact.len() as u64).to_le_bytes());
            name.extend_from_slice(fact);
        }
        let name = sha256(&name);
        if self.state().facts.contains(&name) {
            return true;
        }
        let holds = check();
        if holds {
            let facts = &mut self.state().facts;
            if facts.len() >= SEEN_MAX {
                facts.clear();
            }
            facts.insert(name);
        }
        holds
    }

    /// The root in the checkpoint at the end of a segment, if it was read a short while ago and this key had signed it.
    pub(super) fn boundary(&self, size: u64, key: &VerifierKey, now: Duration) -> Option<Hash> {
        let state = self.state();
        let (signer, root, read_at) = state.boundaries.get(&size)?;
        (signer == key && now < *read_at + BOUNDARY_AGE).then_some(*root)
    }

    /// Remembers what the checkpoint at the end of a segment said.
    pub(super) fn remember_boundary(&self, size: u64, key: &VerifierKey, root: Hash, now: Duration) {
        let boundaries = &mut self.state().boundaries;
        if boundaries.len() >= SEEN_MAX {
            boundaries.clear();
        }
        boundaries.insert(size, (key.clone(), root, now));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use graven_core::note::SigningKey;

    use super::*;

    #[test]
    fn a_checkpoint_at_the_end_of_a_segment_is_soon_read_again() {
        let key =
            |seed| SigningKey::from_seed("example.org/audit", [seed; 32]).unwrap().verifier_key().clone();
        let (seen, root, read_at) = (Seen::default(), sha256(b"root"), Duration::from_secs(7));
        assert_eq!(seen.boundary(256, &key(1), read_at), None);
        seen.remember_boundary(256, &key(1), root, read_at);
        assert_eq!(seen.boundary(256, &key(1), read_at + BOUNDARY_AGE / 2), Some(root));
        assert_eq!(seen.boundary(256, &key(1), read_at + BOUNDARY_AGE), None);
        assert_eq!(seen.boundary(256, &key(2), read_at), None, "another key has not signed it");
        assert_eq!(seen.boundary(512, &key(1), read_at), None);
    }

    #[test]
    fn only_what_holds_is_remembered_and_facts_are_told_apart() {
        let seen = Seen::default();
        assert!(!seen.or("a", &[b"x"], || false));
        assert!(seen.or("a", &[b"x"], || true));
        assert!(seen.or("a", &[b"x"], || unreachable!("it was checked")));
        assert!(!seen.or("b", &[b"x"], || false));
        assert!(!seen.or("a", &[b"x", b""], || false));
        for number in 0..=SEEN_MAX as u64 {
            seen.or("many", &[&number.to_le_bytes()], || true);
        }
        assert!(!seen.or("a", &[b"x"], || false), "it was forgotten");
    }
}
