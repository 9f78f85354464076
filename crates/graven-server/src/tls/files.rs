//! Reads the files of TLS, and makes of them what connections begin with.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use graven::disk::OsDisk;
use graven::durable;
use graven_core::hash::{hex, sha256};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{InconsistentKeys, ServerConfig, crypto};
use serde::Serialize;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use zeroize::Zeroizing;

use super::TlsError;
use crate::settings::TlsSettings;

/// The most bytes of a file: far more than a certificate with its intermediates has.
const BYTES_MAX: u64 = 1 << 20;

/// The only protocol inside.
const HTTP: &[u8] = b"http/1.1";

/// Which certificate it is, for people who compare.
#[derive(Debug, Serialize)]
pub(crate) struct About {
    /// The SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` says it.
    sha256: String,
    /// Until when it is good.
    not_after: DateTime<Utc>,
}

/// Reads the files. Without a certificate, nothing.
pub(super) fn read(
    settings: &TlsSettings,
    now: DateTime<Utc>,
) -> Result<Option<(Arc<ServerConfig>, About)>, TlsError> {
    let (cert_file, key_file) = match (&settings.cert_file, &settings.key_file) {
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) => return Err(TlsError::NoKey),
        (None, Some(_)) => return Err(TlsError::NoCertificate { key: "tls.key_file" }),
        (None, None) => return Ok(None),
    };
    let chain = certificates(cert_file)?;
    let about = about(cert_file, &chain)?;
    if about.not_after <= now {
        return Err(TlsError::Expired { path: cert_file.clone(), until: about.not_after });
    }
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = config.with_no_client_auth().with_single_cert(chain, private_key(key_file)?);
    let mut config = config.map_err(|error| TlsError::Pair {
        certificate: cert_file.clone(),
        key: key_file.clone(),
        why: match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                "the key belongs to another certificate".to_owned()
            }
            other => other.to_string(),
        },
    })?;
    config.alpn_protocols = vec![HTTP.to_vec()];
    Ok(Some((Arc::new(config), about)))
}

/// The certificates in a file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = bytes(path)?;
    let wrong = |why: String| TlsError::Pem { path: path.to_owned(), what: "certificate", why };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() { Err(wrong("it has none".to_owned())) } else { Ok(found) }
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
    let first = chain.first().ok_or_else(|| wrong("it has none".to_owned()))?;
    let read = Certificate::from_der(first).map_err(|error| wrong(error.to_string()))?;
    let until = read.tbs_certificate().validity().not_after.to_unix_duration();
    let until = i64::try_from(until.as_secs()).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let not_after = until.ok_or_else(|| wrong("its time cannot be read".to_owned()))?;
    Ok(About { sha256: hex(sha256(first).as_bytes()), not_after })
}
