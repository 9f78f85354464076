//! Programs and libraries of Python for the suites: each suite has an environment of its own below the target directory.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::report::Outcome;
use crate::shell;

/// An environment with what a file in the repository requires, each in one version: its folder `bin`. It is made anew when it
/// is missing or the file has changed.
pub(crate) fn bin(name: &str, requirements: &str) -> Result<PathBuf, Outcome> {
    let folder = shell::target().join("tools").join(name);
    let (bin, wanted) = (folder.join("bin"), shell::root().join(requirements));
    let installed = folder.join("installed.txt");
    let wanted_text = fs::read_to_string(&wanted).unwrap_or_default();
    if fs::read_to_string(&installed).ok().as_deref() == Some(&wanted_text) {
        return Ok(bin);
    }
    let mut venv = Command::new("python3");
    let mut pip = Command::new(bin.join("pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
        "--requirement",
    ]);
    let done = shell::run(venv.args(["-m", "venv", "--clear"]).arg(&folder))
        .and_then(|()| shell::run(pip.arg(&wanted)))
        .and_then(|()| fs::write(&installed, &wanted_text).map_err(|error| error.to_string()));
    match done {
        Ok(()) => Ok(bin),
        Err(_) => Err(Outcome::NotRun {
            why: format!("{name} is missing, and cannot be installed with python3 and pip"),
            install: format!(
                "python3 -m venv {0} && {0}/bin/pip install --requirement {requirements}",
                folder.display()
            ),
        }),
    }
}
