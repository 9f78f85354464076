//! What is being done right now, so that nothing is done twice at the same time.

use std::collections::HashSet;
use std::hash::Hash;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Claims of names. Each name has one claim at a time, and who comes later waits.
#[derive(Debug)]
pub(super) struct Claims<T> {
    held: Mutex<HashSet<T>>,
    released: Notify,
}

/// Some names that are claimed until this is dropped, also when its request is given up.
#[derive(Debug)]
pub(super) struct Claim<'a, T: Copy + Eq + Hash> {
    claims: &'a Claims<T>,
    names: Vec<T>,
}

impl<T> Default for Claims<T> {
    fn default() -> Claims<T> {
        Claims { held: Mutex::default(), released: Notify::new() }
    }
}

impl<T: Copy + Eq + Hash> Claims<T> {
    /// Claims all of the names together, as soon as nobody has any of them. So no two claims wait for each other.
    pub(super) async fn claim(&self, names: Vec<T>) -> Claim<'_, T> {
        loop {
            let mut released = pin!(self.released.notified());
            // From here on no release is missed.
            released.as_mut().enable();
            if self.try_claim(&names) {
                return Claim { claims: self, names };
            }
            released.await;
        }
    }

    fn try_claim(&self, names: &[T]) -> bool {
        let mut held = self.held();
        if names.iter().any(|name| held.contains(name)) {
            return false;
        }
        held.extend(names);
        true
    }

    fn held(&self) -> MutexGuard<'_, HashSet<T>> {
        // A thread that panicked left a set of names.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Copy + Eq + Hash> Drop for Claim<'_, T> {
    fn drop(&mut self) {
        let mut held = self.claims.held();
        self.names.iter().for_each(|name| {
            held.remove(name);
        });
        drop(held);
        self.claims.released.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn who_comes_later_waits_until_all_is_released() {
        let claims = Arc::new(Claims::default());
        let first = claims.claim(vec![1, 2]).await;
        let _apart = claims.claim(vec![4]).await;
        let waits = Arc::clone(&claims);
        let waiting = tokio::spawn(async move { waits.claim(vec![2, 3]).await.names.clone() });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished());
        // Who waits has nothing yet.
        drop(claims.claim(vec![3]).await);
        drop(first);
        assert_eq!(tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap().unwrap(), [2, 3]);
        drop(claims.claim(vec![1, 2, 3]).await);
    }
}
