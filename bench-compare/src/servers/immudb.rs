//! immudb, a database that keeps proofs: its server and its own client, by the Go program in `immudb/`. It speaks gRPC.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::process::{build, built, sources};
use super::{BATCH, BATCHERS, SINGLES, peer};
use crate::peer::{Failure, Peer, Sample, Slice};

/// The server, as its module calls it.
const SERVER: &str = "github.com/codenotary/immudb/cmd/immudb";

const DURABLE: &str = "synced mode, its default: a transaction is acknowledged once its logs are fsynced, which happens every 20 ms by \
                       default, or as often as this line says; it does not wait for the index";

pub(super) fn peers() -> Result<Vec<Peer>, Failure> {
    let (program, server) = (built("immudb-peer")?, built("immudb-server")?);
    for (output, package) in [(&program, "."), (&server, SERVER)] {
        let mut command = Command::new("go");
        command.args(["build", "-o"]).arg(output).arg(package).current_dir(sources("immudb"));
        build(&mut command)?;
    }
    let ways = [
        (format!("SetAll of {BATCH}, {BATCHERS} connections"), BATCHERS, BATCH, 20),
        (format!("SetAll of {BATCH}, {BATCHERS} connections, sync every 1 ms"), BATCHERS, BATCH, 1),
        (format!("Set of one, {SINGLES} connections"), SINGLES, 1, 20),
        (format!("Set of one, {SINGLES} connections, sync every 1 ms"), SINGLES, 1, 1),
    ];
    let peers = ways.into_iter().map(|(way, connections, entries, sync_ms)| {
        let (program, server): (PathBuf, PathBuf) = (program.clone(), server.clone());
        let run = move |slice: &Slice| record(&program, &server, slice, connections, entries, sync_ms);
        peer("immudb", "1.9.7", way, DURABLE, Box::new(run))
    });
    Ok(peers.collect())
}

/// What the program prints.
#[derive(Deserialize)]
struct Printed {
    entries: u64,
    seconds: f64,
    kept: u64,
}

fn record(
    program: &Path,
    server: &Path,
    slice: &Slice,
    connections: usize,
    entries: u64,
    sync_ms: u64,
) -> Result<Sample, Failure> {
    let output = Command::new(program)
        .arg("-server")
        .arg(server)
        .arg("-dir")
        .arg(&slice.dir)
        .args(["-callers", &connections.to_string(), "-batch", &entries.to_string()])
        .args(["-sync-ms", &sync_ms.to_string()])
        .args(["-seconds", &slice.time.as_secs_f64().to_string()])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into());
    }
    let printed: Printed = serde_json::from_slice(&output.stdout)?;
    Sample { entries: printed.entries, seconds: printed.seconds }.if_kept(printed.kept)
}
