//! The servers that are compared: each in a process of its own, asked over loopback by clients on the same cores.

mod client;
mod graven;
mod immudb;
mod process;
mod quipu;
mod tessera;

use crate::options::Options;
use crate::peer::{Failure, Peer, Run};

/// How many connections send single entries, one outstanding each.
const SINGLES: usize = 64;
/// How many connections send batches.
const BATCHERS: usize = 4;
/// The entries of a batch.
const BATCH: u64 = 1_000;

/// Every server, and each that cannot be measured here with the reason.
pub(crate) fn all(options: &Options) -> (Vec<Peer>, Vec<String>) {
    let (mut peers, mut not_run) = (Vec::new(), Vec::new());
    let mut take = |name: &str, found: Result<Vec<Peer>, Failure>| match found {
        Ok(found) => peers.extend(found),
        Err(reason) => not_run.push(format!("{name}: {reason}")),
    };
    take("Graven's server", graven::peers(options.graven.as_deref()));
    take("Quipu's server", quipu::peers());
    take("Tessera over HTTP", tessera::peers());
    take("immudb", immudb::peers());
    (peers, not_run)
}

/// One way of asking a server.
fn peer(name: &'static str, version: &'static str, way: String, durable: &'static str, run: Run) -> Peer {
    Peer { name, version, way, is_durable: true, durable, run }
}
