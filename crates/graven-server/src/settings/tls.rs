//! The settings of TLS: plain data.

use std::path::PathBuf;

/// The server's certificate. The table of the settings has the meaning and the default of each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSettings {
    /// The certificate, and the ones that lead to its authority. With it, the server speaks TLS only.
    pub cert_file: Option<PathBuf>,
    /// The private key of the certificate.
    pub key_file: Option<PathBuf>,
}

impl TlsSettings {
    /// Before any value is taken.
    pub(super) const NONE: TlsSettings = TlsSettings { cert_file: None, key_file: None };

    /// The files that are given.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.cert_file, &self.key_file].into_iter().flatten()
    }
}
