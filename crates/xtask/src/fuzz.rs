//! The fuzz targets of `fuzz/`: what was found before is replayed, and each target looks for more for a few seconds.
//!
//! `cargo fuzz` wants a nightly compiler for its sanitizers. There is no unsafe code here for them to watch, and what
//! the fuzzer itself needs, a compiler that counts which edges are taken, every stable one has: so the targets are built
//! with plain cargo and the flags of `cargo fuzz --sanitizer none`. A C++ compiler builds the fuzzer.

use std::num::NonZero;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

use crate::report::Outcome;
use crate::{budget, shell};

/// An input that takes longer than this, in seconds, is a finding.
const SECONDS_MAX: u64 = 10;

/// So is one that needs more memory, in MiB.
const MEMORY_MAX: u64 = 2048;

/// Has the compiler count edges and comparisons, as `cargo fuzz` does.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// The targets, and the dictionary of each if it has one.
const TARGETS: &[(&str, Option<&str>)] = &[
    ("entry_line", Some("json")),
    ("entry_input", Some("json")),
    ("import", Some("json")),
    ("formats", Some("json")),
    ("graven_json", Some("json")),
    ("note", Some("note")),
    ("checkpoint", Some("note")),
    ("tlog_proof", Some("note")),
    ("tile_path", Some("note")),
    ("settings", Some("note")),
    ("redact", Some("redact")),
    ("verify", Some("note")),
    ("query", Some("query")),
    ("shelf", None),
    ("engine", None),
];

/// Every target, for a short time.
pub(crate) fn suite() -> Outcome {
    if env::consts::OS == "windows" || Command::new("c++").arg("--version").output().is_err() {
        let install = "sudo apt-get install g++".to_owned();
        return Outcome::NotRun {
            why: "a C++ compiler is missing, which builds libFuzzer".to_owned(),
            install,
        };
    }
    let all: Vec<&str> = TARGETS.iter().map(|(target, _)| *target).collect();
    match fuzz(&all, budget::FUZZ.seconds()) {
        Ok(()) => Outcome::Passed { tests: Some(all.len() as u64) },
        Err(problem) => Outcome::Failed(problem),
    }
}

/// `cargo xtask fuzz TARGET [SECONDS]`.
pub(crate) fn command(arguments: &[&str]) -> Result<(), String> {
    let (target, seconds) = match arguments {
        [target] => (*target, Ok(60)),
        [target, seconds] => (*target, seconds.parse()),
        _ => return Err("say which target, and for how many seconds".to_owned()),
    };
    let seconds = seconds.map_err(|error| format!("not a number of seconds: {error}"))?;
    fuzz(&[target], seconds)
}

fn fuzz(targets: &[&str], seconds: u64) -> Result<(), String> {
    let built = build(targets)?;
    // As many at a time as there are cores, and all of them: a finding in one must not hide one in the next.
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    let take = || {
        while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
            if run(&built, target, seconds).is_err() {
                failed.lock().expect("no thread panics").push(*target);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(take);
        }
    });
    let failed = failed.into_inner().expect("no thread panics");
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}: the input lies in fuzz/artifacts; run it with the program in {}",
        failed.join(", "),
        built.display()
    ))
}

/// Builds targets; where they lie.
fn build(targets: &[&str]) -> Result<PathBuf, String> {
    let folder = shell::target().join("fuzz");
    // Named, so that what runs while building (macros, build scripts) is not built for fuzzing.
    let host = shell::host()?;
    let mut command = shell::locked(&["build", "--release", "--manifest-path", "fuzz/Cargo.toml"]);
    command.args(["--target", &host, "--target-dir"]).arg(&folder);
    for target in targets {
        command.args(["--bin", target]);
    }
    shell::run(command.env("RUSTFLAGS", FLAGS))?;
    Ok(folder.join(host).join("release"))
}

/// Replays what is kept, then looks for more. What is found on the way goes to the target directory, not to the corpus.
fn run(built: &std::path::Path, target: &str, seconds: u64) -> Result<(), String> {
    let fuzz = shell::root().join("fuzz");
    let found = shell::target().join("fuzz").join("corpus").join(target);
    let artifacts = fuzz.join("artifacts").join(target);
    for folder in [&found, &artifacts] {
        fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    }
    let mut command = Command::new(built.join(target));
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={SECONDS_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MAX}"))
        .args(["-verbosity=0", "-print_final_stats=1"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()));
    if let Some((_, Some(words))) = TARGETS.iter().find(|(name, _)| *name == target) {
        command
            .arg(format!("-dict={}", fuzz.join("dictionaries").join(words).with_extension("dict").display()));
    }
    command.arg(found).arg(fuzz.join("corpus").join(target));
    shell::run_apart(command.current_dir(&fuzz))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_run() {
        let manifest =
            fs::read_to_string(shell::root().join("fuzz").join("Cargo.toml")).expect("it is there");
        let (_, bins) = manifest.split_once("[[bin]]").expect("there are targets");
        let mut there: Vec<&str> =
            bins.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
        let mut run: Vec<&str> = TARGETS.iter().map(|(target, _)| *target).collect();
        there.sort_unstable();
        run.sort_unstable();
        assert_eq!(there, run);
    }
}
