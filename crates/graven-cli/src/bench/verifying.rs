//! How fast a trail is verified, beside `openssl dgst -sha256` over the same bytes.

use std::path::Path;
use std::process::{Command, Stdio};

use graven::Machine;
use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;

use super::report::Report;
use super::stopwatch::Stopwatch;
use super::{Bench, disk};
use crate::shared::failure::Failure;

/// Verifies twice, so that the second finds the files in memory, and hashes the same files with openssl.
pub(crate) fn measure(bench: &Bench, dir: &Path, report: &mut Report) -> Result<(), Failure> {
    bench.note("verify");
    let mut seconds = 0.0;
    let mut entries = 0;
    for _ in 0..2 {
        let watch = Stopwatch::start();
        let options = VerifyOptions::default();
        let found = fsck::verify(&Machine::os(), &Layout::in_dir(dir), &options, &|_, _| {})?;
        seconds = watch.elapsed().as_secs_f64();
        entries = found.entries;
        if found.verdict.exit_code() != 0 {
            return Err(Failure::cannot(format_args!("the bench's own trail is {}", found.verdict)));
        }
    }
    let rate = entries as f64 / seconds;
    report.at_least("verify, warm", rate, "1/s", 3_000_000.0, format!("{entries} entries"));
    if let Some(openssl) = openssl_seconds(dir)? {
        let must = entries as f64 / openssl;
        report.at_least(
            "verify, beside openssl dgst -sha256",
            rate,
            "1/s",
            must,
            format!("openssl took {openssl:.2} s for the same bytes"),
        );
    } else {
        bench.ui.warn("openssl is not installed: verify was not compared with it");
    }
    Ok(())
}

fn openssl_seconds(dir: &Path) -> Result<Option<f64>, Failure> {
    let files = disk::files(dir)?;
    let lines = files
        .iter()
        .map(|(path, _)| path)
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    let watch = Stopwatch::start();
    let run = Command::new("openssl").args(["dgst", "-sha256"]).args(lines).stdout(Stdio::null()).status();
    Ok(run.is_ok_and(|status| status.success()).then(|| watch.elapsed().as_secs_f64()))
}
