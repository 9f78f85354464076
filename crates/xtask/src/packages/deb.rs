//! The package for Debian: cargo-deb makes it, of what `crates/graven-cli/Cargo.toml` says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::report::Outcome;
use crate::{release, shell};

/// One version for everybody, so that an unchanged tree gives the same package everywhere.
const VERSION: &str = "3.8.0";

/// The scripts that complete words, by shell and file.
const COMPLETIONS: [(&str, &str); 3] = [("bash", "graven.bash"), ("fish", "graven.fish"), ("zsh", "_graven")];

/// `cargo xtask deb`: makes the package.
pub(crate) fn command() -> Result<(), String> {
    let cargo_deb = program()
        .map_err(|_| format!("cargo-deb {VERSION} cannot be installed; does `cargo install` work here?"))?;
    let binary = release::build()?;
    let package = shell::target().join("debian").join("graven.deb");
    make(&cargo_deb, &binary, &package, None)?;
    println!("{}", package.display());
    Ok(())
}

/// Makes a package of a binary that was built, perhaps of another version.
pub(super) fn make(
    cargo_deb: &Path,
    binary: &Path,
    package: &Path,
    version: Option<&str>,
) -> Result<(), String> {
    print_pages(binary)?;
    let mut command = Command::new(cargo_deb);
    // Packed fast: it is somewhat larger.
    command.args(["deb", "--no-build", "--locked", "--fast", "--quiet", "--package", "graven-cli"]);
    command.arg("--output").arg(package).current_dir(shell::root());
    command.env("CARGO_TARGET_DIR", shell::target());
    if let Some(version) = version {
        command.args(["--deb-version", version]);
    }
    shell::run(&mut command)
}

/// Has the program write its manual and what completes its words, where the package takes them from.
fn print_pages(binary: &Path) -> Result<(), String> {
    let folder = shell::target().join("release").join("package");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    // A page of a command that is gone is in no package.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(failed)?;
    shell::run(Command::new(binary).args(["man", "--out"]).arg(folder.join("man")))?;
    for (shell_name, file) in COMPLETIONS {
        let script = shell::output(Command::new(binary).args(["completions", shell_name]));
        let script = script.ok_or_else(|| format!("graven completes no words for {shell_name}"))?;
        fs::write(folder.join(file), script).map_err(failed)?;
    }
    Ok(())
}

/// The right version: there already, or built here.
pub(super) fn program() -> Result<PathBuf, Outcome> {
    let tools = shell::target().join("tools");
    found(&tools).or_else(|| build(&tools)).ok_or_else(|| Outcome::NotRun {
        why: format!("cargo-deb {VERSION} is missing"),
        install: format!("cargo install cargo-deb --version {VERSION} --locked"),
    })
}

/// In our own tools or on the path.
fn found(tools: &Path) -> Option<PathBuf> {
    let right = |program: &PathBuf| {
        let version = shell::output(Command::new(program).arg("--version"));
        version.is_some_and(|version| version.split_whitespace().last() == Some(VERSION))
    };
    [tools.join("bin").join("cargo-deb"), PathBuf::from("cargo-deb")].into_iter().find(right)
}

/// Builds it below the target directory, unoptimised, and without the compression that takes longest to build.
fn build(tools: &Path) -> Option<PathBuf> {
    println!("cargo-deb {VERSION} is not there; it is built once, into {}", tools.display());
    let build = tools.join("build");
    let mut command =
        shell::cargo_command(&["install", "cargo-deb", "--version", VERSION, "--locked", "--debug"]);
    command.args(["--no-default-features", "--root"]).arg(tools).arg("--target-dir").arg(&build);
    let built = shell::run(command.env("CARGO_PROFILE_DEV_DEBUG", "0"));
    // What the build leaves is not needed again. Should it not go, only disk is lost.
    let _ = fs::remove_dir_all(&build);
    built.ok().and_then(|()| found(tools))
}
