//! Where a server listens: plain data.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::auth::Role;

/// What a Unix socket is written with.
pub(super) const UNIX: &str = "unix:";

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// At an address.
    Tcp(SocketAddr),
    /// At a Unix socket.
    Unix(PathBuf),
}

impl Listen {
    /// The address; `None` for a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Listen::Tcp(address) => Some(*address),
            Listen::Unix(_) => None,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Tcp(address) => address.fmt(f),
            Listen::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// Who may use a Unix socket. The table of the settings has the meaning and the default of each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketSettings {
    /// Its permissions.
    pub mode: u32,
    /// The group that it belongs to. `None`: that of the server.
    pub group: Option<u32>,
    /// What a program may do there without a token.
    pub role: Option<Role>,
}

impl SocketSettings {
    /// Before any value is taken.
    pub(super) const NONE: SocketSettings = SocketSettings { mode: 0, group: None, role: None };
}
