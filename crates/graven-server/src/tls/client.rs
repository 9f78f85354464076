//! The certificate of a client: whom it is for, and until when it is good.

use chrono::{DateTime, Utc};
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// A certificate that a client has shown, and that was good when its connection began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, and those that lead to its authority.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// Whom it is for: its subject, then its other names in their order.
    pub(super) names: Vec<String>,
    pub(super) expires: DateTime<Utc>,
    /// With which reading of the files it was judged.
    pub(super) judged: u64,
}

impl ClientCertificate {
    /// Reads the certificate at the beginning of the chain that a handshake has shown.
    pub(super) fn read(chain: &[CertificateDer<'_>], judged: u64) -> Option<ClientCertificate> {
        let read = Certificate::from_der(chain.first()?).ok()?;
        Some(ClientCertificate {
            expires: until(&read)?,
            names: names(&read),
            chain: chain.iter().map(|one| one.clone().into_owned()).collect(),
            judged,
        })
    }
}

/// Until when a certificate is good.
pub(super) fn until(certificate: &Certificate) -> Option<DateTime<Utc>> {
    let until = certificate.tbs_certificate().validity().not_after.to_unix_duration();
    DateTime::from_timestamp(i64::try_from(until.as_secs()).ok()?, 0)
}

/// Whom a certificate is for. The subject is written as RFC 4514 does, the other names with their kind before them.
fn names(certificate: &Certificate) -> Vec<String> {
    let certificate = certificate.tbs_certificate();
    let subject = certificate.subject();
    let mut names = Vec::new();
    if !subject.is_empty() {
        names.push(subject.to_string());
    }
    // What cannot be read names nobody.
    let others = certificate.get_extension::<SubjectAltName>().ok().flatten();
    for name in others.iter().flat_map(|(_, names)| &names.0) {
        match name {
            GeneralName::DnsName(name) => names.push(format!("dns:{name}")),
            GeneralName::UniformResourceIdentifier(uri) => names.push(format!("uri:{uri}")),
            GeneralName::Rfc822Name(address) => names.push(format!("email:{address}")),
            _ => {}
        }
    }
    names
}
