//! `cargo xtask tsan`: the tests of the library under ThreadSanitizer, which finds data races, its dependencies' too.
//!
//! A command by itself, and no suite: it needs the sources of the standard library, which is built anew so that its
//! locks are known, and everything takes some ten times as long.

use std::path::Path;
use std::process::Command;

use crate::shell;

/// Runs them. Names of tests may be given; without, all are run.
pub(crate) fn command(tests: &[&str]) -> Result<(), String> {
    let sysroot = shell::output(Command::new("rustc").args(["--print", "sysroot"])).unwrap_or_default();
    let sources = "lib/rustlib/src/rust/library/Cargo.lock";
    if !Path::new(sysroot.trim()).join(sources).exists() {
        return Err(
            "the sources of the standard library are missing; to install them: rustup component add rust-src"
                .into(),
        );
    }
    let mut command = shell::cargo_command(&["test", "-Zbuild-std", "--target", &shell::host()?]);
    command.args(["--target-dir"]).arg(shell::target().join("tsan"));
    command.args(["--package", "graven", "--lib", "--tests", "--no-fail-fast", "--"]).args(tests);
    // What a stable compiler only does when told that it may.
    command.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Zsanitizer=thread");
    shell::run(&mut command)
}
