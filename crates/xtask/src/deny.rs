//! Licences, bans and sources: cargo-deny over `deny.toml`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::report::Outcome;
use crate::shell;

/// One version for everybody, so that an unchanged tree is judged the same everywhere.
const VERSION: &str = "0.20.2";

/// Runs cargo-deny, which is built first when it is missing.
pub(crate) fn suite() -> Outcome {
    let tools = shell::target().join("tools");
    let Some(program) = found(&tools).or_else(|| install(&tools)) else {
        return Outcome::NotRun {
            why: format!("cargo-deny {VERSION} is missing"),
            install: format!("cargo install cargo-deny --version {VERSION} --locked"),
        };
    };
    let mut command = Command::new(program);
    command.args(["--log-level", "error", "check", "bans", "licenses", "sources"]);
    shell::run(command.current_dir(shell::root())).into()
}

/// The right version, in our own tools or on the path.
fn found(tools: &Path) -> Option<PathBuf> {
    let candidates = [tools.join("bin").join("cargo-deny"), PathBuf::from("cargo-deny")];
    let right = |program: &PathBuf| {
        shell::output(Command::new(program).arg("--version"))
            .is_some_and(|version| version.split_whitespace().last() == Some(VERSION))
    };
    candidates.into_iter().find(right)
}

/// Builds it below the target directory, unoptimised: that takes less than a minute on two cores, and a check a second.
fn install(tools: &Path) -> Option<PathBuf> {
    println!("cargo-deny {VERSION} is not there yet; it is built once, into {}", tools.display());
    let build = tools.join("build");
    let mut command =
        shell::cargo_command(&["install", "cargo-deny", "--version", VERSION, "--locked", "--debug"]);
    command.arg("--root").arg(tools).arg("--target-dir").arg(&build).env("CARGO_PROFILE_DEV_DEBUG", "0");
    let built = shell::run(&mut command);
    // What the build leaves is not needed again. Should it not go, only disk is lost.
    let _ = std::fs::remove_dir_all(&build);
    built.ok().and_then(|()| found(tools))
}
