//! Packages of Debian on this machine.

use std::process::Command;

use crate::shell;

/// Installs packages, where this process may. Whether that worked shows when they are looked for.
pub(crate) fn install(packages: &[&str]) {
    let install = [&["install", "--yes", "--no-install-recommends"], packages].concat();
    for arguments in [&["update"][..], &install] {
        let mut apt = Command::new("apt-get");
        // The caller looks for what is to be there then.
        let _ = shell::run(apt.arg("--quiet").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    }
}
