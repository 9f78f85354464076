//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

/// An agent server whose every action is in a Graven trail.
#[derive(Debug, clap::Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Listen on this address; port 0 takes a free port, which is printed
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Keep the trail in this folder; it is created if it does not exist
    #[arg(long, value_name = "DIR")]
    pub(crate) trail: PathBuf,
    /// Accept this bearer token for the principal `admin`, who may also read the trail and change the server
    #[arg(long, value_name = "TOKEN")]
    pub(crate) admin_token: String,
    /// Accept this bearer token for the principal `user`
    #[arg(long, value_name = "TOKEN")]
    pub(crate) user_token: String,
    /// Serve requests also while they cannot be recorded: one entry after each request, no intent before it
    #[arg(long)]
    pub(crate) fail_open: bool,
    /// Write the failed requests without a token of one client within this time as one entry with their number, after the
    /// first; 0 writes each of them
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) strangers_window: u64,
    /// Trust `X-Forwarded-For` from proxies in this network; may be given several times
    #[arg(long, value_name = "CIDR")]
    pub(crate) trusted_proxy: Vec<String>,
}
