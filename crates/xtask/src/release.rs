//! The binary as it is shipped, and the simulator beside it.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;
use std::process::Command;

use crate::report::Outcome;
use crate::{budget, shell};

/// Builds the shipped binary; where it lies.
pub(crate) fn build() -> Result<PathBuf, String> {
    shell::run(&mut shell::locked(&["build", "--release", "--package", "graven-cli"]))?;
    Ok(program("graven"))
}

/// Looks for bugs of the engine on simulated disks, for a time.
pub(crate) fn simulate() -> Outcome {
    // The shipped package is named too: so dependencies have the same features, and those of `build` are taken.
    let packages = ["--package", "graven-sim", "--package", "graven-cli", "--bin", "graven-sim"];
    let mut build = shell::locked(&[&["build", "--release"][..], &packages].concat());
    let run = |ships: &[&str], budget: &budget::Budget| {
        let mut run = Command::new(program("graven-sim"));
        run.args(["--seconds", &budget.seconds().to_string()]).args(ships).current_dir(shell::root());
        shell::run(&mut run)
    };
    shell::run(&mut build)
        .and_then(|()| run(&[], &budget::SIM))
        .and_then(|()| run(&["--ship"], &budget::SIM_SHIPS))
        .into()
}

/// Where a release build puts a program.
fn program(name: &str) -> PathBuf {
    shell::target().join("release").join(format!("{name}{EXE_SUFFIX}"))
}

/// The build by itself: without the features that only tests use.
pub(crate) fn suite() -> Outcome {
    build().map(drop).into()
}

/// `graven demo` fails when a tampering is not named.
pub(crate) fn demo() -> Outcome {
    build().and_then(|binary| shell::run(Command::new(binary).arg("demo"))).into()
}
