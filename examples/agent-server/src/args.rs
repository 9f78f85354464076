//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

/// An agent server whose every action is in a Graven trail.
#[derive(Debug, clap::Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes a free one, which is printed
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// The folder of the trail, made if it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) trail: PathBuf,
    /// The bearer token of the principal `admin`, who may also see the trail and change the server
    #[arg(long, value_name = "TOKEN")]
    pub(crate) admin_token: String,
    /// The bearer token of the principal `user`
    #[arg(long, value_name = "TOKEN")]
    pub(crate) user_token: String,
    /// Serve requests also while they cannot be recorded beforehand: an entry after each, none before
    #[arg(long)]
    pub(crate) fail_open: bool,
    /// A network of proxies whose `X-Forwarded-For` is believed; may be given again
    #[arg(long, value_name = "CIDR")]
    pub(crate) trusted_proxy: Vec<String>,
}
