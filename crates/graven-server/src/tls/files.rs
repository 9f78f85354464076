//! Reads the files of TLS, and makes of them what connections begin with.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use graven::disk::OsDisk;
use graven::durable;
use graven_core::hash::{hex, sha256};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};
use serde::Serialize;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use zeroize::Zeroizing;

use super::TlsError;
use super::client::{ClientCertificate, until};
use crate::settings::TlsSettings;

/// The most bytes of a file: far more than a certificate with its intermediates has.
const BYTES_MAX: u64 = 1 << 20;

/// What is spoken inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// HTTP 1.1.
    Http,
    /// HTTP 2, for gRPC.
    #[cfg(feature = "grpc")]
    Grpc,
}

/// The names of the protocols inside, in handshakes.
const HTTP: &[u8] = b"http/1.1";
#[cfg(feature = "grpc")]
const HTTP_2: &[u8] = b"h2";

/// Which certificate it is, for people who compare.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct About {
    /// The SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` says it.
    sha256: String,
    /// Until when it is good.
    pub(crate) not_after: DateTime<Utc>,
}

/// What was read of the files.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What connections begin with.
    http: Arc<ServerConfig>,
    /// What those for gRPC begin with.
    #[cfg(feature = "grpc")]
    grpc: Arc<ServerConfig>,
    /// What judges the certificates of clients, if they may show some.
    pub(super) clients: Option<Arc<dyn ClientCertVerifier>>,
    pub(crate) about: About,
    /// How often the files were read before.
    pub(super) number: u64,
}

impl Loaded {
    /// What a connection begins with on which this is spoken.
    pub(crate) fn config(&self, spoken: Spoken) -> Arc<ServerConfig> {
        match spoken {
            Spoken::Http => Arc::clone(&self.http),
            #[cfg(feature = "grpc")]
            Spoken::Grpc => Arc::clone(&self.grpc),
        }
    }

    /// The certificate that a client has shown in a handshake with this.
    pub(crate) fn client(&self, chain: &[CertificateDer<'_>]) -> Option<ClientCertificate> {
        ClientCertificate::read(chain, self.number)
    }
}

/// Reads the files. Without a certificate, nothing.
pub(super) fn read(
    settings: &TlsSettings,
    now: DateTime<Utc>,
    number: u64,
) -> Result<Option<Loaded>, TlsError> {
    let (cert_file, key_file) = match (&settings.cert_file, &settings.key_file) {
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) => return Err(TlsError::NoKey),
        (None, Some(_)) => return Err(TlsError::NoCertificate { key: "tls.key_file" }),
        (None, None) if settings.client_ca_file.is_some() => {
            return Err(TlsError::NoCertificate { key: "tls.client_ca_file" });
        }
        (None, None) => return Ok(None),
    };
    let chain = certificates(cert_file)?;
    let about = about(cert_file, &chain)?;
    if about.not_after <= now {
        return Err(TlsError::Expired { path: cert_file.clone(), until: about.not_after });
    }
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let clients = clients(settings, &provider)?;
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = match &clients {
        Some(judge) => config.with_client_cert_verifier(Arc::clone(judge)),
        None => config.with_no_client_auth(),
    };
    let config = config.with_single_cert(chain, private_key(key_file)?);
    let config = config.map_err(|error| TlsError::Pair {
        certificate: cert_file.clone(),
        key: key_file.clone(),
        why: match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                "the key belongs to another certificate".to_owned()
            }
            other => other.to_string(),
        },
    })?;
    Ok(Some(Loaded {
        http: speaking(HTTP, &config),
        #[cfg(feature = "grpc")]
        grpc: speaking(HTTP_2, &config),
        clients,
        about,
        number,
    }))
}

/// The same for this protocol only.
fn speaking(protocol: &[u8], config: &ServerConfig) -> Arc<ServerConfig> {
    let mut config = config.clone();
    config.alpn_protocols = vec![protocol.to_vec()];
    Arc::new(config)
}

/// What judges the certificates of clients, if they may show some.
fn clients(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let Some(path) = &settings.client_ca_file else { return Ok(None) };
    let wrong = |why: String| TlsError::Clients { path: path.clone(), why };
    let mut roots = RootCertStore::empty();
    for authority in certificates(path)? {
        roots.add(authority).map_err(|error| wrong(error.to_string()))?;
    }
    let mut judge = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    if let Some(path) = &settings.client_crl_file {
        judge = judge.with_crls(revoked(path)?);
    }
    if !settings.client_required {
        judge = judge.allow_unauthenticated();
    }
    judge.build().map(Some).map_err(|error| wrong(error.to_string()))
}

/// The lists of revoked certificates in a file, at least one.
fn revoked(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    some(path, "list of revoked certificates")
}

/// The certificates in a file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    some(path, "certificate")
}

/// What a file has in PEM, at least one.
fn some<T: PemObject>(path: &Path, what: &'static str) -> Result<Vec<T>, TlsError> {
    let bytes = bytes(path)?;
    let wrong = |why: String| TlsError::Pem { path: path.to_owned(), what, why };
    let found: Result<Vec<_>, _> = T::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() { Err(wrong("there is none in it".to_owned())) } else { Ok(found) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = bytes(path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| TlsError::Pem {
        path: path.to_owned(),
        what: "private key without a password",
        why: error.to_string(),
    })
}

/// A file may hold a key, so what was read is wiped from memory.
fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let read = durable::read_at_most(&OsDisk, path, BYTES_MAX);
    read.map(Zeroizing::new).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

fn about(path: &Path, chain: &[CertificateDer<'_>]) -> Result<About, TlsError> {
    let wrong = |why: String| TlsError::Pem { path: path.to_owned(), what: "certificate", why };
    let first = chain.first().ok_or_else(|| wrong("there is none in it".to_owned()))?;
    let read = Certificate::from_der(first).map_err(|error| wrong(error.to_string()))?;
    let not_after = until(&read).ok_or_else(|| wrong("its end cannot be read".to_owned()))?;
    Ok(About { sha256: hex(sha256(first).as_bytes()), not_after })
}
