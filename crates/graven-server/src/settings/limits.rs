//! What one client, and all of them together, may take: plain data.

use std::time::Duration;

/// The limits of a server. The table of the settings has the meaning and the default of each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The most bytes of a body.
    pub body_bytes: u64,
    /// The most bytes of all bodies that are in memory at a time.
    pub bodies_bytes: u64,
    /// The most bytes of a request's head.
    pub header_bytes: u64,
    /// The longest time until the head of a request is complete, also on a connection that was idle.
    pub header_time: Duration,
    /// The longest pause between two parts of a body.
    pub body_pause: Duration,
    /// The longest time in which a client takes nothing of its answer.
    pub answer_pause: Duration,
    /// The most connections.
    pub connections: u64,
    /// The most connections of one address.
    pub connections_per_address: u64,
    /// The most TLS handshakes at a time.
    pub handshakes: u64,
    /// The most TLS handshakes with one address at a time.
    pub handshakes_per_address: u64,
    /// The longest time of a TLS handshake.
    pub handshake_time: Duration,
    /// The most requests that are being answered at a time.
    pub requests: u64,
    /// The most requests of one token that are being answered at a time.
    pub requests_per_token: u64,
    /// The most requests a second of one token.
    pub rate_per_token: u64,
    /// The most requests a second of one address.
    pub rate_per_address: u64,
    /// The most refused logins a minute of one address. A good token from the address still gets in.
    pub refused_logins: u64,
    /// The most streams.
    pub streams: u64,
    /// The most streams of one token.
    pub streams_per_token: u64,
    /// The most searches at a time.
    pub searches: u64,
    /// The longest time of a search.
    pub search_time: Duration,
}

impl Limits {
    /// Before any default is taken.
    pub(super) const NONE: Limits = Limits {
        body_bytes: 0,
        bodies_bytes: 0,
        header_bytes: 0,
        header_time: Duration::ZERO,
        body_pause: Duration::ZERO,
        answer_pause: Duration::ZERO,
        connections: 0,
        connections_per_address: 0,
        handshakes: 0,
        handshakes_per_address: 0,
        handshake_time: Duration::ZERO,
        requests: 0,
        requests_per_token: 0,
        rate_per_token: 0,
        rate_per_address: 0,
        refused_logins: 0,
        streams: 0,
        streams_per_token: 0,
        searches: 0,
        search_time: Duration::ZERO,
    };
}
