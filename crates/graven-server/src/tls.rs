//! TLS: the server's certificate, read from files, and read again when they change.
//!
//! What connections begin with is replaced as a whole, and only by files that are good: those that are open go on as they
//! began.

mod error;
mod files;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use rustls::ServerConfig;

use crate::settings::TlsSettings;
use crate::stamp::{Seen, look};

pub use error::TlsError;
pub(crate) use files::About;

/// The TLS of a server.
#[derive(Debug)]
pub struct Tls {
    settings: TlsSettings,
    /// What connections begin with now.
    config: RwLock<Arc<ServerConfig>>,
    /// The files as they were when they were read last, whether they were good or not. Held while they are read.
    seen: Mutex<Vec<Seen>>,
}

impl Tls {
    /// Reads the files. Without a certificate there is no TLS.
    ///
    /// # Errors
    ///
    /// When a file is missing, cannot be read or used, or the certificate has expired.
    pub fn open(settings: &TlsSettings, now: DateTime<Utc>) -> Result<Option<Tls>, TlsError> {
        let seen = look_at(settings);
        let Some((config, _)) = files::read(settings, now)? else { return Ok(None) };
        Ok(Some(Tls { settings: settings.clone(), config: RwLock::new(config), seen: Mutex::new(seen) }))
    }

    /// What a connection begins with.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files again if one of them has changed, or when somebody asks for it. `None` when nothing was read.
    ///
    /// # Errors
    ///
    /// When the new files are not good. What was good before still counts, and nothing is said again of the same files.
    pub(crate) fn read_again(&self, asked: bool, now: DateTime<Utc>) -> Option<Result<About, TlsError>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Before they are read: a change that comes meanwhile is found at the next look.
        let found = look_at(&self.settings);
        if *seen == found && !asked {
            return None;
        }
        *seen = found;
        let read = files::read(&self.settings, now).transpose()?;
        Some(read.map(|(config, about)| {
            *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
            about
        }))
    }
}

fn look_at(settings: &TlsSettings) -> Vec<Seen> {
    settings.files().map(PathBuf::as_path).map(look).collect()
}
