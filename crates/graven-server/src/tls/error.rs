//! Why the files of TLS cannot be used: which one, and what to do.

use std::io;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

/// Why the files of TLS cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// There is a certificate and no key.
    #[error("tls.cert_file needs tls.key_file, which names the private key of the certificate")]
    NoKey,
    /// There is a setting that counts only with a certificate.
    #[error("{key} needs tls.cert_file, which names the certificate of this server")]
    NoCertificate {
        /// The setting.
        key: &'static str,
    },
    /// There is a setting that counts only where clients may show certificates.
    #[error("{key} needs tls.client_ca_file, which names the authorities of the certificates of clients")]
    NoAuthority {
        /// The setting.
        key: &'static str,
    },
    /// The certificates of clients cannot be judged with what was read.
    #[error("the certificates of clients cannot be judged with {}: {why}", path.display())]
    Clients {
        /// The file of the authorities.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file has not what it should have.
    #[error("{} has no {what} in PEM: {why}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should have.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The certificate and the key cannot be used together.
    #[error("the certificate in {} cannot be used with the key in {}: {why}", certificate.display(), key.display())]
    Pair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why not.
        why: String,
    },
    /// The certificate has expired.
    #[error("the certificate in {} has expired: it was good until {until}", path.display())]
    Expired {
        /// The file.
        path: PathBuf,
        /// Until when it was good.
        until: DateTime<Utc>,
    },
    /// TLS cannot be set up with what was read.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}
