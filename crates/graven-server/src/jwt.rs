//! JWTs of another server that log in here: by its keys, and for as long as each of them says.
//!
//! A key is found by the id that a JWT names, and counts only for the algorithms of the settings and of the key itself. The
//! keys are fetched now and then, and when a JWT names one that is not known, and at most once a minute. While they cannot be
//! fetched, the last ones count.

mod claims;
mod fetch;
mod keys;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use crate::auth::{Caller, Refused};
use crate::settings::JwtSettings;
use keys::Keys;

/// The keys are fetched at most this often.
const APART: Duration = Duration::from_secs(60);

/// The keys are fetched again after this time, also when no JWT asks for another one.
const OLD: Duration = Duration::from_secs(5 * 60);

/// How far the clocks of the issuer and of this server may be apart, in seconds.
const LEEWAY_S: u64 = 30;

/// Why a JWT is refused whose algorithm is none of those that count.
const OTHER_ALGORITHM: &str = "a JWT with an algorithm that does not count";

/// What judges JWTs.
#[derive(Debug)]
pub(crate) struct Jwt {
    settings: JwtSettings,
    /// `None` until they were fetched once.
    keys: RwLock<Option<Arc<Keys>>>,
    /// Held while the keys are fetched: when that began last, and when it succeeded last, since the start.
    fetching: Mutex<Fetched>,
}

#[derive(Debug, Default)]
struct Fetched {
    begun: Option<Duration>,
    succeeded: Option<Duration>,
}

impl Jwt {
    /// Nothing is fetched yet. Without an address of keys, no JWT logs in.
    pub(crate) fn new(settings: &JwtSettings) -> Option<Jwt> {
        settings.jwks_url.as_ref()?;
        Some(Jwt { settings: settings.clone(), keys: RwLock::default(), fetching: Mutex::default() })
    }

    /// Whether a token can be a JWT: three parts with dots between them. No token of this server has a dot.
    pub(crate) fn is_one(token: &str) -> bool {
        token.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Fetches the keys again if this JWT names one that is not known.
    pub(crate) async fn prepare(&self, token: &str, now: impl Fn() -> Duration) {
        let Ok(header) = decode_header(token) else { return };
        let is_known = self.keys().is_some_and(|keys| keys.find(header.kid.as_deref()).is_some());
        if !is_known && self.settings.algorithms.contains(&header.alg) {
            self.fetch(now, Duration::ZERO).await;
        }
    }

    /// Fetches the keys again if that is long ago.
    pub(crate) async fn refresh(&self, now: impl Fn() -> Duration) {
        self.fetch(now, OLD).await;
    }

    /// Fetches the keys, unless that succeeded less than `age` ago, or began less than a minute ago.
    async fn fetch(&self, now: impl Fn() -> Duration, age: Duration) {
        // Those who come meanwhile wait, and find that it was done.
        let mut fetching = self.fetching.lock().await;
        let began = now();
        let is_young = |at: Option<Duration>, age| at.is_some_and(|at| began.saturating_sub(at) < age);
        if is_young(fetching.begun, APART) || is_young(fetching.succeeded, age) {
            return;
        }
        fetching.begun = Some(began);
        let settings = self.settings.clone();
        let fetched = tokio::task::spawn_blocking(move || fetch::keys(&settings)).await;
        match fetched.unwrap_or_else(|panic| Err(panic.to_string())) {
            Ok(keys) => {
                fetching.succeeded = Some(began);
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys));
            }
            Err(why) => {
                tracing::warn!(why, "the keys for JWTs cannot be fetched: the last ones go on counting")
            }
        }
    }

    /// Who sends a request with this JWT.
    ///
    /// # Errors
    ///
    /// When it does not count here, or its holder has no role.
    pub(crate) fn check(&self, token: &str) -> Result<Arc<Caller>, Refused> {
        let header = decode_header(token).map_err(|error| Refused::Jwt(why(error.kind())))?;
        if !self.settings.algorithms.contains(&header.alg) {
            return Err(Refused::Jwt(OTHER_ALGORITHM));
        }
        let keys = self.keys().ok_or(Refused::NoKeys)?;
        let key = keys.find(header.kid.as_deref()).ok_or(Refused::Jwt("a JWT with an unknown key"))?;
        if key.algorithm.is_some_and(|algorithm| algorithm != header.alg) {
            return Err(Refused::Jwt(OTHER_ALGORITHM));
        }
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(self.settings.issuer.as_slice());
        validation.set_audience(self.settings.audience.as_slice());
        let claims = decode::<Map<String, Value>>(token, &key.decoding, &validation)
            .map_err(|error| Refused::Jwt(why(error.kind())))?
            .claims;
        claims::caller(&self.settings, &claims)
    }

    fn keys(&self) -> Option<Arc<Keys>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether a caller with a JWT would be let in again.
pub(crate) fn still_counts(caller: &Caller, now: DateTime<Utc>) -> bool {
    caller.expires.is_some_and(|expires| expires > now)
}

/// Why a JWT is refused, in words that name nobody.
fn why(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "an expired JWT",
        ErrorKind::ImmatureSignature => "a JWT that does not count yet",
        ErrorKind::InvalidAudience => "a JWT for somebody else",
        ErrorKind::InvalidIssuer => "a JWT of another issuer",
        ErrorKind::InvalidSignature => "a JWT with a wrong signature",
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => OTHER_ALGORITHM,
        ErrorKind::MissingRequiredClaim(_) => {
            "a JWT that does not say who issued it, for whom, and until when"
        }
        _ => "a JWT that cannot be read",
    }
}
