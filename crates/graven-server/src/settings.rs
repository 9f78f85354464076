//! The settings of a server: plain data, and where each value came from.
//!
//! A flag counts before a variable `GRAVEN_*`, a variable before the TOML file, and the file before the default.
//! [`table::ROWS`] is the one list of all of them. None of them is a secret, and none can be set by a request.

mod archive;
mod effective;
mod error;
mod file;
mod jwt;
mod limits;
mod listen;
mod markdown;
mod otlp;
mod row;
mod rules;
mod size;
mod source;
mod table;
mod time;
mod tls;
mod value;

use std::path::PathBuf;
use std::time::Duration;

use crate::data::DataFolder;
use crate::name::TrailName;

pub use archive::ArchiveSettings;
pub use effective::{Effective, Given, Value};
pub use error::SettingsError;
pub use jwt::JwtSettings;
pub use limits::Limits;
pub use listen::{Listen, SocketSettings};
pub use markdown::markdown;
pub use otlp::OtlpSettings;
pub use row::Row;
pub use rules::Broken;
pub use source::Source;
pub use table::ROWS;
pub use time::{expiry, period};
pub use tls::TlsSettings;

/// The settings of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The folder of the server: tokens, and the trails that lie nowhere else.
    pub data: DataFolder,
    /// Where it listens.
    pub listen: Listen,
    /// Who may use the Unix socket, if it listens on one.
    pub socket: SocketSettings,
    /// The trails that it serves. The first one is `main`, in which it also records what happens to itself.
    pub trails: Vec<TrailSetting>,
    /// More names by which clients may call the server, in lower case and without a port.
    pub hosts: Vec<String>,
    /// The addresses and networks of proxies whose word on the client's address is taken.
    pub proxies: Vec<String>,
    /// Whether it may listen off loopback without TLS.
    pub insecure: bool,
    /// The certificate with which it serves over TLS, if it does.
    pub tls: TlsSettings,
    /// Whose JWTs log in.
    pub jwt: JwtSettings,
    /// How it takes OTLP.
    pub otlp: OtlpSettings,
    /// Whether it fills the trail `demo`.
    pub demo: bool,
    /// How often it verifies each trail. `None`: only when asked.
    pub verify_every: Option<Duration>,
    /// How the trails are shipped, if they are.
    pub archive: ArchiveSettings,
    /// What one client, and all of them, may take.
    pub limits: Limits,
}

/// A trail that the server serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailSetting {
    /// Its name in addresses.
    pub name: TrailName,
    /// Its folder, or its live file.
    pub dir: PathBuf,
    /// Whether it is only read. Then another process may record to it, and this one never does.
    pub read_only: bool,
}
