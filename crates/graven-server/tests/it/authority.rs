//! An authority of certificates, and what it issues, as files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName,
    DnType, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;

/// An authority.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key, in files.
pub(crate) struct Issued {
    folder: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        // No two have one name: a client would take one for the other, and find only that the signature is wrong.
        let name = graven_core::hash::sha256(key.public_key_raw()).to_hex();
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Authority { issuer, folder }
    }

    /// The file of its own certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for 127.0.0.1.
    pub(crate) fn loopback(&self) -> Issued {
        self.issue(&["127.0.0.1"], |_| {})
    }

    /// A certificate for these names and addresses.
    pub(crate) fn issue(&self, names: &[&str], edit: impl FnOnce(&mut CertificateParams)) -> Issued {
        let issued = Issued { folder: tempfile::tempdir().unwrap() };
        self.issue_into(&issued, names, edit);
        issued
    }

    /// The same, in the place of one that was issued before.
    pub(crate) fn issue_into(
        &self,
        issued: &Issued,
        names: &[&str],
        edit: impl FnOnce(&mut CertificateParams),
    ) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        edit(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        put(&issued.key(), &key.serialize_pem());
        put(&issued.certificate(), &certificate.pem());
    }

    /// A certificate for a client of the company Example, by this name.
    pub(crate) fn client(&self, name: &str, edit: impl FnOnce(&mut CertificateParams)) -> Issued {
        self.issue(&[], |params| {
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::OrganizationName, "Example");
            params.distinguished_name.push(DnType::CommonName, name);
            params.serial_number = Some(SerialNumber::from_slice(name.as_bytes()));
            edit(params);
        })
    }

    /// Puts a list of revoked certificates in its place: those of clients by these names.
    pub(crate) fn revoke(&self, list: &Path, names: &[&str]) {
        let revoked = |name: &&str| RevokedCertParams {
            serial_number: SerialNumber::from_slice(name.as_bytes()),
            revocation_time: rcgen::date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2026, 1, 1),
            next_update: rcgen::date_time_ymd(4000, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: names.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        put(list, &params.signed_by(&self.issuer).unwrap().pem().unwrap());
    }

    /// What a client needs that trusts this authority only.
    pub(crate) fn trusted(&self) -> TlsConnector {
        self.trusted_with(None)
    }

    /// The same, for a client that shows a certificate.
    pub(crate) fn trusted_with(&self, shown: Option<&Issued>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let config = match shown {
            None => config.with_no_client_auth(),
            Some(shown) => {
                let chain = vec![CertificateDer::from_pem_file(shown.certificate()).unwrap()];
                let key = PrivateKeyDer::from_pem_file(shown.key()).unwrap();
                config.with_client_auth_cert(chain, key).unwrap()
            }
        };
        TlsConnector::from(Arc::new(config))
    }
}

impl Issued {
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }
}

/// Puts a file in its place as a whole, as those do that rotate certificates.
pub(crate) fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}
