//! Who is at the other end of a connection, as far as the connection itself says it.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::tls::ClientCertificate;

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(crate) enum Peer {
    /// A program at this address, with the certificate that it has shown, if any.
    Address(SocketAddr, Option<Arc<ClientCertificate>>),
    /// A program of this machine, at a Unix socket, of this user.
    User(u32),
}
