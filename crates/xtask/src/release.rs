//! The binary as it is shipped.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;
use std::process::Command;

use crate::report::Outcome;
use crate::shell;

/// Builds the shipped binary; where it lies.
pub(crate) fn build() -> Result<PathBuf, String> {
    shell::run(&mut shell::locked(&["build", "--release", "--package", "graven-cli"]))?;
    Ok(shell::target().join("release").join(format!("graven{EXE_SUFFIX}")))
}

/// The build by itself: without the features that only tests use.
pub(crate) fn suite() -> Outcome {
    build().map(drop).into()
}

/// `graven demo` fails when a tampering is not named.
pub(crate) fn demo() -> Outcome {
    build().and_then(|binary| shell::run(Command::new(binary).arg("demo"))).into()
}
