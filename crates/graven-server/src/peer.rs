//! Who is at the other end of a connection, as far as the connection itself says it.

use std::net::SocketAddr;

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(crate) enum Peer {
    /// A program at this address.
    Address(SocketAddr),
}
