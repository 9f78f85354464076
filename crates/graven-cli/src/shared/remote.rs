//! A trail on a server, by its address: `http(s)://HOST/v1/trails/NAME`, or `unix:PATH/v1/trails/NAME` at a Unix socket. The
//! token is in `GRAVEN_TOKEN`.

mod address;
mod problem;
mod unix;

use std::io::Read;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use graven::clock::{Clock, OsClock};
use graven::disk::OsDisk;
use graven::durable;
use rustls::crypto::aws_lc_rs;
use serde::de::DeserializeOwned;
use ureq::http::{Response, StatusCode, header};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use crate::shared::failure::Failure;
use address::Address;
use problem::Problem;
use unix::{NoNames, ToSocket};

/// The variable with the token.
pub(crate) const TOKEN: &str = "GRAVEN_TOKEN";

/// The variable that names a file with the certificates to trust, in PEM, instead of those of the web.
const CA_FILE: &str = "GRAVEN_CA_FILE";

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// How long to wait for an answer to begin, and for a part of it.
const ANSWER: Duration = Duration::from_secs(120);

/// How long it may take until a server has said whether it can record.
const READINESS: Duration = Duration::from_secs(10);

/// The most bytes of what it says.
const READINESS_BYTES_MAX: u64 = 1 << 20;

/// The most bytes of an answer that is read whole.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// The pause before the second attempt, and the longest one.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The media type of one entry or question.
pub(crate) const JSON: &str = "application/json";
/// The media type of many entries.
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// A trail on a server.
#[derive(Debug)]
pub(crate) struct Remote {
    agent: Agent,
    /// The address of the trail.
    base: Address,
    /// At a Unix socket, a program without one is known by its user.
    token: Option<String>,
}

impl Remote {
    /// The trail at this address. Nothing is asked yet.
    pub(crate) fn at(address: &str) -> Result<Remote, Failure> {
        let base = Address::read(address);
        let wrong = |why: &str| {
            Failure::cannot(format_args!("{address}: {why}")).advise(
                "write the address of a trail on a server as http(s)://HOST/v1/trails/NAME or \
                 unix:PATH/v1/trails/NAME",
            )
        };
        let uri = base.uri().ok_or_else(|| wrong("it is no address"))?;
        let (Some(authority), None) = (uri.authority(), uri.query()) else {
            return Err(wrong("it is not the address of a trail"));
        };
        if authority.as_str().contains('@') {
            return Err(wrong("it has a name or a password in it")
                .advise(format_args!("put the token of the server into the variable {TOKEN}")));
        }
        let name = uri.path().rsplit_once("/v1/trails/").map_or("", |(_, name)| name);
        if name.is_empty() || name.contains('/') {
            return Err(wrong("it is not the address of a trail"));
        }
        let token = match token() {
            // Then its role is the one that the server gives programs of this machine.
            Err(_) if base.socket().is_some() && std::env::var_os(TOKEN).is_none() => None,
            token => Some(token?),
        };
        Ok(Remote { agent: agent(&base)?, base, token })
    }

    /// Its address, for messages.
    pub(crate) fn address(&self) -> &str {
        self.base.shown()
    }

    /// Whether the token is sent so that others on the way can read it.
    pub(crate) fn sends_in_clear(&self) -> bool {
        self.base.is_in_clear()
    }

    /// Asks for what is at a path below the address of the trail.
    pub(crate) fn get(&self, path: &str, accept: &str) -> Result<Vec<u8>, Failure> {
        self.whole(self.ask(path, accept)?)
    }

    /// The same, as what the JSON says.
    pub(crate) fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.read(&self.get(path, JSON)?)
    }

    /// Asks for an answer that is read piece by piece. It may take as long as it wants to.
    pub(crate) fn stream(&self, path: &str) -> Result<impl Read + use<>, Failure> {
        Ok(self.ask(path, "text/event-stream")?.into_body().into_with_config().limit(u64::MAX).reader())
    }

    /// Sends a question, and reads the answer.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Result<Vec<u8>, Failure> {
        let response = self.send(path, JSON, body).map_err(|error| self.unreachable(&error))?;
        self.whole(self.checked(response)?)
    }

    /// Hands entries in. What may pass is tried again for as long as `patience`: a server that is away or busy. So each
    /// entry must have an id, by which the server records it once.
    pub(crate) fn hand_in(
        &self,
        media_type: &str,
        body: &[u8],
        patience: Duration,
    ) -> Result<Vec<u8>, Failure> {
        let clock = OsClock::new();
        let mut pause = PAUSE;
        loop {
            let (failure, wait) = match self.send("/entries", media_type, body) {
                Err(error) => (self.unreachable(&error), pause),
                Ok(response) if is_passing(response.status()) => {
                    let wait = retry_after(&response).unwrap_or(pause);
                    (self.refusal(response), wait)
                }
                Ok(response) => return self.whole(self.checked(response)?),
            };
            if clock.elapsed() + wait > patience {
                return Err(failure);
            }
            thread::sleep(wait);
            pause = (2 * pause).min(PAUSE_MAX);
        }
    }

    /// What JSON says.
    pub(crate) fn read<T: DeserializeOwned>(&self, json: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(json).map_err(|error| {
            Failure::cannot(format_args!(
                "{} has answered what this program does not understand: {error}",
                self.address()
            ))
            .advise("is it a Graven server, and of the same version?")
        })
    }

    fn ask(&self, path: &str, accept: &str) -> Result<Response<Body>, Failure> {
        let url = format!("{}{path}", self.base.url());
        let mut request = self.agent.get(url).header(header::ACCEPT, accept);
        if let Some(token) = self.authorization() {
            request = request.header(header::AUTHORIZATION, token);
        }
        let response = request.call();
        self.checked(response.map_err(|error| self.unreachable(&error))?)
    }

    fn send(&self, path: &str, media_type: &str, body: &[u8]) -> Result<Response<Body>, ureq::Error> {
        let url = format!("{}{path}", self.base.url());
        let mut request = self.agent.post(url).header(header::CONTENT_TYPE, media_type);
        if let Some(token) = self.authorization() {
            request = request.header(header::AUTHORIZATION, token);
        }
        request.send(body)
    }

    fn authorization(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("Bearer {token}"))
    }

    /// An answer that says yes. Otherwise it says why not.
    fn checked(&self, response: Response<Body>) -> Result<Response<Body>, Failure> {
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(response)) }
    }

    fn refusal(&self, response: Response<Body>) -> Failure {
        let status = response.status();
        let is_problem = response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"));
        let body = self.whole(response).unwrap_or_default();
        let problem: Option<Problem> = is_problem.then(|| serde_json::from_slice(&body).ok()).flatten();
        match problem {
            Some(problem) => problem.failure(),
            None => Failure::cannot(format_args!("{} has answered with {status}", self.address()))
                .advise("is it a Graven server, and is there a proxy before it that refuses?"),
        }
    }

    fn whole(&self, mut response: Response<Body>) -> Result<Vec<u8>, Failure> {
        let whole = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        whole.map_err(|error| {
            Failure::cannot(format_args!("the answer of {} is not whole: {error}", self.address()))
        })
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        Failure::cannot(format_args!("cannot reach {}: {error}", self.address()))
            .advise("does the server run, and is the address right? `curl` on its /healthz says so")
    }
}

/// What a server says of whether it can record, at the address of the server itself. It needs no token.
pub(crate) fn readiness(address: &str) -> Result<Vec<u8>, Failure> {
    let base = Address::read(address);
    let uri = base.uri().filter(|uri| uri.scheme().is_some() && uri.host().is_some());
    if uri.is_none() {
        return Err(Failure::cannot(format_args!("{address}: it is not the address of a server"))
            .advise("write it as http(s)://HOST:PORT or unix:PATH"));
    }
    let request = agent(&base)?.get(format!("{}/readyz", base.url()));
    let answer = request.config().timeout_global(Some(READINESS)).build().call();
    let whole = answer
        .and_then(|mut answer| answer.body_mut().with_config().limit(READINESS_BYTES_MAX).read_to_vec());
    whole.map_err(|error| Failure::cannot(format_args!("cannot reach {}: {error}", base.shown())))
}

/// Texts in an address.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte))
            }
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

/// Whether the same request may succeed later.
fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY
    ) || status == StatusCode::GATEWAY_TIMEOUT
}

fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn agent(base: &Address) -> Result<Agent, Failure> {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        // No address of a server leads elsewhere, and the token is for this one.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("graven/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(ANSWER))
        .timeout_per_read(Some(ANSWER));
    if base.is_here() {
        config = config.proxy(None);
    }
    let mut tls =
        TlsConfig::builder().unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()));
    if let Some(path) = std::env::var_os(CA_FILE).filter(|path| !path.is_empty()) {
        let path = std::path::PathBuf::from(path);
        let pem = durable::read_file(&OsDisk, &path).map_err(|error| Failure::file("read", &path, &error))?;
        let certificates = parse_pem(&pem).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        });
        let certificates: Vec<_> = certificates.collect();
        if certificates.is_empty() {
            return Err(Failure::cannot(format_args!(
                "{} ({CA_FILE}) has no certificate in PEM",
                path.display()
            )));
        }
        let roots = RootCerts::new_with_certs(&certificates);
        tls = tls.root_certs(roots);
    }
    let config = config.tls_config(tls.build()).build();
    Ok(match base.socket() {
        Some(socket) => Agent::with_parts(config, ToSocket(socket.to_owned()), NoNames),
        None => config.into(),
    })
}

fn token() -> Result<String, Failure> {
    let missing = |why: &str| {
        Failure::cannot(format_args!("{TOKEN} {why}")).advise(format_args!(
            "make a token with `graven token new` where the server is, and put it into {TOKEN}"
        ))
    };
    let token = std::env::var(TOKEN).map_err(|_| missing("is not set"))?;
    let token = token.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(missing("holds no token"));
    }
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stands_in_an_address_as_one_part() {
        assert_eq!(escaped("a-b_c.d~e"), "a-b_c.d~e");
        assert_eq!(escaped("ä &/=?%+"), "%C3%A4%20%26%2F%3D%3F%25%2B");
    }
}
