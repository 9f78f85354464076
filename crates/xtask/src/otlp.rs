//! What other programs export: the exporters of OpenTelemetry's SDK for Python, against the shipped binary.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::report::Outcome;
use crate::{release, shell, venv};

/// What pip installs: the SDK, its exporters and everything that they need, each in one version.
const REQUIREMENTS: &str = ".ci/opentelemetry.txt";

/// The program that exports.
const PROGRAM: &str = "interop/otlp/exporters.py";

pub(crate) fn suite() -> Outcome {
    let bin = match venv::bin("opentelemetry", REQUIREMENTS) {
        Ok(bin) => bin,
        Err(missing) => return missing,
    };
    release::build().and_then(|binary| export(&bin, &binary)).into()
}

fn export(bin: &Path, binary: &Path) -> Result<(), String> {
    let data = shell::target().join("tmp").join(format!("otlp-{}", std::process::id()));
    let mut python = Command::new(bin.join("python"));
    let exported = shell::run(python.arg(shell::root().join(PROGRAM)).arg(binary).arg(&data));
    // What is left below the target directory is overwritten by nobody and hurts nobody.
    let _ = fs::remove_dir_all(&data);
    exported
}
