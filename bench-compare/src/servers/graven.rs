//! Graven's server: `graven serve`, the binary of this tree.

use std::path::{Path, PathBuf};
use std::process::Command;

use ::graven::reader::Reader;
use bytes::Bytes;
use serde_json::Value;

use super::client::{Post, Target, executor, measure};
use super::process::{Serving, build, sources};
use super::{BATCH, BATCHERS, SINGLES, peer};
use crate::entry;
use crate::peer::{Failure, Peer, Sample, Slice};

const DURABLE: &str = "write and fdatasync of each group, then the answers; idempotency, tokens, limits and the index of \
                       searches as by default";

/// One client sends everything here, so no limit may be reached that is there to share a server among many.
const SETTINGS: &[&str] = &[
    "limits.rate_per_token=1000000",
    "limits.rate_per_address=1000000",
    "limits.connections_per_address=4096",
    "limits.requests_per_token=4096",
    "limits.requests=4096",
];

pub(super) fn peers(program: Option<&Path>) -> Result<Vec<Peer>, Failure> {
    let program = match program {
        Some(program) => program.to_owned(),
        None => built()?,
    };
    let ways: [(String, usize, u64, &'static str); 2] = [
        (format!("NDJSON of {BATCH}, {BATCHERS} connections"), BATCHERS, BATCH, "application/x-ndjson"),
        (format!("POST of one, {SINGLES} connections"), SINGLES, 1, "application/json"),
    ];
    let peers = ways.into_iter().map(|(way, connections, entries, media_type)| {
        let program = program.clone();
        let run = move |slice: &Slice| record(&program, slice, connections, entries, media_type);
        peer("Graven", "this tree", way, DURABLE, Box::new(run))
    });
    Ok(peers.collect())
}

/// Builds the binary as it is shipped.
fn built() -> Result<PathBuf, Failure> {
    let workspace = sources("..");
    build(
        Command::new("cargo")
            .args(["build", "--release", "--locked", "--package", "graven-cli"])
            .current_dir(&workspace),
    )?;
    Ok(workspace.join("target/release/graven"))
}

fn record(
    program: &Path,
    slice: &Slice,
    connections: usize,
    entries: u64,
    media_type: &'static str,
) -> Result<Sample, Failure> {
    let mut command = Command::new(program);
    command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(&slice.dir);
    command.args(SETTINGS.iter().flat_map(|setting| ["--set", setting]));
    let (serving, said) = Serving::start_and_listen(command)?;
    let said: Value = serde_json::from_str(&said)?;
    let text = |name: &str| said[name].as_str().ok_or_else(|| format!("it does not say its {name}"));
    let address = text("address")?.trim_start_matches("http://").parse()?;
    let target = Target { address, token: text("token")?.to_owned() };
    let body: String = (0..entries).map(|n| entry::unfinished(n) + "\n").collect();
    let status = if entries == 1 { 201 } else { 200 };
    let post = Post { path: "/v1/trails/main/entries", media_type, body: Bytes::from(body), status };
    let sample = measure(&executor()?, &target, connections, vec![post], entries, slice.time)?;
    // Killed: what it has acknowledged must be there all the same.
    drop(serving);
    sample.if_kept(Reader::open(slice.dir.join("trails/main"))?.len()?)
}
