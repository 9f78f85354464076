//! Tessera's POSIX driver behind HTTP, by the Go program in `tessera/`, as Tessera's own POSIX personality serves `/add`.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;

use super::client::{Post, Target, ask, executor, measure};
use super::process::{Serving, build, built, sources};
use super::{SINGLES, peer};
use crate::entry::ReadyLine;
use crate::peer::{Failure, Peer, Sample, Slice};

const TEXT: &str = "application/octet-stream";

const DURABLE: &str = "bundles, tiles and tree state are each written with O_SYNC to a new file, linked or renamed, and their \
                       directory fsynced; then the future resolves, and the answer is sent";

pub(super) fn peers() -> Result<Vec<Peer>, Failure> {
    let program = built("tessera-peer")?;
    build(Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(sources("tessera")))?;
    // Of all callers, or of half of them, so that one batch gathers while another is written.
    let peers = ["32", "64"].into_iter().map(|batch| {
        let program: PathBuf = program.clone();
        let way = format!("POST of one, {SINGLES} connections, batches of {batch}");
        let run = move |slice: &Slice| record(&program, slice, batch);
        peer("Tessera", "1.0.4, POSIX", way, DURABLE, Box::new(run))
    });
    Ok(peers.collect())
}

fn record(program: &Path, slice: &Slice, batch: &str) -> Result<Sample, Failure> {
    let mut command = Command::new(program);
    command.arg("-dir").arg(&slice.dir).args(["-listen", "127.0.0.1:0", "-batch", batch]);
    let (serving, said) = Serving::start_and_listen(command)?;
    let target = Target { address: said.trim().parse()?, token: String::new() };
    let executor = executor()?;
    let body = Bytes::copy_from_slice(ReadyLine::new().next());
    let post = Post { path: "/add", media_type: TEXT, body, status: 201 };
    let sample = measure(&executor, &target, SINGLES, vec![post], 1, slice.time)?;
    let size = Post { path: "/size", media_type: TEXT, body: Bytes::new(), status: 200 };
    let kept = ask(&executor, &target, "GET", &size)?;
    drop(serving);
    sample.if_kept(std::str::from_utf8(&kept)?.trim().parse()?)
}
