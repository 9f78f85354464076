//! A Debian in a container, with a systemd that runs: mmdebstrap makes it once, and each test gets a copy that is thrown away.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::report::Outcome;
use crate::{apt, shell};

/// The version of Debian: the first whose systemd knows `Type=notify-reload`.
const RELEASE: &str = "trixie";

/// What it has beside the least that there can be.
const PACKAGES: &str = "caddy,curl,dbus,nginx-light,procps,systemd,systemd-sysv";

/// What is made of it: others than the tests may not start servers.
const HOOK: &str = "chroot \"$1\" systemctl mask caddy.service nginx.service";

/// The tools that this needs on this machine.
const TOOLS: [(&str, &str); 2] = [("mmdebstrap", "mmdebstrap"), ("systemd-nspawn", "systemd-container")];

/// How long one test may take, on a machine that is busy with other things.
const PATIENCE_S: &str = "600";

/// What starts a test in the container, and ends the container as the test ends.
const UNIT: &str = "\
[Unit]
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
TimeoutStartSec=infinity
StandardOutput=append:/test/said
StandardError=append:/test/said
ExecStart=/test/run
";

/// The folder of the image, which is made when it is missing or another.
pub(super) fn image() -> Result<PathBuf, Outcome> {
    if shell::output(Command::new("id").arg("--user")).as_deref().map(str::trim) != Some("0") {
        return Err(Outcome::NotRun {
            why: "only root may run systemd in a container".to_owned(),
            install: "run `sudo --preserve-env=PATH cargo xtask test packages`".to_owned(),
        });
    }
    tools()?;
    let folder = shell::target().join("tools").join("debian");
    let mark = folder.with_extension("txt");
    let wanted = [RELEASE, PACKAGES, HOOK].join("\n");
    if fs::read_to_string(&mark).ok().as_deref() == Some(&wanted) {
        return Ok(folder);
    }
    // What is there is another one, or half of one.
    let _ = fs::remove_dir_all(&folder);
    let mut make = Command::new("mmdebstrap");
    make.args(["--quiet", "--variant=minbase", "--include", PACKAGES, "--customize-hook", HOOK, RELEASE]);
    let made = shell::run(make.arg(&folder));
    made.and_then(|()| fs::write(&mark, wanted).map_err(|error| error.to_string())).map_err(|problem| {
        Outcome::NotRun {
            why: format!("there is no Debian to try the packages on ({problem})"),
            install: "give this machine access to the packages of Debian".to_owned(),
        }
    })?;
    Ok(folder)
}

/// Runs one test of a folder, which is `/test` in a fresh copy of the image; what it has said.
///
/// # Errors
/// When the test fails, or takes too long.
pub(super) fn run(image: &Path, place: &Path, test: &str) -> Result<String, String> {
    let said = place.join("said");
    let prepared = fs::write(&said, "")
        .and_then(|()| fs::copy(place.join(test), place.join("run")))
        .and_then(|_| fs::write(place.join("test.service"), UNIT));
    prepared.map_err(|error| format!("{}: {error}", place.display()))?;
    let mut container = Command::new("timeout");
    container.args([PATIENCE_S, "systemd-nspawn", "--quiet", "--volatile=overlay", "--private-network"]);
    container.args(["--link-journal=no", "--console=read-only", "--resolv-conf=off", "--timezone=off"]);
    if !Path::new("/run/systemd/system").exists() {
        // No systemd of this machine is asked for a scope.
        container.args(["--register=no", "--keep-unit"]);
    }
    let bind = |from: &Path, to: &str| format!("{}:{to}", from.display());
    container.arg("--directory").arg(image).arg("--bind").arg(bind(place, "/test"));
    let unit = bind(&place.join("test.service"), "/etc/systemd/system/graven-test.service");
    container.arg("--bind-ro").arg(unit).args(["--boot", "--", "systemd.wants=graven-test.service"]);
    container.arg("systemd.show_status=no").env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
    let ended = shell::run(container.stdin(std::process::Stdio::null()));
    let said = fs::read_to_string(&said).unwrap_or_default();
    println!("{}", said.trim_end());
    ended.map_err(|problem| format!("{test}: {problem}")).map(|()| said)
}

/// The tools. Where this process may install packages of Debian, missing ones are installed.
fn tools() -> Result<(), Outcome> {
    let missing = || -> Vec<&str> {
        let there = |tool: &str| shell::output(Command::new(tool).arg("--version")).is_some();
        TOOLS.iter().filter(|(tool, _)| !there(tool)).map(|(_, package)| *package).collect()
    };
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    apt::install(&packages);
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Outcome::NotRun {
        why: format!("{} cannot be installed", missing.join(" and ")),
        install: format!("apt-get install {}", missing.join(" ")),
    })
}
