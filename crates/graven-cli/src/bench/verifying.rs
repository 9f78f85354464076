//! How fast a trail is verified, beside `openssl dgst -sha256` over the same bytes.

use std::path::Path;
use std::process::{Command, Stdio};

use graven::Machine;
use graven::fsck::{self, VerifyOptions};
use graven::layout::Layout;

use super::pairs::{PAIRS, Pairs};
use super::report::{Bound, Figure, Report};
use super::stopwatch::Stopwatch;
use super::{Bench, disk};
use crate::shared::failure::Failure;

/// Verifies and hashes the same files in turn. A first verification, which is not counted, brings them into memory.
pub(crate) fn measure(bench: &Bench, dir: &Path, report: &mut Report) -> Result<(), Failure> {
    bench.note("verify");
    let (entries, _) = verify_seconds(dir)?;
    let openssl = openssl_seconds(dir)?.is_some();
    let mut pairs = Pairs::default();
    for _ in 0..PAIRS {
        let (_, verified) = verify_seconds(dir)?;
        let hashed = match openssl_seconds(dir)? {
            Some(seconds) => seconds,
            None => own_hash_seconds(dir)?,
        };
        pairs.add(entries as f64 / verified, entries as f64 / hashed);
    }
    let name = "verify, files in memory";
    if openssl {
        let peer = format!("openssl dgst -sha256 of the same bytes, {entries} entries");
        report.add(Figure::beside(name, &pairs, "1/s", peer).goal(Bound::AtLeast(1.0)));
    } else {
        bench
            .ui
            .warn("openssl is not installed: verify is compared with this program's SHA-256, and not judged");
        let peer = format!("SHA-256 by this program, one core, {entries} entries; openssl is not installed");
        report.add(Figure::beside(name, &pairs, "1/s", peer));
    }
    Ok(())
}

/// How many entries were verified, and in which time.
fn verify_seconds(dir: &Path) -> Result<(u64, f64), Failure> {
    let watch = Stopwatch::start();
    let options = VerifyOptions::default();
    let found = fsck::verify(&Machine::os(), &Layout::in_dir(dir), &options, &|_, _| {})?;
    let seconds = watch.elapsed().as_secs_f64();
    if found.verdict.exit_code() != 0 {
        return Err(Failure::cannot(format_args!("the bench's own trail is {}", found.verdict)));
    }
    Ok((found.entries, seconds))
}

/// `None` when there is no openssl.
fn openssl_seconds(dir: &Path) -> Result<Option<f64>, Failure> {
    let files = disk::files_of_lines(dir)?;
    let lines = files.iter().map(|(path, _)| path);
    let watch = Stopwatch::start();
    let run = Command::new("openssl").args(["dgst", "-sha256"]).args(lines).stdout(Stdio::null()).status();
    Ok(run.is_ok_and(|status| status.success()).then(|| watch.elapsed().as_secs_f64()))
}

fn own_hash_seconds(dir: &Path) -> Result<f64, Failure> {
    let files = disk::files_of_lines(dir)?;
    let watch = Stopwatch::start();
    for (path, _) in files {
        disk::hash(&path)?;
    }
    Ok(watch.elapsed().as_secs_f64())
}
