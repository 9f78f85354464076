//! Quipu-Log's server: `quipu-server`, which is built from its crate. It answers an entry with 202 before it is durable; only a flush
//! says that all before it are. So a flush is part of each request here.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use quipu_core::{AuditStore, Content, EntityInput, LogQuery, StoreConfig, default_actor_type};
use serde_json::json;

use super::client::{Post, Target, ask, executor, measure};
use super::process::{Serving, build, built};
use super::{BATCH, BATCHERS, SINGLES, peer};
use crate::entry;
use crate::peer::{Failure, Peer, Sample, Slice};

const VERSION: &str = "0.2.0";
const JSON: &str = "application/json";
const TOKEN: &str = "a-token-of-the-bench";

const DURABLE: &str = "202 says only that an entry is queued, so POST /v1/admin/flush follows: it answers once the segment and the \
                       hash file of each table are fdatasynced; sync_policy os_managed, the fastest with it";

pub(super) fn peers() -> Result<Vec<Peer>, Failure> {
    let program = install()?;
    let ways = [
        (format!("POST of one and a flush, {SINGLES} connections"), SINGLES, 1),
        (format!("{BATCH} POSTs and a flush, {BATCHERS} connections"), BATCHERS, BATCH),
        (format!("{BATCH} POSTs and a flush, {SINGLES} connections"), SINGLES, BATCH),
    ];
    let peers = ways.into_iter().map(|(way, connections, entries)| {
        let program = program.clone();
        let run = move |slice: &Slice| record(&program, slice, connections, entries);
        peer("Quipu-Log", "quipu-server 0.2.0", way, DURABLE, Box::new(run))
    });
    Ok(peers.collect())
}

/// Builds the server, once.
fn install() -> Result<PathBuf, Failure> {
    let root = built("quipu")?;
    let program = root.join("bin/quipu-server");
    if !program.exists() {
        let mut command = Command::new("cargo");
        command.args(["install", "quipu-server", "--locked", "--version", VERSION, "--root"]).arg(&root);
        build(&mut command)?;
    }
    Ok(program)
}

fn record(program: &Path, slice: &Slice, connections: usize, entries: u64) -> Result<Sample, Failure> {
    let store = slice.dir.join("store");
    std::fs::create_dir_all(&store)?;
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let config = slice.dir.join("config.json");
    let settings = json!({
        "listen": address.to_string(),
        "store": { "root": store, "sync_policy": "os_managed" },
        "auth": { "tokens": { TOKEN: "admin" }, "grants": { "admin": ["emit", "query", "administer"] } },
    });
    std::fs::write(&config, settings.to_string())?;
    let mut command = Command::new(program);
    command.arg(&config).env("RUST_LOG", "error");
    let serving = Serving::start(command)?;
    let (target, executor) = (Target { address, token: TOKEN.to_owned() }, executor()?);
    let schema = default_actor_type();
    let post = |path, body: String, status| Post { path, media_type: JSON, body: Bytes::from(body), status };
    ask(&executor, &target, "POST", &post("/v1/types", serde_json::to_string(&schema)?, 204))?;
    let log = |n| {
        json!({
            "actor_type": schema.type_name,
            "actor": EntityInput::new("7").text("name", entry::PRINCIPAL),
            "method": entry::ACTION,
            "url": "",
            "content": Content::Text(entry::rest(n)),
        })
    };
    let mut posts: Vec<Post> = (0..entries).map(|n| post("/v1/logs", log(n).to_string(), 202)).collect();
    posts.push(post("/v1/admin/flush", String::new(), 204));
    let sample = measure(&executor, &target, connections, posts, entries, slice.time)?;
    drop(serving);
    sample.if_kept(AuditStore::open(StoreConfig::new(&store))?.count(&LogQuery::default())?)
}
