//! `cargo xtask miri`: the tests of `graven-core` under Miri, which finds undefined behaviour and leaks.
//!
//! A command by itself, and no suite: it needs a nightly compiler with its sources, and takes long.

use std::process::Command;

use crate::shell;

/// What takes hours there and shows nothing that a smaller case would not: files, large inputs, random tests by hundreds.
const LEFT_OUT: &[&str] = &["vectors", "oracles", "memory", "hostile_strings", "large", "linear_time"];

/// Runs the tests that can run there.
pub(crate) fn command() -> Result<(), String> {
    if shell::output(Command::new("cargo").args(["+nightly", "miri", "--version"])).is_none() {
        return Err(
            "Miri is missing; to install it: rustup toolchain install nightly --component miri,rust-src"
                .into(),
        );
    }
    let mut command = Command::new("cargo");
    command.args(["+nightly", "miri", "test", "--package", "graven-core", "--"]);
    for test in LEFT_OUT {
        command.args(["--skip", test]);
    }
    // The few cases that proptest has time for are drawn from a fixed seed; it keeps none in a file.
    command.env("PROPTEST_CASES", "4").env("MIRIFLAGS", "-Zmiri-disable-isolation");
    shell::run(command.current_dir(shell::root()))
}
