//! Counts what happens often, so that one entry tells of many.

use std::collections::BTreeMap;
use std::time::Duration;

use super::TOLD_APART_MAX;

/// Counts of things, and since when each is counted.
#[derive(Debug)]
pub(super) struct Often<T>(BTreeMap<T, Counted>);

#[derive(Debug)]
struct Counted {
    since: Duration,
    count: u64,
}

impl<T> Default for Often<T> {
    fn default() -> Often<T> {
        Often(BTreeMap::new())
    }
}

impl<T: Ord> Often<T> {
    /// Counts one. When too many things are counted apart, it is counted as `other` instead.
    pub(super) fn add(&mut self, now: Duration, thing: T, other: impl FnOnce() -> T) {
        let is_full = self.0.len() >= TOLD_APART_MAX && !self.0.contains_key(&thing);
        let thing = if is_full { other() } else { thing };
        self.0.entry(thing).or_insert(Counted { since: now, count: 0 }).count += 1;
    }

    /// Takes out what has been counted for as long as `gather`, with the counts.
    pub(super) fn take(&mut self, now: Duration, gather: Duration) -> Vec<(T, u64)> {
        let due = |counted: &Counted| now.saturating_sub(counted.since) >= gather;
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(_, counted)| due(counted));
        self.0 = left;
        let taken: BTreeMap<T, Counted> = taken;
        taken.into_iter().map(|(thing, counted)| (thing, counted.count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn one_tells_of_many_and_the_memory_is_bounded() {
        let mut often = Often::default();
        for number in 0..TOLD_APART_MAX as u64 + 100 {
            often.add(S, number, || u64::MAX);
            often.add(S, 7, || u64::MAX);
        }
        assert!(often.take(60 * S, 60 * S).is_empty());
        let taken = often.take(61 * S, 60 * S);
        assert_eq!(taken.len(), TOLD_APART_MAX + 1);
        let all = TOLD_APART_MAX as u64 + 100;
        assert_eq!(taken[7], (7, all + 1));
        assert_eq!(taken.last(), Some(&(u64::MAX, 100)));
        assert!(often.take(200 * S, Duration::ZERO).is_empty());
    }
}
