//! TLS: the server's certificate, read from files, and read again when they change.
//!
//! What connections begin with is replaced as a whole, and only by files that are good: those that are open go on as they
//! began.

mod client;
mod error;
mod files;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rustls::pki_types::{CertificateDer, UnixTime};

use crate::auth::{CERTIFICATE, Caller, Login, Refused};
use crate::settings::TlsSettings;
use crate::stamp::{Seen, look};

pub use client::ClientCertificate;
pub use error::TlsError;
pub(crate) use files::{About, Loaded, Spoken, certificates};

/// The TLS of a server.
#[derive(Debug)]
pub struct Tls {
    settings: TlsSettings,
    /// What connections begin with now.
    loaded: RwLock<Arc<Loaded>>,
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
        let Some(loaded) = files::read(settings, now, 0)? else { return Ok(None) };
        let loaded = RwLock::new(Arc::new(loaded));
        Ok(Some(Tls { settings: settings.clone(), loaded, seen: Mutex::new(seen) }))
    }

    /// What a connection begins with.
    pub(crate) fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who a client is by its certificate.
    ///
    /// # Errors
    ///
    /// When the certificate counts no more, or no row of the settings is for it.
    pub(crate) fn caller(
        &self,
        shown: &Arc<ClientCertificate>,
        now: DateTime<Utc>,
    ) -> Result<Arc<Caller>, Refused> {
        if !self.is_good(shown, now) {
            return Err(Refused::CertificateEnded);
        }
        let row = |name: &String| self.settings.clients.iter().find(|row| row.name == *name);
        let row = shown
            .names
            .iter()
            .find_map(row)
            .ok_or_else(|| Refused::NoRow { name: shown.names.first().cloned().unwrap_or_default() })?;
        let name = format!("{CERTIFICATE}{}", row.name);
        Ok(row.caller(name, Login::Certificate(Arc::clone(shown)), Some(shown.expires)))
    }

    /// Whether a certificate that was good when its connection began is good now.
    pub(crate) fn is_good(&self, shown: &ClientCertificate, now: DateTime<Utc>) -> bool {
        let loaded = self.loaded();
        let time = u64::try_from(now.timestamp()).unwrap_or(0);
        let time = UnixTime::since_unix_epoch(Duration::from_secs(time));
        let again = |first: &CertificateDer<'_>, others: &[CertificateDer<'_>]| {
            loaded.clients.as_ref().is_some_and(|judge| judge.verify_client_cert(first, others, time).is_ok())
        };
        let is_trusted = shown.judged == loaded.number
            // Another authority may count since then, or a new list of revoked certificates.
            || shown.chain.split_first().is_some_and(|(first, others)| again(first, others));
        shown.expires > now && is_trusted
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
        let number = self.loaded().number + 1;
        let read = files::read(&self.settings, now, number).transpose()?;
        Some(read.map(|loaded| {
            let about = loaded.about.clone();
            *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
            about
        }))
    }
}

fn look_at(settings: &TlsSettings) -> Vec<Seen> {
    settings.files().map(PathBuf::as_path).map(look).collect()
}
