//! Fetches the keys of an issuer. It blocks.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use ureq::Agent;
use ureq::http::StatusCode;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::keys::Keys;
use crate::settings::JwtSettings;
use crate::tls::certificates;

/// How long it may take in all. Requests with an unknown key wait for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most bytes of the document.
const BYTES_MAX: u64 = 1 << 20;

/// Fetches the keys.
pub(super) fn keys(settings: &JwtSettings) -> Result<Keys, String> {
    let url = settings.jwks_url.as_deref().ok_or("the settings name no address of keys")?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut tls = TlsConfig::builder().unversioned_rustls_crypto_provider(provider);
    if let Some(path) = &settings.ca_file {
        let trusted = certificates(path).map_err(|error| error.to_string())?;
        let trusted: Vec<_> = trusted.iter().map(|one| Certificate::from_der(one).to_owned()).collect();
        tls = tls.root_certs(RootCerts::new_with_certs(&trusted));
    }
    let config = Agent::config_builder()
        .http_status_as_error(false)
        // The keys are at the address that the settings name, and nobody else is asked.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("graven/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(PATIENCE))
        .tls_config(tls.build());
    let agent: Agent = config.build().into();
    let wrong = |error: ureq::Error| format!("{url}: {error}");
    let mut response = agent.get(url).call().map_err(wrong)?;
    if response.status() != StatusCode::OK {
        return Err(format!("{url} has answered with {}", response.status()));
    }
    let json = response.body_mut().with_config().limit(BYTES_MAX).read_to_vec().map_err(wrong)?;
    Keys::read(&json).map_err(|why| format!("{url}: {why}"))
}
