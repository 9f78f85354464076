//! The settings of TLS: plain data.

use std::path::PathBuf;

use crate::auth::Grant;

/// The server's certificate, and those of clients. The table of the settings has the meaning and the default of each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSettings {
    /// The certificate, and the ones that lead to its authority. With it, the server speaks TLS only.
    pub cert_file: Option<PathBuf>,
    /// The private key of the certificate.
    pub key_file: Option<PathBuf>,
    /// The authorities whose certificates clients may show.
    pub client_ca_file: Option<PathBuf>,
    /// Lists of certificates that these authorities have revoked.
    pub client_crl_file: Option<PathBuf>,
    /// Whether each client must show a certificate.
    pub client_required: bool,
    /// What clients may do by their certificates.
    pub clients: Vec<Grant>,
}

impl TlsSettings {
    /// Before any value is taken.
    pub(super) const NONE: TlsSettings = TlsSettings {
        cert_file: None,
        key_file: None,
        client_ca_file: None,
        client_crl_file: None,
        client_required: false,
        clients: Vec::new(),
    };

    /// The files that are given.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.cert_file, &self.key_file, &self.client_ca_file, &self.client_crl_file].into_iter().flatten()
    }

    /// The same, to be named otherwise.
    pub(super) fn files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let client = [&mut self.client_ca_file, &mut self.client_crl_file];
        [&mut self.cert_file, &mut self.key_file].into_iter().chain(client).flatten()
    }

    /// The settings that count only where clients may show certificates.
    pub(super) fn about_clients(&self) -> Option<&'static str> {
        let given = [
            ("tls.client_crl_file", self.client_crl_file.is_some()),
            ("tls.client_required", self.client_required),
            ("tls.clients", !self.clients.is_empty()),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(key, _)| key)
    }
}
