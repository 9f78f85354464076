//! What was checked before and stays true, so that it is not computed again for each question.
//!
//! A signature of some bytes is good or not, and one root continues another or does not: files can change, but not that.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use graven_core::hash::{Hash, sha256};

/// How much is kept. Then all of it is forgotten.
const SEEN_MAX: usize = 65_536;

/// What was checked, by one who asks the same trail again and again.
#[derive(Debug, Default)]
pub struct Seen(Mutex<HashSet<Hash>>);

impl Seen {
    /// Whether these facts hold: as they were checked before, or by a new check. `what` tells kinds of facts apart.
    pub(super) fn or(&self, what: &str, facts: &[&[u8]], check: impl FnOnce() -> bool) -> bool {
        let mut name = what.as_bytes().to_vec();
        for fact in facts {
            name.extend((fact.len() as u64).to_le_bytes());
            name.extend_from_slice(fact);
        }
        let name = sha256(&name);
        let known = |seen: &Seen| seen.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&name);
        if known(self) {
            return true;
        }
        let holds = check();
        if holds {
            let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.len() >= SEEN_MAX {
                seen.clear();
            }
            seen.insert(name);
        }
        holds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
