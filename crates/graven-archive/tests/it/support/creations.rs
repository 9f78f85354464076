//! Creations of the same name wait for each other, as they do in a store.
//!
//! The servers of the tests look whether an object is there and then write it, which is no condition when two clients do
//! so at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use http::Request;
use http::header::IF_NONE_MATCH;
use tokio::sync::OwnedMutexGuard;

/// One lock for each name that was created.
#[derive(Clone, Default)]
pub(crate) struct Creations(Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>);

impl Creations {
    /// Waits until no other creation of this name runs. Any other request does not wait.
    pub(crate) async fn alone<B>(&self, request: &Request<B>) -> Option<OwnedMutexGuard<()>> {
        if !request.headers().contains_key(IF_NONE_MATCH) {
            return None;
        }
        let lock = Arc::clone(self.0.lock().unwrap().entry(request.uri().path().to_owned()).or_default());
        Some(lock.lock_owned().await)
    }
}
