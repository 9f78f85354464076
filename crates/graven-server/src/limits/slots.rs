//! How much of something there may be at a time: in all, and for each client.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A bounded number of places, of which one client can have only some.
#[derive(Debug)]
pub struct Slots<K: Hash + Eq + Clone>(Arc<Shared<K>>);

#[derive(Debug)]
struct Shared<K> {
    all: u64,
    each: u64,
    taken: Mutex<Taken<K>>,
}

/// Only clients that have a place are in it, so it has at most as many rows as there are places.
#[derive(Debug)]
struct Taken<K> {
    all: u64,
    by: HashMap<K, u64>,
}

/// A place that is taken. Dropping it gives it back.
#[derive(Debug)]
pub struct Slot<K: Hash + Eq + Clone> {
    of: Arc<Shared<K>>,
    client: Option<K>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// This client has all that one client can have.
    ForThisOne,
    /// All places are taken.
    ForAll,
}

impl<K: Hash + Eq + Clone> Slots<K> {
    /// This number of places in all, and of them for each client.
    pub fn new(all: u64, each: u64) -> Slots<K> {
        let taken = Mutex::new(Taken { all: 0, by: HashMap::new() });
        Slots(Arc::new(Shared { all, each, taken }))
    }

    /// Takes a place for a client, or for all of those that are not told apart. It never waits.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn take(&self, client: Option<K>) -> Result<Slot<K>, Full> {
        let mut taken = self.0.taken();
        let of_this_one = client.as_ref().and_then(|client| taken.by.get(client)).copied().unwrap_or(0);
        if of_this_one >= self.0.each {
            return Err(Full::ForThisOne);
        }
        if taken.all >= self.0.all {
            return Err(Full::ForAll);
        }
        taken.all += 1;
        if let Some(client) = client.clone() {
            taken.by.insert(client, of_this_one + 1);
        }
        Ok(Slot { of: Arc::clone(&self.0), client })
    }

    /// How many places are taken.
    pub fn taken(&self) -> u64 {
        self.0.taken().all
    }
}

impl<K> Shared<K> {
    fn taken(&self) -> MutexGuard<'_, Taken<K>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        taken.all -= 1;
        let Some(client) = &self.client else { return };
        match taken.by.get_mut(client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.by.remove(client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_leaves_places_to_others() {
        let slots = Slots::new(5, 3);
        let mut held: Vec<_> = (0..3).map(|_| slots.take(Some("a")).unwrap()).collect();
        assert_eq!(slots.take(Some("a")).unwrap_err(), Full::ForThisOne);
        held.extend((0..2).map(|_| slots.take(Some("b")).unwrap()));
        assert_eq!(slots.take(Some("c")).unwrap_err(), Full::ForAll);
        held.remove(0);
        held.push(slots.take(Some("c")).unwrap());
        assert_eq!(slots.taken(), 5);
        held.clear();
        assert_eq!(slots.taken(), 0);
        // Those that are not told apart have only the bound of all.
        let held: Vec<_> = (0..5).map(|_| slots.take(None).unwrap()).collect();
        assert_eq!(slots.take(None).unwrap_err(), Full::ForAll);
        drop(held);
        assert!(slots.0.taken().by.is_empty(), "nothing is kept of those that are gone");
    }
}
