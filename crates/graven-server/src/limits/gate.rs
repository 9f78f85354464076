//! The gate that every connection and every request passes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Uri, header};
use graven::clock::Clock;
use graven_tower::{TrustedProxies, one_client};

use super::rate::Rate;
use super::{Full, Hosts, Refusal, Slot, Slots};
use crate::auth::Caller;
use crate::settings::Settings;

/// When to send again what had no place.
const SOON: Duration = Duration::from_secs(1);

/// Counts what each address and each token takes.
#[derive(Debug)]
pub struct Gate {
    hosts: Hosts,
    proxies: Option<TrustedProxies>,
    connections: Slots<IpAddr>,
    handshakes: Slots<IpAddr>,
    requests: Slots<String>,
    streams: Slots<String>,
    by_address: Rate,
    by_token: Rate,
    refused_logins: Rate,
}

/// A request or a stream that was let in. It holds its place until this is dropped.
pub type Entered = Slot<String>;

impl Gate {
    /// A gate with the limits of these settings.
    pub fn new(settings: &Settings, clock: &Arc<dyn Clock>) -> Gate {
        let limits = &settings.limits;
        let proxies = TrustedProxies::x_forwarded_for(&settings.proxies);
        let proxies = proxies.expect("the settings have taken only networks");
        Gate {
            hosts: Hosts::new(&settings.hosts),
            proxies: (!settings.proxies.is_empty()).then_some(proxies),
            connections: Slots::new(limits.connections, limits.connections_per_address),
            handshakes: Slots::new(limits.handshakes, limits.handshakes_per_address),
            requests: Slots::new(limits.requests, limits.requests_per_token),
            streams: Slots::new(limits.streams, limits.streams_per_token),
            by_address: Rate::a_second(limits.rate_per_address, clock),
            by_token: Rate::a_second(limits.rate_per_token, clock),
            refused_logins: Rate::a_minute(limits.refused_logins, clock),
        }
    }

    /// Takes a place for a connection, until the slot is dropped. Without one, the connection is closed.
    ///
    /// A trusted proxy has the connections of many clients, so only the bound of all counts for it.
    ///
    /// # Errors
    ///
    /// When there are too many connections, in all or from this address.
    pub fn connect(&self, peer: IpAddr) -> Result<Slot<IpAddr>, Full> {
        self.connections.take(self.one_of_many(peer))
    }

    /// The same for a connection to a Unix socket. Only the bound of all counts: who may connect, its permissions say.
    ///
    /// # Errors
    ///
    /// When there are too many connections.
    pub fn connect_here(&self) -> Result<Slot<IpAddr>, Full> {
        self.connections.take(None)
    }

    /// Takes a place for a TLS handshake, until the slot is dropped. Without one, the connection is closed.
    ///
    /// # Errors
    ///
    /// When there are too many, in all or with this address.
    pub fn handshake(&self, peer: IpAddr) -> Result<Slot<IpAddr>, Full> {
        self.handshakes.take(self.one_of_many(peer))
    }

    /// The client that a connection belongs to; `None` for a trusted proxy, which has those of many.
    fn one_of_many(&self, peer: IpAddr) -> Option<IpAddr> {
        let is_proxy = self.proxies.as_ref().is_some_and(|proxies| proxies.trusts(peer.to_canonical()));
        (!is_proxy).then(|| one_client(peer))
    }

    /// The client of a request: the peer, or the address that a trusted proxy says.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.proxies.as_ref().map_or_else(|| peer.to_canonical(), |proxies| proxies.client(peer, headers))
    }

    /// Whether the request is for this server, and its client does not send too much.
    ///
    /// # Errors
    ///
    /// When it is not to be looked at any further.
    pub fn arrive(&self, client: Option<IpAddr>, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        self.hosts.check(host(uri, headers)?)?;
        let wait = self.by_address.take(client.map(one_client));
        wait.map_err(|retry_after| Refusal::TooMuch {
            what: "too many requests from this address",
            retry_after,
        })
    }

    /// Counts a refused login.
    ///
    /// # Errors
    ///
    /// When there were too many from this address: the answer is then this, and nothing is recorded of it by itself.
    pub fn refused_login(&self, client: Option<IpAddr>) -> Result<(), Refusal> {
        let wait = self.refused_logins.take(client.map(one_client));
        wait.map_err(|retry_after| Refusal::TooMuch {
            what: "too many refused logins from this address",
            retry_after,
        })
    }

    /// Lets a request in whose token is good. It has its place until the slot is dropped, at the end of its answer.
    ///
    /// # Errors
    ///
    /// When there are too many requests, of this token or in all.
    pub fn enter(&self, caller: &Caller) -> Result<Entered, Refusal> {
        let wait = self.by_token.take(&caller.id);
        wait.map_err(|retry_after| Refusal::TooMuch {
            what: "too many requests with this token",
            retry_after,
        })?;
        place(
            &self.requests,
            caller,
            "too many requests with this token at a time",
            "too many requests at a time",
        )
    }

    /// Lets a stream begin. It has its place until the slot is dropped.
    ///
    /// # Errors
    ///
    /// When there are too many streams, of this token or in all.
    pub fn stream(&self, caller: &Caller) -> Result<Entered, Refusal> {
        place(&self.streams, caller, "too many streams with this token", "too many streams")
    }

    /// How many connections, requests and streams there are now.
    pub fn taken(&self) -> [u64; 3] {
        [self.connections.taken(), self.requests.taken(), self.streams.taken()]
    }
}

fn place(
    slots: &Slots<String>,
    caller: &Caller,
    of_one: &'static str,
    of_all: &'static str,
) -> Result<Entered, Refusal> {
    slots.take(Some(caller.id.clone())).map_err(|full| match full {
        Full::ForThisOne => Refusal::TooMuch { what: of_one, retry_after: SOON },
        Full::ForAll => Refusal::Full { what: of_all, retry_after: SOON },
    })
}

/// The host of a request. What names two hosts, or none, is for no server.
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, Refusal> {
    if let Some(authority) = uri.authority() {
        return Ok(authority.as_str());
    }
    let mut named = headers.get_all(header::HOST).iter();
    match (named.next().map(|host| host.to_str()), named.next()) {
        (Some(Ok(host)), None) => Ok(host),
        _ => Err(Refusal::WrongHost(String::new())),
    }
}
