//! What all handlers share, and the one way in which they begin an act.

pub(crate) mod config;
pub(crate) mod deployment;
pub(crate) mod session;
pub(crate) mod tokens;

use std::collections::HashMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use graven::{Act, Entry, LastingTrail, Trail};

use crate::args::Args;
use crate::failure::Failure;
use config::Config;
use deployment::Deployment;
use session::Session;
use tokens::{Seen, Tokens};

/// The server's state. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

/// Each lock is held for a moment only, never across an `await`.
pub(crate) struct Inner {
    trail: LastingTrail,
    /// Where tools run and deployments are written; gone when the server ends.
    pub(crate) scratch: PathBuf,
    pub(crate) tokens: Tokens,
    /// Whether requests are served that cannot be recorded.
    pub(crate) fail_open: bool,
    pub(crate) seen: Seen,
    sessions: Mutex<HashMap<String, Session>>,
    config: Mutex<Config>,
    deployment: Mutex<Deployment>,
    /// Held while a deployment is made, so that generations follow each other.
    pub(crate) deploying: tokio::sync::Mutex<()>,
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    pub(crate) fn new(trail: LastingTrail, scratch: &Path, args: &Args) -> App {
        App(Arc::new(Inner {
            trail,
            scratch: scratch.to_owned(),
            tokens: Tokens::new(&args.admin_token, &args.user_token),
            fail_open: args.fail_open,
            seen: Seen::default(),
            sessions: Mutex::default(),
            config: Mutex::default(),
            deployment: Mutex::default(),
            deploying: tokio::sync::Mutex::default(),
        }))
    }
}

impl Inner {
    /// The trail, opened again if it had failed.
    pub(crate) async fn trail(&self) -> Result<Trail, Failure> {
        Ok(self.trail.ready().await?)
    }

    /// Puts on record what is about to be done; without that it must not be done.
    pub(crate) async fn begin(&self, intent: Entry) -> Result<Act, Failure> {
        Ok(self.trail().await?.begin(intent).await?)
    }

    /// Puts on record what was decided or seen.
    pub(crate) async fn record(&self, entry: Entry) -> Result<(), Failure> {
        self.trail.record(entry).await?;
        Ok(())
    }

    pub(crate) fn sessions(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn config(&self) -> MutexGuard<'_, Config> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn deployment(&self) -> MutexGuard<'_, Deployment> {
        self.deployment.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
