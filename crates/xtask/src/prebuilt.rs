//! Programs that somebody else has built for this system: pip puts them below the target directory, by version and hash.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell;

/// Which programs, in which version.
pub(crate) const LIST: &str = ".ci/tools.txt";

/// Where a program is, once it was fetched.
pub(crate) fn place(name: &str) -> PathBuf {
    folder().join("bin").join(name)
}

/// Has pip fetch all of them, which takes a few seconds where there are some for this system.
pub(crate) fn fetch() -> Result<(), String> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]);
    pip.args(["--root-user-action", "ignore", "--upgrade", "--target"]).arg(folder());
    pip.arg("--requirement").arg(Path::new(LIST)).current_dir(shell::root());
    shell::run(&mut pip)
}

/// The command that fetches them, for a person.
pub(crate) fn install() -> String {
    format!("python3 -m pip install --no-deps --target {} --requirement {LIST}", folder().display())
}

fn folder() -> PathBuf {
    shell::target().join("tools").join("prebuilt")
}
