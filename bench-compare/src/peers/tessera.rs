//! Tessera's POSIX driver, through the Go program in `tessera/`: built once, started for each slice.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::peer::{Failure, Peer, Sample, Slice};

/// Entries a batch with many callers: the fastest of 256, 512 and 1,024 with 1,024 callers.
const BATCH: &str = "1024";

/// Builds the Go program, or returns why it cannot be built.
pub(super) fn peers() -> Result<Vec<Peer>, String> {
    let program = build()?;
    let peer = |way: &str, callers: &'static str, batch: &'static str| {
        let program = program.clone();
        Peer {
            name: "Tessera",
            version: "1.0.4, POSIX",
            way: way.into(),
            is_durable: true,
            durable: "bundles, tiles and tree state are each written with O_SYNC to a new file, linked or renamed, and \
                      their directory fsynced; then the future resolves",
            run: Box::new(move |slice| record(&program, slice, callers, batch)),
        }
    };
    Ok(vec![
        peer("1,024 callers, one outstanding each", "1024", BATCH),
        peer("one caller that waits for its future", "1", "1"),
    ])
}

/// The folder with the sources of the program.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tessera");

fn build() -> Result<PathBuf, String> {
    let here = std::env::current_exe().map_err(|error| format!("this program's own path: {error}"))?;
    let program = here.with_file_name("tessera-peer");
    let built = Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(SOURCES).output();
    match built {
        Ok(output) if output.status.success() => Ok(program),
        Ok(output) => Err(format!("go build: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(format!("go, 1.26 or newer, is needed: {error}")),
    }
}

/// What the program prints.
#[derive(Deserialize)]
struct Printed {
    entries: u64,
    seconds: f64,
    kept: u64,
}

fn record(program: &Path, slice: &Slice, callers: &str, batch: &str) -> Result<Sample, Failure> {
    let output = Command::new(program)
        .arg("-dir")
        .arg(&slice.dir)
        .args(["-callers", callers, "-batch", batch])
        .args(["-seconds", &slice.time.as_secs_f64().to_string()])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into());
    }
    let printed: Printed = serde_json::from_slice(&output.stdout)?;
    Sample { entries: printed.entries, seconds: printed.seconds }.if_kept(printed.kept)
}
